"""Meshes that nobody should have to animate: a clear error or a sane result."""

import time
from argparse import Namespace

import bpy
import numpy as np
import pytest

from faceanim.blender import bake as baking
from faceanim.blender import commands, contacts, mappings
from faceanim.blender import scene as scenes
from faceanim.core.curve import Curve
from faceanim.core.mapping import Mapping, Target
from faceanim.errors import CharacterError
from faceanim.retarget import geometry, lips


def sphere(rings=12, segments=16):
    """(points, faces) of a ball of radius 1, z up."""
    up = np.linspace(0, np.pi, rings)[1:-1]
    round_ = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    body = [(np.sin(a) * np.cos(b), np.sin(a) * np.sin(b), np.cos(a)) for a in up for b in round_]
    points = np.array([(0, 0, 1.0), *body, (0, 0, -1.0)])
    n, last = segments, len(points) - 1
    faces = [(0, 1 + i, 1 + (i + 1) % n) for i in range(n)]
    faces += [(last, last - n + (i + 1) % n, last - n + i) for i in range(n)]
    faces += [(1 + r * n + i, 1 + (r + 1) * n + i, 1 + (r + 1) * n + (i + 1) % n, 1 + r * n + (i + 1) % n)
              for r in range(rings - 3) for i in range(n)]  # fmt: skip
    return points, faces


