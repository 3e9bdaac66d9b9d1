"""A character's mouth and lids in numbers: its geometry read once into plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import bpy
import numpy as np
from bpy.types import Object
from mathutils import Matrix

from ..core.channels import CHANNELS, GROUPS
from ..core.mapping import Mapping, Target
from ..core.rig import parse_control, parse_pose
from ..errors import CharacterError
from ..retarget import faces, gaps, lids, lips, names, stance
from . import motion, scene
from .carrying import carrying
from .scene import Character

TURN = 0.1
"""Radians by which a bone is turned, or part of a unit by which it is moved, to see what it moves."""
_FACE = frozenset(CHANNELS) - frozenset(GROUPS["head"])
_MOVING = frozenset((
    "ARMATURE", "CAST", "CLOTH", "CORRECTIVE_SMOOTH", "CURVE", "DISPLACE", "HOOK", "LAPLACIANDEFORM", "LAPLACIANSMOOTH",
    "LATTICE", "MESH_CACHE", "MESH_DEFORM", "SHRINKWRAP", "SIMPLE_DEFORM", "SMOOTH", "SOFT_BODY", "SURFACE_DEFORM",
    "WARP", "WAVE",
))  # fmt: skip
"""Modifiers that move vertices; others make new ones."""


def mouth_of(character: Character, mapping: Mapping) -> lips.Mouth | None:
    """The character's mouth, None where nothing on it parts like lips."""
    return lips.find(surface(character, mapping), mapping)


def touching(character: Character, mapping: Mapping) -> tuple[lips.Mouth | None, tuple[lids.Lids, ...]]:
    """The mouth as `mouth_of` gives it, and the eyes whose lids meet."""
    face = surface(character, mapping)
    return lips.find(face, mapping), lids.find(face, mapping)


def notes(mouth: lips.Mouth | None, mapping: Mapping, eyes: Iterable[lids.Lids] = ()) -> list[str]:
    """What the character's mouth and lids cannot show, in words."""
    unshut = [note for eye in eyes for note in lids.shortcomings(eye, mapping)]
    if mouth is None:
        return ["no lips are found (nothing parts when the mouth opens), so contacts are not corrected", *unshut]
    return [*gaps.shortcomings(mouth), *unshut]


def surface(character: Character, mapping: Mapping, into: np.ndarray | None = None) -> lips.Surface:
    """The meshes at rest, in head space (or another, as in `space`), and what the mapping's controls add."""
    into = space(character, mapping) if into is None else into
    points, edges, ranges = [], [], {}
    deltas: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    first = 0
    for mesh in character.meshes:
        place = np.array(mesh.matrix_world)
        turn = (place[:3, :3].T @ into).astype(np.float32)
        own = _points(mesh)
        points.append(own @ turn + (place[:3, 3] @ into).astype(np.float32))
        ends = np.empty(2 * len(mesh.data.edges), np.int32)
        mesh.data.edges.foreach_get("vertices", ends)
        edges.append(ends.reshape(-1, 2) + first)
        ranges[mesh.name] = (first, first + len(own))
        for name, delta in _key_deltas(mesh, mapping):
            which = np.flatnonzero(delta.any(1))
            deltas.setdefault(name, []).append((which + first, delta[which] @ turn))
        first += len(own)
    joined = {name: tuple(map(np.concatenate, zip(*parts, strict=True))) for name, parts in deltas.items()}
    whole = np.concatenate(points)
    joined |= _bone_deltas(character, mapping, ranges, len(whole), into)
    return lips.Surface(whole, np.concatenate(edges), joined, ranges)


def shapes(character: Character) -> lips.Surface:
    """The Surface of all keys, without bones."""
    every = Mapping(targets={key.name: Target({}) for key in character.rig.keys})
    return surface(character, every, space(character))


def propose(character: Character) -> names.Proposal:
    """The Mapping that the names of a character's keys and bones, and what the keys do, suggest."""
    return faces.propose(carrying(character.rig, character.armatures), shapes(character))


def axes(character: Character, mapping: Mapping | None = None) -> np.ndarray:
    """float64 (3, 3): own left, up and out of the face in the world, as columns: by the bones, else by what the keys of
    a mapping (of the names', where none is given) move."""
    if character.armature is None:
        with suppress(CharacterError):
            targets = (mapping or names.propose(character.rig).mapping).targets
            telling = Mapping(targets={c: t for c, t in targets.items() if not stance.CHANNELS.isdisjoint(t.weights)})
            told = stance.looking(surface(character, telling, np.eye(3)), telling)
            if told is not None:
                return told
    return scene.axes(character.armature)


def space(character: Character, mapping: Mapping | None = None) -> np.ndarray:
    """float64 (3, 3): what takes ways in the world (N, 3), multiplied from the right, to head space: `axes`, and where
    the armature's object is scaled unevenly or sheared, its head as it was before: there a head that turns keeps its
    form, and how near lips are to lips or teeth counts alike up and to the front. Volumes stay."""
    turn = axes(character, mapping)
    if character.armature is None:
        return turn
    placed = np.array(character.armature.matrix_world.to_3x3())
    volume = abs(np.linalg.det(placed))
    if volume < 1e-6 * np.linalg.norm(placed) ** 3:  # flat: nothing brings it back
        return turn
    return np.linalg.inv(placed).T @ scene.head_space(character.armature) * volume ** (1 / 3)


