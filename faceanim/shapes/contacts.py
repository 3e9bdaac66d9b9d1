"""Lids and lips: which points meet, and that they do on another head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from .mesh import Mesh

if TYPE_CHECKING:
    from .make import Fit

BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
OPENING, CLOSING = "jawOpen", "mouthClose"
MET = 0.15
"""Points have met that come nearer than this share of how far apart they lay (and of how far they moved)."""


@dataclass(frozen=True)
class Pairs:
    """Vertices that meet: upper and lower int (P,), lids bool (P,): lids that close, else lips that lie together."""

    upper: np.ndarray
    lower: np.ndarray
    lids: np.ndarray


def meeting(skin: Mesh, keys: Mapping[str, np.ndarray]) -> Pairs:
    """Pairs on a mesh with keys (V, 3 each)."""
    found = [lid_pairs(skin, keys[name]) for name in BLINKS if name in keys]
    lids = sum(len(a) for a, _ in found)
    if OPENING in keys:
        found.append(lip_pairs(skin, keys[OPENING]))
    upper, lower = (np.concatenate([f[i] for f in found] or [np.empty(0, int)]).astype(int) for i in (0, 1))
    return Pairs(upper, lower, np.arange(len(upper)) < lids)


def lid_pairs(skin: Mesh, blink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of what the blink moves: whose nearest point afterwards was far before, on the other side of the slit."""
    length = np.linalg.norm(blink, axis=1)
    most = length.max(initial=0.0)
    if most <= 0:
        return np.empty(0, int), np.empty(0, int)
    moved = np.flatnonzero(length > 0.05 * most)
    after = skin.points[moved] + blink[moved]
    near, which = cKDTree(after).query(after, k=min(12, len(after)))
    before = np.linalg.norm(skin.points[moved][which] - skin.points[moved][:, None], axis=2)
    met = (before > 0.25 * most) & (near < MET * before)
    near = np.where(met, near, np.inf)
    best = near.argmin(1)
    ok = np.isfinite(near[np.arange(len(near)), best])
    a, b = moved[ok], moved[which[np.arange(len(near)), best]][ok]
    up = skin.points[a, 1] > skin.points[b, 1]
    return _once(np.where(up, a, b), np.where(up, b, a))


