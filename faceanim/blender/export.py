"""Exports that hold what the scene shows, from time 0 of the clip: FBX, glTF and USD with keys and bones, Alembic and
MDD with every vertex. All but MDD are written by Blender's own exporters, from a copy on a stage that moves by plain
keys.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.files import replacing
from ..errors import InputError, OutputError
from ..formats import exported, gltf
from ..formats import mdd as point_caches
from . import stage
from .scene import Character

Span = tuple[int, int] | None


@dataclass(frozen=True)
class FbxPreset:
    """What an engine's importer expects. scale: units of the file in a metre's place, the character as much larger."""

    scale: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


FBX_PRESETS = {
    "plain": FbxPreset(),
    # Unreal counts in centimetres and takes the armature object as the root bone: it must not be scaled by 100
    "unreal": FbxPreset(100.0, {"mesh_smooth_type": "FACE"}),
    # Unity counts in metres, and scales objects unless the file itself says so
    "unity": FbxPreset(1.0, {"apply_scale_options": "FBX_SCALE_ALL"}),
}


def fbx(path: str | Path, character: Character, span: Span = None, preset: str = "plain") -> Path:
    """Write the character with its motion as binary FBX; `span` are its first and last frame (default: the clip's).

    preset   of FBX_PRESETS. Raises InputError where there is no such one, OutputError.
    """
    if preset not in FBX_PRESETS:
        raise InputError(f"there is no FBX preset '{preset}'", f"known are {', '.join(FBX_PRESETS)}")
    chosen = FBX_PRESETS[preset]
    with stage.keyed(character, span, chosen.scale), _written(path) as temporary:
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
            **chosen.options,
        )
    return Path(path)


def glb(path: str | Path, character: Character, span: Span = None) -> Path:
    """Write the character with its motion as glTF, one animation of morph targets and bones; `span` as for fbx.

    One file: .glb is binary, .gltf is text that holds its buffer.
    """
    with stage.keyed(character, span) as scene, _written(path) as final:
        temporary = final.with_suffix(".glb")
        rate, base = scene.render.fps / scene.render.fps_base, scene.render.fps_base
        # Blender's exporter, in 5.0 still, takes fps * fps_base for the rate: at 23.976 all comes 0.2 % early
        for trial in (1 / base, base):
            scene.render.fps_base = trial
            _call(
                bpy.ops.export_scene.gltf,
                path,
                filepath=str(temporary),
                check_existing=False,
                export_format="GLB",
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
            if scene.frame_end == 0 or abs(exported.read(temporary).fps / rate - 1) < 1e-4:
                break
        if final != temporary:  # Blender offers glTF as text with its buffer in it to nobody any more
            final.write_text(gltf.embedded(temporary), encoding="utf-8")
    return Path(path)


def usd(path: str | Path, character: Character, span: Span = None) -> Path:
    """Write the character with its motion as USD: a UsdSkel skeleton with blend shapes; `span` as for fbx.

    What a name may not hold in USD becomes _ there: eye.L is eye_L.
    """
    with stage.keyed(character, span, usd=True), _written(path) as temporary:
        _call(
            bpy.ops.wm.usd_export,
            path,
            filepath=str(temporary),
            check_existing=False,
            export_animation=True,
            export_armatures=True,
            export_shapekeys=True,
            only_deform_bones=False,
            export_subdivision="IGNORE",
            export_custom_properties=False,
            evaluation_mode="VIEWPORT",
            export_cameras=False,
            export_lights=False,
            convert_world_material=False,
        )
    return Path(path)


def abc(path: str | Path, character: Character, span: Span = None) -> Path:
    """Write the character's meshes as Alembic, every vertex at every frame: what modifiers that no engine knows make of
    keys and bones is kept. `span` as for fbx."""
    with stage.cached(character, span) as scene, _written(path) as temporary:
        _call(
            bpy.ops.wm.alembic_export,
            path,
            filepath=str(temporary),
            check_existing=False,
            start=scene.frame_start,
            end=scene.frame_end,
            export_hair=False,
            export_particles=False,
            use_instancing=False,
            evaluation_mode="VIEWPORT",
            as_background_job=False,
        )
    return Path(path)


def mdd(path: str | Path, character: Character, span: Span = None) -> list[Path]:
    """Write every vertex at every frame as MDD point caches, a file a mesh (formats.mdd.files); `span` as for fbx.

    The points are those of the mesh as it is shown, with its modifiers, in the space that it has on the first frame.
    Raises OutputError where the number of vertices changes.
    """
    first, last = span or stage.clip_span(character)
    scene, frames = bpy.context.scene, np.arange(first, max(first, last) + 1)
    written = list(point_caches.files(path, [mesh.name for mesh in character.meshes]).values())
    with ExitStack() as stack:
        temporary = [stack.enter_context(replacing(file)) for file in written]
        stage.write_points(character.meshes, frames, temporary, scene.render.fps / scene.render.fps_base, own=True)
    return written


WRITERS: dict[str, Callable[..., Path | list[Path]]] = {
    ".fbx": fbx, ".glb": glb, ".gltf": glb, **dict.fromkeys((".usd", ".usdc", ".usda", ".usdz"), usd), ".abc": abc,
    ".mdd": mdd,
}  # fmt: skip
"""By suffix."""


@contextmanager
def _written(path: str | Path) -> Iterator[Path]:
    """A file to write that becomes `path`: of that name, which exporters write into files, in a folder of its own."""
    path = Path(path)
    with replacing(path) as temporary, tempfile.TemporaryDirectory(dir=path.parent, prefix=".faceanim-") as folder:
        own = Path(folder).resolve() / path.name
        yield own
        for texture in own.parent.glob("textures/*"):  # USD's, which it names by this folder
            (path.parent / "textures").mkdir(exist_ok=True)
            os.replace(texture, path.parent / "textures" / texture.name)
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
