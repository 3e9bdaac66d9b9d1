"""Which key does what, by its geometry alone: each is compared with what every channel does on a reference head."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from ..core.channels import CHANNELS, mirrored
from ..core.files import PRESETS
from . import evidence, fields, registration, shares
from .evidence import BY_EYE, FITTED, Evidence, Fit, Goal, Shape
from .fields import Face, Fields
from .lips import Surface

REFERENCES = "reference", "reference_ict", "reference_makehuman"
"""The demo head, the ICT head, the MakeHuman head."""
SAME = 0.985
"""Keys of one character that are this much alike are one shape twice."""
TIE = 1.0
"""Evidence is as good as the best where it is less than this behind."""
SURE = 0.6
"""The least confidence that a key is driven with."""
INSIDE = 0.75
"""The same for a key that works inside the mouth, where teeth are as well."""
FACE, PART = 3, 0.12
"""So many keys that are sure at least, and such a part of all, make a face: a few can be laid onto anything."""
PLAIN, LIKELY = 0.9, 0.7
"""How much keys together must be like a channel (a cosine) to be driven in full, or weakly."""
NEAR_BEST = 0.9
"""A key is a part of a channel where it is this much as good as where it is best."""
WEAK = 0.4
"""The most that a key is driven by what it is only likely to be."""
LOOK, IRIS = 0.4, 0.8
"""How far the eyeballs of a reference turn (radians), and where the coloured part of a ball begins, over its radius."""
LIPS = 0.8
"""How far lips reach, over the spread of what moves where they pucker."""
FEW = 16
"""Fewer keys than this are laid onto what channels do together as well."""
_HALVED = ("browInnerUp", "cheekPuff")
PAIRED = (
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp",
    "cheekSquint", "noseSneer", "browDown", "browOuterUp", "eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp",
    "eyeLookDown",
)  # fmt: skip
_TOGETHER = (
    ("eyeLookInLeft", "eyeLookOutRight"), ("eyeLookOutLeft", "eyeLookInRight"),
    ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """How a Shape may look on a reference: a sum of its channels, of one side alone (-1, 1), or by the lips alone."""

    shape: Shape
    parts: dict[str, float]
    side: int = 0
    by_lips: bool = False


_SQUINT = tuple({f"eyeSquint{side}": 1.0, f"eyeBlink{side}": 0.4} for side in ("Left", "Right"))
STYLES = (
    *(Way(Shape((next(iter(parts)),)), parts) for parts in _SQUINT),
    Way(Shape(("eyeSquintLeft", "eyeSquintRight")), {**_SQUINT[0], **_SQUINT[1]}),
    Way(Shape(("mouthPressLeft",)), {"mouthClose": 1.0}, 1), Way(Shape(("mouthPressRight",)), {"mouthClose": 1.0}, -1),
    Way(Shape(("jawOpen",)), {"jawOpen": 1.0}, by_lips=True),
    Way(Shape(("jawOpen",)), {"jawOpen": 1.0, "mouthUpperUpLeft": 1.0, "mouthUpperUpRight": 1.0}, by_lips=True),
    Way(Shape(("browInnerUp",)), {"browInnerUp": 1.0, "browOuterUpLeft": -0.7, "browOuterUpRight": -0.7}),
)  # fmt: skip
"""What simpler characters do: both lids narrow the eye, half of the mouth is closed where lips press, the mouth opens
by its lips alone, brows tilt."""


@dataclass(frozen=True)
class Found:
    """What was recognised.

    shapes      key to the Shape it is
    weights     key to channel to weight, of those and of keys that are a part of channels that no key is
    confidence  key to 0..1, of the keys in `weights`
    why         key to why it is neither, of all others
    alike       key to channel to cosine, of all that was compared; what a name says can be held against it
    """

    shapes: dict[str, Shape] = field(default_factory=dict)
    weights: dict[str, dict[str, float]] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    alike: Table[str, Table[str, float]] = field(default_factory=dict)


@lru_cache(maxsize=len(REFERENCES))
def reference(name: str = "reference") -> Face:
    """A reference head, ours or another of REFERENCES (presets/character/build_reference.py makes them)."""
    with np.load(PRESETS / "character" / f"{name}.npz") as z:
        names, reach = tuple(str(n) for n in z["names"]), z["reach"]
        parts = [
            Fields(names, z[f"{p}_points"], z[f"{p}_pushes"].astype(np.float32), reach) for p in ("front", "inside")
        ]
        return Face(*parts, z["seen"], z["parted"], z["loose"], z["closes"])


@lru_cache(maxsize=1)
def references() -> tuple[Goal, ...]:
    """Three makers' ideas of each channel: a key need only look like one of them."""
    return tuple(goal(reference(name)) for name in REFERENCES)


