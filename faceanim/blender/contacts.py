"""A character's mouth in numbers: its geometry read once into plain arrays, and its contacts measured frame by frame on
the evaluated mesh of what was baked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Object, Scene
from mathutils import Matrix

from ..core.events import jaw_events, speech_events
from ..core.files import input_file
from ..core.mapping import Mapping, Target
from ..core.rig import parse_control, parse_pose
from ..core.take import Take
from ..errors import CharacterError, InputError
from ..formats import takes
from ..retarget import faces, gaps, lids, lips, names, stance
from . import motion, scene
from .bake import remarks, scene_rate
from .carrying import carrying
from .scene import Character
from .stage import clip_span

TURN = 0.1
"""Radians by which a bone is turned, or part of a unit by which it is moved, to see what it moves."""
_MOUTH = ("jaw", "mouth")
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
    """The mouth as `mouth_of` gives it, and the eyes whose lids keys bring together."""
    face = surface(character, mapping)
    return lips.find(face, mapping), lids.find(face, mapping)


def notes(mouth: lips.Mouth | None) -> list[str]:
    """What the character's mouth cannot show, in words."""
    if mouth is None:
        return ["no lips are found (nothing parts when the mouth opens), so contacts are not corrected"]
    return gaps.shortcomings(mouth)


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
    for name in mapping.controls:
        boned = parse_control(name) or parse_pose(name)
        if boned and any(c.startswith(_MOUTH) for c in mapping.targets[name].weights):
            joined |= _bone_deltas(character, name, ranges, len(whole), into)
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
    points = _coordinates(keys.reference_key.data if keys else mesh.data.vertices)
    lost = ~np.isfinite(points).all(1)  # as broken imports leave them: among the others they do no harm
    if lost.any() and not lost.all():
        points[lost] = np.median(points[~lost], axis=0)
    return np.nan_to_num(points, copy=False)


def _coordinates(points: object) -> np.ndarray:
    flat = np.empty(3 * len(points), np.float32)
    points.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def _key_deltas(mesh: Object, mapping: Mapping) -> Iterable[tuple[str, np.ndarray]]:
    keys = mesh.data.shape_keys
    for block in keys.key_blocks[1:] if keys and keys.use_relative else ():
        if block.name in mapping.targets and not block.mute:
            with np.errstate(invalid="ignore"):
                delta = _coordinates(block.data) - _coordinates(block.relative_key.data)
            delta[~np.isfinite(delta).all(1)] = 0.0
            yield block.name, delta


