"""Phones as marks on whole frames, as an animator moves them on a timeline, and marks as phones again.

A mark says what sounds from its frame to the next one's. What still stands on the frame of an edge that was there keeps
that edge's exact time: frames are coarser than speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import InputError
from .edit import SHORTEST_S, TOUCH_S, row_of
from .take import Phone, Word

PAUSE = "_"
PAUSES = frozenset(["", PAUSE, "-", "sil", "pause"])
FOLLOW_S = 0.25
"""The edge of a word goes along with a phone's that was moved no further than this."""


class Mark(NamedTuple):
    """ipa: the sound from this frame on, "" for a pause."""

    frame: int
    ipa: str


@dataclass(frozen=True)
class Scale:
    """Seconds of the clip and frames of the scene. fps: Hz; first: the frame of the clip's time 0."""

    fps: float
    first: float

    def frame(self, seconds: float) -> int:
        return int(round(self.first + seconds * self.fps))

    def seconds(self, frame: float) -> float:
        return (frame - self.first) / self.fps


def marks(
    phones: Sequence[Phone], seconds: float, scale: Scale, start: float, end: float
) -> tuple[list[Mark], tuple[float, float]]:
    """Marks of what begins from `start` to `end` (s), and the span in which they are all that is said.

    The pause after the last sound has a mark, which is where that sound ends; the one before the first has none.
    """
    pieces = row_of(phones, seconds)
    chosen = [i for i, (a, _, ipa) in enumerate(pieces) if ipa and start - TOUCH_S <= a < end]
    if not chosen:
        return [], (start, start)
    low, high = chosen[0], chosen[-1]
    shown = pieces[low : high + 2] if high + 1 < len(pieces) and not pieces[high + 1][2] else pieces[low : high + 1]
    found = [Mark(scale.frame(a), ipa) for a, _, ipa in shown]
    last = shown[-1][1]
    if high + 1 == len(pieces) and last >= seconds - TOUCH_S:
        found.append(Mark(scale.frame(last), ""))
    return found, (pieces[low - 1][0] if low and not pieces[low - 1][2] else pieces[low][0], last)


def marked(
    phones: Sequence[Phone], words: Sequence[Word], seconds: float,
    found: Sequence[Mark], span: tuple[float, float], scale: Scale,
) -> tuple[tuple[Phone, ...], tuple[Word, ...]]:  # fmt: skip
    """Phones and words where `span` (s) is as the marks say; outside they stay.

    Raises InputError for a mark outside the span and for two that leave no time between them.
    """
    low, high = span
    known = [(a, ipa) for a, _, ipa in row_of(phones, seconds) if low - TOUCH_S <= a <= high + TOUCH_S]
    placed = _placed(found, [*known, (high, "")], scale)
    for mark, time, _ in placed:
        if not low - 0.5 / scale.fps <= time <= high + 0.5 / scale.fps:
            raise InputError(
                f"the marker '{mark.ipa or PAUSE}' on frame {mark.frame} lies outside the marked part",
                f"keep it from frame {scale.frame(low)} to {scale.frame(high)}",
            )
    was = {(p.start, p.ipa): p for p in phones}
    new: list[Phone] = []
    for k, (mark, time, exact) in enumerate(placed):
        last = k + 1 == len(placed)
        start, end = max(time, low), high if last else min(placed[k + 1][1], high)
        both_stand = exact and (last or placed[k + 1][2])
        if end - start < SHORTEST_S and not both_stand and (mark.ipa or not last):
            raise InputError(
                f"no time is left for the marker '{mark.ipa or PAUSE}' on frame {mark.frame}",
                "move the marker behind it further away, or delete one of the two",
            )
        if mark.ipa and end > start:
            same = was.get((start, mark.ipa))
            new.append(same if same and abs(same.end - end) < TOUCH_S else Phone(start, end, mark.ipa, 1.0))
    outside = [p for p in phones if p.end <= low + TOUCH_S or p.start >= high - TOUCH_S]
    result = tuple(sorted([*outside, *new], key=lambda p: (p.start, p.end)))
    return result, tuple(_following(word, phones, result) for word in words)


def _placed(
    found: Sequence[Mark], known: Sequence[tuple[float, str]], scale: Scale
) -> list[tuple[Mark, float, bool]]:
    """(mark, time in s, whether that is an edge that was there), in order of time."""
    free: dict[int, list[tuple[float, str]]] = {}
    for start, ipa in known:
        free.setdefault(scale.frame(start), []).append((start, ipa))
    times: dict[int, float] = {}
    # who kept both frame and name has the first claim on an edge, who was renamed the next
    for named in (True, False):
        for k, mark in enumerate(found):
            edges = free.get(mark.frame, [])
            match = next((e for e in edges if not named or e[1] == mark.ipa), None)
            if match and k not in times:
                times[k] = match[0]
                edges.remove(match)
    placed = [(mark, times.get(k, scale.seconds(mark.frame)), k in times) for k, mark in enumerate(found)]
    return sorted(placed, key=lambda entry: entry[1])


def _following(word: Word, before: Sequence[Phone], after: Sequence[Phone]) -> Word:
    """The word with its edges where the edges of the phones are now that it began and ended with."""
    edges = []
    for name in ("start", "end"):
        time = getattr(word, name)
        then, now = ([getattr(p, name) for p in phones if p.ipa] for phones in (before, after))
        if any(abs(t - time) <= TOUCH_S for t in then) and not any(abs(t - time) <= TOUCH_S for t in now):
            # an edge that was moved comes before one that was always there
            near = sorted((t in then, abs(t - time), t) for t in now if abs(t - time) < FOLLOW_S)
            time = near[0][2] if near else time
        edges.append(time)
    return word._replace(start=edges[0], end=edges[1]) if edges[1] - edges[0] >= SHORTEST_S else word
