"""Which key does what, by its geometry alone: each is compared with what every channel does on a reference head."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from ..core.channels import CHANNELS, mirrored
from ..core.files import PRESETS
from . import fields
from .fields import Face, Fields
from .lips import Surface

SAME = 0.985
"""Keys of one character that are this much alike are one shape twice."""
MIRRORED = 0.75
"""Keys that are this much alike when one of them is mirrored are a pair."""
ENOUGH = 0.38
"""The least confidence that a key is driven with."""
ALONE = 0.46
"""The same for a key that moves one side and has no mirrored one to confirm it."""
INSIDE = 0.65
"""The same for a key that works inside the mouth, where teeth are as well."""
ONE_SIDED = 0.45
"""How much two keys may differ in their own symmetry (a spread, cosines)."""
STRENGTH = 1.2
"""How much they may differ in how far they move (a spread, natural logarithm)."""
OPENS = 0.5
"""A key that opens the mouth parts points that lie together by at least this share of its longest arrow."""
FACE = 3, 0.55
"""So many keys with so much confidence at least make a face: with few keys anything can be laid onto it."""
MARGIN = 0.04
"""A key that might as well be a channel that nobody else is, within this, is left alone."""
SELDOM = {"eyeLook": 0.92}
"""Lids that go with the eyes are like lids that blink or open, which characters have more often."""
PARTING = 1.2
"""How much two keys of the mouth may differ in how far they part the lips (a spread, over their longest arrows)."""
_HALVED = ("browInnerUp", "cheekPuff")
_PAIRED = (
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp",
    "cheekSquint", "noseSneer", "browDown", "browOuterUp", "eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp",
    "eyeLookDown",
)  # fmt: skip
_TOGETHER = (
    ("eyeLookInLeft", "eyeLookOutRight"), ("eyeLookOutLeft", "eyeLookInRight"),
    ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What a key may be: some channels together, or one side of one (-1 right, 1 left)."""

    channels: tuple[str, ...]
    side: int = 0

    @property
    def mirror(self) -> Shape:
        return Shape(tuple(sorted(mirrored(c) for c in self.channels)), -self.side)

    @property
    def weights(self) -> dict[str, float]:
        """Of a key for several channels the mean."""
        return {c: 1 / len(self.channels) for c in self.channels}


@dataclass(frozen=True)
class Found:
    """What was recognised.

    shapes      key to the Shape it is
    confidence  key to 0..1, of the keys in `shapes`
    why         key to why it is no shape, of all others
    alike       key to channel to cosine, of all that was compared; what a name says can be held against it
    """

    shapes: dict[str, Shape] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    alike: Table[str, Table[str, float]] = field(default_factory=dict)


@lru_cache(maxsize=2)
def reference(name: str = "reference") -> Face:
    """A reference head: ours, or "reference_ict", the ICT head (presets/character/build_reference.py makes them)."""
    with np.load(PRESETS / "character" / f"{name}.npz") as z:
        names, reach = tuple(str(n) for n in z["names"]), z["reach"]
        parts = [
            Fields(names, z[f"{p}_points"], z[f"{p}_pushes"].astype(np.float32), reach) for p in ("front", "inside")
        ]
        return Face(*parts, z["seen"], z["parted"])


def references() -> tuple[Face, ...]:
    """Two makers' ideas of each channel: a key need only look like one of them."""
    return reference(), reference("reference_ict")


def made(surface: Surface, step: float = fields.STEP) -> Face:
    """A Surface that looks along +z and whose controls are channels as a reference: the mean of it and its mirror."""
    names = tuple(n for n in CHANNELS if n in surface.deltas and mirrored(n) in surface.deltas)
    count = len(surface.points)
    deltas = {}
    for name in names:
        (i, d), (j, e) = surface.deltas[name], surface.deltas[mirrored(name)]
        deltas[name] = np.concatenate([i, j + count]), np.concatenate([d, e * fields.FLIP])
    points = np.concatenate([surface.points, surface.points * fields.FLIP])
    edges = np.concatenate([surface.edges, surface.edges + count])
    return fields.face(fields.moving(Surface(points, edges, deltas), names), np.eye(3), step)


