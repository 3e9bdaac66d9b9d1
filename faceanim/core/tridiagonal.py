"""Symmetric tridiagonal systems, by Thomas's algorithm."""

from __future__ import annotations

import numpy as np


def solved(diagonal: np.ndarray, off: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x of the system with diagonal (N,), off[i] between unknowns i and i + 1 (N - 1,), and right-hand side (N,); or of
    C systems side by side, (N, C), (N - 1, C) and (N, C)."""
    # plain numbers are faster than arrays of one
    d, o, r = (a.tolist() if a.ndim == 1 else list(a) for a in (diagonal, off, right))
    for i in range(1, len(d)):
        w = o[i - 1] / d[i - 1]
        d[i] = d[i] - w * o[i - 1]
        r[i] = r[i] - w * r[i - 1]
    r[-1] = r[-1] / d[-1]
    for i in range(len(d) - 2, -1, -1):
        r[i] = (r[i] - o[i] * r[i + 1]) / d[i]
    return np.array(r)
