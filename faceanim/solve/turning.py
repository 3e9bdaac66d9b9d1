"""What is read of a face changes as the head turns, though the face does not: that part is told apart, and taken out.

A face moves seldom, then by much, and in many coefficients at once; what is read wrong changes as slowly as the head
turns, and is nothing in a face seen from the front. What was read is divided into the two as is most probable, with a
Laplace prior on the face's changes, in part on those of all coefficients together (Yuan & Lin 2006), and a Gaussian one
on the error and its changes.
"""

from __future__ import annotations

import numpy as np

from ..core.tridiagonal import solved
from .expression import BLINK, EXPRESSION, REGIONS
from .neighbours import alike, lasting

SPEECH = ("jawOpen", "mouthClose", "mouthFunnel", "mouthLower", "mouthPress", "mouthPucker",
          "mouthRollUpper", "mouthSmile", "mouthStretch", "mouthUpper")  # fmt: skip
SPOKEN = np.array([name.startswith(SPEECH) for name in EXPRESSION])
"""Speech moves these all the time, also while the head turns."""
SILENT, TALKING, AROUND_S = 0.1, 0.25, 0.75
"""Whose mouth opens and shuts by no more than the first in a second is silent, from the second on he talks; within so
many seconds."""
OPENS = 0.4
"""A radian of turn may be what a jaw seems to open or shut by as much."""
TALK, STEADY = 10.0, 300.0
"""The Laplace prior of a coefficient's changes from frame to frame: one over their usual size; in speech, and else."""
TOGETHER = 3.0
"""How much the mean change of all coefficients of a region counts in that of each."""
BLINK_S = 0.7
"""Lids are looked at as they are in the median over so many seconds where they are shut further, so that blinks are
left alone."""
TURN_S = 0.12
"""The head's turns are averaged over about so long: what trembles is the landmarks."""
DRIFT, WRONG, AHEAD = 0.16, 0.7, 0.02
"""The Gaussian prior of the error: it changes by DRIFT in a radian of turn, and by the root of that in less; its
deviation is AHEAD in a face seen from the front, and WRONG more for every 45 degrees beyond FROM."""
FROM, UNIT = np.radians(4.0), np.radians(45.0)
NODS = 0.5
"""What a nod counts, where a turn to the side, which hides half of the face, counts 1."""
NOISE, STILL = 0.005, 1e-3
"""A change of this size is none; and what the error changes by from frame to frame though the head keeps still."""
APART_S = 0.15
"""Frames further apart do not follow each other."""
ROUNDS = 10
"""Of reweighted least squares."""


def unturned(values: np.ndarray, turn: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Coefficients (N, len(EXPRESSION)) without what the turns of the head (N, 2), yaw and pitch in radians, made of
    them; times (N,) in seconds."""
    turn = turn * [1, NODS]
    if len(values) < 2 or np.linalg.norm(turn, axis=1).max() < FROM:
        return values
    turn = alike(turn, times, np.full(2, TURN_S), np.full(turn.shape, np.inf))
    away = np.linalg.norm(turn, axis=1)
    wrong = AHEAD + WRONG * (away - FROM).clip(0) / UNIT
    turned = np.linalg.norm(np.diff(turn, axis=0), axis=1)
    follows = (np.diff(times) < APART_S)[:, None]
    drifts = follows / (DRIFT**2 * turned + STILL**2)[:, None]
    held = values.copy()
    held[:, BLINK] = np.minimum(values[:, BLINK], lasting(values[:, BLINK], times, BLINK_S))
    change = np.diff(held, axis=0)
    steady = _steady(change, turned, times)
    error = np.zeros_like(values)
    for _ in range(ROUNDS):
        stays = follows * steady / _size(change - np.diff(error, axis=0))
        both = stays + drifts
        diagonal = np.repeat(1 / wrong[:, None] ** 2, values.shape[1], 1)
        diagonal[1:] += both
        diagonal[:-1] += both
        pulled = np.zeros_like(values)
        pulled[1:] += stays * change
        pulled[:-1] -= stays * change
        error = solved(diagonal, -both, pulled)
    return values - error


def _steady(change: np.ndarray, turned: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(N - 1, len(EXPRESSION)): the Laplace prior of the changes between frames, in which the head turned (N - 1,)."""
    opened = np.abs(change[:, EXPRESSION.index("jawOpen")] - change[:, EXPRESSION.index("mouthClose")])
    total, ends = np.r_[0, np.cumsum(opened - OPENS * turned)], (times[1:] + times[:-1]) / 2
    first, last = (np.searchsorted(times, ends + side * AROUND_S).clip(0, len(times) - 1) for side in (-1, 1))
    rate = (total[last] - total[first]) / (times[last] - times[first]).clip(1e-3)
    talks = np.clip((rate - SILENT) / (TALKING - SILENT), 0, 1)[:, None] * SPOKEN
    return STEADY * (TALK / STEADY) ** talks


def _size(change: np.ndarray) -> np.ndarray:
    """Like changes (N - 1, len(EXPRESSION)): what each is taken for, by itself and by those that come with it."""
    square = change**2 + NOISE**2
    for columns in REGIONS.values():
        square[:, columns] += TOGETHER * (change[:, columns] ** 2).mean(1, keepdims=True)
    return np.sqrt(square)
