"""A face laid onto a reference head: its turn, its size and proportions, and a smooth warp, all by what its keys do.

The turn and the proportions are those in which most keys look like some field of the reference. Then the face is bent
until alike fields lie on each other, as currents are registered (Vaillant and Glaunes 2005): each point moves by a mean
shift towards the arrows of the reference that are like its own, smoothed over the face and alike on both its sides.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np

from . import symmetry
from .assignment import assign
from .fields import FLAT, FLIP, HIDDEN, Face, Fields, Moving, face, flat, kernel, lengths, likeness, planes, products

UPRIGHT = 0.2
"""Radians from an axis within which a head is taken to stand along it."""
SPREAD, STARTS = 300, 5
"""Turns that are tried, and how many of the best are followed."""
RIVAL = 0.85
"""A turn that is this much as good as the best is looked at more closely, as a face upside down."""
AS_IT_IS = 1.15
"""How much better than as it stands a head must look turned: it comes in its armature's axes, or as it stands."""
STAGES = (0.3, 0.5, 0.2), (0.22, 0.42, 0.18), (0.16, 0.35, 0.15), (0.12, 0.3, 0.13)
"""Kernel of the comparison, kernel that shifts are smoothed by, and cells of the face, one after the other."""
ROUNDS = 4
"""Shifts a stage."""
ALIKE = 0.35
"""Fields less alike than this pull at nothing."""


def facing(moved: Moving, reference: Face) -> list[np.ndarray]:
    """float (3, 3), the turn that brings a face to look as the reference does; after it others that may be right."""
    # size and origin by all that moves: what is seen from the front is not known yet
    whole = flat(moved, 0.25)
    like = _Turned(whole, reference, 0.4, 0.5)
    starts = [*_AXES, *_spread(SPREAD)]
    found = np.array([_agreement(like(turn)) for turn in starts])
    closer = _Turned(whole, reference, 0.25, 0.35)
    best = (0, *np.argsort(-found, kind="stable")[:STARTS])
    turns = [_AXES[0], *(_refined(closer, starts[i]) for i in best)]
    upright = 1 + 2 * np.cos(UPRIGHT)
    agreed = [_agreement(closer(t)) * (AS_IT_IS if np.trace(t) > upright else 1.0) for t in turns]
    kept: list[np.ndarray] = []
    for i in np.argsort(-np.array(agreed), kind="stable"):
        # heads are mostly made along the axes, more exactly than they can be measured here
        straight = max(_AXES, key=lambda t: np.trace(t.T @ turns[i]))
        turn = straight if np.trace(straight.T @ turns[i]) > upright else turns[i]
        if agreed[i] > RIVAL * max(agreed) and all(np.trace(turn.T @ other) < 1 for other in kept):
            kept.append(turn)
    return kept


class _Turned:
    """float (K, S) of a turn: how alike the keys are to the reference's, all of both, about what moves."""

    def __init__(self, own: Fields, reference: Face, step: float, width: float):
        self.own, self.goal, self.width = _centred(own.coarser(step)), _centred(reference.whole.coarser(step)), width
        self.length = np.outer(*(lengths(f.pushes, f.points, width) for f in (self.own, self.goal)))
        count = len(self.own.pushes)
        self.arrows = planes(self.own.pushes).swapaxes(0, 1).reshape(count, -1)
        self.wanted = planes(self.goal.pushes).swapaxes(1, 2)

    def __call__(self, turn: np.ndarray) -> np.ndarray:
        near = kernel(self.own.points @ turn.T, self.goal.points, self.width)
        # the goal's arrows are turned back, once they are gathered about the points of its own
        towards = np.matmul(near, self.wanted)
        back = turn.T.astype(np.float32) @ towards.reshape(3, -1)
        return self.arrows @ back.reshape(self.arrows.shape[1], -1) / self.length