def with_looks(surface: Surface, balls: Table[str, np.ndarray]) -> Surface:
    """A Surface of channels that looks by its eyeballs as well: {"left": vertices, "right": vertices}.

    What is coloured turns, as eyes that are keys do: the front of each ball, about its centre by LOOK.
    """
    deltas = dict(surface.deltas)
    for side, which in balls.items():
        points = surface.points[which]
        centre = (points.min(0) + points.max(0)) / 2
        radius = np.ptp(points[:, 2]) / 2
        front = which[points[:, 2] - centre[2] > IRIS * radius]
        still = surface.points[front] - centre
        x, y, z = still.T
        name_of = f"eyeLook{{}}{side.capitalize()}{BY_EYE}".format
        out = 1.0 if side == "left" else -1.0
        cosine, sine = np.cos(LOOK), np.sin(LOOK)
        for name, sign in (("Up", 1.0), ("Down", -1.0)):
            turned = np.stack([x, cosine * y + sign * sine * z, cosine * z - sign * sine * y], 1)
            deltas[name_of(name)] = front, (turned - still).astype(np.float32)
        for name, sign in (("Out", out), ("In", -out)):
            turned = np.stack([cosine * x + sign * sine * z, y, cosine * z - sign * sine * x], 1)
            deltas[name_of(name)] = front, (turned - still).astype(np.float32)
    return replace(surface, deltas=deltas)


def made(surface: Surface, step: float = fields.STEP) -> Face:
    """A Surface that looks along +z and whose controls are channels as a reference: the mean of it and its mirror."""
    pairs = {n + end: mirrored(n) + end for n in CHANNELS for end in ("", BY_EYE)}
    names = tuple(n for n, other in pairs.items() if n in surface.deltas and other in surface.deltas)
    count = len(surface.points)
    deltas = {}
    for name in names:
        (i, d), (j, e) = surface.deltas[name], surface.deltas[pairs[name]]
        deltas[name] = np.concatenate([i, j + count]), np.concatenate([d, e * fields.FLIP])
    points = np.concatenate([surface.points, surface.points * fields.FLIP])
    edges = np.concatenate([surface.edges, surface.edges + count])
    return fields.face(fields.moving(Surface(points, edges, deltas), names), np.eye(3), step)


_KNOWN: dict[bytes, Found] = {}
"""What was found before: a character is looked at whenever it is chosen, baked or measured."""


def recognise(
    surface: Surface, names: tuple[str, ...], heads: tuple[Face, ...] = (), fit: Fit = FITTED
) -> Found:
    """What some controls of a Surface do. A Surface that is turned, of any size, or no face at all is welcome.

    heads: compared with these, not with the references; fit: what then weighs the evidence
    """
    if heads:
        return _recognised(surface, names, tuple(map(goal, heads)), fit)
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


