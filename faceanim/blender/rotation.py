"""Controls about the head-space axes to a bone's own rotation mode. numpy, and Blender's Euler orders by mathutils."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bpy.types import PoseBone
from mathutils import Euler, Quaternion

from ..core.curve import Curve
from ..core.rig import Bone

IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])
TOLERANCE = 1e-3
"""Radians: how far the curves of a rotation mode may be from the turns they stand for, between their keys."""
_STEP = 1e-5  # seconds, for slopes by differences


def bone_curves(axes: Mapping[str, Curve], bone: Bone, pose: np.ndarray, fps: float) -> list[Curve]:
    """Curves of a bone's rotation channels in its own rotation mode, that stand for R = Ry Rz Rx in head space.

    axes    "x", "y", "z" to the control's Curve in radians; any may be missing
    pose    float64 (4,): the rotation, as a quaternion, that the bone is turned on from
    fps     keys that these modes need besides the controls' own are put on whole frames of this

    Keys stand where a control has one, and in between where the mode's channels would stray further than TOLERANCE.
    """
    smooth = all(c.slopes_in is not None and c.slopes_out is not None for c in axes.values())
    keyed = np.unique(np.concatenate([np.round(c.times, 9) for c in axes.values()]))
    frames = np.arange(np.ceil(keyed[0] * fps - 1e-6), np.floor(keyed[-1] * fps + 1e-6) + 1) / fps
    frames = frames[np.abs(frames[:, None] - keyed[_nearest(keyed, frames)][:, None])[:, 0] > 0.01 / fps]
    times = np.sort(np.concatenate([keyed, frames]))
    around = (times[:, None] + [-_STEP, 0.0, _STEP]).ravel()
    turns = multiply(pose, _local_turns(axes, bone, around))
    channels = _in_mode(turns, bone.rotation_mode).reshape(len(times), 3, -1)
    chosen = np.isin(times, keyed)
    while True:
        curves = [_through(times[chosen], channels[chosen, :, i], smooth) for i in range(channels.shape[2])]
        error = np.max([np.abs(c.at(times) - channels[:, 1, i]) for i, c in enumerate(curves)], axis=0)
        worst = _worst_of_each_gap(error, chosen)
        if not len(worst):
            return curves
        chosen[worst] = True


def _nearest(sorted_values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    right = np.clip(np.searchsorted(sorted_values, wanted), 1, max(len(sorted_values) - 1, 1))
    if len(sorted_values) == 1:
        return np.zeros(len(wanted), int)
    return right - (wanted - sorted_values[right - 1] < sorted_values[right] - wanted)


def _through(times: np.ndarray, values: np.ndarray, smooth: bool) -> Curve:
    """A Curve of one channel from its values (K, 3) just before, at and just after each time."""
    if not smooth:
        return Curve("", times, values[:, 1])
    return Curve("", times, values[:, 1], (values[:, 1] - values[:, 0]) / _STEP, (values[:, 2] - values[:, 1]) / _STEP)


def _worst_of_each_gap(error: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Indices, one between each two chosen samples, where the error is largest and above TOLERANCE / 2."""
    error = np.where(chosen, 0.0, error)
    starts = np.flatnonzero(chosen)
    largest = np.maximum.reduceat(error, starts)
    gap = np.cumsum(chosen) - 1
    hits = np.flatnonzero((error == largest[gap]) & (error > TOLERANCE / 2))
    return hits[np.unique(gap[hits], return_index=True)[1]]


def _local_turns(axes: Mapping[str, Curve], bone: Bone, times: np.ndarray) -> np.ndarray:
    """Quaternions (T, 4), signs continuous: the turns about head-space axes, in the bone's rest axes."""
    turn = np.broadcast_to(IDENTITY, (len(times), 4))
    for axis in "yzx":
        if axis in axes:
            half = axes[axis].at(times) / 2
            one = np.zeros((len(times), 4))
            one[:, 0], one[:, 1 + "xyz".index(axis)] = np.cos(half), np.sin(half)
            turn = multiply(turn, one)
    # A turn by the same angle about the same axis, said in other coordinates
    return np.concatenate([turn[:, :1], turn[:, 1:] @ bone.rest], 1)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The Hamilton product of quaternions (..., 4), w first: b is done first."""
    w = a[..., :1] * b[..., :1] - (a[..., 1:] * b[..., 1:]).sum(-1, keepdims=True)
    v = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([w, v], -1)


def _in_mode(turns: np.ndarray, mode: str) -> np.ndarray:
    """Channels (T, 3 or 4) of a Blender rotation mode for quaternions (T, 4), without jumps."""
    turns = turns * _steady_signs(turns)[:, None]
    if mode == "QUATERNION":
        return turns
    if mode == "AXIS_ANGLE":
        return _axis_angle(turns)
    angles, last = np.empty((len(turns), 3)), Euler((0.0, 0.0, 0.0), mode)
    for i, turn in enumerate(turns):
        last = Quaternion(turn).to_euler(mode, last)
        angles[i] = last
    return np.unwrap(angles, axis=0)


def _steady_signs(vectors: np.ndarray) -> np.ndarray:
    """Signs (T,) that keep each vector in the half space of the one before."""
    flips = np.einsum("ij,ij->i", vectors[1:], vectors[:-1]) < 0
    return np.concatenate([[1.0], np.where(np.cumsum(flips) % 2, -1.0, 1.0)])


def _axis_angle(turns: np.ndarray) -> np.ndarray:
    """(T, 4) angle and axis; where there is no turn the axis of the last one is kept."""
    length = np.linalg.norm(turns[:, 1:], axis=1)
    turned = length > 1e-7
    if not turned.any():
        return np.tile([0.0, 0.0, 1.0, 0.0], (len(turns), 1))
    last = np.maximum.accumulate(np.where(turned, np.arange(len(turns)), -1))
    last[last < 0] = int(turned.argmax())
    axis = turns[last, 1:] / length[last, None]
    sign = _steady_signs(axis)
    angle = 2 * np.arctan2(length, turns[:, 0]) * sign
    return np.concatenate([angle[:, None], axis * sign[:, None]], 1)


def of_pose_bone(bone: PoseBone) -> np.ndarray:
    """float64 (4,): the rotation a pose bone stands in, in its own mode, as a unit quaternion."""
    if bone.rotation_mode == "QUATERNION":
        turn = np.array(bone.rotation_quaternion)
        return turn / np.linalg.norm(turn) if turn.any() else IDENTITY
    if bone.rotation_mode == "AXIS_ANGLE":
        angle, *axis = bone.rotation_axis_angle
        return np.array(Quaternion(axis, angle))
    return np.array(bone.rotation_euler.to_quaternion())
