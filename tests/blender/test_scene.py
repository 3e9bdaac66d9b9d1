"""What is recognised of a character."""

import bpy
import numpy as np
import pytest

from faceanim.blender import scene as scenes
from faceanim.blender import skeleton
from faceanim.blender.bake import bake
from faceanim.errors import CharacterError


def test_keys_over_all_meshes(puppet):
    rig = puppet.rig
    assert [key.name for key in rig.keys] == ["jawOpen", "mouthClose", "eyeBlinkLeft", "nothing"]
    assert rig.key("jawOpen").meshes == ("Head", "Teeth") and rig.key("mouthClose").meshes == ("Head",)
    assert rig.key("jawOpen").moves and not rig.key("nothing").moves


def test_ranges_are_the_narrowest(puppet):
    bpy.data.objects["Head"].data.shape_keys.key_blocks["jawOpen"].slider_max = 2.0
    bpy.data.objects["Teeth"].data.shape_keys.key_blocks["jawOpen"].slider_max = 0.5
    bpy.data.objects["Head"].data.shape_keys.key_blocks["mouthClose"].slider_min = -1.0
    rig = scenes.character(bpy.context).rig
    assert rig.key("jawOpen").maximum == 0.5 and rig.key("mouthClose").minimum == -1.0


@pytest.mark.parametrize("turn", [(0, 0, 0), (np.pi / 2, 0, 0), (0, 0, 1.0)], ids=["upright", "Y up", "turned"])
def test_head_space_does_not_hang_on_how_the_object_is_turned(puppet, turn):
    """FBX characters come with bones that lie Y up in an armature object that is turned."""
    rig, data = puppet.armature, puppet.armature.data
    rig.rotation_euler = turn
    if turn[0]:
        from mathutils import Matrix

        data.transform(Matrix.Rotation(-turn[0], 4, "X"))
    bpy.context.view_layer.update()
    world = np.array(rig.matrix_world.to_3x3()) @ skeleton.head_space(rig)
    c, s = np.cos(turn[2]), np.sin(turn[2])
    assert world[:, 0] == pytest.approx((c, s, 0), abs=1e-6), "own left"
    assert world[:, 1] == pytest.approx((0, 0, 1), abs=1e-6), "up"
    assert world[:, 2] == pytest.approx((s, -c, 0), abs=1e-6), "out of the face"


def test_blocked_bones(puppet):
    bones = puppet.armature.pose.bones
    bones["eye.L"].constraints.new("DAMPED_TRACK").target = bpy.data.objects["Head"]
    bones["eye.R"].driver_add("rotation_axis_angle", 0)
    bones["neck"].lock_rotation = (True, True, True)
    rig = scenes.character(bpy.context).rig
    blocked = {bone.name: bone.blocked for bone in rig.bones}
    assert blocked == {"spine": "", "head": "", "eye.L": "constrained", "eye.R": "driven", "neck": "locked"}


def test_any_object_leads_to_the_whole_character(puppet):
    for name in ("Rig", "Head", "Teeth"):
        assert scenes.character([bpy.data.objects[name]]).meshes == puppet.meshes
        assert scenes.character(bpy.context, name).meshes == puppet.meshes


def test_two_characters_are_told_apart(puppet):
    other = bpy.data.objects.new("Other", bpy.data.objects["Teeth"].data.copy())
    other.data.shape_keys.key_blocks["jawOpen"].name = "smirk"
    bpy.context.scene.collection.objects.link(other)
    assert [m.name for m in scenes.character(bpy.context, "Other").meshes] == ["Other"]
    assert scenes.character(bpy.context).meshes == puppet.meshes
    with pytest.raises(CharacterError, match="Nobody") as raised:
        scenes.character(bpy.context, "Nobody")
    assert "Head" in raised.value.hint


