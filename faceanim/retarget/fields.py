"""What shape keys do as fields of arrows, and how alike two such fields are on two faces that share no vertices.

Fields are compared like currents (Vaillant and Glaunes 2005): by the inner product of their arrows in a Gaussian
kernel. A face's turn, size and proportions come from the same comparison: the pose in which most keys look like some
field of the reference, then a smooth warp that lays the centres of alike fields onto each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations, product

import numpy as np

from .assignment import assign
from .lips import Surface

STEP = 0.1
"""Edge of the cells that a face is gathered in, over its size."""
MOST = 1200
"""Cells of a face at most."""
WIDTHS = (0.12, 0.22)
"""Kernels of the last comparison, over the face's size."""
FLAT = np.array([1.0, 1.0, 0.5], np.float32)
"""Faces differ most in depth."""
FLIP = np.array([-1.0, 1.0, 1.0], np.float32)
HIDDEN = 0.05
"""A key that has less of its motion where it is seen from the front works inside the mouth."""
UPRIGHT = 0.2
"""Radians from an axis within which a head is taken to stand along it."""
AS_IT_IS = 1.15
"""How much better than as it stands a head must look turned: it comes in its armature's axes, or as it stands."""
_GRID, _BEHIND, _CLOSE = 70, 0.07, 0.04
"""Cells across a face that is looked at from the front; how far behind the frontmost point one is gathered with it, and
how far one is surely seen: teeth lie right behind lips."""


@dataclass(frozen=True)
class Fields:
    """Arrows of K keys on N places of a face, in units of its size, origin amid what moves.

    names    K of keys or channels
    points   float32 (N, 3)
    pushes   float32 (K, N, 3): arrows by the area that they stand for, to any scale of their own
    reach    float (K,): the longest arrow
    """

    names: tuple[str, ...]
    points: np.ndarray
    pushes: np.ndarray
    reach: np.ndarray

    @property
    def centres(self) -> np.ndarray:
        """float (K, 3): amid what each moves."""
        mass = np.sqrt((self.pushes**2).sum(2))
        return (mass @ self.points) / np.maximum(mass.sum(1), 1e-12)[:, None]

    def coarser(self, step: float) -> Fields:
        mass = np.sqrt((self.pushes**2).sum((0, 2))) + 1e-12
        cell, count = _cells(self.points, step)
        points = np.stack([np.bincount(cell, mass * x, count) for x in self.points.T], 1)
        if not count:
            return self
        order = np.argsort(cell, kind="stable")
        pushes = np.add.reduceat(self.pushes[:, order], np.searchsorted(cell[order], np.arange(count)), axis=1)
        points = points / np.maximum(np.bincount(cell, mass, count), 1e-30)[:, None]
        return replace(self, points=points.astype(np.float32), pushes=pushes)


@dataclass(frozen=True)
class Face:
    """Fields where they are seen from the front and those inside.

    seen    float (K,): the share of each key's motion that is seen
    parted  float (K,): how far it parts points that lie together at rest, over its longest arrow
    """

    front: Fields
    inside: Fields
    seen: np.ndarray
    parted: np.ndarray

    @property
    def whole(self) -> Fields:
        points = np.concatenate([self.front.points, self.inside.points])
        return replace(self.front, points=points, pushes=np.concatenate([self.front.pushes, self.inside.pushes], 1))


@dataclass(frozen=True)
class Moving:
    """The points of a Surface that keys move: points (P, 3), area (P,), how much they move (P,), and by key the
    indices into them with their arrows."""

    points: np.ndarray
    area: np.ndarray
    energy: np.ndarray
    arrows: dict[str, tuple[np.ndarray, np.ndarray]]


