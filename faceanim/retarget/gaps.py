"""Measures the contacts of a mouth: how far lips, teeth and jaw are apart, frame by frame, and whether that will do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..core.events import JAW, LIPS, TEETH, Event
from .lips import Mouth

CLOSED = 0.02
"""Lips are closed up to this much further apart than at rest, in widths of the mouth (1 mm of 50)."""
CROSSED = 0.06
"""Lips that go further than this through each other cross; soft lips overlap when they press (3 mm of 50)."""
TOUCHED = 0.04
"""The lower lip touches the upper teeth when it comes this near to them, or is no further off than at rest."""
NO_TEETH = 0.14
"""Without known teeth: how near the lower lip must be to the upper."""
NARROW = 0.35
"""At sibilants the jaw is down by no more than this share of a wide open mouth."""
PARTED = 0.03
"""Lips further apart at rest than this do not count as closed there."""
BESIDE = 0.05
"""Points further apart than this to the side, or in depth, do not meet."""
TOLERANCE_S = 0.04
"""An event may be met this much before or after; a lag of lips and sound is seen from 45 ms on (ITU-R BT.1359)."""
BLOCK = 256


@dataclass(frozen=True)
class Gaps:
    """All float32 (F,); lengths in widths of the mouth.

    lips    how far the lips are apart where they are so most, against rest (against touching where they rest parted)
    cross   how far they go through each other, 0 where they do not
    teeth   the lower lip's way to the upper teeth, beyond what it is at rest on a face whose lips lie on the teeth;
            NaN where the character has none
    jaw     how far the jaw is down: 1 as in a wide open mouth
    """

    lips: np.ndarray
    cross: np.ndarray
    teeth: np.ndarray
    jaw: np.ndarray


@dataclass(frozen=True)
class Contact:
    """How one Event came out: at `time` (s) its measure was `value`; it may be `limit` at most."""

    event: Event
    time: float
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.value <= self.limit


def measure(mouth: Mouth, points: np.ndarray) -> Gaps:
    """Gaps of points float32 (F, P, 3) in head space, in the order of `mouth.vertices`."""
    gap0, through0 = _between(mouth, mouth.points[None])
    parts = [_between(mouth, points[i : i + BLOCK]) for i in range(0, len(points), BLOCK)]
    gap, through = (np.concatenate([p[k] for p in parts] or [gap0[:0]]) for k in (0, 1))
    jaw = (mouth.points[mouth.chin, 1] - points[:, mouth.chin, 1]).mean(1) / mouth.drop
    return Gaps(
        (gap - np.minimum(gap0, PARTED)).max(1),
        np.maximum(np.minimum(through0, 0) - through, 0).max(1),
        np.concatenate([_to_teeth(mouth, points[i : i + BLOCK]) for i in range(0, len(points), BLOCK)] or [gap[:0, 0]]),
        jaw,
    )


def _between(mouth: Mouth, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 (F, C) each: the height between the lips, seen from the front; and between what meets in depth as well.

    Points of the two lips are compared where they lie above each other; where none do, the lips' edges are.
    """
    upper, lower = points[:, mouth.upper] / mouth.width, points[:, mouth.lower] / mouth.width
    gaps, through = [], []
    for above, below in zip(*mouth.columns, strict=True):
        off = upper[:, above][:, :, None] - lower[:, below][:, None]
        high, beside = off[..., 1], np.abs(off[..., 0]) > BESIDE
        seen = np.where(beside, np.inf, high).min((1, 2))
        gaps.append(np.where(np.isfinite(seen), seen, high.min((1, 2))))
        through.append(np.where(beside | (np.abs(off[..., 2]) > BESIDE), np.inf, high).min((1, 2)))
    return np.stack(gaps, 1), np.stack(through, 1)


def may_cross(mouth: Mouth, values: np.ndarray, depth: float) -> np.ndarray:
    """bool (F,): where lips may cross by `depth` at the controls' values (F, K): quick, and False is sure."""
    flat = mouth.deltas[:, :, 1]
    heights = mouth.points[:, 1] + values.astype(np.float32) @ flat
    upper, lower = heights[:, mouth.upper], heights[:, mouth.lower]
    over = [lower[:, b].max(1) - upper[:, a].min(1) for a, b in zip(*mouth.columns, strict=True)]
    return np.max(over, axis=0) > depth * mouth.width


def _to_teeth(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """float32 (F,): from the lower lip to the upper teeth, the median along the mouth."""
    if mouth.teeth.stop == mouth.teeth.start:
        return np.full(len(points), np.nan, np.float32)
    lower, teeth = points[:, mouth.lower] / mouth.width, points[:, mouth.teeth] / mouth.width
    square = (
        (lower**2).sum(2)[:, :, None] + (teeth**2).sum(2)[:, None] - 2 * np.einsum("fac,fbc->fab", lower, teeth)
    )
    nearest = np.sqrt(np.maximum(square.min(2), 0))
    return np.median([nearest[:, column].min(1) for column in mouth.columns[1]], axis=0).astype(np.float32)


def rest(mouth: Mouth) -> Gaps:
    return measure(mouth, mouth.points[None])


def check(mouth: Mouth, gaps: Gaps, times: np.ndarray, events: Iterable[Event]) -> list[Contact]:
    """How LIPS, TEETH and JAW events come out on frames at times (F,): each at the frame, of those within it widened by
    TOLERANCE_S, that comes nearest to its contact. An event outside all frames is left out."""
    at_rest = rest(mouth)
    has_teeth = bool(np.isfinite(at_rest.teeth[0]))
    kinds = {
        LIPS: (gaps.lips, CLOSED),
        TEETH: (gaps.teeth, teeth_limit(at_rest)) if has_teeth else (gaps.lips, NO_TEETH),
        JAW: (gaps.jaw, NARROW),
    }
    contacts = []
    for event in events:
        if event.kind not in kinds:
            continue
        values, limit = kinds[event.kind]
        first, last = np.searchsorted(times, (event.start - TOLERANCE_S, event.end + TOLERANCE_S))
        if first < last:
            best = first + int(values[first:last].argmin())
            contacts.append(Contact(event, float(times[best]), float(values[best]), limit))
    return contacts


def teeth_limit(at_rest: Gaps) -> float:
    """A lip thick of its own lies off the teeth by that much at rest already."""
    return max(TOUCHED, float(at_rest.teeth[0]))


def shortcomings(mouth: Mouth) -> list[str]:
    """What this mouth cannot show, whatever its controls do; in words for the user."""
    notes = []
    apart = float(_between(mouth, mouth.points[None])[0].max())
    if apart > PARTED + CLOSED:
        notes.append(f"the lips are {apart:.0%} of the mouth's width apart at rest")
        if not closing(mouth):
            notes.append("no control brings the lips together: this character cannot close its mouth")
    if mouth.teeth.stop == mouth.teeth.start:
        notes.append("no upper teeth are found: f and v are measured against the upper lip")
    return notes


def closing(mouth: Mouth) -> bool:
    """Whether some control brings lips together that rest parted."""
    ones = np.eye(len(mouth.controls), dtype=np.float32)
    return bool((measure(mouth, mouth.posed(ones)).lips < rest(mouth).lips - CLOSED).any())
