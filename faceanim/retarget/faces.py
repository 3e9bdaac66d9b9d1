"""The whole proposal: keys by names and geometry first, then poses of a library, then the bones of a face."""

from __future__ import annotations

import json
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..core.channels import GROUPS
from ..core.files import PRESETS
from ..core.mapping import Mapping, Target
from ..core.rig import Bone, Key, Rig, bone_control, parse_control, pose_control, uv_control
from ..errors import CharacterError
from . import bones, names
from .families import sided, words
from .lips import Surface

_LAYERS = ("", "def", "org")
"""Which of several bones of one name is driven, the first that there is: the control, else what deforms."""
_AXES = {"side": "x", "up": "y", "front": "z", "out": "x"}
_JAWLESS = (-0.35, -0.05)
"""How far a lower lip goes down and back at jawOpen 1 where no jaw bone turns, in distances between the eyes."""
_HANGING = 0.05
"""A lip that the jaw carries by more than this goes with it as its rig has it."""
_GAP, _GAP_RAD = 0.3, 0.5
"""Between the lids where it cannot be seen from the bones, in distances between the eyes, and seen from the eye."""
_LID_REACH = 2.0
"""How far a lid's bones may go, over the gap: skin that follows them by half has to be taken so far to meet."""

Moves = dict[tuple[str, str], float]
"""(kind and axis such as "loc_y", channel) to an amount."""


@dataclass(frozen=True)
class Placed:
    """A bone of a role. side: "Left", "Right", or "" in the middle."""

    bone: Bone
    side: str


def propose(rig: Rig, surface: Surface | None = None) -> names.Proposal:
    """The Mapping of keys (retarget.names), of poses for what no key does, and of face bones for the rest.

    Raises CharacterError where nothing of the character can be driven.
    """
    try:
        proposal = names.propose(rig, surface)
    except CharacterError:
        proposal = names.Proposal(Mapping(rig.name), "", {}, {}, {})
        completed = _complete(proposal, rig)
        if not any(GROUPS["lips"].count(c) or c == "jawOpen" for t in completed.values() for c in t.weights):
            raise
    else:
        completed = _complete(proposal, rig)
    if completed == proposal.mapping.targets:
        return proposal
    driven = {c for target in completed.values() for c in target.weights}
    poses = tuple(c for c in completed if c.startswith("pose:") and completed[c].gate)
    return replace(
        proposal,
        mapping=replace(
            proposal.mapping, targets=completed, blends=proposal.mapping.blends + ((poses,) if poses else ())
        ),
        unmapped={channel: why for channel, why in proposal.unmapped.items() if channel not in driven},
        coverage={group: names._coverage(channels, driven) for group, channels in GROUPS.items()},
        confidence={control: proposal.confidence.get(control, 1.0) for control in completed},
    )


def _complete(proposal: names.Proposal, rig: Rig) -> dict[str, Target]:
    """The proposal's targets, and those of poses and bones for channels that no key takes."""
    targets = dict(proposal.mapping.targets)
    by_keys = {c for control, t in targets.items() if not parse_control(control) for c in t.weights}
    poses = _poses(rig, by_keys)
    by_poses = {c for target in poses.values() for c in target.weights}
    targets = {
        control: target for control, target in targets.items()
        if not parse_control(control) or by_poses.isdisjoint(target.weights)
    }  # fmt: skip
    looks = {c for target in (*targets.values(), *poses.values()) for c in target.weights} & set(GROUPS["gaze"])
    shifts = {} if looks else _shifts(rig)
    return {**targets, **poses, **shifts, **_bones(rig, by_keys | by_poses, targets)}


def _poses(rig: Rig, driven: set[str]) -> dict[str, Target]:
    """Targets of poses by their names, which mean what a key of that name would."""
    if not rig.poses:
        return {}
    try:
        told = names.propose(Rig(rig.name, keys=tuple(Key(pose.name, ()) for pose in rig.poses)))
    except CharacterError:
        return {}
    return {
        pose_control(name): target for name, target in told.mapping.targets.items()
        if driven.isdisjoint(target.weights)
    }  # fmt: skip


def _shifts(rig: Rig) -> dict[str, Target]:
    """Targets of eyes that are painted, where neither keys nor bones look; a picture of both follows their mean."""
    targets = {}
    for shift in rig.shifts:
        sides = [shift.side] if shift.side else ["left", "right"]
        for turn in ("Yaw", "Pitch"):
            weights = {f"{side}Eye{turn}": 1.0 / len(sides) for side in sides}
            if not shift.blocked:
                limit = bones.EYE_LIMIT
                targets[uv_control(shift.name, turn.lower())] = Target(weights, minimum=-limit, maximum=limit)
    return targets


