"""What eyes and head keep time with: phrases and pauses, accents of the voice, feelings over time."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..core.emotion import LABELS
from ..core.events import ease
from ..core.files import PRESETS
from ..core.take import Phone, Take
from .accents import HZ as ACCENT_HZ
from .accents import prominence

FEELING_HZ = 10.0
"""Feelings are slow."""
CONTOUR_HZ = 50.0
"""Rate of contours and of what is made of them; nothing of the head is faster than an eighth of it."""
LOUD_DB = 6.0
"""A deviation of speech's level; what deviates less counts as less."""
SEMITONES = 2.5
"""A deviation of a voice's pitch, at least."""


@lru_cache
def constants(part: str) -> Mapping[str, Any]:
    """Name to value of one part of presets/motion/default.json: "speech", "blink", "gaze" or "head"."""
    document = json.loads((PRESETS / "motion" / "default.json").read_text(encoding="utf-8"))
    return {name: entry["value"] for name, entry in document[part].items()}


class Phrase(NamedTuple):
    """Speech without a pause: seconds. before, after: the pauses around it, to the clip's ends where it has no
    neighbour."""

    start: float
    end: float
    before: float
    after: float


def phrases(phones: Iterable[Phone], seconds: float, pause_s: float) -> list[Phrase]:
    """Sounds with less than `pause_s` between them, in order; seconds: how long the clip is."""
    runs: list[list[float]] = []
    for phone in phones:
        if not phone.ipa:
            continue
        if runs and phone.start - runs[-1][1] < pause_s:
            runs[-1][1] = max(runs[-1][1], phone.end)
        else:
            runs.append([phone.start, phone.end])
    starts, ends = [a for a, _ in runs], [b for _, b in runs]
    before = [a - b for a, b in zip(starts, [0.0, *ends[:-1]], strict=True)] if runs else []
    after = [b - a for a, b in zip(ends, [*starts[1:], seconds], strict=True)] if runs else []
    return [Phrase(*row) for row in zip(starts, ends, before, after, strict=True)]


def within(spans: Iterable[tuple[float, ...]], times: np.ndarray) -> np.ndarray:
    """bool (T,): which of the times, rising, lie in one of the spans, whose first two values are seconds."""
    mask = np.zeros(len(times), bool)
    for span in spans:
        mask[slice(*np.searchsorted(times, span[:2]))] = True
    return mask


def drawn(take: Take, what: str, seed: int) -> np.random.Generator:
    """Chance for one layer: the same for the same sound and seed, another for another sound, layer or seed."""
    level = take.signals.get("loudness")
    sound = zlib.crc32(np.ascontiguousarray(level.values).tobytes()) if level is not None else 0
    return np.random.default_rng([seed, zlib.crc32(what.encode()), sound])


# feelings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Feeling:
    """weights (N, len(LABELS)), rows that add up to 1, and arousal (N,) 0..1, at FEELING_HZ from 0."""

    weights: np.ndarray
    arousal: np.ndarray

    def at(self, times: np.ndarray, table: Mapping[str, float], neutral: float) -> np.ndarray:
        """(T,): the mean of a table's values by what is felt; a label that it lacks counts `neutral`."""
        values = self.weights @ np.array([table.get(label, neutral) for label in LABELS])
        return np.interp(times, np.arange(len(values)) / FEELING_HZ, values)

    def aroused(self, times: np.ndarray) -> np.ndarray:
        """(T,) arousal 0..1."""
        return np.interp(times, np.arange(len(self.arousal)) / FEELING_HZ, self.arousal)


def feeling(take: Take) -> Feeling:
    """What is felt: as the voice tells it, and where the animator chose something, that by its strength."""
    settings = constants("speech")
    times = np.arange(int(np.ceil(take.seconds * FEELING_HZ)) + 1) / FEELING_HZ
    weights = np.zeros((len(times), len(LABELS)))
    heard = take.emotions.get("speech_emotion")
    if heard is not None and heard.frames:
        weights[:] = heard.select(LABELS).at(times)[0]
    weights = np.clip(weights, 0, None)
    # where nothing is heard nothing is felt
    weights[:, 0] += np.maximum(1 - weights.sum(1), 0)
    usual = np.array([settings["arousal"][label] for label in LABELS])
    affect = take.signals.get("affect")
    if affect is not None and affect.frames and "arousal" in affect.channels:
        known = affect.select(("arousal", "speech")).at(times)[0]
        sure = np.clip(known[:, 1], 0, 1) if "speech" in affect.channels else 1.0
        arousal = sure * known[:, 0] + (1 - sure) * usual[0]
    else:
        arousal = weights @ usual / weights.sum(1)
    for mood in take.moods:
        if mood.label in LABELS:
            inside = np.minimum(times - mood.start, mood.end - times) / settings["feeling_s"]
            share = ease(inside + 0.5) * mood.strength
            weights *= (1 - share)[:, None]
            weights[:, LABELS.index(mood.label)] += share
            arousal = arousal + share * (settings["arousal"][mood.label] - arousal)
    weights = smoothed(weights, FEELING_HZ, settings["feeling_s"])
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    return Feeling(weights, np.clip(smoothed(arousal, FEELING_HZ, settings["feeling_s"]), 0, 1))


