"""Opens an export again in an empty Blender and compares it with the scene it was made from, in seconds."""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.files import input_file
from ..errors import CharacterError, FormatError, InputError
from ..formats import exported, mdd
from . import animation, motion, scene
from .bake import scene_rate, set_rate
from .export import WRITERS
from .stage import STILL, clip_span

LIMIT = 0.005
"""The largest error of a control: a slider's value; radians that a bone is turned by in the world; and of where a bone
or a vertex stands, the part of how far it moves at most."""
SMALLEST_MOTION = 0.01
"""Of the whole skeleton's or mesh's size: a bone or vertex that moves less far is measured by this."""
_FILED = (".fbx", ".glb", ".gltf")

Curves = dict[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Seen:
    """What one file shows.

    keys     (mesh, key) to (F,) values
    turns    (armature, bone) to (F, 3, 3), how a bone has turned the skin in the world
    places   (armature, bone) to (F, 3), where it stands in the world
    fps, frames   of what was looked at
    """

    fps: float
    frames: int
    keys: Curves
    turns: Curves
    places: Curves


def verify_export(path: str | Path, blend: str | Path) -> dict[str, Any]:
    """Compare every control that the baked .blend animates with an export made from it, at every frame.

    Of FBX, glTF and USD keys and bones are compared, of Alembic and MDD every vertex. FBX and glTF are read twice: by
    Blender's importer, and their morph curves, of glTF the bones too, straight from the file. This is what counts, for
    Blender's importers fail at names with quotes (FBX) and at mirrored and very small armatures (glTF); `notes`
    tell where they show a right file otherwise. An MDD may be one mesh's file, or the name that the export was given,
    for all of them. Replaces what is open in this Blender. Returns `controls`, `frames`, `seconds`, `fps`, `max_error`,
    `worst` (the control, object and time), `missing`, `notes`, `file` (the rate and length that the file itself says,
    and the error of its own curves) and `passed`: whether all are within LIMIT, and rate and length are kept. Raises
    InputError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix != ".mdd":  # whose name stands for the files of all meshes
        input_file(path, "export")
    if suffix not in WRITERS:
        raise InputError(f"{path.name} is no export", f"known are {', '.join(WRITERS)}")
    if Path(blend).suffix.lower() != ".blend":
        raise InputError(f"{Path(blend).name} is no .blend", "name the export first, then the .blend it was made from")
    about = {"path": str(path), "blend": str(blend)}
    if suffix in (".abc", ".mdd"):
        return {**about, **_compare_vertices(path, Path(blend))}
    wanted = _open_blend(Path(blend))
    filed = _filed(path)
    shown = _open_export(path, wanted, filed.fps if suffix in scene.USD else 0.0)
    own = _in_file(filed, wanted) if suffix in _FILED else None
    return {**about, **_with_rate(compare(wanted, shown, own), filed)}


# -- keys and bones ---------------------------------------------------------------------------------------------------


def compare(wanted: Seen, shown: Seen, own: Seen | None = None) -> dict[str, Any]:
    """The report, of every control that moves in `wanted`: as the file's `own` curves have it, else as it is shown."""
    errors, missing = _errors(wanted, shown)
    if own is None:
        return {**_report(errors, list(missing.values()), wanted.fps, wanted.frames), "notes": [], "file": {}}
    read = replace(wanted, turns={name: turns for name, turns in wanted.turns.items() if name in own.turns})
    filed, lacking = _errors(read, own)
    otherwise = {name: e.max() for name, e in errors.items() if name in filed and e.max() >= LIMIT > filed[name].max()}
    notes = []
    if otherwise:
        worst = max(otherwise, key=otherwise.get)
        notes = [f"Blender's importer shows {len(otherwise)} of these otherwise, '{worst[1]}' on '{worst[0]}' by "
                 f"{otherwise[worst]:.2g}, where the file itself is right"]  # fmt: skip
    lost = [label for name, label in missing.items() if name not in filed] + list(lacking.values())
    file = {"max_error": max((float(e.max()) for e in filed.values()), default=0.0), "missing": list(lacking.values())}
    return {**_report(errors | filed, lost, wanted.fps, wanted.frames), "notes": notes, "file": file}


def _errors(wanted: Seen, shown: Seen) -> tuple[Curves, dict[tuple[str, str], str]]:
    """How far each control that moves in `wanted` is off, and those that are not there, with a name for each."""
    errors: Curves = {}
    missing = {}
    for name, values in wanted.keys.items():
        if np.ptp(values) > STILL:
            there = shown.keys.get(name)
            errors[name] = np.abs(values) if there is None else np.abs(values - there)
            missing |= {} if there is not None else {name: f"{name[0]}: {name[1]}"}
    smallest = SMALLEST_MOTION * _size(wanted.places.values())
    for name, turns in wanted.turns.items():
        places = wanted.places[name]
        if np.abs(turns - turns[0]).max() > 1e-5 or np.ptp(places, axis=0).max() > 1e-5 * smallest:
            if name not in shown.turns:
                errors[name] = np.full(len(turns), np.pi)
                missing[name] = f"{name[0]}: bone {name[1]}"
                continue
            apart = np.linalg.norm(places - shown.places[name], axis=1)
            reach = max(float(np.linalg.norm(np.ptp(places, axis=0))), smallest)
            errors[name] = np.maximum(_angles(turns, shown.turns[name]), apart / reach)
    return errors, missing


def _report(errors: Curves, missing: list[str], fps: float, frames: int) -> dict[str, Any]:
    worst = max(errors, key=lambda name: errors[name].max(), default=None)
    largest = float(errors[worst].max()) if worst else 0.0
    return {
        "controls": len(errors),
        "frames": frames,
        "seconds": frames / fps,
        "fps": fps,
        "max_error": largest,
        "worst": worst and {
            "object": worst[0], "control": worst[1], "time_s": float(errors[worst].argmax() / fps),
        },
        "missing": missing,
        "limit": LIMIT,
        "passed": bool(errors) and not missing and largest < LIMIT,
    }  # fmt: skip


def _size(points: Iterable[np.ndarray]) -> float:
    """The diagonal of the box around points (F, 3) in their first frame."""
    first = np.array([places[0] for places in points])
    return float(np.linalg.norm(np.ptp(first, axis=0))) if len(first) else 0.0


def _filed(path: Path) -> exported.Exported:
    """What the file itself says, as far as it can be read without importing it."""
    if path.suffix.lower() in _FILED:
        return exported.read(path)
    with _usd_module() as usd:
        if usd is None:
            return exported.Exported(0.0, 0.0)
        opened = usd.Stage.Open(str(path))
        rate = opened.GetTimeCodesPerSecond()
        return exported.Exported(rate, (opened.GetEndTimeCode() - opened.GetStartTimeCode()) / rate)


@contextlib.contextmanager
def _usd_module() -> Iterator[Any]:
    """Blender's own pxr.Usd, None where it brings none. As a module (bpy) Blender does not have it on Python's path,
    and another one there would load a second USD beside Blender's."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    home = Path(bpy.utils.resource_path("LOCAL")) / "python" / "lib"
    own = [str(path) for path in (home / version / "site-packages", home / "site-packages") if path.is_dir()]
    sys.path[:0] = own
    try:
        from pxr import Usd

        yield Usd
    except ImportError:
        yield None
    finally:
        sys.path[:] = [path for path in sys.path if path not in own]


def _in_file(filed: exported.Exported, wanted: Seen) -> Seen:
    """What a file's own curves show at the frames of `wanted`."""
    seconds = np.arange(wanted.frames) / wanted.fps
    keys = {name: np.interp(seconds, *curve) for name, curve in filed.morphs.items()}
    turns, places = (
        {name: values[np.abs(times[:, None] - seconds).argmin(0)] for name, (times, values) in bones.items()}
        for bones in (filed.turns, filed.places)
    )
    return Seen(wanted.fps, wanted.frames, keys, turns, places)


def _with_rate(report: dict[str, Any], filed: exported.Exported) -> dict[str, Any]:
    """The report with the rate and the length that the file says of itself."""
    length = (report["frames"] - 1) / report["fps"]
    moves = report["controls"] > 0 and report["frames"] > 1
    kept = not filed.fps or not moves or (
        abs(filed.fps / report["fps"] - 1) < 1e-4 and abs(filed.seconds - length) < 1e-3
    )  # fmt: skip
    file = {"fps": filed.fps, "seconds": filed.seconds, "max_error": 0.0, "missing": [], **report["file"], "kept": kept}
    return {**report, "file": file, "passed": report["passed"] and kept}


def _open_blend(path: Path) -> Seen:
    opened, character = _baked(path)
    first, last = clip_span(character)
    objects = [*character.meshes, *character.armatures]
    return _look(opened, objects, np.arange(first, last + 1), scene_rate(opened))


def _baked(path: Path) -> tuple[bpy.types.Scene, scene.Character]:
    opened = scene.open_file(path)
    baked = next((o for o in opened.objects if _is_baked(o)), None)
    if baked is None:
        raise CharacterError(f"nothing in {path.name} was baked by faceanim", "name the .blend that `bake` wrote")
    return opened, scene.character([baked])


def _is_baked(thing: bpy.types.Object) -> bool:
    keys = thing.data.shape_keys if thing.type == "MESH" else None
    return any(animation.clip_span(block) for block in (thing, keys) if block)


def _empty_scene(fps: float) -> bpy.types.Scene:
    """An empty scene of a whole rate: with another, importers are off as the exporters beside them are."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    set_rate(bpy.context.scene, max(1, round(fps)))
    return bpy.context.scene


def _open_export(path: Path, wanted: Seen, time_codes: float) -> Seen:
    empty = _empty_scene(wanted.fps)
    scene.load(path)
    objects = [thing for thing in bpy.data.objects if thing.type in ("MESH", "ARMATURE")]
    if not objects:
        raise FormatError(f"{path.name} holds no mesh", "export the character again")
    usd = path.suffix.lower() in scene.USD
    # Blender 4.2's FBX importer sets the scene's rate, and puts keys at seconds * fps, without fps_base
    rate = scene_rate(empty) if scene.HAS_FBX_IMPORT or path.suffix.lower() != ".fbx" else empty.render.fps
    if usd:
        rate = time_codes or wanted.fps  # it counts in codes, which become frames as they are
    shown = _look(empty, objects, np.arange(wanted.frames) / wanted.fps * rate, wanted.fps)
    if usd:
        return _under_usd_names(shown, wanted)
    return replace(shown, keys=_under_own_names(shown.keys, wanted.keys))


def _under_usd_names(shown: Seen, wanted: Seen) -> Seen:
    """With the names that USD cannot spell, and the number that Blender puts behind a key which two meshes have."""
    bones, objects = {}, {}
    for armature, bone in wanted.turns:
        bones[usd_name(armature), usd_name(bone)] = armature, bone
    for mesh, key in wanted.keys:
        objects.setdefault(usd_name(mesh), (mesh, []))[1].append(key)
    keys = {}
    for (mesh, key), values in shown.keys.items():
        own, names = objects.get(usd_name(mesh), (mesh, []))
        plain = [name for name in names if usd_name(name) == key]
        numbered = [name for name in names if re.fullmatch(re.escape(usd_name(name)) + r"\d+", key)]
        keys[own, next(iter(plain + numbered), key)] = values
    own_names = {name: bones.get((usd_name(name[0]), usd_name(name[1])), name) for name in shown.turns}
    return replace(
        shown, keys=keys,
        turns={own_names[name]: values for name, values in shown.turns.items()},
        places={own_names[name]: values for name, values in shown.places.items()},
    )  # fmt: skip


def usd_name(name: str) -> str:
    """A name as USD spells it: letters, digits and _, no digit first."""
    spelled = re.sub(r"\W", "_", name)
    return f"_{spelled}" if spelled[:1].isdigit() else spelled


def _under_own_names(keys: Curves, wanted: Iterable[tuple[str, str]]) -> Curves:
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


def _look(opened: bpy.types.Scene, objects: list[bpy.types.Object], frames: np.ndarray, fps: float) -> Seen:
    shown = motion.sample(opened, objects, frames)
    turns, stand = {}, {}
    for armature in (thing for thing in objects if thing.type == "ARMATURE"):
        places = shown.objects[armature.name].astype(float)
        for bone in armature.data.bones:
            rest = np.linalg.inv(places[0] @ np.array(bone.matrix_local))
            posed = places @ shown.bones[armature.name, bone.name]
            turns[armature.name, bone.name] = _turns(posed @ rest)
            stand[armature.name, bone.name] = posed[:, :3, 3]
    return Seen(fps, len(frames), shown.keys, turns, stand)


def _turns(matrices: np.ndarray) -> np.ndarray:
    """The nearest rotations (F, 3, 3) to matrices (F, 4, 4)."""
    u, _, v = np.linalg.svd(matrices[:, :3, :3])
    return u @ v


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Radians (F,) between rotations (F, 3, 3), exact also for small ones."""
    apart = np.swapaxes(a, 1, 2) @ b
    skew = apart - np.swapaxes(apart, 1, 2)
    return np.arctan2(np.linalg.norm(skew, axis=(1, 2)) / np.sqrt(2), np.trace(apart, axis1=1, axis2=2) - 1)


# -- vertices ---------------------------------------------------------------------------------------------------------


def _compare_vertices(path: Path, blend: Path) -> dict[str, Any]:
    """The report, a control a mesh: how far its vertices are off, of how far they move at most."""
    opened, character = _baked(blend)
    fps, (first, last) = scene_rate(opened), clip_span(character)
    names, frames = [mesh.name for mesh in character.meshes], np.arange(first, last + 1)
    caches = _point_caches(path, names) if path.suffix.lower() == ".mdd" else {}
    meshes = [mesh for mesh in character.meshes if not caches or mesh.name in caches]
    names = [mesh.name for mesh in meshes]
    with motion.evaluated(meshes):
        opened.frame_set(first)
        places = motion.places(meshes)
    with tempfile.TemporaryDirectory(prefix="faceanim-", ignore_cleanup_errors=True) as folder:
        wanted = dict(zip(names, _keep(folder, motion.points(opened, meshes, frames), len(frames)), strict=True))
        rate = scene_rate(_empty_scene(fps))
        if caches:
            found = {name: _with_cache(name, caches[name], place) for name, place in zip(names, places, strict=True)}
        else:
            found = _in_alembic(path, names)
        missing = [name for name in names if name not in found]
        reach = {name: _reach(wanted[name]) for name in found}
        errors = {(name, "vertices"): np.zeros(len(frames)) for name in found}
        shown = motion.points(bpy.context.scene, found.values(), np.arange(len(frames)) / fps * rate)
        for i, points in enumerate(shown):
            for name, got in zip(found, points, strict=True):
                errors[name, "vertices"][i] = _apart(wanted[name][i], got, reach[name])
                if i == 0 and len(got) != wanted[name].shape[1]:
                    missing.append(f"{name}: {wanted[name].shape[1]} vertices, where the file has {len(got)}")
    report = _report(errors, missing, fps, len(frames))
    return _with_times(report, caches) if caches else report


def _in_alembic(path: Path, names: list[str]) -> dict[str, bpy.types.Object]:
    """The objects of these names that a file holds."""
    bpy.ops.wm.alembic_import(filepath=str(path.resolve()), as_background_job=False)
    there = {usd_name(thing.name): thing for thing in bpy.data.objects if thing.type == "MESH"}
    return {name: there[usd_name(name)] for name in names if usd_name(name) in there}


def _point_caches(path: Path, names: list[str]) -> dict[str, Path]:
    """The MDD files by mesh: of one mesh where its own is named, else of all. Raises InputError where one lacks."""
    ends = {name: file.name[1:] for name, file in mdd.files("x.mdd", names).items()}
    whose = [name for name in names if path.name.endswith(ends[name])] if path.is_file() and len(names) > 1 else []
    if whose:  # the longest: one mesh's name may be how another's ends
        return {max(whose, key=lambda name: len(ends[name])): path}
    return {name: input_file(file, "export") for name, file in mdd.files(path, names).items()}


def _with_cache(name: str, path: Path, place: np.ndarray) -> bpy.types.Object:
    """A mesh at a place (4, 4) in the world, moved by Blender's own reader of MDD, at the file's own seconds."""
    _, points = mdd.read(path)
    data = bpy.data.meshes.new(name)
    data.vertices.add(points.shape[1])
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    thing.matrix_world = place.T.tolist()
    cache = thing.modifiers.new("cache", "MESH_CACHE")
    cache.cache_format, cache.filepath, cache.time_mode = "MDD", str(path.resolve()), "TIME"
    return thing


def _with_times(report: dict[str, Any], caches: dict[str, Path]) -> dict[str, Any]:
    """The report with the rate and the length that MDD files say."""
    frames = np.arange(report["frames"])
    seconds = [mdd.read(path)[0] for path in caches.values()]
    kept = all(len(t) == len(frames) and np.abs(t * report["fps"] - frames).max() < 0.01 for t in seconds)
    step = float(np.median(np.diff(seconds[0]))) if len(seconds[0]) > 1 else 0.0
    file = {"fps": 1 / step if step > 0 else 0.0, "seconds": float(seconds[0][-1]), "kept": bool(kept)}
    return {**report, "file": file, "passed": report["passed"] and file["kept"]}


def _keep(folder: str, shown: Iterable[list[np.ndarray]], frames: int) -> list[np.ndarray]:
    """Points (F, V, 3) of each mesh in files: a long clip of a dense mesh would fill the memory."""
    kept: list[np.ndarray] = []
    for i, points in enumerate(shown):
        for j, mesh in enumerate(points):
            if i == 0:
                shape = (frames, *mesh.shape)
                kept.append(np.memmap(Path(folder) / f"{j}.f4", np.float32, "w+", shape=shape))
            kept[j][i] = mesh
    return kept


def _reach(points: np.ndarray) -> float:
    """How far the vertex that moves most does, at least SMALLEST_MOTION of the mesh's size."""
    moved = np.linalg.norm(np.ptp(points, axis=0), axis=1)
    there = np.isfinite(moved)
    if not there.any():
        return 1.0
    size = float(np.linalg.norm(np.ptp(points[0][there], axis=0)))
    return max(float(moved[there].max()), SMALLEST_MOTION * size, 1e-9)


def _apart(wanted: np.ndarray, got: np.ndarray, reach: float) -> float:
    """How far points (V, 3) are off, over `reach`; 1 where they are others. What is no number stays none."""
    if wanted.shape != got.shape:
        return 1.0
    off = np.abs(wanted - got)
    off[~np.isfinite(wanted) & ~np.isfinite(got)] = 0.0
    return float(np.where(np.isfinite(off), off / reach, 1.0).max(initial=0.0))