def test_no_shape_keys():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_uv_sphere_add()
    with pytest.raises(CharacterError, match="no mesh has shape keys"):
        scenes.character(bpy.context)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.glb", None, "there is no character file"),
        ("a.glb", b"", "is empty"),
        ("a.glb", b"glTF but not really", "cannot read"),
        ("a.blend", b"BLENDER but not really", "cannot read"),
        ("a.fbx", b"Kaydara, not", "cannot read"),
        ("a.obj", b"v 0 0 0", "is no character file"),
    ],
)
def test_bad_files(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CharacterError, match=words) as raised:
        scenes.open_file(tmp_path / name)
    assert raised.value.hint


def test_appended_scene_keeps_camera_and_lights(puppet, tmp_path):
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.collection.objects.link(bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN")))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    loaded = scenes.load(tmp_path / "a.blend")
    assert {o.name for o in loaded} == {"Rig", "Head", "Teeth", "Camera", "Lamp"}
    assert bpy.context.scene.camera.name == "Camera" and len(bpy.data.scenes) == 1
    assert len(scenes.character(loaded).keyed) == 2


@pytest.mark.parametrize("how", ["instanced", "linked", "overridden"])
def test_linked_character_is_overridden(puppet, curves, tmp_path, how):
    """As an instance, as a collection, and where the user has an override already, beside what is linked."""
    path = tmp_path / "library.blend"
    collection = bpy.data.collections.new("Character")
    for thing in list(bpy.context.scene.collection.objects):
        collection.objects.link(thing)
        bpy.context.scene.collection.objects.unlink(thing)
    bpy.context.scene.collection.children.link(collection)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, wanted):
        wanted.collections = ["Character"]
    if how == "instanced":
        empty = bpy.data.objects.new("Instance", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", wanted.collections[0]
        bpy.context.scene.collection.objects.link(empty)
    else:
        bpy.context.scene.collection.children.link(wanted.collections[0])
    linked = next(o for o in bpy.data.objects if o.type == "MESH" and o.library)
    if how == "overridden":
        wanted.collections[0].override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    assert {k.blocked for k in scenes.character(bpy.context).rig.keys} == {"linked"}
    assert scenes.others(bpy.context, scenes.character([linked])) == []
    character = scenes.character([linked], override=True)
    made = [o for o in bpy.data.objects if o.override_library]
    assert {o.override_library.reference.name for o in made} == {"Rig", "Head", "Teeth"} and len(made) == 3
    bake(character, curves, 24, 1)
    out = tmp_path / "out.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(out))
    scenes.open_file(out)
    bpy.context.scene.frame_set(10)
    (keys,) = {m.data.shape_keys for m in scenes.character(bpy.context).keyed if m.name.startswith("Head")}
    assert keys.key_blocks["jawOpen"].value == pytest.approx(curves[0].at([9 / 24])[0], abs=1e-5)


def test_vroid(data):
    scene = scenes.open_file(data / "characters" / "vroid_plain.glb")
    rig = scenes.character(bpy.context).rig
    assert scene.render.fps == 30
    assert rig.meshes == ("Body", "Face", "Hair") and len(rig.keys) == 124 and len(rig.bones) == 244
    assert not rig.key("jawOpen").moves and rig.key("viseme_aa").moves and rig.key("eyeBlinkLeft").moves
    assert np.abs(rig.bone("Head").rest - np.eye(3)).max() < 0.02, "its head bone stands along the head's axes"


def test_a_key_that_looks_and_moves_only_lids_is_told_apart(demo_blend):
    scenes.open_file(demo_blend)
    rig = scenes.character(bpy.context).rig
    assert rig.key("eyeLookUpLeft").lids_only and rig.key("eyeBlinkRight").lids_only


def test_a_key_that_moves_eyeballs_is_told_apart(data):
    scenes.open_file(data / "characters" / "vroid_plain.glb")
    rig = scenes.character(bpy.context).rig
    assert not rig.key("eyeLookUpLeft").lids_only and rig.key("mouthSmileLeft").lids_only
