"""The bake: what Blender evaluates is what the Curves say, and the user's own animation stays."""

import time

import bpy
import numpy as np
import pytest

from faceanim.blender import animation, skeleton
from faceanim.blender import scene as scenes
from faceanim.blender.bake import bake, clear, exact_rate, set_rate
from faceanim.core.curve import Curve
from faceanim.core.rig import bone_control, parse_control
from faceanim.errors import CharacterError

FPS = 24.0


def axis_turn(axis, angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array({
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }[axis])


def wanted_turn(curves, bone, at):
    """R = Ry Rz Rx in head space."""
    own = [(p[1], c) for c in curves if (p := parse_control(c.control)) and p[0] == bone]
    angle = {axis: c.at([at])[0] for axis, c in own}
    return axis_turn("y", angle.get("y", 0)) @ axis_turn("z", angle.get("z", 0)) @ axis_turn("x", angle.get("x", 0))


def own_turn(character, bone):
    """The turn in head space that a pose bone adds to its parent's, as Blender shows it."""
    rig = bpy.data.objects[character.armature.name]
    pose, rest = rig.pose.bones[bone], rig.data.bones[bone]
    space = skeleton.head_space(rig)

    def carried(p, r):
        return np.array((p.matrix @ r.matrix_local.inverted()).to_3x3())

    parent = carried(pose.parent, rest.parent) if pose.parent else np.eye(3)
    return space.T @ (np.linalg.inv(parent) @ carried(pose, rest)) @ space


def angle_between(a, b):
    return np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1))


def go_to(frame):
    bpy.context.scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))


def key_value(mesh, key):
    return bpy.data.objects[mesh].data.shape_keys.key_blocks[key].value


def test_every_control_shows_its_curve(puppet, curves):
    report = bake(puppet, curves, FPS, 11)
    assert set(report.controls) == {c.control for c in curves} and not report.skipped
    for frame in np.arange(11, 60, 1.25):
        go_to(frame)
        at = (frame - 11) / FPS
        for curve in curves[:3]:
            assert key_value("Head", curve.control) == pytest.approx(curve.at([at])[0], abs=1e-5)
        assert key_value("Teeth", "jawOpen") == pytest.approx(curves[0].at([at])[0], abs=1e-5)
        # an axis swings round where there is next to no turn, so axis angle is exact on whole frames alone
        for bone in ("neck", "head", "eye.L", "eye.R")[: 3 + (frame % 1 == 0)]:
            assert angle_between(own_turn(puppet, bone), wanted_turn(curves, bone, at)) < 2e-3, bone


def test_fcurves_are_the_hermite_pieces(puppet, curves):
    """The reduction error is measured on the F-curves that Blender evaluates: they add none of their own."""
    rng = np.random.default_rng(1)
    frames = np.sort(rng.choice(np.arange(3600), 700, replace=False))
    slopes = rng.normal(size=(2, 700))
    curve = Curve("jawOpen", frames / 60, rng.random(700), *slopes)
    bake(puppet, [curve], 60.0, 1001)
    strip = bpy.data.objects["Head"].data.shape_keys.animation_data.nla_tracks["faceanim"].strips[0]
    (fcurve,) = [c for c in animation.fcurves(strip.action, animation._slot(strip)) if "jawOpen" in c.data_path]
    at = np.arange(frames[0], frames[-1], 0.25)
    seen = np.array([fcurve.evaluate(1001 + f) for f in at])
    assert np.abs(seen - curve.at(at / 60)).max() < 1e-3
    assert {p.interpolation for p in fcurve.keyframe_points} == {"BEZIER"}


def test_straight_lines_where_there_are_no_slopes(puppet):
    bake(puppet, [Curve("jawOpen", np.array([0, 1.0]), np.array([0, 1.0]))], 24, 0)
    go_to(6)
    assert key_value("Head", "jawOpen") == pytest.approx(0.25)


def test_keys_fall_on_whole_frames_at_ntsc_rate(puppet):
    fps = set_rate(bpy.context.scene, 23.976)
    bake(puppet, [Curve("jawOpen", np.arange(5000) / fps, np.linspace(0, 1, 5000))], fps, 1001)
    strip = bpy.data.objects["Head"].data.shape_keys.animation_data.nla_tracks["faceanim"].strips[0]
    points = animation.fcurves(strip.action)[0].keyframe_points
    frames = np.empty(2 * len(points), np.float32)
    points.foreach_get("co", frames)
    assert (frames[::2] == np.arange(1001, 6001)).all()


@pytest.mark.parametrize("fps", [24, 25, 30, 59.94, 29.97, 23.976, 24000 / 1001, 12.5])
def test_rates(fps):
    scene = bpy.context.scene
    exact = set_rate(scene, fps)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(exact, rel=1e-6)
    assert exact == pytest.approx(fps, abs=6e-4)
    assert (exact_rate(23.976).numerator, exact_rate(23.976).denominator) == (24000, 1001)


# -- the user's own animation ---------------------------------------------------------------------------------------


