"""What is read of a face changes as the head turns, though the face does not: that part is told apart, and taken out.

A face moves seldom, and then by much; what is read wrong changes as slowly as the head turns, and is nothing in a face
seen from the front. What was read is divided into the two as is most probable, with a Laplace prior on the face's
changes and a Gaussian one on the error and its changes.
"""

from __future__ import annotations

import numpy as np

from ..core.tridiagonal import solved
from .expression import BLINK, EXPRESSION

SPEECH = ("jawOpen", "mouthClose", "mouthFunnel", "mouthLower", "mouthPress", "mouthPucker",
          "mouthRollUpper", "mouthSmile", "mouthStretch", "mouthUpper")  # fmt: skip
SPOKEN = np.array([name.startswith(SPEECH) for name in EXPRESSION])
"""Speech moves these all the time, also while the head turns."""
SILENT, TALKING, AROUND_S = 0.1, 0.25, 0.75
"""Whose mouth opens and shuts by no more than the first in a second is silent, from the second on he talks; within so
many seconds."""
TALK, STEADY = 10.0, 200.0
"""The Laplace prior of a coefficient's changes from frame to frame: one over their usual size; in speech, and else."""
BLINK_S = 0.7
"""Lids are looked at as they are in the median over so many seconds, so that blinks are left alone."""
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
    held = values.copy()
    held[:, BLINK] = lasting(values[:, BLINK], times, BLINK_S)
    change = np.diff(held, axis=0)
    steady = _steady(change, times)
    error = np.zeros_like(values)
    for _ in range(ROUNDS):
        stays = follows * steady / np.hypot(change - np.diff(error, axis=0), NOISE)
        both = stays + drifts
        diagonal = np.repeat(1 / wrong[:, None] ** 2, values.shape[1], 1)
        diagonal[1:] += both
        diagonal[:-1] += both
        pulled = np.zeros_like(values)
        pulled[1:] += stays * change
        pulled[:-1] -= stays * change
        error = solved(diagonal, -both, pulled)
    return values - error


def _steady(change: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(N - 1, len(EXPRESSION)): the Laplace prior of the changes between frames."""
    opened = np.abs(change[:, EXPRESSION.index("jawOpen")] - change[:, EXPRESSION.index("mouthClose")])
    total, ends = np.r_[0, np.cumsum(opened)], (times[1:] + times[:-1]) / 2
    first, last = (np.searchsorted(times, ends + side * AROUND_S).clip(0, len(times) - 1) for side in (-1, 1))
    rate = (total[last] - total[first]) / (times[last] - times[first]).clip(1e-3)
    talks = np.clip((rate - SILENT) / (TALKING - SILENT), 0, 1)[:, None] * SPOKEN
    return STEADY * (TALK / STEADY) ** talks


def lasting(values: np.ndarray, times: np.ndarray, seconds: float) -> np.ndarray:
    """The running median of values (N, C) over so many seconds."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else seconds
    reach = int(seconds / max(step, 1e-3) / 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0), axis=-1)
