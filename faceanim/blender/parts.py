"""What a character has besides its skin: eyes, teeth, tongue, lips, and what tells left from right."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from bpy.types import Object

from ..core.channels import GROUPS
from ..core.mapping import Mapping
from ..retarget import bones
from ..retarget.lips import Mouth, Surface
from .scene import Character

_NAMED = {
    "eyes": re.compile(r"^(?!.*(brow|lid|lash|line|socket|occlusion|tear)).*(eye|iris|cornea|pupil)", re.I),
    "teeth": re.compile(r"teeth|tooth|gums?\b", re.I),
    "tongue": re.compile(r"tongue", re.I),
}
"""How objects, materials and groups of vertices are called that hold a part."""


def parts(character: Character, mapping: Mapping, surface: Surface, mouth: Mouth | None) -> dict[str, Any]:
    """`eyes` {left, right: {by: "bone"|"key"|"mesh"|"", name}}, `teeth` {upper: whether its edge is found, meshes},
    `tongue` {keys, meshes}, `lips` whether they are found, `sides` {left, right: keys that move one side alone}."""
    held = {part: _holders(character, pattern) for part, pattern in _NAMED.items()}
    driven = {c: control for control, target in mapping.targets.items() for c in target.weights}
    found = bones.find(character.rig)
    return {
        "eyes": {side: _eye(side, found, driven, held["eyes"]) for side in ("left", "right")},
        "teeth": {"upper": mouth is not None and mouth.teeth.stop > mouth.teeth.start, "meshes": held["teeth"]},
        "tongue": {
            "keys": sorted({driven[c] for c in GROUPS["tongue"] if c in driven}), "meshes": held["tongue"],
        },
        "lips": mouth is not None,
        "sides": _sides(surface),
    }  # fmt: skip


def _eye(side: str, found: dict[str, list], driven: dict[str, str], held: list[str]) -> dict[str, str]:
    bone = bones.free(found[f"eye_{side}"])
    if bone:
        return {"by": "bone", "name": bone.name}
    looking = next((driven[c] for c in GROUPS["gaze"] if c in driven and side in c.lower()), "")
    if looking:
        return {"by": "key", "name": looking}
    letter = re.compile(rf"{side}|(?:^|[^a-z]){side[0]}(?:[^a-z]|$)", re.I)
    named = next((name for name in held if letter.search(name)), held[0] if held else "")
    return {"by": "mesh" if named else "", "name": named}


def _holders(character: Character, pattern: re.Pattern) -> list[str]:
    """Names of the meshes that hold a part: by their own name, or that of a material that they show."""
    return [mesh.name for mesh in character.meshes if any(pattern.search(name) for name in _names(mesh))]


def _names(mesh: Object) -> set[str]:
    used = np.zeros(len(mesh.data.polygons), np.int32)
    mesh.data.polygons.foreach_get("material_index", used)
    slots = {i: slot.material.name for i, slot in enumerate(mesh.material_slots) if slot.material}
    return {mesh.name, mesh.data.name} | {slots[i] for i in np.unique(used).tolist() if i in slots}


def _sides(surface: Surface) -> dict[str, list[str]]:
    """Keys that move (nearly) nothing of the other side of the face."""
    sides: dict[str, list[str]] = {"left": [], "right": []}
    moved = np.unique(np.concatenate([which for which, _ in surface.deltas.values()] or [np.zeros(0, int)]))
    if not len(moved):
        return sides
    across = surface.points[:, 0] - (surface.points[moved, 0].min() + surface.points[moved, 0].max()) / 2
    for name, (which, delta) in surface.deltas.items():
        much = np.sqrt((delta**2).sum(1))
        whole = float(much.sum())
        if whole > 0:
            share = float(much[across[which] > 0].sum()) / whole
            if not 0.05 < share < 0.95:
                sides["left" if share > 0.5 else "right"].append(name)
    return sides
