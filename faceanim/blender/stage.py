"""A copy of a character on a stage of its own, that moves as plain keys from frame 0: what exporters understand.

Blender's exporters lose or shift face animation in many ways: FBX leaves out what lives on shape keys alone unless all
actions and NLA strips are off, and then counts time from frame 0 of the scene; FBX and glTF drop the keys of a mesh
with a modifier such as Subdivision; constraints, drivers and NLA blending are half known. So the motion is sampled as
Blender shows it, put as plain keys on a copy of the character that starts at frame 0, and the copy is exported from a
scene of its own. The user's scene is not changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import bpy
import numpy as np
from bpy.types import ID, Object, Scene
from mathutils import Matrix

from ..errors import OutputError
from ..formats import mdd
from . import animation, motion
from .plain_mesh import plain_mesh
from .scene import Character, key_path
from .skeleton import bone_path

STILL = 1e-6
"""A channel that changes less than this over the clip is a constant."""


def clip_span(character: Character) -> tuple[int, int]:
    """The first and last frame of what is baked on a character, else the scene's."""
    for block in [*(mesh.data.shape_keys for mesh in character.keyed), *character.armatures]:
        span = animation.clip_span(block)
        if span:
            return int(round(span[0])), int(round(span[1]))
    scene = bpy.context.scene
    return scene.frame_start, scene.frame_end


# -- the copy ---------------------------------------------------------------------------------------------------------


@contextmanager
def keyed(
    character: Character, span: tuple[int, int] | None = None, scale: float = 1.0, usd: bool = False
) -> Iterator[Scene]:
    """A scene at hand that holds only a copy of the character, under its own names, moving by keys from frame 0.

    span    first and last frame (default: the clip's)
    scale   the copy is so many times as large, in a scene of as many times smaller units, without a scaled object
    usd     as USD has it: no skeleton below another, so meshes with keys that hang from an armature undeformed stand
            on their own; and importers take the data's name for the object's
    """
    first, last = span or clip_span(character)
    originals = _family(character)
    shown = motion.sample(bpy.context.scene, originals, np.arange(first, max(first, last) + 1))
    with _own_scene(max(0, last - first)) as (stage, names):
        stage.unit_settings.scale_length /= scale
        copies = _copies(originals, stage, usd)
        if scale != 1.0:
            shown = shown.scaled(scale)
            for copy in copies.values():
                if copy.type == "MESH":
                    copy.data.transform(Matrix.Scale(scale, 4), shape_keys=True)
                elif copy.type == "ARMATURE":
                    copy.data.transform(Matrix.Scale(scale, 4))
        for original, copy in copies.items():
            _animate(original, copy, copies, shown)
        stage.frame_set(0)
        for original, copy in copies.items():
            names.give(copy, original.name)
            if original.data is not None:
                names.give(copy.data, copy.name if usd else original.data.name)
        bpy.context.window.scene = stage  # exporters look at the window's scene, whatever a context override says
        yield stage


@contextmanager
def cached(character: Character, span: tuple[int, int] | None = None) -> Iterator[Scene]:
    """The same with meshes alone, in the world, whose vertices move as they are shown, whatever moves them.

    Raises OutputError where the number of a mesh's vertices changes over the clip.
    """
    first, last = span or clip_span(character)
    frames, meshes = np.arange(first, max(first, last) + 1), character.meshes
    with tempfile.TemporaryDirectory(prefix="faceanim-") as folder:
        paths = [Path(folder) / f"{i}.mdd" for i in range(len(meshes))]
        write_points(meshes, frames, paths)
        with _own_scene(max(0, last - first)) as (stage, names):
            with motion.evaluated(meshes):
                copies = [_frozen(mesh, stage) for mesh in meshes]
            for mesh, copy, path in zip(meshes, copies, paths, strict=True):
                cache = copy.modifiers.new("faceanim", "MESH_CACHE")
                cache.cache_format, cache.filepath = "MDD", str(path)
                cache.interpolation, cache.frame_start = "NONE", 0.0
                names.give(copy, mesh.name)
                names.give(copy.data, mesh.data.name)
            stage.frame_set(0)
            bpy.context.window.scene = stage
            yield stage


def write_points(
    meshes: Iterable[Object], frames: np.ndarray, paths: Iterable[Path], fps: float = 1.0, own: bool = False
) -> None:
    """Each mesh's vertices as they are shown on frames (F,) in an MDD file of its own, in the world; `own`: in the
    space that the mesh has on the first of them.

    Raises OutputError where the number of a mesh's vertices changes.
    """
    meshes, back = list(meshes), []
    with ExitStack() as stack:
        writers = [stack.enter_context(mdd.Writer(path, len(frames), fps)) for path in paths]
        every = stack.enter_context(closing(motion.points(bpy.context.scene, meshes, frames)))
        for shown in every:
            back = back or [np.linalg.pinv(place) for place in motion.places(meshes)]
            for mesh, writer, points, inverse in zip(meshes, writers, shown, back, strict=True):
                if not writer.add(points @ inverse[:3, :3].T + inverse[:3, 3] if own else points):
                    raise OutputError(
                        f"'{mesh.name}' has not the same vertices on every frame",
                        "apply or turn off the modifier that makes or removes vertices as it moves",
                    )


