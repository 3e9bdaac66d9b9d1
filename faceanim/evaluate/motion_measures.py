"""Blinks, saccades and head motion read off curves: what they are, and what many of them amount to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..core.events import lid_events
from ..core.take import Take
from ..core.track import Track
from ..solve.phrasing import constants, phrases, smoothed, step, within

EDGE = 0.1
"""A blink begins and ends where the lids have gone this part of their way."""
REACH_S = 0.35
"""How far from it the lids are looked at for where they come from and go back to."""
FULL = 0.95
SACCADE_DEG_S, SACCADE_DEG = 40.0, 0.8
"""What is faster and longer is a saccade."""
AVERTED_DEG = 5.0
"""Who looks further than this from straight ahead looks away: nobody's face is as wide from a metre."""
MOVING_DEG_S = 2.0
AT_PAUSE_S = (-0.1, 0.35)
"""A blink from here to there about the end of a phrase is at a pause."""
BANDS_HZ = (1.8, 3.7, 7.0)
"""Slow, ordinary and rapid movements of the head end there (Hadar et al. 1983)."""
SEGMENT_S = 8.0
PROSODY_HZ = 50.0
RATE_S = 20.0
"""In less than this there are too few blinks for a rate."""
PHRASE_S = 0.9
"""Shorter phrases tell nothing about what goes with what."""


class Blinks(NamedTuple):
    """(N,) each: seconds of the beginning, the closing and the opening; the part of the way that the lids go."""

    start: np.ndarray
    closing: np.ndarray
    opening: np.ndarray
    depth: np.ndarray
    speaking: np.ndarray
    at_pause: np.ndarray


class Saccades(NamedTuple):
    """(N,) each: seconds, degrees, degrees a second; rate: frames a second that they were seen at."""

    start: np.ndarray
    end: np.ndarray
    size: np.ndarray
    peak: np.ndarray
    rate: float


class Motion(NamedTuple):
    """One take.

    speaking, silent  seconds
    at_pauses         the share of talking that is the ends of phrases and pauses
    head              (F, 3) degrees at `rate`: yaw, pitch, roll; talking: bool (F,)
    averted           (F,) degrees between straight ahead and where the eyes look in space
    loudness_r, pitch_r   multiple correlations (P,) with the head, by phrase, and their weights `phrase_s`
    """

    seconds: float
    speaking: float
    at_pauses: float
    blinks: Blinks
    saccades: Saccades
    rate: float
    head: np.ndarray
    talking: np.ndarray
    averted: np.ndarray
    loudness_r: np.ndarray
    pitch_r: np.ndarray
    phrase_s: np.ndarray


def motion(take: Take, track: Track) -> Motion:
    """What moves in a Take; track: all channels, mixed."""
    speech = constants("speech")
    spoken = phrases(take.phones, take.seconds, speech["pause_s"])
    turns = phrases(take.phones, take.seconds, speech["turn_s"])
    times = track.times
    # an utterance's last blink comes after its last sound
    talking = within([(p.start - 0.2, p.end + AT_PAUSE_S[1]) for p in turns], times)
    head = np.degrees(track.select(("headYaw", "headPitch", "headRoll")).values.astype(float))
    eyes = np.degrees(track.select(("leftEyeYaw", "rightEyeYaw", "leftEyePitch", "rightEyePitch")).values.astype(float))
    eyes = np.stack([eyes[:, :2].mean(1), eyes[:, 2:].mean(1)], 1)
    pauses = talking & (~within(spoken, times) | within([(p.end + AT_PAUSE_S[0], p.end) for p in spoken], times))
    found = blinks(track, talking, pauses)
    correlations = [_with_voice(take, p, head, track.fps) for p in spoken if p.end - p.start >= PHRASE_S]
    loud, high, weight = np.array(correlations).reshape(-1, 3).T
    return Motion(
        take.seconds, float(talking.sum() / track.fps), float(pauses.sum() / max(talking.sum(), 1)), found,
        saccades(eyes, track.fps), track.fps, head, talking, np.linalg.norm(eyes + head[:, :2], axis=1), loud, high,
        weight,
    )  # fmt: skip


