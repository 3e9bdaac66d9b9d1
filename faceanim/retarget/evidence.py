"""What speaks for a key being a shape: measures of how alike the two are, weighed, and how far to trust the best pair.

The weights are fitted, by faceanim.train.keys, on the three reference heads, each told by the others, with keys left
out, joined, doubled, stronger or weaker, and mixed into what is no channel; no other character has a part in them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..core.channels import mirrored
from . import fields
from .assignment import assign
from .fields import FLAT, FLIP, HIDDEN, Face, Fields

WIDTHS = (0.22, 0.14), (0.12, 0.0), (0.07, 0.0)
"""Kernels of the comparison, and the cells of the faces for each, over the face's size; 0: as they are."""
MIRRORED = 0.75
"""Keys that are this much alike when one of them is mirrored are a pair."""
ASYMMETRY = 0.12
"""A key is this much less like itself when it is mirrored than like the other one, where that is nearly its mirror."""
EVEN, UNEVEN, UNLIKE = 1.15, 2.0, 0.5
"""The two of a pair differ less than UNEVEN in how long their arrows are (a ratio), and less than UNLIKE in whether
they shut a gap, unless they are less than EVEN apart."""
OPENS = 0.5
"""A key that opens the mouth parts points that lie together by at least this share of its longest arrow."""
NEVER = -50.0
LEAST = -3.0
"""Evidence below this is none."""
SOFT = 2.0
"""How soft the maximum is over what the references say: two that agree count more than the one that says most."""
FAR = 1.8
"""What spreads so much more or less than a shape (natural logarithm) is not it: a fang is no frown."""
LOOSE = 0.8
"""What differs this much in what it moves beside the skin is not the same shape of a mouth: teeth alone are no lip."""
BY_EYE = " by eye"
"""Ends the name of a look in a reference that turns the eyeball there, not the lids."""
BALLS = 0.5
"""Where a key looks by eyeballs, which are at least such a share of what it moves, lids alone do not look."""
MEASURES = (
    "wide", "middle", "narrow", "middle, close", "narrow, close", "symmetry", "side", "size", "parting", "place",
    "spread", "seen", "loose", "closing", "several", "half", "gaze", "shut", "nothing",
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """What evidence weighs.

    weights  of the MEASURES: cosines at three widths, the same where they come close to 1; how far symmetry, side,
             size, parting of lips, place, spread, what is seen, what is not skin and closing of lids are off
             (squares); and what speaks against any key being several channels, half a channel, a look, a jaw that does
             not open, or a channel at all
    trust    of how far the best pair is ahead of what nobody else has, how far it is on the way from the next such
             shape to its own, how far it is ahead of shapes that share its channels, how far behind others' shapes,
             and 1: the odds (logarithm) that it is right
    lean     odds more by kind of channel: makers differ more in what some are
    """

    weights: tuple[float, ...]
    trust: tuple[float, ...]
    lean: dict[str, float]


FITTED = Fit(
    (0.6, 0.98, 0.68, 2.31, 1.09, 1.44, 1.43, 1.07, 2.34, 2.18, 0.81, 1.0, 0.6, 0.71, -1.12, 0.0, -0.3, 0.42, 3.9),
    (3.23, 0.42, 0.65, 3.9, -0.09),
    {
        "browDown": 0.73, "browInnerUp": 0.43, "browOuterUp": 0.25, "cheekPuff": -0.04, "cheekSquint": 0.22,
        "eyeBlink": -0.07, "eyeLookDown": -0.23, "eyeLookIn": 0.01, "eyeLookOut": 0.07, "eyeLookUp": -0.59,
        "eyeSquint": 0.13, "eyeWide": -0.36, "jaw": 0.2, "jawForward": -0.05, "jawOpen": -0.26, "mouth": -0.21,
        "mouthClose": -0.62, "mouthDimple": -0.48, "mouthFrown": 0.03, "mouthFunnel": 0.2, "mouthLowerDown": 0.7,
        "mouthPress": 0.22, "mouthPucker": -0.19, "mouthRollLower": 0.76, "mouthRollUpper": 0.32,
        "mouthShrugLower": -0.52, "mouthShrugUpper": 0.02, "mouthSmile": -1.33, "mouthStretch": -0.16,
        "mouthUpperUp": -0.38, "noseSneer": 0.89, "tongueOut": 0.32, "tongueTipUp": -0.02,
    },
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
    def slots(self) -> frozenset[tuple[str, int]]:
        """Sides of channels that it takes up."""
        return frozenset((c, side) for c in self.channels for side in ((self.side,) if self.side else (1, -1)))

    @property
    def kind(self) -> str:
        """Its first channel, for either side."""
        return self.channels[0].removesuffix("Left").removesuffix("Right")

    @property
    def weights(self) -> dict[str, float]:
        """Of a key for several channels the mean."""
        return {c: 1 / len(self.channels) for c in self.channels}


@dataclass(frozen=True)
class Goal:
    """A reference head, and as a Face with a field for each of `shapes`; a Shape may stand there in several ways, of
    which those `styled`, bool (S,), are not the reference's own."""

    head: Face
    shapes: tuple[Shape, ...]
    face: Face
    styled: np.ndarray

    @cached_property
    def symmetry(self) -> np.ndarray:
        return np.diag(mirror(self.face.front))

    @cached_property
    def other(self) -> np.ndarray:
        """int (S,): the mirrored way of each."""
        order = [(s, self.shapes[:i].count(s)) for i, s in enumerate(self.shapes)]
        at = {way: i for i, way in enumerate(order)}
        return np.array([at.get((s.mirror, nth), i) for i, (s, nth) in enumerate(order)])

    @cached_property
    def lengths(self) -> list[np.ndarray]:
        parts = (_coarse(self.face.front, step) for _, step in WIDTHS)
        return [fields.lengths(p.pushes, p.points * FLAT, w) for p, (w, _) in zip(parts, WIDTHS, strict=True)]

    @cached_property
    def between(self) -> np.ndarray:
        """float (S, S): how alike the shapes are among themselves."""
        front = self.face.front
        (width, _), length = WIDTHS[1], self.lengths[1]
        near = fields.kernel(front.points * FLAT, front.points * FLAT, width)
        return fields.products(front.pushes, front.pushes, near) / (length[:, None] * length)


@dataclass(frozen=True)
class Evidence:
    """Of K keys and S shapes. total (K, S): what speaks for each pair, over what speaks for none at 0; alike (K, S):
    cosines, with those of the mirrored key and shape; between (S, S): cosines of the shapes among themselves."""

    shapes: tuple[Shape, ...]
    total: np.ndarray
    alike: np.ndarray
    between: np.ndarray


def mirror(front: Fields, width: float = 0.17) -> np.ndarray:
    """float (K, K): cosines of each key with each other one mirrored."""
    small = front.coarser(0.13)
    over = replace(small, points=small.points * FLIP, pushes=small.pushes * FLIP)
    return fields.likeness(small, over, width)


def paired(alike: np.ndarray) -> np.ndarray:
    """int (K,): the other of each pair of keys, -1 where a key has none; alike (K, K): what `mirror` gives."""
    others = np.where(np.eye(len(alike), dtype=bool), -1, alike)
    partner = others.argmax(1) if len(alike) else np.zeros(0, int)
    keys = np.arange(len(alike))
    best = others[keys, partner]
    sure = (best > MIRRORED) & (partner[partner] == keys) & (np.diag(alike) < np.maximum(0.6, best - ASYMMETRY))
    return np.where(sure, partner, -1)


def _even(laid: Face) -> np.ndarray:
    """bool (K, K): keys that may be a pair by how far they go: half closed on one side is not closed on the other."""
    size = np.log(np.maximum(laid.front.reach, 1e-9))
    apart = np.abs(size[:, None] - size)
    alike = (np.abs(laid.shut[:, None] - laid.shut) < UNLIKE) | (apart < np.log(EVEN))
    return (apart < np.log(UNEVEN)) & alike


def _coarse(front: Fields, step: float) -> Fields:
    return front.coarser(step) if step else front


def measured(laid: Face, goal: Goal, over: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(measures (K, S, M), which may be at all (K, S), alike (K, S)) of a Face laid onto the goal's.

    over: what `mirror` gives of its keys
    """
    theirs, shapes = goal.face, goal.shapes
    hidden, inner = laid.seen < HIDDEN, theirs.seen < HIDDEN
    cosines = [
        fields.likeness(_coarse(laid.front, step), _coarse(theirs.front, step), width, length)
        for (width, step), length in zip(WIDTHS, goal.lengths, strict=True)
    ]
    if hidden.any() and inner.any():
        within = fields.likeness(laid.inside, theirs.inside, WIDTHS[0][0])
        for cosine in cosines:
            cosine[np.ix_(hidden, inner)] = within[np.ix_(hidden, inner)]
    mouth = np.array([s.channels[0].startswith(("mouth", "jaw")) for s in shapes])
    brows = np.array([s.channels[0].startswith("brow") for s in shapes])
    lids = np.array([s.channels[0].startswith("eye") for s in shapes])
    opening = np.array([s.channels == ("jawOpen",) for s in shapes])
    seen = ~hidden[:, None] & ~inner[None]
    size = np.log(np.maximum(laid.front.reach, 1e-9)[:, None] / np.maximum(theirs.front.reach, 1e-9)[None])
    like = cosines[0] + cosines[1]
    sure = like.max(1) > 1.2
    usual = np.median(size[sure, like[sure].argmax(1)]) if sure.any() else 0.0
    spread = np.log(laid.front.spreads.clip(0.005)[:, None] / theirs.front.spreads[None].clip(0.005)) * seen
    loose = laid.loose[:, None] ** 3 - theirs.loose[None] ** 3
    place = ((laid.front.centres[:, None] - theirs.front.centres[None])[..., :2] ** 2).sum(2)
    table = np.broadcast_arrays(
        *(np.maximum(c, 0) for c in cosines),
        *(-np.log(1.05 - np.clip(c, 0, 1)) for c in cosines[1:]),
        -np.where(seen, (np.diag(over)[:, None] - goal.symmetry[None]) ** 2, 0),
        -((laid.front.sides[:, None] - theirs.front.sides[None]) ** 2) * seen,
        -np.minimum((size - usual) ** 2, 2),
        -np.where(mouth[None], (laid.parted.clip(max=1)[:, None] - theirs.parted.clip(max=1)[None]) ** 2, 0),
        -np.minimum(place, 0.5),
        -np.minimum(spread**2, 2),
        -((laid.seen[:, None] - theirs.seen[None]) ** 2) * seen,
        -np.where(brows[None], 0, loose**2) * seen,
        -np.where(lids[None], (laid.shut[:, None] - theirs.shut[None]) ** 2, 0),
        np.array([len(s.channels) > 1 for s in shapes])[None],
        np.array([s.side != 0 for s in shapes])[None],
        np.array([s.channels[0].startswith("eyeLook") for s in shapes])[None],
        -(opening[None] & (laid.parted < OPENS)[:, None]).astype(float),
        np.full((1, 1), -1.0),
    )
    table = np.stack(table, 2).astype(float)
    alike = (cosines[1] + cosines[2]) / 2
    # what is measured of a key and of its mirrored one is the same thing twice
    other = goal.other
    partner = paired(np.where(_even(laid), over, -1))
    of = partner >= 0
    table[of] = (table[of] + table[partner[of]][:, other]) / 2
    alike[of] = (alike[of] + alike[partner[of]][:, other]) / 2
    # the halves of a pair are no shape that is one with its mirror
    whole = np.array([s.mirror == s for s in shapes])
    able = (hidden[:, None] == inner[None]) & (np.abs(spread) < FAR) & ~(mouth & seen & (np.abs(loose) > LOOSE))
    able &= ~(of[:, None] & whole[None])
    return table, able, alike


def gathered(laid: list[Face], goals: tuple[Goal, ...], over: np.ndarray, fit: Fit = FITTED) -> Evidence:
    """What all ways of all references say for each Shape."""
    ways = [measured(face, goal, over) for face, goal in zip(laid, goals, strict=True)]
    shapes, of, between = among(goals)
    says = np.concatenate([np.where(able, table @ np.array(fit.weights), NEVER) for table, able, _ in ways], 1)
    names = [name for goal in goals for name in goal.face.front.names]
    by_eye = np.array([name.endswith(BY_EYE) for name in names])
    looks = np.array([name.startswith("eyeLook") for name in names])
    if ((laid[0].loose > BALLS) & by_eye[says.argmax(1)] & (says.max(1) > 0)).any():
        says[:, looks & ~by_eye] = NEVER
    like = np.concatenate([alike for *_, alike in ways], 1)
    alike = np.stack([like[:, column].max(1) for column in of.T], 1)
    return Evidence(shapes, together(says, of), alike, between)


def among(goals: tuple[Goal, ...]) -> tuple[tuple[Shape, ...], np.ndarray, np.ndarray]:
    """(the Shapes of some references, which way of all of theirs stands for which bool (W, S), how alike the Shapes are
    among themselves (S, S))."""
    every = [s for goal in goals for s in goal.shapes]
    shapes = tuple(dict.fromkeys(every))
    at = {s: i for i, s in enumerate(shapes)}
    between = -np.ones((len(shapes), len(shapes)))
    for goal in goals:
        columns = [at[s] for s in goal.shapes]
        np.maximum.at(between, np.ix_(columns, columns), goal.between)
    return shapes, np.array([at[s] for s in every])[:, None] == np.arange(len(shapes)), between


def together(says: np.ndarray, of: np.ndarray) -> np.ndarray:
    """float (K, S): the soft maximum of what ways say (K, W) for the Shape that each stands for (W, S)."""
    top = says.max(1, keepdims=True, initial=NEVER)
    return np.maximum(top + SOFT * np.log(np.exp((says - top) / SOFT) @ of + 1e-30), NEVER)


def products(laid: Face, goal: Goal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(of the keys among themselves (K, K), with the shapes (K, S), of each shape with itself (S,)), by what is seen.

    Unlike cosines these tell strengths; lengths are in sizes of the face.
    """
    width = WIDTHS[1][0]
    own, theirs = laid.front, goal.face.front
    x, y = own.points * FLAT, theirs.points * FLAT
    a, b = (f.pushes * f.reach[:, None, None] for f in (own, theirs))
    near = fields.kernel(x, x, width)
    square = (goal.lengths[1] * theirs.reach) ** 2
    return fields.products(a, a, near), fields.products(a, b, fields.kernel(x, y, width)), square


def matched(found: Evidence) -> dict[int, int]:
    """Key to shape: one shape a key, one key a side of a channel, the best in all."""
    chosen: dict[int, int] = {}
    owned: frozenset[tuple[str, int]] = frozenset()
    for _ in range(3):
        left = np.array([k for k in range(len(found.total)) if k not in chosen], int)
        free = np.array([i for i, s in enumerate(found.shapes) if owned.isdisjoint(s.slots)], int)
        if not len(left) or not len(free):
            break
        gain = np.maximum(found.total[np.ix_(left, free)] - LEAST, 0)
        pair = assign(gain)
        pairs = [(int(left[row]), int(free[c])) for row, c in enumerate(pair) if c >= 0 and gain[row, c] > 0]
        slots = {shape: found.shapes[shape].slots for _, shape in pairs}
        for key, shape in sorted(pairs, key=lambda p: -found.total[p]):
            # a key for both sides stands behind two that are for one each, where these are better together
            rivals = [p for p in pairs if p[1] != shape and not slots[p[1]].isdisjoint(slots[shape])]
            apart = sum(found.total[p] - LEAST for p in rivals)
            if len(found.shapes[shape].channels) > 1 < len(rivals) and apart > found.total[key, shape] - LEAST:
                continue
            if owned.isdisjoint(found.shapes[shape].slots):
                chosen[key] = shape
                owned |= found.shapes[shape].slots
    return chosen


def standing(found: Evidence, chosen: dict[int, int]) -> np.ndarray:
    """float (C, 5): of each chosen pair, in the order of `chosen`, what a Fit's trust weighs."""
    slots = [s.slots for s in found.shapes]
    rows = []
    for key, shape in chosen.items():
        taken = frozenset().union(*(slots[s] for k, s in chosen.items() if k != key))
        says, alike = found.total[key], found.alike[key]
        sharing = [i for i in range(len(slots)) if i != shape and not slots[i].isdisjoint(slots[shape])]
        free = [i for i in range(len(slots)) if slots[i].isdisjoint(slots[shape] | taken)]
        # 1 is the shape itself, -1 the other one
        way = (alike[shape] - alike[free]) / np.maximum(1 - found.between[shape, free], 0.05)
        ahead = says[shape] - np.logaddexp.reduce([0.0, *says[free]])
        of_sharing = says[shape] - np.logaddexp.reduce([-9.0, *says[sharing]])
        others = [i for i in range(len(slots)) if slots[i].isdisjoint(slots[shape]) and not slots[i].isdisjoint(taken)]
        of_others = says[shape] - says[others].max(initial=-9.0)
        rows.append((
            np.clip(ahead, -5, 5) / 4, np.clip(way.min(initial=1.5), -0.5, 1.2), np.clip(of_sharing, -3, 4) / 4,
            np.clip(of_others, -4, 0) / 4, 1.0,
        ))  # fmt: skip
    return np.array(rows).reshape(-1, 5)


def trusted(found: Evidence, chosen: dict[int, int], fit: Fit = FITTED) -> dict[int, float]:
    """Key to 0..1: how sure its chosen shape is."""
    lean = np.array([fit.lean.get(found.shapes[s].kind, 0.0) for s in chosen.values()])
    odds = standing(found, chosen) @ np.array(fit.trust) + lean
    return {key: float(p) for key, p in zip(chosen, 1 / (1 + np.exp(-odds)), strict=True)}
