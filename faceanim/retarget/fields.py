"""What shape keys do as fields of arrows, and how alike two such fields are on two faces that share no vertices.

Fields are compared like currents (Vaillant and Glaunes 2005): by the inner product of their arrows in a Gaussian
kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from .lips import Surface

STEP = 0.1
"""Edge of the cells that a face is gathered in, over its size."""
MOST, MANY = 900, 100
"""Cells of a face at most; fewer where there are more keys than MANY, so that time grows with their number alone."""
FLAT = np.array([1.0, 1.0, 0.5], np.float32)
"""Faces differ most in depth."""
FLIP = np.array([-1.0, 1.0, 1.0], np.float32)
HIDDEN = 0.05
"""A key that has less of its motion where it is seen from the front works inside the mouth."""
SKIN = 0.3
"""A piece of the mesh is skin where as much of it moves, by area, as this share of what moves on the largest."""
NEAR = 0.07
"""Edge of the places in which points lie together at rest."""
ACROSS = 0.05
"""How far from the middle of a face its two sides begin."""
ASIDE = 0.25
"""Over the size of a face how far what moves may lie to one side of its middle; a body that is posed has no middle."""
FINE, STEPS = 0.05, (2, 9)
"""Edge of the places that come together where a key closes a gap, and how many of them lie between its two sides: as
many as between lids, which are open at rest."""
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

    @property
    def sides(self) -> np.ndarray:
        """float (K,): where each moves something, -1 on the right alone, 1 on the left, 0 on both."""
        mass = np.sqrt((self.pushes**2).sum(2))
        return mass @ np.tanh(self.points[:, 0] / ACROSS) / np.maximum(mass.sum(1), 1e-12)

    @property
    def spreads(self) -> np.ndarray:
        """float (K,): how far from its centre what each moves lies on the average (root of the mean square)."""
        mass = np.sqrt((self.pushes**2).sum(2))
        square = ((self.points[None] - self.centres[:, None]) ** 2).sum(2)
        return np.sqrt((mass * square).sum(1) / np.maximum(mass.sum(1), 1e-12))

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
    loose   float (K,): the share of its motion that is not the skin's: of eyeballs, teeth, brows that are pieces apart
    closes  float (K,): the largest part of a gap between places of one piece, one above the other, that it takes away
    """

    front: Fields
    inside: Fields
    seen: np.ndarray
    parted: np.ndarray
    loose: np.ndarray
    closes: np.ndarray

    @property
    def shut(self) -> np.ndarray:
        """float (K,): near 1 where places that lie apart at rest come together, as lids do; an iris shuts nothing."""
        return self.closes.clip(0, 1) ** 3

    @property
    def whole(self) -> Fields:
        points = np.concatenate([self.front.points, self.inside.points])
        return replace(self.front, points=points, pushes=np.concatenate([self.front.pushes, self.inside.pushes], 1))


@dataclass(frozen=True)
class Moving:
    """The points of a Surface that keys move: points (P, 3), area (P,), how much they move (P,), the piece of the mesh
    that they belong to (P,), and by key the indices into them with their arrows. skin (S, 3), skin_area (S,): all of
    the skin, what rests as well; its middle lies between the two sides whatever keys there are."""

    points: np.ndarray
    area: np.ndarray
    energy: np.ndarray
    piece: np.ndarray
    skin: np.ndarray
    skin_area: np.ndarray
    arrows: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def middle(self) -> np.ndarray:
        return np.average(self.skin, axis=0, weights=self.skin_area).astype(np.float32)


def moving(surface: Surface, names: tuple[str, ...]) -> Moving | None:
    """What some controls of a Surface move, None where they move nothing."""
    ends = surface.points[surface.edges.T] if len(surface.edges) else np.zeros((2, 0, 3))
    length = np.linalg.norm(ends[0] - ends[1], axis=1)
    count = len(surface.points)
    total = np.bincount(surface.edges.ravel(), np.repeat(length, 2), count)
    area = (total / np.maximum(np.bincount(surface.edges.ravel(), minlength=count), 1)) ** 2
    found = {n: (i, d.astype(np.float32)) for n in names for i, d in [surface.deltas.get(n, ((), None))] if len(i)}
    found = {n: (i, np.where(np.isfinite(d), d, 0)) for n, (i, d) in found.items()}
    square = {n: np.einsum("nx,nx->n", d, d) for n, (_, d) in found.items()}
    reach = {n: float(np.sqrt(square[n].max())) for n in found}
    live = [n for n in found if reach[n] > 1e-3 * max(reach.values())]
    energy = np.zeros(count)
    for name in live:
        energy += np.bincount(found[name][0], square[name] / reach[name] ** 2, count)
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
    pieces = _pieces(surface)
    skin = np.bincount(pieces[which], area[which]).argmax()
    whole = np.flatnonzero((pieces == skin) & (area > 0) & np.isfinite(surface.points).all(1))
    points, rest = surface.points[which].astype(np.float32), surface.points[whole]
    return Moving(points, area[which], energy[which], pieces[which], rest, area[whole], arrows)


