"""Least squares: the constants with which solved mouths move like those that were seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .constants import Constants
from .corpora import Mouths

PRIOR = 20.0
"""What one spread away from the preset before costs, in frames that are off by one standard deviation."""
ROBUST = 2.0
"""Standard deviations beyond which a frame counts less and less: trackers and aligners err."""
STEP = 0.05
GAIN = (0.5, 2.0)
"""Faces and cameras differ by such a gain at most; it is free, for each measure of each corpus."""


def fit(
    constants: Constants, corpora: Sequence[Mouths], rounds: int = 8, say: Callable[[str], None] = print
) -> np.ndarray:
    """The best point (N,) by Gauss and Newton with damping (Levenberg, Marquardt), from 0."""
    x = np.zeros(len(constants))
    off = residuals(constants, corpora, x)
    cost, damping = off @ off, 0.1
    for round_ in range(rounds):
        slope = np.array([residuals(constants, corpora, x + STEP * e) - off for e in np.eye(len(x))]).T / STEP
        square, down = slope.T @ slope, slope.T @ off
        for _ in range(6):
            step = np.clip(-np.linalg.solve(square + damping * PRIOR * np.eye(len(x)), down), -1, 1)
            tried = residuals(constants, corpora, x + step)
            if tried @ tried < cost:
                break
            damping *= 8
        else:
            break
        gained = 1 - (tried @ tried) / cost
        x, off, cost, damping = x + step, tried, tried @ tried, max(damping / 3, 0.05)
        say(f"round {round_ + 1}: {cost:.1f}")
        if gained < 1e-3:
            break
    return x


def residuals(constants: Constants, corpora: Sequence[Mouths], x: np.ndarray) -> np.ndarray:
    """float (R,): how far solved mouths are off, in standard deviations of what was seen, and x from the preset."""
    visemes, delay = constants.visemes(x)
    found = []
    for mouths in corpora:
        solved = mouths.centred(mouths.solved(visemes, delay))
        for made, seen, weight in zip(solved.T, mouths.varied.T, mouths.weights, strict=True):
            gain = (
                np.clip((made @ seen) / (made @ made + 1e-9), *GAIN)
                if np.isnan(mouths.delay)
                else ((made @ seen) / (made @ made + 1e-9))
            )
            off = (seen - gain * made) / seen.std()
            found.append(np.sqrt(weight / np.hypot(1, off / ROBUST)) * off)
    return np.concatenate([*found, np.sqrt(PRIOR) * x])


def correlations(mouths: Mouths, solved: np.ndarray) -> np.ndarray:
    """float (C, M): Pearson's r of solved and seen measures of every clip, between its first and last word."""
    found = []
    for i in range(len(mouths.names)):
        rows = (mouths.clip == i) & mouths.inside
        pairs = zip(solved[rows].T, mouths.measured[rows].T, strict=True)
        found.append([_r(made, seen) for made, seen in pairs])
    return np.array(found)


def _r(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 9 and min(a.std(), b.std()) > 1e-9 else np.nan
