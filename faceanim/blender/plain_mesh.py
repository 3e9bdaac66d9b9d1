"""A mesh as every exporter understands it: modifiers applied through its shape keys, keys all relative to one."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.types import Mesh, Object, Scene


def plain_mesh(thing: Object, scene: Scene) -> None:
    """Make an object's data plain in place: only Armature modifiers stay, its keys keep their names, ranges and shapes.

    The object and its data must be the caller's own, in `scene` and without animation. A mesh whose modifiers give
    another number of vertices as a key moves (Decimate, say) keeps its keys and loses these modifiers.
    """
    armatures = [m for m in thing.modifiers if m.type == "ARMATURE"]
    others = [m for m in thing.modifiers if m.type != "ARMATURE" and m.show_viewport]
    if others or _unusual_keys(thing.data):
        shown = [m.show_viewport for m in armatures]
        for modifier in armatures:
            modifier.show_viewport = False
        _evaluate(thing, scene)
        for modifier, was in zip(armatures, shown, strict=True):
            modifier.show_viewport = was
    for modifier in [m for m in thing.modifiers if m.type != "ARMATURE"]:
        thing.modifiers.remove(modifier)


def _unusual_keys(mesh: Mesh) -> bool:
    """Whether a key is relative to another than the first, or to a vertex group: exporters do not look at that."""
    keys = mesh.shape_keys
    return bool(keys) and any(k.vertex_group or k.relative_key != keys.reference_key for k in keys.key_blocks[1:])


def _evaluate(thing: Object, scene: Scene) -> None:
    """Replace the data by what the modifiers make of it, and every key by what they make of the key."""
    keys = thing.data.shape_keys
    blocks = list(keys.key_blocks)[1:] if keys else []
    ranges = {block.name: (block.slider_min, block.slider_max) for block in blocks}
    for block in blocks:
        block.mute = False
        block.slider_min, block.slider_max, block.value = min(block.slider_min, 0.0), max(block.slider_max, 1.0), 0.0
    layer = scene.view_layers[0]
    base = _coordinates(thing, layer)
    shapes = {}
    for block in blocks:
        block.value = 1.0
        shapes[block.name] = _coordinates(thing, layer)
        block.value = 0.0
    if any(len(shape) != len(base) for shape in shapes.values()):
        for block in blocks:
            block.slider_min, block.slider_max = ranges[block.name]
        return
    layer.update()
    evaluated = thing.evaluated_get(layer.depsgraph)
    made = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=layer.depsgraph)
    name, reference = thing.data.name, keys.reference_key.name if keys else ""
    before, thing.data = thing.data, made
    bpy.data.meshes.remove(before)
    made.name = name
    if not keys:
        return
    thing.shape_key_add(name=reference, from_mix=False)
    for key, shape in shapes.items():
        block = thing.shape_key_add(name=key, from_mix=False)
        block.data.foreach_set("co", shape.ravel())
        block.value = 0.0
        block.slider_min, block.slider_max = ranges[key]


def _coordinates(thing: Object, layer: bpy.types.ViewLayer) -> np.ndarray:
    layer.update()
    mesh = thing.evaluated_get(layer.depsgraph).data
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)