def _pieces(surface: Surface) -> np.ndarray:
    """int (V,): the piece of the mesh that each point belongs to; points at one place hang together."""
    size = max(float(np.ptp(surface.points[np.isfinite(surface.points).all(1)], axis=0).max(initial=0.0)), 1e-30)
    grid = np.round(np.nan_to_num(surface.points) / size * 2e5).astype(np.int64)
    _, node = np.unique((grid - grid.min(0)) @ (1, 1 << 20, 1 << 40), return_inverse=True)
    node = node.reshape(-1)
    a, b = node[surface.edges.T] if len(surface.edges) else np.zeros((2, 0), int)
    label = np.arange(node.max(initial=-1) + 1)
    while True:
        low = np.minimum(label[a], label[b])
        before = label.copy()
        for end in (a, b):
            np.minimum.at(label, label[end], low)
        label = label[label]
        if (label == before).all():
            return label[node]


def face(moved: Moving, turn: np.ndarray, step: float = STEP) -> Face:
    """The keys of a face that is turned to look along +z with +y up."""
    points = moved.points @ turn.T.astype(np.float32)
    seen = _seen(points, _BEHIND)
    points, size = _sized(moved, points, seen, turn[0] @ moved.middle)
    most = MOST * min(1.0, MANY / len(moved.arrows))
    while _cells(points[seen], step)[1] > most:
        step *= 1.15
    sure = _seen(points, _CLOSE)
    mass = np.bincount(moved.piece, moved.area)
    off = (mass < SKIN * mass.max())[moved.piece]
    share, loose = [], []
    for which, delta in moved.arrows.values():
        power = np.einsum("nx,nx->n", delta, delta) * moved.area[which]
        whole = max(float(power.sum()), 1e-30)
        share.append(float(power @ sure[which]) / whole)
        loose.append(float(power @ off[which]) / whole)
    parted, closes = _gaps(moved, points, seen, turn[1].astype(np.float32) / np.float32(size))
    parts = _gathered(moved, points, turn, size, step, [seen, ~seen])
    return Face(*parts, np.array(share), parted / np.maximum(parts[0].reach, 1e-12), np.array(loose), closes)


def flat(moved: Moving, step: float) -> Fields:
    """All that the keys move, as it stands."""
    every = np.ones(len(moved.points), bool)
    points, size = _sized(moved, moved.points, every)
    return _gathered(moved, points, np.eye(3, dtype=np.float32), size, step, [every])[0]


def _sized(
    moved: Moving, points: np.ndarray, counted: np.ndarray, between: float | None = None
) -> tuple[np.ndarray, float]:
    """(points about the middle of what moves, over its size; the size).

    between: x where the two sides of the skin meet; what moves lies aside of it where keys for one side are missing
    """
    mass = moved.area * moved.energy * counted
    centre = (mass @ points) / mass.sum()
    size = np.sqrt((mass @ ((points - centre)[:, :2] ** 2).sum(1)) / mass.sum())
    if between is not None and abs(between - centre[0]) < ASIDE * size:
        centre[0] = between
    return (points - centre) / size, size


def _gaps(moved: Moving, points: np.ndarray, seen: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K,) twice: the largest difference in height that a key makes between points of one small place; the largest
    part of a gap between two places of a piece, one above the other, that it takes away."""
    place = np.full(len(points), -1)
    place[seen] = np.arange(np.count_nonzero(seen))
    points, area = points[seen], (moved.area[seen] + 1e-30).astype(np.float32)
    spots, spot_starts = _sorted(_cells(points, NEAR)[0])
    _, piece = np.unique(moved.piece[seen], return_inverse=True)
    grid = np.floor(points[:, :2] / FINE + 0.5).astype(np.int64)
    code = (grid - grid.min(0) + (0, STEPS[1])) @ (1 << 20, 1) + (piece.reshape(-1) << 40)
    order, starts = _sorted(code)
    cells = code[order[starts]]
    mass = np.add.reduceat(area[order], starts)
    height = np.add.reduceat((area * points[:, 1])[order], starts) / mass
    above, below = [], []
    for step in range(STEPS[0], STEPS[1] + 1):
        at = np.searchsorted(cells, cells - step)
        there = np.flatnonzero(cells[at] == cells - step)
        above.append(there)
        below.append(at[there])
    above, below = np.concatenate(above), np.concatenate(below)
    gap = height[above] - height[below]
    parted, closes = np.zeros(len(moved.arrows)), np.zeros(len(moved.arrows))
    for k, (which, delta) in enumerate(moved.arrows.values()):
        at = place[which]
        rise = np.zeros(len(points), np.float32)
        rise[at[at >= 0]] = delta[at >= 0] @ up
        near = rise[spots]
        parted[k] = (np.maximum.reduceat(near, spot_starts) - np.minimum.reduceat(near, spot_starts)).max()
        rise = np.add.reduceat((area * rise)[order], starts) / mass
        closes[k] = ((rise[below] - rise[above]) / gap).max(initial=0.0)
    return parted, closes


def _sorted(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the order that brings what is in one cell together, where in it each cell starts)."""
    order = np.argsort(cell, kind="stable")
    return order, np.flatnonzero(np.diff(cell[order], prepend=-1))


