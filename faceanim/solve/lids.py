"""The lids: how far they are shut, wide or squinting, against the eye's own opening at rest."""

from __future__ import annotations

import numpy as np

SHUT_GAP = 0.15
"""What the landmarks still leave between shut lids, of the gap at rest."""
SHUT_LIFT = 0.012
"""How much the lower lid rises by shutting the eye alone, in eye distances."""
HALF = 1.3
"""Exponent: half-shut lids are read too far shut, for the lashes hide what is left of the gap."""
WIDE, SQUINT = 0.035, 0.035
"""The rise of the upper and of the lower lid at which eyeWide and eyeSquint are 1."""
WITH_GAZE = 0.35
"""How much of the gap the upper lid covers by following the eye down, per eyeLookDown."""


def lids(
    gap: np.ndarray, upper: np.ndarray, lower: np.ndarray, rest: tuple[float, float, float], down: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(blink, wide, squint) (N,) 0..1 of one eye.

    gap, upper, lower  (N,) measures lidGap, lidUpper, lidLower (see solve.measure); rest: the same three at rest
    down               (N,) eyeLookDown 0..1, which takes the upper lid along
    """
    shut = np.clip((rest[0] - gap) / ((1 - SHUT_GAP) * max(rest[0], 0.03)), 0, 1)
    blink = np.clip(shut - WITH_GAZE * down * (1 - shut), 0, 1) ** HALF
    wide = np.clip((upper - rest[1]) / WIDE, 0, 1)
    squint = np.clip((lower - rest[2] - SHUT_LIFT * shut) / SQUINT, 0, 1)
    return blink, wide, squint
