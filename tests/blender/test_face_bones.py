"""Faces moved by bones: what their names mean, ways along the head's axes on bones of any roll, pose libraries."""

from argparse import Namespace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from faceanim.blender import commands, motion, preview
from faceanim.blender import scene as scenes
from faceanim.blender.bake import bake
from faceanim.core.curve import Curve
from faceanim.core.rig import bone_control, pose_control
from faceanim.core.take import Take
from faceanim.core.track import Track
from faceanim.curves.reduce import reduce
from faceanim.formats import takes
from faceanim.retarget import faces
from faceanim.retarget.apply import apply

FACE = {  # name: (head, tail, parent); metres, own left is +x, the face looks along -y, eyes 0.06 apart
    "spine": ((0, 0, 0), (0, 0, 1.4), None),
    "head": ((0, 0, 1.5), (0, 0, 1.7), "spine"),
    "jaw": ((0, -0.02, 1.56), (0, -0.1, 1.5), "head"),
    "eye.L": ((0.03, -0.07, 1.62), (0.03, -0.1, 1.62), "head"),
    "eye.R": ((-0.03, -0.07, 1.62), (-0.03, -0.1, 1.62), "head"),
    "lid.T.L": ((0.03, -0.09, 1.626), (0.03, -0.1, 1.626), "head"),
    "lid.T.R": ((-0.03, -0.09, 1.626), (-0.03, -0.1, 1.626), "head"),
    "lid.B.L": ((0.03, -0.09, 1.614), (0.03, -0.1, 1.614), "head"),
    "lid.B.R": ((-0.03, -0.09, 1.614), (-0.03, -0.1, 1.614), "head"),
    "brow.T.L": ((0.012, -0.1, 1.64), (0.02, -0.1, 1.645), "head"),
    "brow.T.L.001": ((0.04, -0.09, 1.645), (0.05, -0.08, 1.64), "head"),
    "brow.T.R": ((-0.012, -0.1, 1.64), (-0.02, -0.1, 1.645), "head"),
    "brow.T.R.001": ((-0.04, -0.09, 1.645), (-0.05, -0.08, 1.64), "head"),
    "lip.T": ((0, -0.1, 1.555), (0, -0.11, 1.555), "head"),
    "lip.B": ((0, -0.1, 1.545), (0, -0.11, 1.545), "jaw"),
    "lip.B.L": ((0.012, -0.098, 1.547), (0.012, -0.11, 1.547), "head"),
    "lips.L": ((0.024, -0.09, 1.55), (0.024, -0.1, 1.55), "head"),
    "lips.R": ((-0.024, -0.09, 1.55), (-0.024, -0.1, 1.55), "head"),
}
EYES = 0.06
SECONDS = 2.0