def animate(block, path, values, index=0):
    """A key a ten frames on the active action, as a user makes it."""
    owner, _, attribute = path.rpartition(".")
    target = block.path_resolve(owner)
    for i, value in enumerate(values):
        setattr(target, attribute, value)
        target.keyframe_insert(attribute, frame=1 + 10 * i)


def spine_pose():
    return np.array(bpy.data.objects["Rig"].pose.bones["spine"].matrix)


def poses(frames):
    seen = []
    for frame in frames:
        go_to(frame)
        seen.append(spine_pose())
    return np.array(seen)


def test_body_action_stays_active_and_plays(puppet, curves):
    rig = puppet.armature
    animate(rig, 'pose.bones["spine"].rotation_quaternion', [(1, 0, 0, 0), (0.9, 0.3, 0, 0), (1, 0, 0.2, 0)])
    body = rig.animation_data.action
    before = poses(range(1, 40, 5))
    bake(puppet, curves, FPS, 1)
    assert rig.animation_data.action is body
    assert np.abs(poses(range(1, 40, 5)) - before).max() < 1e-6
    go_to(10)
    assert angle_between(own_turn(puppet, "head"), wanted_turn(curves, "head", 9 / FPS)) < 2e-3


def test_body_action_that_turns_the_head_is_turned_further(puppet, curves):
    rig = puppet.armature
    animate(rig, 'pose.bones["spine"].rotation_quaternion', [(1, 0, 0, 0), (0.9, 0.3, 0, 0)])
    animate(rig, 'pose.bones["head"].rotation_quaternion', [(0.9, 0, 0.4, 0), (0.9, 0, -0.4, 0)])
    animate(rig, 'pose.bones["neck"].rotation_euler', [(0.1, 0, 0), (0.2, 0, 0)])
    cycle = animation.fcurves(rig.animation_data.action)
    for curve in cycle:
        curve.modifiers.new("CYCLES")
    frames = range(1, 60, 4)
    before, heads = poses(frames), []
    for frame in frames:
        go_to(frame)
        heads.append(own_turn(puppet, "head"))
    bake(puppet, curves, FPS, 1)
    assert np.abs(poses(frames) - before).max() < 1e-5, "a cycle goes on past its last key"
    for frame, head in zip(frames, heads, strict=True):
        go_to(frame)
        turn = wanted_turn(curves, "head", min((frame - 1) / FPS, 2.0))
        assert angle_between(own_turn(puppet, "head"), head @ turn) < 3e-3


def test_a_standing_pose_is_gone_on_from(puppet, curves):
    pose = puppet.armature.pose.bones["head"]
    pose.rotation_quaternion = (0.9, 0.1, 0.3, 0)
    bpy.context.view_layer.update()
    standing = own_turn(puppet, "head")
    for _ in range(2):
        bake(puppet, curves, FPS, 1)
        go_to(31)
        assert angle_between(own_turn(puppet, "head"), standing @ wanted_turn(curves, "head", 30 / FPS)) < 2e-3
    clear(puppet)
    assert pose.rotation_quaternion[:] == pytest.approx((0.9, 0.1, 0.3, 0), abs=1e-6)


def test_face_animation_of_the_user_comes_through_outside_the_clip(puppet, curves):
    block = bpy.data.objects["Head"].data.shape_keys
    animate(block, 'key_blocks["jawOpen"].value', [0.1, 0.2, 0.3])
    animate(block, 'key_blocks["nothing"].value', [0.5, 0.6, 0.7])
    bake(puppet, curves, FPS, 101)
    go_to(11)
    assert key_value("Head", "jawOpen") == pytest.approx(0.2) and key_value("Head", "nothing") == pytest.approx(0.6)
    go_to(107)
    assert key_value("Head", "jawOpen") == pytest.approx(curves[0].at([0.25])[0], abs=1e-5)
    assert key_value("Head", "nothing") == pytest.approx(0.7)


def test_a_track_of_the_user_that_plays_alone_goes_on_so(puppet, curves):
    block = bpy.data.objects["Head"].data.shape_keys
    for name, values in (("silent", [0.9, 0.9]), ("alone", [0.5, 0.7]), ("active", [0.1, 0.1])):
        animate(block, 'key_blocks["nothing"].value', values)
        data = block.animation_data
        if name != "active":
            animation.add_strip(data, name, data.action, getattr(data, "action_slot", None))
            data.action = None
    block.animation_data.nla_tracks["alone"].is_solo = True
    go_to(6)
    assert key_value("Head", "nothing") == pytest.approx(0.6)
    bake(puppet, curves, FPS, 1)
    go_to(6)
    assert key_value("Head", "nothing") == pytest.approx(0.6)
    assert key_value("Head", "jawOpen") == pytest.approx(curves[0].at([5 / FPS])[0], abs=1e-5)


