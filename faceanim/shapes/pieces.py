"""What is neither skin nor eye: teeth and tongue go with the reference's, lashes and brows with the skin below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from ..core.head import EYE, HAIR, TEETH, TONGUE, UNKNOWN
from .contacts import OPENING
from .head import Solid
from .mesh import Finder, Mesh
from .register import similarity

if TYPE_CHECKING:
    from .make import Fit

MOSTLY, INSIDE = 0.7, 0.3
"""A piece is of the mouth's inside that has skin before so much of it and lies so near to the reference's (over the
span)."""
NEAR = 0.045
"""Lashes and brows stand where the reference's do if they are that much like them (over the span)."""
SMALL = 0.15
"""A piece of this size (over the span) goes as a whole with where it stands."""
LARGE, JOIN = 1.0, 0.1
"""A piece larger than this follows the skin only as near to it as that (over the span)."""
WIDTH = 0.02
"""What is carried is smoothed over neighbours within this (over the span)."""
PARENTS = 24
BORDER, ROUNDS = 0.01, 20
"""How wide the border between what goes with the jaw and what does not is in gums (over the span), and how often who is
nearer is averaged."""


def moved(target: Solid, surface: Mesh, skin: np.ndarray, reference: Solid, fitted: Fit, names: tuple[str, ...],
          deltas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vertices (n,), float (K, n, 3)).

    surface, skin  the target's skin and its displacements (K, v, 3); deltas (K, V, 3) of the reference
    """
    rest = np.flatnonzero(~fitted.skin & ~fitted.eyes & (target.kinds != HAIR))
    out = np.zeros((len(deltas), len(rest), 3))
    if not len(rest):
        return rest, out
    points = target.mesh.points[rest]
    piece = np.unique(target.islands[rest], return_inverse=True)[1]
    done = _inside(target, rest, piece, surface, reference, fitted, names, deltas, out)
    on, at = cKDTree(surface.points).query(points)
    left = np.flatnonzero(~done & (on < fitted.span))
    if len(left):
        values = skin[:, _roots(piece[left], on[left], at[left], points[left], SMALL * fitted.span)]
        soft, parent = _parents(reference, fitted, deltas)
        if len(soft):
            away, place = cKDTree(fitted.warped[soft]).query(points[left])
            stand = parent[place]
            near = Finder(surface, 0.1 * fitted.span).nearest(fitted.laid.points[stand], fitted.laid.normals[stand])
            count = np.bincount(piece[left])
            alike = (np.bincount(piece[left], away) < NEAR * fitted.span * count)[piece[left]]
            # with the skin below, and beyond it as the reference's go beyond theirs
            beyond = deltas[:, soft[place]] - deltas[:, fitted.which[stand]]
            stood = np.stack([near.carried(surface, s) for s in skin]) + fitted.scale * beyond @ fitted.turn.T
            values = np.where(alike[:, None], stood, values)
        follows = _follows(points[left], piece[left], on[left], fitted.span)
        out[:, left] = smoothed(points[left], values, WIDTH * fitted.span) * follows[:, None]
    return rest, out


def _follows(points: np.ndarray, piece: np.ndarray, on: np.ndarray, span: float) -> np.ndarray:
    """0..1: lashes and brows wholly; of a large piece (a body, a collar) only what joins the skin."""
    count = piece.max() + 1
    high, low = np.full((count, 3), -np.inf), np.full((count, 3), np.inf)
    np.maximum.at(high, piece, points)
    np.minimum.at(low, piece, points)
    large = (high - low).max(1) > LARGE * span
    return np.where(large[piece], np.clip(1 - on / (JOIN * span), 0, 1) ** 2, 1.0)


def _inside(target: Solid, rest: np.ndarray, piece: np.ndarray, surface: Mesh, reference: Solid, fitted: Fit,
            names: tuple[str, ...], deltas: np.ndarray, out: np.ndarray) -> np.ndarray:
    """bool (n,): what is of the mouth's inside, and is now in `out`: teeth with a row of the reference's, as one;
    tongue and gums with what of it is nearest."""
    points, kinds = target.mesh.points[rest], target.kinds[rest]
    inner = np.flatnonzero(np.isin(reference.kinds, (TEETH, TONGUE)))
    if not len(inner):
        return np.zeros(len(points), bool)
    away, place = cKDTree(fitted.warped[inner]).query(points)
    count = np.bincount(piece)
    hidden = np.bincount(piece, _behind(surface, points)) > MOSTLY * count
    mouth = hidden & (np.bincount(piece, away) < INSIDE * fitted.span * count)
    mine = np.isin(kinds, (TEETH, TONGUE)) | mouth[piece]
    tongue = np.bincount(piece, np.where(kinds == UNKNOWN, reference.kinds[inner[place]], kinds) == TONGUE) > count / 2
    upper, lower = _rows(reference, names, deltas)
    if not len(upper) or not len(lower):
        upper = lower = inner
    low = _below(points, piece, mine & ~tongue[piece], fitted.warped[upper], fitted.warped[lower])
    beneath = np.union1d(lower, inner[reference.kinds[inner] == TONGUE])

    def carry(these: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        far, near = cKDTree(fitted.warped[among]).query(points[these])
        return far, fitted.scale * deltas[:, among[near]] @ fitted.turn.T

    for number in np.unique(piece[mine]):
        these = np.flatnonzero(piece == number)
        if not tongue[number]:
            _, there = carry(these, lower if low[number] else upper)
            out[:, these] = [_rigidly(points[these], d) if d.any() else d for d in there]
            continue
        # tongue and gums, of both rows in many files: a smooth border between what stays above and what goes along
        (over, above), (under, along) = carry(these, upper), carry(these, beneath)
        nearer = _spread(target.whole, rest[these], over - under)
        share = 1 / (1 + np.exp(-nearer / (BORDER * fitted.span)))[:, None]
        out[:, these] = smoothed(points[these], share * along + (1 - share) * above, WIDTH * fitted.span)
    return mine


def tongue_on_skin(kinds: np.ndarray, surface: Mesh, reference: Solid, fitted: Fit,
                   deltas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vertices (n,), float (K, n, 3)): a tongue in one piece with the skin (v vertices, of `kinds`), as it moves.

    It is said to be one, or lies behind the lips nearer to the reference's tongue than to anything else of it.
    """
    used = np.unique(reference.mesh.triangles)
    of_tongue = used[reference.kinds[used] == TONGUE]
    if not len(of_tongue):
        return np.empty(0, int), np.empty((len(deltas), 0, 3))
    away, near = cKDTree(fitted.warped[used]).query(surface.points)
    inside = (reference.kinds[used[near]] == TONGUE) & (away < INSIDE * fitted.span) & _behind(surface, surface.points)
    these = np.flatnonzero((kinds == TONGUE) | (inside & (kinds == UNKNOWN)))
    _, place = cKDTree(fitted.warped[of_tongue]).query(surface.points[these])
    return these, fitted.scale * deltas[:, of_tongue[place]] @ fitted.turn.T


