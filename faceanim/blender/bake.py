"""Curves onto a character as F-curves, on an NLA track of ours above whatever the user has animated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from bpy.types import ID, Object, Scene

from ..core.curve import Curve, combined
from ..core.rig import Bone, BoneControl, bone_control, parse_control, parse_pose, parse_uv
from ..errors import CharacterError
from . import animation, eyes, rotation
from .scene import Character, key_path
from .skeleton import bone_path, driven_apart, driven_paths

ROTATION_PROPERTY = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
"""The property a rotation mode is keyed on; every other mode is an Euler order."""
_SOUND_STRIP = getattr(bpy.types, "SoundStrip", None) or bpy.types.SoundSequence
_TRIM = "left_handle_offset" if "left_handle_offset" in _SOUND_STRIP.bl_rna.properties else "frame_offset_start"
_HAS_SOUND_OFFSET = "sound_offset" in _SOUND_STRIP.bl_rna.properties


@dataclass(frozen=True)
class BakeReport:
    """What was written.

    controls             the controls that are animated now
    skipped              control to the reason it is not
    keys                 keyframes over all F-curves
    first, last          frames of the clip's time 0 and of its end
    fps                  frames a second
    """

    controls: tuple[str, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    keys: int = 0
    first: float = 0.0
    last: float = 0.0
    fps: float = 0.0


def bake(
    character: Character,
    curves: Iterable[Curve],
    fps: float,
    frame_start: float,
    sound: str | Path | None = None,
    set_range: bool = True,
    sound_start: float = 0.0,
    seconds: float | None = None,
    scene: Scene | None = None,
) -> BakeReport:
    """Write curves on all meshes that share the keys, and on bones; a bake before this one is replaced.

    fps          frames a second of the scene: frame = frame_start + t * fps
    sound        a file with sound for the sequencer, whose second `sound_start` is time 0
    set_range    let the scene's frame range follow the clip
    seconds      the clip's length where it goes on after the last key

    Raises CharacterError where the character is linked.
    """
    curves = [curve for curve in curves if curve.keys]
    _check_editable(character)
    scene = scene or bpy.context.scene
    clear(character)
    skipped = {c.control: reason for c in curves if (reason := _refusal(character, c))}
    free = [curve for curve in curves if curve.control not in skipped]
    to_frames = _Frames(fps, frame_start)
    last = max((to_frames(c.times[-1]) for c in curves), default=frame_start)
    if seconds is not None:
        last = max(last, to_frames(seconds) - 1)
    writer = animation.Writer(f"{animation.NAME} {character.rig.name}", (frame_start, float(np.ceil(last - 1e-3))))
    keys = _bake_keys(character, [c for c in free if character.rig.key(c.control)], writer, to_frames)
    keys += _bake_bones(character, free, writer, to_frames, skipped)
    keys += _bake_shifts(character, {parse_uv(c.control): c for c in free if parse_uv(c.control)}, writer, to_frames)
    written = tuple(curve.control for curve in free if curve.control not in skipped)
    if sound is not None:
        add_sound(scene, sound, frame_start, sound_start)
    if set_range:
        scene.frame_start = min(scene.frame_start, int(np.floor(frame_start)))
        scene.frame_end = max(int(np.ceil(last - 1e-3)), scene.frame_start)
    for block in _blocks(character):
        block.update_tag()
    return BakeReport(written, skipped, keys, float(frame_start), float(last), fps)


def remarks(character: Character, controls: Iterable[str]) -> list[str]:
    """Why what is baked on these controls is not seen on some of the meshes, in words."""
    ours, found = set(controls), []
    absolute = [f"'{mesh.name}'" for mesh in character.keyed if not mesh.data.shape_keys.use_relative]
    if absolute:
        found.append(f"keys are absolute, and do not move: turn Relative on for {', '.join(absolute)}")
    pinned = [f"'{mesh.name}'" for mesh in character.keyed if mesh.show_only_shape_key]
    if pinned:
        found.append(f"only the active key is shown: turn Solo Active Shape Key off on {', '.join(pinned)}")
    for mesh in character.keyed:
        keys = mesh.data.shape_keys
        names, apart = [key.name for key in keys.key_blocks[1:] if key.name in ours], driven_apart(keys)
        left = {
            "driven": [name for name in names if key_path(name) in apart],
            "muted": [name for name in names if keys.key_blocks[name].mute],
        }
        found += [f"left {why} on '{mesh.name}': {', '.join(those)}" for why, those in left.items() if those]
    return found


def clear(character: Character) -> None:
    """Take our animation off a character; what it had before comes back."""
    for block in _blocks(character):
        animation.remove(block)


def set_rate(scene: Scene, fps: float) -> float:
    """Set a scene's frame rate exactly, 23.976 as 24/1.001, and return the rate it has now."""
    rate = exact_rate(fps)
    base = 1.0 if rate.denominator == 1 else 1.001 if rate.denominator == 1001 else None
    if base is None:
        whole = int(np.ceil(float(rate)))
        scene.render.fps, scene.render.fps_base = whole, whole / float(rate)
    else:
        scene.render.fps, scene.render.fps_base = int(round(float(rate) * base)), base
    return float(rate)


