"""Has Rigify make its human's neck and face: `python rigify_head.py OUT.blend [HEAD.blend]`, with a skin of a few
points on each deforming bone; or with the demo head on it, bound by Blender's automatic weights."""

import sys

import bpy
import numpy as np
from mathutils import Matrix

PLACES = {
    "eye.L": (0.0345, -0.0545, 0.21), "eye.R": (-0.0345, -0.0545, 0.21), "lip": (0, -0.0861, 0.145),
    "lips.L": (0.0215, -0.0705, 0.1445), "lips.R": (-0.0215, -0.0705, 0.1445),
}  # fmt: skip
"""Where these stand on the demo head, in metres: eyes, the middle of the lips and their corners."""
LIDS = (
    (0.0545, -0.0685, 0.211), (0.0464, -0.072, 0.2168), (0.0361, -0.0746, 0.2194), (0.0265, -0.074, 0.2167),
    (0.019, -0.0715, 0.2088), (0.0265, -0.074, 0.2032), (0.0361, -0.0749, 0.2013), (0.0464, -0.0722, 0.2042),
)  # fmt: skip
"""And the rims of its left lids, around the eye from its outer corner."""
PARTS = {"Head": "", "Brows": "", "Teeth.Upper": "DEF-spine.006", "Teeth.Lower": "DEF-jaw", "Tongue": "DEF-jaw",
         "Eye.L": "ORG-eye.L", "Eye.R": "ORG-eye.R"}  # fmt: skip
"""Its meshes to the bone that each hangs from, eyes by their object, as no skin hangs from an ORG bone; "" where skin
bends."""


def fitted(meta):
    """float64 (4, 4): what takes the demo head to where the bones of a metarig are."""
    bones = meta.data.bones
    at = {f"eye.{side}": bones[f"eye.{side}"].head_local for side in "LR"}
    at |= {f"lips.{side}": bones[f"lip.T.{side}.001"].tail_local for side in "LR"}
    at["lip"] = (bones["lip.T.L"].head_local + bones["lip.B.L"].head_local) / 2
    own = np.array([[*place, 1] for place in PLACES.values()])
    fit = np.eye(4)
    fit[:3] = np.linalg.lstsq(own, np.array([at[name] for name in PLACES]), rcond=None)[0].T
    return fit


def generated(on_head=False):
    """The armature that Rigify makes of the neck and the face of its human metarig, and what takes the demo head to
    it; its lids' bones are put on the head's lids where that is asked for, as a rigger does."""
    bpy.ops.object.armature_human_metarig_add()
    meta = bpy.context.object
    fit = fitted(meta)
    bpy.ops.object.mode_set(mode="EDIT")
    bones = meta.data.edit_bones
    for side, sign in (("L", 1), ("R", -1)) if on_head else ():
        ring = [bones[f"lid.{lid}.{side}{number}"] for lid in "TB" for number in ("", ".001", ".002", ".003")]
        for bone, (x, y, z) in zip(ring, LIDS, strict=True):
            bone.head = (fit @ (sign * x, y, z, 1))[:3]
        for bone, following in zip(ring, (*ring[1:], ring[0]), strict=True):
            bone.tail = following.head
    kept = {"spine.004", "spine.005", "spine.006", *(b.name for b in bones["spine.006"].children_recursive)}
    for bone in [bone for bone in bones if bone.name not in kept]:
        bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    meta.pose.bones["spine.004"].rigify_parameters.connect_chain = False
    bpy.ops.pose.rigify_generate()
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE" and o is not meta)
    bpy.data.objects.remove(meta)
    return rig, fit


def add_skin(rig):
    deforming = [bone for bone in rig.data.bones if bone.name.startswith(("DEF-", "ORG-eye"))]
    points = [np.array(b.head_local) + d for b in deforming for d in ((0, 0, 0), (0.002, 0, 0), (0, 0, 0.002))]
    mesh = bpy.data.meshes.new("Skin")
    mesh.from_pydata([tuple(map(float, p)) for p in points], [], np.arange(len(points)).reshape(-1, 3).tolist())
    skin = bpy.data.objects.new("Skin", mesh)
    bpy.context.scene.collection.objects.link(skin)
    for i, bone in enumerate(deforming):
        skin.vertex_groups.new(name=bone.name).add([3 * i, 3 * i + 1, 3 * i + 2], 1.0, "REPLACE")
    skin.parent = rig
    skin.modifiers.new("Armature", "ARMATURE").object = rig


def add_head(rig, fit, path):
    """The demo head without its keys, stretched to where the bones are."""
    with bpy.data.libraries.load(path) as (_, appended):
        appended.objects = list(PARTS)
    for mesh in appended.objects:
        bpy.context.scene.collection.objects.link(mesh)
        bpy.context.view_layer.update()
        place = mesh.matrix_world.copy()
        mesh.shape_key_clear()
        mesh.modifiers.clear()
        mesh.vertex_groups.clear()
        mesh.animation_data_clear()
        mesh.parent, mesh.matrix_world = None, Matrix.Identity(4)
        mesh.data.transform(Matrix(fit) @ place)
        if (bone := PARTS[mesh.name]).startswith("ORG"):
            mesh.parent, mesh.parent_type, mesh.parent_bone = rig, "BONE", bone
            bpy.context.view_layer.update()
            mesh.matrix_world = Matrix.Identity(4)
        elif bone:
            mesh.vertex_groups.new(name=bone).add(range(len(mesh.data.vertices)), 1.0, "REPLACE")
            mesh.parent = rig
            mesh.modifiers.new("Armature", "ARMATURE").object = rig
        else:
            bpy.ops.object.select_all(action="DESELECT")
            mesh.select_set(True)
            rig.select_set(True)
            bpy.context.view_layer.objects.active = rig
            bpy.ops.object.parent_set(type="ARMATURE_AUTO")


if __name__ == "__main__":
    import addon_utils  # bpy makes it known

    bpy.ops.wm.read_factory_settings(use_empty=True)
    if addon_utils.enable("rigify", default_set=True) is None:
        sys.exit(print("needs Rigify"))
    if len(sys.argv) > 2:
        add_head(*generated(on_head=True), sys.argv[2])
    else:
        add_skin(generated()[0])
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