def _refined(like: _Turned, turn: np.ndarray, rounds: int = 5) -> np.ndarray:
    """The turn that lays the centres of alike fields onto each other, and their arrows, from a start near it."""
    centres, goals = like.own.centres, like.goal.centres
    arrows, wanted = _unit(like.own.pushes.sum(1)), _unit(like.goal.pushes.sum(1))
    for _ in range(rounds):
        alike = np.maximum(like(turn), 0)
        pair = assign(alike**2)
        own = np.flatnonzero(pair >= 0)
        other, weight = pair[own], alike[own, pair[own]] ** 3 + 1e-9
        a = centres[own] - np.average(centres[own], axis=0, weights=weight)
        b = goals[other] - np.average(goals[other], axis=0, weights=weight)
        before = turn
        turn = _rotation(b.T @ (weight[:, None] * a) + 0.1 * wanted[other].T @ (weight[:, None] * arrows[own]))
        if np.abs(turn - before).max() < 1e-4:
            break
    return turn


def straightened(moved: Moving, reference: Face) -> Face:
    """The face of a Moving, turned to look as the reference does."""
    turns = facing(moved, reference)
    own = face(moved, turns[0])
    if len(turns) == 1 and np.abs(turns[0]).max(1).min() > 0.999:
        return own
    tried, across = [], None
    for turn in turns:
        # both sides of a head are alike whatever keys there are
        across = symmetry.normal(moved, turn[0] if across is None else across)
        turn = _across(turn, across)
        for _ in range(2):  # what is seen from the front tells the turn more exactly
            own = face(moved, turn)
            laid = warped(own, reference, STAGES[:2])
            if np.abs(turn).max(1).min() > 0.999:
                break
            turn = _across(_lean(own, laid, reference) @ turn, across)
        alike = likeness(laid.front.coarser(0.14), reference.front.coarser(0.14), 0.2)
        tried.append((_agreement(alike), face(moved, turn)))
    return max(tried, key=lambda t: t[0])[1]


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


def _across(turn: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The turn next to one that brings what is normal to a head's middle plane to x."""
    x = normal * np.sign(normal @ turn[0])
    y = _unit((turn[1] - (turn[1] @ x) * x)[None])[0]
    return np.stack([x, y, np.cross(x, y)]).astype(np.float32)


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


def _spread(count: int) -> np.ndarray:
    """float32 (count, 3, 3): turns spread evenly over all that there are (super-Fibonacci spirals, Alexa 2022)."""
    s = np.arange(count) + 0.5
    r, q = np.sqrt(s / count), np.sqrt(1 - s / count)
    a, b = 2 * np.pi * s / np.sqrt(2), 2 * np.pi * s / 1.533751168755204288
    x, y, z, w = r * np.sin(a), r * np.cos(a), q * np.sin(b), q * np.cos(b)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, 1).reshape(count, 3, 3).astype(np.float32)


def _axes() -> list[np.ndarray]:
    """The 24 turns that take axes to axes, first the one that turns nothing."""
    signs = [np.array(s, np.float32)[:, None] for s in product((1, -1), repeat=3)]
    signed = (np.eye(3, dtype=np.float32)[list(p)] * s for p in permutations(range(3)) for s in signs)
    return [turn for turn in signed if np.linalg.det(turn) > 0]


_AXES = _axes()


def _agreement(alike: np.ndarray) -> float:
    """How many keys find a field that they are like, and how many fields a key."""
    alike = np.maximum(alike, 0)
    return float((alike.max(1) ** 2).sum() / len(alike) + (alike.max(0) ** 2).sum() / len(alike.T))


def onto(own: Face, references: list[Face]) -> list[Face]:
    """The face warped to each reference: these are alike, so what fits the first one's proportions nearly fits all."""
    first = proportions(own, references[0])
    return [
        warped(own, reference, STAGES, proportions(own, reference, first) if i else first)
        for i, reference in enumerate(references)
    ]


