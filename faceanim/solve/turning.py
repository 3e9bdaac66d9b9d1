"""What is read of a face changes as the head turns, though the face does not: that part is told apart, and taken out.

A face moves seldom, and then by much; what is read wrong changes as slowly as the head turns, and is nothing in a face
seen from the front. What was read is divided into the two as is most probable, with a Laplace prior on the face's
changes and a Gaussian one on the error and its changes.
"""

from __future__ import annotations

import numpy as np

from ..core.tridiagonal import solved
from .expression import EXPRESSION

QUICK = ("eyeBlink", "jawOpen", "mouthClose", "mouthFunnel", "mouthLower", "mouthPress", "mouthPucker",
         "mouthRollUpper", "mouthSmile", "mouthStretch", "mouthUpper")  # fmt: skip
"""Blinks and speech move these all the time, also while the head turns."""
STEADY = np.array([10.0 if name.startswith(QUICK) else 100.0 for name in EXPRESSION])
"""The Laplace prior of a coefficient's changes from frame to frame: one over their usual size."""
DRIFT, WRONG, AHEAD = 0.15, 0.3, 0.02
"""The Gaussian prior of the error: it changes by DRIFT in a radian of turn, and by the root of that in less; its
deviation is AHEAD in a face seen from the front, and WRONG more for every 45 degrees beyond FROM."""
FROM, UNIT = np.radians(5.0), np.radians(45.0)
NOISE = 0.005
"""A change of this size is none."""
APART_S = 0.15
"""Frames further apart do not follow each other."""
ROUNDS = 10
"""Of reweighted least squares."""


def unturned(values: np.ndarray, turn: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Coefficients (N, len(EXPRESSION)) without what the turns of the head (N, 2), yaw and pitch in radians, made of
    them; times (N,) in seconds."""
    away = np.linalg.norm(turn, axis=1)
    if len(values) < 2 or away.max() < FROM:
        return values
    wrong = AHEAD + WRONG * (away - FROM).clip(0) / UNIT
    turned = np.linalg.norm(np.diff(turn, axis=0), axis=1)
    follows = (np.diff(times) < APART_S)[:, None]
    drifts = follows / (DRIFT**2 * turned + 1e-5)[:, None]
    change = np.diff(values, axis=0)
    error = np.zeros_like(values)
    for _ in range(ROUNDS):
        stays = follows * STEADY / np.hypot(change - np.diff(error, axis=0), NOISE)
        both = stays + drifts
        diagonal = np.repeat(1 / wrong[:, None] ** 2, values.shape[1], 1)
        diagonal[1:] += both
        diagonal[:-1] += both
        pulled = np.zeros_like(values)
        pulled[1:] += stays * change
        pulled[:-1] -= stays * change
        error = solved(diagonal, -both, pulled)
    return values - error
