"""From the laid reference to the target's own vertices: skin by its surface, pieces by what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from . import contacts, eyeballs, pieces
from .head import Solid
from .mesh import Finder, Mesh
from .register import follow, solver

if TYPE_CHECKING:
    from .make import Fit

NEAR, FAR = 0.1, 0.35
"""Skin is carried wholly where the reference lies this near, not at all where it lies that far (over the span)."""
TEAR = 4.0
"""An edge that a key stretches to so many times its length joins points that were laid on different lips or lids."""
FIRM = 3.0
CONTACT = 300.0


def all_follow(reference: Solid, which: np.ndarray, before: np.ndarray, after: np.ndarray, warp) -> np.ndarray:
    """float (V, 3): all of the reference near the target, its other pieces in their place behind and on the skin."""
    out = follow(warp(reference.mesh.points), before, after)
    out[which] = after
    return out[reference.welded]


def carried(target: Solid, reference: Solid, fitted: Fit, names: tuple[str, ...], deltas: np.ndarray,
            moved: np.ndarray) -> np.ndarray:
    """float (K, V, 3) for all vertices of the target."""
    out = np.zeros((len(names), len(target.points), 3))
    whole = target.whole
    used = np.zeros(len(target.points), bool)
    used[whole.triangles.ravel()] = True
    surface, which = whole.part(used & fitted.skin)
    grown = pieces.tongue_on_skin(target.kinds[which], surface, reference, fitted, deltas)
    skin = on_skin(surface, which, whole, fitted, names, deltas, moved, grown)
    out[:, which] = skin
    out = out[:, target.welded]
    rest, values = pieces.moved(target, surface, skin, reference, fitted, names, deltas)
    out[:, rest] = values
    return out


def on_skin(surface: Mesh, which: np.ndarray, whole: Mesh, fitted: Fit, names: tuple[str, ...], deltas: np.ndarray,
            moved: np.ndarray, grown: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """float (K, v, 3): as the laid reference nearest to each vertex moves, smoothly where that is not known; what has
    `grown` on it (vertices (n,), float (K, n, 3)) as is said.

    Lids and lips meet on the target itself: solved once without them, then with what that leaves open; and once more
    where lids had to be kept out of the eyes.
    """
    near = Finder(fitted.laid, 0.1 * fitted.span).nearest(surface.points, surface.normals)
    there = np.stack([near.carried(fitted.laid, m) for m in moved])
    far = np.clip((near.distance / fitted.span - NEAR) / (FAR - NEAR), 0, 1)
    trust = FIRM * (1 - far) ** 2 * np.clip(near.facing, 0, 1)
    trust[_torn(surface, there)] = 0
    stay = near.distance > 2 * FAR * fitted.span
    there[:, grown[0]], trust[grown[0]], stay[grown[0]] = grown[1], FIRM, False
    smooth = surface.stiffness()
    fabric = smooth.T @ smooth + 1e-3 * smooth
    base = (fabric + sparse.diags(trust + stay + 1e-7)).tocsc()
    flat = there.transpose(1, 0, 2).reshape(len(surface.points), -1)

    def shaped(columns: np.ndarray) -> np.ndarray:
        return columns.reshape(len(surface.points), len(moved), 3).transpose(1, 0, 2)

    solve = solver(base)
    first = solve(trust[:, None] * flat)
    rows, apart = contacts.on_target(surface, which, fitted, names, deltas, shaped(first))
    if not rows.shape[0]:
        return shaped(first) + eyeballs.kept_out(surface, shaped(first), whole, fitted)
    goal = apart.transpose(1, 0, 2).reshape(rows.shape[0], -1)
    close = solver(base + CONTACT * (rows.T @ rows))

    def closed(columns: np.ndarray) -> np.ndarray:
        """With what is missing, spread smoothly around."""
        return columns + close(CONTACT * (rows.T @ (goal - rows @ columns)))

    met = closed(first)
    out = eyeballs.kept_out(surface, shaped(met), whole, fitted)
    return shaped(closed(met + out.transpose(1, 0, 2).reshape(met.shape)))


def _torn(surface: Mesh, there: np.ndarray) -> np.ndarray:
    """bool (v,): of the vertices at each torn edge those that fit their other neighbours less."""
    a, b = surface.edges.T
    length = np.linalg.norm(surface.points[a] - surface.points[b], axis=1)
    stretch = np.linalg.norm(there[:, a] - there[:, b], axis=2).max(0) / np.maximum(length, 0.2 * np.median(length))
    torn = stretch > TEAR
    count = np.bincount(np.r_[a[torn], b[torn]], minlength=len(surface.points))
    degree = np.bincount(np.r_[a, b], minlength=len(surface.points))
    share = count / np.maximum(degree, 1)
    bad = np.zeros(len(surface.points), bool)
    worse = np.where(share[a] >= share[b], a, b)
    bad[worse[torn]] = True
    return bad
