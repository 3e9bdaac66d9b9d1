"""Rig: a character's controls, read from a scene once and then plain values."""

from __future__ import annotations

from dataclasses import dataclass

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
    """A bone that may be turned.

    armature       name of the armature object
    rest           float64 (3, 3): its rest axes as columns, in head space at rest
    rotation_mode  Blender's: QUATERNION, AXIS_ANGLE, XYZ, ...
    parent         name of the parent bone, "" at the root
    blocked        as in Key
    """

    name: str
    armature: str
    rest: np.ndarray
    rotation_mode: str = "QUATERNION"
    parent: str = ""
    blocked: str = ""


@dataclass(frozen=True)
class Rig:
    """All controls of one character.

    A control is named by the bare key name, or `bone:NAME:rot_x` (rot_y, rot_z): radians about the head-space axes x
    (own left), y (up), z (out of the face), composed as R = Ry Rz Rx like the channels (see core.channels), so that a
    mapping needs no knowledge of a bone's own axes; the bake takes them into the bone's rest axes and rotation mode.
    """

    name: str
    meshes: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    bones: tuple[Bone, ...] = ()

    def key(self, name: str) -> Key | None:
        return next((k for k in self.keys if k.name == name), None)

    def bone(self, name: str) -> Bone | None:
        return next((b for b in self.bones if b.name == name), None)


def bone_control(bone: str, axis: str) -> str:
    """The control's name; axis is "x", "y" or "z"."""
    return f"bone:{bone}:rot_{axis}"


def parse_control(control: str) -> tuple[str, str] | None:
    """(bone, axis) of a bone control, None for a shape key."""
    if not control.startswith("bone:"):
        return None
    bone, _, axis = control[len("bone:"):].rpartition(":rot_")
    return (bone, axis) if bone and axis in ("x", "y", "z") else None