# blinks -----------------------------------------------------------------------------------------------------------


def blinks(track: Track, talking: np.ndarray, pauses: np.ndarray) -> Blinks:
    lids = (track.column("eyeBlinkLeft") + track.column("eyeBlinkRight")).astype(float) / 2
    rows, reach = [], int(REACH_S * track.fps)
    for event in lid_events(track):
        first, last, peak = (int(round((t - track.start) * track.fps)) for t in (event.start, event.end, event.peak))
        depth = lids[peak]
        # lids that a mood or a look holds low come from there and go back to there
        above, after = (float(lids[max(a, 0) : b + 1].min()) for a, b in ((first - reach, first), (last, last + reach)))
        begin = _crossing(lids, first, -1, above + EDGE * (depth - above))
        end = _crossing(lids, last, 1, after + EDGE * (depth - after))
        # what is shut counts to neither
        shut = 0.95 * depth
        down, up = _crossing(lids, peak, -1, shut), _crossing(lids, peak, 1, shut)
        at = min(int(round(begin)), len(talking) - 1)
        seconds = np.array([begin, down - begin, end - up]) / track.fps
        rows.append((*seconds, depth, talking[at], pauses[at]))
    return Blinks(*np.array(rows, float).reshape(-1, 6).T)


def _crossing(values: np.ndarray, at: int, way: int, level: float) -> float:
    """Where, in frames from `at` in one direction, the values fall below a level; linear between frames."""
    i = at
    while 0 <= i + way < len(values) and values[i + way] >= level:
        i += way
    if not 0 <= i + way < len(values):
        return float(i)
    a, b = values[i], values[i + way]
    return i + way * float((a - level) / max(a - b, 1e-9))


# saccades ---------------------------------------------------------------------------------------------------------


def saccades(eyes: np.ndarray, rate: float) -> Saccades:
    """Of directions (F, 2) in degrees: runs of fast frames."""
    speed = np.linalg.norm(np.diff(eyes, axis=0), axis=1) * rate
    fast = np.diff(np.concatenate([[0], speed > SACCADE_DEG_S, [0]]).astype(int))
    first, last = np.flatnonzero(fast == 1), np.flatnonzero(fast == -1)
    size = np.linalg.norm(eyes[last] - eyes[first], axis=1) if len(first) else np.zeros(0)
    # what is fast for long is no saccade
    good = (size >= SACCADE_DEG) & ((last - first) / rate < 0.2 + 2 / rate)
    first, last = first[good], last[good]
    peak = np.array([speed[a:b].max() for a, b in zip(first, last, strict=True)])
    return Saccades(first / rate, last / rate, size[good], peak, rate)


def seen_peak(size: np.ndarray, rate: float) -> np.ndarray:
    """Degrees a second (N,) of the fastest frame of a saccade of the main sequence (N,) in degrees, at a rate.

    The mean over where its frames may fall: what is seen of a saccade that lasts two frames is slower than it was.
    """
    base, per_degree = constants("gaze")["saccade_s"]
    lasting = base + per_degree * size
    frames = int(np.ceil(0.3 * rate)) + 2
    shown = np.zeros(len(size))
    phases = np.arange(16) / 16
    for phase in phases:
        at = (np.arange(frames)[:, None] - phase) / rate / lasting
        shown += np.diff(step(at), axis=0).max(0) * size * rate / len(phases)
    return shown


def fitted(size: np.ndarray, peak: np.ndarray) -> tuple[float, float]:
    """(degrees a second, degrees) of peak = a (1 - exp(-size / b)), by least squares."""
    scales = np.geomspace(2, 60, 80)
    shapes = 1 - np.exp(-size[None] / scales[:, None])
    tops = (shapes * peak).sum(1) / np.maximum((shapes**2).sum(1), 1e-9)
    errors = ((peak - tops[:, None] * shapes) ** 2).sum(1)
    best = int(errors.argmin())
    return float(tops[best]), float(scales[best])


