"""The plane between the two sides of a face: the one in which it is mirrored onto itself.

What moves is mirrored and laid onto the skin by soft correspondences (Myronenko and Song 2010, coherent point drift,
whose rigid step is a reflection here), so the sides need not have the same keys.
"""

from __future__ import annotations

import numpy as np

from .fields import Moving, kernel, middles

STAGES = (0.3, 0.25, 15), (0.2, 0.2, 10), (0.12, 0.16, 10)
"""Width of the correspondences, cells of the face, both over the size of what moves, and rounds at most."""
AROUND = 4.0
"""So far from what moves skin is looked at: a body that is posed is no more alike on both sides."""
LIKELY = 0.3
"""Radians."""
ASIDE = np.linspace(-1.5, 1.5, 13)
"""Where the plane may lie from the middle of what moves."""


def normal(moved: Moving, start: np.ndarray) -> np.ndarray:
    """float (3,), of length 1: what is normal to the plane, from a start within LIKELY of it; a round head may have
    none so near, the start is returned then."""
    skin = moved.piece == np.bincount(moved.piece, moved.area).argmax()
    own, area = moved.points[skin].astype(float), moved.area[skin]
    centre = np.average(own, axis=0, weights=area)
    size = np.sqrt(np.average(((own - centre) ** 2).sum(1), weights=area))
    own, every = (own - centre) / size, (moved.skin - centre) / size
    near = (every**2).sum(1) < AROUND**2
    every, every_area = every[near], moved.skin_area[near]
    start = start / np.linalg.norm(start)
    found, step = start, STAGES[0][1]
    off = _off(middles(own, area, step)[0], middles(every, every_area, step)[0], start)
    for width, step, rounds in STAGES:
        (x, x_area), (y, y_area) = middles(own, area, step), middles(every, every_area, step)
        for _ in range(rounds):
            before = found
            pull = kernel(_mirrored(x, found, off), y, width) * y_area
            whole = pull.sum(1)
            towards = (pull @ y) / (whole + 1e-12)[:, None]
            weight = x_area * np.minimum(whole / np.median(whole), 1)
            a, b = np.average(x, axis=0, weights=weight), np.average(towards, axis=0, weights=weight)
            moment = ((x - a) * weight[:, None]).T @ (towards - b)
            found = np.linalg.eigh(moment + moment.T)[1][:, 0]
            found = found * np.sign(found @ before)
            off = float(found @ (a + b)) / 2
            if np.abs(found - before).max() < 1e-4:
                break
    return found if found @ start > np.cos(LIKELY) else start


def _off(x: np.ndarray, y: np.ndarray, across: np.ndarray) -> float:
    """How far along its normal the plane lies in which points (N, 3) are mirrored onto others (M, 3) best."""
    return max(ASIDE, key=lambda off: kernel(_mirrored(x, across, off), y, STAGES[0][0]).max(1).sum())


def _mirrored(points: np.ndarray, across: np.ndarray, off: float) -> np.ndarray:
    return points - 2 * (points @ across - off)[:, None] * across