def lip_pairs(skin: Mesh, opening: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whose near neighbours part when the mouth opens."""
    most = np.linalg.norm(opening, axis=1).max(initial=0.0)
    if most <= 0:
        return np.empty(0, int), np.empty(0, int)
    about = np.flatnonzero(np.linalg.norm(opening, axis=1) > 0.02 * most)
    points = skin.points[about]
    near, which = cKDTree(points).query(points, k=min(16, len(points)))
    part = np.linalg.norm(opening[about][which] - opening[about][:, None], axis=2)
    found = (near < 0.06 * most) & (part > 0.2 * most)
    # the nearest of those that part
    near = np.where(found, near, np.inf)
    best = near.argmin(1)
    ok = np.isfinite(near[np.arange(len(near)), best])
    a, b = about[ok], about[which[np.arange(len(near)), best]][ok]
    falls = opening[a, 1] < opening[b, 1]
    return _once(np.where(falls, b, a), np.where(falls, a, b))


def _once(upper: np.ndarray, lower: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.unique(np.column_stack([upper, lower]), axis=0) if len(upper) else np.empty((0, 2), int)
    return pairs[:, 0], pairs[:, 1]


def kept(pairs: Pairs, source: Mesh, target: Mesh, deltas: np.ndarray,
         scale: float) -> tuple[sparse.csr_matrix, np.ndarray]:
    """(rows (P, V), apart (K, P, 3)): how each pair moves apart on the target.

    Lids as on the source, turned and scaled so that the gap between them is the target's: what closes there closes
    here. Lips by the scale alone, as they lie together at rest. The same for every key, so keys that cancel out
    still do.
    """
    rows = _differences(pairs.upper, pairs.lower, len(source.points))
    apart = deltas[:, pairs.upper] - deltas[:, pairs.lower]
    before = source.points[pairs.upper] - source.points[pairs.lower]
    after = target.points[pairs.upper] - target.points[pairs.lower]
    turned = np.einsum("pij,kpj->kpi", _turns(before, after), apart)
    return rows, np.where(pairs.lids[None, :, None], turned, scale * apart)


def on_target(surface: Mesh, which: np.ndarray, fitted: Fit, names: tuple[str, ...], deltas: np.ndarray,
              first: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """(rows (P, v), apart (K, P, 3)): how points of lids and lips move apart on the target, which moves as `first`."""
    lids = _rim_pairs(surface, which, fitted, names, deltas)
    lips = _closing(surface, fitted, names, deltas, first)
    rows = sparse.vstack([lids[0], lips[0]]).tocsr()
    return rows, np.concatenate([lids[1], lips[1]], 1)


def _rim_pairs(surface: Mesh, which: np.ndarray, fitted: Fit, names: tuple[str, ...],
               deltas: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """The rims of the lids as on the reference, over the target's own gap; what closes the eye closes it wholly."""
    ours, theirs = fitted.lids
    each = ours.shape[0] // max(len(fitted.sides), 1)
    upper = np.concatenate([np.arange(s * each + 2, (s + 1) * each, 2) for s in range(len(fitted.sides))] or [[]])
    upper = upper.astype(int)
    source, target = ours[upper] - ours[upper + 1], (theirs[upper] - theirs[upper + 1])[:, which]
    before, after = source @ fitted.rest, target @ surface.points
    turned = _turns(before, after)
    apart = np.stack([np.einsum("pij,pj->pi", turned, source @ d) for d in deltas]) if len(upper) else np.zeros(
        (len(names), 0, 3))
    for side, name in zip(("Left", "Right"), BLINKS, strict=True):
        if side in fitted.sides and name in names:
            mine = upper // each == fitted.sides.index(side)
            apart[names.index(name), mine] = -after[mine]
    return target, apart


def _closing(surface: Mesh, fitted: Fit, names: tuple[str, ...], deltas: np.ndarray,
             first: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Lips: mouthClose takes back of jawOpen's parting what it takes back on the reference, all else as it is."""
    none = sparse.csr_matrix((0, len(surface.points))), np.zeros((len(names), 0, 3))
    if OPENING not in names or CLOSING not in names:
        return none
    opening, closing = names.index(OPENING), names.index(CLOSING)
    share = taken_back(fitted.source, deltas[opening][fitted.which], deltas[closing][fitted.which])
    upper, lower = lip_pairs(surface, first[opening])
    if not len(upper) or not share:
        return none
    rows = _differences(upper, lower, len(surface.points))
    apart = first[:, upper] - first[:, lower]
    apart[closing] = -share * apart[opening]
    return rows, apart


def taken_back(skin: Mesh, opening: np.ndarray, closing: np.ndarray) -> float:
    """How much of what jawOpen parts mouthClose brings together (1: all), 0 where there are no lips."""
    upper, lower = lip_pairs(skin, opening)
    if not len(upper):
        return 0.0
    opened, closed = opening[upper] - opening[lower], closing[upper] - closing[lower]
    return float(-(opened * closed).sum() / (opened**2).sum())


def _differences(upper: np.ndarray, lower: np.ndarray, size: int) -> sparse.csr_matrix:
    count = len(upper)
    columns = np.r_[upper, lower]
    return sparse.csr_matrix(
        (np.r_[np.ones(count), -np.ones(count)], (np.tile(np.arange(count), 2), columns)), (count, size)
    )


def _turns(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(P, 3, 3) the least turn and the scale that carry each vector onto its other (Rodrigues)."""
    a, b = np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1)
    u, v = before / np.maximum(a, 1e-12)[:, None], after / np.maximum(b, 1e-12)[:, None]
    axis, cosine = np.cross(u, v), (u * v).sum(1)
    skew = np.zeros((len(u), 3, 3))
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    skew -= skew.transpose(0, 2, 1)
    turn = np.eye(3) + skew + skew @ skew / np.maximum(1 + cosine, 1e-3)[:, None, None]
    return turn * (b / np.maximum(a, 1e-12))[:, None, None]