def build(points, faces, keys):
    """A mesh object with shape keys {name: what is added}, in an empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata(np.asarray(points).tolist(), [], faces)
    thing = bpy.data.objects.new("Face", mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.shape_key_add(name="Basis")
    for name, moved in keys.items():
        block = thing.shape_key_add(name=name)
        block.value = 0.0
        block.data.foreach_set("co", (np.asarray(points) + moved).astype(np.float32).ravel())
    bpy.context.view_layer.update()
    return thing


def jaw_drop(points):
    return np.where(points[:, 2:] < 0, (0, 0, -0.3), 0.0) * (points[:, 1:2] < 0)


def test_a_ball_for_a_head_opens_its_mouth_without_lips():
    points, faces = sphere()
    build(points, faces, {"jawOpen": jaw_drop(points), "eyeBlinkLeft": np.where(points[:, 2:] > 0.8, (0, 0, -0.1), 0)})
    character = scenes.character(bpy.context)
    mapping, _ = mappings.of(character)
    assert set(mapping.targets) == {"jawOpen", "eyeBlinkLeft"}
    assert contacts.mouth_of(character, mapping) is None and "no lips" in contacts.notes(None, mapping)[0]


def test_keys_that_mean_nothing_on_a_ball_are_no_face():
    points, faces = sphere()
    noise = np.random.default_rng(0)
    build(points, faces, {f"Key {i}": noise.normal(0, 0.1, points.shape) for i in range(8)})
    with pytest.raises(CharacterError, match="moves like one") as raised:
        contacts.propose(scenes.character(bpy.context))
    assert "--mapping" in raised.value.hint


def test_no_head():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with pytest.raises(CharacterError, match="no mesh has shape keys"):
        scenes.character(bpy.context)
    build(*sphere(), {})
    with pytest.raises(CharacterError):
        scenes.character(bpy.context)


def test_a_key_relative_to_another_counts_by_what_it_adds():
    points, faces = sphere()
    thing = build(points, faces, {"open": jaw_drop(points), "jawOpen": 2 * jaw_drop(points), "same": jaw_drop(points)})
    blocks = thing.data.shape_keys.key_blocks
    blocks["jawOpen"].relative_key = blocks["same"].relative_key = blocks["open"]
    character = scenes.character(bpy.context)
    which, delta = contacts.shapes(character).deltas["jawOpen"]
    assert delta[:, 1].min() == pytest.approx(-0.3, abs=1e-5)
    assert not character.rig.key("same").moves and character.rig.key("jawOpen").moves


@pytest.mark.parametrize("low,high,driven", [(-1.0, 0.0, False), (-1.0, 1.0, True), (0.2, 0.6, True)])
def test_ranges(low, high, driven):
    points, faces = sphere()
    thing = build(points, faces, {"jawOpen": jaw_drop(points), "eyeBlinkLeft": 0.1 * jaw_drop(points)})
    block = thing.data.shape_keys.key_blocks["jawOpen"]
    block.slider_min, block.slider_max = low, high
    character = scenes.character(bpy.context)
    proposal = contacts.propose(character)
    assert ("jawOpen" in proposal.mapping.targets) is driven
    if not driven:
        assert "does not go above 0" in proposal.unused["jawOpen"]
    else:
        target = proposal.mapping.targets["jawOpen"]
        assert target.minimum == pytest.approx(max(0.0, low)) and target.maximum == pytest.approx(high)
        own = Mapping("mine", {"jawOpen": Target({"jawOpen": 1.0}, minimum=-2.0, maximum=2.0)})
        fitted = mappings.fitted(own, character.rig)[0].targets["jawOpen"]
        assert fitted.minimum == pytest.approx(low) and fitted.maximum == pytest.approx(high)


def test_a_thousand_keys():
    points, faces = sphere(8, 10)
    noise = np.random.default_rng(1)
    keys = {f"morph {i}": noise.normal(0, 0.05, points.shape) for i in range(998)}
    build(points, faces, {**keys, "jawOpen": jaw_drop(points)})
    started = time.process_time()
    mapping, _ = mappings.of(scenes.character(bpy.context))
    assert set(mapping.targets) == {"jawOpen"} and time.process_time() - started < 60


def test_faces_without_area_and_points_on_one_place():
    points, faces = sphere()
    points = np.concatenate([points, np.repeat(points[:1], 30, 0)])
    faces = [*faces, *((0, len(points) - i, len(points) - i - 1) for i in range(1, 30))]
    noise = np.random.default_rng(2)
    keys = {f"Key {i}": noise.normal(0, 0.1, points.shape) for i in range(5)}
    build(points, faces, {**keys, "jawOpen": jaw_drop(points)})
    mapping, _ = mappings.of(scenes.character(bpy.context))
    assert "jawOpen" in mapping.targets and np.isfinite([t.maximum for t in mapping.targets.values()]).all()


def test_points_without_a_place():
    """Not a number, as broken imports leave them: in the basis, in a key."""
    points, faces = sphere()
    thing = build(points, faces, {"jawOpen": jaw_drop(points), "eyeBlinkLeft": 0.1 * jaw_drop(points)})
    blocks = thing.data.shape_keys.key_blocks
    for block in blocks:
        block.data[5].co.x = float("nan")
    blocks["eyeBlinkLeft"].data[9].co.z = float("inf")
    character = scenes.character(bpy.context)
    assert all(character.rig.key(name).moves for name in ("jawOpen", "eyeBlinkLeft"))
    shapes = contacts.shapes(character)
    assert np.isfinite(shapes.points).all() and all(np.isfinite(d).all() for _, d in shapes.deltas.values())
    assert shapes.deltas["jawOpen"][1][:, 1].min() == pytest.approx(-0.3, abs=1e-5)


def test_a_mesh_without_points():
    points, faces = sphere()
    thing = build(points, faces, {"jawOpen": jaw_drop(points)})
    empty = bpy.data.objects.new("Nothing", bpy.data.meshes.new("Nothing"))
    bpy.context.scene.collection.objects.link(empty)
    for name in ("Basis", "jawOpen"):
        empty.shape_key_add(name=name)
    assert scenes.character(bpy.context).meshes == (thing,)
    bpy.data.objects.remove(thing)
    with pytest.raises(CharacterError, match="no mesh has shape keys") as raised:
        scenes.character(bpy.context)
    assert "Create Face Shapes" in raised.value.hint


def test_absolute_keys_are_told_and_left_alone():
    thing = build(*sphere(), {"jawOpen": jaw_drop(sphere()[0])})
    thing.data.shape_keys.use_relative = False
    with pytest.raises(CharacterError, match="absolute, not relative") as raised:
        mappings.of(scenes.character(bpy.context))
    assert "turn on Relative" in raised.value.hint


def test_what_hides_the_animation_is_told():
    """A pinned key, a key that the user's own control drives, one that is muted on one of the meshes."""
    points, faces = sphere()
    keys = {"jawOpen": jaw_drop(points), "mouthClose": -0.2 * jaw_drop(points), "mouthPucker": 0.1 * jaw_drop(points)}
    thing = build(points, faces, keys)
    other = thing.copy()
    other.data, other.name = thing.data.copy(), "Beard"
    bpy.context.scene.collection.objects.link(other)
    thing.show_only_shape_key = True
    blocks = thing.data.shape_keys.key_blocks
    blocks["mouthPucker"].mute = True
    thing["open"] = 0.25
    driver = blocks["jawOpen"].driver_add("value").driver
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = thing, '["open"]'
    driver.expression = variable.name
    bpy.context.view_layer.update()
    character = scenes.character(bpy.context)
    seconds = np.array([0.0, 1.0])
    report = baking.bake(character, [Curve(name, seconds, np.array([0.0, 0.8])) for name in keys], 24, 1)
    assert set(report.controls) == set(keys)
    told = " ".join(baking.remarks(character, report.controls))
    assert "Solo Active Shape Key off on 'Face'" in told and "'Beard'" not in told
    assert "left driven on 'Face': jawOpen" in told and "left muted on 'Face': mouthPucker" in told
    bpy.context.scene.frame_set(25)
    shown = {mesh.name: mesh.data.shape_keys.key_blocks["jawOpen"].value for mesh in (thing, other)}
    assert shown == {"Face": pytest.approx(0.25), "Beard": pytest.approx(0.8)}


