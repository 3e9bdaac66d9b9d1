"""How a speaker's head moves whom no camera saw: the `head` layer from the voice.

Four motions add up: a slow sway; a posture that changes from phrase to phrase; what goes with the voice, a nod at each
accent and at the ends of phrases, and the contours of loudness and pitch; and the head's part of where the gaze goes.
What is felt sets how much of it there is.
"""

from __future__ import annotations

import numpy as np

from ..core.channels import GROUPS
from ..core.take import Take
from ..core.track import Track
from . import glances
from .phrasing import (
    CONTOUR_HZ,
    Contour,
    Feeling,
    Phrase,
    between,
    constants,
    contour,
    cutoff_s,
    drawn,
    feeling,
    noise,
    phrases,
    smoothed,
    step,
    within,
)

CHANNELS: tuple[str, ...] = GROUPS["head"]
TURNS = ("yaw", "pitch", "roll")


def solve(take: Take, seed: int = 0) -> Track:
    """The `head` layer: headYaw, headPitch, headRoll in radians over the whole Take, nothing faster than some 6 Hz."""
    settings, speech = constants("head"), constants("speech")
    grid = np.arange(int(np.ceil(take.seconds * CONTOUR_HZ)) + 2) / CONTOUR_HZ
    spoken = phrases(take.phones, take.seconds, speech["pause_s"])
    felt, rng = feeling(take), drawn(take, "head", seed)
    talks = within(phrases(take.phones, take.seconds, speech["turn_s"]), grid).astype(float)
    talks = smoothed(talks, CONTOUR_HZ, 0.25)[:, None]
    lively = np.clip(1 + settings["arousal"] * (felt.aroused(grid) - 0.4), 0.4, 2)[:, None]
    voice = contour(take, spoken)
    angles = _sway(len(grid), rng) * (settings["still"] + (1 - settings["still"]) * talks)
    angles += _postures(grid, spoken, voice, rng)
    angles += _beats(grid, spoken, voice, rng) + _contours(len(grid), voice)
    angles = angles * lively + _following(take, grid) + _mood(grid, felt, rng)
    angles = smoothed(angles, CONTOUR_HZ, cutoff_s(settings["cutoff_hz"]))
    most = np.array([settings["most_deg"][turn] for turn in TURNS])
    angles = np.radians(most * np.tanh(angles / most))
    times = np.arange(take.frames) / take.fps
    return Track.of(take.fps, CHANNELS, between(angles, CONTOUR_HZ, times), glances.SURE)


def _sway(count: int, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) degrees: slow chance, at one place over ten seconds and at another within one."""
    settings = constants("head")
    slow, fast = (noise(rng, count, 3, CONTOUR_HZ, cutoff_s(hertz)) for hertz in settings["sway_hz"])
    return (0.7 * slow + 0.7 * fast) * np.array([settings["sway_deg"][turn] for turn in TURNS])


def _postures(grid: np.ndarray, spoken: list[Phrase], voice: Contour, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) degrees: a new posture as a phrase begins, the wider the longer the pause; rest in long pauses."""
    settings = constants("head")
    deviation = np.array([settings["shift_deg"][turn] for turn in TURNS])
    times, poses = [0.0], [np.zeros(3)]
    for phrase in spoken:
        now, wide = phrase.start - 0.15, np.clip(0.5 + 0.5 * phrase.before, 0.5, 1.2)
        while now < phrase.end - 0.5:
            pose = np.clip(rng.normal(size=3), -2, 2) * deviation * wide
            # between the posture before and a new one: heads wander rather than leap
            times.append(max(now, times[-1]))
            poses.append(0.35 * poses[-1] + pose)
            gap = settings["shift_every_s"] * rng.uniform(0.7, 1.5)
            later = voice.accents[np.searchsorted(voice.accents, now + gap) :][:1]
            now = float(later[0]) - 0.2 if len(later) else now + gap
            wide = 0.6
        if phrase.after > 0.8:
            times.append(max(phrase.end + 0.2, times[-1]))
            poses.append(0.3 * poses[-1])
    return _moved(grid, np.array(times), np.array(poses), settings["shift_s"])