def _bone_deltas(
    character: Character, control: str, ranges: dict[str, tuple[int, int]], count: int, into: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What a bone or a pose adds for each unit, seen by moving it a little; all stands as before afterwards."""
    moves = _moves(character, control)
    if not moves:
        return {}
    before = [(pose, pose.matrix_basis.copy()) for pose, _ in moves]
    with deforming(character.meshes):
        still = _evaluated(character, ranges, count)
        try:
            for (pose, basis), (_, move) in zip(before, moves, strict=True):
                pose.matrix_basis = basis @ move
            moved = _evaluated(character, ranges, count)
        finally:
            for pose, basis in before:
                pose.matrix_basis = basis
    bpy.context.view_layer.update()
    delta = ((moved - still) @ into / TURN).astype(np.float32)
    which = np.flatnonzero(np.abs(delta).max(1) > 0)
    return {control: (which, delta[which])} if len(which) else {}


def _moves(character: Character, control: str) -> list[tuple[bpy.types.PoseBone, Matrix]]:
    """Pose bones and what TURN of a control adds to them, in their own axes."""
    pose = character.rig.pose(parse_pose(control) or "")
    moves: dict[bpy.types.PoseBone, Matrix] = {}
    for name, value in pose.bones.items() if pose else [(control, 1.0)]:
        bone_name, axis, kind = parse_control(name)
        bone = character.rig.bone(bone_name)
        armature = next((a for a in character.armatures if bone and a.name == bone.armature), None)
        if armature is None:
            continue
        if kind == "loc":
            move = Matrix.Translation(bone.location_axes["xyz".index(axis)] * (bone.unit * value * TURN))
        else:
            move = Matrix.Rotation(TURN * value, 4, bone.rest["xyz".index(axis)])  # the axis in its own rest axes
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
        whole[first:last] = _coordinates(shown.data.vertices) @ place[:3, :3].T + place[:3, 3]
    return whole


# -- what was baked ---------------------------------------------------------------------------------------------------


def verify(blend: str | Path, take: str | Path, mapping: Mapping | None = None, lead_s: float = 0.0) -> dict[str, Any]:
    """The contacts of a baked .blend, event by event, on its evaluated mesh. Replaces what is open in this Blender.

    mapping   the one that was baked with, where it is neither the character's own nor the proposed one
    lead_s    by how much the animation was baked before the sound (Style.lead_s)
    Raises InputError, and CharacterError where nothing was baked or no lips are found.
    """
    if Path(blend).suffix.lower() != ".blend":
        raise InputError(f"{Path(blend).name} is no .blend", "name the .blend that `bake` wrote, then the take")
    known = takes.read(input_file(take, "take"))
    mapping, mouth, found, times = measured(blend, mapping)
    told = report(mouth, known, found, times + lead_s)
    told["notes"] += remarks(baked_character(bpy.context.scene, Path(blend)), mapping.controls)
    return {"blend": str(blend), "take": str(take), **told}


def measured(blend: str | Path, mapping: Mapping | None = None) -> tuple[Mapping, lips.Mouth, gaps.Gaps, np.ndarray]:
    """The mapping and the mouth of a baked .blend, its Gaps on every frame, and their times (F,) in seconds.

    Opens the file, and raises CharacterError, as `verify` does.
    """
    from . import mappings

    opened = scene.open_file(blend)
    character = baked_character(opened, Path(blend))
    first, last = clip_span(character)
    mapping = mapping or mappings.of(character)[0]
    mouth = mouth_of(character, mapping)
    if mouth is None:
        raise CharacterError(
            f"no lips are found on '{character.rig.name}': nothing parts when its mouth opens",
            "give it a key that opens the mouth (jawOpen), and a mesh with a slit between the lips",
        )
    frames = np.arange(first, last + 1)
    found = gaps.measure(mouth, sample(opened, character, mouth, frames, space(character, mapping)))
    return mapping, mouth, found, (frames - first) / scene_rate(opened)


def baked_character(opened: Scene, path: Path) -> Character:
    """The character of an open scene that something of ours is baked on. Raises CharacterError."""
    from .verify import _is_baked

    baked = next((o for o in opened.objects if _is_baked(o)), None)
    if baked is None:
        raise CharacterError(f"nothing in {path.name} was baked by faceanim", "name the .blend that `bake` wrote")
    return scene.character([baked])


def sample(
    opened: Scene, character: Character, mouth: lips.Mouth, frames: np.ndarray, into: np.ndarray
) -> np.ndarray:
    """float32 (F, P, 3): the mouth's points as they are shown on frames, in head space (see `space`), as if the head
    were at rest."""
    meshes = list(character.meshes)
    counts = [len(m.data.vertices) for m in meshes]
    starts = np.cumsum([0, *counts])
    owner = np.searchsorted(starts, mouth.vertices, "right") - 1
    parts = [(m, np.flatnonzero(owner == i), mouth.vertices[owner == i] - starts[i]) for i, m in enumerate(meshes)]
    parts = [part for part in parts if len(part[1])]
    shown = np.zeros((len(frames), len(mouth.vertices), 3))
    before = opened.frame_current, opened.frame_subframe
    with deforming(mesh for mesh, _, _ in parts):
        for row, frame in enumerate(frames):
            opened.frame_set(int(frame))
            depsgraph = bpy.context.evaluated_depsgraph_get()
            for mesh, where, which in parts:
                evaluated = mesh.evaluated_get(depsgraph)
                place = np.array(evaluated.matrix_world)
                shown[row, where] = _coordinates(evaluated.data.vertices)[which] @ place[:3, :3].T + place[:3, 3]
    opened.frame_set(before[0], subframe=before[1])
    shown = shown @ into
    return _steadied(np.where(np.isfinite(shown), shown, mouth.points), mouth)


def _steadied(points: np.ndarray, mouth: lips.Mouth) -> np.ndarray:
    """Points (F, P, 3) moved back as the points that nothing moves have moved since rest.

    A head that turns bends the skin towards the neck: the half of the points that keep their places best decides.
    """
    rest = mouth.points[mouth.still].astype(float)
    if len(rest) < 4:
        return points.astype(np.float32)
    every = np.arange(points.shape[1])[mouth.still]
    steady = _moved_back(points, points[:, every], rest)
    off = np.linalg.norm(steady[:, every] - rest, axis=2).max(0)
    best = np.argsort(off, kind="stable")[: max(4, len(every) // 2)]
    return _moved_back(points, points[:, every[best]], rest[best]).astype(np.float32)


def _moved_back(points: np.ndarray, now: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Points (F, P, 3) turned, scaled and moved as brings `now` (F, S, 3) nearest to `rest` (S, 3) (Umeyama 1991)."""
    centre, middle = now.mean(1, keepdims=True), rest.mean(0)
    u, sizes, v = np.linalg.svd(np.swapaxes(now - centre, 1, 2) @ (rest - middle))
    flip = np.ones((len(points), 1, 3))
    flip[:, 0, 2] = np.sign(np.linalg.det(u @ v))
    turn = (u * flip) @ v
    scale = (sizes * flip[:, 0]).sum(1) / np.maximum(((now - centre) ** 2).sum((1, 2)), 1e-12)
    return ((points - centre) @ turn) * scale[:, None, None] + middle


def report(mouth: lips.Mouth, take: Take, found: gaps.Gaps, times: np.ndarray) -> dict[str, Any]:
    """`events`, how many `passed` and `failed`, frames with lips that cross (`penetrations`), and notes."""
    events = sorted([*speech_events(take.phones), *jaw_events(take.phones)], key=lambda event: event.start)
    contacts = gaps.check(mouth, found, times, events)
    crossed = found.cross > gaps.CROSSED
    spans = [(p.start, p.end, p.ipa) for p in take.phones if p.ipa]
    rows = [
        {
            "time_s": round(c.time, 4),
            "phone": "".join(ipa for a, b, ipa in spans if a >= c.event.start - 1e-6 and b <= c.event.end + 1e-6),
            "kind": c.event.kind,
            "value": round(c.value, 5),
            "limit": round(c.limit, 5),
            "passed": bool(c.passed),
        }
        for c in contacts
    ]
    nothing = [] if rows else ["the take has no phones, so no contact was looked for"]
    return {
        "events": rows,
        "passed": sum(row["passed"] for row in rows),
        "failed": sum(not row["passed"] for row in rows),
        "penetrations": int(crossed.sum()),
        "penetrations_s": [round(float(t), 4) for t in times[crossed][:100]],
        "largest_penetration": round(float(found.cross.max(initial=0.0)), 5),
        "frames": len(times),
        "unit": "value and limit are widths of the mouth; of the kind 'jaw' the share of a wide open mouth",
        "notes": [*notes(mouth), *nothing],
    }

