"""An armature's bones as values: their axes in head space, what may be written, and how far apart the eyes are."""

from __future__ import annotations

import re
from collections.abc import Iterable

import bpy
import numpy as np
from bpy.types import Armature, Object

from ..core.rig import Bone
from ..retarget import faces
from .linked import is_linked

# Constraints that leave nothing of a bone's own rotation
_LOOKING = {"TRACK_TO", "DAMPED_TRACK", "LOCKED_TRACK"}
_OVERRULING = {"COPY_TRANSFORMS", "COPY_ROTATION", "IK", "ARMATURE", *_LOOKING}
# Those that leave nothing of its own location
_HOLDING = {"COPY_TRANSFORMS", "COPY_LOCATION", "ARMATURE"}

_SIDE = re.compile(r"(?<![A-Za-z])([LlRr])(?![A-Za-z])|(left|right)|(?<=[a-z_])([LR])(?![a-z])", re.IGNORECASE)
EYEBALL = re.compile(r"^(?!.*(brow|lid|lash|line|socket)).*eye", re.IGNORECASE)


def side_of(name: str) -> str:
    """"left" or "right" where a name says it, else ""."""
    match = _SIDE.search(name)
    letter = next(g for g in match.groups() if g)[0].lower() if match else ""
    return {"l": "left", "r": "right"}.get(letter, "")


def bone_path(name: str) -> str:
    """The data path of a pose bone, from its armature object."""
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"]'


def driven_paths(block: bpy.types.ID) -> set[str]:
    data = block.animation_data
    return {driver.data_path for driver in data.drivers} if data else set()


def driven_apart(block: bpy.types.ID) -> set[str]:
    """The driven data paths that follow no shape key: what drives them is a control of the user's own."""
    data = block.animation_data
    return {
        driver.data_path for driver in (data.drivers if data else ())
        if not any(target.id_type == "KEY" for variable in driver.driver.variables for target in variable.targets)
    }  # fmt: skip


def bones_of(armature: Object) -> list[Bone]:
    space = head_space(armature)
    driven = driven_paths(armature)
    unit = _between_eyes(armature, space)
    aims = {name: far / unit for name, far in _aims(armature).items() if far > unit / 2}  # else a lid follows the eye
    bones = []
    for pose in armature.pose.bones:
        rest = space.T @ np.array(pose.bone.matrix_local.to_3x3().normalized())
        constraints = {c.type for c in pose.constraints if not c.mute and c.influence == 1.0}
        parent = pose.parent.name if pose.parent else ""
        turn = _blocked(armature, pose, driven, ".rotation", pose.lock_rotation, constraints & _OVERRULING)
        move = _blocked(armature, pose, driven, ".location", pose.lock_location, constraints & _HOLDING)
        if not move and pose.bone.use_connect and parent:
            move = "connected"
        ends = [space.T @ np.array(end) / unit for end in (pose.bone.head_local, pose.bone.tail_local)]
        axes = rest if pose.bone.use_local_location else space.T
        bones.append(Bone(pose.name, armature.name, rest, pose.rotation_mode, parent, turn, *ends, axes, unit, move,
                          aims.get(pose.name, 0.0)))  # fmt: skip
    return bones


def _aims(armature: Object) -> dict[str, float]:
    """What bones look at by a constraint, to how far from them it stands at rest, in the armature's own units."""
    looks = [
        (pose.bone, armature.data.bones.get(constraint.subtarget))
        for pose in armature.pose.bones for constraint in pose.constraints
        if constraint.type in _LOOKING and constraint.target == armature and not constraint.mute
    ]  # fmt: skip
    return {target.name: (target.head_local - bone.head_local).length for bone, target in looks if target}


def _blocked(
    armature: Object, pose: bpy.types.PoseBone, driven: set[str], channel: str, locks: Iterable[bool], over: set[str]
) -> str:
    """Why a pose bone's rotation or location must not be written, "" where it may."""
    if is_linked(armature):
        return "linked"
    if all(locks):
        return "locked"
    if any(path.startswith(bone_path(pose.name) + channel) for path in driven):
        return "driven"
    return "constrained" if over else ""


