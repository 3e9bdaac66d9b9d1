"""Keys told by what they do: turned, scaled, renamed, halved; and what is no face."""

import json
from itertools import permutations

import numpy as np
import pytest

from faceanim.core.channels import ARKIT, TONGUE_EXTRA, mirrored
from faceanim.core.rig import Key, Rig
from faceanim.errors import CharacterError
from faceanim.retarget import evidence, fields, geometry, symmetry
from faceanim.retarget.assignment import assign
from faceanim.retarget.lips import Surface
from faceanim.retarget.names import propose


def test_the_reference_has_every_channel_and_two_like_sides():
    head = geometry.reference()
    looks = {n + geometry.BY_EYE for n in ARKIT if n.startswith("eyeLook")}
    assert set(head.front.names) == {*ARKIT, *TONGUE_EXTRA, *looks}
    hidden = {n for n, seen in zip(head.front.names, head.seen, strict=True) if seen < fields.HIDDEN}
    assert hidden == {"tongueOut", *TONGUE_EXTRA}
    flipped = fields.Fields(
        head.front.names, head.front.points * fields.FLIP, head.front.pushes * fields.FLIP, head.front.reach
    )
    alike = fields.likeness(head.front, flipped, 0.15)
    at = {n: i for i, n in enumerate(head.front.names) if not n.endswith(geometry.BY_EYE)}
    assert all(alike[at[n], at[mirrored(n)]] > 0.995 for n in at if n not in hidden)
    opened = dict(zip(head.front.names, head.parted, strict=True))
    assert opened["jawOpen"] > 0.8 and opened["jawForward"] < 0.1


@pytest.mark.parametrize("name", geometry.REFERENCES)
def test_lids_that_close_are_told_from_what_looks_down(name):
    head = geometry.reference(name)
    shut = dict(zip(head.front.names, head.shut, strict=True))
    assert shut.pop("eyeBlinkLeft") > 0.9 and shut.pop("eyeBlinkRight") > 0.9
    assert all(value < 0.5 for channel, value in shut.items() if channel.startswith("eye"))


@pytest.mark.parametrize("name", geometry.REFERENCES)
def test_ways_mirror_into_ways_of_their_own_kind(name):
    goal = geometry.goal(geometry.reference(name))
    ways = goal.face.front.names
    assert [goal.other[i] for i in goal.other] == list(range(len(ways)))
    assert all(goal.shapes[i].mirror == goal.shapes[j] for i, j in enumerate(goal.other))
    assert all(ways[i].endswith(geometry.BY_EYE) == ways[j].endswith(geometry.BY_EYE) for i, j in enumerate(goal.other))


@pytest.mark.parametrize("both,chosen", [(2.0, {0: 0, 1: 1}), (6.0, {2: 2})])
def test_two_keys_for_a_side_each_or_one_for_both(both, chosen):
    left, right = evidence.Shape(("eyeWideLeft",)), evidence.Shape(("eyeWideRight",))
    shapes = left, right, evidence.Shape(("eyeWideLeft", "eyeWideRight"))
    total = np.full((3, 3), evidence.NEVER)
    total[np.arange(3), np.arange(3)] = 1, 1, both
    assert evidence.matched(evidence.Evidence(shapes, total, np.eye(3), np.eye(3))) == chosen


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3), (6, 6)])
def test_the_best_assignment(shape):
    score = np.random.default_rng(sum(shape)).random(shape)
    pair = assign(score)
    rows = np.flatnonzero(pair >= 0)
    assert len(set(pair[rows])) == len(rows) == min(shape)
    tall = score if shape[0] <= shape[1] else score.T
    best = max(sum(tall[i, j] for i, j in enumerate(p)) for p in permutations(range(tall.shape[1]), tall.shape[0]))
    assert score[rows, pair[rows]].sum() == pytest.approx(best)


def rig(names):
    return Rig("Someone", ("Face",), tuple(Key(n, ("Face",)) for n in names))


def ball(count=400, seed=0):
    """Points on a sphere, each joined to its nearest."""
    x = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    near = ((x[:, None] - x[None]) ** 2).sum(2).argsort(1)[:, 1:5]
    return x, np.stack([np.repeat(np.arange(count), 4), near.ravel()], 1).astype(np.int32)


CUBE = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)


