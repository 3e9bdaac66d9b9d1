"""From a file or the open scene to one Character: its objects, and the Rig that the rest of the house works on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Object, Scene
from mathutils import Vector

from ..core.files import input_file
from ..core.rig import Key, Rig
from ..errors import CharacterError
from ..retarget import faces
from . import eyes, poses, skeleton
from .linked import is_linked, make_overrides, override_of
from .skeleton import axes as axes
from .skeleton import driven_paths
from .skeleton import head_space as head_space

USD = (".usd", ".usdc", ".usda", ".usdz")
SUFFIXES = (".blend", ".glb", ".gltf", ".vrm", ".fbx", *USD)
NEW_FILE_FPS = 30
NO_KEYS = (
    "the face is moved by shape keys or bones: import them, or make keys with `faceanim shapes` (in the panel: "
    "Create Face Shapes)"
)
HAS_FBX_IMPORT = bpy.app.version >= (4, 5, 0)
"""Blender's own importer; before, an add-on's."""


ABSOLUTE = "absolute, not relative"
"""Why a key's value does nothing: all of its mesh's keys follow one another in time."""


@dataclass(frozen=True)
class Character:
    """One character's objects and what may be driven on it. Valid until the next undo or file load.

    meshes     every mesh object of it, with shape keys or not
    armatures  the armatures that bind them, the one that binds most first
    """

    rig: Rig
    meshes: tuple[Object, ...]
    armatures: tuple[Object, ...] = ()

    @property
    def armature(self) -> Object | None:
        return self.armatures[0] if self.armatures else None

    @property
    def keyed(self) -> tuple[Object, ...]:
        """The meshes with shape keys."""
        return tuple(mesh for mesh in self.meshes if mesh.data.shape_keys)


# -- files ------------------------------------------------------------------------------------------------------------


def open_file(path: str | Path) -> Scene:
    """Replace all that is open by this character file; the scene of a file that is no .blend runs at 30 fps.

    Raises CharacterError where Blender cannot read it.
    """
    path = _character_file(path)
    if path.suffix.lower() == ".blend":
        try:
            bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False, use_scripts=False)
        except RuntimeError as error:
            raise _unreadable(path, error) from error
        if bpy.context.object and bpy.context.object.mode == "EDIT":  # in which a mesh is not evaluated
            bpy.ops.object.mode_set(mode="OBJECT")
    else:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = NEW_FILE_FPS, 1.0
        load(path)
    return bpy.context.scene


def load(path: str | Path) -> list[Object]:
    """Add a character file (see SUFFIXES) to the open scene and return the new objects.

    Of a .blend the whole first scene is appended with its camera and lights. Raises CharacterError.
    """
    path = _character_file(path)
    before = set(bpy.data.objects)
    try:
        if path.suffix.lower() == ".blend":
            _append_scene(path)
        elif path.suffix.lower() == ".fbx":
            import_fbx(path)
        elif path.suffix.lower() in USD:
            bpy.ops.wm.usd_import(filepath=str(path.resolve()), set_frame_range=False)
        else:
            bpy.ops.import_scene.gltf(filepath=str(path.resolve()))
    except (RuntimeError, OSError) as error:
        raise _unreadable(path, error) from error
    bpy.context.view_layer.update()
    return [o for o in bpy.data.objects if o not in before]


def import_fbx(path: Path) -> None:
    """FBX by the importer this Blender has; both put time 0 of the file at frame 0."""
    if HAS_FBX_IMPORT:
        bpy.ops.wm.fbx_import(filepath=str(path.resolve()), anim_offset=0.0)
    else:
        bpy.ops.import_scene.fbx(filepath=str(path.resolve()), anim_offset=0.0)


def _character_file(path: str | Path) -> Path:
    path = input_file(path, "character file", CharacterError)
    if path.suffix.lower() not in SUFFIXES:
        raise CharacterError(f"{path.name} is no character file", f"known are {', '.join(SUFFIXES)}")
    return path


def _unreadable(path: Path, error: Exception) -> CharacterError:
    text = str(error)
    if "EXT_meshopt_compression" in text or "KHR_draco" in text:
        return CharacterError(
            f"{path.name} is compressed in a way that Blender does not read",
            "decompress it first, for example with gltf-transform: npx @gltf-transform/cli copy IN.glb OUT.glb",
        )
    lines = [line for line in text.replace("Error: ", "").splitlines() if line.strip()]
    return CharacterError(
        f"Blender cannot read {path.name}: {lines[-1].strip() if lines else 'no reason given'}",
        "open it in Blender to see what is wrong, or save it from a newer one",
    )


def _append_scene(path: Path) -> None:
    target = bpy.context.scene
    with bpy.data.libraries.load(str(path.resolve()), link=False) as (source, wanted):
        wanted.scenes = source.scenes[:1]
    for scene in wanted.scenes:
        for collection in scene.collection.children:
            target.collection.children.link(collection)
        for thing in scene.collection.objects:
            target.collection.objects.link(thing)
        target.camera = target.camera or scene.camera
        target.world = target.world or scene.world
        bpy.data.scenes.remove(scene)


# -- the character ----------------------------------------------------------------------------------------------------


def character(
    source: bpy.types.Context | Iterable[Object], name: str | None = None, override: bool = False
) -> Character:
    """The character of a context's scene, or the one that some objects (any of its own) belong to.

    name      an object of it; without one the active object's character if that has shape keys, else the one with most
    override  make library overrides where it is linked from another file

    Raises CharacterError where there is none, the name is wrong or it has no shape keys.
    """
    scene, seeds, active = bpy.context.scene, None, None
    if isinstance(source, bpy.types.Context):
        scene, active = source.scene, source.view_layer.objects.active
    else:
        seeds = _reachable(override_of(thing) or thing for thing in source)
    objects = _reachable([*scene.objects, *(seeds or ())])
    groups = _groups(objects)
    if seeds is not None:
        groups = [group for group in groups if any(thing in group for thing in seeds)]
    chosen = _choose(groups, objects, name, active)
    if override and any(is_linked(o) or is_linked(o.data) for o in chosen):
        make_overrides(chosen, objects)
        return character([override_of(chosen[0]) or chosen[0]])
    meshes = tuple(o for o in chosen if o.type == "MESH" and len(o.data.vertices))
    armatures = tuple(sorted({a for m in meshes if (a := armature_of(m))}, key=lambda a: -_bound(a, meshes)))
    return Character(read_rig(meshes, armatures), meshes, armatures)


def others(context: bpy.types.Context, chosen: Character) -> list[str]:
    """The other characters in the scene, each by an object to name it with."""
    groups = [g for g in _groups(_reachable(context.scene.objects)) if any(_key_names(o) for o in g)]
    return [next((o for o in g if o.type == "ARMATURE"), g[0]).name for g in groups if not set(g) & set(chosen.meshes)]


def armature_of(mesh: Object) -> Object | None:
    """The armature that moves a mesh: by modifier, else the nearest among its parents."""
    for modifier in mesh.modifiers:
        if modifier.type == "ARMATURE" and modifier.object:
            return modifier.object
    parent = mesh.parent
    while parent and parent.type != "ARMATURE":
        parent = parent.parent
    return parent


def _reachable(objects: Iterable[Object]) -> list[Object]:
    """The objects and, behind collection instances, those that they show; not what is linked and overridden here."""
    found: dict[Object, None] = {}
    for thing in objects:
        found[thing] = None
        if thing.type == "EMPTY" and thing.instance_type == "COLLECTION" and thing.instance_collection:
            found.update(dict.fromkeys(thing.instance_collection.all_objects))
    overridden = {thing.override_library.reference for thing in found if thing.override_library}
    return [thing for thing in found if thing not in overridden]


def _groups(objects: list[Object]) -> list[list[Object]]:
    """Meshes with what binds them: by armature, else by topmost parent; loose ones join those close by whose keys they
    share."""
    bound: dict[Object | None, list[Object]] = {}
    for mesh in (o for o in objects if o.type == "MESH"):
        owner = armature_of(mesh)
        if owner is None:
            top = mesh
            while top.parent:
                top = top.parent
            owner = top if top is not mesh or any(o.parent is mesh for o in objects) else None
        bound.setdefault(owner, []).append(mesh)
    loose = [m for m in bound.pop(None, []) if m.data.shape_keys]
    groups = [[owner, *(m for m in meshes if m is not owner)] for owner, meshes in bound.items()]
    for mesh in loose:
        names = set(_key_names(mesh))
        home = next((g for g in groups if any(names & set(_key_names(m)) and _close(mesh, m) for m in g)), None)
        if home is None:
            groups.append([mesh])
        else:
            home.append(mesh)
    return groups


def _close(a: Object, b: Object) -> bool:
    """Whether two meshes' boxes in the world meet, widened by a quarter of the larger one."""
    boxes = [np.array([thing.matrix_world @ Vector(corner) for corner in thing.bound_box]) for thing in (a, b)]
    margin = 0.25 * max(float(np.ptp(box, axis=0).max()) for box in boxes)
    (low, high), (under, over) = ((box.min(0), box.max(0)) for box in boxes)
    return bool((low - margin <= over).all() and (under - margin <= high).all())