def _rows(reference: Solid, names: tuple[str, ...], deltas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the reference's upper and lower teeth, told apart by jawOpen."""
    teeth = np.flatnonzero(reference.kinds == TEETH)
    if OPENING not in names or not len(teeth):
        return teeth[:0], teeth[:0]
    drop = np.linalg.norm(deltas[names.index(OPENING)][teeth], axis=1)
    lower = drop > drop.max() / 2
    return teeth[~lower], teeth[lower]


def _spread(mesh: Mesh, which: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of some vertices (whole pieces), averaged over their neighbours in the mesh several times."""
    whole = np.zeros(len(mesh.points))
    whole[which] = values
    joined = mesh.stiffness()
    weight = np.maximum(joined.diagonal(), 1e-12)
    for _ in range(ROUNDS):
        whole -= 0.5 * (joined @ whole) / weight
    return whole[which]


def _below(points: np.ndarray, piece: np.ndarray, teeth: np.ndarray, upper: np.ndarray,
           lower: np.ndarray) -> np.ndarray:
    """bool (pieces,): which pieces of teeth are of the lower row.

    Each leans toward the row that it is nearer to; the height that most agree on parts them, for teeth that interlock
    lean wrongly here and there.
    """
    out = np.zeros(piece.max() + 1, bool)
    numbers = np.unique(piece[teeth])
    if not len(numbers):
        return out
    lean = _mean(cKDTree(lower).query(points)[0] - cKDTree(upper).query(points)[0], piece)[numbers]
    order = np.argsort(_mean(points[:, 1], piece)[numbers])
    # so many from below are of the lower row
    agreed = np.r_[0, np.cumsum(-lean[order])] + np.r_[np.cumsum(lean[order][::-1])[::-1], 0]
    out[numbers[order[: int(agreed.argmax())]]] = True
    return out


def _mean(values: np.ndarray, piece: np.ndarray) -> np.ndarray:
    return np.bincount(piece, values) / np.maximum(np.bincount(piece), 1)


def _parents(reference: Solid, fitted: Fit, deltas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vertices of lashes, brows and the like, the vertex of the reference's skin that each stands on): the one nearby
    that moves most like it."""
    skin = np.unique(reference.islands[fitted.which])
    plain = ~np.isin(reference.kinds, (EYE, TEETH, TONGUE, HAIR)) & ~np.isin(reference.islands, skin)
    used = np.zeros(len(reference.points), bool)
    used[reference.mesh.triangles.ravel()] = True
    soft = np.flatnonzero(plain & used)
    if not len(soft):
        return soft, soft
    away, near = cKDTree(fitted.source.points).query(reference.points[soft], k=PARENTS)
    # every key counts alike, however far it moves
    own = deltas / np.maximum(np.linalg.norm(deltas, axis=2).max(1), 1e-30)[:, None, None]
    unlike = np.zeros_like(away)
    for delta in own:
        unlike += ((delta[fitted.which][near] - delta[soft][:, None]) ** 2).sum(2)
    cost = unlike + (away * fitted.scale / fitted.span) ** 2
    return soft, near[np.arange(len(soft)), cost.argmin(1)]


def _behind(surface: Mesh, points: np.ndarray) -> np.ndarray:
    """bool (n,): points with skin before them, as seen from the front."""
    front = np.flatnonzero(surface.normals[:, 2] > 0.2)
    _, near = cKDTree(surface.points[front, :2]).query(points[:, :2], k=min(8, len(front)))
    return points[:, 2] < surface.points[front[near], 2].reshape(len(points), -1).max(1)


def _roots(piece: np.ndarray, on: np.ndarray, at: np.ndarray, points: np.ndarray, small: float) -> np.ndarray:
    """Which vertex of the skin each vertex goes with: of a small piece (a hair) all with the one at its root."""
    order = np.lexsort((on, piece))
    first = order[np.r_[True, np.diff(piece[order]) > 0]]
    root = np.zeros(piece.max() + 1, int)
    root[piece[first]] = first
    far = np.linalg.norm(points - points[root[piece]], axis=1)
    reach = np.zeros(piece.max() + 1)
    np.maximum.at(reach, piece, far)
    return np.where(reach[piece] < small, at[root[piece]], at)


def _rigidly(points: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """The turn and shift nearest to a motion."""
    linear, shift = similarity(points, points + delta)
    scale = np.linalg.norm(linear) / np.sqrt(3)
    turn = linear / scale if scale > 1e-6 else np.eye(3)
    middle = points.mean(0)
    return (points - middle) @ turn.T + middle @ linear.T + shift - points


def smoothed(points: np.ndarray, values: np.ndarray, width: float) -> np.ndarray:
    """Values (K, n, 3) averaged over neighbours within some width."""
    count = min(8, len(points))
    away, which = cKDTree(points).query(points, k=count)
    away, which = away.reshape(len(points), -1), which.reshape(len(points), -1)
    weight = np.exp(-0.5 * (away / width) ** 2)
    weight /= weight.sum(1, keepdims=True)
    table = sparse.csr_matrix(
        (weight.ravel(), (np.repeat(np.arange(len(points)), count), which.ravel())), (len(points), len(points))
    )
    return np.stack([table @ v for v in values])
