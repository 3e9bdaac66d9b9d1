"""Visemes and bones that open the lips as far as the channels say."""

import numpy as np
import pytest

from faceanim.core.events import JAW, Event
from faceanim.core.mapping import Mapping, Target
from faceanim.core.track import Track
from faceanim.retarget import contact, gaps, lips, opening
from faceanim.retarget.apply import apply


@pytest.fixture(scope="module")
def mouth_and_mapping(data):
    """The ICT head that speaks with two shapes: a wide open mouth and a round one that is half open."""
    from test_geometry import ict

    surface, own = ict(data)
    named = {name: surface.deltas[key] for key, name in own.items()}
    half = named["jawOpen"][0], 0.5 * named["jawOpen"][1]
    funnel = named["mouthFunnel"]
    which = np.concatenate([half[0], funnel[0]])
    order, at = np.unique(which, return_inverse=True)
    summed = np.stack([np.bincount(at, x) for x in np.concatenate([half[1], funnel[1]]).T], 1).astype(np.float32)
    deltas = {"aa": named["jawOpen"], "oh": (order, summed)}
    targets = {"aa": Target({"jawOpen": 1.6}), "oh": Target({"mouthFunnel": 1.2})}
    mapping = Mapping("two", targets, (("aa", "oh"),))
    return lips.find(lips.Surface(surface.points, surface.edges, deltas), mapping), mapping


def test_the_lips_part_as_far_as_is_meant(mouth_and_mapping):
    mouth, mapping = mouth_and_mapping
    t = np.arange(120) / 60
    channels = {"jawOpen": 0.3 - 0.3 * np.cos(2 * np.pi * t), "mouthFunnel": 0.4 - 0.4 * np.cos(3 * np.pi * t)}
    track = Track.from_columns(60.0, channels)
    share = opening.wanted(track)
    made = opening.follow(apply(track, mapping), mapping, mouth, share)
    columns = [made.index(name) for name in mouth.controls]
    apart = gaps.apart(mouth, mouth.posed(made.values[:, columns]))
    full = gaps.apart(mouth, mouth.posed(np.array([[float(n == "aa") for n in mouth.controls]])))[0]
    assert np.abs(apart / full - share).max() < 0.02
    assert np.abs(np.diff(made.values, axis=0)).max() < 0.12 and made.values.min() >= 0 and made.values.max() <= 1


def test_lip_bones_part_as_far_as_is_meant_whatever_the_skin_takes_on(data):
    """A smile lifts these lips off each other, and the jaw turns its skin by a third: all in all too far open."""
    from test_geometry import ict

    surface, own = ict(data)
    keys = {name: key for key, name in own.items()}
    both = {way: {keys[f"mouth{way}_{side}"]: 1.0 for side in "LR"} for way in ("UpperUp", "LowerDown")}
    upper, lower, jaw = (lips.displacement(surface, v) for v in (*both.values(), {keys["jawOpen"]: 1.0}))
    parts = {"bone:jaw:rot_x": jaw, "bone:top:loc_y": 10 * upper, "bone:low:loc_y": -10 * lower}
    deltas = {name: (np.flatnonzero(d.any(1)), d[d.any(1)]) for name, d in parts.items()}
    sides = ("Left", "Right")
    lifts = {"bone:top:loc_y": 0.05, "bone:low:loc_y": -0.05}
    targets = {
        name: Target({f"mouth{way}{side}": by for side in sides} | {"mouthSmileLeft": by}, minimum=-0.2, maximum=0.2)
        for (name, by), way in zip(lifts.items(), ("UpperUp", "LowerDown"), strict=True)
    }
    mapping = Mapping("bones", {"bone:jaw:rot_x": Target({"jawOpen": 0.35}, maximum=0.35), **targets})
    mouth = lips.find(lips.Surface(surface.points, surface.edges, deltas), mapping)
    t = np.arange(120) / 60
    channels = {"jawOpen": 0.3 - 0.3 * np.cos(2 * np.pi * t), "mouthSmileLeft": 0.3 - 0.3 * np.cos(3 * np.pi * t)}
    track = Track.from_columns(60.0, channels)
    share, plain = opening.wanted(track), apply(track, mapping)
    made = opening.follow(plain, mapping, mouth, share)
    _, full = opening.widest(mouth, mapping)
    before, after = (
        gaps.apart(mouth, mouth.posed(x.values[:, [x.index(n) for n in mouth.controls]])) / full for x in (plain, made)
    )
    assert np.abs(before - share).max() > 0.3
    assert np.abs(after - share).max() < 0.02
    assert (made.column("bone:jaw:rot_x") == plain.column("bone:jaw:rot_x")).all()
    assert np.abs(np.diff(made.values, axis=0)).max() < 0.02