def moving(surface: Surface, names: tuple[str, ...]) -> Moving | None:
    """What some controls of a Surface move, None where they move nothing."""
    ends = surface.points[surface.edges.T] if len(surface.edges) else np.zeros((2, 0, 3))
    length = np.linalg.norm(ends[0] - ends[1], axis=1)
    count = len(surface.points)
    total = np.bincount(surface.edges.ravel(), np.repeat(length, 2), count)
    area = (total / np.maximum(np.bincount(surface.edges.ravel(), minlength=count), 1)) ** 2
    found = {n: (i, d.astype(np.float32)) for n in names for i, d in [surface.deltas.get(n, ((), None))] if len(i)}
    found = {n: (i, np.where(np.isfinite(d), d, 0)) for n, (i, d) in found.items()}
    reach = {n: float(np.sqrt((d**2).sum(1)).max()) for n, (_, d) in found.items()}
    live = [n for n in found if reach[n] > 1e-3 * max(reach.values())]
    energy = np.zeros(count)
    for name in live:
        which, delta = found[name]
        energy += np.bincount(which, (delta**2).sum(1) / reach[name] ** 2, count)
    energy *= np.isfinite(surface.points).all(1) * (area > 0)
    which = np.flatnonzero(energy > 2e-3 * energy.max(initial=0.0))
    if len(which) < 12 or np.ptp(surface.points[which], axis=0).max() <= 0:
        return None
    place = np.full(count, -1)
    place[which] = np.arange(len(which))
    arrows = {}
    for name in live:
        at = place[found[name][0]]
        if (at >= 0).any():
            arrows[name] = at[at >= 0], found[name][1][at >= 0]
    return Moving(surface.points[which].astype(np.float32), area[which], energy[which], arrows)


def face(moved: Moving, turn: np.ndarray, step: float = STEP) -> Face:
    """The keys of a face that is turned to look along +z with +y up."""
    points = moved.points @ turn.T.astype(np.float32)
    seen = _seen(points, _BEHIND)
    mass = moved.area * moved.energy * seen
    centre = (mass @ points) / mass.sum()
    size = np.sqrt((mass @ ((points - centre)[:, :2] ** 2).sum(1)) / mass.sum())
    points = (points - centre) / size
    while _cells(points[seen], step)[1] > MOST:
        step *= 1.15
    sure = _seen(points, _CLOSE)
    share = [
        float(((d**2).sum(1) * moved.area[i])[sure[i]].sum() / max(((d**2).sum(1) * moved.area[i]).sum(), 1e-30))
        for i, d in moved.arrows.values()
    ]
    parts = [_gathered(moved, points, turn, size, step, which) for which in (seen, ~seen)]
    parted = [_parted(points, seen, i, (d @ turn[1].astype(np.float32)) / size) for i, d in moved.arrows.values()]
    return Face(*parts, np.array(share), np.array(parted) / np.maximum(parts[0].reach, 1e-12))


def _parted(points: np.ndarray, seen: np.ndarray, which: np.ndarray, rise: np.ndarray) -> float:
    """The largest difference in height that a key makes between points of one small place."""
    if not seen[which].any():
        return 0.0
    heights = np.zeros(len(points), np.float32)
    heights[which] = rise
    low, high = points[which].min(0) - 0.05, points[which].max(0) + 0.05
    near = seen & ((points >= low) & (points <= high)).all(1)
    cell, count = _cells(points[near], 0.07)
    top, bottom = np.full(count, -np.inf, np.float32), np.full(count, np.inf, np.float32)
    np.maximum.at(top, cell, heights[near])
    np.minimum.at(bottom, cell, heights[near])
    return float((top - bottom).max())


