"""Lips found by geometry alone, measured, and held closed on a mesh whose keys mean what they like."""

import time
from dataclasses import replace

import numpy as np
import pytest

from faceanim.core.events import JAW, LIPS, TEETH, Event
from faceanim.core.mapping import Mapping, Target
from faceanim.core.track import Track
from faceanim.retarget import contact, gaps, lips
from faceanim.retarget.apply import apply

# from behind a lip over its edge to the front and on over the skin: (y, z); the lower lip is the same upside down
PROFILE = np.array([
    (0.10, 0.84), (0.03, 0.87), (0.0, 0.92), (0.02, 0.97), (0.08, 1.0), (0.2, 1.0), (0.4, 0.98), (0.7, 0.97),
    (1.0, 0.97),
])  # fmt: skip
ACROSS = np.linspace(-1, 1, 61)
SIZE = 0.06
MAPPING = Mapping("made", {
    "a": Target({"jawOpen": 1.0}), "b": Target({"mouthClose": 1.0}), "c": Target({"mouthRollLower": 1.0}),
    "d": Target({"mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5}), "e": Target({"mouthPucker": 1.0}),
})  # fmt: skip


def sheet(y, z):
    """Points (len(ACROSS) * len(y), 3) of a bent sheet, and its edges."""
    x, y = np.broadcast_arrays(ACROSS[:, None], y)
    points = np.stack([x, y, z - 0.3 * x**2], -1).reshape(-1, 3)
    index = np.arange(len(points)).reshape(x.shape)
    pairs = ((index[:-1], index[1:]), (index[:, :-1], index[:, 1:]))
    return points, np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in pairs])


def made(parted=0.0, close=1.4, teeth=True, size=SIZE, seed=None):
    """A mouth one wide: key a opens it, b closes it, c rolls the lower lip in, d lifts the upper, e thrusts."""
    parts = [sheet(PROFILE[:, 0] + parted / 2, PROFILE[:, 1]), sheet(-PROFILE[:, 0] - parted / 2, PROFILE[:, 1])]
    if teeth:
        height = np.linspace(0.04, 0.3, 8)
        parts += [sheet(height, np.full(8, 0.8)), sheet(-height, np.full(8, 0.78))]
    points = np.concatenate([p for p, _ in parts])
    starts = np.cumsum([0, *(len(p) for p, _ in parts)])
    edges = np.concatenate([e + s for (_, e), s in zip(parts, starts, strict=False)])
    part = np.repeat(np.arange(len(parts)), np.diff(starts))
    mouth = np.clip(1 - (2 * points[:, 0]) ** 2, 0, None)
    lower, near = part == 1, np.exp(-((points[:, 1] / 0.3) ** 2))
    chin = np.clip((-points[:, 1] - 0.1) / 0.4, 0, 1)
    deltas = {name: np.zeros_like(points) for name in "abcde"}
    deltas["a"][:, 1] = -0.5 * np.where(lower, np.maximum(mouth * (1 - chin), chin), part == 3)
    deltas["b"][:, 1] = close * 0.5 * lower * mouth * near
    deltas["c"][:, 2], deltas["c"][:, 1] = -0.1 * lower * mouth * near, 0.02 * lower * mouth * near
    deltas["d"][:, 1] = 0.2 * (part == 0) * mouth * near
    deltas["e"][:, 2] = 0.2 * (part < 2) * mouth * near
    order = np.arange(len(points)) if seed is None else np.random.default_rng(seed).permutation(len(points))
    place = np.argsort(order)
    sparse = {}
    for name, delta in deltas.items():
        which = np.flatnonzero(delta[order].any(1))
        sparse[name] = which, (size * delta[order][which]).astype(np.float32)
    return lips.Surface((size * points[order]).astype(np.float32), place[edges], sparse, {"skin": (0, len(points))})


def at(mouth, **values):
    row = np.array([[values.get(name, 0.0) for name in mouth.controls]], np.float32)
    return gaps.measure(mouth, mouth.posed(row))


@pytest.mark.parametrize("size, seed", [(0.06, None), (0.06, 1), (60.0, 2), (1.0, 3)])
def test_lips_are_found_whatever_the_order_and_scale(size, seed):
    surface = made(size=size, seed=seed)
    mouth = lips.find(surface, MAPPING)
    assert mouth.width == pytest.approx(0.9 * size, rel=0.15)
    assert mouth.drop == pytest.approx(0.5 * size, rel=0.01)
    y = mouth.points[:, 1] / size
    assert (y[mouth.upper] >= 0).all() and (y[mouth.lower] <= 0).all()
    assert mouth.points[mouth.upper, 2].min() > 0.7 * size, "the teeth part too, and are not the lips"
    edge = mouth.points[mouth.teeth] / size
    assert len(edge) and np.allclose(edge[:, 1], 0.04, atol=0.05) and (edge[:, 2] < 0.81).all()
    assert not any(np.abs(delta[np.isin(which, mouth.vertices[mouth.still])]).any()
                   for which, delta in surface.deltas.values())  # fmt: skip