@pytest.mark.parametrize("points,edges", [
    (CUBE, np.array([(0, 1), (2, 3), (4, 5), (6, 7)], np.int32)), ball(), (np.zeros((40, 3), np.float32), ball(40)[1]),
    (ball()[0], np.zeros((0, 2), np.int32)), (np.full((40, 3), np.nan, np.float32), ball(40)[1]),
])
def test_no_head_is_said_and_nothing_driven(points, edges):
    rng = np.random.default_rng(1)
    every = np.arange(len(points))
    deltas = {f"Key {i}": (every, rng.normal(size=points.shape).astype(np.float32)) for i in range(6)}
    found = geometry.recognise(Surface(points, edges, deltas), tuple(deltas))
    assert not found.shapes and set(found.why) == set(deltas)
    with pytest.raises(CharacterError, match="moves like one"):
        propose(rig(deltas), Surface(points, edges, deltas))


def test_what_is_no_skin_is_told_by_its_piece_of_the_mesh():
    """Points at one place hang together, as where materials meet; what floats before the face does not."""
    points, edges = ball(200)
    seam, loose = points[:40].copy(), 0.1 * points[:40] + [0, 0, 2]
    joined = np.concatenate([edges, np.stack([200 + np.arange(39), 201 + np.arange(39)], 1)])
    apart = np.stack([240 + np.arange(39), 241 + np.arange(39)], 1)
    whole = Surface(np.concatenate([points, seam, loose]).astype(np.float32), np.concatenate([joined, apart]), {})
    every = np.arange(len(whole.points))
    moves = {"all": every, "ball": every[:200], "loose": every[240:]}
    deltas = {n: (i, np.full((len(i), 3), 0.1, np.float32)) for n, i in moves.items()}
    moved = fields.moving(Surface(whole.points, whole.edges, deltas), tuple(deltas))
    assert len(set(moved.piece[:240].tolist())) == 1 and len(set(moved.piece.tolist())) == 2
    off = dict(zip(deltas, fields.face(moved, np.eye(3)).loose, strict=True))
    assert off["ball"] == 0 and off["loose"] == 1 and 0 < off["all"] < 1


