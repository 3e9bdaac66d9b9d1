"""Deformation transfer (Sumner and Popovic 2004): what each triangle does on one mesh, done by the same one of another.

As a Poisson problem over the target's triangles (Botsch, Sumner, Pauly and Gross 2006): one factorisation, a right-hand
side for each axis of each key.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .mesh import Mesh
from .register import solver

HOLD = 1e-2
"""How firmly what never moves stays (over the mean stiffness)."""
FIRM = 1e-4
"""The same for what moves: toward the reference's own displacement."""


def gradients(mesh: Mesh, moved: np.ndarray) -> np.ndarray:
    """float (T, 3, 3): what each triangle's frame (two edges, a normal) is turned into, S of Sumner and Popovic."""
    return _frames(mesh.moved(moved)) @ np.linalg.inv(_frames(mesh))


def _frames(mesh: Mesh) -> np.ndarray:
    a, b, c = mesh.corners.transpose(1, 0, 2)
    length = np.sqrt(np.maximum(np.linalg.norm(mesh.crosses, axis=1, keepdims=True), 1e-30))
    scale = max(float(np.median(length)), 1e-30)
    normal = np.where(length > 1e-6 * scale, mesh.crosses / length, [0.0, 0.0, scale])
    frames = np.stack([b - a, c - a, normal], 2)
    # a triangle without area is left alone
    flat = np.abs(np.linalg.det(frames)) < 1e-12 * scale**3
    frames[flat] = scale * np.eye(3)
    return frames


def transfer(source: Mesh, deltas: np.ndarray, target: Mesh, pairs: sparse.spmatrix, apart: np.ndarray,
             guess: np.ndarray) -> np.ndarray:
    """float (K, V, 3): displacements of the target, whose triangles are the source's.

    deltas  (K, V, 3) of the source
    pairs   sparse (P, V): rows of differences of vertices that are to be `apart` (K, P, 3): lips, lids
    guess   (K, V, 3): where its vertices would go if they went as the source's
    """
    slope = target.gradient()
    area = sparse.diags(np.repeat(target.areas, 3))
    tie = np.full(target.points.shape[0], FIRM)
    tie[np.abs(deltas).max((0, 2)) < 1e-6 * max(np.abs(deltas).max(initial=0.0), 1e-30)] = HOLD
    base = slope.T @ area @ slope
    mean = base.diagonal().mean()
    hold = sparse.diags(mean * tie)
    contact = 10 * mean
    solve = solver(base + hold + contact * (pairs.T @ pairs))
    plain = (slope @ target.points).reshape(-1, 3, 3)
    out = np.empty_like(deltas, dtype=np.float64)
    pull = slope.T @ area
    for k, delta in enumerate(deltas):
        turned = gradients(source, source.points + delta) - np.eye(3)
        # slope's rows are the axes of differentiation: (axis, component)
        right = pull @ np.einsum("tij,taj->tai", turned, plain).reshape(-1, 3)
        out[k] = solve(right + hold @ guess[k] + contact * (pairs.T @ apart[k]))
    return out