# the voice --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contour:
    """The voice at CONTOUR_HZ from 0, (N,) each, 0 in pauses.

    loud    level over the mean of the speech, in deviations (LOUD_DB)
    high    pitch over the voice's own middle, in its deviations; 0 where it is not known
    accents, strengths   (A,) seconds and 0..1: where loudness and pitch stand out (see `accents`)
    """

    loud: np.ndarray
    high: np.ndarray
    accents: np.ndarray
    strengths: np.ndarray


def contour(take: Take, spoken: list[Phrase]) -> Contour:
    settings = constants("speech")
    times = np.arange(int(np.ceil(take.seconds * CONTOUR_HZ)) + 1) / CONTOUR_HZ
    speaks = within([(p.start - 0.05, p.end + 0.05) for p in spoken], times)
    loud, high = _loudness(take, times, speaks), _pitch(take, times, speaks)
    rise = prominence(take)
    if not len(rise):
        return Contour(loud, high, np.zeros(0), np.zeros(0))
    reach = max(1, int(settings["accent_apart_s"] / 2 * ACCENT_HZ))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(rise, reach, constant_values=-9.0), 2 * reach + 1)
    peaks = np.flatnonzero((rise >= windows.max(1)) & (rise > settings["accent_least"]))
    peaks = peaks[np.diff(peaks, prepend=-reach - 1) > reach]
    peaks = peaks[within([(p.start, p.end) for p in spoken], peaks / ACCENT_HZ)]
    return Contour(loud, high, peaks / ACCENT_HZ, rise[peaks])


def _loudness(take: Take, times: np.ndarray, speaks: np.ndarray) -> np.ndarray:
    level = take.signals.get("loudness")
    if level is None or not level.frames or not speaks.any():
        return np.zeros(len(times))
    db = level.at(times)[0][:, 0].astype(float)
    middle = np.median(db[speaks])
    return np.where(speaks, np.clip((db - middle) / LOUD_DB, -2, 2), 0.0)


def _pitch(take: Take, times: np.ndarray, speaks: np.ndarray) -> np.ndarray:
    track = take.signals.get("pitch")
    if track is None or not track.frames or not {"f0", "voiced"} <= set(track.channels):
        return np.zeros(len(times))
    hertz = track.column("f0").astype(float)
    known = np.flatnonzero((hertz > 0) & (track.column("voiced") > 0.5))
    if len(known) < 5:
        return np.zeros(len(times))
    # over unvoiced sounds the voice goes on as between its neighbours
    high = 12 * np.log2(np.interp(times, track.times[known], hertz[known]))
    sounding = np.interp(times, track.times, (hertz > 0).astype(float)) > 0.5
    heard = high[sounding & speaks] if (sounding & speaks).any() else high
    # a lively voice goes further, and a wrong octave further still
    low, middle, top = np.percentile(heard, (20, 50, 80))
    deviation = max(SEMITONES, (top - low) / 1.7)
    return np.where(speaks, np.clip((high - middle) / deviation, -2, 2), 0.0)


# curves -----------------------------------------------------------------------------------------------------------


def smoothed(values: np.ndarray, rate: float, seconds: float) -> np.ndarray:
    """Values (N,) or (N, C) at `rate` weighted by a Gaussian of this deviation, the ends held."""
    reach = int(np.ceil(3.5 * seconds * rate))
    if not reach:
        return values
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * rate)) ** 2)
    kernel /= kernel.sum()
    columns = values.reshape(len(values), -1)
    padded = np.pad(columns, ((reach, reach), (0, 0)), mode="edge")
    out = np.stack([np.convolve(padded[:, c], kernel, "valid") for c in range(columns.shape[1])], 1)
    return out.reshape(values.shape)


def cutoff_s(hertz: float) -> float:
    """The deviation in seconds of the Gaussian that falls to -3 dB at a frequency."""
    return float(np.sqrt(np.log(2)) / (2 * np.pi) / hertz)


def step(x: np.ndarray) -> np.ndarray:
    """0..1 to 0..1 as a limb moves from one place to another with least jerk (Flash, Hogan 1985), clipped beyond."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6 * x - 15) + 10)


def between(values: np.ndarray, rate: float, times: np.ndarray) -> np.ndarray:
    """Values (N, C) at `rate` from 0 read at times (T,), smoothly (Catmull, Rom), the ends held."""
    last = len(values) - 1
    position = np.clip(times * rate, 0, last)
    i = np.minimum(position.astype(int), max(last - 1, 0))
    u = (position - i)[:, None]
    a, b, c, d = (values[np.clip(i + k, 0, last)] for k in (-1, 0, 1, 2))
    return b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))


def noise(rng: np.random.Generator, count: int, channels: int, rate: float, seconds: float) -> np.ndarray:
    """(count, channels) of chance that wanders: a Gaussian process of deviation 1, correlated over `seconds`."""
    reach = int(np.ceil(3.5 * seconds * rate))
    raw = smoothed(rng.normal(size=(count + 2 * reach, channels)), rate, seconds)[reach : reach + count]
    return raw * np.sqrt(2 * np.sqrt(np.pi) * seconds * rate)
