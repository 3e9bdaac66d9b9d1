"""Moods as people name them: which emotion a word means, which times and strengths are possible, what fits a clip."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ..errors import InputError
from .emotion import LABELS
from .take import Mood

SHORTEST_S = 0.05
"""A mood lasts at least this long: less is no time for a face to take it on."""

_ALSO = {
    "neutrality": "neutral", "none": "neutral", "calmness": "calm", "relaxed": "calm", "content": "calm",
    "happiness": "happy", "joy": "happy", "joyful": "happy", "sadness": "sad", "grief": "sad", "anger": "angry",
    "fear": "fearful", "afraid": "fearful", "scared": "fearful", "anxious": "fearful", "disgusted": "disgust",
    "surprise": "surprised", "amazement": "surprised",
}  # fmt: skip


def label_of(name: str) -> str:
    """The label (emotion.LABELS) that a name in any case, or another word for it, means. Raises InputError."""
    plain = name.strip().lower()
    if plain in LABELS:
        return plain
    if plain in _ALSO:
        return _ALSO[plain]
    near = get_close_matches(plain, [*LABELS, *_ALSO], 1, 0.7)
    known = f"it may be: {', '.join(LABELS)}"
    raise InputError(f"'{name.strip()}' is no known emotion", f"did you mean {near[0]}? {known}" if near else known)


def mood(start: float, end: float, label: str, strength: float = 1.0) -> Mood:
    """A Mood of checked values; raises InputError."""
    if not end - start >= SHORTEST_S - 1e-9:
        why = "ends before it starts" if end < start else f"is shorter than {SHORTEST_S:g} s"
        raise InputError(f"{label} from {start:g} to {end:g} s {why}", "give the start first, then the end")
    if not 0 <= strength <= 1:
        raise InputError(f"the strength of {label} at {start:g} s is {strength:g}", "it is from 0 to 1, such as 0.8")
    return Mood(float(start), float(end), label_of(label), float(strength))


def fitted(
    moods: Iterable[Mood], seconds: float, leave_out: bool = False
) -> tuple[tuple[Mood, ...], list[str]]:
    """The moods of a clip of `seconds` in order, and what was cut off at its ends, in words.

    One that lies beyond it raises InputError, or is left out and told in words where that is asked for.
    """
    found, notes = [], []
    for one in sorted(moods):
        start, end = max(one.start, 0.0), min(one.end, seconds)
        was = f"{one.label} from {one.start:g} to {one.end:g} s"
        if end - start < SHORTEST_S - 1e-9:
            hint = f"the clip is 0 to {seconds:.3f} s; times count from its start"
            if not leave_out:
                raise InputError(f"{was} lies outside the clip", hint)
            notes.append(f"{was} lies outside the clip and is left out: {hint}")
            continue
        if (start, end) != one[:2] and max(one.end - end, start - one.start) > 0.001:
            notes.append(f"{was} is cut to the clip: {start:g} to {end:.3f} s")
        found.append(one._replace(start=start, end=end))
    return tuple(found), notes
