"""The commands that need Blender: rig, bake, verify, verify-export. From parsed arguments to a report as values."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bpy

from .. import pipeline
from ..core.files import input_file, replacing
from ..core.style import Style
from ..core.take import Take
from ..errors import OutputError
from ..formats import livelink, takes
from ..formats import mapping as mapping_files
from ..formats import style as styles
from . import bake as baking
from . import baked, contacts, export, mappings, parts, preview, scene
from . import verify as exports


def rig(args: argparse.Namespace) -> dict[str, Any]:
    """What is recognised of a character file, and the proposed Mapping."""
    scene.open_file(args.file)
    character = scene.character(bpy.context, args.object, override=True)  # as `bake` has it
    found = character.rig
    proposal = contacts.propose(character)
    return {
        "name": found.name,
        "others": scene.others(bpy.context, character),
        "meshes": list(found.meshes),
        "keys": [key.name for key in found.keys],
        "empty_keys": [key.name for key in found.keys if not key.moves],
        "blocked": {thing.name: thing.blocked for thing in (*found.keys, *found.bones) if thing.blocked},
        "bones": [bone.name for bone in found.bones],
        "poses": [pose.name for pose in found.poses],
        "controls": found.controls,
        "family": proposal.family,
        "mapping": {control: dict(target.weights) for control, target in proposal.mapping.targets.items()},
        "unmapped": dict(proposal.unmapped),
        "unused": dict(proposal.unused),
        "coverage": dict(proposal.coverage),
        "confidence": dict(proposal.confidence),
        "notes": [*proposal.notes, *baking.remarks(character, proposal.mapping.controls)],
        "parts": parts.parts(
            character, proposal.mapping, contacts.shapes(character), contacts.mouth_of(character, proposal.mapping)
        ),
    }


def bake(args: argparse.Namespace) -> dict[str, Any]:
    """Animate a character with a take; save it, export it and render it as asked."""
    progress = getattr(args, "progress", lambda fraction, stage: None)
    take = takes.read(input_file(args.take, "take"))
    style = styles.read(input_file(args.style, "style")) if args.style else Style()
    cut: list[str] = []
    if getattr(args, "chosen", None) is not None:
        take, cut = pipeline.chosen(take, args.chosen, style)
    mapping = mapping_files.read(input_file(args.mapping, "mapping")) if args.mapping else None
    progress(0.0, "opening the character")
    opened = scene.open_file(args.character)
    fps = baking.set_rate(opened, args.fps) if args.fps else baking.scene_rate(opened)
    character = scene.character(bpy.context, args.object, override=True)
    mapping, said = mappings.fitted(mapping, character.rig) if mapping else mappings.of(character)
    progress(0.2, "baking")
    mouth, eyes = contacts.touching(character, mapping)
    curves = pipeline.curves(take, mapping, style, fps, mouth, eyes)
    sound, sound_start = _sound_of(take)
    made = baking.bake(
        character, curves, fps, opened.frame_start, sound=sound, sound_start=sound_start, seconds=take.seconds
    )
    opened.frame_set(opened.frame_start)
    progress(0.3, "saving")
    save(args.output)
    report = {
        "path": str(args.output),
        "character": character.rig.name,
        "meshes": [mesh.name for mesh in character.keyed],
        **{name: list(value) if isinstance(value, tuple) else value for name, value in asdict(made).items()},
        "frames": int(made.last - made.first) + 1,
        "seconds": take.seconds,
        "sound": str(sound) if sound and bpy.app.build_options.audaspace else None,
        "notes": [*cut, *said, *baking.remarks(character, made.controls), *contacts.notes(mouth, mapping, eyes)],
    }
    preset = {"preset": getattr(args, "fbx_preset", None) or "plain"}
    for name in ("fbx", "glb", "usd", "abc", "mdd"):
        path = getattr(args, name, None)
        if path:
            progress(0.4, f"writing {path.name}")
            written = export.WRITERS[path.suffix.lower()](path, character, **preset if name == "fbx" else {})
            report[name] = [str(file) for file in written] if isinstance(written, list) else str(written)
    if getattr(args, "csv", None):
        livelink.write(pipeline.channels(take, style), args.csv)
        report["csv"] = str(args.csv)
    if getattr(args, "preview", None):
        progress(0.6, "rendering the preview")
        made = asdict(preview.render(args.preview, opened, sound))
        report["preview"] = {name: value for name, value in made.items() if value != ""}
    progress(1.0, "done")
    return report


def shapes(args: argparse.Namespace) -> dict[str, Any]:
    """Make the face shapes of a head that has none."""
    from . import face_shapes as making

    return making.command(args)


def verify_export(args: argparse.Namespace) -> dict[str, Any]:
    """Open an export again and compare every control in time."""
    return exports.verify_export(args.file, args.blend)


def verify(args: argparse.Namespace) -> dict[str, Any]:
    """Look at every contact on the mesh of a baked .blend."""
    mapping = mapping_files.read(input_file(args.mapping, "mapping")) if args.mapping else None
    style = styles.read(input_file(args.style, "style")) if args.style else Style()
    return baked.verify(args.blend, args.take, mapping, style)


def save(path: str | Path) -> None:
    """Save what is open as a .blend, all at once or not at all; packed things stay packed, relative paths relative."""
    path = Path(path)
    _relative_sounds(path.parent)
    preferences = bpy.context.preferences.filepaths
    versions, preferences.save_version = preferences.save_version, 0
    try:
        with replacing(path) as temporary:
            bpy.ops.wm.save_as_mainfile(filepath=str(temporary.resolve()), check_existing=False, relative_remap=True)
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise OutputError(f"{path} was not written: {lines[-1] if lines else error}", "name another path") from error
    finally:
        preferences.save_version = versions


def _relative_sounds(folder: Path) -> None:
    """So that the .blend and its sound can be moved together; saving remaps from where the open file lies."""
    base = Path(bpy.data.filepath).parent if bpy.data.filepath else folder.resolve()
    for sound in bpy.data.sounds:
        if sound.filepath and not sound.filepath.startswith("//") and not sound.packed_file and not sound.library:
            try:
                sound.filepath = "//" + Path(os.path.relpath(sound.filepath, base)).as_posix()
            except ValueError:
                continue  # on another drive of Windows


def _sound_of(take: Take) -> tuple[Path | None, float]:
    """The file whose sound the take was made from, if it is still there, and its second that is time 0."""
    inputs = take.provenance.get("inputs") or {}
    span = take.provenance.get("span") or [0.0]
    for name in ("audio", "video"):
        path = Path((inputs.get(name) or {}).get("path") or "")
        if path.is_file():
            return path, float(span[0] or 0.0)
    return None, 0.0