def _recognised(surface: Surface, names: tuple[str, ...], goals: tuple[Goal, ...], fit: Fit = FITTED) -> Found:
    moved = fields.moving(surface, names)
    if moved is None:
        return Found(why=dict.fromkeys(names, "it moves nothing"))
    # few keys are mostly for both sides
    onto = [aim.face if len(moved.arrows) < FEW else aim.head for aim in goals]
    own = registration.straightened(moved, onto[0])
    laid = registration.onto(own, onto)
    found = evidence.gathered(laid, goals, evidence.mirror(own.front), fit)
    twins = _twins(own)
    # keys that are one shape may be two channels that are alike
    later, says = list(twins), found.total[list(twins)]
    found.total[later] = np.where(says > says.max(1, keepdims=True, initial=evidence.NEVER) - TIE, says, evidence.NEVER)
    return _decided(laid, goals, found, twins, names, fit)


def _decided(
    laid: list[Face], goals: tuple[Goal, ...], found: Evidence, twins: dict[int, int], names: tuple[str, ...], fit: Fit
) -> Found:
    own, shapes = laid[0], found.shapes
    keys = own.front.names
    chosen = evidence.matched(found)
    confidence = evidence.trusted(found, chosen, fit)
    enough = np.where(own.seen < fields.HIDDEN, INSIDE, SURE)
    accepted = {k: shapes[s] for k, s in chosen.items() if confidence[k] >= enough[k]}
    if len(accepted) < max(FACE, PART * len(keys)):
        accepted = {}
    weights = {keys[k]: shape.weights for k, shape in accepted.items()}
    sure = {keys[k]: confidence[k] for k in accepted}
    if accepted:
        for k, (parts, alike) in _shared(laid, goals, accepted, twins).items():
            weights[keys[k]], sure[keys[k]] = parts, alike
    why = dict.fromkeys(names, "it moves nothing")
    for k, name in enumerate(keys):
        best = shapes[int(found.total[k].argmax())]
        why[name] = (
            f"the same shape as '{keys[twins[k]]}'" if k in twins
            else "what the keys do is not like a face" if not accepted
            else f"it is not clear what it does (like {' + '.join(best.channels)}?)" if found.total[k].max() > 0
            else "it does nothing that a channel does"
        )
    single = {s.channels[0]: i for i, s in enumerate(shapes) if len(s.channels) == 1 and not s.side}
    return Found(
        {keys[k]: shape for k, shape in accepted.items()},
        weights,
        {name: round(p, 3) for name, p in sure.items()},
        {name: text for name, text in why.items() if name not in weights},
        {name: {c: float(found.alike[k, i]) for c, i in single.items()} for k, name in enumerate(keys)},
    )


def _shared(
    laid: list[Face], goals: tuple[Goal, ...], accepted: dict[int, Shape], twins: dict[int, int]
) -> dict[int, tuple[dict[str, float], float]]:
    """Key to (channel to weight, confidence): of keys that are no shape, for channels that no key is."""
    seen = laid[0].seen > fields.HIDDEN
    free = np.array([k not in accepted and k not in twins and seen[k] for k in range(len(seen))])
    owned = {c for shape in accepted.values() for c in shape.channels}
    best: dict[str, shares.Share] = {}
    for face, aim in zip(laid, goals, strict=True) if free.any() else ():
        among, towards, square = evidence.products(face, aim)
        at = {s: i for i, s in enumerate(aim.shapes) if not aim.styled[i]}
        singles = [i for i, s in enumerate(aim.shapes) if len(s.channels) == 1 and not s.side and not aim.styled[i]]
        lengths = [among[k, k] / max(square[at[s]], 1e-30) for k, s in accepted.items() if s in at and seen[k]]
        gain = np.sqrt(np.median(lengths or [1.0]))
        for i in singles:
            channel = aim.shapes[i].channels[0]
            if channel not in owned and aim.face.seen[i] > fields.HIDDEN:
                share = shares.fit(among, gain * towards[:, i], gain**2 * square[i], free)
                if share.alike > best.get(channel, shares.Share({}, LIKELY)).alike:
                    best[channel] = share
    found: dict[int, tuple[dict[str, float], float]] = {}
    most_alike = {k: max(s.alike for s in best.values() if k in s.weights) for s in best.values() for k in s.weights}
    for channel, share in best.items():
        if share.alike < NEAR_BEST * max(map(most_alike.get, share.weights)):
            continue
        for key, weight in share.weights.items():
            parts, alike = found.get(key, ({}, 0.0))
            most = 1.0 if share.alike >= PLAIN else WEAK
            found[key] = {**parts, channel: round(min(weight, most), 3)}, max(alike, share.alike * most)
    # what is as much like one channel as like another is surely neither
    return {
        key: (parts if len(parts) == 1 else {c: min(w, WEAK) for c, w in parts.items()}, sure)
        for key, (parts, sure) in found.items()
    }


