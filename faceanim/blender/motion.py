"""What a scene shows, frame by frame: values of shape keys and places of bones and objects, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import Object, Scene


@dataclass(frozen=True)
class Motion:
    """Samples at F frames, under the names of objects, keys and bones.

    keys     (mesh, key) to float32 (F,): the values that shape the mesh, 0 where a key is muted
    bones    (armature, bone) to float32 (F, 4, 4): in the armature's space, after constraints
    objects  object to float32 (F, 4, 4): in the world
    """

    keys: dict[tuple[str, str], np.ndarray]
    bones: dict[tuple[str, str], np.ndarray]
    objects: dict[str, np.ndarray]

    def scaled(self, scale: float) -> Motion:
        """The same with all places so many times as far from the origin."""
        by = np.array([[1, 1, 1, scale]] * 3 + [[1, 1, 1, 1]], np.float32)
        places = {name: matrices * by for name, matrices in self.objects.items()}
        return Motion(self.keys, {name: matrices * by for name, matrices in self.bones.items()}, places)


@contextmanager
def evaluated(objects: Iterable[Object]) -> Iterator[None]:
    """Blender evaluates these objects although they are hidden, or their collections are left out of the view layer;
    all is as before afterwards."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    unseen = [thing for thing in objects if not thing.visible_get()]
    off = [thing for thing in unseen if thing.hide_viewport and thing.library is None]
    collection = bpy.data.collections.new("faceanim") if unseen else None
    try:
        if collection:
            scene.collection.children.link(collection)
        for thing in unseen:
            collection.objects.link(thing)
        for thing in off:
            thing.hide_viewport = False
        layer.update()
        yield
    finally:
        for thing in off:
            thing.hide_viewport = True
        if collection:
            bpy.data.collections.remove(collection)
            layer.update()


def sample(scene: Scene, objects: Iterable[Object], frames: np.ndarray) -> Motion:
    """Go through frames (F,), whole or not, and note what is shown; the scene's frame is as before afterwards."""
    objects = list(objects)
    keyed = [o for o in objects if o.type == "MESH" and o.data.shape_keys]
    armatures = [o for o in objects if o.type == "ARMATURE"]
    values = {o.name: np.zeros((len(frames), len(o.data.shape_keys.key_blocks)), np.float32) for o in keyed}
    poses = {o.name: np.zeros((len(frames), len(o.pose.bones), 16), np.float32) for o in armatures}
    places = {o.name: np.zeros((len(frames), 4, 4), np.float32) for o in objects}
    with evaluated(objects):
        for i in _visit(scene, frames):
            depsgraph = bpy.context.evaluated_depsgraph_get()
            for thing in keyed:
                thing.data.shape_keys.key_blocks.foreach_get("value", values[thing.name][i])
            for thing in armatures:
                thing.evaluated_get(depsgraph).pose.bones.foreach_get("matrix", poses[thing.name][i].ravel())
            for thing in objects:
                places[thing.name][i] = thing.evaluated_get(depsgraph).matrix_world
    keys = {
        (o.name, block.name): values[o.name][:, i] * (not block.mute)
        for o in keyed
        for i, block in enumerate(o.data.shape_keys.key_blocks)
        if i
    }
    bones = {
        (o.name, bone.name): poses[o.name][:, i].reshape(-1, 4, 4).transpose(0, 2, 1)
        for o in armatures
        for i, bone in enumerate(o.pose.bones)
    }
    return Motion(keys, bones, places)


def points(scene: Scene, meshes: Iterable[Object], frames: np.ndarray) -> Iterator[list[np.ndarray]]:
    """At each frame every mesh's vertices, float32 (V, 3) in the world, after all modifiers."""
    meshes = list(meshes)
    with evaluated(meshes):
        for _ in _visit(scene, frames):
            depsgraph = bpy.context.evaluated_depsgraph_get()
            shown = []
            for mesh in meshes:
                now = mesh.evaluated_get(depsgraph)
                flat = np.empty(3 * len(now.data.vertices), np.float32)
                now.data.vertices.foreach_get("co", flat)
                place = np.array(now.matrix_world, np.float32)
                shown.append(flat.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3])
            yield shown


def places(objects: Iterable[Object]) -> list[np.ndarray]:
    """Where each object stands in the world at the frame that is shown, (4, 4)."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return [np.array(thing.evaluated_get(depsgraph).matrix_world) for thing in objects]


def _visit(scene: Scene, frames: np.ndarray) -> Iterator[int]:
    """Show each frame and give its index; the scene's frame is as before afterwards."""
    before = scene.frame_current, scene.frame_subframe
    try:
        for i, frame in enumerate(frames):
            whole = int(np.floor(frame + 1e-6))
            scene.frame_set(whole, subframe=float(np.clip(frame - whole, 0.0, 0.999999)))
            yield i
    finally:
        scene.frame_set(before[0], subframe=before[1])
