"""Lids slide over eyes, not through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from .mesh import SAMPLES, Mesh, unit

if TYPE_CHECKING:
    from .make import Fit

LID = 0.008
"""Skin keeps its distance from the eye up to this (over the span)."""
GRAZE = 0.001
"""Halfway it may come this near."""
REACH = 1.4
"""Skin this near to an eye's middle (over the eye's size) is looked at."""
ROUNDS = 6
"""A push is spread over neighbours so often."""


def kept_out(surface: Mesh, moved: np.ndarray, whole: Mesh, fitted: Fit) -> np.ndarray:
    """float (K, v, 3): what is to be added to displacements of the skin (K, v, 3), so that no lid cuts an eye."""
    out = np.zeros_like(moved)
    eye = fitted.eyes[whole.triangles].all(1)
    if not eye.any():
        return out
    places = np.einsum("sc,tcd->std", SAMPLES, whole.points[whole.triangles[eye]]).reshape(-1, 3)
    middle = np.median(places[:, 0])
    for side in (places[:, 0] > middle, places[:, 0] <= middle):
        if side.any():
            _push(surface, moved, places[side], fitted.span, out)
    return out


def _push(surface: Mesh, moved: np.ndarray, eye: np.ndarray, span: float, out: np.ndarray) -> None:
    """Adds to `out`: pushes from the eye's middle (of a flat one: behind it), as far as skin would be too near."""
    low, high = eye.min(0), eye.max(0)
    size = (high - low)[:2].max()
    centre = (low + high) / 2 - [0, 0, max(0.0, (size - (high - low)[2]) / 2)]
    rays = eye - centre
    length = np.linalg.norm(rays, axis=1)
    tree = cKDTree(unit(rays))

    def clearance(points: np.ndarray) -> np.ndarray:
        ray = points - centre
        away = np.linalg.norm(ray, axis=1)
        far, near = tree.query(unit(ray), k=4)
        # beside a flat eye there is nothing to stay clear of
        return np.where(far[:, 0] < 0.15, away - length[near].max(1), np.inf)

    about = np.flatnonzero(np.linalg.norm(surface.points - centre, axis=1) < REACH * size)
    rest = clearance(surface.points[about])
    over = (rest > 0) & np.isfinite(rest)
    about, rest = about[over], rest[over]
    joined = surface.stiffness()
    weight = joined.diagonal()
    for k in range(len(moved)):
        if not np.abs(moved[k, about]).max(initial=0.0) > 1e-4 * span:
            continue
        end, halfway = (surface.points[about] + part * moved[k, about] for part in (1.0, 0.5))
        # a key moves in a straight line, which cuts the ball: what is missing halfway is made up for at the end
        along = np.maximum((unit(end - centre) * unit(halfway - centre)).sum(1), 0.5)
        cut = (np.minimum(rest, GRAZE * span) - clearance(halfway)) / (0.5 * along)
        short = np.maximum(np.minimum(rest, LID * span) - clearance(end), cut)
        need = np.zeros(len(surface.points))
        # nothing comes nearer than it moves: more is a corner of the eye's outline
        need[about] = np.clip(short, 0, np.linalg.norm(moved[k, about], axis=1))
        # no step where the push ends
        wide = need.copy()
        for _ in range(ROUNDS):
            wide = np.maximum(need, wide - (joined @ wide) / np.maximum(weight, 1e-12))
        out[k] += wide[:, None] * unit(surface.points + moved[k] - centre)