def test_what_the_clip_says_nothing_of_is_left_to_the_user(puppet, curves):
    animate(bpy.data.objects["Head"].data.shape_keys, 'key_blocks["nothing"].value', [0.5, 0.7])
    animate(puppet.armature, 'pose.bones["eye.L"].rotation_euler', [(0.1, 0, 0), (0.3, 0, 0)])
    still = [Curve(c, np.zeros(1), np.zeros(1)) for c in ("nothing", bone_control("eye.L", "x"), "eyeBlinkLeft")]
    report = bake(puppet, [curves[0], *still], FPS, 1)
    assert set(report.skipped) == {"nothing", bone_control("eye.L", "x")}
    go_to(6)
    assert key_value("Head", "nothing") == pytest.approx(0.6)
    assert puppet.armature.pose.bones["eye.L"].rotation_euler.x == pytest.approx(0.2)


def test_second_bake_replaces_the_first_only(puppet, curves):
    rig = puppet.armature
    animate(rig, 'pose.bones["spine"].rotation_quaternion', [(1, 0, 0, 0), (0.9, 0.3, 0, 0)])
    bake(puppet, curves, FPS, 1)
    actions = len(bpy.data.actions)
    bpy.data.objects["Head"].data.shape_keys.key_blocks["jawOpen"].value = 0.7
    bake(puppet, [curves[1]], FPS, 1)
    block = bpy.data.objects["Head"].data.shape_keys
    assert [t.name for t in block.animation_data.nla_tracks] == ["faceanim"]
    assert len(bpy.data.actions) <= actions
    assert {a.name for a in bpy.data.actions if animation.NAME not in a} == {rig.animation_data.action.name}
    go_to(20)
    assert key_value("Head", "jawOpen") == 0.0, "a key that is no longer driven goes back to where it was"
    assert key_value("Head", "mouthClose") == pytest.approx(curves[1].at([19 / FPS])[0], abs=1e-5)
    assert angle_between(own_turn(puppet, "head"), np.eye(3)) < 1e-3


def test_undo(puppet, curves):
    bpy.ops.ed.undo_push(message="before")
    bake(puppet, curves, FPS, 1)
    bpy.ops.ed.undo_push(message="bake")
    bake(scenes.character(bpy.context), [curves[1]], FPS, 1)
    bpy.ops.ed.undo_push(message="second bake")
    bpy.ops.ed.undo()
    go_to(10)
    assert key_value("Head", "jawOpen") == pytest.approx(curves[0].at([9 / FPS])[0], abs=1e-5)
    bpy.ops.ed.undo()
    data = bpy.data.objects["Head"].data.shape_keys.animation_data
    assert data is None or not len(data.nla_tracks)


# -- what cannot be written -------------------------------------------------------------------------------------------


def test_muted_driven_and_missing_controls_are_left_alone(puppet, curves):
    block = bpy.data.objects["Head"].data.shape_keys
    block.key_blocks["mouthClose"].mute = True
    block.key_blocks["eyeBlinkLeft"].driver_add("value").driver.expression = "0.25"
    puppet.armature.pose.bones["neck"].lock_rotation = (True, True, True)
    character = scenes.character(bpy.context)
    report = bake(character, [*curves, Curve("smirk", np.zeros(1), np.ones(1))], FPS, 1)
    assert report.skipped == {
        "mouthClose": "muted", "eyeBlinkLeft": "driven", bone_control("neck", "x"): "locked",
        "smirk": "the character does not have it",
    }


def test_key_driven_on_one_mesh_by_another(puppet, curves):
    teeth, head = (bpy.data.objects[n].data.shape_keys for n in ("Teeth", "Head"))
    driver = teeth.key_blocks["jawOpen"].driver_add("value").driver
    variable = driver.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "KEY", head
    variable.targets[0].data_path = 'key_blocks["jawOpen"].value'
    driver.expression = variable.name
    character = scenes.character(bpy.context)
    assert character.rig.key("jawOpen").blocked == ""
    bake(character, curves, FPS, 1)
    assert not teeth.animation_data.nla_tracks
    go_to(10)
    assert key_value("Teeth", "jawOpen") == pytest.approx(key_value("Head", "jawOpen"), abs=1e-6)


# -- time -------------------------------------------------------------------------------------------------------------


def test_frame_range_follows(puppet, curves):
    bake(puppet, curves, FPS, 1)
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == (1, 49)


def test_a_million_keys_a_second(puppet):
    block = bpy.data.objects["Head"]
    for i in range(52):
        block.shape_key_add(name=f"key{i}").data[0].co.z += 0.1
    character = scenes.character(bpy.context)
    times = np.arange(3600) / 60
    curves = [Curve(f"key{i}", times, np.sin(times + i)) for i in range(52)]
    started = time.process_time()  # tests may share their machine
    report = bake(character, curves, 60.0, 1)
    assert report.keys == 52 * 3600
    assert time.process_time() - started < 0.2


def test_linked_character_says_what_to_do(puppet, curves, tmp_path):
    path = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(path), link=True) as (source, wanted):
        wanted.objects = source.objects
    for thing in wanted.objects:
        bpy.context.scene.collection.objects.link(thing)
    character = scenes.character(bpy.context)
    assert {k.blocked for k in character.rig.keys} == {"linked"}
    with pytest.raises(CharacterError, match="linked") as raised:
        bake(character, curves, FPS, 1)
    assert "Override" in raised.value.hint
