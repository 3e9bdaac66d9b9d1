"""Pose libraries: Actions that are pose assets, or that have named pose markers, as Poses of a Rig."""

from __future__ import annotations

import re
from collections.abc import Iterable

import bpy
import numpy as np
from bpy.types import Action, Object
from mathutils import Euler, Matrix, Quaternion

from ..core.rig import Bone, Pose, bone_control
from . import animation

_CHANNEL = re.compile(r'^pose\.bones\["(.+)"\]\.(location|rotation_quaternion|rotation_euler|rotation_axis_angle)$')
_LEAST = 1e-5


def of(armature: Object, bones: Iterable[Bone]) -> tuple[Pose, ...]:
    """The poses that move these bones of an armature: a pose asset's first frame, or each marker of an Action's.

    A marker's pose takes its own name, an asset's the Action's. What a bone that must not be written does is left out.
    """
    known = {bone.name: bone for bone in bones}
    found: dict[str, Pose] = {}
    for action in bpy.data.actions:
        if animation.NAME in action:
            continue
        frames = {marker.name: marker.frame for marker in action.pose_markers}
        if not frames and action.asset_data is not None:
            frames = {action.name: action.frame_range[0]}
        for name, frame in frames.items():
            moved = _moved(action, frame, known, armature)
            if moved:
                found.setdefault(name, Pose(name, moved))
    return tuple(found.values())


def _moved(action: Action, frame: float, known: dict[str, Bone], armature: Object) -> dict[str, float]:
    """Control to value: what the Action does with the bones at a frame."""
    channels: dict[str, dict[str, dict[int, float]]] = {}
    for curve in animation.fcurves(action):
        match = _CHANNEL.match(curve.data_path)
        name = bpy.utils.unescape_identifier(match[1]) if match else ""
        if name in known:
            channels.setdefault(name, {}).setdefault(match[2], {})[curve.array_index] = curve.evaluate(frame)
    moved: dict[str, float] = {}
    for name, own in channels.items():
        bone = known[name]
        if "location" in own and not bone.unmovable:
            way = bone.location_axes @ [own["location"].get(i, 0.0) for i in range(3)] / bone.unit
            moved |= {bone_control(name, axis, "loc"): v for axis, v in zip("xyz", way, strict=True)}
        turns = {kind: values for kind, values in own.items() if kind != "location"}
        if turns and not bone.blocked:
            turn = bone.rest @ np.array(_turn(turns, armature.pose.bones[name].rotation_mode)) @ bone.rest.T
            # Ry Rz Rx: Blender names the order by which is done first
            angles = Matrix(turn).to_euler("XZY")
            moved |= {bone_control(name, axis): v for axis, v in zip("xyz", angles, strict=True)}
    return {control: float(value) for control, value in moved.items() if abs(value) > _LEAST}


def _turn(turns: dict[str, dict[int, float]], mode: str) -> Matrix:
    """The rotation (3, 3) in the bone's rest axes that the channels of its mode make."""
    own = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(mode, "rotation_euler")
    kind = own if own in turns else next(iter(turns))
    values = turns[kind]
    if kind == "rotation_quaternion":
        return Quaternion([values.get(i, float(i == 0)) for i in range(4)]).normalized().to_matrix()
    if kind == "rotation_axis_angle":
        angle, *axis = (values.get(i, float(i == 2)) for i in range(4))
        return Quaternion(axis, angle).to_matrix()
    order = mode if kind == own else "XYZ"
    return Euler([values.get(i, 0.0) for i in range(3)], order).to_matrix()