def add_face(prefix="", turned=0.0):
    data = bpy.data.armatures.new("Face")
    rig = bpy.data.objects.new("Face", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for i, (name, (head, tail, parent)) in enumerate(FACE.items()):
        bone = data.edit_bones.new(prefix + name)
        bone.head, bone.tail, bone.roll = head, tail, 0.7 * i  # every roll: no bone's own axis is the head's
        bone.parent = data.edit_bones[prefix + parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    for i, pose in enumerate(rig.pose.bones):
        pose.rotation_mode = ("QUATERNION", "XYZ", "ZXY")[i % 3]
    mesh = bpy.data.meshes.new("Skin")
    points = [np.array(head) + d for head, *_ in FACE.values() for d in ((0, 0, 0), (0.004, 0, 0), (0, 0, 0.004))]
    mesh.from_pydata([tuple(p) for p in points], [], [(3 * i, 3 * i + 1, 3 * i + 2) for i in range(len(FACE))])
    skin = bpy.data.objects.new("Skin", mesh)
    bpy.context.scene.collection.objects.link(skin)
    for i, name in enumerate(FACE):
        skin.vertex_groups.new(name=prefix + name).add([3 * i, 3 * i + 1, 3 * i + 2], 1.0, "REPLACE")
    skin.parent = rig
    skin.modifiers.new("Armature", "ARMATURE").object = rig
    rig.rotation_euler = (0, 0, turned)
    bpy.context.view_layer.update()
    return rig


@pytest.fixture
def face():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    add_face()
    return scenes.character(bpy.context)


def performed(character, proposal=None, **channels):
    """Where each bone's head stands in the world, (F, 3) at 30 fps, when each channel rises from 0 to its value."""
    mapping = (proposal or faces.propose(character.rig)).mapping
    rise = np.linspace(0, 1, round(SECONDS * 30) + 1)[:, None]
    values = rise * np.array(list(channels.values()))
    track = apply(Track.of(30, tuple(channels), values.astype(np.float32)), mapping)
    report = bake(character, reduce(track, 0.005), 30, 1)
    assert not report.skipped, report.skipped
    scene = bpy.context.scene
    shown = motion.sample(scene, [character.armature], np.arange(1, len(rise) + 1))
    world = shown.objects[character.armature.name].astype(float)
    return {name: (world @ m)[:, :3, 3] for (_, name), m in shown.bones.items()}


def moved(places, name):
    """Own left, up and front at the end, in distances between the eyes."""
    left, back, up = (places[name][-1] - places[name][0]) / EYES
    return np.array([left, up, -back])


def test_the_mouth_opens_and_the_lids_close(face):
    places = performed(face, jawOpen=1.0, eyeBlinkLeft=1.0)
    gap = places["lip.T"][:, 2] - places["lip.B"][:, 2]
    assert gap[0] == pytest.approx(0.01, abs=1e-5) and gap[-1] > 0.03
    # a lower lip that hangs from the head goes where one on the jaw goes
    assert moved(places, "lip.B.L")[1] == pytest.approx(moved(places, "lip.B")[1], abs=0.06)
    assert moved(places, "lips.L")[1] == pytest.approx(moved(places, "lips.R")[1], abs=0.01)
    assert -0.4 < moved(places, "lips.L")[1] < -0.1
    lids = [places[f"lid.T.{s}"][:, 2] - places[f"lid.B.{s}"][:, 2] for s in "LR"]
    assert lids[0][-1] == pytest.approx(0, abs=1e-4) and lids[1][-1] == pytest.approx(0.012, abs=1e-5)


def test_an_eye_that_a_lid_follows_is_turned(face):
    """Not taken for a target that eyes look at; what stands far before an eye that tracks it is."""
    rig = face.armature
    track = rig.pose.bones["lid.T.L"].constraints.new("DAMPED_TRACK")
    track.target, track.subtarget = rig, "eye.L"
    targets = faces.propose(scenes.character(bpy.context).rig).mapping.targets
    assert "bone:eye.L:rot_y" in targets and "bone:eye.L:loc_x" not in targets


def test_lids_slide_over_the_eye(face):
    """Where an eye bone says where its middle is; half closed they are further in by less than a twentieth."""
    places = performed(face, eyeBlinkLeft=1.0)
    away = np.linalg.norm(places["lid.T.L"] - places["eye.L"], axis=1)
    assert away[-1] == pytest.approx(away[0], abs=5e-5) and away.min() > 0.95 * away[0]


@pytest.mark.parametrize(("channel", "bone", "way"), [
    ("browInnerUp", "brow.T.L", (0, 0.18, 0)),
    ("browOuterUpRight", "brow.T.R.001", (0, 0.18, 0)),
    ("mouthSmileLeft", "lips.L", (0.1, 0.12, -0.03)),
    ("mouthSmileRight", "lips.R", (-0.1, 0.12, -0.03)),
    ("mouthPucker", "lips.R", (0.16, 0, 0.06)),
    ("mouthLeft", "lips.L", (0.12, 0, 0)),
])  # fmt: skip
def test_ways_are_along_the_heads_axes(face, channel, bone, way):
    places = performed(face, **{channel: 1.0})
    assert moved(places, bone) == pytest.approx(way, abs=0.006)  # the tolerance of curves


def test_a_turned_character_of_another_layer_and_size():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rig = add_face("DEF-", turned=np.pi / 2)
    rig.scale = (10, 10, 10)
    bpy.context.view_layer.update()
    places = performed(scenes.character(bpy.context), mouthSmileLeft=1.0)
    way = (places["DEF-lips.L"][-1] - places["DEF-lips.L"][0]) / (10 * EYES)
    assert way == pytest.approx([-0.03, 0.1, 0.12], abs=0.006)


def test_rig_lists_them_as_controls(face, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    report = commands.rig(Namespace(file=tmp_path / "face.blend", object=None))
    assert {"bone:jaw:rot_x", "bone:lips.L:loc_y", "bone:lid.T.L:loc_y"} <= set(report["controls"])
    assert report["mapping"]["bone:jaw:rot_x"]["jawOpen"] > 0 and report["coverage"]["lids"] > 0.3
    assert "mouthSmileLeft" not in report["unmapped"] and "tongueOut" in report["unmapped"]


def test_keys_come_before_bones(face):
    skin = bpy.data.objects["Skin"]
    skin.shape_key_add(name="Basis")
    skin.shape_key_add(name="mouthSmileLeft").data[0].co.z += 0.1
    skin.shape_key_add(name="jawOpen").data[1].co.z -= 0.1
    targets = faces.propose(scenes.character(bpy.context).rig).mapping.targets
    assert {"mouthSmileLeft", "jawOpen"} <= set(targets) and "bone:jaw:rot_x" not in targets
    used = {c for control, target in targets.items() if control.startswith("bone:lips") for c in target.weights}
    assert "mouthSmileRight" in used and not used & {"mouthSmileLeft", "jawOpen"}


def test_what_a_bone_may_not_do_is_left(face):
    rig = face.armature
    rig.pose.bones["lips.L"].lock_location = (True, True, True)
    rig.pose.bones["lips.R"].constraints.new("COPY_LOCATION")
    targets = faces.propose(scenes.character(bpy.context).rig).mapping.targets
    assert not [control for control in targets if control.startswith("bone:lips")]


@pytest.mark.parametrize("kind", ["fbx", "glb", "usda"])
def test_from_a_take_to_exports(face, tmp_path, kind):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    t = np.arange(61) / 60
    lips = Track.from_columns(60, {"jawOpen": 0.5 - 0.5 * np.cos(12 * t), "mouthSmileLeft": t})
    takes.write(Take(60, 61, {"lips": lips}), tmp_path / "a.faceanim")
    args = dict.fromkeys(("fps", "object", "mapping", "style", "preview", "fbx", "glb", "usd"))
    args |= {"usd" if kind == "usda" else kind: tmp_path / f"a.{kind}"}
    character, output = tmp_path / "face.blend", tmp_path / "out.blend"
    report = commands.bake(Namespace(take=tmp_path / "a.faceanim", character=character, output=output, **args))
    assert "bone:lips.L:loc_y" in report["controls"]
    report = commands.verify_export(Namespace(file=tmp_path / f"a.{kind}", blend=output))
    assert report["passed"] and report["max_error"] < 1e-3 and report["controls"] >= 5, report


def test_the_preview_looks_at_a_face_of_bones(face, tmp_path):
    """Its camera stands before the face, which fills its picture."""
    bpy.context.scene.render.resolution_x = bpy.context.scene.render.resolution_y = preview.SIZE
    camera = preview._camera(bpy.context.scene)
    bpy.context.view_layer.update()
    seen = {n: world_to_camera_view(bpy.context.scene, camera, Vector(place)) for n, (place, *_) in FACE.items()}
    assert all(0 < seen[n].x < 1 and 0 < seen[n].y < 1 and seen[n].z > 0 for n in FACE if n not in ("spine", "head"))
    assert 0.3 < seen["brow.T.L.001"].x - seen["brow.T.R.001"].x < 0.9


# -- poses ------------------------------------------------------------------------------------------------------------


def key_pose(rig, action_name, frame, **bones):
    """Key (location, rotation about the bone's own axes) of some bones, then put them back."""
    data = rig.animation_data_create()
    data.action = bpy.data.actions.get(action_name) or bpy.data.actions.new(action_name)
    if getattr(data.action, "slots", None):
        data.action_slot = data.action.slots[0]
    for name, (location, angles) in bones.items():
        pose = rig.pose.bones[name.replace("__", ".")]
        pose.rotation_mode = "XYZ"
        pose.location, pose.rotation_euler = location, angles
        pose.keyframe_insert("location", frame=frame)
        pose.keyframe_insert("rotation_euler", frame=frame)
        pose.location, pose.rotation_euler = (0, 0, 0), (0, 0, 0)
    action, data.action = data.action, None
    return action


def posed(rig, **bones):
    """Where bones stand when the pose is set by hand."""
    for name, (location, angles) in bones.items():
        pose = rig.pose.bones[name.replace("__", ".")]
        pose.location, pose.rotation_euler = location, angles
    bpy.context.view_layer.update()
    places = {bone.name: np.array(rig.matrix_world @ bone.matrix) for bone in rig.pose.bones}
    for name in bones:
        pose = rig.pose.bones[name.replace("__", ".")]
        pose.location, pose.rotation_euler = (0, 0, 0), (0, 0, 0)
    bpy.context.view_layer.update()
    return places


OPEN = {"jaw": ((0, 0, 0.002), (0.3, 0.05, -0.1)), "lips__L": ((0.001, -0.002, 0.003), (0, 0.2, 0))}
SMILE = {"lips__L": ((0.004, 0.003, -0.002), (0.1, 0, 0.2)), "lips__R": ((0.001, 0.003, 0.002), (0, 0, 0))}


@pytest.mark.parametrize("kind", ["assets", "markers"])
def test_poses_of_a_library(face, kind):
    rig = face.armature
    if kind == "assets":
        for name, bones in (("jawOpen", OPEN), ("mouthSmileLeft", SMILE)):
            action = key_pose(rig, name, 1, **bones)
            action.asset_mark()
    else:
        still = dict.fromkeys({**OPEN, **SMILE}, ((0, 0, 0), (0, 0, 0)))  # a pose holds what the one before moved
        key_pose(rig, "library", 10, **{**still, **OPEN})
        action = key_pose(rig, "library", 20, **{**still, **SMILE})
        for name, frame in (("jawOpen", 10), ("mouthSmileLeft", 20)):
            action.pose_markers.new(name).frame = frame
    wanted = {"jawOpen": posed(rig, **OPEN), "mouthSmileLeft": posed(rig, **SMILE)}
    character = scenes.character(bpy.context)
    assert {pose.name for pose in character.rig.poses} == {"jawOpen", "mouthSmileLeft"}
    targets = faces.propose(character.rig).mapping.targets
    assert targets["pose:jawOpen"].weights["jawOpen"] == 1 and "bone:jaw:rot_x" not in targets
    for channel, places in wanted.items():
        shown = performed(character, **{channel: 1.0})
        for name in ("jaw", "lips.L", "lips.R", "lip.B"):
            assert shown[name][-1] == pytest.approx(places[name][:3, 3], abs=3e-4), (channel, name)


def test_poses_add_up(face):
    rig = face.armature
    for name, bones in (("jawOpen", OPEN), ("mouthSmileLeft", SMILE)):
        key_pose(rig, name, 1, **bones).asset_mark()
    character = scenes.character(bpy.context)
    rest = posed(rig)["lips.L"][:3, 3]
    ways = [posed(rig, **bones)["lips.L"][:3, 3] - rest for bones in (OPEN, SMILE)]
    times = np.array([0.0, 1.0])
    curves = [Curve(pose_control("jawOpen"), times, np.array([0.0, 0.5])),
              Curve(pose_control("mouthSmileLeft"), times, np.array([0.0, 0.25])),
              Curve(bone_control("lips.L", "y", "loc"), times, np.array([0.0, 0.1]))]  # fmt: skip
    bake(character, curves, 30, 1)
    bpy.context.scene.frame_set(31)
    shown = np.array(rig.matrix_world @ rig.pose.bones["lips.L"].matrix)[:3, 3] - rest
    assert shown == pytest.approx(0.5 * ways[0] + 0.25 * ways[1] + [0, 0, 0.1 * EYES], abs=1e-5)
