"""Opens a mouth as far as the channels say, where whole shapes of the mouth, bones of the lips or few keys drive it.

Visemes are made to look right each on its own; mixed and gated, they open the lips more or less than is meant. Each
frame goes towards a shut mouth or towards a wide open one, as far as it takes, so that the lips are apart by the wanted
share of the character's own range. Bones of lips go by amounts that are the same for all faces, and how much of that
the skin takes on, and how far it parts as the jaw sinks, is a matter of its weights: there the lips alone are lifted
off each other, or brought together, as far as it takes. Where a face has nothing for some of the channels that
part the lips, the jaw does it for them. The share is continuous in time, and so is the way.
"""

from __future__ import annotations

import numpy as np

from ..core.mapping import Mapping
from ..core.rig import parse_control
from ..core.track import Track
from . import gaps
from .contact import Solver
from .lips import OPEN, Mouth, pose

PARTS = {
    "jawOpen": 1.0, "mouthClose": -1.0, "mouthFunnel": 0.37, "mouthLowerDownLeft": 0.14, "mouthLowerDownRight": 0.14,
    "mouthUpperUpLeft": 0.12, "mouthUpperUpRight": 0.12,
}  # fmt: skip
"""How far each channel parts the lips of the reference head at a mouth a little open, over a wide open mouth."""

LIFT = {name: 1.0 for name in PARTS if name.endswith(("Left", "Right"))}
"""The pose that parts the lips without the jaw, as far as they go."""


def wanted(track: Track) -> np.ndarray:
    """float (F,): how far the channels part the lips, 0 as at rest, 1 as in a wide open mouth."""
    return np.clip(sum(weight * track.column(name) for name, weight in PARTS.items()), 0, 1)


def widest(mouth: Mouth, mapping: Mapping) -> tuple[np.ndarray, float]:
    """The controls' values float32 (1, K) of a wide open mouth, and how far its lips are apart (gaps.apart)."""
    wide = pose(mapping, **OPEN)
    most = np.array([[wide.get(name, 0.0) for name in mouth.controls]], np.float32)
    return most, float(gaps.apart(mouth, mouth.posed(most))[0])


def follow(track: Track, mapping: Mapping, mouth: Mouth, share: np.ndarray) -> Track:
    """The track of controls with the lips apart by `share` (F,) of a wide open mouth, by visemes, lip bones, or the jaw
    for what is not there; keys for all channels are left as they are."""
    if not track.frames or not set(mouth.controls) <= set(track.channels):
        return track
    solver = Solver.of(mouth, mapping)
    columns = [track.index(name) for name in mouth.controls]
    values = track.values[:, columns]
    most, full = widest(mouth, mapping)
    free = solver.blended & (solver.opens | (most[0] > 0))
    lift = np.zeros_like(most) if free.any() else _lift(mouth, mapping)
    if full <= gaps.CLOSED or not (free.any() or lift.any()):
        return track
    asked = share * full
    apart = solver.at(gaps.apart, values)
    rows = np.flatnonzero(np.abs(apart - asked) > 0.25 * gaps.CLOSED)
    if not len(rows):
        return track
    now = values[rows]
    shut, opened = np.where(free, 0, now), np.where(free, most, now)
    if lift.any():
        limits = np.array([(t.minimum, t.maximum) for t in map(mapping.targets.get, mouth.controls)], np.float32).T
        shut, opened = np.clip(now - lift, *limits), np.clip(now + lift, *limits)
    too_far = (apart > asked)[rows, None]
    result = track.values.copy()
    between = np.where(too_far, shut, now), np.where(too_far, now, opened)
    result[np.ix_(rows, columns)] = solver.parted(*between, asked[rows])
    return track.with_values(result)


def _lift(mouth: Mouth, mapping: Mapping) -> np.ndarray:
    """float32 (1, K): how lips that are moved by bones are lifted off each other, by these alone, or by the jaw where
    something lacks that does it; 0 for lips that have keys for all."""
    lifted = {name: value for name, value in pose(mapping, **LIFT).items() if parse_control(name)}
    if not lifted.keys() & set(mouth.controls):
        driven = {channel for name in mouth.controls for channel in mapping.targets[name].weights}
        lifted = {} if driven >= PARTS.keys() - OPEN.keys() - {"mouthClose"} else pose(mapping, **OPEN)
    return np.array([[lifted.get(name, 0.0) for name in mouth.controls]], np.float32)