def _moved(grid: np.ndarray, times: np.ndarray, poses: np.ndarray, lasting: float) -> np.ndarray:
    """(N, C): the poses (K, C) taken at times (K,), each over `lasting` seconds; one that is overtaken blends in."""
    i = np.clip(np.searchsorted(times, grid, "right") - 1, 0, None)
    sharp = poses[i]
    kernel = np.diff(step(np.linspace(0, 1, int(lasting * CONTOUR_HZ) + 1)))
    padded = np.concatenate([np.repeat(sharp[:1], len(kernel) - 1, 0), sharp])
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], 1)


def _beats(grid: np.ndarray, spoken: list[Phrase], voice: Contour, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) degrees: nods, and now and then a turn or a tilt, whose turning point lies on the accent."""
    settings = constants("head")
    angles = np.zeros((len(grid), 3))
    for time, strength in zip(voice.accents + settings["lag_s"], voice.strengths, strict=True):
        size = settings["nod_deg"] * strength * rng.uniform(0.6, 1.3)
        nods, side = rng.random() < settings["nod_share"], rng.choice((-1.0, 1.0))
        share = np.array([0.15 * side, 1.0, 0.1 * side]) if nods else np.array([0.8 * side, 0.3, 0.5 * side])
        _add(angles, grid, time, settings["nod_s"] * rng.uniform(0.85, 1.25), size * share)
    for phrase in spoken:
        length = settings["end_s"] * rng.uniform(0.8, 1.2)
        size = settings["end_deg"] * rng.uniform(0.3, 1.2) * np.clip(phrase.after / 0.5, 0.3, 1)
        _add(angles, grid, phrase.end - 0.05, length, np.array([0.0, size, 0.1 * size]))
    return angles


def _add(angles: np.ndarray, grid: np.ndarray, time: float, lasting: float, size: np.ndarray) -> None:
    """One beat: slightly up before, down to its peak at `time`, and back more slowly."""
    rows = slice(*np.searchsorted(grid, (time - 1.1 * lasting, time + 1.3 * lasting)))
    x = (grid[rows] - time) / lasting
    down = np.where(x < 0, step(1 + x / 0.6), step(1 - x / 1.1))
    before = step(1 - np.abs(x + 0.7) / 0.4)
    angles[rows] += (down - 0.2 * before)[:, None] * size


def _contours(count: int, voice: Contour) -> np.ndarray:
    """(N, 3) degrees: up with the pitch, down with the loudness."""
    settings = constants("head")
    width = cutoff_s(settings["contour_hz"])
    shift = int(round(settings["lag_s"] * CONTOUR_HZ))
    loud, high = (np.roll(smoothed(row, CONTOUR_HZ, width), shift) for row in (voice.loud, voice.high))
    angles = np.zeros((count, 3))
    size = min(count, len(loud))
    angles[:size, 1] = settings["loud_deg"] * loud[:size] - settings["pitch_deg"] * high[:size]
    return angles


def _following(take: Take, grid: np.ndarray) -> np.ndarray:
    """(N, 3) degrees: the head's part of large shifts of gaze."""
    settings = constants("head")
    route = glances.plan(take, take.seed("gaze") or 0)
    targets = np.degrees(route.targets[route.large])
    size = np.linalg.norm(targets, axis=1)
    small, large = settings["follow_share"]["small"], settings["follow_share"]["large"]
    part = small * size + large * np.maximum(size - settings["follow_from_deg"], 0)
    # of what lies up or down the eyes take more
    poses = np.zeros((len(targets), 3))
    poses[:, :2] = targets * (part / np.maximum(size, 1e-6))[:, None] * (1.0, 0.7)
    return _moved(grid, route.times[route.large] + settings["follow_lag_s"], poses, settings["follow_s"])


def _mood(grid: np.ndarray, felt: Feeling, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) degrees: how what is felt holds the head."""
    settings = constants("head")
    side = rng.choice((-1.0, 1.0))
    pitch, roll, yaw = (felt.at(grid, settings[f"feelings_{turn}"], 0.0) for turn in ("pitch", "roll", "yaw"))
    return np.stack([side * yaw, pitch, side * roll], 1)
