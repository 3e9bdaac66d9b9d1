"""What is felt when: probabilities that were heard and read, and moods that were chosen, become episodes.

An episode is a stretch of one emotion. Probabilities are smoothed, begin above one threshold and end below another, are
bridged over short gaps and left out where they are brief, so that nothing flickers; a few emotions at most are there at
once, the chosen ones first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..core.emotion import LABELS
from ..core.events import Event, ease, near
from ..core.style import EmotionStyle
from ..core.take import Take

GRID_HZ = 20.0
"""Rate at which feelings are followed."""
SMOOTH_S, SLOW_S = 0.25, 0.6
"""Standard deviations of the smoothing (Gaussian, zero phase) of what is heard, and of what ranks it."""
BEGIN, GO_ON = 0.33, 0.22
"""An emotion begins above the one probability and lasts while above the other."""
NONE, FULL = 0.12, 0.55
"""Probabilities between which an emotion grows from nothing to all there is: one of eight by chance, and certainty
enough."""
SHORTEST_S, BRIDGED_S = 0.6, 0.5
"""A heard episode lasts as long at least; a gap in it is as long at most."""
BEFORE_S, HOLD_S, RELAX_S = 0.25, 0.6, 0.9
"""A face is ready before the voice, keeps its look through a pause and relaxes in a longer one."""
FAINT = 0.45
"""What a voice of no intensity shows of an emotion against one of full intensity."""
USUAL_INTENSITY = 0.6
"""Where no intensity was measured."""
FACE = 0.5
"""What a face that is seen counts, of what is felt while somebody speaks; the rest is voice and words. It says which
emotion it is, not how much of it: what the face does is in the layers that the camera saw."""

_COUNTED = np.array([label != "neutral" for label in LABELS])


@dataclass(frozen=True)
class Episode:
    """One emotion for a while.

    label, start, end  of LABELS; seconds
    times, levels      float64 (K,): its strength (0 or more) over time, held beyond the ends
    chosen             by the animator, not heard
    arousal            0..1 of the voice meanwhile, None where that was not measured
    """

    label: str
    start: float
    end: float
    times: np.ndarray
    levels: np.ndarray
    chosen: bool
    arousal: float | None = None

    def at(self, times: np.ndarray) -> np.ndarray:
        return np.interp(times, self.times, self.levels)


def episodes(take: Take, style: EmotionStyle) -> list[Episode]:
    """All that is felt in a Take, by start; none for what has no strength."""
    times = np.arange(int(np.ceil(take.seconds * GRID_HZ)) + 1) / GRID_HZ
    wanted = np.zeros((len(times), len(LABELS)))
    for mood in take.moods:
        rows = (times >= mood.start - 0.5 / GRID_HZ) & (times <= mood.end + 0.5 / GRID_HZ)
        column = LABELS.index(mood.label)
        wanted[rows, column] = np.maximum(wanted[rows, column], mood.strength)
    probability, presence = heard(take, style, times)
    smooth = blurred(probability, SMOOTH_S)
    on = lasting(smooth * presence[:, None])
    kept = _ranked(wanted, on, blurred(probability, SLOW_S), style.at_most)
    gain = np.array([max(style.strength.get(label, 1.0), 0.0) for label in LABELS])
    intensity, arousal = _affect(take, times)

    level = np.clip((blurred(probability, SLOW_S) - NONE) / (FULL - NONE), 0, 1) * on
    level /= np.maximum(level.sum(1, keepdims=True), 1)
    level *= (presence * (FAINT + (1 - FAINT) * intensity) * np.clip(style.heard, 0, 1))[:, None] * gain
    level *= 1 - cover(take, times)[:, None]
    found = []
    for column, label in enumerate(LABELS):
        for first, last in runs(on[:, column] & kept[:, column] & (wanted[:, column] == 0), SHORTEST_S, BRIDGED_S):
            rows = slice(first, last + 1)
            if level[rows, column].max() > 1e-3:
                one = Episode(label, times[first], times[last], times[rows], level[rows, column], False)
                found.append(_excited(one, arousal, times))
    for mood in take.moods:
        column = LABELS.index(mood.label)
        rows = (times >= mood.start) & (times <= mood.end)
        strength = mood.strength * gain[column]
        if strength <= 0 or (rows.any() and not kept[rows, column].any()):
            continue
        span = times[rows & kept[:, column]]
        start = mood.start if not len(span) or kept[rows, column][0] else span[0]
        end = mood.end if not len(span) or kept[rows, column][-1] else span[-1]
        one = Episode(mood.label, start, end, np.array([start]), np.array([strength]), True)
        found.append(_excited(one, arousal, times))
    return sorted(found, key=lambda e: (e.start, e.label))


def heard(take: Take, style: EmotionStyle, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (T, L) from voice and words, weighed by the face, and (T,) 0..1 how far there is anything to go by.

    Where nothing is said the nearest that was said stands.
    """
    total, weight = np.zeros((len(times), len(LABELS))), np.zeros(len(times))
    share = float(np.clip(style.text_weight, 0, 1))
    for name, part in (("speech_emotion", 1 - share), ("text_emotion", share)):
        track = take.emotions.get(name)
        if track is None or not track.frames or part <= 0:
            continue
        values, confidence = track.select(LABELS).at(times)
        sums = values.sum(1)
        inside = (times >= track.start - 0.1) & (times <= track.start + track.seconds + 0.1)
        sure = part * confidence.max(1) * inside * (sums > 1e-6)
        total += sure[:, None] * values / np.maximum(sums, 1e-6)[:, None]
        weight += sure
    known = np.flatnonzero(weight > 0.02)
    if not len(known):
        return total, weight
    said = total[known] / weight[known, None]
    probability = _with_face(said, take, times[known]) ** max(style.contrast, 1e-3)
    probability /= probability.sum(1, keepdims=True)
    after = np.clip(np.searchsorted(known, np.arange(len(times))), 0, len(known) - 1)
    before = np.maximum(after - 1, 0)
    row = np.arange(len(times))
    nearest = np.where(np.abs(known[after] - row) <= np.abs(row - known[before]), after, before)
    edges = np.flatnonzero(np.diff(known) > 1)
    spans = zip(known[np.r_[0, edges + 1]], known[np.r_[edges, len(known) - 1]], strict=True)
    speech = [Event("speech", times[a] - BEFORE_S, times[b] + HOLD_S, times[a]) for a, b in spans]
    return probability[nearest], near(speech, times, RELAX_S)