_KNOWN: dict[bytes, Found] = {}
"""What was found before: a character is looked at whenever it is chosen, baked or measured."""


def recognise(surface: Surface, names: tuple[str, ...], heads: tuple[Face, ...] = ()) -> Found:
    """What some controls of a Surface do. A Surface that is turned, of any size, or no face at all is welcome.

    heads: compared with these, not with the references
    """
    if heads:
        return _recognised(surface, names, heads)
    digest = _digest(surface, names)
    if digest not in _KNOWN:
        if len(_KNOWN) >= 8:
            _KNOWN.pop(next(iter(_KNOWN)))
        _KNOWN[digest] = _recognised(surface, names, references())
    return _KNOWN[digest]


def _digest(surface: Surface, names: tuple[str, ...]) -> bytes:
    digest = hashlib.blake2b(repr(names).encode())
    digest.update(np.ascontiguousarray(surface.points))
    for name in names:
        for part in surface.deltas.get(name, ()):
            digest.update(np.ascontiguousarray(part))
    return digest.digest()


def _recognised(surface: Surface, names: tuple[str, ...], heads: tuple[Face, ...]) -> Found:
    moved = fields.moving(surface, names)
    if moved is None:
        return Found(why=dict.fromkeys(names, "it moves nothing"))
    own = fields.straightened(moved, heads[0])
    keys, twins = own.front.names, _twins(own, own.front.names)
    shapes = list(dict.fromkeys(shape for head in heads for shape in _shapes(head)))
    mirror = _mirror(own.front)
    score, alike = np.zeros((len(keys), len(shapes))), np.full((len(keys), len(shapes)), -1.0)
    for head in heads:
        mine = _shapes(head)
        at = [shapes.index(shape) for shape in mine]
        goal = _composed(head, mine)
        laid = fields.warped(own, head)
        like = _alike(laid, goal)
        score[:, at] = np.maximum(score[:, at], _scored(like, mirror, laid, goal, mine))
        alike[:, at] = np.maximum(alike[:, at], like)
    score[list(twins)] = 0
    return _decided(own, score, alike, mirror, twins, shapes, names)


def _decided(
    own: Face, score: np.ndarray, alike: np.ndarray, mirror: np.ndarray, twins: dict[int, int], shapes: list[Shape],
    names: tuple[str, ...],
) -> Found:
    keys = own.front.names
    chosen, confidence = _matched(score, shapes)
    enough = np.where(mirror.max(1) > MIRRORED, ENOUGH, ALONE)
    enough[own.seen < fields.HIDDEN] = INSIDE
    clear = {k: score[k, s] - _rival(score, k, s, shapes, chosen) >= MARGIN for k, s in chosen.items()}
    accepted = {k: shapes[s] for k, s in chosen.items() if confidence[k] >= enough[k] and clear[k]}
    if sum(confidence[k] >= FACE[1] for k in accepted) < FACE[0]:
        accepted = {}
    why = dict.fromkeys(names, "it moves nothing")
    for k, name in enumerate(keys):
        best = shapes[int(score[k].argmax())]
        why[name] = (
            f"the same shape as '{keys[twins[k]]}'" if k in twins
            else "what the keys do is not like a face" if not accepted
            else f"it is not clear what it does (like {' + '.join(best.channels)}?)" if score[k].max() > ENOUGH
            else "it does nothing that a channel does"
        )
    single = {s.channels[0]: i for i, s in enumerate(shapes) if len(s.channels) == 1 and not s.side}
    return Found(
        {keys[k]: shape for k, shape in accepted.items()},
        {keys[k]: round(float(confidence[k]), 3) for k in accepted},
        {name: text for name, text in why.items() if name not in {keys[k] for k in accepted}},
        {name: {c: float(alike[k, i]) for c, i in single.items()} for k, name in enumerate(keys)},
    )