def scene_rate(scene: Scene) -> float:
    """A scene's frames a second; fps_base is stored in 32 bits, so NTSC rates are made exact again."""
    return float(exact_rate(scene.render.fps / scene.render.fps_base))


def exact_rate(fps: float) -> Fraction:
    """A whole number of frames a second, or the NTSC rate n/1.001 where fps is as near as three decimals tell."""
    for base in (1, 1001):
        whole = round(fps * base / (1000 if base == 1001 else 1))
        rate = Fraction(whole * 1000, 1001) if base == 1001 else Fraction(whole)
        if whole and abs(float(rate) - fps) < 6e-4:
            return rate
    return Fraction(fps)


@dataclass(frozen=True)
class _Frames:
    """Seconds of the clip to frames of the scene; a key within a hundredth of a whole frame is put on it."""

    fps: float
    start: float

    def __call__(self, seconds: np.ndarray | float) -> np.ndarray:
        frames = self.start + np.asarray(seconds, float) * self.fps
        whole = np.round(frames)
        return np.where(np.abs(frames - whole) < 0.01, whole, frames)


def _blocks(character: Character) -> list[ID]:
    """The data-blocks that carry our animation, each once: Keys, armature objects, and what shifts painted eyes."""
    shifting = [picture.block for picture in eyes.pictures(character.meshes) if character.rig.shift(picture.name)]
    return list(dict.fromkeys([*(m.data.shape_keys for m in character.keyed), *character.armatures, *shifting]))


def _check_editable(character: Character) -> None:
    for block in _blocks(character):
        if block.library is not None:
            raise CharacterError(
                f"'{block.name}' is linked from {Path(block.library.filepath).name} and cannot be animated",
                "Object > Library Override > Make, or append the character instead of linking it",
            )


def _refusal(character: Character, curve: Curve) -> str:
    """Why a control is not written, "" where it is."""
    parsed = parse_control(curve.control)
    if parse_pose(curve.control):
        return "" if character.rig.pose(parse_pose(curve.control)) else "the character does not have it"
    if parse_uv(curve.control):
        shift = character.rig.shift(parse_uv(curve.control)[0])
        return shift.blocked if shift else "the character does not have it"
    target = character.rig.bone(parsed.bone) if parsed else character.rig.key(curve.control)
    if target is None:
        return "the character does not have it"
    blocked = target.unmovable if parsed and parsed.kind == "loc" else target.blocked
    if blocked or np.any(curve.values):
        return blocked
    # The clip says nothing of it: what the user has made by hand, or from another clip, shall be seen
    if parsed:
        theirs = {path for armature in character.armatures for path in animation.animated_paths(armature)}
        own = _bone_channel(target, parsed.kind) in theirs
    else:
        own = any(key_path(curve.control) in animation.animated_paths(m.data.shape_keys) for m in character.keyed)
    return "it stays at 0, and has animation of your own" if own else ""