def _with_face(said: np.ndarray, take: Take, times: np.ndarray) -> np.ndarray:
    """Probabilities (T, L) with FACE of what the face shows, where it is seen; neutral and calm, which look alike on
    it, are told apart by the voice."""
    track = take.emotions.get("face_emotion")
    if track is None or not track.frames:
        return said
    values, confidence = track.select(LABELS).at(times)
    pair = [LABELS.index("neutral"), LABELS.index("calm")]
    share = (said[:, pair] + 1e-6) / (said[:, pair] + 1e-6).sum(1, keepdims=True)
    values[:, pair] = values[:, pair].sum(1, keepdims=True) * share
    sums = values.sum(1, keepdims=True)
    sure = FACE * confidence.max(1, keepdims=True) * (sums > 1e-6)
    return (1 - sure) * said + sure * values / np.maximum(sums, 1e-6)


def cover(take: Take, times: np.ndarray) -> np.ndarray:
    """(T,) 0..1: how much the chosen moods leave nothing to what is heard."""
    rest = np.ones(len(times))
    for mood in take.moods:
        rest *= 1 - np.clip(mood.strength, 0, 1) * near([Event("", mood.start, mood.end, mood.start)], times, 0.3)
    return 1 - rest


def lasting(probability: np.ndarray) -> np.ndarray:
    """bool (T, L): from where a probability is above BEGIN to where it falls below GO_ON."""
    state = np.where(probability >= BEGIN, 1, np.where(probability < GO_ON, 0, -1))
    state[0] = np.maximum(state[0], 0)
    # what lies between the two is as it was
    last = np.maximum.accumulate(np.where(state >= 0, np.arange(len(state))[:, None], 0), axis=0)
    return np.take_along_axis(state, last, 0) == 1


def runs(mask: np.ndarray, shortest: float, bridged: float) -> list[tuple[int, int]]:
    """(first, last) frames of GRID_HZ of the stretches of a mask (T,), gaps bridged first, brief ones left out."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False]))
    found: list[tuple[int, int]] = []
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and (first - found[-1][1] - 1) / GRID_HZ < bridged:
            found[-1] = (found[-1][0], after - 1)
        else:
            found.append((first, after - 1))
    return [(a, b) for a, b in found if (b - a + 1) / GRID_HZ >= shortest]


def blurred(values: np.ndarray, sigma_s: float) -> np.ndarray:
    """Smoothed over time by a Gaussian, (T, L); the ends are held."""
    reach = int(np.ceil(3 * sigma_s * GRID_HZ))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma_s * GRID_HZ)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], 1)


def _ranked(wanted: np.ndarray, on: np.ndarray, probability: np.ndarray, at_most: int) -> np.ndarray:
    """bool (T, L): the emotions that may show, `at_most` of them, chosen ones first; neutral is none."""
    score = np.where(wanted > 0, 10 + wanted, np.where(on, probability, 0.0))
    score = np.where(_COUNTED, score, 0.0)
    place = np.argsort(np.argsort(-score, axis=1, kind="stable"), axis=1, kind="stable")
    return (score > 0) & (place < max(int(at_most), 1)) | ~_COUNTED & ((wanted > 0) | on)


def _affect(take: Take, times: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Intensity (T,) 0..1 and arousal (T,) 0..1 of the voice, None where it was not measured."""
    track = take.signals.get("affect")
    if track is None or not track.frames or not {"intensity", "arousal"} <= set(track.channels):
        return np.full(len(times), USUAL_INTENSITY), None
    values, confidence = track.select(("intensity", "arousal")).at(times)
    sure = ease(confidence.max(1))
    filled = USUAL_INTENSITY + sure * (np.clip(values[:, 0], 0, 1) - USUAL_INTENSITY)
    arousal = np.where(sure > 0.3, np.clip(values[:, 1], 0, 1), np.nan)
    return blurred(filled[:, None], SLOW_S)[:, 0], arousal if np.isfinite(arousal).any() else None


def _excited(one: Episode, arousal: np.ndarray | None, times: np.ndarray) -> Episode:
    if arousal is None:
        return one
    part = arousal[(times >= one.start) & (times <= one.end)]
    part = part[np.isfinite(part)]
    return replace(one, arousal=float(part.mean())) if len(part) else one


def speech_gaps(take: Take, shortest: float = 0.15) -> Iterable[float]:
    """Middles (s) of the pauses between sounds."""
    said = [p for p in take.phones if p.ipa]
    for a, b in zip(said, said[1:], strict=False):
        if b.start - a.end >= shortest:
            yield (a.end + b.start) / 2
