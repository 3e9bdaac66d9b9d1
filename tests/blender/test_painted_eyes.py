"""Eyes that are painted on a still mesh look by a shift of their picture."""

import bpy
import numpy as np
import pytest

from faceanim.blender import scene as scenes
from faceanim.blender.bake import bake, clear
from faceanim.core.curve import Curve
from faceanim.core.rig import uv_control
from faceanim.retarget import faces

RADIUS, SIZE = 0.02, 6


def add_eye(name, centre, turned, kind):
    """A flat eye that looks along -y, its picture turned on it and smaller than it is."""
    grid = np.stack(np.meshgrid(*[np.linspace(-RADIUS, RADIUS, SIZE)] * 2), -1).reshape(-1, 2)
    points = [(centre + x, -0.1, z) for x, z in grid]
    quads = [(i, i + 1, i + SIZE + 1, i + SIZE) for r in range(SIZE - 1) for i in range(r * SIZE, r * SIZE + SIZE - 1)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], quads)
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    cosine, sine = np.cos(turned), np.sin(turned)
    uv = 0.5 + grid @ np.array([[cosine, sine], [-sine, cosine]]) * 8
    layer = mesh.uv_layers.new(name="UVMap")
    for loop in mesh.loops:
        layer.data[loop.index].uv = uv[loop.vertex_index]
    if kind == "modifier":
        thing.modifiers.new("UVWarp", "UV_WARP").uv_layer = "UVMap"
    else:
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        material.node_tree.nodes.new("ShaderNodeMapping").vector_type = kind
        mesh.materials.append(material)
    return thing


def looks_at(thing, kind):
    """Where on the mesh the picture's middle is shown: (own left, up), metres from its middle."""
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    loops = range(len(evaluated.data.loops))
    uv = np.array([evaluated.data.uv_layers[0].data[i].uv for i in loops])
    if kind != "modifier":
        shift = np.array(thing.data.materials[0].node_tree.nodes["Mapping"].inputs["Location"].default_value)[:2]
        uv += shift if kind == "POINT" else -shift
    co = np.array([evaluated.data.vertices[evaluated.data.loops[i].vertex_index].co for i in loops])[:, [0, 2]]
    slopes = np.linalg.lstsq(np.column_stack([uv, np.ones(len(uv))]), co, rcond=None)[0]
    return np.array([0.5, 0.5, 1.0]) @ slopes - co.mean(0)


@pytest.mark.parametrize("kind", ["modifier", "POINT", "TEXTURE"])
def test_painted_eyes_look(puppet, kind):
    rig = puppet.armature
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for side in "LR":
        rig.data.edit_bones.remove(rig.data.edit_bones[f"eye.{side}"])
    bpy.ops.object.mode_set(mode="OBJECT")
    things = [add_eye("Eye.L", 0.1, 0.4, kind), add_eye("Eye.R", -0.1, -2.0, kind)]
    for thing in things:
        thing.parent = rig
    bpy.context.view_layer.update()
    character = scenes.character(bpy.context)
    targets = faces.propose(character.rig).mapping.targets
    assert targets["uv:Eye.L:yaw"].weights == {"leftEyeYaw": 1.0}
    before = [looks_at(thing, kind) for thing in things]
    assert before[0] == pytest.approx([0, 0], abs=1e-6)
    times = np.array([0.0, 1.0])
    turns = {("Eye.L", "yaw"): 0.4, ("Eye.L", "pitch"): 0.2, ("Eye.R", "yaw"): -0.3}
    curves = [Curve(uv_control(*name), times, np.array([0.0, turn])) for name, turn in turns.items()]
    report = bake(character, curves, 24, 1)
    assert len(report.controls) == 3 and not report.skipped
    bpy.context.scene.frame_set(25)
    assert looks_at(things[0], kind) == pytest.approx([0.4 * RADIUS, -0.2 * RADIUS], abs=1e-5)
    assert looks_at(things[1], kind) == pytest.approx([-0.3 * RADIUS, 0], abs=1e-5)
    clear(character)
    bpy.context.scene.frame_set(1)
    assert [looks_at(thing, kind) for thing in things] == [pytest.approx(b, abs=1e-6) for b in before]