def _gathered(
    moved: Moving, points: np.ndarray, turn: np.ndarray, size: float, step: float, parts: list[np.ndarray]
) -> list[Fields]:
    """Of each part of the points the arrows by cells."""
    of, counts, places = np.empty(len(points), np.int64), [0], []
    for which in parts:
        cell, count = _cells(points[which], step)
        mass = (moved.area * moved.energy)[which] + 1e-30
        sums = np.stack([np.bincount(cell, mass * x, count) for x in points[which].T], 1)
        places.append((sums / np.maximum(np.bincount(cell, mass, count), 1e-30)[:, None]).astype(np.float32))
        of[which] = cell + counts[-1]
        counts.append(counts[-1] + count)
    pushes = np.empty((len(moved.arrows), counts[-1], 3), np.float32)
    reach = np.empty(len(moved.arrows))
    for k, (at, delta) in enumerate(moved.arrows.values()):
        cell, area = of[at], moved.area[at]
        for axis in range(3):
            pushes[k, :, axis] = np.bincount(cell, delta[:, axis] * area, counts[-1])
        reach[k] = np.sqrt(np.einsum("nx,nx->n", delta, delta).max()) / size
    pushes = pushes @ turn.T.astype(np.float32)
    found = []
    for place, start, end in zip(places, counts[:-1], counts[1:], strict=True):
        part = pushes[:, start:end]
        part = part / np.maximum(np.abs(part).max((1, 2), keepdims=True, initial=0.0), 1e-30)
        found.append(Fields(tuple(moved.arrows), place, part, reach))
    return found


def _cells(points: np.ndarray, step: float) -> tuple[np.ndarray, int]:
    """(cell of each point, how many); cells lie symmetric about x = 0."""
    grid = np.floor(points / step + 0.5).astype(np.int64)
    grid -= grid.min(0, initial=0)
    _, cell = np.unique(grid @ (1, 1 << 20, 1 << 40), return_inverse=True)
    cell = cell.reshape(-1)
    return cell, int(cell.max(initial=-1)) + 1


def middles(points: np.ndarray, mass: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """(the middle of what lies in each cell (N, 3), its mass (N,))."""
    cell, count = _cells(points, step)
    total = np.bincount(cell, mass, count)
    return np.stack([np.bincount(cell, mass * x, count) for x in points.T], 1) / total[:, None], total


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
    # what is far counts for nothing; numbers too small to be normal would make the products many times slower
    return np.exp(np.maximum(np.maximum(square, 0) * np.float32(-0.5 / width**2), np.float32(-30)))


def products(a: np.ndarray, b: np.ndarray, near: np.ndarray) -> np.ndarray:
    """(A, B): inner products of pushes (A, N, 3) and (B, M, 3) in a kernel (N, M)."""
    return sum(x @ (near @ y.T) for x, y in zip(planes(a), planes(b), strict=True))


def planes(pushes: np.ndarray) -> np.ndarray:
    """(3, K, N) of pushes (K, N, 3): each axis in one piece, as matrix products are many times quicker then."""
    return np.ascontiguousarray(np.moveaxis(pushes, 2, 0), np.float32)


def lengths(pushes: np.ndarray, points: np.ndarray, width: float) -> np.ndarray:
    near = kernel(points, points, width)
    square = sum(np.einsum("kn,kn->k", x @ near, x) for x in planes(pushes))
    return np.sqrt(np.maximum(square, 1e-20), dtype=float)


def likeness(a: Fields, b: Fields, width: float, of_b: np.ndarray | None = None) -> np.ndarray:
    """float (A, B): cosines, -1..1; `of_b`: lengths of b's fields where they are known."""
    x, y = a.points * FLAT, b.points * FLAT
    of_b = lengths(b.pushes, y, width) if of_b is None else of_b
    return products(a.pushes, b.pushes, kernel(x, y, width)) / (lengths(a.pushes, x, width)[:, None] * of_b)
