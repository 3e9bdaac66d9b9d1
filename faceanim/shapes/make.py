"""All keys of a reference head, made on a head that has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from ..core.head import EYE, Head
from ..errors import CharacterError
from . import contacts, register
from .carry import all_follow, carried
from .eyes import LIDS, rims
from .head import Solid, skin_of
from .landmarks import Find, known, seen
from .measure import report
from .mesh import Finder, Mesh
from .transfer import transfer

Progress = Callable[[float, str], None]
EYE_CORNERS = 33, 263
EASE = 1e-2
"""How far landmarks may be missed: they lie on the skin within a pixel or two."""

FEWEST = 100
"""Triangles of a head at least."""
FRONTAL = 0.6
"""Cosine of how far a head may be turned out of the front view."""
DUST = 1e-3
"""Vertices that move less than this share of a key's largest motion stay where they are."""
RIM = 6.0
"""How much a point of a lid's rim weighs over a landmark."""


@dataclass(frozen=True)
class Fit:
    """The reference laid onto the target.

    source, laid  the reference's skin as it is and on the target
    which         its vertices in the reference; rest, warped float (V, 3): all of the reference, there and here
    skin          bool (V,) of the target; eyes bool (V,): what its lids close over
    span          between the outer corners of the target's eyes; scale, turn: target over reference
    residual      float (v,) of the skin, NaN where it has nothing to lie on
    lids          of the reference and of the target: see eyes.rims, one under the other
    """

    source: Mesh
    laid: Mesh
    which: np.ndarray
    rest: np.ndarray
    warped: np.ndarray
    skin: np.ndarray
    eyes: np.ndarray
    span: float
    scale: float
    turn: np.ndarray
    residual: np.ndarray
    lids: tuple[sparse.csr_matrix, sparse.csr_matrix]
    sides: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """keys: channel to float32 (V, 3) displacements of the target; report: see measure.report."""

    keys: Mapping[str, np.ndarray]
    report: Mapping[str, Any]
    fit: Fit


def fit(
    target: Solid, reference: Solid, goals: Mapping[int, np.ndarray], marks: Mapping[int, np.ndarray],
    progress: Callable[[float], None] = lambda fraction: None,
) -> Fit:
    """Landmarks (number to point): goals of the target, marks of the reference."""
    both = sorted(set(goals) & set(marks))
    source, aim = (np.array([m[i] for i in both]) for m in (marks, goals))
    linear, shift = register.similarity(source, aim)
    scale = float(np.cbrt(np.linalg.det(linear)))
    span = _span(goals, aim)
    skin, cover = _skin(reference, source, span / scale), _skin(target, aim, span)
    place = register.Warp(source @ linear.T + shift, aim, EASE)
    eye = eyes_of(target, cover, reference, place(reference.mesh.points @ linear.T + shift), span)
    ours, theirs = rims(reference, skin, reference.kinds == EYE, marks), rims(target, cover, eye, goals)
    sides = tuple(side for side in ours if side in theirs)
    lids = tuple(sparse.vstack([r[s] for s in sides]) if sides else sparse.csr_matrix((0, len(h.points)))
                 for r, h in ((ours, reference), (theirs, target)))
    # what is seen of the lids' rims is nearer to them than the landmarks about them
    free = np.array([not any(i in LIDS[s] for s in sides) for i in both])
    source = np.vstack([source[free], lids[0] @ reference.mesh.points])
    aim = np.vstack([aim[free], lids[1] @ target.mesh.points])
    firm = np.r_[np.ones(free.sum()), np.full(lids[0].shape[0], RIM)]
    place = register.Warp(source @ linear.T + shift, aim, EASE)

    used = _used(reference.whole) & skin
    own, which = reference.whole.part(used)
    near = place(own.points @ linear.T + shift)
    found = Finder(own, 0.01 * span / scale).nearest(source[: free.sum()], np.tile([0.0, 0.0, 1.0], (free.sum(), 1)))
    rows = np.repeat(np.arange(free.sum()), 3)
    table = sparse.csr_matrix(
        (found.weights.ravel(), (rows, own.triangles[found.triangle].ravel())), (free.sum(), len(own.points))
    )
    table = sparse.vstack([table, lids[0][:, which]]).tocsr()
    surface, _ = target.whole.part(_used(target.whole) & cover)
    laid = register.lay(own.moved(near), surface, table, aim, firm, span, progress)
    warped = all_follow(reference, which, near, laid.points, lambda p: place(p @ linear.T + shift))
    return Fit(
        own, own.moved(laid.points), which, reference.mesh.points, warped, cover, eye, span, scale, linear / scale,
        laid.residual, lids, sides,
    )  # fmt: skip