def _between_eyes(armature: Object, space: np.ndarray) -> float:
    """The distance between the eyes in the armature's own units, by its eye bones, else by its lids or brows, else a
    part of the head bone's length."""
    sides: dict[str, dict[str, list[float]]] = {}
    for bone in armature.data.bones:
        told = faces.role_of(bone.name)
        side = _SIDE.search(bone.name)
        role = "eye" if side and EYEBALL.match(bone.name) else told[0] if told else ""
        if side and role in ("eye", "lid_upper", "lid_lower", "brow"):
            letter = next(g for g in side.groups() if g)[0].lower()
            sides.setdefault(role, {}).setdefault(letter, []).append(float(space[:, 0] @ np.array(bone.head_local)))
    for role in ("eye", "lid_upper", "lid_lower", "brow"):
        both = sides.get(role, {})
        if len(both) == 2 and abs(np.median(both["l"]) - np.median(both["r"])) > 1e-6:
            return abs(float(np.median(both["l"]) - np.median(both["r"])))
    heads = [bone.length for bone in armature.data.bones if re.search("head", bone.name, re.IGNORECASE)]
    return 0.3 * max(heads, default=0.0) or 1.0


def axes(armature: Object | None) -> np.ndarray:
    """float64 (3, 3): own left, up and out of the face in the world, as columns; of no armature: it looks along -Y."""
    if armature is None:
        return np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    turn = np.array(armature.matrix_world.to_3x3().normalized())
    return turn @ head_space(armature)


def head_space(armature: Object) -> np.ndarray:
    """float64 (3, 3): own left, up and out of the face at rest, as columns in the armature's own space.

    Imports turn armature objects or their bones, and users turn characters, so it is found in the bones: left from the
    eyes, else from all pairs of bones with a side; up from the root to the head. Without such bones the face looks
    along the world's -Y, as Blender's front view has it.
    """
    world = np.array(armature.matrix_world.to_3x3().normalized())
    left = _left(armature.data)
    up = _up(armature.data)
    if up is None or np.abs(up).max() < 0.8 * np.linalg.norm(up):
        up = world.T @ (0.0, 0.0, 1.0)
    up = _snapped(up, 0.7)
    if left is None:
        left = world.T @ (1.0, 0.0, 0.0)
    left = _snapped(left - up * (left @ up), 0.95)
    if np.linalg.norm(left) < 1e-6:
        left = np.cross(up, world.T @ (0.0, -1.0, 0.0))
    left = left - up * (left @ up)
    left /= np.linalg.norm(left)
    return np.stack([left, up, np.cross(left, up)], 1)


def _snapped(direction: np.ndarray, enough: float) -> np.ndarray:
    """A unit vector: the signed coordinate axis nearest to a direction where the cosine between them is enough."""
    length = np.linalg.norm(direction)
    if length < 1e-9:
        return direction
    best = int(np.abs(direction).argmax())
    if abs(direction[best]) < enough * length:
        return direction / length
    return np.eye(3)[best] * np.sign(direction[best])


def _left(data: Armature) -> np.ndarray | None:
    pairs: dict[str, dict[str, np.ndarray]] = {}
    for bone in data.bones:
        match = _SIDE.search(bone.name)
        if match:
            side = next(g for g in match.groups() if g)[0].lower()
            stem = bone.name[: match.start()] + "*" + bone.name[match.end() :]
            pairs.setdefault(stem, {})[side] = np.array(bone.head_local)
    whole = {stem: p["l"] - p["r"] for stem, p in pairs.items() if len(p) == 2}
    whole = {stem: d for stem, d in whole.items() if np.linalg.norm(d) > 1e-6}
    eyes = [d for stem, d in whole.items() if EYEBALL.search(stem)]
    spans = eyes or list(whole.values())
    return np.sum(spans, axis=0) if spans else None


def _up(data: Armature) -> np.ndarray | None:
    heads = [b for b in data.bones if re.search(r"(^|[^a-z])head($|[^a-z])|Head$", b.name, re.IGNORECASE)]
    if not heads:
        return None
    head = min(heads, key=lambda b: len(b.name))
    root = head.parent_recursive[-1] if head.parent else None
    below = root.head_local if root and (head.head_local - root.head_local).length > 1e-6 else None
    return np.array(head.tail_local - head.head_local if below is None else head.head_local - below)