def _choose(groups: list[list[Object]], objects: list[Object], name: str | None, active: Object | None) -> list[Object]:
    keyed = [g for g in groups if any(_key_names(o) for o in g)]
    boned = [g for g in groups if g not in keyed and any(_moves_face(o) for o in g)]
    if name is not None:
        wanted = next((o for o in objects if o.name == name), None)
        group = next((g for g in groups if wanted in g), None)
        if wanted is None or group is None:
            names = sorted({o.name for g in keyed + boned for o in g})[:8]
            raise CharacterError(
                f"there is no character '{name}'", f"objects that can be named: {', '.join(names) or 'none'}"
            )
        if group not in keyed + boned:
            raise CharacterError(
                f"'{name}' has no shape keys", NO_KEYS
            )
        return group
    for group in keyed + boned:
        if active in group:
            return group
    if not keyed and boned:
        return boned[0]
    if not keyed:
        raise CharacterError("no mesh has shape keys", _lost() or NO_KEYS)
    return max(keyed, key=lambda g: len({k for o in g for k in _key_names(o)}))


def _lost() -> str:
    """What to do about files that are linked from and are not there, "" where all are."""
    files = (Path(bpy.path.abspath(library.filepath, library=library.library)) for library in bpy.data.libraries)
    gone = [file.name for file in files if not file.is_file()]
    return f"put {', '.join(gone)} back, which is linked: File > External Data > Find Missing Files" if gone else ""