def goal(head: Face) -> Goal:
    """The reference with a field for each Shape that a key may be."""
    names = head.front.names
    rows = [Way(Shape((n.removesuffix(BY_EYE),)), {n: 1.0}) for n in names]
    rows += [Way(Shape((n,), side), {n: 1.0}, side) for n in _HALVED for side in (1, -1)]
    groups = [(f"{n}Left", f"{n}Right") for n in PAIRED] + [tuple(sorted(group)) for group in _TOGETHER]
    rows += [Way(Shape(group), {c + end: 1.0 for c in group}) for group in groups for end in ("", BY_EYE)]
    rows = [way for way in [*rows, *STYLES] if set(way.parts) <= set(names)]
    styled = np.array([way in STYLES for way in rows])
    return Goal(head, tuple(way.shape for way in rows), _composed(head, rows), styled)


def _composed(head: Face, rows: list[Way]) -> Face:
    at = {n: i for i, n in enumerate(head.front.names)}
    mixes = np.array([[way.parts.get(n, 0.0) for n in at] for way in rows])
    reach = np.abs(mixes * head.front.reach).max(1)
    lips = _lips(head)
    parts = []
    for part in (head.front, head.inside):
        # a channel's own length stands in its reach, the pushes are to any scale
        pushes = np.tensordot(mixes * head.front.reach, part.pushes, 1)
        for k, way in enumerate(rows):
            if way.side:
                pushes[k] *= 1 / (1 + np.exp(-way.side * part.points[:, :1] / 0.05))
            if way.by_lips:
                pushes[k] *= lips(part.points)[:, None]
        parts.append(Fields(tuple("+".join(way.parts) for way in rows), part.points, pushes.astype(np.float32), reach))
    members = [[at[n] for n in way.parts] for way in rows]
    of_keys = [np.array([value[m].min() for m in members]) for value in (head.seen, head.parted, head.loose)]
    closes = np.array([min(w * head.closes[at[n]] for n, w in way.parts.items()) for way in rows])
    return Face(*parts, *of_keys, closes)


def _lips(head: Face) -> Callable[[np.ndarray], np.ndarray]:
    """Points (N, 3) to how much they are of the lips (N,), 0..1: about where lips that pucker are."""
    k = head.front.names.index("mouthPucker")
    centre, width = head.front.centres[k], head.front.spreads[k]
    return lambda points: np.exp(-(((points - centre)[:, :2] / (LIPS * width)) ** 2).sum(1) / 2)


def _twins(own: Face) -> dict[int, int]:
    """Key to the earlier key that is the same shape."""
    whole = own.whole
    flat = whole.pushes.reshape(len(whole.names), -1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    alike = (np.triu(flat @ flat.T, 1) > SAME) & (np.abs(own.shut[:, None] - own.shut) < evidence.UNLIKE)
    twins: dict[int, int] = {}
    for later in range(len(flat)):
        first = [k for k in np.flatnonzero(alike[:, later]) if k not in twins]
        if first:
            twins[later] = int(first[0])
    return twins
