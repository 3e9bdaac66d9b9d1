"""Rig: a character's controls, read from a scene once and then plain values."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Key:
    """A shape key by its name, shared by all meshes that have it.

    meshes   names of the objects that have it
    moves    False where its shape equals its relative key on every mesh: nothing to drive
    minimum, maximum   the slider's range (the narrowest of the meshes)
    blocked  why it must not be written ("muted", "driven", "locked", "linked"), else ""
    lids_only   True where the eyeballs are bound to bones and it moves none: a key that looks goes with the bones then
    """

    name: str
    meshes: tuple[str, ...]
    moves: bool = True
    minimum: float = 0.0
    maximum: float = 1.0
    blocked: str = ""
    lids_only: bool = False


@dataclass(frozen=True)
class Bone:
    """A bone that may be turned and moved.

    armature       name of the armature object
    rest           float64 (3, 3): its rest axes as columns, in head space at rest
    rotation_mode  Blender's: QUATERNION, AXIS_ANGLE, XYZ, ...
    parent         name of the parent bone, "" at the root
    blocked        as in Key: why it must not be turned
    head, tail     float64 (3,): its ends at rest, in head space, in distances between the eyes
    location_axes  float64 (3, 3): what its location channels move it along, as columns in head space
    unit           the distance between the eyes in the armature's own units
    unmovable      why it must not be moved ("connected", "locked", ...), else ""
    aim            how far it stands from what looks at it by a constraint, in distances between the eyes, else 0
    carried        another bone to how far its motion takes this one along, 0..1 (in turning where both are of head and
                   neck, else in place); None: wholly by those above it, not by others
    """

    name: str
    armature: str
    rest: np.ndarray
    rotation_mode: str = "QUATERNION"
    parent: str = ""
    blocked: str = ""
    head: np.ndarray = field(default_factory=lambda: np.zeros(3))
    tail: np.ndarray = field(default_factory=lambda: np.zeros(3))
    location_axes: np.ndarray = field(default_factory=lambda: np.eye(3))
    unit: float = 1.0
    unmovable: str = ""
    aim: float = 0.0
    carried: Table[str, float] | None = None


@dataclass(frozen=True)
class Pose:
    """A pose of a pose library: what its bones do at full weight, added to the rest pose.

    bones    control of a bone to its value
    """

    name: str
    bones: Table[str, float]


@dataclass(frozen=True)
class Shift:
    """A picture of an eye that looks as it is shifted on the mesh.

    per_radian   float64 (2, 2): u and v for a radian of yaw and of pitch
    side         "left", "right", or "" where both eyes have it
    blocked      as in Key
    """

    name: str
    per_radian: np.ndarray
    side: str = ""
    blocked: str = ""


@dataclass(frozen=True)
class Rig:
    """All controls of one character.

    A control is named by the bare key name; or `bone:NAME:rot_x` (rot_y, rot_z): radians about the head-space axes x
    (own left), y (up), z (out of the face), composed as R = Ry Rz Rx like the channels (see core.channels); or
    `bone:NAME:loc_x` (loc_y, loc_z): a way along these axes, in distances between the eyes; or `pose:NAME`: the weight
    of a pose; or `uv:NAME:yaw` (pitch): radians that a painted eye looks. So a mapping needs no knowledge of a bone's
    own axes or of a picture's; the bake takes them into the bone's rest axes and rotation mode, or into u and v.
    """

    name: str
    meshes: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    bones: tuple[Bone, ...] = ()
    poses: tuple[Pose, ...] = ()
    shifts: tuple[Shift, ...] = ()

    def key(self, name: str) -> Key | None:
        return next((k for k in self.keys if k.name == name), None)

    def bone(self, name: str) -> Bone | None:
        return next((b for b in self.bones if b.name == name), None)

    def pose(self, name: str) -> Pose | None:
        return next((p for p in self.poses if p.name == name), None)

    def shift(self, name: str) -> Shift | None:
        return next((s for s in self.shifts if s.name == name), None)

    @property
    def controls(self) -> list[str]:
        """The names of all controls."""
        kinds = [(kind, axis) for kind in ("rot", "loc") for axis in "xyz"]
        bones = [bone_control(bone.name, axis, kind) for bone in self.bones for kind, axis in kinds]
        poses = [pose_control(pose.name) for pose in self.poses]
        shifts = [uv_control(shift.name, axis) for shift in self.shifts for axis in ("yaw", "pitch")]
        return [*(key.name for key in self.keys), *bones, *poses, *shifts]


class BoneControl(NamedTuple):
    """kind is "rot" or "loc", axis "x", "y" or "z"."""

    bone: str
    axis: str
    kind: str = "rot"


def bone_control(bone: str, axis: str, kind: str = "rot") -> str:
    """The control's name; see BoneControl."""
    return f"bone:{bone}:{kind}_{axis}"


def parse_control(control: str) -> BoneControl | None:
    """A bone control's parts, None for a shape key or a pose."""
    if not control.startswith("bone:"):
        return None
    bone, _, channel = control[len("bone:"):].rpartition(":")
    kind, _, axis = channel.partition("_")
    return BoneControl(bone, axis, kind) if bone and kind in ("rot", "loc") and axis in ("x", "y", "z") else None


def pose_control(pose: str) -> str:
    return f"pose:{pose}"


def parse_pose(control: str) -> str | None:
    """A pose's name, None for any other control."""
    return control[len("pose:"):] or None if control.startswith("pose:") else None


def uv_control(name: str, axis: str) -> str:
    """axis is "yaw" or "pitch"."""
    return f"uv:{name}:{axis}"


def parse_uv(control: str) -> tuple[str, str] | None:
    """(name, axis) of a shift, None for any other control."""
    name, _, axis = control[len("uv:"):].rpartition(":") if control.startswith("uv:") else ("", "", "")
    return (name, axis) if name and axis in ("yaw", "pitch") else None
