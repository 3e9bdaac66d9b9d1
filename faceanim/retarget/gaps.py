"""Measures the contacts of a mouth: how far lips, teeth and jaw are apart, frame by frame, and whether that will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..core.events import JAW, LIPS, TEETH, Event
from .lips import COLUMNS, Mouth

CLOSED = 0.01
"""Lips are closed up to this much further apart than at rest, in widths of the mouth (half a millimetre of 50)."""
CROSSED = 0.06
"""Lips that go further than this through each other cross; soft lips overlap when they press (3 mm of 50)."""
TOUCHED = 0.04
"""The lower lip touches the upper teeth when it comes this near to them, or is no further off than at rest."""
SAME = 0.001
"""It is no further off than at rest up to this, in widths of the mouth: the reduction of keys (0.05 mm of 50)."""
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
    return Gaps(apart(mouth, points), crossing(mouth, points), to_teeth(mouth, points), jaw_down(mouth, points))


def apart(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """Gaps.lips (F,) of points (F, P, 3)."""
    at_rest = _apart(mouth, mouth.points[None])
    if np.median(at_rest) > PARTED:
        at_rest = np.minimum(at_rest, PARTED)
    return (_blocks(_apart, mouth, points) - at_rest).max(1)


def crossing(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """Gaps.cross (F,) of points (F, P, 3)."""
    at_rest = np.minimum(_room(mouth, mouth.points[None]), 0)
    return np.maximum(at_rest - _blocks(_room, mouth, points), 0).max(1)


def to_teeth(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """Gaps.teeth (F,) of points (F, P, 3)."""
    if mouth.teeth.stop == mouth.teeth.start:
        return np.full(len(points), np.nan, np.float32)
    return np.median(_blocks(_teeth_distance, mouth, points), axis=1)


def jaw_down(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """Gaps.jaw (F,) of points (F, P, 3)."""
    return (mouth.points[mouth.chin, 1] - points[:, mouth.chin, 1]).mean(1) / mouth.drop


def _blocks(function: Callable[[Mouth, np.ndarray], np.ndarray], mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """A function's (F, C) of many points, a part at a time: what fits the processor's cache is quicker."""
    parts = [function(mouth, points[i : i + BLOCK]) for i in range(0, len(points), BLOCK)]
    return np.concatenate(parts) if parts else np.zeros((0, COLUMNS), np.float32)


def _apart(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """float32 (F, C): the height between the lips at each place along the mouth, as it is seen from the front.

    Points of the two lips are compared where they lie above each other; where none do, the lips' edges are.
    """
    upper, lower = points[:, mouth.upper, :2] / mouth.width, points[:, mouth.lower, :2] / mouth.width
    gaps = []
    for above, below in zip(*mouth.columns, strict=True):
        off = upper[:, above][:, :, None] - lower[:, below][:, None]
        beside, high = np.abs(off[..., 0]) > BESIDE, off[..., 1]
        seen = np.where(beside, np.inf, high).min((1, 2))
        gaps.append(np.where(np.isfinite(seen), seen, high.min((1, 2))))
    return np.stack(gaps, 1)


def _room(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """float32 (F, C): the height between what lies above each other in depth as well, inf where nothing does."""
    upper, lower = points[:, mouth.upper] / mouth.width, points[:, mouth.lower] / mouth.width
    room = []
    for above, below in zip(*mouth.columns, strict=True):
        off = upper[:, above][:, :, None] - lower[:, below][:, None]
        beside = (np.abs(off[..., ::2]) > BESIDE).any(-1)
        room.append(np.where(beside, np.inf, off[..., 1]).min((1, 2)))
    return np.stack(room, 1)


def _teeth_distance(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """float32 (F, C): from the lower lip to the nearest of the upper teeth."""
    lower, teeth = points[:, mouth.lower] / mouth.width, points[:, mouth.teeth] / mouth.width
    middle = teeth.mean(1, keepdims=True)  # near the origin, where squares are exact enough
    lower, teeth = lower - middle, teeth - middle
    square = (lower**2).sum(2)[:, :, None] + (teeth**2).sum(2)[:, None] - 2 * lower @ np.swapaxes(teeth, 1, 2)
    nearest = np.sqrt(np.maximum(square.min(2), 0))
    return np.stack([nearest[:, column].min(1) for column in mouth.columns[1]], 1)


def may_cross(mouth: Mouth, values: np.ndarray, depth: float) -> np.ndarray:
    """bool (F,): where lips may cross by `depth` at the controls' values (F, K): quick, and False is sure."""
    flat = mouth.deltas[:, :, 1]
    heights = mouth.points[:, 1] + values.astype(np.float32) @ flat
    upper, lower = heights[:, mouth.upper], heights[:, mouth.lower]
    over = [lower[:, b].max(1) - upper[:, a].min(1) for a, b in zip(*mouth.columns, strict=True)]
    return np.max(over, axis=0) > depth * mouth.width


def rest(mouth: Mouth) -> Gaps:
    return measure(mouth, mouth.points[None])


def check(mouth: Mouth, gaps: Gaps, times: np.ndarray, events: Iterable[Event]) -> list[Contact]:
    """How LIPS, TEETH and JAW events come out on frames at times (F,): each at the frame, of those within it widened by
    TOLERANCE_S (half a frame at least), that comes nearest to its contact. An event outside all frames is left out."""
    at_rest = rest(mouth)
    has_teeth = bool(np.isfinite(at_rest.teeth[0]))
    kinds = {
        LIPS: (gaps.lips, CLOSED),
        TEETH: (gaps.teeth, teeth_limit(at_rest)) if has_teeth else (gaps.lips, NO_TEETH),
        JAW: (gaps.jaw, NARROW),
    }
    found = [nearest(event, *kinds[event.kind], times) for event in events if event.kind in kinds]
    return [contact for contact in found if contact is not None]


def nearest(event: Event, values: np.ndarray, limit: float, times: np.ndarray) -> Contact | None:
    """How an event comes out whose measure is `values` (F,) at times (F,), as in `check`; None outside all frames."""
    frame = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    wider = max(TOLERANCE_S, 0.51 * frame)
    first, last = np.searchsorted(times, (event.start - wider, event.end + wider))
    if first >= last:
        return None
    best = first + int(values[first:last].argmin())
    return Contact(event, float(times[best]), float(values[best]), limit)


def teeth_limit(at_rest: Gaps) -> float:
    """A lip thick of its own lies off the teeth by that much at rest already."""
    return max(TOUCHED, float(at_rest.teeth[0]) + SAME)


def shortcomings(mouth: Mouth) -> list[str]:
    """What this mouth cannot show, whatever its controls do; in words for the user."""
    notes = []
    parted = float(np.median(_apart(mouth, mouth.points[None])))
    if parted > PARTED:
        notes.append(f"the lips are {parted:.0%} of the mouth's width apart at rest")
        if not closing(mouth):
            notes.append("no control brings the lips together: this character cannot close its mouth")
    if mouth.teeth.stop == mouth.teeth.start:
        notes.append("no upper teeth are found: f and v are measured against the upper lip")
    return notes


def closing(mouth: Mouth) -> bool:
    """Whether some control brings lips together that rest parted."""
    ones = np.eye(len(mouth.controls), dtype=np.float32)
    return bool((apart(mouth, mouth.posed(ones)) < rest(mouth).lips - CLOSED).any())
