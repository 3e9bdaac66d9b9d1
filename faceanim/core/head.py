"""A head as arrays: all its meshes in one, what its vertices are of, its shape keys and its landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

UNKNOWN, EYE, TEETH, TONGUE, HAIR = range(5)
"""What a vertex is said to be of, by the names of its object, material or bone. UNKNOWN is told by geometry."""


@dataclass(frozen=True)
class Head:
    """points float (V, 3): x to its own left, y up, z out of the face, any unit; triangles int (T, 3).

    keys       channel to float (V, 3): displacements; of a plain head empty
    colours    float (V, 3), 0..1, or None; kinds int8 (V,), see above, or None
    landmarks  name (see NAMED) or number of MediaPipe's to a point (3,)
    """

    points: np.ndarray
    triangles: np.ndarray
    keys: Mapping[str, np.ndarray] = field(default_factory=dict)
    colours: np.ndarray | None = None
    kinds: np.ndarray | None = None
    landmarks: Mapping[str | int, np.ndarray] = field(default_factory=dict)


NAMED = {
    "eye_outer.L": 263, "eye_inner.L": 362, "eye_upper.L": 386, "eye_lower.L": 374,
    "eye_outer.R": 33, "eye_inner.R": 133, "eye_upper.R": 159, "eye_lower.R": 145,
    "brow_inner.L": 285, "brow_outer.L": 276, "brow_inner.R": 55, "brow_outer.R": 46,
    "nose_bridge": 168, "nose_tip": 1, "nose_base": 2, "nostril.L": 358, "nostril.R": 129,
    "mouth.L": 291, "mouth.R": 61, "lip_upper": 0, "lip_lower": 17, "lips_meet": 13,
    "chin": 152, "jaw.L": 397, "jaw.R": 172, "side.L": 454, "side.R": 234, "forehead": 10,
}  # fmt: skip
"""Landmarks that may be picked, with MediaPipe's numbers. L and R are the character's own."""
NEEDED = ("eye_outer.L", "eye_inner.L", "eye_outer.R", "eye_inner.R", "nose_tip", "mouth.L", "mouth.R", "chin")
"""Those without which none is used."""
