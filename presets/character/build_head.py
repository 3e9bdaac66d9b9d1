"""Builds head.blend, the demo character: python presets/character/build_head.py [OUT.blend]

Needs bpy (the PyPI wheel, or `blender --background --python`). The same input gives the same meshes every time.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bpy  # noqa: E402
import numpy as np  # noqa: E402
import paint  # noqa: E402
import parts  # noqa: E402
from keys import SkinKeys, smooth  # noqa: E402
from mathutils import Vector  # noqa: E402
from parts import Part  # noqa: E402
from poses import skin_keys  # noqa: E402
from skin import MATERIALS, build, nostrils  # noqa: E402
from surface import EYE  # noqa: E402

METRES = 0.001
# linear RGB, roughness
COLOURS = {
    "Skin": (tuple(paint.SKIN), 0.52), "Lips": ((0.64, 0.20, 0.18), 0.38), "Mouth": ((0.20, 0.025, 0.03), 0.6),
    "Nostrils": ((0.35, 0.11, 0.08), 0.8), "Pupil": ((0.004, 0.004, 0.006), 0.08), "Iris": ((0.03, 0.16, 0.17), 0.12),
    "Iris Inner": ((0.08, 0.33, 0.30), 0.12), "Iris Rim": ((0.008, 0.04, 0.05), 0.12),
    "Sclera": ((0.86, 0.84, 0.80), 0.15),
    "Lashes": ((0.02, 0.012, 0.010), 0.6), "Brows": ((0.075, 0.03, 0.014), 0.75), "Teeth": ((0.88, 0.84, 0.74), 0.2),
    "Gums": ((0.52, 0.13, 0.13), 0.35), "Tongue": ((0.62, 0.16, 0.16), 0.4), "Hair": ((0.135, 0.042, 0.016), 0.5),
    "Hair Light": ((0.20, 0.068, 0.025), 0.45), "Catchlight": ((1.0, 1.0, 1.0), 0.3),
    "Shirt": ((0.05, 0.18, 0.26), 0.85),
}  # fmt: skip


def material(name: str):
    made = bpy.data.materials.get(name)
    if made:
        return made
    colour, roughness = COLOURS[name]
    made = bpy.data.materials.new(name)
    made.diffuse_color = (*colour, 1.0)
    made.roughness = roughness
    if not made.node_tree:
        made.use_nodes = True
    shader = next(n for n in made.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    if name == "Skin":
        image = bpy.data.images.new("Skin", *paint.SIZE)
        image.pixels.foreach_set(paint.srgb(paint.picture()).astype(np.float32).ravel())
        image.pack()
        node = made.node_tree.nodes.new("ShaderNodeTexImage")
        node.image, node.location = image, (-320, 280)
        made.node_tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
        made.node_tree.nodes.active = node
    if name == "Catchlight":
        shader.inputs["Emission Color"].default_value = (1, 1, 1, 1)
        shader.inputs["Emission Strength"].default_value = 1.0
    if name in ("Skin", "Lips", "Tongue") and "Subsurface Weight" in shader.inputs:
        shader.inputs["Subsurface Weight"].default_value = 0.12
        shader.inputs["Subsurface Radius"].default_value = (0.008, 0.003, 0.002)
        shader.inputs["Subsurface Scale"].default_value = 0.6
    return made


def head_part() -> Part:
    """The skin with all its keys, and the ears, which stay still."""
    mesh = build()
    keys = skin_keys(SkinKeys(mesh))
    ear, ear_faces = parts.ears()
    n = len(mesh.vertices)
    vertices = np.vstack([mesh.vertices, ear])
    faces = mesh.faces + [tuple(n + i for i in f) for f in ear_faces]
    slots = np.concatenate([mesh.material, np.zeros(len(ear_faces), int)])
    middles = np.array([vertices[list(f)].mean(0) for f in faces])
    slots[nostrils(middles) & (slots == 0)] = MATERIALS.index("Nostrils")
    head = smooth((vertices[:, 2] - 45 + 0.25 * vertices[:, 1]) / 60)
    keys = {name: np.vstack([d, np.zeros_like(ear)]) for name, d in keys.items()}
    return Part("Head", vertices, faces, MATERIALS, slots, {"head": head, "neck": 1 - head}, keys)


def add_mesh(part: Part, rig, collection):
    mesh = bpy.data.meshes.new(part.name)
    mesh.from_pydata((part.vertices * METRES).tolist(), [], part.faces)
    mesh.shade_smooth()
    for name in part.materials:
        mesh.materials.append(material(name))
    mesh.polygons.foreach_set("material_index", np.asarray(part.material, np.int32))
    if part.name == "Head":
        layer = mesh.uv_layers.new(name="UVMap")
        layer.uv.foreach_set("vector", paint.uv(part.vertices, part.faces).astype(np.float32).ravel())
    thing = bpy.data.objects.new(part.name, mesh)
    collection.objects.link(thing)
    if part.keys:
        thing.shape_key_add(name="Basis", from_mix=False).value = 0.0
        for name, d in part.keys.items():
            key = thing.shape_key_add(name=name, from_mix=False)
            key.value = 0.0  # Blender 5 makes new keys with 1
            key.data.foreach_set("co", ((part.vertices + d) * METRES).astype(np.float32).ravel())
        mesh.shape_keys.name = part.name
    for bone, weight in part.weights.items():
        group = thing.vertex_groups.new(name=bone)
        for i in np.flatnonzero(weight > 0):
            group.add([int(i)], float(weight[i]), "REPLACE")
    thing.parent = rig
    modifier = thing.modifiers.new("Rig", "ARMATURE")
    modifier.object = rig
    return thing


def add_rig(collection):
    """neck, head, eye.L, eye.R; an eye's bone points out of the face, so its y is the gaze."""
    armature = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", armature)
    collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = {
        "neck": ((0, 34, 0), (0, 22, 108), None), "head": ((0, 22, 108), (0, 12, 330), "neck"),
        "eye.L": (EYE, EYE + [0, -40, 0], "head"), "eye.R": (EYE * [-1, 1, 1], EYE * [-1, 1, 1] + [0, -40, 0], "head"),
    }  # fmt: skip
    for name, (start, end, parent) in bones.items():
        bone = armature.edit_bones.new(name)
        bone.head, bone.tail = Vector(start) * METRES, Vector(end) * METRES
        bone.parent = armature.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.display_type = "STICK"
    return rig