def _rival(score: np.ndarray, key: int, shape: int, shapes: list[Shape], chosen: dict[int, int]) -> float:
    """The best score of a key with a shape whose channels no other key has."""
    taken = {c for k, s in chosen.items() if k != key for c in shapes[s].channels} | set(shapes[shape].channels)
    return max((float(score[key, i]) for i, s in enumerate(shapes) if taken.isdisjoint(s.channels)), default=0.0)


def _shapes(head: Face) -> list[Shape]:
    names = head.front.names
    made = [Shape((n,)) for n in names]
    made += [Shape((n,), side) for n in _HALVED for side in (1, -1)]
    made += [Shape((f"{n}Left", f"{n}Right")) for n in _PAIRED]
    made += [Shape(tuple(sorted(group))) for group in _TOGETHER]
    return [s for s in made if set(s.channels) <= set(names)]


def _composed(head: Face, shapes: list[Shape]) -> Face:
    """The reference with a field for each Shape."""
    at = {n: i for i, n in enumerate(head.front.names)}
    rows = [[at[c] for c in s.channels] for s in shapes]
    names = tuple("+".join(s.channels) for s in shapes)
    reach = np.array([head.front.reach[r].max() for r in rows])
    parts = []
    for part in (head.front, head.inside):
        # a channel's own length stands in its reach, the pushes are to any scale
        pushes = np.stack([sum(part.pushes[i] * head.front.reach[i] for i in r) for r in rows])
        for k, shape in enumerate(shapes):
            if shape.side:
                pushes[k] *= 1 / (1 + np.exp(-shape.side * part.points[:, :1] / 0.05))
        parts.append(Fields(names, part.points, pushes.astype(np.float32), reach))
    return Face(*parts, *(np.array([value[r].min() for r in rows]) for value in (head.seen, head.parted)))


def _alike(own: Face, goal: Face) -> np.ndarray:
    """float (K, S): what is seen against what is seen, what is hidden against what is hidden."""
    pairs = [(own.front, goal.front), (own.front.coarser(0.14), goal.front.coarser(0.14))]
    alike = sum(fields.likeness(*pair, width) for pair, width in zip(pairs, fields.WIDTHS, strict=True)) / 2
    hidden, inner = own.seen < fields.HIDDEN, goal.seen < fields.HIDDEN
    alike[hidden[:, None] != inner[None]] = 0
    if hidden.any() and inner.any():
        within = fields.likeness(own.inside, goal.inside, fields.WIDTHS[-1])
        alike[np.ix_(hidden, inner)] = within[np.ix_(hidden, inner)]
    return alike


def _mirror(front: Fields, width: float = 0.17) -> np.ndarray:
    """float (K, K): cosines of each key with each other one mirrored."""
    small = front.coarser(0.13)
    over = replace(small, points=small.points * fields.FLIP, pushes=small.pushes * fields.FLIP)
    return fields.likeness(small, over, width)