# -- bones of a face --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _roles() -> tuple[frozenset[str], dict[str, dict]]:
    value = json.loads((PRESETS / "mappings" / "face_bones.json").read_text(encoding="utf-8"))
    return frozenset(value["noise"]), value["roles"]


def role_of(bone: str) -> tuple[str, str, str] | None:
    """(role, side, layer) that a bone's name means, None where it is no bone of a face; layer as in _LAYERS."""
    noise, roles = _roles()
    parts = list(sided(words(bone)))
    side = next((part for part in parts if part in ("left", "right")), "")
    layer = next((part for part in parts[:1] if part in ("def", "org", "mch")), "")
    rest = {part for part in parts if part != side}
    best = ("", 0)
    for role, about in roles.items():
        for name in about["names"]:
            own = set(name.split())
            if own <= rest and rest - own <= noise and len(own) > best[1] and (side or not about.get("sided")):
                best = role, len(own)
    return (best[0], side.capitalize(), layer) if best[0] else None


def is_face(bone_names: list[str]) -> bool:
    """Whether an armature's bones move a face: lips or lids are among them, or a jaw."""
    found = {role[0] for name in bone_names if (role := role_of(name))}
    jaws = bones.find(Rig("", bones=tuple(Bone(name, "", np.eye(3)) for name in bone_names)))["jaw"]
    return bool(jaws) or bool(found & {"lip_upper", "lip_lower", "lid_upper"})


def movers(rig: Rig) -> dict[str, bool]:
    """The bones that a face is moved by, to whether they turn (neck, head, jaw) or move."""
    found = bones.find(rig)
    turning = {b.name: True for role in ("neck", "head", "jaw") for b in found[role] if not b.blocked}
    return {**{p.bone.name: False for placed in _find(rig).values() for p in placed}, **turning}


def _find(rig: Rig) -> dict[str, list[Placed]]:
    """Role to its bones, of one layer alone."""
    found: dict[str, dict[str, list[Placed]]] = {}
    for bone in rig.bones:
        told = role_of(bone.name)
        if told and told[2] in _LAYERS:
            role, side, layer = told
            turns = role.startswith("lid") and not bone.blocked
            if not bone.unmovable or turns:
                found.setdefault(role, {}).setdefault(layer, []).append(Placed(bone, side))
    return {role: next(layers[layer] for layer in _LAYERS if layer in layers) for role, layers in found.items()}


def _bones(rig: Rig, driven: set[str], targets: Table[str, Target]) -> dict[str, Target]:
    """Targets of the bones of a face, for channels that nothing else drives."""
    found = _find(rig)
    jaw = next((b for b in bones.find(rig)["jaw"] if bone_control(b.name, "x") in targets), None)
    moves: dict[str, Moves] = {}
    reach_of: dict[str, float] = {}
    for role, placed in found.items():
        about = _roles()[1][role]
        along = 2 if about.get("along") == "front" else 0
        reach = [p.bone.head[2] if along else abs(p.bone.head[0]) for p in placed]
        for p, far in zip(placed, reach, strict=True):
            wide = max(reach) - min(reach)
            t = (far - min(reach)) / wide if wide > 1e-6 else 0.5
            own = _blended(about, t if "outer" in about else 0.0, p.side)
            if role.startswith("lid"):
                own, gap = _lid(own, p, role, found, rig)
                reach_of[p.bone.name] = _LID_REACH * gap
            if "with_jaw" in about:
                own |= _with_jaw(p.bone, jaw, about["with_jaw"], rig)
            moves[p.bone.name] = {key: v for key, v in own.items() if key[1] not in driven and abs(v) > 1e-6}
    made: dict[str, Target] = {}
    for name, own in _uncarried(moves, rig).items():
        made |= _targets(name, own, reach_of.get(name, 0.0))
    return made


def _uncarried(moves: dict[str, Moves], rig: Rig) -> dict[str, Moves]:
    """The moves of each bone without what carries it there already; what has no part in a channel is carried along."""
    chain = [rig.bone(name) for name in moves]
    count = len(chain)
    carry = np.array([float(a is b) or bones.carried(rig, b, a) for b in chain for a in chain]).reshape(count, count)
    found: dict[str, Moves] = {name: {} for name in moves}
    for key in {key for own in moves.values() for key in own}:
        part = [i for i, bone in enumerate(chain) if key in moves[bone.name]]
        wanted = np.array([moves[chain[i].name][key] for i in part])
        if key[0].startswith("loc"):
            wanted = np.linalg.lstsq(carry[np.ix_(part, part)], wanted, rcond=1e-6)[0]
        for i, amount in zip(part, wanted, strict=True):
            found[chain[i].name][key] = float(amount)
    return found


