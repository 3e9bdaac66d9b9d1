"""A small character in an empty Blender: two meshes that share keys, an armature in three rotation modes, a body."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from faceanim.blender import scene as scenes  # noqa: E402
from faceanim.core.curve import Curve  # noqa: E402
from faceanim.core.rig import bone_control  # noqa: E402

BONES = {  # name: (head, tail, parent, rotation mode)
    "spine": ((0, 0, 0), (0, 0.02, 1.0), None, "QUATERNION"),
    "neck": ((0, 0.02, 1.0), (0, 0, 1.3), "spine", "ZXY"),
    "head": ((0, 0, 1.3), (0, 0.05, 1.9), "neck", "QUATERNION"),
    "eye.L": ((0.15, -0.3, 1.6), (0.15, -0.5, 1.65), "head", "XYZ"),
    "eye.R": ((-0.15, -0.3, 1.6), (-0.1, -0.3, 1.8), "head", "AXIS_ANGLE"),
}
HEAD_KEYS = ("jawOpen", "mouthClose", "eyeBlinkLeft", "nothing")


def add_mesh(name, centre, radius, keys, group, segments=8):
    mesh = bpy.data.meshes.new(name)
    angles = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    rings = [(np.cos(a) * s, np.sin(a) * s, z) for z, s in ((-0.6, 0.8), (0.0, 1.0), (0.6, 0.8)) for a in angles]
    points = np.array([(0, 0, -1), *rings, (0, 0, 1)]) * radius + centre
    n, top = segments, 3 * segments + 1
    faces = [(0, 1 + (i + 1) % n, 1 + i) for i in range(n)] + [
        (1 + r * n + i, 1 + r * n + (i + 1) % n, 1 + (r + 1) * n + (i + 1) % n, 1 + (r + 1) * n + i)
        for r in range(2)
        for i in range(n)
    ] + [(top, 1 + 2 * n + i, 1 + 2 * n + (i + 1) % n) for i in range(n)]
    mesh.from_pydata(points.tolist(), [], faces)
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.shape_key_add(name="Basis")
    for i, key in enumerate(keys):
        block = thing.shape_key_add(name=key)
        block.value = 0.0  # Blender 5 makes them at 1
        if key != "nothing":
            moved = points.copy()
            moved[i :: len(keys) + 1, 2] -= 0.1
            block.data.foreach_set("co", moved.astype(np.float32).ravel())
    thing.vertex_groups.new(name=group).add(range(len(points)), 1.0, "REPLACE")
    return thing


def add_puppet():
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (head, tail, parent, _) in BONES.items():
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
        bone.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    for name, (*_, mode) in BONES.items():
        rig.pose.bones[name].rotation_mode = mode
    head = add_mesh("Head", (0, 0, 1.6), 0.5, HEAD_KEYS, "head")
    teeth = add_mesh("Teeth", (0, -0.3, 1.5), 0.1, ("jawOpen",), "head")
    for mesh in (head, teeth):
        mesh.parent = rig
        mesh.modifiers.new("Armature", "ARMATURE").object = rig
    return rig


@pytest.fixture
def puppet():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    add_puppet()
    bpy.context.view_layer.update()
    return scenes.character(bpy.context)


def wave(control, seconds=2.0, height=0.5, offset=0.5, cycles=2.0, keys_per_second=5.0, phase=0.0):
    """A smooth curve with a key every 1/keys_per_second s and the true slopes of a sine."""
    times = np.arange(round(seconds * keys_per_second) + 1) / keys_per_second
    angle = 2 * np.pi * cycles * times / seconds + phase
    slopes = height * np.cos(angle) * 2 * np.pi * cycles / seconds
    return Curve(control, times, offset + height * np.sin(angle), slopes, slopes)


@pytest.fixture
def curves():
    """Three keys and turns about several axes of every head and eye bone."""
    return [
        wave("jawOpen"), wave("mouthClose", cycles=3), wave("eyeBlinkLeft", phase=1.0),
        wave(bone_control("neck", "x"), height=0.1, offset=0.0),
        wave(bone_control("head", "x"), height=0.2, offset=0.05),
        wave(bone_control("head", "y"), height=0.5, offset=0.0, cycles=1),
        wave(bone_control("head", "z"), height=0.1, offset=0.0, cycles=3, phase=2.0),
        wave(bone_control("eye.L", "y"), height=0.4, offset=0.0, phase=0.5),
        wave(bone_control("eye.L", "x"), height=0.2, offset=0.1),
        wave(bone_control("eye.R", "y"), height=0.4, offset=0.0, phase=0.5),
        wave(bone_control("eye.R", "x"), height=0.2, offset=0.1),
    ]
