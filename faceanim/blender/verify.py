"""Opens an export again in an empty Blender and compares it with the scene it was made from, in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.files import input_file
from ..errors import CharacterError, FormatError, InputError
from . import animation, motion, scene
from .bake import scene_rate, set_rate
from .export import STILL, clip_span

LIMIT = 0.01
"""The largest error of a control, in its own unit (slider value, or radians a bone is turned by in the world)."""


@dataclass(frozen=True)
class Seen:
    """What one file shows. turns: (armature, bone) to (F, 3, 3), how a bone has turned the skin in the world."""

    fps: float
    frames: int
    keys: dict[tuple[str, str], np.ndarray]
    turns: dict[tuple[str, str], np.ndarray]


def verify_export(path: str | Path, blend: str | Path) -> dict[str, Any]:
    """Compare every control that the baked .blend animates with an .fbx, .glb or .gltf made from it, at every frame.

    Replaces what is open in this Blender. Returns `controls`, `frames`, `seconds`, `fps`, `max_error`, `worst` (the
    control, object and time), `missing` and `passed`: whether all are within LIMIT. Raises InputError.
    """
    path = input_file(path, "export")
    if path.suffix.lower() not in (".fbx", ".glb", ".gltf"):
        raise InputError(f"{path.name} is no export", "it ends in .fbx, .glb or .gltf")
    if Path(blend).suffix.lower() != ".blend":
        raise InputError(f"{Path(blend).name} is no .blend", "name the export first, then the .blend it was made from")
    wanted = _open_blend(Path(blend))
    shown = _open_export(path, wanted)
    return {"path": str(path), "blend": str(blend), **compare(wanted, shown)}


def compare(wanted: Seen, shown: Seen) -> dict[str, Any]:
    """The report, of every control that moves in `wanted`."""
    errors: dict[tuple[str, str], np.ndarray] = {}
    missing = []
    for name, values in wanted.keys.items():
        if np.ptp(values) > STILL:
            there = shown.keys.get(name)
            errors[name] = np.abs(values) if there is None else np.abs(values - there)
            missing += [] if there is not None else [f"{name[0]}: {name[1]}"]
    for name, turns in wanted.turns.items():
        if np.abs(turns - turns[0]).max() > 1e-5:
            there = shown.turns.get(name)
            errors[name] = np.full(len(turns), np.pi) if there is None else _angles(turns, there)
            missing += [] if there is not None else [f"{name[0]}: bone {name[1]}"]
    worst = max(errors, key=lambda name: errors[name].max(), default=None)
    largest = float(errors[worst].max()) if worst else 0.0
    return {
        "controls": len(errors),
        "frames": wanted.frames,
        "seconds": wanted.frames / wanted.fps,
        "fps": wanted.fps,
        "max_error": largest,
        "worst": worst and {
            "object": worst[0], "control": worst[1], "time_s": float(errors[worst].argmax() / wanted.fps),
        },
        "missing": missing,
        "limit": LIMIT,
        "passed": bool(errors) and not missing and largest < LIMIT,
    }  # fmt: skip


def _open_blend(path: Path) -> Seen:
    opened = scene.open_file(path)
    baked = next((o for o in opened.objects if _is_baked(o)), None)
    if baked is None:
        raise CharacterError(f"nothing in {path.name} was baked by faceanim", "name the .blend that `bake` wrote")
    character = scene.character([baked])
    first, last = clip_span(character)
    return _look(opened, character, np.arange(first, last + 1), scene_rate(opened))


def _is_baked(thing: bpy.types.Object) -> bool:
    keys = thing.data.shape_keys if thing.type == "MESH" else None
    return any(animation.clip_span(block) for block in (thing, keys) if block)


def _open_export(path: Path, wanted: Seen) -> Seen:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    empty = bpy.context.scene
    set_rate(empty, wanted.fps)  # importers put keys at frames of the scene they find
    scene.load(path)
    try:
        character = scene.character(bpy.context)
    except CharacterError as error:
        raise FormatError(f"{path.name} holds no shape keys", "export the character again") from error
    # Blender 4.2's FBX importer puts keys at seconds * fps and forgets fps_base
    forgets = path.suffix.lower() == ".fbx" and not scene.HAS_FBX_IMPORT
    rate = empty.render.fps / (1.0 if forgets else empty.render.fps_base)
    shown = _look(empty, character, np.arange(wanted.frames) / wanted.fps * rate, wanted.fps)
    return replace(shown, keys=_under_own_names(shown.keys, wanted.keys))


def _under_own_names(keys: dict[tuple[str, str], np.ndarray], wanted: Iterable[tuple[str, str]]) -> dict:
    """The glTF importer gives an animated skinned mesh's name to an empty: find such a mesh by the keys it has."""
    there, own = _keys_by_mesh(keys), _keys_by_mesh(wanted)
    new_name = {}
    for mesh, names in own.items():
        if mesh not in there:
            same = (m for m, n in there.items() if n == names and m not in own and m not in new_name)
            new_name[next(same, mesh)] = mesh
    return {(new_name.get(mesh, mesh), key): values for (mesh, key), values in keys.items()}


def _keys_by_mesh(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mesh, key in keys:
        found.setdefault(mesh, []).append(key)
    return found


def _look(opened: bpy.types.Scene, character: scene.Character, frames: np.ndarray, fps: float) -> Seen:
    shown = motion.sample(opened, [*character.meshes, *character.armatures], frames)
    turns = {}
    for armature in character.armatures:
        places = shown.objects[armature.name].astype(float)
        for bone in armature.data.bones:
            rest = np.linalg.inv(places[0] @ np.array(bone.matrix_local))
            turns[armature.name, bone.name] = _turns(places @ shown.bones[armature.name, bone.name] @ rest)
    return Seen(fps, len(frames), shown.keys, turns)


def _turns(matrices: np.ndarray) -> np.ndarray:
    """The nearest rotations (F, 3, 3) to matrices (F, 4, 4)."""
    u, _, v = np.linalg.svd(matrices[:, :3, :3])
    return u @ v


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Radians (F,) between rotations (F, 3, 3), exact also for small ones."""
    apart = np.swapaxes(a, 1, 2) @ b
    skew = apart - np.swapaxes(apart, 1, 2)
    return np.arctan2(np.linalg.norm(skew, axis=(1, 2)) / np.sqrt(2), np.trace(apart, axis1=1, axis2=2) - 1)