def _gathered(
    moved: Moving, points: np.ndarray, turn: np.ndarray, size: float, step: float, which: np.ndarray
) -> Fields:
    cell, count = _cells(points[which], step)
    of = np.full(len(points), -1)
    of[which] = cell
    mass = (moved.area * moved.energy)[which] + 1e-30
    places = np.stack([np.bincount(cell, mass * x, count) for x in points[which].T], 1)
    places = places / np.maximum(np.bincount(cell, mass, count), 1e-30)[:, None]
    pushes = np.zeros((len(moved.arrows), count, 3), np.float32)
    reach = np.zeros(len(moved.arrows))
    for k, (at, delta) in enumerate(moved.arrows.values()):
        inside = of[at] >= 0
        push = (delta[inside] @ turn.T) * moved.area[at[inside], None]
        pushes[k] = np.stack([np.bincount(of[at[inside]], x, count) for x in push.T], 1)
        reach[k] = np.sqrt((delta**2).sum(1).max()) / size
    pushes /= np.maximum(np.abs(pushes).max((1, 2), keepdims=True, initial=0.0), 1e-30)
    return Fields(tuple(moved.arrows), places.astype(np.float32), pushes, reach)


def _cells(points: np.ndarray, step: float) -> tuple[np.ndarray, int]:
    """(cell of each point, how many); cells lie symmetric about x = 0."""
    grid = np.floor(points / step + 0.5).astype(np.int64)
    grid -= grid.min(0, initial=0)
    _, cell = np.unique(grid @ (1, 1 << 20, 1 << 40), return_inverse=True)
    cell = cell.reshape(-1)
    return cell, int(cell.max(initial=-1)) + 1


def _seen(points: np.ndarray, behind: float) -> np.ndarray:
    """bool (P,): what is seen from +z."""
    low = points.min(0)
    span = max(float(np.ptp(points[:, :2], axis=0).max()), 1e-30)
    depth = np.full((_GRID + 3, _GRID + 3), -np.inf)
    i, j = (((points[:, :2] - low[:2]) / span * _GRID).astype(int) + 1).T
    np.maximum.at(depth, (i, j), points[:, 2])
    first = depth.copy()
    for a, b in product((-1, 0, 1), repeat=2):
        np.maximum(first, np.roll(depth, (a, b), (0, 1)), out=first)
    return points[:, 2] >= first[i, j] - behind * span


# -- likeness ---------------------------------------------------------------------------------------------------------


def kernel(x: np.ndarray, y: np.ndarray, width: float) -> np.ndarray:
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    square = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return np.exp(np.maximum(square, 0) * np.float32(-0.5 / width**2))


def products(a: np.ndarray, b: np.ndarray, near: np.ndarray) -> np.ndarray:
    """(A, B): inner products of pushes (A, N, 3) and (B, M, 3) in a kernel (N, M)."""
    return sum(x @ (near @ y.T) for x, y in zip(_planes(a), _planes(b), strict=True))


def _planes(pushes: np.ndarray) -> np.ndarray:
    """(3, K, N): each axis in one piece, as matrix products are many times quicker then."""
    return np.ascontiguousarray(np.moveaxis(pushes, 2, 0), np.float32)


def lengths(pushes: np.ndarray, points: np.ndarray, width: float) -> np.ndarray:
    near = kernel(points, points, width)
    square = sum(np.einsum("kn,kn->k", x @ near, x) for x in _planes(pushes))
    return np.sqrt(np.maximum(square, 1e-20))


def likeness(a: Fields, b: Fields, width: float, of_b: np.ndarray | None = None) -> np.ndarray:
    """float (A, B): cosines, -1..1; `of_b`: lengths of b's fields where they are known."""
    x, y = a.points * FLAT, b.points * FLAT
    of_b = lengths(b.pushes, y, width) if of_b is None else of_b
    return products(a.pushes, b.pushes, kernel(x, y, width)) / (lengths(a.pushes, x, width)[:, None] * of_b)


# -- pose and proportions ---------------------------------------------------------------------------------------------