def warped(
    own: Face,
    reference: Face,
    stages: tuple[tuple[float, float, float], ...] = STAGES,
    placed: tuple[np.ndarray, np.ndarray] | None = None,
) -> Face:
    """The face with its points where the reference has the same places; placed: its proportions, where known."""
    scale, shift = placed or proportions(own, reference)
    parts = [own.front.points * scale + shift, own.inside.points * scale + shift]
    for width, smooth, step in stages:
        start = replace(own.front, points=parts[0]).coarser(step)
        shifts = _shifts(start, reference.front.coarser(step), own.seen > HIDDEN, width, smooth)
        parts = [_carried(p, start.points, shifts, step) for p in parts]
    moved = [replace(f, points=p) for f, p in zip((own.front, own.inside), parts, strict=True)]
    return replace(own, front=moved[0], inside=moved[1])


def _shifts(start: Fields, goal: Fields, usable: np.ndarray, width: float, smooth: float) -> np.ndarray:
    """float (N, 3): where the points of `start` go so that fields which are alike lie on each other."""
    x, y = start.points, goal.points
    of_x, of_y = (lengths(f.pushes, f.points * FLAT, width)[:, None, None] for f in (start, goal))
    a, b = start.pushes / of_x, goal.pushes / of_y
    alike = np.maximum(products(a, b, kernel(x * FLAT, y * FLAT, width)), 0) * usable[:, None]
    pair = assign(alike**2)
    rows = np.flatnonzero(pair >= 0)
    rows = rows[alike[rows, pair[rows]] > ALIKE]
    weight = alike[rows, pair[rows]][:, None] ** 4
    a, b = planes(a[rows]), planes(b[pair[rows]])
    towards = sum((p * weight).T @ q for p, q in zip(a, b, strict=True))
    apart = sum((p * weight).T @ p for p in a)
    for _ in range(ROUNDS):
        pull, push = towards * kernel(x * FLAT, y * FLAT, width), apart * kernel(x * FLAT, x * FLAT, width)
        force = pull @ y - push @ x - (pull.sum(1) - push.sum(1))[:, None] * x
        mass = np.maximum(pull, 0).sum(1)
        # a face's two sides are alike: what moves one moves the other
        here, over = kernel(x, x, smooth), kernel(x, x * FLIP, smooth)
        total = here @ mass + over @ mass + 0.02 * mass.max(initial=0.0) + 1e-12
        x = x + (here @ force + over @ (force * FLIP)) / total[:, None]
    return x - start.points


def _carried(points: np.ndarray, known: np.ndarray, shifts: np.ndarray, step: float) -> np.ndarray:
    """Points moved as known ones near them are."""
    near = kernel(points, known, step) + np.float32(1e-4) * kernel(points, known, 0.6) + np.float32(1e-9)
    return (points + near @ shifts / near.sum(1)[:, None]).astype(np.float32)


def proportions(
    face: Face, reference: Face, start: tuple[np.ndarray, np.ndarray] | None = None, width: float = 0.33
) -> tuple[np.ndarray, np.ndarray]:
    """(scale (3,), shift (3,)) that bring a face's fields roughly onto the reference's; start: some not far off.

    Origins lie amid what moves: on a face whose brows move little that is far lower than on another.
    """
    fields, goal = face.front.coarser(0.3), reference.front.coarser(0.3)
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

    if start:
        best = -1.0, *start
    else:
        for high in (0.7, 1.0, 1.4):
            tried(np.array([1, high, 1], np.float32), np.arange(-1.2, 1.21, 0.2, np.float32))
    _, scale, shift = best
    for wide, high in product((0.85, 1.0, 1.2), (0.84, 1.0, 1.18)):
        tried(scale * np.array([wide, high, 1], np.float32), shift[1] + np.array([-0.2, 0, 0.2], np.float32))
    _, scale, shift = best
    for high in (0.92, 1.0, 1.08):
        tried(scale * np.array([1, high, 1], np.float32), shift[1] + np.array([-0.1, 0, 0.1], np.float32))
    return best[1:]