# the head ---------------------------------------------------------------------------------------------------------


def spectrum(head: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Hz (K,) and the mean power (K,) of the three angles in degrees squared for each Hz (Welch), of what is at least
    a segment long."""
    size = int(SEGMENT_S * rate)
    if len(head) < size:
        return np.zeros(0), np.zeros(0)
    window = np.hanning(size)[:, None]
    starts = range(0, len(head) - size + 1, size // 2)
    power = np.zeros(size // 2 + 1)
    for start in starts:
        part = head[start : start + size]
        power += (np.abs(np.fft.rfft((part - part.mean(0)) * window, axis=0)) ** 2).sum(1)
    scale = 2 / (rate * float((window**2).sum()) * len(starts))
    return np.fft.rfftfreq(size, 1 / rate), power * scale


def _with_voice(take: Take, phrase, head: np.ndarray, rate: float) -> tuple[float, float, float]:
    """Multiple correlations of loudness and of pitch with the head's angles within a phrase, and its seconds."""
    times = np.arange(phrase.start, phrase.end, 1 / PROSODY_HZ)
    angles = np.stack([np.interp(times, np.arange(len(head)) / rate, column) for column in head.T], 1)
    found = []
    for signal, channel in (("loudness", "level"), ("pitch", "f0")):
        track = take.signals.get(signal)
        found.append(np.nan if track is None else _multiple(_contour(track, channel, times), angles))
    return found[0], found[1], float(phrase.end - phrase.start)


def _contour(track: Track, channel: str, times: np.ndarray) -> np.ndarray:
    values = track.column(channel).astype(float)
    if channel == "f0":
        known = np.flatnonzero(values > 0)
        if len(known) < 5:
            return np.zeros(len(times))
        values = np.interp(np.arange(len(values)), known, 12 * np.log2(values[known]))
    return smoothed(np.interp(times, track.times, values), PROSODY_HZ, 0.06)


def _multiple(wanted: np.ndarray, angles: np.ndarray) -> float:
    wanted = wanted - wanted.mean()
    angles = angles - angles.mean(0)
    power = float((wanted**2).sum())
    if power < 1e-9:
        return float("nan")
    solution, *_ = np.linalg.lstsq(angles, wanted, rcond=None)
    rest = float(((wanted - angles @ solution) ** 2).sum())
    return float(np.sqrt(max(1 - rest / power, 0.0)))


# together ---------------------------------------------------------------------------------------------------------


def pooled(motions: Sequence[Motion]) -> dict[str, float | None]:
    """The measures that published.json lists, over all takes; None where there is too little of it."""
    return _blinks(motions) | _saccades(motions) | _head(motions)


def intervals(motions: Sequence[Motion]) -> np.ndarray:
    """(N,) seconds from one blink's beginning to the next one's, within takes."""
    return np.concatenate([np.diff(m.blinks.start) for m in motions] or [np.zeros(0)])


def _blinks(motions: Sequence[Motion]) -> dict[str, float | None]:
    each = [np.concatenate([getattr(m.blinks, name) for m in motions]) for name in Blinks._fields]
    found = Blinks(*each)
    speaking = sum(m.speaking for m in motions)
    silent = sum(m.seconds for m in motions) - speaking
    apart = intervals(motions)
    talk = found.speaking > 0
    expected = sum(m.at_pauses * m.speaking for m in motions) / max(speaking, 1e-9)
    few, skew = len(apart) < 8, None
    if not few:
        skew = float(((apart - apart.mean()) ** 3).mean() / max(apart.std(), 1e-9) ** 3)
    return {
        "blinks_speaking_per_min": 60 * float(talk.sum()) / speaking if speaking > RATE_S else None,
        "blinks_silent_per_min": 60 * float((~talk).sum()) / silent if silent > RATE_S else None,
        "blink_s": float((found.closing + found.opening).mean() + 0.02) if len(talk) else None,
        "closing_s": float(found.closing.mean()) if len(talk) else None,
        "opening_over_closing": float(found.opening.mean() / found.closing.mean()) if len(talk) else None,
        "blinks_full": float((found.depth >= FULL).mean()) if len(talk) else None,
        "blink_interval_cv": None if few else float(apart.std() / apart.mean()),
        "blink_interval_skew": skew,
        "blinks_at_pauses": _over(found.at_pause[talk], expected),
    }


def _over(at_pause: np.ndarray, expected: float) -> float | None:
    return float(at_pause.mean() / expected) if len(at_pause) > 4 and expected > 0.02 else None


def _saccades(motions: Sequence[Motion]) -> dict[str, float | None]:
    size = np.concatenate([m.saccades.size for m in motions])
    names = ("main_sequence", "saccade_ms_per_deg", "saccade_deg", "saccades_below_15", "fixation_s")
    result: dict[str, float | None] = dict.fromkeys(names)
    talk = np.concatenate([m.talking for m in motions])
    away = np.concatenate([m.averted for m in motions]) > AVERTED_DEG
    result["averted_speaking"] = float(away[talk].mean()) if talk.any() else None
    result["averted_silent"] = float(away[~talk].mean()) if (~talk).sum() > 60 else None
    if len(size) < 8:
        return result
    expected = np.concatenate([seen_peak(m.saccades.size, m.saccades.rate) for m in motions])
    peak = np.concatenate([m.saccades.peak for m in motions])
    lasting = np.concatenate([m.saccades.end - m.saccades.start for m in motions])
    still = np.concatenate([m.saccades.start[1:] - m.saccades.end[:-1] for m in motions])
    return result | {
        "main_sequence": float(np.median(peak / np.maximum(expected, 1e-9))),
        "saccade_ms_per_deg": 1000 * float(np.polyfit(size, lasting, 1)[0]),
        "saccade_deg": float(np.median(size)),
        "saccades_below_15": float((size < 15).mean()),
        "fixation_s": float(np.median(still)) if len(still) else None,
    }


def _head(motions: Sequence[Motion]) -> dict[str, float | None]:
    result: dict[str, float | None] = {}
    talking = [m.head[m.talking] for m in motions]
    weight = np.array([len(part) for part in talking], float)
    for k, name in enumerate(("yaw", "pitch", "roll")):
        spread = np.array([part[:, k].var() if len(part) else 0.0 for part in talking])
        result[f"head_{name}_deg"] = float(np.sqrt((weight * spread).sum() / weight.sum())) if weight.sum() else None
    spectra = [spectrum(m.head, m.rate) for m in motions]
    powers = [(hertz, power * m.seconds) for (hertz, power), m in zip(spectra, motions, strict=True) if len(hertz)]
    total = sum(float(power.sum() * hertz[1]) for hertz, power in powers)
    speeds = sum(float((power * hertz**2).sum() * hertz[1]) for hertz, power in powers)

    def share(low: float, high: float, speed: bool) -> float | None:
        if not total:
            return None
        parts = (
            float((power * (hertz**2 if speed else 1.0))[(hertz >= low) & (hertz < high)].sum() * hertz[1])
            for hertz, power in powers
        )
        return sum(parts) / max(speeds if speed else total, 1e-12)

    speed = [np.linalg.norm(np.diff(m.head, axis=0, prepend=m.head[:1]), axis=1)[m.talking] * m.rate for m in motions]
    speed = np.concatenate(speed)
    result |= {
        "head_below_1_8_hz": share(0, BANDS_HZ[0], False),
        "head_ordinary": share(BANDS_HZ[0], BANDS_HZ[1], True),
        "head_above_7_hz": share(BANDS_HZ[2], np.inf, False),
        "head_moves_speaking": float((speed > MOVING_DEG_S).mean()) if len(speed) else None,
    }
    lengths = np.concatenate([m.phrase_s for m in motions])
    for name in ("loudness_r", "pitch_r"):
        values = np.concatenate([getattr(m, name) for m in motions])
        good = np.isfinite(values)
        result[f"head_{name}"] = float(np.average(values[good], weights=lengths[good])) if good.any() else None
    return result
