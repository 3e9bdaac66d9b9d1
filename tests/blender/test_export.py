"""Exports, opened again in an empty Blender, show at every time what the scene shows."""

import bpy
import numpy as np
import pytest

from faceanim.blender import export, motion
from faceanim.blender.bake import bake, set_rate
from faceanim.blender.verify import verify_export
from faceanim.errors import OutputError

WRITERS = {"fbx": export.fbx, "glb": export.glb}


def exported(character, tmp_path, kind):
    """The report of an export of what is open, with the .blend it belongs to."""
    blend, path = tmp_path / "scene.blend", tmp_path / f"export.{kind}"
    WRITERS[kind](path, character)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    return verify_export(path, blend)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(("fps", "start"), [(24, 1), (23.976, 1001), (60, -7)])
def test_every_control_at_every_frame(puppet, curves, tmp_path, kind, fps, start):
    scene = bpy.context.scene
    rate = set_rate(scene, fps)
    scene.frame_start = start
    bake(puppet, curves, rate, start)
    report = exported(puppet, tmp_path, kind)
    assert report["passed"], report
    assert report["max_error"] < 1e-3, report
    assert report["controls"] == 4 + 4  # three keys on one mesh, one of them on another, and four bones
    assert report["frames"] == round(2 * rate) + 1


@pytest.mark.parametrize("kind", WRITERS)
def test_modifiers_keep_the_keys(puppet, curves, tmp_path, kind):
    head = bpy.data.objects["Head"]
    subdivision = head.modifiers.new("Subdivision", "SUBSURF")
    subdivision.levels = 1
    head.modifiers.move(1, 0)
    bake(puppet, curves, 24, 1)
    bpy.context.scene.frame_set(31)
    wanted = deformed("Head")
    report = exported(puppet, tmp_path, kind)
    assert report["passed"] and report["max_error"] < 1e-3, report
    bpy.context.scene.frame_set(30)
    apart = np.abs(wanted[:, None] - deformed("Head")[None]).max(2)
    assert apart.min(1).max() < 1e-4 and apart.min(0).max() < 1e-4


@pytest.mark.parametrize("kind", WRITERS)
def test_what_the_rig_makes_of_it_is_exported(puppet, curves, tmp_path, kind):
    """Constraints, drivers, a moving armature object, an eye that hangs from a bone."""
    rig = puppet.armature
    copy = rig.pose.bones["spine"].constraints.new("COPY_ROTATION")
    target = bpy.data.objects.new("Target", None)
    bpy.context.scene.collection.objects.link(target)
    copy.target = target
    target.rotation_euler = (0.1, 0, 0)
    target.keyframe_insert("rotation_euler", frame=1)
    target.rotation_euler = (0.1, 0.5, 0)
    target.keyframe_insert("rotation_euler", frame=40)
    rig.rotation_euler = (0, 0, 0.4)
    rig.keyframe_insert("rotation_euler", frame=1)
    rig.rotation_euler = (0, 0, 1.4)
    rig.keyframe_insert("rotation_euler", frame=40)
    teeth = bpy.data.objects["Teeth"]
    teeth.modifiers.clear()
    teeth.parent_type, teeth.parent_bone = "BONE", "head"
    bake(puppet, curves, 24, 1)
    report = exported(puppet, tmp_path, kind)
    assert report["passed"] and report["max_error"] < 1e-3, report
    assert report["controls"] == 4 + 5


def deformed(name):
    """The skin itself (V, 3) in the world, to catch what controls alone would not show."""
    found = next(o for o in bpy.data.objects if o.type == "MESH" and o.name.startswith(name))
    thing = found.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(thing.data.vertices), np.float32)
    thing.data.vertices.foreach_get("co", flat)
    world = np.array(thing.matrix_world)
    return flat.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def test_the_scene_is_left_as_it_was(puppet, curves, tmp_path):
    scene = bpy.context.scene
    bake(puppet, curves, 24, 1)
    scene.frame_set(17)

    def state():
        kinds = ("scenes", "objects", "meshes", "armatures", "actions", "shape_keys", "collections")
        return {kind: [block.name for block in getattr(bpy.data, kind)] for kind in kinds}

    before, shown = state(), motion.sample(scene, scene.objects, np.arange(1, 20))
    for kind, write in WRITERS.items():
        write(tmp_path / f"a.{kind}", puppet)
    assert state() == before and scene.frame_current == 17 and bpy.context.scene == scene
    after = motion.sample(scene, scene.objects, np.arange(1, 20))
    assert all((after.keys[name] == values).all() for name, values in shown.keys.items())


def test_a_folder_that_is_not_there(puppet, curves, tmp_path):
    bake(puppet, curves, 24, 1)
    with pytest.raises(OutputError, match="folder"):
        export.fbx(tmp_path / "no" / "a.fbx", puppet)
    assert bpy.data.objects["Head"] and len(bpy.data.scenes) == 1


def test_an_export_of_something_else_does_not_pass(puppet, curves, tmp_path):
    bake(puppet, curves[1:], 24, 1)
    export.glb(tmp_path / "a.glb", puppet)
    bake(puppet, curves, 24, 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    report = verify_export(tmp_path / "a.glb", tmp_path / "a.blend")
    assert not report["passed"] and report["worst"]["control"] == "jawOpen"
