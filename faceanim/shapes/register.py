"""A reference head laid onto another by landmarks and shape: non-rigid registration.

First by landmarks alone: a similarity (Umeyama 1991) and a smooth warp of space (biharmonic spline, Duchon 1977). Then
the skin by its nearest points, stiff at first and softer with every stage (as in Amberg, Romdhani and Vetter 2007),
with the bending of the field of displacements as stiffness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist

from .mesh import Finder, Mesh, Nearest

STAGES = ((30.0, 1.0), (10.0, 0.5), (3.0, 0.3), (1.0, 0.15), (0.3, 0.1), (0.1, 0.05), (0.1, 0.03))
"""Stiffness, and the weight of a landmark against all points around it."""
ROUNDS = 2
"""Nearest points are looked for so often in each stage."""
REACH = 0.12
"""How far a nearest point may lie at first, over the distance between the outer corners of the eyes."""
FACING = 0.5
"""Nearest points face within 60 degrees of each other."""
WARP_POINTS = 700


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(A (3, 3), b (3,)): source @ A.T + b is nearest to target; turn, one scale, shift."""
    middle, goal = source.mean(0), target.mean(0)
    a, b = source - middle, target - goal
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, -1.0 if np.linalg.det(u @ vt) < 0 else 1.0])
    turn = (u * sign) @ vt
    scale = (s * sign).sum() / max((a**2).sum(), 1e-30)
    return scale * turn, goal - scale * turn @ middle


class Warp:
    """A smooth map of space that carries points onto others: a shift and |r| about each point; ease lets it miss."""

    def __init__(self, source: np.ndarray, target: np.ndarray, ease: float = 0.0):
        self.middle, self.scale = source.mean(0), max(np.ptp(source, axis=0).max(), 1e-30)
        self._points = (source - self.middle) / self.scale
        count = len(source)
        grid = cdist(self._points, self._points)
        # |r| is conditionally negative definite: the ease is subtracted
        one = np.ones((count, 1))
        whole = np.block([[grid - ease * np.eye(count), one], [one.T, np.zeros((1, 1))]])
        right = np.vstack([target - source, np.zeros((1, 3))])
        self._weights = np.linalg.lstsq(whole, right, rcond=1e-10)[0]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        out = np.empty_like(points)
        for first in range(0, len(points), 4096):
            x = (points[first : first + 4096] - self.middle) / self.scale
            near = cdist(x, self._points)
            basis = np.column_stack([near, np.ones(len(x))])
            out[first : first + 4096] = points[first : first + 4096] + basis @ self._weights
        return out


@dataclass(frozen=True)
class Laid:
    """points (V, 3): the reference's skin on the target; residual (V,): to the nearest point of it, NaN where none
    faces as it should; nearest: there."""

    points: np.ndarray
    residual: np.ndarray
    nearest: Nearest


def lay(
    skin: Mesh,
    target: Mesh,
    marks: np.ndarray,
    goals: np.ndarray,
    firm: np.ndarray,
    span: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Laid:
    """The skin (already near the target) onto it.

    marks  float (M, V) sparse: landmarks as weighted vertices of the skin; goals (M, 3) on the target;
           firm (M,): what each weighs
    span   between the outer corners of the eyes
    """
    finder = Finder(target, 0.1 * span)
    open_edge = np.zeros(len(target.points), bool)
    open_edge[target.rims.ravel()] = True
    bend = skin.stiffness()
    points, steps = skin.points, len(STAGES) * ROUNDS
    # a vertex in a dense place counts for less
    share = skin.masses / skin.masses.mean()
    share = np.clip(share, 0.05, 4)
    fabric = bend.T @ sparse.diags(1 / share) @ bend
    for step in range(steps):
        stiff, weight = STAGES[step // ROUNDS]
        now = skin.moved(points)
        near = finder.nearest(points, now.normals)
        reach = REACH * span * (1 - 0.8 * step / steps)
        trust = _trust(near, target, open_edge, reach)
        # a landmark weighs as a share of all vertices
        pull = sparse.diags(firm * np.where(firm > 1, 1.0, weight) * len(points) / max(len(goals), 1) * 0.05)
        data = sparse.diags(share * trust)
        matrix = stiff * fabric + data + marks.T @ pull @ marks + 1e-6 * sparse.eye(len(points))
        right = data @ (near.points - points) + marks.T @ pull @ (goals - marks @ points)
        points = points + solver(matrix)(right)
        progress((step + 1) / steps)
    now = skin.moved(points)
    near = finder.nearest(points, now.normals)
    rightly = _trust(near, target, open_edge, REACH * span) > 0.2
    return Laid(points, np.where(rightly, near.distance, np.nan), near)


def _trust(near: Nearest, target: Mesh, open_edge: np.ndarray, reach: float) -> np.ndarray:
    """0..1: less for what is far or faces away, none at the target's open edges, where nothing continues."""
    corner = target.triangles[near.triangle]
    beyond = ((near.weights > 1e-6) <= open_edge[corner]).all(1)
    trust = 1 / (1 + (near.distance / (0.4 * reach)) ** 2)
    trust[(near.distance > reach) | (near.facing < FACING) | beyond] = 0
    return trust


def solver(matrix: sparse.spmatrix) -> Callable[[np.ndarray], np.ndarray]:
    """One factorisation of a symmetric positive matrix; solves for any number of right-hand sides."""
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "options": {"SymmetricMode": True}, "diag_pivot_thresh": 0.0}
    return splu(matrix.tocsc(), **symmetric).solve


def spread_sample(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of some points, spread evenly: by a grid that is made finer until there are enough."""
    low = points.min(0)
    size = max(np.ptp(points, axis=0).max(), 1e-30)
    for cells in range(4, 200, 2):
        cell = np.floor((points - low) / size * cells).astype(int)
        _, first = np.unique(cell, axis=0, return_index=True)
        if len(first) >= count or len(first) == len(points):
            return first
    return first


def follow(points: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where points go that lie among others (before) which went elsewhere (after)."""
    some = spread_sample(before, WARP_POINTS)
    return Warp(before[some], after[some], ease=1e-3)(points)

