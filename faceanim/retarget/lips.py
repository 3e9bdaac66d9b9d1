"""Finds a character's lips, upper teeth and chin by geometry alone: what parts when the mouth opens.

At rest the lips lie against each other, so two points that are near each other and move far apart when the mouth opens
face each other across the slit, whatever the keys and parts are called. The frontmost ones in the middle are the lips'
own (teeth and tongue part as well, behind them); from there the two lips are followed along the mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field

import numpy as np

from ..core.mapping import Mapping
from ..core.track import Track
from .apply import apply

OPEN = {"jawOpen": 1.0}
"""The pose that parts the lips."""
APART = 0.2
"""Points that part by less than this share of the largest drop are no pair."""
STRETCH = 2.0
"""A pair parts by at least this many times its distance: skin in one piece stretches less."""
NEAR = 0.05
"""A pair's largest distance at rest, over the size of what the opening moves."""
HEADS = 0.25
"""A gap of this share of all that moves is between two heads."""
PATCH = 0.16
"""How far a lip reaches from the slit, over the mouth's width, along the mesh."""
BEYOND = 0.05
"""How far a point of one lip may lie beyond the slit's height, over the mouth's width."""
MIDDLE = 0.6
"""The part of the mouth's width in which lips are measured: corners stay together anyway."""
COLUMNS = 9
CROWD = 16
"""Points of a lip that are looked at in one place; a detailed mesh has more than it needs."""
STILL = 60