def _points(mesh: Object) -> np.ndarray:
    keys = mesh.data.shape_keys
    points = coordinates(keys.reference_key.data if keys else mesh.data.vertices)
    lost = ~np.isfinite(points).all(1)  # as broken imports leave them: among the others they do no harm
    if lost.any() and not lost.all():
        points[lost] = np.median(points[~lost], axis=0)
    return np.nan_to_num(points, copy=False)


def coordinates(points: object) -> np.ndarray:
    flat = np.empty(3 * len(points), np.float32)
    points.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def _key_deltas(mesh: Object, mapping: Mapping) -> Iterable[tuple[str, np.ndarray]]:
    keys = mesh.data.shape_keys
    for block in keys.key_blocks[1:] if keys and keys.use_relative else ():
        if block.name in mapping.targets and not block.mute:
            with np.errstate(invalid="ignore"):
                delta = coordinates(block.data) - coordinates(block.relative_key.data)
            delta[~np.isfinite(delta).all(1)] = 0.0
            yield block.name, delta


def _bone_deltas(
    character: Character, mapping: Mapping, ranges: dict[str, tuple[int, int]], count: int, into: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What each bone and pose of the face adds for each unit, seen by moving it a little from the rest pose; all stands
    as before afterwards."""
    boned = [c for c in mapping.controls if parse_control(c) or parse_pose(c)]
    steps = {c: _step(mapping.targets[c]) for c in boned if _FACE & mapping.targets[c].weights.keys()}
    moving = {c: moves for c, step in steps.items() if (moves := _moves(character, c, step))}
    deltas = {}
    if not moving:
        return deltas
    with deforming(character.meshes), _resting(character.armatures):
        still = _evaluated(character, ranges, count)
        for control, moves in moving.items():
            for pose, move in moves:
                pose.matrix_basis = move
            moved = _evaluated(character, ranges, count)
            for pose, _ in moves:
                pose.matrix_basis = Matrix.Identity(4)
            delta = ((moved - still) @ into / steps[control]).astype(np.float32)
            which = np.flatnonzero(np.abs(delta).max(1) > 0)
            if len(which):
                deltas[control] = which, delta[which]
    bpy.context.view_layer.update()
    return deltas


@contextmanager
def _resting(armatures: Iterable[Object]) -> Iterator[None]:
    """Armatures in their rest pose, which constraints still act on."""
    before = [(pose, pose.matrix_basis.copy()) for armature in armatures for pose in armature.pose.bones]
    try:
        for pose, _ in before:
            pose.matrix_basis = Matrix.Identity(4)
        yield
    finally:
        for pose, basis in before:
            pose.matrix_basis = basis


def _step(target: Target) -> float:
    """TURN the way that a control goes most: lids that constraints let slide go otherwise up than down."""
    return float(np.copysign(TURN, target.gain * max(target.weights.values(), key=abs)))


def _moves(character: Character, control: str, step: float) -> list[tuple[bpy.types.PoseBone, Matrix]]:
    """Pose bones and what `step` of a control adds to them, in their own axes."""
    pose = character.rig.pose(parse_pose(control) or "")
    moves: dict[bpy.types.PoseBone, Matrix] = {}
    for name, value in pose.bones.items() if pose else [(control, 1.0)]:
        bone_name, axis, kind = parse_control(name)
        bone = character.rig.bone(bone_name)
        armature = next((a for a in character.armatures if bone and a.name == bone.armature), None)
        if armature is None:
            continue
        if kind == "loc":
            move = Matrix.Translation(bone.location_axes["xyz".index(axis)] * (bone.unit * value * step))
        else:
            move = Matrix.Rotation(step * value, 4, bone.rest["xyz".index(axis)])  # the axis in its own rest axes
        own = armature.pose.bones[bone_name]
        moves[own] = moves.get(own, Matrix.Identity(4)) @ move
    return list(moves.items())


@contextmanager
def deforming(meshes: Iterable[Object]) -> Iterator[None]:
    """Meshes with the vertices they have, also where they are hidden: without the modifiers that make others."""
    meshes = list(meshes)
    hidden = [m for mesh in meshes for m in mesh.modifiers if m.type not in _MOVING and m.show_viewport]
    for modifier in hidden:
        modifier.show_viewport = False
    try:
        with motion.evaluated(meshes):
            yield
    finally:
        for modifier in hidden:
            modifier.show_viewport = True


def _evaluated(character: Character, ranges: dict[str, tuple[int, int]], count: int) -> np.ndarray:
    """float64 (count, 3): world positions of all vertices as they are shown."""
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    whole = np.zeros((count, 3))
    for mesh in character.meshes:
        first, last = ranges[mesh.name]
        shown = mesh.evaluated_get(depsgraph)
        place = np.array(shown.matrix_world)
        whole[first:last] = coordinates(shown.data.vertices) @ place[:3, :3].T + place[:3, 3]
    return whole