def test_no_lips_where_nothing_parts():
    whole = made(teeth=False)
    which, delta = whole.deltas["a"]
    stretched = replace(whole, deltas={"a": (np.arange(len(whole.points)), np.stack(
        [0 * whole.points[:, 0], 0.2 * np.minimum(whole.points[:, 1], 0), 0 * whole.points[:, 0]], 1))})
    assert lips.find(stretched, MAPPING) is None, "skin that stretches is no mouth"
    assert lips.find(replace(whole, deltas={}), MAPPING) is None
    assert lips.find(whole, Mapping("none", {})) is None
    assert lips.find(replace(whole, deltas={"a": (which, -delta)}), MAPPING) is None, "nothing sinks"


@pytest.mark.parametrize("to", [(4.0, 0.0, 0.0), (-1.0, 4.0, 0.5)])
def test_of_two_heads_that_move_alike_one_is_looked_at(to):
    one = made()
    count, away = len(one.points), SIZE * np.array(to, np.float32)
    deltas = {n: (np.concatenate([i, i + count]), np.concatenate([d, d])) for n, (i, d) in one.deltas.items()}
    edges = np.concatenate([one.edges, one.edges + count])
    two = lips.find(lips.Surface(np.concatenate([one.points, one.points + away]), edges, deltas), MAPPING)
    mouth = lips.find(one, MAPPING)
    assert two.width == pytest.approx(mouth.width, rel=0.01) and two.drop == pytest.approx(mouth.drop, rel=0.01)
    lips_and_teeth = two.vertices[: two.teeth.stop]
    assert np.array_equal(lips_and_teeth % count, mouth.vertices[: mouth.teeth.stop])
    assert np.ptp(lips_and_teeth // count) == 0


def test_measures():
    mouth = lips.find(made(seed=4), MAPPING)
    rest = at(mouth)
    assert abs(rest.lips[0]) < 1e-5 and rest.cross[0] == 0 and abs(rest.jaw[0]) < 1e-5
    wide = at(mouth, a=1.0)
    assert wide.lips[0] == pytest.approx(0.5 * SIZE / mouth.width, rel=0.1)
    assert wide.jaw[0] == pytest.approx(1, abs=0.01)
    assert at(mouth, a=0.5, b=0.5).cross[0] > gaps.CROSSED
    assert at(mouth, a=0.5, b=0.5 / 1.4).cross[0] < 0.02
    assert at(mouth, a=0.1).teeth[0] > at(mouth, c=1.0).teeth[0]
    behind = at(mouth, b=0.15, c=3.0)
    assert behind.lips[0] < -0.05 and behind.cross[0] == 0, "a lip behind the other does not run through it"


def test_check_finds_the_frame_that_meets_best():
    mouth = lips.find(made(), MAPPING)
    times = np.arange(40) / 20
    open_ = np.full(40, 0.5, np.float32)
    open_[20] = 0.0
    values = np.zeros((40, len(mouth.controls)), np.float32)
    values[:, mouth.controls.index("a")] = open_
    found = gaps.measure(mouth, mouth.posed(values))
    events = [Event(LIPS, 0.98, 1.03, 1.0), Event(LIPS, 1.4, 1.45, 1.42), Event(LIPS, 3.0, 3.1, 3.05)]
    results = gaps.check(mouth, found, times, events)
    assert [(r.time, r.passed) for r in results] == [(1.0, True), (pytest.approx(1.4, abs=0.06), False)]


FPS = 60


def clip(seconds=10.0, seed=0):
    """A restless mouth that tries to close at LIPS events, and the events."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * FPS)) / FPS
    jaw = 0.35 + 0.3 * np.sin(2 * np.pi * 2.3 * times + rng.uniform(0, 6))
    shut, events = np.zeros(len(times)), []
    for i, start in enumerate(np.arange(0.3, seconds - 0.3, 0.3)):
        kind, end = (LIPS, TEETH, JAW)[i % 3], start + rng.uniform(0.05, 0.12)
        events.append(Event(kind, start, end, (start + end) / 2))
        if kind == LIPS:
            shut = np.maximum(shut, np.clip(1.5 - np.abs(times - (start + end) / 2) / 0.05, 0, 1))
    columns = {"jawOpen": jaw, "mouthClose": jaw * shut, "mouthPucker": 0.2 + 0.1 * np.sin(times)}
    return Track.from_columns(FPS, columns), events


def outcome(mouth, track, events):
    values = track.values[:, [track.index(name) for name in mouth.controls]]
    found = gaps.measure(mouth, mouth.posed(values))
    return gaps.check(mouth, found, track.times, events), found


@pytest.mark.parametrize("close", [0.6, 1.0, 1.4, 2.0])
@pytest.mark.parametrize("teeth", [True, False])
def test_contacts_hold_whatever_the_closing_key_does(close, teeth):
    mouth = lips.find(made(close=close, teeth=teeth), MAPPING)
    track, events = clip()
    before = apply(track, MAPPING)
    after = contact.hold(before, MAPPING, mouth, events)
    assert not all(r.passed for r in outcome(mouth, before, events)[0])
    results, found = outcome(mouth, after, events)
    assert all(r.passed for r in results), [r for r in results if not r.passed]
    assert found.cross.max() <= contact.APART + 0.005
    assert after.values.min() >= 0 and after.values.max() <= 1


def test_no_flicker():
    mouth = lips.find(made(close=1.4), MAPPING)
    track, events = clip()
    before = apply(track, MAPPING)
    after = contact.hold(before, MAPPING, mouth, events)
    bend = [np.abs(np.diff(t.values, 2, axis=0)).max() for t in (before, after)]
    assert bend[1] < 1.3 * bend[0] + 0.1


def test_a_correction_comes_and_goes_evenly():
    """All controls together: the jaw does not stay up from afar because the lip has still to roll."""
    mouth = lips.find(made(), MAPPING)
    track = apply(Track.from_columns(FPS, {"jawOpen": np.full(60, 0.5)}), MAPPING)
    after = contact.hold(track, MAPPING, mouth, [Event(TEETH, 0.49, 0.51, 0.5)])
    raised = track.column("a") - after.column("a")
    assert raised[30] > 0.3 and after.column("c")[30] > 0.1
    assert raised[27] < 0.5 * raised[30] and 0 < raised[26] < 0.2 * raised[30] and raised[25] == 0


@pytest.mark.parametrize("kind", [TEETH, LIPS])
@pytest.mark.parametrize("fps", [30, 60])
def test_a_vowel_between_two_contacts_opens_the_mouth(kind, fps):
    """Contacts 90 ms apart that nearly hold need little, and take no more than that from what lies between."""
    mouth = lips.find(made(), MAPPING)
    times = np.arange(fps) / fps
    peaks = 0.5 - 1.5 / 30, 0.5 + 1.5 / 30
    near = np.min([np.abs(times - t) for t in peaks], axis=0)
    jaw = 0.06 + 0.4 * np.clip((near - 0.018) / 0.02, 0, 1)
    track = apply(Track.from_columns(fps, {"jawOpen": jaw}), MAPPING)
    events = [Event(kind, t - 0.02, t + 0.02, t) for t in peaks]
    after = contact.hold(track, MAPPING, mouth, events)
    before, (results, found) = outcome(mouth, track, events)[1], outcome(mouth, after, events)
    assert all(r.passed for r in results)
    between = (times > peaks[0]) & (times < peaks[1])
    assert found.lips[between].max() > 0.75 * before.lips[between].max()


def test_what_holds_is_left_alone():
    mouth = lips.find(made(close=1.0), MAPPING)
    times = np.arange(60) / FPS
    jaw = 0.2 * (1 - np.exp(-(((times - 0.5) / 0.08) ** 2)))
    track = apply(Track.from_columns(FPS, {"jawOpen": jaw}), MAPPING)
    after = contact.hold(track, MAPPING, mouth, [Event(LIPS, 0.48, 0.52, 0.5)])
    assert np.array_equal(after.values, track.values)


def test_a_lip_rolled_in_past_the_teeth_is_let_out():
    surface = made()
    which, delta = surface.deltas["c"]
    far = replace(surface, deltas={**surface.deltas, "c": (which, 4 * delta)})
    mouth = lips.find(far, MAPPING)
    times = np.arange(60) / FPS
    rolled = 0.95 * np.exp(-(((times - 0.5) / 0.08) ** 2))
    track, event = Track.from_columns(FPS, {"mouthRollLower": rolled}), Event(TEETH, 0.47, 0.53, 0.5)
    after = contact.hold(apply(track, MAPPING), MAPPING, mouth, [event])
    near = slice(29, 32)
    found = gaps.to_teeth(mouth, mouth.posed(after.values[near][:, [after.index(c) for c in mouth.controls]]))
    assert found.min() < gaps.teeth_limit(gaps.rest(mouth)) < at(mouth, c=0.95).teeth[0]
    assert (after.column("c")[near] < rolled[near]).all() and after.column("c")[30] > 0.3


def test_a_lip_that_cannot_be_rolled_comes_back_to_where_it_rests():
    """A contact that is no nearer than at rest leaves nothing to spare for the reduction of keys."""
    mapping = replace(MAPPING, targets={name: MAPPING.targets[name] for name in "ae"})
    mouth = lips.find(made(), mapping)
    rest = gaps.rest(mouth).teeth[0]
    assert rest > gaps.TOUCHED
    times = np.arange(60) / FPS
    track = Track.from_columns(FPS, {"jawOpen": np.full(60, 0.03), "mouthPucker": 0.02 + 0.01 * np.sin(9 * times)})
    after = contact.hold(apply(track, mapping), mapping, mouth, [Event(TEETH, 0.47, 0.53, 0.5)])
    found = gaps.to_teeth(mouth, mouth.posed(after.values[29:32][:, [after.index(c) for c in mouth.controls]]))
    assert found.min() < rest + 0.2 * gaps.SAME
    assert gaps.teeth_limit(gaps.rest(mouth)) == pytest.approx(rest + gaps.SAME)


def test_without_a_closing_key_the_opening_gives_way():
    mapping = replace(MAPPING, targets={"a": MAPPING.targets["a"]})
    mouth = lips.find(made(), mapping)
    track, events = clip()
    after = contact.hold(apply(track, mapping), mapping, mouth, [e for e in events if e.kind == LIPS])
    assert all(r.passed for r in outcome(mouth, after, [e for e in events if e.kind == LIPS])[0])


def test_lips_parted_at_rest():
    mouth = lips.find(made(parted=0.08, close=1.4), MAPPING)
    assert not at(mouth).lips[0] <= gaps.CLOSED, "open lips are not closed because they rest so"
    assert any("apart at rest" in note for note in gaps.shortcomings(mouth))
    only = replace(MAPPING, targets={"a": MAPPING.targets["a"]})
    mouth = lips.find(made(parted=0.08), only)
    assert any("cannot close" in note for note in gaps.shortcomings(mouth))
    track, events = clip()
    after = contact.hold(apply(track, only), only, mouth, events)
    results, _ = outcome(mouth, after, [e for e in events if e.kind == LIPS])
    assert results and not any(r.passed for r in results), "it says so, and does not pass"


def test_a_minute_is_quick_and_an_empty_clip_is_none():
    mouth = lips.find(made(), MAPPING)
    track, events = clip(60.0)
    controls = apply(track, MAPPING)
    start = time.perf_counter()
    contact.hold(controls, MAPPING, mouth, events)
    assert time.perf_counter() - start < 3.0  # 0.3 s where nobody else works
    empty = Track.of(FPS, controls.channels, np.zeros((0, len(controls.channels))))
    assert contact.hold(empty, MAPPING, mouth, []).frames == 0


@pytest.mark.parametrize("seed", range(4))
def test_other_faces_of_a_model(data, seed):
    """Identities of the ICT head: some rest with parted or pressed lips, none is symmetric."""
    model = np.load(data / "ict_facekit" / "ict_face.npz")
    weights = np.random.default_rng(seed).normal(size=100)
    points = model["neutral"] + np.tensordot(weights, model["identities"].astype(np.float32), 1)
    quads = model["quads"]
    edges = np.concatenate([quads[:, [0, 1]], quads[:, [1, 2]], quads[quads[:, 3] >= 0][:, [2, 3]]])
    names = ("jawOpen", "mouthClose", "mouthRollLower", "mouthPucker", "mouthFunnel")
    deltas = {}
    for name, delta in zip(model["expression_names"].tolist(), model["expressions"], strict=True):
        if name in names:
            which = np.flatnonzero(delta.any(1))
            deltas[name] = which, delta[which].astype(np.float32)
    mapping = Mapping("ict", {name: Target({name: 1.0}) for name in names})
    mouth = lips.find(lips.Surface(points.astype(np.float32), edges, deltas, {"Face": (0, len(points))}), mapping)
    marks = points[model["landmarks68"]]
    assert mouth.width == pytest.approx(np.ptp(marks[[60, 64], 0]), rel=0.2)
    assert mouth.teeth.stop > mouth.teeth.start
    track, events = clip(6.0, seed)
    before = apply(track, mapping)
    after = contact.hold(before, mapping, mouth, events)
    results, found = outcome(mouth, after, events)
    assert all(r.passed for r in results), [r for r in results if not r.passed]
    assert found.cross.max() < gaps.CROSSED
