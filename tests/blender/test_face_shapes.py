"""Create Face Shapes in Blender: heads read from meshes, keys given, shown, taken away; the command on a plain head."""

import json
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("scipy")

from faceanim.blender import face_shapes as shapes  # noqa: E402
from faceanim.blender import heads, scene  # noqa: E402
from faceanim.cli import main  # noqa: E402
from faceanim.core.head import EYE, NEEDED, Head  # noqa: E402
from faceanim.errors import CharacterError, FormatError  # noqa: E402


def ball(name: str, place=(0.0, 0.0, 0.0)) -> bpy.types.Object:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=8, ring_count=6, location=place)
    thing = bpy.context.object
    thing.name = name
    return thing


@pytest.fixture
def head():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    face, eye = ball("Face"), ball("Eye.L", (0.5, -1.0, 0.3))
    eye.parent = face
    bpy.context.view_layer.update()
    return face


def test_a_head_is_read_in_head_space(head):
    empty = bpy.data.objects.new("nose_tip", None)
    empty.location = (0.0, -1.2, 0.1)
    bpy.context.scene.collection.objects.link(empty)
    head.vertex_groups.new(name="chin").add([0, 1], 1.0, "REPLACE")
    bpy.context.view_layer.update()
    meshes = heads.meshes_of(head)
    read = heads.read(meshes)
    assert [m.name for m in meshes] == ["Face", "Eye.L"]
    count = len(head.data.vertices)
    assert (read.kinds[:count] == 0).all() and (read.kinds[count:] == EYE).all()
    # Blender's -Y is out of the face
    assert np.allclose(read.points[count:].mean(0), [0.5, 0.3, 1.0], atol=1e-5)
    assert np.allclose(read.landmarks["nose_tip"], [0.0, 0.1, 1.2]) and "chin" in read.landmarks
    assert not read.keys and len(read.triangles) == 2 * len(set(map(tuple, read.triangles))) // 2


def test_keys_are_given_and_taken_away(head):
    head.rotation_euler, head.scale = (0.3, 0.0, 0.2), (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    meshes = heads.meshes_of(head)
    read = heads.read(meshes)
    delta = np.zeros_like(read.points)
    delta[: len(head.data.vertices)] = [0.1, 0.0, 0.2]
    made = heads.add_keys(meshes, Head(read.points, read.triangles, {"jawOpen": delta}))
    assert made == {"Face": ["jawOpen"]}
    again = heads.read(meshes, {"jawOpen": "jawOpen"})
    assert np.allclose(again.keys["jawOpen"], delta, atol=1e-5)
    # a key that works already is left as it is
    assert heads.add_keys(meshes, Head(read.points, read.triangles, {"jawOpen": 2 * delta})) == {}
    shapes.show(made, "jawOpen")
    assert head.data.shape_keys.key_blocks["jawOpen"].value == 1.0
    heads.remove_keys(made)
    assert head.data.shape_keys is None
    with pytest.raises(CharacterError, match="changed"):
        heads.add_keys(meshes[:1], Head(read.points, read.triangles, {"jawOpen": delta}))


def test_picked_landmarks_are_read_and_checked(head, tmp_path):
    path = tmp_path / "marks.json"
    path.write_text(json.dumps({name: [0.0, -1.0, 2.0] for name in NEEDED}))
    found = shapes.picked(path, scene.axes(None))
    assert np.allclose(found["chin"], [0.0, 2.0, 1.0])
    path.write_text('{"chin": [1, 2]}')
    with pytest.raises(FormatError, match="three numbers"):
        shapes.picked(path, scene.axes(None))


def test_the_panel_shows_keeps_and_discards(head):
    import faceanim.blender as addon

    addon.register()
    try:
        meshes = heads.meshes_of(head)
        read = heads.read(meshes)
        keys = {"jawOpen": np.full_like(read.points, 0.1), "mouthClose": np.full_like(read.points, -0.1)}
        report = {"fit_percent": 1.0, "lids": {"Left": 0.01}, "lips": None, "notes": ["no lips"]}
        settings = bpy.context.scene.faceanim
        blocks = lambda: head.data.shape_keys.key_blocks  # noqa: E731
        for button in ("discard_shapes", "keep_shapes"):
            made = heads.add_keys(meshes, Head(read.points, read.triangles, keys))
            settings.shapes_made = json.dumps({"made": made, "report": report})
            settings.shapes_shown = "mouthClose"
            assert blocks()["mouthClose"].value == blocks()["jawOpen"].value == 1.0
            assert any("eyeBlinkLeft" in line for line in shapes.lines(report))
            assert getattr(bpy.ops.faceanim, button)() == {"FINISHED"}
            assert not settings.shapes_made
            assert (head.data.shape_keys is None) == (button == "discard_shapes")
        assert blocks()["jawOpen"].value == 0.0 and settings.character is not None
    finally:
        addon.unregister()


def test_the_command_makes_the_keys_of_a_plain_head(tmp_path: Path, demo_blend: Path):
    """The demo head without its keys and without its hair, by the engine, as a user would."""
    bpy.ops.wm.open_mainfile(filepath=str(demo_blend))
    for thing in list(bpy.data.objects):
        if thing.name in ("Hair", "Shirt"):
            bpy.data.objects.remove(thing)
        elif thing.type == "MESH" and thing.data.shape_keys:
            thing.shape_key_clear()
    plain, out, told = tmp_path / "plain.blend", tmp_path / "made.blend", tmp_path / "report.json"
    bpy.ops.wm.save_as_mainfile(filepath=str(plain))
    assert main(["shapes", str(plain), "-o", str(out), "--json", str(told), "--quiet"]) == 0
    report = json.loads(told.read_text())
    assert len(report["made"]["Head"]) >= 51 and "tongueOut" in report["made"]["Tongue"]
    assert "jawOpen" in report["made"]["Teeth.Lower"] and "Teeth.Upper" not in report["made"]
    assert not {"Eye.L", "Eye.R"} & set(report["made"])
    assert report["fit_percent"] < 1 and max(report["lids"].values()) < 0.05 and report["lips"] < 0.05
    assert main(["shapes", str(plain), "-o", str(tmp_path / "no.blend"), "--object", "Nobody", "--quiet"]) == 1