@contextmanager
def _own_scene(last: int) -> Iterator[tuple[Scene, _Names]]:
    """A new scene from frame 0 to `last`; it and what is made meanwhile are removed afterwards."""
    scene, window = bpy.context.scene, bpy.context.window
    kept = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "armatures", "actions")}
    names = _Names()
    stage = bpy.data.scenes.new("faceanim export")
    try:
        stage.render.fps, stage.render.fps_base = scene.render.fps, scene.render.fps_base
        if scene.unit_settings.system != "NONE":
            stage.unit_settings.scale_length = scene.unit_settings.scale_length
        stage.frame_start, stage.frame_end = 0, last
        yield stage, names
    finally:
        window.scene = scene
        names.give_back()
        bpy.data.scenes.remove(stage)
        for kind, before in kept.items():
            blocks = getattr(bpy.data, kind)
            for block in [block for block in blocks if block not in before]:
                blocks.remove(block)


def _frozen(mesh: Object, stage: Scene) -> Object:
    """An object of a mesh as its modifiers make it, without any of its own."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = mesh.evaluated_get(depsgraph)
    data = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=depsgraph)
    copy = bpy.data.objects.new(mesh.name, data)
    stage.collection.objects.link(copy)
    return copy


class _Names:
    """Lets copies go under the originals' names for a while."""

    def __init__(self) -> None:
        self.taken: list[tuple[ID, str]] = []
        self.given: list[ID] = []

    def give(self, copy: ID, name: str) -> None:
        """Name a copy, whoever has that name now; a second copy of the same name keeps one of its own."""
        holder = _blocks_like(copy).get(name)
        if any(holder is given for given in self.given):
            return
        if holder is not None and holder is not copy and holder.library is None:
            self.taken.append((holder, name))
            holder.name = f"{name[:50]} (original)"
        copy.name = name
        self.given.append(copy)

    def give_back(self) -> None:
        for copy in self.given:
            copy.name = f"{copy.name[:50]} (copy)"
        for holder, name in self.taken:
            holder.name = name


def _blocks_like(block: ID) -> bpy.types.bpy_prop_collection:
    kinds = (("objects", bpy.types.Object), ("meshes", bpy.types.Mesh), ("armatures", bpy.types.Armature))
    return next((getattr(bpy.data, name) for name, kind in kinds if isinstance(block, kind)), {})


def _family(character: Character) -> list[Object]:
    """The character's objects and their parents, parents first."""
    found: dict[Object, None] = {}

    def add(thing: Object) -> None:
        if thing.parent:
            add(thing.parent)
        found[thing] = None

    for thing in (*character.armatures, *character.meshes):
        add(thing)
    return list(found)


def _copies(originals: list[Object], stage: Scene, usd: bool) -> dict[Object, Object]:
    copies = {}
    for original in originals:
        copy = original.copy()
        copy.animation_data_clear()
        copy.pop(animation.NAME, None)
        copy.constraints.clear()
        if original.data is not None:
            copy.data = original.data.copy()
            copy.data.animation_data_clear()
        stage.collection.objects.link(copy)
        copy.hide_viewport = copy.hide_render = False
        copies[original] = copy
    for original, copy in copies.items():
        inverse = copy.matrix_parent_inverse.copy()
        copy.parent = None if usd and _hangs(original) else copies.get(original.parent)
        copy.matrix_parent_inverse = inverse
        for modifier in getattr(copy, "modifiers", ()):
            if modifier.type == "ARMATURE" and modifier.object in copies:
                modifier.object = copies[modifier.object]
    for copy in copies.values():
        if copy.type == "MESH":
            if copy.data.shape_keys:
                copy.data.shape_keys.animation_data_clear()
                for block in copy.data.shape_keys.key_blocks:
                    block.mute = False  # it stays at 0; glTF's exporter would leave it out
            copy.show_only_shape_key = False
            plain_mesh(copy, stage)
    return copies


def _hangs(thing: Object) -> bool:
    """Whether it is a mesh with keys below an armature that does not deform it."""
    if thing.type != "MESH" or not thing.data.shape_keys or any(m.type == "ARMATURE" for m in thing.modifiers):
        return False
    above = thing.parent
    while above and above.type != "ARMATURE":
        above = above.parent
    return above is not None