# -- shape keys -------------------------------------------------------------------------------------------------------


def _bake_keys(character: Character, curves: list[Curve], writer: animation.Writer, to_frames: _Frames) -> int:
    owners = {mesh.data.shape_keys: mesh for mesh in character.keyed}
    total = 0
    for block, mesh in owners.items():
        names = {key.name for key in block.key_blocks[1:] if not key.mute} if block.use_relative else set()
        driven = driven_paths(block)
        mine = {key_path(c.control): c for c in curves if c.control in names and key_path(c.control) not in driven}
        if not mine:
            continue
        # Outside the clip ours holds its ends, unless the user's own animation of these keys should come through
        theirs = animation.animated_paths(block) & set(mine)
        data = animation.make_room(block, mine)
        animation.remember(block, mine)
        action, slot, collection = writer.curves(block, mesh.name)
        for path, curve in mine.items():
            total += _write(collection, path, 0, curve, to_frames)
        _play(data, action, slot, "REPLACE", "NOTHING" if theirs else "HOLD")
    return total


def _write(collection: object, path: str, index: int, curve: Curve, to_frames: _Frames, group: str = "") -> int:
    per_frame = 1.0 / to_frames.fps
    slopes = [s if s is None else s * per_frame for s in (curve.slopes_in, curve.slopes_out)]
    fcurve = animation.new_fcurve(collection, path, index, group)
    animation.write_keys(fcurve, to_frames(curve.times), np.asarray(curve.values, float), *slopes)
    return curve.keys


def _play(data: bpy.types.AnimData, action: bpy.types.Action, slot: object | None, blend: str, ends: str) -> None:
    strip = animation.add_strip(data, animation.NAME, action, slot)
    strip.blend_type, strip.extrapolation = blend, ends


# -- bones ------------------------------------------------------------------------------------------------------------


def _bake_bones(
    character: Character, curves: list[Curve], writer: animation.Writer, to_frames: _Frames, skipped: dict[str, str]
) -> int:
    """Bone controls, and poses as the bone controls that they stand for, added up."""
    parts: dict[BoneControl, list[tuple[Curve, float]]] = {}
    for curve in curves:
        pose = character.rig.pose(parse_pose(curve.control) or "")
        for control, value in pose.bones.items() if pose else [(curve.control, 1.0)]:
            if parse_control(control):
                parts.setdefault(parse_control(control), []).append((curve, value))
    by_bone: dict[str, dict[str, dict[str, Curve]]] = {}
    for (bone, axis, kind), added in parts.items():
        own = added[0][0] if added[0][1] == 1.0 and len(added) == 1 else combined(bone_control(bone, axis, kind), added)
        by_bone.setdefault(bone, {}).setdefault(kind, {})[axis] = own
    total = 0
    for armature in character.armatures:
        bones = [b for n in by_bone if (b := character.rig.bone(n)).armature == armature.name]
        total += _bake_armature(armature, [(b, by_bone[b.name]) for b in bones], writer, to_frames, skipped)
    return total