def facing(moved: Moving, reference: Face) -> np.ndarray:
    """float (3, 3): the turn that brings a face to look as the reference does."""
    goal = reference.whole.coarser(0.25)
    whole = face(moved, np.eye(3), 0.25).whole.coarser(0.25)
    # size and origin by all that moves: what is seen from the front is not known yet
    goal, whole = _centred(goal), _centred(whole)
    of_goal = lengths(goal.pushes, goal.points, 0.4)
    of_whole = lengths(whole.pushes, whole.points, 0.4)

    def like(turn: np.ndarray, width: float = 0.4) -> np.ndarray:
        near = kernel(whole.points @ turn.T, goal.points, width)
        return products(whole.pushes @ turn.T, goal.pushes, near) / (of_whole[:, None] * of_goal)

    tried = _turns()
    found = [_agreement(like(turn)) for turn in tried]
    upright = next(i for i, turn in enumerate(tried) if np.trace(turn) > 2.5)
    found[upright] *= AS_IT_IS
    turn = tried[int(np.argmax(found))]
    centres, goals = whole.centres, goal.centres
    arrows, wanted = _unit(whole.pushes.sum(1)), _unit(goal.pushes.sum(1))
    for _ in range(4):
        alike = np.maximum(like(turn), 0)
        pair = assign(alike**2)
        own = np.flatnonzero(pair >= 0)
        other, weight = pair[own], alike[own, pair[own]] ** 3 + 1e-9
        a = centres[own] - np.average(centres[own], axis=0, weights=weight)
        b = goals[other] - np.average(goals[other], axis=0, weights=weight)
        turn = _rotation(b.T @ (weight[:, None] * a) + 0.1 * wanted[other].T @ (weight[:, None] * arrows[own]))
    # heads are mostly made along the axes, more exactly than they can be measured here
    straight = max(tried, key=lambda t: np.trace(t.T @ turn))
    return straight if np.trace(straight.T @ turn) > 1 + 2 * np.cos(UPRIGHT) else turn


def straightened(moved: Moving, reference: Face) -> Face:
    """The face of a Moving, turned to look as the reference does."""
    turn = facing(moved, reference)
    own = face(moved, turn)
    if np.abs(turn).max(1).min() > 0.999:
        return own
    for _ in range(2):  # what is seen from the front tells the turn more exactly
        turn = _lean(own, warped(own, reference), reference) @ turn
        own = face(moved, turn)
    return own


def _lean(own: Face, onto: Face, reference: Face) -> np.ndarray:
    """float (3, 3): the turn that is still missing."""
    alike = np.maximum(likeness(onto.front.coarser(0.14), reference.front.coarser(0.14), 0.2), 0)
    alike *= (onto.seen > HIDDEN)[:, None]
    pair = assign(alike**2)
    rows = np.flatnonzero(pair >= 0)
    weight = alike[rows, pair[rows]] ** 4 + 1e-9
    a, b = own.front.centres[rows], reference.front.centres[pair[rows]]
    a, b = a - np.average(a, axis=0, weights=weight), b - np.average(b, axis=0, weights=weight)
    return _rotation(b.T @ (weight[:, None] * a))


def _rotation(moment: np.ndarray) -> np.ndarray:
    """The turn that a moment of pairs of points speaks for (Kabsch)."""
    u, _, v = np.linalg.svd(moment)
    return ((u * [1, 1, np.sign(np.linalg.det(u @ v))]) @ v).astype(np.float32)


def _centred(fields: Fields) -> Fields:
    mass = np.sqrt((fields.pushes**2).sum((0, 2)))
    points = fields.points - (mass @ fields.points) / mass.sum()
    return replace(fields, points=points / np.sqrt((mass @ (points**2).sum(1)) / mass.sum()))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _turns() -> list[np.ndarray]:
    """The 24 turns that take axes to axes."""
    signed = (np.eye(3, dtype=np.float32)[list(p)] * s for p in permutations(range(3)) for s in _SIGNS)
    return [turn for turn in signed if np.linalg.det(turn) > 0]


_SIGNS = [np.array(s, np.float32)[:, None] for s in product((1, -1), repeat=3)]


def _agreement(alike: np.ndarray) -> float:
    """How many keys find a field that they are like, and how many fields a key."""
    alike = np.maximum(alike, 0)
    return float((alike.max(1) ** 2).sum() / len(alike) + (alike.max(0) ** 2).sum() / len(alike.T))