def _blended(about: dict, t: float, side: str) -> Moves:
    """The amounts of a role's bone at t from the innermost (0) to the outermost (1), for its own side."""
    moves: Moves = {}
    for end, share in (("inner", 1 - t), ("outer", t)):
        for direction, weights in about.get(end, {}).items():
            if direction == "out" and not side:
                continue
            sign = -1.0 if direction == "out" and side == "Right" else 1.0
            for channel, amount in weights.items():
                sides = [side] if side else ["Left", "Right"]
                for name in [channel.replace("*", s) for s in sides] if "*" in channel else [channel]:
                    part = 0.5 if "*" in channel and not side else 1.0
                    key = f"loc_{_AXES[direction]}", name
                    moves[key] = moves.get(key, 0.0) + share * sign * part * amount
    return moves


def _with_jaw(bone: Bone, jaw: Bone | None, share: float, rig: Rig) -> Moves:
    """What a lip that does not hang from the jaw does as it opens: its place on the jaw, turned with it."""
    if jaw is not None and bones.carried(rig, bone, jaw) > _HANGING:
        return {}
    down, back = _JAWLESS
    if jaw is not None:
        _, y, z = bone.head - jaw.head
        cosine, sine = np.cos(bones.JAW_RAD), np.sin(bones.JAW_RAD)
        down, back = y * cosine - z * sine - y, y * sine + z * cosine - z
    return {
        (axis, channel): sign * share * amount
        for axis, amount in (("loc_y", down), ("loc_z", back))
        for channel, sign in (("jawOpen", 1.0), ("mouthClose", -1.0))
    }


def _lid(own: Moves, lid: Placed, role: str, found: dict[str, list[Placed]], rig: Rig) -> tuple[Moves, float]:
    """Amounts in parts of the gap as ways, or as turns where the bone reaches from the eye's centre to the lid; and the
    gap."""
    other = "lid_lower" if role == "lid_upper" else "lid_upper"
    facing = sorted((p.bone for p in found.get(other, []) if p.side == lid.side), key=lambda b: b.head[0])
    eye = bones.free(bones.find(rig)[f"eye_{lid.side.lower() or 'left'}"])
    ends = lid.bone.tail - lid.bone.head
    turning = eye is not None and np.linalg.norm(lid.bone.head - eye.head) < 0.5 * np.linalg.norm(ends)
    if turning:
        between = [abs(_rise(lid.bone) - _rise(bone)) for bone in facing]
        gap = float(np.mean(between)) if between and np.mean(between) > 0.05 else _GAP_RAD
        return {("rot_x", channel): -amount * gap for (_, channel), amount in own.items()}, gap
    gap = _GAP
    if facing:
        across = float(_level(facing, lid.bone.head[0]) - lid.bone.head[1])
        gap = max(across if role == "lid_lower" else -across, 1e-3)
    moves = {key: amount * gap for key, amount in own.items()}
    if eye is None or eye.aim:
        return moves, gap
    over = {("loc_z", channel): _over(lid.bone.head - eye.head, way) for (_, channel), way in moves.items()}
    return {**moves, **over}, gap


def _over(lid: np.ndarray, way: float) -> float:
    """How far to the front what stands at `lid` from an eye's middle goes when it slides up by `way` over the ball."""
    _, up, front = lid
    return float(np.sqrt(max(up**2 + front**2 - (up + way) ** 2, 0.25 * front**2)) - front) if front > 0 else 0.0


def _level(lid: list[Bone], x: float) -> float:
    """The height of a lid's bones at x, beyond its ends on in line: at the corners the lids meet."""
    places = np.array([bone.head[:2] for bone in lid])
    if len(lid) > 1 and not places[0, 0] < x < places[-1, 0]:
        (x0, y0), (x1, y1) = places[:2] if x <= places[0, 0] else places[-2:]
        return y0 + (x - x0) * (y1 - y0) / max(x1 - x0, 1e-6)
    return float(np.interp(x, *places.T))


def _rise(bone: Bone) -> float:
    """Radians that a bone looks up."""
    _, up, front = bone.tail - bone.head
    return float(np.arctan2(up, front))


def _targets(bone: str, moves: Moves, reach: float) -> dict[str, Target]:
    by_axis: dict[str, dict[str, float]] = {}
    for (channel_of_bone, channel), amount in moves.items():
        if abs(amount) > 1e-6:
            by_axis.setdefault(channel_of_bone, {})[channel] = float(round(amount, 5))
    made = {}
    for name, weights in sorted(by_axis.items()):
        kind, _, axis = name.partition("_")
        limit = max(reach, sum(map(abs, weights.values())))
        made[bone_control(bone, axis, kind)] = Target(weights, minimum=-limit, maximum=limit)
    return made
