"""Where a long text surely lies in a long recording, and the band around it that is worth searching."""

from __future__ import annotations

from typing import Any

import numpy as np

LENGTH = 6
"""Classes in a row that have to be the same in text and sound: an hour has a handful of such places by chance."""
OFTEN = 4
"""What occurs more often than this, in the text or in the sound, says nothing of the place."""
RATE = (3.0, 30.0)
"""Classes of the text a second that are spoken."""
NEAR = 20.0
"""Seconds in which an anchor must have another that goes with it."""
MARGIN = 40
"""Words that are searched on both sides of what lies between two anchors."""
SMALL = 1e8
"""Frames times states up to which everything is searched."""
FASTEST = 6.0
"""Words a second that anybody says for long."""
WIDEST = 2500
"""Words in a band."""


def anchors(
    log: np.ndarray, classes: Any, sequence: np.ndarray, word: np.ndarray, rate_hz: float = 100.0
) -> np.ndarray:
    """int (n, 2): frames and the words that are there, both rising.

    log       float (T, C): ln posteriors; classes: solve.align.Classes
    sequence  int16 (M,): the classes that the text is made of, without those that may be left out
    word      int (M,): whose they are
    """
    best = log.argmax(1)
    first = np.flatnonzero(np.diff(best, prepend=-1))
    passing = [*classes.silence, *classes.release.values(), *classes.optional]
    first = first[~np.isin(best[first], passing)]
    # two frames at least, or it is a flicker
    lasting = np.array([f + 1 < len(best) and best[f + 1] == best[f] for f in first], bool)
    first = first[lasting]
    pairs = _same(best[first].astype(np.int64), sequence.astype(np.int64), log.shape[1])
    if not len(pairs):
        return np.zeros((0, 2), int)
    chain = pairs[_rising(pairs[:, 1])]
    frames, places = first[chain[:, 0]], chain[:, 1]
    gap = np.diff(frames) / rate_hz
    speed = np.diff(places) / np.maximum(gap, 1e-3)
    together = (gap < NEAR) & (speed > RATE[0]) & (speed < RATE[1])
    sure = np.r_[together, False] & np.r_[False, together]
    return np.column_stack((frames[sure], word[places[sure]]))


def _same(heard: np.ndarray, text: np.ndarray, base: int) -> np.ndarray:
    """int (n, 2): places in `heard` and in `text` from which on LENGTH values are the same, by the first."""
    codes = []
    for values in (heard, text):
        count = len(values) - LENGTH + 1
        if count < 1:
            return np.zeros((0, 2), int)
        codes.append(sum(values[i : i + count] * base**i for i in range(LENGTH)))
    common = np.intersect1d(*codes)
    pairs = []
    places = [np.argsort(c, kind="stable") for c in codes]
    ordered = [c[p] for c, p in zip(codes, places, strict=True)]
    spans = [[np.searchsorted(o, common, side) for side in ("left", "right")] for o in ordered]
    for (a, b), (c, d) in zip(zip(*spans[0], strict=True), zip(*spans[1], strict=True), strict=True):
        if b - a <= OFTEN and d - c <= OFTEN:
            # for one place in the sound the later in the text comes first, so that a chain takes but one of them
            pairs += [(int(i), int(j)) for i in places[0][a:b] for j in places[1][c:d]]
    return np.array(sorted(pairs, key=lambda p: (p[0], -p[1])), int).reshape(-1, 2)


def _rising(values: np.ndarray) -> np.ndarray:
    """int (m,): indices of a longest strictly rising subsequence (Fredman 1975)."""
    tails: list[int] = []
    before = np.full(len(values), -1)
    buffer = np.empty(len(values), int)
    for i, value in enumerate(values):
        k = int(np.searchsorted(buffer[: len(tails)], value))
        before[i] = tails[k - 1] if k else -1
        buffer[k] = value
        if k == len(tails):
            tails.append(i)
        else:
            tails[k] = i
    chain = []
    i = tails[-1] if tails else -1
    while i >= 0:
        chain.append(i)
        i = int(before[i])
    return np.array(chain[::-1], int)


def band(anchor: np.ndarray, frames: int, offset: np.ndarray, block: int) -> list[tuple[int, int]]:
    """The words (first, last + 1) to be searched in every block of frames; both never fall.

    anchor  int (n, 2): frames and words; offset int (N + 1,): states before each word
    """
    words = len(offset) - 1
    blocks = -(-frames // block)
    if frames * float(offset[-1]) <= SMALL:
        return [(0, words)] * blocks
    at = np.r_[0, anchor[:, 0], frames]
    place = np.r_[0, anchor[:, 1], words]
    begin = np.arange(blocks) * block
    end = np.minimum(begin + block, frames)
    low, high = np.zeros(blocks, int), np.full(blocks, words)
    for i in range(blocks):
        g, h = np.searchsorted(at, begin[i], "right") - 1, np.searchsorted(at, end[i], "left")
        low[i], high[i] = place[g] - MARGIN, place[h] + MARGIN
        if high[i] - low[i] > WIDEST and not begin[i] <= _leap(at, place, g, h) < end[i]:
            low[i], high[i] = _narrow(at, place, g, h, (begin[i] + end[i]) / 2)
    low, high = np.maximum(low, 0), np.minimum(high, words)
    # both go forward, and each block has words of the one before it
    high = np.maximum.accumulate(high)
    low = np.minimum.accumulate(low[::-1])[::-1]
    low[1:] = np.minimum(low[1:], high[:-1] - 1)
    low[0], high[-1] = 0, words
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _fluent(at: np.ndarray, place: np.ndarray, g: int, h: int) -> bool:
    """Whether the words between two anchors may all be spoken in the time between them, or nothing better is known."""
    return len(at) == 2 or (place[h] - place[g]) / max(at[h] - at[g], 1) * 100 < FASTEST


def _leap(at: np.ndarray, place: np.ndarray, g: int, h: int) -> float:
    """The frame at which words that are too many for the time are left out at once; inf: they are not."""
    if _fluent(at, place, g, h):
        return np.inf
    return at[g] if g == 0 else at[h] - 1 if h == len(at) - 1 else (at[g] + at[h]) / 2


def _narrow(at: np.ndarray, place: np.ndarray, g: int, h: int, frame: float) -> tuple[int, int]:
    """The words around a frame, at most WIDEST."""
    if _fluent(at, place, g, h):
        middle = np.interp(frame, at, place)
        return int(middle - WIDEST / 2), int(middle + WIDEST / 2)
    if frame < _leap(at, place, g, h):
        return place[g] - MARGIN, place[g] - MARGIN + WIDEST
    return place[h] + MARGIN - WIDEST, place[h] + MARGIN
