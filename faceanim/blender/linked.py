"""Characters that are linked from another file, and their library overrides."""

from __future__ import annotations

import bpy
from bpy.types import Object

from ..errors import CharacterError


def is_linked(block: bpy.types.ID | None) -> bool:
    return block is not None and block.library is not None


def make_overrides(chosen: list[Object], objects: list[Object]) -> None:
    """Library overrides of a character in place of what is linked: its collection or objects, and its meshes' keys."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    layer.update()
    linked = [c for c in scene.collection.children_recursive if is_linked(c) and set(c.all_objects) & set(chosen)]
    instances = [o for o in objects if o.type == "EMPTY" and o.instance_collection]
    instance = next((o for o in instances if set(o.instance_collection.all_objects) & set(chosen)), None)
    if instance and is_linked(instance.instance_collection):
        instance.instance_collection.override_hierarchy_create(scene, layer, reference=instance, do_fully_editable=True)
        bpy.data.objects.remove(instance)
    elif linked:
        linked[0].override_hierarchy_create(scene, layer, reference=linked[0], do_fully_editable=True)
        for parent in (scene.collection, *scene.collection.children_recursive):
            if linked[0].name in parent.children and not is_linked(parent):
                parent.children.unlink(linked[0])
    else:
        for thing in chosen:
            if is_linked(thing) and not override_of(thing):
                thing.override_hierarchy_create(scene, layer, do_fully_editable=True)
            if is_linked(thing) and thing.name in scene.collection.objects:
                scene.collection.objects.unlink(thing)
    layer.update()
    made = [o for o in map(override_of, chosen) if o] + [o for o in chosen if not is_linked(o)]
    for mesh in {o.data for o in made if o.type == "MESH" and is_linked(o.data)}:
        mesh.override_create(remap_local_usages=True)
    if not made or any(is_linked(o.data) for o in made if o.type == "MESH"):
        raise CharacterError(
            f"the character is linked from another file and cannot be overridden: {chosen[0].name}",
            "Object > Library Override > Make, or append it instead of linking",
        )


def override_of(linked: Object) -> Object | None:
    """The object in the open scene that overrides a linked one."""
    return next(
        (o for o in bpy.context.scene.objects if o.override_library and o.override_library.reference is linked), None
    )