def warped(own: Face, reference: Face) -> Face:
    """The face with its points where the reference has the same places."""
    scale, shift = _proportions(own.front.coarser(0.3), reference.front.coarser(0.3))
    goal = reference.front.coarser(0.14)
    start = own.front.coarser(0.14)
    start = replace(start, points=start.points * scale + shift)
    now, centres, goals = start, own.front.centres * scale + shift, reference.front.centres
    usable = own.seen > HIDDEN
    for width in (0.3, 0.24, 0.19, 0.15):
        alike = np.maximum(likeness(now, goal, width), 0) * usable[:, None]
        pair = assign(alike**2)
        rows = np.flatnonzero(pair >= 0)
        alike = alike[rows, pair[rows]]
        weight = alike**4 * (alike > 0.35) + 1e-9
        a, b = centres[rows], goals[pair[rows]]
        # a face's two sides are alike: about the middle that both heads' centres agree on, each match counts on both
        middle = np.array([np.average(a[:, 0] - b[:, 0], weights=weight), 0, 0])
        a = a - middle
        mover = _warp(np.r_[a, a * FLIP], np.r_[b, b * FLIP], np.r_[weight, weight])
        move = partial(_shifted, mover, middle)
        now = replace(start, points=move(start.points))
    moved = [replace(f, points=move(f.points * scale + shift)) for f in (own.front, own.inside)]
    return Face(*moved, own.seen, own.parted)


def _proportions(fields: Fields, goal: Fields, width: float = 0.33) -> tuple[np.ndarray, np.ndarray]:
    """(scale (3,), shift (3,)) that bring a face's fields roughly onto the reference's.

    Origins lie amid what moves: on a face whose brows move little that is far lower than on another.
    """
    of_goal = lengths(goal.pushes, goal.points * FLAT, width)
    best = (-1.0, np.ones(3, np.float32), np.zeros(3, np.float32))

    def tried(shape: np.ndarray, rises: np.ndarray) -> None:
        nonlocal best
        of_own = lengths(fields.pushes, fields.points * shape * FLAT, width)
        for up in rises:
            shift = np.array([0, up, 0], np.float32)
            near = kernel((fields.points * shape + shift) * FLAT, goal.points * FLAT, width)
            alike = products(fields.pushes, goal.pushes, near) / (of_own[:, None] * of_goal)
            found = _agreement(alike)
            if found > best[0]:
                best = found, shape, shift

    for wide, high in product((0.85, 1.0, 1.2), (0.7, 0.85, 1.0, 1.2, 1.4)):
        tried(np.array([wide, high, 1], np.float32), np.arange(-1.2, 1.21, 0.2, np.float32))
    _, scale, shift = best
    for high in (0.92, 1.0, 1.08):
        tried(scale * np.array([1, high, 1], np.float32), shift[1] + np.array([-0.1, 0, 0.1], np.float32))
    return best[1:]


def _shifted(move, middle: np.ndarray, points: np.ndarray) -> np.ndarray:
    return move(points - middle)


def _warp(source: np.ndarray, goal: np.ndarray, weight: np.ndarray, width: float = 0.5, ease: float = 0.15):
    """A smooth map of points: affine, near the identity, and bumps of a width for the rest."""
    ones = np.c_[source, np.ones(len(source))]
    keep = np.diag([0.05 * weight.sum()] * 3 + [1e-6])
    rest = np.eye(4, 3)
    affine = np.linalg.solve(ones.T @ (weight[:, None] * ones) + keep, ones.T @ (weight[:, None] * goal) + keep @ rest)
    soft = ease * np.diag(1 / np.maximum(weight, 1e-3))
    bumps = np.linalg.solve(kernel(source, source, width) + soft, goal - ones @ affine)

    def move(x: np.ndarray) -> np.ndarray:
        return (np.c_[x, np.ones(len(x))] @ affine + kernel(x, source, width) @ bumps).astype(np.float32)

    return move
