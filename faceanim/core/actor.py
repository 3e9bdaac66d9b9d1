"""Actor: how one person's face rests and how far it moves, learned once and used for every video of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Actor:
    """A preset.

    points  float32 (478, 3): the landmarks at rest, in head space (solve.pose)
    pose    float32 (3,): yaw, pitch, roll in radians, as the head was held then
    crops   uint8 (features.crops.PIXELS,): small pictures of the face at rest, or None
    gains   channel to factor: what this person's face does, times this, is an expression in full; others count 1
    """

    points: np.ndarray
    pose: np.ndarray
    crops: np.ndarray | None = None
    gains: Mapping[str, float] = field(default_factory=dict)
    name: str = ""