def test_a_file_that_was_saved_in_edit_mode(demo_blend, tmp_path):
    scenes.open_file(demo_blend)
    bpy.context.view_layer.objects.active = bpy.data.objects["Head"]
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    scenes.open_file(tmp_path / "a.blend")
    assert bpy.data.objects["Head"].mode == "OBJECT"


def test_a_library_that_is_gone(tmp_path):
    build(*sphere(), {"jawOpen": jaw_drop(sphere()[0])})
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.objects = ["Face"]
    bpy.context.scene.collection.objects.link(bpy.data.objects["Face"])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    given = Namespace(file=tmp_path / "a.blend", object=None)
    assert commands.rig(given)["keys"] == ["jawOpen"], "what `bake` can override `rig` knows"
    (tmp_path / "library.blend").rename(tmp_path / "other.blend")
    with pytest.raises(CharacterError, match="no mesh has shape keys") as raised:
        commands.rig(given)
    assert "library.blend" in raised.value.hint


@pytest.fixture(scope="module")
def demo(demo_blend):
    scenes.open_file(demo_blend)
    return contacts.shapes(scenes.character(bpy.context))


def test_two_heads_in_one_mesh(demo):
    """Whose keys move both at once: told or not, but nothing wrong, and no lips between the heads."""
    apart = np.array([2.5 * np.ptp(demo.points[:, 0]), 0, 0], np.float32)
    count = len(demo.points)
    points = np.concatenate([demo.points, demo.points + apart])
    edges = np.concatenate([demo.edges, demo.edges + count])
    deltas = {n: (np.concatenate([i, i + count]), np.concatenate([d, d])) for n, (i, d) in demo.deltas.items()}
    two = lips.Surface(points, edges, deltas)
    found = geometry.recognise(two, tuple(deltas))
    wrong = [(k, s.channels) for k, s in found.shapes.items() if s.channels != (k,)]
    assert len(wrong) <= 0.1 * max(len(found.shapes), 1), wrong
    mouth = lips.find(two, Mapping("both", {"jawOpen": Target({"jawOpen": 1.0})}))
    assert mouth is None or mouth.width < np.ptp(demo.points[:, 0])


def test_a_mouth_whose_edges_belong_to_many_faces(demo):
    """Every edge of the lips twice, and a web of edges across the slit."""
    which, delta = demo.deltas["jawOpen"]
    mapping = Mapping("one", {"jawOpen": Target({"jawOpen": 1.0})})
    plain = lips.find(demo, mapping)
    web = np.stack([plain.vertices[plain.upper][:20], plain.vertices[plain.lower][:20]], 1).astype(np.int32)
    torn = lips.Surface(demo.points, np.concatenate([demo.edges, demo.edges, web]), demo.deltas, demo.ranges)
    mouth = lips.find(torn, mapping)
    assert mouth is None or abs(mouth.width - plain.width) < 0.5 * plain.width