def test_the_two_sides_of_a_face_meet_in_its_middle_whatever_keys_are_missing():
    points, edges = ball(800)
    points, edges = np.concatenate([points, points * fields.FLIP]), np.concatenate([edges, edges + len(points)])
    edges = np.concatenate([edges, [(0, len(points) // 2)]]).astype(np.int32)
    left = np.flatnonzero(points[:, 0] > 0.3)
    up = np.full(points.shape, [0, 0.1, 0], np.float32)
    deltas = {"all": (np.arange(len(points)), up), "left": (left, up[left])}
    sides = fields.face(fields.moving(Surface(points + 7, edges, deltas), tuple(deltas)), np.eye(3)).front.sides
    assert abs(sides[0]) < 0.05 and sides[1] > 0.95


def test_a_surface_without_keys():
    points, edges = ball(40)
    assert not geometry.recognise(Surface(points, edges, {}), ("a",)).shapes


# -- the ICT head -----------------------------------------------------------------------------------------------------


UPRIGHT = np.eye(3)


def ict(data, turn=UPRIGHT):
    """(Surface, key to its own name): keys are renamed by number."""
    with np.load(data / "ict_facekit" / "ict_face.npz") as z:
        quads = z["quads"]
        names = [str(n) for n in z["expression_names"]]
        kept = list(names)
        points = z["neutral"].astype(np.float32) @ turn.T.astype(np.float32)
        moves = [z["expressions"][names.index(n)].astype(np.float32) @ turn.T.astype(np.float32) for n in kept]
    ends = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    edges = np.unique(np.sort(ends[(ends >= 0).all(1)], 1), axis=0).astype(np.int32)
    deltas = {}
    for i, move in enumerate(moves):
        which = np.flatnonzero(np.abs(move).max(1) > 0)
        deltas[f"Key {i}"] = which, move[which]
    return Surface(points, edges, deltas), dict(zip(deltas, kept, strict=True))


def meant(name):
    """The channel of an ICT expression; a raised cheek is a squint of it; a pupil has none."""
    if name.startswith("PupilDilate"):
        return ""
    if name.startswith(("browInnerUp", "cheekPuff")):
        return name[:-2]
    return name.replace("cheekRaiser", "cheekSquint").replace("_L", "Left").replace("_R", "Right")


def judged(found, own):
    """(channels that are found, channels that are there, keys that got a wrong one)."""
    right = {k for k, shape in found.shapes.items() if shape.channels == (meant(own[k]),)}
    wrong = [(own[k], shape.channels) for k, shape in found.shapes.items() if k not in right]
    return {meant(own[k]) for k in right}, {meant(n) for n in own.values() if meant(n)}, wrong


def test_the_plane_between_two_sides_that_have_not_the_same_keys(data):
    turn = np.array([[0.48, -0.8, 0.36], [0.6, 0, -0.8], [0.64, 0.6, 0.48]])
    surface, own = ict(data, turn)
    kept = tuple(key for key, name in own.items() if not name.startswith("eye") or name.endswith("_L"))
    moved = fields.moving(surface, kept)
    found = symmetry.normal(moved, turn @ [1, 0.1, -0.1])
    assert found @ turn[:, 0] > np.cos(np.radians(1))


def test_the_ict_head_by_geometry_alone(data):
    """Of another maker, without names, turned anyhow and a hundred times as large."""
    surface, own = ict(data, turn=100 * np.array([[0.48, -0.8, 0.36], [0.6, 0, -0.8], [0.64, 0.6, 0.48]]))
    found = geometry.recognise(surface, tuple(own))
    right, there, wrong = judged(found, own)
    assert not wrong
    assert len(right) >= 0.9 * len(there), sorted(there - right)
    assert all(found.confidence[k] >= geometry.SURE for k in found.shapes)


def joined(surface, own, **parts):
    """One key of some of the ICT head's, each so much."""
    at = {name: key for key, name in own.items()}
    move = np.zeros_like(surface.points)
    for name, weight in parts.items():
        which, delta = surface.deltas[at[name]]
        move[which] += weight * delta
    which = np.flatnonzero(np.abs(move).max(1) > 0)
    return which, move[which]


def both(name):
    return {f"{name}_L": 1.0, f"{name}_R": 1.0}


def test_a_character_that_has_only_eight_keys(data):
    surface, own = ict(data)
    made = {
        "A": {"jawOpen": 0.8}, "U": {"mouthPucker": 1.0}, "I": {k: 0.8 for k in both("mouthStretch")},
        "O": {"jawOpen": 0.3, "mouthFunnel": 1.0}, "Happy": both("mouthSmile") | {k: 0.4 for k in both("cheekSquint")},
        "Shut": both("eyeBlink"), "Surprise": both("browInnerUp") | both("browOuterUp"), "Angry": both("browDown"),
    }  # fmt: skip
    few = Surface(surface.points, surface.edges, {k: joined(surface, own, **parts) for k, parts in made.items()})
    found = geometry.recognise(few, tuple(made))
    sides = {k: {c[:-4] for c in w if c.endswith("Left")} for k, w in found.weights.items()}
    assert found.weights["A"] == {"jawOpen": 1} and found.weights["U"] == {"mouthPucker": 1}
    assert sides["Shut"] == {"eyeBlink"} and sides["Happy"] == {"mouthSmile"} and sides["Angry"] == {"browDown"}
    assert found.weights["Happy"] == {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5}
    assert set(found.weights["Surprise"]) == {"browInnerUp", "browOuterUpLeft", "browOuterUpRight"}


def test_a_channel_that_is_split_in_two_keys(data):
    surface, own = ict(data)
    (pucker,) = (k for k, n in own.items() if n == "mouthPucker")
    which, delta = surface.deltas[pucker]
    left = 1 / (1 + np.exp(-surface.points[which, :1] / 0.3))
    deltas = {k: d for k, d in surface.deltas.items() if own[k] not in ("mouthPucker", "mouthFunnel")}
    deltas |= {"one side": (which, delta * left), "other side": (which, delta * (1 - left))}
    found = geometry.recognise(Surface(surface.points, surface.edges, deltas), tuple(deltas))
    for side in ("one side", "other side"):
        assert found.weights[side].keys() == {"mouthPucker"} and found.weights[side]["mouthPucker"] > 0.7


def test_names_that_say_the_opposite_give_way(data):
    surface, own = ict(data)
    swapped = {k: n for k, n in own.items() if n not in ("PupilDilate_L", "PupilDilate_R")}
    swapped = {k: {"mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}.get(n, n) for k, n in swapped.items()}
    deltas = {swapped[k]: surface.deltas[k] for k in swapped}
    proposal = propose(rig(deltas), Surface(surface.points, surface.edges, deltas))
    table = {k: dict(t.weights) for k, t in proposal.mapping.targets.items()}
    assert table["mouthLeft"] == {"mouthRight": 1.0} and table["mouthRight"] == {"mouthLeft": 1.0}
    assert table["jawOpen"] == {"jawOpen": 1} and table["eyeBlink_L"] == {"eyeBlinkLeft": 1}
    assert len(proposal.notes) == 2 and "opposite" in proposal.notes[0]
    assert proposal.confidence["jawOpen"] == 1.0 and proposal.confidence["mouthLeft"] < 1
    json.dumps(proposal.confidence)
