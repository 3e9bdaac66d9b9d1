"""Moods as marks on whole frames, as an animator moves them on a timeline, and marks as moods again.

"happy 0.8" begins a mood of that strength ("happy" alone: full), "end happy" ends it; without an end it lasts to the
next beginning. Edges that still stand on their frame keep their exact time: frames are coarser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..errors import InputError
from .marks import Scale
from .moods import SHORTEST_S, label_of, mood
from .take import Mood

_END = re.compile(r"end(?:\s+(.+))?|(.+)\s+end", re.IGNORECASE)
_BEGIN = re.compile(r"([^\W\d_]+)(?:\s*[\s:,]\s*(\d*\.?\d+)\s*(%?))?")


class Mark(NamedTuple):
    """A marker that bears a mood's name or its end."""

    frame: int
    name: str


class _Said(NamedTuple):
    """What a name says: label "" where an end does not name it; strength None for an end."""

    label: str
    strength: float | None


def marks(moods: Iterable[Mood], scale: Scale) -> list[Mark]:
    """Two marks a mood, in order of time."""
    found = []
    for one in moods:
        first = scale.frame(one.start)
        name = one.label if one.strength >= 0.995 else f"{one.label} {round(one.strength, 2):g}"
        found += [Mark(first, name), Mark(max(scale.frame(one.end), first + 1), f"end {one.label}")]
    return sorted(found, key=lambda mark: (mark.frame, not mark.name.startswith("end ")))


def speaks(name: str) -> bool:
    """Whether a marker of that name may be one of a mood."""
    try:
        return _said(name) is not None
    except InputError:
        return True


def moods(found: Iterable[Mark], was: Sequence[Mood], seconds: float, scale: Scale) -> tuple[Mood, ...]:
    """The moods that marks say, in order; `was`: those that they were made from. `seconds`: the clip's end.

    An end ends the mood of its name that began first, or, where that was renamed, one that no end names. An end that
    nothing began and a mood outside the clip are passed over. Raises InputError for a strength that is none.
    """
    row = sorted((mark.frame, said.strength is not None, mark, said) for mark in found if (said := _said(mark.name)))
    begins = [(mark, said) for _, begin, mark, said in row if begin]
    ends: list[Mark | None] = [None] * len(begins)
    waiting = [(mark, said) for _, begin, mark, said in row if not begin]
    for named in (True, False):
        for mark, said in list(waiting):
            open_ = [i for i, (b, s) in enumerate(begins) if ends[i] is None and b.frame < mark.frame
                     and (said.label == s.label if named else True)]  # fmt: skip
            if open_:
                ends[open_[0] if named else open_[-1]] = mark
                waiting.remove((mark, said))
    result = []
    for i, (mark, said) in enumerate(begins):
        later = [b.frame for b, _ in begins if b.frame > mark.frame]
        start = _exact(mark.frame, said.label, was, scale, 0)
        if ends[i] is not None:
            end = _exact(ends[i].frame, said.label, was, scale, 1)
        else:
            end = scale.seconds(later[0]) if later else seconds
        start, end = max(start, 0.0), min(end, seconds)
        if end - start >= SHORTEST_S:
            result.append(mood(start, end, said.label, _strength(mark.frame, said, was, scale)))
    return tuple(sorted(result))


def _exact(frame: int, label: str, was: Sequence[Mood], scale: Scale, edge: int) -> float:
    """The time of the edge (0 start, 1 end) that stood on this frame, else the frame's."""
    same = sorted((one.label != label, one[edge]) for one in was if scale.frame(one[edge]) == frame)
    return same[0][1] if same else scale.seconds(frame)


def _strength(frame: int, said: _Said, was: Sequence[Mood], scale: Scale) -> float:
    """The strength as it was where the name, which rounds it, still says so."""
    for one in was:
        if one.label == said.label and abs(one.strength - said.strength) <= 0.005 and scale.frame(one.start) == frame:
            return one.strength
    return said.strength


def _said(name: str) -> _Said | None:
    """None for a name that is no mood's. Raises InputError for a strength outside 0..1."""
    name = name.strip()
    if found := _END.fullmatch(name):
        label = (found[1] or found[2] or "").strip()
        return _Said(_label(label), None) if not label or _label(label) else None
    found = _BEGIN.fullmatch(name)
    if not found or not _label(found[1]):
        return None
    strength = 1.0 if found[2] is None else float(found[2]) / (100 if found[3] else 1)
    if not 0 <= strength <= 1:
        raise InputError(f"the marker '{name}' has a strength of {strength:g}", "it is from 0 to 1, as in happy 0.8")
    return _Said(_label(found[1]), strength)


def _label(name: str) -> str:
    try:
        return label_of(name)
    except InputError:
        return ""
