"""Has Rigify make its human's neck and face: `python rigify_head.py OUT.blend`, with a skin of a few points on each
deforming bone."""

import sys

import bpy
import numpy as np


def generated():
    """The armature that Rigify makes of the neck and the face of its human metarig."""
    bpy.ops.object.armature_human_metarig_add()
    meta = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bones = meta.data.edit_bones
    kept = {"spine.004", "spine.005", "spine.006", *(b.name for b in bones["spine.006"].children_recursive)}
    for bone in [bone for bone in bones if bone.name not in kept]:
        bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    meta.pose.bones["spine.004"].rigify_parameters.connect_chain = False
    bpy.ops.pose.rigify_generate()
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE" and o is not meta)
    bpy.data.objects.remove(meta)
    return rig


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


if __name__ == "__main__":
    import addon_utils  # bpy makes it known

    bpy.ops.wm.read_factory_settings(use_empty=True)
    if addon_utils.enable("rigify", default_set=True) is None:
        sys.exit(print("needs Rigify"))
    add_skin(generated())
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
