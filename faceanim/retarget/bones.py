"""Head, neck, jaw and eye bones by their names."""

from __future__ import annotations

import json
from functools import lru_cache

from ..core.files import PRESETS
from ..core.mapping import Target
from ..core.rig import Bone, Rig, bone_control
from .families import sided, words

NECK_SHARE = 0.35
"""How much of the head's turn the neck takes where there is one."""
JAW_RAD = 0.35
"""How far a jaw bone turns at jawOpen 1 (20 degrees)."""
HEAD_LIMIT, EYE_LIMIT = 1.2, 0.7


@lru_cache(maxsize=1)
def _names() -> tuple[frozenset[str], dict[str, set[tuple[str, ...]]]]:
    value = json.loads((PRESETS / "mappings" / "bones.json").read_text(encoding="utf-8"))
    sets = {role: {tuple(sorted(name.split())) for name in names} for role, names in value["bones"].items()}
    return frozenset(value["noise"]), sets


def find(rig: Rig) -> dict[str, list[Bone]]:
    """Role ("head", "neck", "jaw", "eye_left", "eye_right") to the bones named like it, the plainest name first."""
    noise, sets = _names()
    found: dict[str, list[tuple[int, int, Bone]]] = {role: [] for role in sets}
    for order, bone in enumerate(rig.bones):
        parts = sided(words(bone.name))
        rest = tuple(sorted(w for w in parts if w not in noise))
        for role, names in sets.items():
            if rest in names:
                found[role].append((len(parts) - len(rest), order, bone))
    return {role: [bone for *_, bone in sorted(bones, key=lambda b: b[:2])] for role, bones in found.items()}


def free(bones: list[Bone]) -> Bone | None:
    """The first that may be written."""
    return next((b for b in bones if not (b.unmovable if b.aim else b.blocked)), None)


def head_targets(rig: Rig, head: Bone, necks: list[Bone]) -> dict[str, Target]:
    """Targets that turn the head, a part of it by the neck that carries it."""
    above = ancestors(rig, head)
    neck = min(
        (b for b in necks if not b.blocked and b.name in above and b.armature == head.armature),
        key=lambda b: above.index(b.name), default=None,
    )
    parts = [(head, 1.0)]
    if neck is not None:
        parts = [(neck, NECK_SHARE), (head, 1 - NECK_SHARE * carried(rig, head, neck))]
    return {
        bone_control(bone.name, axis): Target({channel: sign * share}, minimum=-HEAD_LIMIT, maximum=HEAD_LIMIT)
        for bone, share in parts
        for axis, channel, sign in (("x", "headPitch", 1.0), ("y", "headYaw", 1.0), ("z", "headRoll", -1.0))
    }


def eye_targets(left: Bone, right: Bone, share: float = 1.0) -> dict[str, Target]:
    """share: radians that the bones turn for a radian of gaze. What an eye looks at is moved across its way instead."""
    made = {}
    for bone, side in ((left, "left"), (right, "right")):
        moves = (("x", "Yaw", 1.0), ("y", "Pitch", -1.0)) if bone.aim else (("x", "Pitch", 1.0), ("y", "Yaw", 1.0))
        by = bone.aim or share
        for axis, turn, sign in moves:
            target = Target({f"{side}Eye{turn}": sign * by}, minimum=-EYE_LIMIT * by, maximum=EYE_LIMIT * by)
            made[bone_control(bone.name, axis, "loc" if bone.aim else "rot")] = target
    return made


def jaw_targets(jaw: Bone) -> dict[str, Target]:
    """Targets of a jaw bone that opens the mouth alone, so that it closes it too: no key of the lips does."""
    opens = Target({"jawOpen": JAW_RAD, "mouthClose": -JAW_RAD}, minimum=0.0, maximum=JAW_RAD)
    turns = Target({"jawLeft": 0.12, "jawRight": -0.12}, minimum=-0.12, maximum=0.12)
    return {bone_control(jaw.name, "x"): opens, bone_control(jaw.name, "y"): turns}


def carried(rig: Rig, bone: Bone, by: Bone) -> float:
    """How far one bone's motion takes another along, 0..1 (Bone.carried)."""
    if bone.carried is not None:
        return bone.carried.get(by.name, 0.0)
    return float(by.name in ancestors(rig, bone))


def ancestors(rig: Rig, bone: Bone) -> list[str]:
    """Names of the bones above, the nearest first."""
    parents = {b.name: b.parent for b in rig.bones if b.armature == bone.armature}
    names: list[str] = []
    name = bone.parent
    while name and name not in names:
        names.append(name)
        name = parents.get(name, "")
    return names