def _moves_face(thing: Object) -> bool:
    return thing.type == "ARMATURE" and faces.is_face([bone.name for bone in thing.data.bones])


def _key_names(thing: Object) -> list[str]:
    if thing.type != "MESH" or not thing.data.shape_keys or not len(thing.data.vertices):
        return []
    return [k.name for k in thing.data.shape_keys.key_blocks[1:]]


def _bound(armature: Object, meshes: Iterable[Object]) -> int:
    return sum(armature_of(m) is armature for m in meshes)


# -- the rig ----------------------------------------------------------------------------------------------------------


def read_rig(meshes: Iterable[Object], armatures: Iterable[Object] = ()) -> Rig:
    """The Rig of some meshes and armatures. Raises CharacterError where there is neither a key nor a bone of a face."""
    meshes, armatures = tuple(meshes), tuple(armatures)
    found: dict[str, list[tuple[Object, Key]]] = {}
    eyeballs = {mesh: _eyeballs(mesh) for mesh in meshes}
    bound = any(mask.any() for mask in eyeballs.values())
    for mesh in meshes:
        for key in _keys_of(mesh, eyeballs[mesh] if bound else None):
            found.setdefault(key.name, []).append((mesh, key))
    if not found and not any(map(_moves_face, armatures)):
        raise CharacterError("no mesh has shape keys", NO_KEYS)
    by_armature = {armature: skeleton.bones_of(armature) for armature in armatures}
    return Rig(
        armatures[0].name if armatures else meshes[0].name,
        tuple(mesh.name for mesh in meshes),
        tuple(_merged(name, same) for name, same in found.items()),
        tuple(bone for bones in by_armature.values() for bone in bones),
        tuple(pose for armature, bones in by_armature.items() for pose in poses.of(armature, bones)),
        eyes.shifts(meshes, axes(armatures[0] if armatures else None)),
    )


def _merged(name: str, same: list[tuple[Object, Key]]) -> Key:
    keys = [key for _, key in same]
    # A key that is driven on one mesh by another mesh's is one control: it is written where it is free
    free = [key for key in keys if not key.blocked] or keys
    return Key(
        name,
        tuple(mesh.name for mesh, _ in same),
        any(key.moves for key in free),
        max(key.minimum for key in free),
        min(key.maximum for key in free),
        free[0].blocked,
        all(key.lids_only for key in free),
    )


def _eyeballs(mesh: Object) -> np.ndarray:
    """bool (vertices,): those that turn with a bone that is named like an eye."""
    if mesh.parent_type == "BONE" and skeleton.EYEBALL.match(mesh.parent_bone):
        return np.ones(len(mesh.data.vertices), bool)
    mask = np.zeros(len(mesh.data.vertices), bool)
    groups = {group.index for group in mesh.vertex_groups if skeleton.EYEBALL.match(group.name)}
    if groups:
        for vertex in mesh.data.vertices:
            mask[vertex.index] = any(g.weight > 0.5 for g in vertex.groups if g.group in groups)
    return mask


def _keys_of(mesh: Object, eyeballs: np.ndarray | None) -> list[Key]:
    shapes = mesh.data.shape_keys
    if not shapes:
        return []
    coordinates = {block: _coordinates(block) for block in shapes.key_blocks}
    at_rest = coordinates[shapes.reference_key]
    there = at_rest[np.isfinite(at_rest).all(1)]
    size = float(np.ptp(there, axis=0).max()) if len(there) else 0.0
    driven = driven_paths(shapes)
    keys = []
    for block in shapes.key_blocks:
        if block == shapes.reference_key:
            continue
        moved = np.abs(coordinates[block] - coordinates[block.relative_key]).max(1, initial=0.0) > 1e-5 * size
        blocked = "linked" if is_linked(shapes) else "muted" if block.mute else ""
        if not blocked and not shapes.use_relative:
            blocked = ABSOLUTE
        if not blocked and key_path(block.name) in driven:
            blocked = "driven"
        lids_only = eyeballs is not None and not (moved & eyeballs).any()
        limits = block.slider_min, block.slider_max
        keys.append(Key(block.name, (mesh.name,), bool(moved.any()), *limits, blocked, lids_only))
    return keys


def _coordinates(block: bpy.types.ShapeKey) -> np.ndarray:
    flat = np.empty(3 * len(block.data), np.float32)
    block.data.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def key_path(name: str) -> str:
    """The data path of a key's value, from its Key datablock."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
