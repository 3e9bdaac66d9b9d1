"""A rig that Blender's own Rigify makes: controls are moved, and the bones that deform go where channels say."""

import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from faceanim.blender import contacts, motion
from faceanim.blender import scene as scenes
from faceanim.blender.bake import bake
from faceanim.core.track import Track
from faceanim.curves.reduce import reduce
from faceanim.retarget.apply import apply

EYES = 0.1032  # between the eyes of Rigify's human, in metres


@pytest.fixture(scope="module")
def rigged(tmp_path_factory):
    path = tmp_path_factory.mktemp("rigify") / "head.blend"
    script = Path(__file__).with_name("rigify_head.py")
    run = subprocess.run([sys.executable, script, path], capture_output=True, text=True)  # it leaves handlers behind
    if "needs Rigify" in run.stdout:
        pytest.skip(run.stdout.strip().splitlines()[-1])
    assert path.exists(), run.stderr  # once it is saved, bpy 4.2 crashes on its way out
    return path


@pytest.fixture
def played(rigged):
    """A function of channels to bone -> matrices (2, 4, 4) in the armature's space: at rest, and at these values."""
    scenes.open_file(rigged)
    character = scenes.character(bpy.context)
    mapping = contacts.propose(character).mapping

    def play(**channels):
        values = np.array([np.zeros(len(channels)), list(channels.values())], np.float32)
        bake(character, reduce(apply(Track.of(30, tuple(channels), values), mapping), 1e-4), 30, 1)
        shown = motion.sample(bpy.context.scene, [character.armature], np.array([1, 2]))
        return {bone: places for (_, bone), places in shown.bones.items()}

    return play


def way(places):
    """Own left, up and front, in distances between the eyes."""
    left, back, up = (places[1, :3, 3] - places[0, :3, 3]) / EYES
    return np.array([left, up, -back])


def degrees(places):
    turn = places[1, :3, :3] @ np.linalg.inv(places[0, :3, :3])
    return np.degrees(np.arccos((np.trace(turn) - 1) / 2))


def test_head_and_eyes_turn_as_far_as_is_meant(played):
    """Rigify's neck does not take the head along, and its eyes look at controls before them."""
    shown = played(headYaw=0.5, leftEyePitch=0.25, rightEyePitch=0.25)
    assert degrees(shown["DEF-spine.006"]) == pytest.approx(np.degrees(0.5), abs=0.2)
    assert 5 < degrees(shown["DEF-spine.004"]) < 15
    shown = played(leftEyeYaw=0.25, rightEyeYaw=0.25, leftEyePitch=0.1, rightEyePitch=0.1)
    for eye in ("ORG-eye.L", "ORG-eye.R"):
        assert degrees(shown[eye]) == pytest.approx(np.degrees(np.hypot(0.25, 0.1)), abs=0.6)
        left, back, up = (shown[eye][1] @ np.linalg.inv(shown[eye][0]))[:3, 1]  # what looked back, along +y
        assert -back < 0 and left < -0.2 and up > 0.05, "to the own left and down"


def test_the_lips_go_with_the_jaw_once(played):
    shown = played(jawOpen=1.0)
    jaw = shown["jaw_master"]
    rest = shown["DEF-lip.B.L"][0, :3, 3]
    rigid = (jaw[1] @ np.linalg.inv(jaw[0]) @ np.append(rest, 1))[:3] - rest
    assert degrees(shown["DEF-jaw"]) == pytest.approx(20, abs=1)
    assert shown["DEF-lip.B.L"][1, :3, 3] - rest == pytest.approx(rigid, abs=0.05 * np.linalg.norm(rigid))
    assert np.abs(way(shown["DEF-lip.T.L"])).max() < 0.06
    assert way(shown["lips.L"])[1] == pytest.approx(way(shown["DEF-lip.B.L"])[1] * 0.33, abs=0.03)


@pytest.mark.parametrize(("channel", "bone", "meant"), [
    ("tongueOut", "DEF-tongue", (0, 0, 0.3)),
    ("mouthPucker", "DEF-lip.T.L.001", (-0.08, 0, 0.08)),
    ("mouthSmileLeft", "DEF-lip.B.L.001", (0.04, 0.06, -0.01)),
    ("browInnerUp", "DEF-brow.B.L.003", (0, 0.14, 0)),
    ("cheekPuff", "DEF-cheek.T.L.001", (0.08, 0, 0.08)),
])  # fmt: skip
def test_controls_that_carry_each_other_add_up_to_what_is_meant(played, channel, bone, meant):
    assert way(played(**{channel: 1.0})[bone]) == pytest.approx(meant, abs=0.02)


def test_a_funnel_parts_the_lips_as_the_reference_head_does(played):
    """By 0.37 of a wide open mouth (retarget.opening.PARTS)."""
    opened, round_ = (
        way(shown["DEF-lip.T.L"])[1] - way(shown["DEF-lip.B.L"])[1]
        for shown in (played(jawOpen=1.0), played(mouthFunnel=1.0))
    )
    assert round_ == pytest.approx(0.37 * opened, rel=0.1)


def test_lids_meet_without_crossing(played):
    shown = played(eyeBlinkLeft=1.0)
    ends = [np.array([shown[f"DEF-lid.{lid}.L{i}"] for i in ("", ".001", ".002", ".003")]) for lid in "TB"]
    for moment, (least, most) in enumerate(((0.004, 0.03), (-0.001, 0.002))):
        upper, lower = (places[:, moment, :3, 3] for places in ends)
        order = np.argsort(lower[:, 0])
        gap = upper[1:, 2] - np.interp(upper[1:, 0], lower[order, 0], lower[order, 2])
        assert least < gap.min() and gap.max() < most, gap
    assert np.abs(way(shown["DEF-lid.T.R.002"])).max() < 1e-3