def _span(goals: Mapping[int, np.ndarray], aim: np.ndarray) -> float:
    if all(i in goals for i in EYE_CORNERS):
        return float(np.linalg.norm(goals[EYE_CORNERS[0]] - goals[EYE_CORNERS[1]]))
    return 0.6 * float(np.ptp(aim[:, 0]))


def eyes_of(target: Solid, skin: np.ndarray, reference: Solid, warped: np.ndarray, span: float) -> np.ndarray:
    """bool (V,): pieces said to be eyes, else those that lie where the reference's eyes are and not on the skin."""
    said = (target.kinds == EYE) & ~skin
    theirs = reference.kinds == EYE
    if said.any() or not theirs.any():
        return said
    points = target.mesh.points
    away = cKDTree(warped[theirs]).query(points)[0]
    on = cKDTree(points[skin]).query(points)[0]
    for island in np.unique(target.islands[~skin]):
        mine = target.islands == island
        if np.median(away[mine]) < min(0.15 * span, np.median(on[mine])):
            said |= mine
    return said


def _used(mesh: Mesh) -> np.ndarray:
    used = np.zeros(len(mesh.points), bool)
    used[mesh.triangles.ravel()] = True
    return used


def _skin(head: Solid, points: np.ndarray, span: float) -> np.ndarray:
    found = Finder(head.mesh, 0.01 * span).nearest(points, np.tile([0.0, 0.0, 1.0], (len(points), 1)))
    return skin_of(head, found.triangle)


def make(target: Head, reference: Head, find: Find, progress: Progress = lambda fraction, stage: None) -> Made:
    """The reference's keys on the target.

    find  the face landmarker, for a head that comes without landmarks
    Raises CharacterError where no face is found or landmarks are missing.
    """
    if not reference.keys:
        raise CharacterError("the reference has no face shape keys", "give a character that has ARKit's keys")
    if len(target.triangles) < FEWEST:
        raise CharacterError(f"there is no head in {len(target.triangles)} triangles", "choose the mesh of the face")
    if not np.isfinite(target.points).all():
        raise CharacterError("the mesh has vertices that are nowhere (NaN)", "mend or delete them")
    plain, solid = Solid(target), Solid(reference)
    progress(0.0, "looking for the face")
    marks = known(reference.landmarks) if reference.landmarks else seen(solid, find)
    progress(0.1, "looking for the face")
    goals = known(target.landmarks) if target.landmarks else seen(plain, find)
    check(plain, goals, marks)
    progress(0.2, "fitting")
    fitted = fit(plain, solid, goals, marks, lambda f: progress(0.2 + 0.5 * f, "fitting"))
    progress(0.7, "transferring")
    keys = shapes(plain, solid, fitted)
    progress(0.95, "measuring")
    return Made(keys, report(plain, solid, fitted, keys), fitted)


def check(target: Solid, goals: Mapping[int, np.ndarray], marks: Mapping[int, np.ndarray]) -> None:
    """Raises CharacterError where landmarks cannot be those of this head."""
    both = sorted(set(goals) & set(marks))
    source, aim = (np.array([m[i] for i in both]) for m in (marks, goals))
    hint = "set them on the face: L is the character's own left, and the face looks along -Y (Blender's front view)"
    size = float(np.ptp(aim, axis=0).max())
    if not np.isfinite(aim).all() or size < 1e-3 * target.mesh.size:
        raise CharacterError("the landmarks lie all in one place", hint)
    away = cKDTree(target.points).query(aim)[0]
    if np.median(away) > 0.3 * size:
        raise CharacterError("the landmarks do not lie on the head", hint)
    turn = register.similarity(source, aim)[0]
    if min(turn[0, 0], turn[1, 1], turn[2, 2]) < FRONTAL * np.cbrt(np.linalg.det(turn)):
        raise CharacterError("the landmarks are of a face that is turned away or mirrored", hint)


def shapes(target: Solid, reference: Solid, fitted: Fit) -> dict[str, np.ndarray]:
    """Channel to float32 (V, 3): the reference's keys on the target."""
    names = tuple(reference.keys)
    deltas = np.stack([np.asarray(reference.keys[n], float) for n in names])
    own = deltas[:, fitted.which]
    pairs = contacts.meeting(fitted.source, dict(zip(names, own, strict=True)))
    rows, apart = contacts.kept(pairs, fitted.source, fitted.laid, own, fitted.scale)
    guess = fitted.scale * own @ fitted.turn.T
    moved = transfer(fitted.source, own, fitted.laid, rows, apart, guess)
    made = carried(target, reference, fitted, names, deltas, moved)
    # what hardly moves stays: files keep no dust
    dust = DUST * np.abs(made).max((1, 2))
    made[np.abs(made).max(2) < dust[:, None]] = 0
    return {n: made[k].astype(np.float32) for k, n in enumerate(names)}
