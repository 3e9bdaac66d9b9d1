"""Accents of speech, where pitch and loudness rise together: the brows go with them.

Most quick brow raises of speakers come with a rise of pitch, though by far not every rise has one (Cave et al. 1996),
and they come a little before it (Flecha-Garcia 2010). Angry speakers beat time with lowered brows (Ekman 1979).
"""

from __future__ import annotations

import numpy as np

from ..core.events import ease
from ..core.take import Take
from ..core.track import Track

HZ = 50.0
"""Rate at which prosody is followed."""
AROUND_S = 3.0
"""An accent stands out against the speech this far around it."""
SEMITONES, DECIBELS = 5.0, 9.0
"""What a strong accent has more than its surroundings."""
LEAST = 0.35
"""Prominence (0..1) below which nothing moves."""
APART_S = 0.7
"""Accents that are shown are at least this far apart."""
RISE_S, STAY_S, FALL_S, EARLY_S = 0.18, 0.06, 0.38, 0.06
"""A quick brow raise takes about half a second (Ekman 1979) and peaks a little before the accent."""
SHOWN = 0.75
"""The share of accents that the brows go with."""


def prominence(take: Take) -> np.ndarray:
    """float64 (T,) at HZ, 0..1: how far pitch and loudness stand out; empty where neither was measured."""
    times = np.arange(int(np.ceil(take.seconds * HZ)) + 1) / HZ
    parts = []
    pitch = take.signals.get("pitch")
    level = take.signals.get("loudness")
    voiced = np.ones(len(times))
    if pitch is not None and pitch.frames and "f0" in pitch.channels:
        f0 = pitch.column("f0")
        height = 12 * np.log2(np.maximum(f0, 1.0))
        # between voiced frames there is no height: their mean over 60 ms counts
        heights, weights = (_binned(x, pitch, times) for x in (height * (f0 > 0), (f0 > 0) * 1.0))
        voiced = weights
        parts.append((0.6, (heights / np.maximum(weights, 1e-6), weights), SEMITONES))
    if level is not None and level.frames:
        loud = np.maximum(level.values[:, 0], level.values[:, 0].max() - 40)
        parts.append((0.4, (_binned(loud, level, times), voiced), DECIBELS))
    if not parts:
        return np.zeros(0)
    total = sum(weight for weight, _, _ in parts)
    found = np.zeros(len(times))
    for weight, (values, sure), scale in parts:
        sums, counts = _box(values * sure, AROUND_S), _box(sure, AROUND_S)
        found += weight / total * np.clip((values - sums / np.maximum(counts, 1e-6)) / scale, -0.5, 1)
    return np.clip(_box(found * np.minimum(voiced * 2, 1), 0.05) / (2 * int(0.05 * HZ) + 1), 0, 1)


def accents(take: Take, seed: int) -> list[tuple[float, float]]:
    """(time in s, strength 0..1) of the accents that show, in order."""
    rise = prominence(take)
    if len(rise) < 3:
        return []
    noise = np.random.default_rng([seed, 11])
    peaks = np.flatnonzero((rise[1:-1] >= LEAST) & (rise[1:-1] > rise[:-2]) & (rise[1:-1] >= rise[2:])) + 1
    taken: list[int] = []
    free = np.ones(len(rise), bool)
    for peak in peaks[np.argsort(-rise[peaks], kind="stable")]:
        if free[peak]:
            taken.append(int(peak))
            free[max(peak - int(APART_S * HZ), 0) : peak + int(APART_S * HZ) + 1] = False
    taken.sort()
    chance = noise.random(len(taken))
    return [(i / HZ, float(rise[i])) for i, c in zip(taken, chance, strict=True) if c < SHOWN + (rise[i] - LEAST) / 2]


def raised(beats: list[tuple[float, float]], times: np.ndarray) -> np.ndarray:
    """float64 (T,) 0..1: the brows' part in the accents."""
    curve = np.zeros(len(times))
    for time, strength in beats:
        peak = time - EARLY_S
        i, j = np.searchsorted(times, (peak - RISE_S, peak + STAY_S + FALL_S))
        t = times[i:j]
        shape = ease(np.minimum((t - peak) / RISE_S + 1, (peak + STAY_S - t) / FALL_S + 1))
        curve[i:j] = np.maximum(curve[i:j], strength * shape)
    return curve


def _binned(values: np.ndarray, track: Track, times: np.ndarray) -> np.ndarray:
    """Means of a signal over 60 ms around times."""
    sums = np.r_[0.0, np.cumsum(values, dtype=float)]
    low = np.clip(np.round((times - track.start - 0.03) * track.fps).astype(int), 0, len(values) - 1)
    high = np.clip(np.round((times - track.start + 0.03) * track.fps).astype(int), low + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def _box(values: np.ndarray, seconds: float) -> np.ndarray:
    """Sums over `seconds` to both sides."""
    reach = int(seconds * HZ)
    sums = np.r_[0.0, np.cumsum(values)]
    at = np.arange(len(values))
    return sums[np.minimum(at + reach + 1, len(values))] - sums[np.maximum(at - reach, 0)]