@pytest.mark.parametrize("control", ["bone:jaw:rot_x", "MouthOpen"])
def test_the_jaw_opens_for_what_parts_the_lips_on_other_faces(data, control):
    from test_geometry import ict

    surface, own = ict(data)
    jaw = next(key for key, name in own.items() if name == "jawOpen")
    target = Target({"jawOpen": 1.0, "mouthClose": -1.0})
    mapping = Mapping("jaw", {control: target})
    mouth = lips.find(lips.Surface(surface.points, surface.edges, {control: surface.deltas[jaw]}), mapping)
    t = np.arange(120) / 60
    channels = {"jawOpen": 0.4 - 0.4 * np.cos(2 * np.pi * t), "mouthFunnel": 0.3 - 0.3 * np.cos(3 * np.pi * t)}
    track = Track.from_columns(60.0, channels)
    share = opening.wanted(track)
    made = opening.follow(apply(track, mapping), mapping, mouth, share)
    apart = gaps.apart(mouth, mouth.posed(made.values)) / opening.widest(mouth, mapping)[1]
    assert np.abs(apart - share).max() < 0.02
    assert made.values.min() >= 0 and made.values.max() <= 1


def test_keys_of_channels_are_left_as_they_are(mouth_and_mapping):
    mouth, mapping = mouth_and_mapping
    parts = dict.fromkeys(opening.PARTS.keys() - {"jawOpen"}, 1.0)
    plain = Mapping("plain", {**mapping.targets, "oh": Target(parts)})
    track = apply(Track.from_columns(60.0, {"jawOpen": np.linspace(0, 1, 10)}), plain)
    assert opening.follow(track, plain, mouth, np.zeros(10)) is track


def test_a_sibilant_spares_the_jaw_and_keeps_the_opening(data):
    """Where a viseme sinks the jaw with hardly parted lips, another one parts them instead."""
    from test_geometry import ict

    surface, own = ict(data)
    moves = {name: np.zeros_like(surface.points) for name in own.values()}
    for key, name in own.items():
        which, delta = surface.deltas[key]
        moves[name][which] = delta
    jaw, lower = moves["jawOpen"], moves["mouthLowerDown_L"] + moves["mouthLowerDown_R"]
    shapes = {"aa": jaw + 0.6 * lower, "ss": 1.3 * jaw + 0.85 * moves["mouthClose"]}
    deltas = {name: (np.flatnonzero(shape.any(1)), shape[shape.any(1)]) for name, shape in shapes.items()}
    mapping = Mapping("two", {"aa": Target({"jawOpen": 1.0}), "ss": Target({"mouthStretchLeft": 1.0})}, (("aa", "ss"),))
    mouth = lips.find(lips.Surface(surface.points, surface.edges, deltas), mapping)
    channels = {"jawOpen": np.full(60, 0.05), "mouthStretchLeft": np.full(60, 0.9)}
    track = apply(Track.from_columns(60.0, channels), mapping)
    made = contact.hold(track, mapping, mouth, [Event(JAW, 0.45, 0.55, 0.5)])
    before, after = (gaps.measure(mouth, mouth.posed(t.values)) for t in (track, made))
    assert before.jaw[30] > gaps.NARROW > after.jaw[30]
    assert np.abs(after.lips - before.lips).max() < 0.02 < before.lips.min()