def _twins(own: Face, keys: tuple[str, ...]) -> dict[int, int]:
    """Key to the earlier key that is the same shape."""
    whole = own.whole
    flat = whole.pushes.reshape(len(keys), -1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    alike = np.triu(flat @ flat.T, 1) > SAME
    twins: dict[int, int] = {}
    for later in range(len(keys)):
        first = [k for k in np.flatnonzero(alike[:, later]) if k not in twins]
        if first:
            twins[later] = int(first[0])
    return twins


def _scored(alike: np.ndarray, mirror: np.ndarray, own: Face, goal: Face, shapes: list[Shape]) -> np.ndarray:
    """float (K, S): likeness, with that of the mirrored key to the mirrored shape; and of symmetry, size, opening."""
    where = {s: i for i, s in enumerate(shapes)}
    other = np.array([where.get(s.mirror, i) for i, s in enumerate(shapes)])
    symmetric = np.diag(mirror)
    partner = mirror.argmax(1)
    paired = (mirror.max(1) > MIRRORED) & (partner[partner] == np.arange(len(mirror)))
    score = alike.copy()
    score[paired] = (alike[paired] + alike[partner[paired]][:, other]) / 2
    of_goal = np.diag(_mirror(goal.front))
    seen = (own.seen[:, None] > fields.HIDDEN) & (goal.seen[None] > fields.HIDDEN)
    odd = np.where(seen, symmetric[:, None] - of_goal[None], 0)
    score *= np.exp(-0.5 * (odd / ONE_SIDED) ** 2)
    ratio = np.log(np.maximum(own.front.reach, 1e-9)[:, None] / goal.front.reach[None])
    best = score.max(1) > 0.5
    usual = np.median(ratio[best, score[best].argmax(1)]) if best.any() else 0.0
    score = np.maximum(score, 0) * (0.75 + 0.25 * np.exp(-0.5 * ((ratio - usual) / STRENGTH) ** 2))
    mouth = np.array([s.channels[0].startswith(("mouth", "jaw")) for s in shapes])
    score[:, mouth] *= np.exp(-0.5 * ((own.parted[:, None] - goal.parted[mouth]) / PARTING) ** 2)
    for name, less in SELDOM.items():
        score[:, [i for i, s in enumerate(shapes) if s.channels[0].startswith(name)]] *= less
    opening = where.get(Shape(("jawOpen",)))
    if opening is not None:
        # of several the one that opens widest
        width = own.parted * own.front.reach
        widest = width[score[:, opening] > ENOUGH].max(initial=0.0)
        score[:, opening] *= 0.5 + 0.5 * (width / max(widest, 1e-9)).clip(0, 1)
        score[own.parted < OPENS, opening] *= 0.5
    return score


def _matched(score: np.ndarray, shapes: list[Shape]) -> tuple[dict[int, int], dict[int, float]]:
    """(key to shape, key to confidence): one shape a key, one key a channel or a side of it."""
    owned: set[tuple[str, int]] = set()
    chosen: dict[int, int] = {}
    for _ in range(3):
        left = np.array([k for k in range(len(score)) if k not in chosen], int)
        free = np.array([i for i, s in enumerate(shapes) if _free(s, owned)], int)
        if not len(left) or not len(free):
            break
        pair = fields.assign(score[np.ix_(left, free)] ** 2)
        found = [(int(left[row]), int(free[c])) for row, c in enumerate(pair) if c >= 0]
        for key, shape in sorted(found, key=lambda f: (len(shapes[f[1]].channels), -score[f])):
            if score[key, shape] > ENOUGH / 2 and _free(shapes[shape], owned):
                chosen[key] = shape
                sides = (shapes[shape].side,) if shapes[shape].side else (0, 1, -1)
                owned |= {(c, s) for c in shapes[shape].channels for s in (*sides, 0)}
    return chosen, {k: _confidence(score, k, s, shapes, chosen) for k, s in chosen.items()}


def _free(shape: Shape, owned: set[tuple[str, int]]) -> bool:
    return not any((c, shape.side) in owned for c in shape.channels)


def _confidence(score: np.ndarray, key: int, shape: int, shapes: list[Shape], chosen: dict[int, int]) -> float:
    """High where the key is much like the shape and like no other that is not another key's with more right."""
    taken = {c: score[k, s] for k, s in chosen.items() for c in shapes[s].channels if k != key}
    own, rivals = float(score[key, shape]), [0.0]
    for i, other in enumerate(shapes):
        apart = set(other.channels).isdisjoint(shapes[shape].channels)
        if apart and not any(taken.get(c, 0.0) > score[key, i] for c in other.channels):
            rivals.append(float(score[key, i]))
    return float(np.clip(own - max(0.0, max(rivals) - own) / 2, 0, 1))