# -- the motion on the copy -------------------------------------------------------------------------------------------


def _animate(original: Object, copy: Object, copies: dict[Object, Object], shown: motion.Motion) -> None:
    """Put what the original showed on its copy as plain keys, one a frame from frame 0."""
    tracks = _object_tracks(original, copy, copies, shown)
    if copy.type == "ARMATURE":
        tracks |= _bone_tracks(original, copy, shown)
    _write(copy, original.name, tracks)
    if copy.type == "MESH" and copy.data.shape_keys:
        names = [block.name for block in copy.data.shape_keys.key_blocks[1:]]
        values = {key_path(name): shown.keys[original.name, name][:, None] for name in names}
        _write(copy.data.shape_keys, original.name, values)


def _write(block: ID, label: str, tracks: dict[str, np.ndarray]) -> None:
    """Channels (F, C) by data path: keys where they move, else the value itself."""
    moving = {}
    for path, values in tracks.items():
        owner, _, attribute = path.rpartition(".")
        target = block.path_resolve(owner) if owner else block
        setattr(target, attribute, values[0] if values.shape[1] > 1 else float(values[0, 0]))
        if np.ptp(values, axis=0).max() > STILL:
            moving[path] = values
    if not moving:
        return
    data = block.animation_data_create()
    action, slot, curves = animation.Writer("faceanim export", (0.0, 0.0)).curves(block, label)
    frames = np.arange(len(next(iter(moving.values()))), dtype=float)
    for path, values in moving.items():
        for index in range(values.shape[1]):
            animation.write_keys(animation.new_fcurve(curves, path, index), frames, values[:, index])
    data.action = action
    if slot is not None:
        data.action_slot = slot


def _object_tracks(
    original: Object, copy: Object, copies: dict[Object, Object], shown: motion.Motion
) -> dict[str, np.ndarray]:
    """Places relative to the parent's, or to the bone's that it hangs from."""
    places = shown.objects[original.name].astype(float)
    parent = original.parent
    if copy.parent is not None:
        above = shown.objects[parent.name].astype(float)
        if original.parent_type == "BONE" and original.parent_bone:
            bone = copy.parent.data.bones[original.parent_bone]
            tip = np.array(Matrix.Translation((0.0, bone.length, 0.0)))
            above = above @ shown.bones[parent.name, bone.name].astype(float) @ tip
        else:
            copy.parent_type = "OBJECT"
        copy.matrix_parent_inverse = Matrix.Identity(4)
        places = np.linalg.inv(above) @ places
    copy.rotation_mode = "QUATERNION"
    copy.delta_location, copy.delta_scale = (0, 0, 0), (1, 1, 1)
    copy.delta_rotation_euler, copy.delta_rotation_quaternion = (0, 0, 0), (1, 0, 0, 0)
    location, turn, scale = _parts(places)
    return {"location": location, "rotation_quaternion": turn, "scale": scale}


def _bone_tracks(original: Object, copy: Object, shown: motion.Motion) -> dict[str, np.ndarray]:
    """Each bone's place relative to its parent's as its own channels, without the constraints that may have made it."""
    tracks = {}
    for bone in copy.data.bones:
        bone.use_inherit_rotation, bone.inherit_scale, bone.use_local_location = True, "FULL", True
        pose = copy.pose.bones[bone.name]
        for constraint in list(pose.constraints):
            pose.constraints.remove(constraint)
        pose.rotation_mode = "QUATERNION"
        rest = np.array(bone.matrix_local)
        places = shown.bones[original.name, bone.name].astype(float)
        if bone.parent:
            above = shown.bones[original.name, bone.parent.name].astype(float)
            rest = np.linalg.inv(np.array(bone.parent.matrix_local)) @ rest
            places = np.linalg.inv(above) @ places
        location, turn, scale = _parts(np.linalg.inv(rest) @ places)
        path = bone_path(bone.name)
        tracks |= {f"{path}.location": location, f"{path}.rotation_quaternion": turn, f"{path}.scale": scale}
    return tracks


def _parts(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Location (F, 3), quaternion (F, 4) with continuous signs and scale (F, 3) of affine matrices (F, 4, 4)."""
    if len(matrices) > 1 and np.ptp(matrices, axis=0).max() < STILL:
        matrices = np.broadcast_to(matrices[0], matrices.shape)
        location, turn, scale = _parts(matrices[:1])
        return tuple(np.repeat(part, len(matrices), axis=0) for part in (location, turn, scale))
    turns, scales, last = np.empty((len(matrices), 4)), np.empty((len(matrices), 3)), None
    for i, matrix in enumerate(matrices):
        _, turn, scales[i] = Matrix(matrix).decompose()
        if last is not None:
            turn.make_compatible(last)
        turns[i], last = turn, turn
    return matrices[:, :3, 3], turns, scales
