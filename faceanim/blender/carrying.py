"""How far bones of a face carry each other along, seen by moving each a little.

In rigs of many layers, as Rigify makes them, constraints hang lips between jaw and head, let a control take its
neighbours along by parts, and keep the head upright as the neck turns: the parents of bones say nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import bpy
import numpy as np
from bpy.types import Object, PoseBone
from mathutils import Matrix, Quaternion

from ..core.rig import Bone, Rig
from ..retarget import faces

STEP = 0.1
"""Radians of a turn, or distances between the eyes: large against rounding, small against what a rig bends by."""
LEAST = 0.02
"""What is carried less counts as not carried."""


def carrying(rig: Rig, armatures: Iterable[Object]) -> Rig:
    """The Rig with Bone.carried of all bones that a face is moved by, where constraints are among what moves them."""
    movers = faces.movers(rig)
    known = {}
    for armature in armatures:
        own = {name: turns for name, turns in movers.items() if rig.bone(name).armature == armature.name}
        if any(_constrained(armature.pose.bones[name]) for name in own):
            known |= _measured(armature, [rig.bone(name) for name in own], own)
    return replace(rig, bones=tuple(replace(b, carried=known[b.name]) if b.name in known else b for b in rig.bones))


def _constrained(pose: PoseBone) -> bool:
    return any(not c.mute and c.influence for bone in (pose, *pose.parent_recursive) for c in bone.constraints)


def _measured(armature: Object, moved: list[Bone], turns: dict[str, bool]) -> dict[str, dict[str, float]]:
    """Bone to what carries it, and how far (see Bone.carried)."""
    found: dict[str, dict[str, float]] = {bone.name: {} for bone in moved}
    before = _places(armature, moved)
    for i, bone in enumerate(moved):
        with _stepped(armature.pose.bones[bone.name], bone, turns[bone.name]):
            after = _places(armature, moved)
        rigid = after[i] @ np.linalg.inv(before[i])
        for j, other in enumerate(moved):
            share = _share(before[j], after[j], rigid, turns[other.name] and turns[bone.name])
            if j != i and share > LEAST:
                found[other.name][bone.name] = round(share, 3)
    return found


@contextmanager
def _stepped(pose: PoseBone, bone: Bone, turns: bool) -> Iterator[None]:
    """A bone turned about the head's x, or moved up by STEP; all stands as before afterwards."""
    before = pose.matrix_basis.copy()
    if turns:
        step = Matrix.Rotation(STEP, 4, bone.rest[0])
    else:
        step = Matrix.Translation(bone.location_axes[1] * (bone.unit * STEP))
    try:
        pose.matrix_basis = before @ step
        yield
    finally:
        pose.matrix_basis = before
        bpy.context.view_layer.update()


def _places(armature: Object, moved: list[Bone]) -> np.ndarray:
    """float64 (bones, 4, 4): where they stand in the armature's space, after constraints."""
    bpy.context.view_layer.update()
    shown = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    return np.array([shown[bone.name].matrix for bone in moved])


def _share(before: np.ndarray, after: np.ndarray, rigid: np.ndarray, turning: bool) -> float:
    """How far a bone went the way it would have gone rigidly with another: in turning, or in place."""
    if turning:
        wanted, got = _turn(rigid), _turn(after @ np.linalg.inv(before))
    else:
        wanted, got = (rigid @ before)[:3, 3] - before[:3, 3], after[:3, 3] - before[:3, 3]
    return float(wanted @ got / max(wanted @ wanted, 1e-12))


def _turn(matrix: np.ndarray) -> np.ndarray:
    """float64 (3,): the turn of a matrix, as an axis as long as its radians."""
    turn: Quaternion = Matrix(matrix).to_quaternion()
    return np.array(turn.axis) * turn.angle
