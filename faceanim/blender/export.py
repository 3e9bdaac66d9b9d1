"""FBX and glTF that hold what the scene shows, from time 0 of the clip.

Blender's exporters lose or shift face animation in many ways: FBX leaves out what lives on shape keys alone unless all
actions and NLA strips are off, and then counts time from frame 0 of the scene; both drop the keys of a mesh with a
modifier such as Subdivision; constraints, drivers and NLA blending are half known. So the motion is sampled as Blender
shows it, put as plain keys on a copy of the character that starts at frame 0, and the copy is exported from a scene of
its own. The user's scene is not changed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
from bpy.types import ID, Object, Scene
from mathutils import Matrix

from ..core.files import replacing
from ..errors import OutputError
from . import animation, motion
from .plain_mesh import plain_mesh
from .scene import Character, bone_path, key_path

STILL = 1e-6
"""A channel that changes less than this over the clip is a constant."""


def fbx(path: str | Path, character: Character, span: tuple[int, int] | None = None) -> Path:
    """Write the character with its motion as binary FBX; `span` are its first and last frame (default: the clip's)."""
    with _ready(character, span), _written(path) as temporary:
        _call(
            bpy.ops.export_scene.fbx,
            path,
            filepath=str(temporary),
            check_existing=False,
            object_types={"ARMATURE", "MESH", "EMPTY"},
            use_mesh_modifiers=True,
            add_leaf_bones=False,
            bake_anim=True,
            bake_anim_use_all_bones=True,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_force_startend_keying=True,
            bake_anim_step=1.0,
            bake_anim_simplify_factor=0.0,
            path_mode="COPY",
            embed_textures=True,
        )
    return Path(path)


def glb(path: str | Path, character: Character, span: tuple[int, int] | None = None) -> Path:
    """Write the character with its motion as glTF, one animation of morph targets and bones; `span` as for fbx."""
    text = Path(path).suffix.lower() == ".gltf"
    with _ready(character, span), _written(path) as temporary:
        _call(
            bpy.ops.export_scene.gltf,
            path,
            filepath=str(temporary),
            check_existing=False,
            export_format="GLTF_EMBEDDED" if text else "GLB",
            use_active_scene=True,
            export_apply=False,
            export_morph=True,
            export_morph_normal=False,
            export_morph_animation=True,
            export_animations=True,
            export_animation_mode="SCENE",
            export_anim_scene_split_object=False,
            export_force_sampling=True,
            export_frame_step=1,
            export_frame_range=True,
            export_optimize_animation_size=False,
            export_rest_position_armature=True,
            export_def_bones=False,
            export_cameras=False,
            export_lights=False,
        )
    return Path(path)


@contextmanager
def _written(path: str | Path) -> Iterator[Path]:
    """A file to write that becomes `path`: of that name, which exporters write into files, in a folder of its own."""
    path = Path(path)
    with replacing(path) as temporary, tempfile.TemporaryDirectory(dir=path.parent, prefix=".faceanim-") as folder:
        own = Path(folder).resolve() / path.name
        yield own
        os.replace(own, temporary)


def _call(operator: object, path: str | Path, **options: object) -> None:
    """Run an exporter with those of the options that this Blender's knows."""
    known = operator.get_rna_type().properties.keys()
    try:
        result = operator(**{name: value for name, value in options.items() if name in known})
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise OutputError(f"{path} was not written: {lines[-1] if lines else 'no reason given'}") from error
    if result != {"FINISHED"}:
        raise OutputError(f"{path} was not written: Blender's exporter stopped")


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
def _ready(character: Character, span: tuple[int, int] | None) -> Iterator[Scene]:
    """A scene at hand that holds only a copy of the character, under its own names, moving from frame 0."""
    scene = bpy.context.scene
    first, last = span or clip_span(character)
    originals = _family(character)
    shown = motion.sample(scene, originals, np.arange(first, max(first, last) + 1))
    kept = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "armatures", "actions", "shape_keys")}
    names = _Names()
    stage = bpy.data.scenes.new("faceanim export")
    window = bpy.context.window
    try:
        stage.render.fps, stage.render.fps_base = scene.render.fps, scene.render.fps_base
        stage.unit_settings.scale_length = scene.unit_settings.scale_length
        stage.frame_start, stage.frame_end = 0, max(0, last - first)
        copies = _copies(originals, stage)
        for original, copy in copies.items():
            _animate(original, copy, copies, shown)
        stage.frame_set(0)
        for original, copy in copies.items():
            names.take(original, copy)
            if original.data is not None:
                names.take(original.data, copy.data)
        # The exporters look at the window's scene, whatever a context override says
        window.scene = stage
        yield stage
    finally:
        window.scene = scene
        names.give_back()
        bpy.data.scenes.remove(stage)
        for kind in ("objects", "meshes", "armatures", "actions"):
            blocks = getattr(bpy.data, kind)
            for block in [block for block in blocks if block not in kept[kind]]:
                blocks.remove(block)


class _Names:
    """Lets copies go under the originals' names for a while."""

    def __init__(self) -> None:
        self.taken: list[tuple[ID, str]] = []

    def take(self, original: ID, copy: ID) -> None:
        name = original.name
        if original.library is None:
            if any(block is original for block, _ in self.taken):
                return  # data that two objects share: the second copy keeps a name of its own
            self.taken.append((original, name))
            original.name = f"{name[:50]} (original)"
        copy.name = name

    def give_back(self) -> None:
        for original, name in self.taken:
            same = type(original).bl_rna.identifier
            for blocks in (bpy.data.objects, bpy.data.meshes, bpy.data.armatures):
                holder = blocks.get(name)
                if holder is not None and holder.library is None and type(holder).bl_rna.identifier == same:
                    holder.name = f"{name[:50]} (copy)"
            original.name = name


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


def _copies(originals: list[Object], stage: Scene) -> dict[Object, Object]:
    copies = {}
    for original in originals:
        copy = original.copy()
        copy.animation_data_clear()
        copy.constraints.clear()
        if original.data is not None:
            copy.data = original.data.copy()
            copy.data.animation_data_clear()
        stage.collection.objects.link(copy)
        copy.hide_viewport = copy.hide_render = False
        copies[original] = copy
    for original, copy in copies.items():
        inverse = copy.matrix_parent_inverse.copy()
        copy.parent = copies.get(original.parent)
        copy.matrix_parent_inverse = inverse
        for modifier in getattr(copy, "modifiers", ()):
            if modifier.type == "ARMATURE" and modifier.object in copies:
                modifier.object = copies[modifier.object]
    for copy in copies.values():
        if copy.type == "MESH":
            if copy.data.shape_keys:
                copy.data.shape_keys.animation_data_clear()
            copy.show_only_shape_key = False
            plain_mesh(copy, stage)
    return copies


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
            bone = parent.data.bones[original.parent_bone]
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
