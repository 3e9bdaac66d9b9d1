"""A character's own Mapping: kept as JSON with it, shown as rows in the panel, else as it is proposed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import bpy
from bpy.types import ID, Object

from ..core.channels import CHANNELS
from ..core.mapping import Mapping, Target
from ..core.rig import Rig, parse_control, parse_pose, parse_uv
from ..errors import CharacterError, FormatError
from ..formats import mapping as mappings
from . import contacts
from .scene import Character

KEPT = "faceanim_mapping"
"""The custom property that holds it. An override keeps no properties of its own in a file: for a linked character it is
the scene's, with the object's name behind it."""


def holder(character: Character) -> Object:
    """The object that a character's own Mapping is kept on."""
    return character.armature or character.keyed[0]


def _place(character: Character) -> tuple[ID, str]:
    thing = holder(character)
    linked = thing.override_library is not None or thing.library is not None
    return (bpy.context.scene, f"{KEPT}:{thing.name}") if linked else (thing, KEPT)


def own(character: Character) -> Mapping | None:
    """The character's own Mapping, None where it has none. Raises FormatError where somebody broke it.

    What was kept in the file that a linked character comes from counts until the scene has one for it.
    """
    place, name = _place(character)
    text = place.get(name) or holder(character).get(KEPT)
    if not text:
        return None
    try:
        return mappings.from_json(json.loads(text))
    except ValueError as error:
        raise FormatError(f"the mapping kept on '{holder(character).name}' cannot be read: {error}",
                          "Reset it in the panel, or load one") from error  # fmt: skip


def keep(character: Character, mapping: Mapping | None) -> None:
    """Make a Mapping the character's own; None: as it is proposed from now on."""
    place, name = _place(character)
    if mapping is not None:
        place[name] = json.dumps(mappings.to_json(mapping))
    elif name in place:
        del place[name]


def of(character: Character) -> tuple[Mapping, list[str]]:
    """The Mapping that a character is driven by, and what must be said of it: its own as far as it fits, else the
    proposed one."""
    kept = own(character)
    if kept is None:
        proposal = contacts.propose(character)
        return proposal.mapping, list(proposal.notes)
    return fitted(kept, character.rig)


def fitted(mapping: Mapping, rig: Rig) -> tuple[Mapping, list[str]]:
    """What of a Mapping drives a Rig, within its sliders' ranges; and why the rest does not, in words.

    Raises CharacterError where nothing does.
    """
    targets: dict[str, Target] = {}
    notes = []
    for control, target in mapping.targets.items():
        reason = _missing(control, rig)
        if reason:
            notes.append(f"'{control}' is not driven: {reason}")
            continue
        key = None if parse_control(control) else rig.key(control)
        if key is not None:
            low, high = max(target.minimum, key.minimum), min(target.maximum, key.maximum)
            target = replace(target, minimum=min(low, high), maximum=high)
        targets[control] = target
    if not targets:
        raise CharacterError(
            f"'{rig.name}' has none of the {len(mapping.targets)} controls of the mapping",
            "it was made for another character: reset the mapping, leave --mapping out, or write one as `rig` proposes",
        )
    blends = tuple(b for blend in mapping.blends if (b := tuple(c for c in blend if c in targets)))
    return Mapping(mapping.name or rig.name, targets, blends), notes


def _missing(control: str, rig: Rig) -> str:
    if parse_pose(control):
        return "" if rig.pose(parse_pose(control)) else "there is no such pose"
    if parse_uv(control):
        shift = rig.shift(parse_uv(control)[0])
        return "there is no such eye" if shift is None else f"it is {shift.blocked}" if shift.blocked else ""
    parsed = parse_control(control)
    found = rig.bone(parsed.bone) if parsed else rig.key(control)
    if found is None:
        return "there is no such bone" if parsed else "there is no such key"
    blocked = found.unmovable if parsed and parsed.kind == "loc" else found.blocked
    return f"it is {blocked}" if blocked else ""


# in the panel --------------------------------------------------------------------------------------------------------


def show(settings: Any, mapping: Mapping | None) -> None:
    """Fill the panel's rows."""
    settings["mapping_quiet"] = True
    settings.mapping_rows.clear()
    for control, target in (mapping.targets if mapping else {}).items():
        for channel, weight in target.weights.items():
            row = settings.mapping_rows.add()
            row.control, row.channel, row.weight = control, channel, weight
    settings["mapping_quiet"] = False


def shown(settings: Any, before: Mapping) -> Mapping:
    """The Mapping that the rows say; limits, gains and gates stay as they were."""
    weights: dict[str, dict[str, float]] = {}
    for row in settings.mapping_rows:
        if row.control and row.channel in CHANNELS:
            weights.setdefault(row.control, {})[row.channel] = row.weight
    targets = {c: replace(before.targets.get(c, Target({})), weights=w) for c, w in weights.items()}
    blends = tuple(b for blend in before.blends if (b := tuple(c for c in blend if c in targets)))
    return Mapping(before.name, targets, blends)