@dataclass(frozen=True)
class Surface:
    """A character's meshes at rest in head space (x own left, y up, z out of the face), one after the other.

    points   float32 (V, 3)
    edges    int32 (E, 2)
    deltas   control to (vertices int32 (N,), float32 (N, 3)): what its value 1 (a bone: 1 radian) adds to them
    ranges   mesh to [first, past-last] of its vertices
    """

    points: np.ndarray
    edges: np.ndarray
    deltas: Table[str, tuple[np.ndarray, np.ndarray]]
    ranges: Table[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Mouth:
    """Points of one mouth, in head space at rest. Lengths are in the character's own unit.

    vertices   int32 (P,) of the Surface; the parts below are slices of them
    upper, lower, teeth, chin, still   lips; edge of the upper teeth (may be empty); what shows the jaw; what no
               control of the mouth moves
    points     float32 (P, 3)
    controls   K names; deltas float32 (K, P, 3)
    columns    bool (C, upper), (C, lower): which points of a lip lie at which place between the corners
    width      of the mouth; drop: how far the chin sinks at OPEN
    """

    vertices: np.ndarray
    upper: slice
    lower: slice
    teeth: slice
    chin: slice
    still: slice
    points: np.ndarray
    controls: tuple[str, ...]
    deltas: np.ndarray
    columns: tuple[np.ndarray, np.ndarray]
    width: float
    drop: float

    def posed(self, values: np.ndarray) -> np.ndarray:
        """float32 (F, P, 3): the points at the controls' values (F, K)."""
        flat = self.deltas.reshape(len(self.controls), -1)
        return self.points + (values.astype(np.float32) @ flat).reshape(len(values), *self.points.shape)


def pose(mapping: Mapping, **channels: float) -> dict[str, float]:
    """The controls that a mapping moves for some channels, with their values."""
    track = apply(Track.from_columns(1.0, {name: np.array([value]) for name, value in channels.items()}), mapping)
    return {name: float(v) for name, v in zip(track.channels, track.values[0], strict=True) if v}


def find(surface: Surface, mapping: Mapping) -> Mouth | None:
    """The Mouth of a character, None where nothing parts like lips when the mapping opens the mouth."""
    opening = displacement(surface, pose(mapping, **OPEN))
    drop = -opening[:, 1]
    most = float(drop.max(initial=0.0))
    moved = drop > APART * most
    if most <= 0 or moved.sum() < 8:
        return None
    moved = one_head(surface.points, moved)
    size = float(np.ptp(surface.points[moved], axis=0).max())
    near = _near(surface.points, moved, 2 * NEAR * size)
    upper, lower = _pairs(surface.points, drop, near, NEAR * size, APART * most)
    if not len(upper):
        return None
    links = linked(surface, opening, near, 1e-4 * size)
    slit = _front(surface.points, upper, lower, links)
    if slit is None:
        return None
    return _mouth(surface, mapping, drop, links, near, *slit)


def displacement(surface: Surface, values: Table[str, float]) -> np.ndarray:
    """float32 (V, 3): what some controls add to all points."""
    moved = np.zeros_like(surface.points)
    for name, value in values.items():
        if name in surface.deltas:
            which, delta = surface.deltas[name]
            moved[which] += value * delta
    return moved


def one_head(points: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """bool (V,): of points that move, those of one head, where several stand apart and move alike."""
    for axis in range(3):
        order = np.flatnonzero(moved)[np.argsort(points[moved, axis], kind="stable")]
        gaps = np.diff(points[order, axis])
        parts = np.split(order, np.flatnonzero(gaps > HEADS * gaps.sum()) + 1)
        moved = np.isin(np.arange(len(points)), max(parts, key=len))
    return moved


def _near(points: np.ndarray, moved: np.ndarray, margin: float) -> np.ndarray:
    """Indices of the points in the box of what moves, widened."""
    low, high = points[moved].min(0) - margin, points[moved].max(0) + margin
    return np.flatnonzero(((points >= low) & (points <= high)).all(1))


def _pairs(
    points: np.ndarray, drop: np.ndarray, near: np.ndarray, reach: float, apart: float
) -> tuple[np.ndarray, np.ndarray]:
    """(upper, lower) vertices (N,): points within `reach` that part by `apart` and STRETCH times their distance."""
    candidate = np.zeros(len(near), bool)
    for shift in np.stack(np.meshgrid((0.0, 0.5), (0.0, 0.5), (0.0, 0.5)), -1).reshape(-1, 3):
        cell = np.floor(points[near] / reach + shift).astype(np.int64)
        cell -= cell.min(0)
        _, box = np.unique(cell @ (1, 1 << 20, 1 << 40), return_inverse=True)
        box = box.reshape(-1)
        low, high = np.full(box.max() + 1, np.inf), np.full(box.max() + 1, -np.inf)
        np.minimum.at(low, box, drop[near])
        np.maximum.at(high, box, drop[near])
        candidate |= (high - low > apart)[box]
    chosen = near[candidate]
    order = chosen[np.argsort(drop[chosen])]
    found = []
    # in blocks, as a detailed mesh has thousands of points on its lips
    for block in np.array_split(order, 1 + len(order) // 256):
        below = order[np.searchsorted(drop[order], drop[block[0]] + apart) :] if len(block) else block
        parts = drop[below][None] - drop[block][:, None]
        square = sum((points[below, i][None] - points[block, i][:, None]) ** 2 for i in range(3))
        a, b = np.nonzero((parts > apart) & (square < reach**2) & (square * STRETCH**2 < parts**2))
        found.append(np.stack([block[a], below[b]]))
    upper, lower = np.concatenate(found, 1) if found else np.zeros((2, 0), int)
    return upper, lower


@dataclass(frozen=True)
class Links:
    """A mesh around a mouth or an eye as a graph; points at one place that stay together (seams of materials) are one.

    node   vertex to node, -1 outside; ends int (E, 2) nodes; length (E,)
    """

    node: np.ndarray
    ends: np.ndarray
    length: np.ndarray

    def distance(self, seeds: np.ndarray, limit: float, allowed: np.ndarray | None = None) -> np.ndarray:
        """(V,) along the edges from some vertices, inf beyond the limit and off the allowed (V,) vertices."""
        count = int(self.node.max(initial=-1)) + 1
        far = np.full(count + 1, np.inf)
        far[self.node[seeds]] = 0.0
        far[-1] = np.inf
        ends, length = self.ends, self.length
        if allowed is not None:
            free = np.zeros(count + 1, bool)
            free[self.node[allowed]] = True
            keep = free[ends].all(1)
            ends, length = ends[keep], length[keep]
        for _ in range(200):
            before = far.copy()
            np.minimum.at(far, ends[:, 0], before[ends[:, 1]] + length)
            np.minimum.at(far, ends[:, 1], before[ends[:, 0]] + length)
            far[far > limit] = np.inf
            if (far == before).all():
                break
        far[-1] = np.inf
        return far[self.node]


def linked(surface: Surface, opening: np.ndarray, near: np.ndarray, tolerance: float) -> Links:
    """opening (V, 3): what parts points that lie at one place; near bool (V,): the vertices that count; tolerance: how
    near to each other one place is."""
    node = np.full(len(surface.points), -1)
    # lips may lie at one place at rest: only the open mouth tells them from a seam
    shut, opened = (np.round(p[near] / tolerance).astype(np.int64) for p in (surface.points, surface.points + opening))
    _, shut = np.unique((shut - shut.min(0)) @ (1, 1 << 20, 1 << 40), return_inverse=True)
    _, opened = np.unique((opened - opened.min(0)) @ (1, 1 << 20, 1 << 40), return_inverse=True)
    both = shut.reshape(-1).astype(np.int64) << 32 | opened.reshape(-1)
    _, first, same = np.unique(both, return_index=True, return_inverse=True)
    node[near] = same.reshape(-1)
    ends = node[surface.edges]
    inside = (ends >= 0).all(1) & (ends[:, 0] != ends[:, 1])
    where = surface.points[near][first]
    ends = ends[inside]
    return Links(node, ends, np.linalg.norm(where[ends[:, 0]] - where[ends[:, 1]], axis=1))


def _front(
    points: np.ndarray, upper: np.ndarray, lower: np.ndarray, links: Links
) -> tuple[np.ndarray, np.ndarray] | None:
    """The pairs whose points hang together, on either side of the slit, with the frontmost pair of the middle."""
    middle = (points[upper] + points[lower]) / 2
    x = middle[:, 0]
    # the mouth's middle: between the ends of what parts
    centre, extent = (x.min() + x.max()) / 2, np.ptp(x)
    inner = np.flatnonzero(np.abs(x - centre) <= max(0.12 * extent, np.abs(x - centre).min()))
    first = inner[middle[inner, 2].argmax()]
    sides = []
    for side in (upper, lower):
        own = np.unique(side)
        reached = links.distance(side[[first]], np.inf, np.concatenate([own]))
        # a coarse mesh may have no edge between two points of the slit: go by way of the lips' other points
        if np.isfinite(reached[own]).sum() < 3:
            reached = links.distance(side[[first]], extent)
        sides.append(own[np.isfinite(reached[own])])
    kept = np.isin(upper, sides[0]) & np.isin(lower, sides[1])
    return (upper[kept], lower[kept]) if min(map(len, sides)) > 1 else None


# -- the parts that are measured --------------------------------------------------------------------------------------


def _mouth(
    surface: Surface, mapping: Mapping, drop: np.ndarray, links: Links,
    near: np.ndarray, up: np.ndarray, low: np.ndarray,
) -> Mouth | None:
    points = surface.points
    ends = np.sort([[points[s, 0].min(), points[s, 0].max()] for s in (up, low)], axis=0)
    left, right = ends[1, 0], ends[0, 1]
    width, centre = float(right - left), float(left + right) / 2
    if width <= 0:
        return None
    to_upper, to_lower = (links.distance(s, PATCH * width)[near] for s in (up, low))
    middle = np.abs(points[near, 0] - centre) <= 0.5 * width
    # the inside of the mouth leads from one lip to the other: what lies beyond the slit is the other's
    above = points[near, 1] - _seam(points, up, low, centre, width)(points[near, 0])
    upper = near[middle & (to_upper < to_lower) & (above > -BEYOND * width)]
    lower = near[middle & (to_lower < to_upper) & (above < BEYOND * width)]
    columns = _columns(points[upper], points[lower], centre, width)
    if columns is None:
        return None
    used = [np.flatnonzero(c.any(0)) for c in columns]
    upper, lower = upper[used[0]], lower[used[1]]
    columns = tuple(c[:, u] for c, u in zip(columns, used, strict=True))
    slit = points[np.concatenate([up, low])]
    slit = slit[np.abs(slit[:, 0] - centre) < 0.25 * width]
    parts = [
        upper, lower, _teeth(surface, drop, links, near, up, slit, width),
        _chin(surface, drop, near), _still(surface, up, slit, width),
    ]  # fmt: skip
    last = np.cumsum([len(p) for p in parts]).tolist()
    vertices = np.concatenate(parts).astype(np.int32)
    controls = tuple(c for c in mapping.controls if c in surface.deltas)
    deltas = np.zeros((len(controls), len(vertices), 3), np.float32)
    for k, name in enumerate(controls):
        which, delta = surface.deltas[name]
        dense = np.zeros_like(points)
        dense[which] = delta
        deltas[k] = dense[vertices]
    moving = np.abs(deltas[:, : last[3]]).max((1, 2), initial=0.0) > 1e-4 * width
    controls, deltas = tuple(np.array(controls, object)[moving]), deltas[moving]
    slices = [slice(a, b) for a, b in zip((0, *last[:-1]), last, strict=True)]
    return Mouth(
        vertices, *slices, points[vertices], controls, deltas, columns, width, float(drop[parts[3]].mean())
    )


def _seam(
    points: np.ndarray, up: np.ndarray, low: np.ndarray, centre: float, width: float
) -> Callable[[np.ndarray], np.ndarray]:
    """The height of the slit at x: of the frontmost pair there."""
    middle = (points[up] + points[low]) / 2
    places = centre + np.linspace(-0.5, 0.5, 2 * COLUMNS) * width
    heights = []
    for x in places:
        off = np.abs(middle[:, 0] - x)
        here = np.flatnonzero(off <= max(width / 24, off.min()))
        heights.append(middle[here[middle[here, 2].argmax()], 1])
    return lambda x: np.interp(x, places, heights)


def _columns(
    upper: np.ndarray, lower: np.ndarray, centre: float, width: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """bool (C, upper), (C, lower): the points nearest to each of COLUMNS places along the mouth, at most CROWD each."""
    places = centre + np.linspace(-0.5, 0.5, COLUMNS) * MIDDLE * width
    found = []
    for points in (upper, lower):
        if not len(points):
            return None
        x = np.sort(points[:, 0])
        steps = np.diff(x[np.abs(x - centre) <= 0.5 * width], prepend=x[0])
        reach = max(width / 24, 0.6 * float(steps.max(initial=0.0)))
        off = np.abs(points[:, 0] - places[:, None])
        crowd = np.sort(off, axis=1)[:, min(CROWD, len(points)) - 1]
        found.append(off <= np.minimum(reach, crowd)[:, None])
        if not found[-1].any(1).all():
            return None
    return found[0], found[1]


def _teeth(
    surface: Surface, drop: np.ndarray, links: Links, near: np.ndarray, up: np.ndarray, slit: np.ndarray, width: float
) -> np.ndarray:
    """The edge of the upper teeth: the lowest of what stays close behind the upper lip and is no part of it."""
    apart = ~np.isfinite(links.distance(up, np.inf)[near])
    stays = np.abs(drop[near]) < 0.01 * width
    off = surface.points[near] - [slit[:, 0].mean(), slit[:, 1].mean(), slit[:, 2].max()]
    place = (np.abs(off[:, 0]) < 0.25 * width) & (np.abs(off[:, 1]) < 0.4 * width)
    place &= (off[:, 2] < 0) & (off[:, 2] > -0.4 * width)
    teeth = near[apart & stays & place]
    if not len(teeth):
        return teeth
    # the edge is bent: lowest within each strip
    strip = np.floor((surface.points[teeth, 0] - slit[:, 0].mean()) / (0.06 * width)).astype(int)
    strip -= strip.min()
    floor = np.full(strip.max() + 1, np.inf)
    np.minimum.at(floor, strip, surface.points[teeth, 1])
    return teeth[surface.points[teeth, 1] <= floor[strip] + 0.03 * width]


def _chin(surface: Surface, drop: np.ndarray, near: np.ndarray) -> np.ndarray:
    """What sinks most."""
    return near[np.argsort(-drop[near], kind="stable")[:40]]


def _still(surface: Surface, up: np.ndarray, slit: np.ndarray, width: float) -> np.ndarray:
    """Points of the same mesh above the lips that no control moves: they show how the head is held."""
    first, last = next(((a, b) for a, b in surface.ranges.values() if a <= up[0] < b), (0, len(surface.points)))
    free = np.zeros(len(surface.points), bool)
    free[first:last] = surface.points[first:last, 1] > slit[:, 1].max()
    for which, delta in surface.deltas.values():
        free[which[np.abs(delta).max(1) > 1e-4 * width]] = False
    still = np.flatnonzero(free)
    order = np.argsort(np.linalg.norm(surface.points[still] - slit.mean(0), axis=1), kind="stable")
    return still[order[: 20 * STILL : 20]] if len(still) > 20 * STILL else still[order[:STILL]]