def _bake_armature(
    armature: Object,
    bones: list[tuple[Bone, dict[str, dict[str, Curve]]]],
    writer: animation.Writer,
    to_frames: _Frames,
    skipped: dict[str, str],
) -> int:
    theirs = animation.animated_paths(armature)
    channels = [(bone, kind, axes) for bone, kinds in bones for kind, axes in kinds.items()]
    for bone, kind, axes in list(channels):
        if kind == "rot" and bone.rotation_mode == "AXIS_ANGLE" and _bone_channel(bone, kind) in theirs:
            # Blender adds up axes component by component, which is no rotation
            reason = "animated in axis angle already: give the bone another rotation mode"
            skipped.update({c.control: reason for c in axes.values()})
            channels.remove((bone, kind, axes))
    if not channels:
        return 0
    paths = [_bone_channel(bone, kind) for bone, kind, _ in channels]
    data = animation.make_room(armature, paths)
    animation.remember(armature, paths)
    action, slot, collection = writer.curves(armature, armature.name)
    total = 0
    for (bone, kind, axes), path in zip(channels, paths, strict=True):
        # Where the user animates the bone ours moves it further; else it goes on from the pose it stands in
        pose = armature.pose.bones[bone.name]
        if kind == "loc":
            made = _location_curves(axes, bone, np.zeros(3) if path in theirs else np.array(pose.location))
        else:
            start = rotation.IDENTITY if path in theirs else rotation.of_pose_bone(pose)
            made = rotation.bone_curves(axes, bone, start, to_frames.fps)
        for index, curve in enumerate(made):
            total += _write(collection, path, index, curve, to_frames, bone.name)
    _play(data, action, slot, "COMBINE" if theirs & set(paths) else "REPLACE", "HOLD")
    return total


def _location_curves(axes: dict[str, Curve], bone: Bone, start: np.ndarray) -> list[Curve]:
    """The three curves of a bone's location: ways along head-space axes in its own location axes and units."""
    own = bone.location_axes * bone.unit
    return [
        combined("", [(curve, float(own["xyz".index(axis), i])) for axis, curve in axes.items()], float(start[i]))
        for i in range(3)
    ]


def _bone_channel(bone: Bone, kind: str) -> str:
    """The data path that a kind of control is keyed on."""
    own = "location" if kind == "loc" else ROTATION_PROPERTY.get(bone.rotation_mode, "rotation_euler")
    return f"{bone_path(bone.name)}.{own}"


# -- painted eyes -----------------------------------------------------------------------------------------------------


def _bake_shifts(
    character: Character, curves: dict[tuple[str, str], Curve], writer: animation.Writer, to_frames: _Frames
) -> int:
    total = 0
    pictures: dict[ID, dict[str, str]] = {}
    for picture in eyes.pictures(character.meshes):
        if any(name == picture.name for name, _ in curves):
            pictures.setdefault(picture.block, {})[picture.path] = picture.name
    for block, names in pictures.items():
        data = animation.make_room(block, names)
        animation.remember(block, names)
        action, slot, collection = writer.curves(block, block.name)
        for path, name in names.items():
            slopes = character.rig.shift(name).per_radian
            own = {axis: curves[name, axis] for axis in ("yaw", "pitch") if (name, axis) in curves}
            for index in range(2):
                turns = [(curve, float(slopes[index, int(axis == "pitch")])) for axis, curve in own.items()]
                shifted = combined("", turns, float(block.path_resolve(path)[index]))
                total += _write(collection, path, index, shifted, to_frames)
        _play(data, action, slot, "REPLACE", "HOLD")
    return total


# -- sound ------------------------------------------------------------------------------------------------------------


def add_sound(scene: Scene, path: str | Path, frame: float, second: float = 0.0) -> object | None:
    """Put a sound file in the sequencer, in place of the one of the bake before; heard from a frame on.

    second   the file's second that is heard at that frame
    Returns the strip, None where this Blender was built without sound.
    """
    if not bpy.app.build_options.audaspace:
        return None
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    for strip in [s for s in strips if s.type == "SOUND" and animation.NAME in s]:
        strips.remove(strip)
    everything = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
    channel = max((s.channel for s in everything), default=0) + 1
    # A strip starts on a whole frame; the rest is the offset of the sound in it, which Blender 4.2 does not have
    fps = scene.render.fps / scene.render.fps_base
    start = int((np.floor if _HAS_SOUND_OFFSET else np.round)(frame - second * fps + 1e-4))
    strip = strips.new_sound(animation.NAME, str(Path(path).resolve()), min(channel, 32), start)
    strip[animation.NAME] = True
    if _HAS_SOUND_OFFSET:
        strip.sound_offset = max(0.0, (frame - start) / fps - second)
    if frame > start:
        setattr(strip, _TRIM, frame - start)
    return strip
