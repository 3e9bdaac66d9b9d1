"""How well a mouth follows labelled speech: closures, frames, boundaries, openness. Arrays in, numbers out.

Everything is looked at RATE times a second, at the middles of the frames, so that no clip's own rate matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.phones import BILABIAL, base
from ..core.track import Track

RATE = 100
NEUTRAL_GAP_CM = 0.0807
GAP_CM = {
    "jawOpen": 2.8914, "jawForward": 0.1102, "jawLeft": -0.0233, "jawRight": -0.0233, "mouthClose": -3.7205,
    "mouthFunnel": 1.083, "mouthPucker": -0.1292, "mouthLeft": -0.0461, "mouthRight": -0.0461,
    "mouthSmileLeft": -0.0094, "mouthSmileRight": -0.0094, "mouthFrownLeft": -0.0118, "mouthFrownRight": -0.0118,
    "mouthDimpleLeft": -0.0791, "mouthDimpleRight": -0.0792, "mouthStretchLeft": -0.0178,
    "mouthStretchRight": -0.0178, "mouthRollLower": -0.2459, "mouthRollUpper": 0.158, "mouthShrugLower": -0.6392,
    "mouthShrugUpper": 0.4563, "mouthPressLeft": -0.1089, "mouthPressRight": -0.1089, "mouthLowerDownLeft": 0.2915,
    "mouthLowerDownRight": 0.2915, "mouthUpperUpLeft": 0.3495, "mouthUpperUpRight": 0.3495, "cheekPuff": -0.0104,
    "cheekSquintLeft": 0.019, "cheekSquintRight": 0.019, "noseSneerLeft": 0.3158, "noseSneerRight": 0.3158,
}  # fmt: skip
"""The height between the inner lips of a head in life size, at rest and what each channel at 1 adds to it: measured at
the three middle pairs of the 68 landmarks (iBUG) on ICT-FaceKit (USC ICT 2020, MIT). Shapes add up, exactly."""
CLOSED_CM = (-0.25, 0.15)
"""Lips that touch: pressed ones overlap a little, below they go through each other."""
NEAR_S = 0.04
"""A closure counts this far outside its label: lips close before the sound stops and open after it."""
SHORTEST_S = 0.02
"""A label that is cut off by the end of the sound counts if so much of it is left."""
CLOSED, NARROW, MID, WIDE = range(4)
_OPEN = frozenset("aɑɒæɶ")
_MIDDLE = frozenset("eɛøœəɘɐɜɞɚɝɤɵoɔʌ")
_LENIS = frozenset("β")
"""Lips that come near and need not touch: neither right nor wrong where they do."""


class Label(NamedTuple):
    """A labelled sound: seconds, IPA ("" a pause). release: a burst or breath, after the closure that stands before."""

    start: float
    end: float
    ipa: str
    release: bool = False


class Sound(NamedTuple):
    """A stretch of one class (int). edge: its start is a boundary that somebody labelled or heard."""

    start: float
    end: float
    kind: int
    edge: bool


class Scores(NamedTuple):
    """What one clip adds to the whole.

    bilabials, hit       (B,) IPA; bool (B,): the lips closed at it
    right                bool (S,): of each closed stretch in speech, whether it meets a bilabial
    shut, spilt, crossed, speech, cover   frames: closed ones in speech, those away from bilabials, lips through each
                         other, all of speech; (closed, all) frames inside the bilabials
    gap, rank            (N,): cm and CLOSED..WIDE on frames of speech
    phones, visemes      int (N', 2): labelled and predicted class on labelled frames
    edges                (M,): predicted minus labelled time of boundaries whose sound was found
    sounds, edits        labelled sounds; how many are wrong, missing or too much
    boundaries           labelled boundaries
    """

    bilabials: tuple[str, ...]
    hit: np.ndarray
    right: np.ndarray
    shut: int
    spilt: int
    crossed: int
    speech: int
    cover: tuple[int, int]
    gap: np.ndarray
    rank: np.ndarray
    phones: np.ndarray
    visemes: np.ndarray
    edges: np.ndarray
    sounds: int
    edits: int
    boundaries: int


def gap(track: Track) -> np.ndarray:
    """float (F,): height between the inner lips in cm on an average head, negative where they overlap."""
    return NEUTRAL_GAP_CM + sum((cm * track.column(c).astype(float) for c, cm in GAP_CM.items() if c in track.channels))


def openness(ipa: str) -> int:
    """CLOSED, NARROW, MID or WIDE: how far a sound opens the mouth, by the height of its first vowel (IPA chart)."""
    sign = base(ipa)
    if sign in BILABIAL:
        return CLOSED
    return WIDE if sign[:1] in _OPEN else MID if sign[:1] in _MIDDLE else NARROW


# closures and openness --------------------------------------------------------------------------------------------


def closures(labels: Sequence[Label], opening: np.ndarray) -> dict[str, Any]:
    """The fields of Scores from `bilabials` to `rank`; opening: gap (N,) in cm at RATE."""
    n = len(opening)
    seconds, times = n / RATE, (np.arange(n) + 0.5) / RATE
    closed = (opening >= CLOSED_CM[0]) & (opening <= CLOSED_CM[1])
    speech, near, rank = np.zeros(n, bool), np.zeros(n, bool), np.full(n, -1)
    shut, unsure = [], []
    for label in labels:
        start, end = label.start, min(label.end, seconds)
        if end <= start or not label.ipa:
            continue
        rows = slice(*np.searchsorted(times, (start, end)))
        speech[rows] = True
        is_closure = base(label.ipa) in BILABIAL and not label.release
        lenis = base(label.ipa) in _LENIS
        if not lenis:
            rank[rows] = openness(label.ipa) if not label.release else NARROW
        if is_closure and end - start >= min(SHORTEST_S, label.end - label.start):
            shut.append((start, end, base(label.ipa)))
        elif is_closure or lenis:
            unsure.append((start, end))
        if is_closure or lenis:
            near[slice(*np.searchsorted(times, (start - NEAR_S, end + NEAR_S)))] = True
    stretches = _stretches(closed)
    middles = (stretches.sum(1) / 2 * RATE).astype(int)
    meets = _meets(stretches, shut)
    counted = speech[middles] & (meets.any(1) | ~_meets(stretches, unsure).any(1))
    inside = np.concatenate([closed[slice(*np.searchsorted(times, s[:2]))] for s in shut] or [np.zeros(0, bool)])
    spoken = rank >= 0
    return {
        "bilabials": tuple(s[2] for s in shut),
        "hit": meets.any(0),
        "right": meets.any(1)[counted],
        "shut": int((closed & speech).sum()),
        "spilt": int((closed & speech & ~near).sum()),
        "crossed": int((speech & (opening < CLOSED_CM[0])).sum()),
        "speech": int(speech.sum()),
        "cover": (int(inside.sum()), len(inside)),
        "gap": opening[spoken],
        "rank": rank[spoken],
    }


def _stretches(mask: np.ndarray) -> np.ndarray:
    """(S, 2) seconds: where the mask (N,) at RATE is on."""
    edges = np.flatnonzero(np.diff(mask.astype(int), prepend=0, append=0))
    return edges.reshape(-1, 2) / RATE


def _meets(stretches: np.ndarray, spans: Sequence[Sequence[Any]]) -> np.ndarray:
    """bool (S, B): whether a stretch meets a span widened by NEAR_S."""
    start, end = (np.array([s[k] for s in spans], float) for k in (0, 1))
    return (stretches[:, :1] < end + NEAR_S) & (stretches[:, 1:] > start - NEAR_S)


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Rank correlation of (N,) and (N,), ties at their mean rank; None where one of them does not vary."""
    ranks = []
    for values in (a, b):
        _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
        rank = (np.cumsum(count) - (count - 1) / 2)[inverse.reshape(-1)]
        ranks.append(rank - rank.mean() if len(rank) else rank)
    scale = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float(ranks[0] @ ranks[1]) / scale if scale > 0 else None


def three_classes(opening: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """int (3, 3): frames labelled closed, narrow or mid, wide (rows) against what the gap (N,) says (columns).

    As many frames are called wide as are labelled so, the widest: curves of any gain can be compared.
    """
    said = np.ones(len(opening), int)
    closed = (opening >= CLOSED_CM[0]) & (opening <= CLOSED_CM[1])
    order = np.argsort(np.where(closed, -np.inf, opening), kind="stable")
    said[order[len(order) - int((rank == WIDE).sum()) :]] = 2
    said[closed] = 0
    labelled = np.select([rank == CLOSED, rank == WIDE], [0, 2], 1)
    return np.bincount(3 * labelled + said, minlength=9).reshape(3, 3)


# frames -----------------------------------------------------------------------------------------------------------


def frames(sounds: Iterable[Sound], count: int, empty: int) -> np.ndarray:
    """int (N,): the class on each of `count` frames at RATE; `empty` where there is no sound."""
    times = (np.arange(count) + 0.5) / RATE
    found = np.full(count, empty)
    for sound in sounds:
        found[slice(*np.searchsorted(times, (sound.start, sound.end)))] = sound.kind
    return found


def aligned(labelled: Sequence[Sound], predicted: Sequence[Sound], far: float = 0.25) -> tuple[list, int]:
    """([(i, j)] sounds of one class that belong together, how many are wrong, missing or too much).

    Levenshtein's distance (1966), in which sounds further apart than `far` seconds are none of each other's.
    """
    n, m = len(labelled), len(predicted)
    middle = [np.array([(s.start + s.end) / 2 for s in row]) for row in (labelled, predicted)]
    kinds = [np.array([s.kind for s in row], int) for row in (labelled, predicted)]
    cost = np.zeros((n + 1, m + 1))
    cost[0] = np.arange(m + 1)
    for i in range(n):
        away = np.abs(middle[1] - middle[0][i])
        # of two ways with as few faults the one that lies closer in time
        change = np.where(away > far, 2.5, (kinds[1] != kinds[0][i]) + 1e-3 * away)
        row = np.minimum(cost[i, 1:] + 1, cost[i, :-1] + change)
        row = np.concatenate(([cost[i, 0] + 1], row))
        cost[i + 1] = np.minimum.accumulate(row - np.arange(m + 1)) + np.arange(m + 1)
    pairs, wrong, i, j = [], 0, n, m
    while i or j:
        if i and cost[i, j] >= cost[i - 1, j] + 1 - 1e-9:
            i, wrong = i - 1, wrong + 1
        elif j and cost[i, j] >= cost[i, j - 1] + 1 - 1e-9:
            j, wrong = j - 1, wrong + 1
        else:
            i, j = i - 1, j - 1
            if kinds[0][i] == kinds[1][j]:
                pairs.append((i, j))
            else:
                wrong += 1
    return pairs[::-1], wrong


# all together -----------------------------------------------------------------------------------------------------


def pooled(scores: Sequence[Scores], classes: int) -> dict[str, Any]:
    """The figures of several clips together, None where nothing can be said. classes: how many visemes there are."""
    hit, right, edges, opening, rank = (
        np.concatenate([getattr(s, name) for s in scores] or [np.zeros(0)])
        for name in ("hit", "right", "edges", "gap", "rank")
    )
    phones, visemes = (
        np.concatenate([getattr(s, name) for s in scores] or [np.zeros((0, 2), int)]) for name in ("phones", "visemes")
    )
    total = {name: sum(getattr(s, name) for s in scores) for name in (
        "shut", "spilt", "crossed", "speech", "sounds", "edits", "boundaries")}  # fmt: skip
    table = three_classes(opening, rank)
    return {
        "n": len(scores),
        "closure_recall": _share(hit),
        "closure_precision": _share(right),
        "closure_spill": _part(total["spilt"], total["shut"]),
        "closure_cover": _part(*(sum(s.cover[k] for s in scores) for k in (0, 1))),
        "penetration": _part(total["crossed"], total["speech"]),
        "phone_accuracy": _share(phones[:, 0] == phones[:, 1]),
        "phone_uar": recalls(phones, int(phones.max(initial=0)) + 1)[1],
        "phone_error_rate": _part(total["edits"], total["sounds"]),
        "viseme_accuracy": _share(visemes[:, 0] == visemes[:, 1]),
        "viseme_uar": recalls(visemes, classes)[1],
        "boundary_median_s": _quantile(np.abs(edges), 0.5),
        "boundary_p90_s": _quantile(np.abs(edges), 0.9),
        "boundary_bias_s": _quantile(edges, 0.5),
        "boundary_found": _part(len(edges), total["boundaries"]),
        "openness_spearman": spearman(opening, rank),
        "openness_uar": _mean(np.diag(table) / np.maximum(table.sum(1), 1), table.sum(1) > 0),
        "bilabials": len(hit),
        "closed_stretches": len(right),
        "frames": len(rank),
    }


def recalls(pairs: np.ndarray, classes: int) -> tuple[np.ndarray, float | None]:
    """Confusion int (C, C), labelled by predicted, and the mean recall of the classes that are labelled."""
    table = np.bincount(pairs[:, 0] * classes + pairs[:, 1], minlength=classes**2).reshape(classes, classes)
    return table, _mean(np.diag(table) / np.maximum(table.sum(1), 1), table.sum(1) > 0)


def by_bilabial(scores: Sequence[Scores]) -> dict[str, dict[str, Any]]:
    names = np.array([name for s in scores for name in s.bilabials], object)
    hit = np.concatenate([s.hit for s in scores] or [np.zeros(0, bool)])
    return {
        name: {"recall": _share(hit[names == name]), "n": int((names == name).sum())} for name in sorted(set(names))
    }


def _share(mask: np.ndarray) -> float | None:
    return float(np.mean(mask)) if len(mask) else None


def _part(a: float, b: float) -> float | None:
    return float(a / b) if b else None


def _mean(values: np.ndarray, where: np.ndarray) -> float | None:
    return float(values[where].mean()) if where.any() else None


def _quantile(values: np.ndarray, q: float) -> float | None:
    return float(np.quantile(values, q)) if len(values) else None
