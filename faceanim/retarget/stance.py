"""Which way a head stands and looks, told by what its keys move: for characters that no armature tells it of."""

from __future__ import annotations

import numpy as np

from ..core.mapping import Mapping
from .lips import Surface, displacement, pose

RISING = {
    "browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0, "mouthUpperUpLeft": 1.0,
    "mouthUpperUpRight": 1.0, "eyeBlinkLeft": -1.0, "eyeBlinkRight": -1.0, "jawOpen": -1.0,
}  # fmt: skip
"""Channels that move skin up (1) or down (-1)."""
SIDED = ("eyeBlink", "browOuterUp", "browDown", "mouthSmile", "mouthFrown")
CHANNELS = frozenset((*RISING, *(f"{name}{side}" for name in SIDED for side in ("Left", "Right"))))
"""All that is looked at."""
UPRIGHT, STRAIGHT = 0.8, 0.95
"""A direction whose cosine with an axis is larger is that axis: keys tell it by some degrees, and people set heads
straight."""


def looking(surface: Surface, mapping: Mapping) -> np.ndarray | None:
    """float64 (3, 3): own left, up and out of the face in the surface's axes, as columns; None where keys do not tell.

    Up is where brows rise, lids and jaw fall. A jaw that opens goes back as well, so the face looks the other way; left
    is from what moves on one side to what moves on the other, unless that would have it look back.
    """
    moved = {}
    for channel in sorted(CHANNELS):
        delta = displacement(surface, pose(mapping, **{channel: 1.0}))
        if np.abs(delta).max(initial=0.0) > 0:
            moved[channel] = delta
    rise = [sign * _unit(moved[c].sum(0)) for c, sign in RISING.items() if c in moved]
    if not rise or np.linalg.norm(np.sum(rise, 0)) < 0.5 * len(rise):
        return None
    up = _snapped(_unit(np.sum(rise, 0)), UPRIGHT)
    out = _level(-moved["jawOpen"].sum(0), up) if "jawOpen" in moved else np.zeros(3)
    apart = [
        _centre(surface, moved[f"{name}Left"]) - _centre(surface, moved[f"{name}Right"])
        for name in SIDED if f"{name}Left" in moved and f"{name}Right" in moved
    ]  # fmt: skip
    left = _level(np.sum(apart, 0), up) if apart else np.cross(up, out)
    if np.cross(left, up) @ out < -0.5:
        left = -left
    left = _level(_snapped(left, STRAIGHT), up)
    if not left.any():
        return None
    return np.stack([left, up, np.cross(left, up)], 1)


def _centre(surface: Surface, delta: np.ndarray) -> np.ndarray:
    """The middle of what moves, by how far it does."""
    far = np.linalg.norm(delta, axis=1)
    return far @ surface.points / far.sum()


def _unit(vector: np.ndarray) -> np.ndarray:
    vector = np.asarray(vector, float)
    return vector / max(np.linalg.norm(vector), 1e-12)


def _level(direction: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The unit vector across `up`, 0 where there is none."""
    direction = np.asarray(direction, float)
    level = direction - up * (direction @ up)
    return _unit(level) if np.linalg.norm(level) > 0.1 * np.linalg.norm(direction) else np.zeros(3)


def _snapped(direction: np.ndarray, enough: float) -> np.ndarray:
    """A unit vector: the axis nearest to a direction where the cosine between them is enough."""
    nearest = int(np.abs(direction).argmax())
    if abs(direction[nearest]) < enough:
        return direction
    return np.eye(3)[nearest] * np.sign(direction[nearest])