def add_light(name: str, place, size: float, watts: float, colour, target):
    light = bpy.data.lights.new(name, "AREA")
    light.size, light.energy, light.color = size, watts, colour
    thing = bpy.data.objects.new(name, light)
    thing.location = place
    thing.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(thing)


def add_stage() -> None:
    """Camera, lights, world and the settings that a render starts from."""
    scene = bpy.context.scene
    target = Vector((0, 0, 0.196))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.lens = 105
    camera.location = target + Vector((0.0, -1.15, 0.01))
    camera.rotation_euler = (target - camera.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera
    add_light("Key", (0.55, -0.75, 0.62), 0.5, 13.0, (1.0, 0.93, 0.85), target)
    add_light("Fill", (-0.75, -0.6, 0.2), 0.8, 4.5, (0.82, 0.9, 1.0), target)
    add_light("Rim", (-0.45, 0.65, 0.55), 0.4, 12.0, (0.9, 0.95, 1.0), target)
    world = bpy.data.worlds.new("World")
    scene.world = world
    if not world.node_tree:
        world.use_nodes = True
    background = next(n for n in world.node_tree.nodes if n.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.30, 0.38, 0.44, 1.0)
    background.inputs["Strength"].default_value = 0.55
    world.color = (0.16, 0.21, 0.25)
    scene.view_settings.view_transform = "Standard"
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.render.resolution_x = scene.render.resolution_y = 720
    scene.render.engine = "BLENDER_WORKBENCH"
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "TEXTURE"
    shading.studio_light = "paint.sl"
    shading.show_cavity, shading.cavity_type = True, "SCREEN"
    shading.show_shadows = False
    shading.background_type = "WORLD"
    scene.display.render_aa = "8"


def main(out: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    collection = bpy.data.collections.new("Character")
    bpy.context.scene.collection.children.link(collection)
    rig = add_rig(collection)
    head = head_part()
    brow = parts.brows()
    parts.follow(brow, head.vertices, head.keys, tuple(n for n in head.keys if n.startswith(("brow", "noseSneer"))))
    made = [head, parts.eyeball("L"), parts.eyeball("R"), parts.lashes(), brow, parts.teeth(True), parts.teeth(False),
            parts.tongue(), parts.hair_part(), parts.shirt()]  # fmt: skip
    for part in made:
        add_mesh(part, rig, collection)
    add_stage()
    bpy.ops.wm.save_as_mainfile(filepath=str(out), compress=True)
    (out.parent / (out.name + "1")).unlink(missing_ok=True)
    print(f"{out.name}: {sum(len(p.vertices) for p in made)} vertices, "
          f"{len({k for p in made for k in p.keys})} keys, {out.stat().st_size / 1e6:.2f} MB")  # fmt: skip


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    main(Path(arguments[0]).resolve() if arguments and "build_head" not in arguments[0] else HERE / "head.blend")
