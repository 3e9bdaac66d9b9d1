"""Mapping as JSON.

{"schema": "faceanim/mapping/1", "name": TEXT, "targets": {CONTROL: {"weights": {CHANNEL: NUMBER}, "gain": 1,
"offset": 0, "minimum": 0, "maximum": 1, "gate": {CHANNEL: NUMBER}}}, "blends": [[CONTROL, ...], ...]}; see
core.mapping for what they mean, core.rig for controls, core.channels for channels. All but "schema", "targets" and
"weights" may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.channels import CHANNELS
from ..core.mapping import Mapping, Target
from ..core.rig import parse_control
from . import document
from .document import Node

VERSION = 1
SCHEMA = f"faceanim/mapping/{VERSION}"
_NUMBERS = ("gain", "offset", "minimum", "maximum")


def read(path: str | Path) -> Mapping:
    """Raises FormatError that names the file, the field and what it may be."""
    return document.load(path, "mapping", from_json)


def write(mapping: Mapping, path: str | Path) -> None:
    """Raises OutputError."""
    document.save(path, to_json(mapping))


def from_json(value: Any) -> Mapping:
    """Raises FormatError that names the field."""
    fields = document.checked(value, "mapping", VERSION).fields(
        ("schema", "name", "targets", "blends"), ("targets",)
    )
    targets = {control: _target(control, node) for control, node in fields["targets"].table().items()}
    return Mapping(
        name=fields["name"].text() if "name" in fields else "",
        targets=targets,
        blends=tuple(_blend(node, targets) for node in fields["blends"].items()) if "blends" in fields else (),
    )


def to_json(mapping: Mapping) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": mapping.name,
        "targets": {
            control: {
                "weights": {channel: float(weight) for channel, weight in target.weights.items()},
                **{field: float(getattr(target, field)) for field in _NUMBERS},
                "gate": {channel: float(weight) for channel, weight in target.gate.items()},
            }
            for control, target in mapping.targets.items()
        },
        "blends": [list(blend) for blend in mapping.blends],
    }


def _target(control: str, node: Node) -> Target:
    if control.startswith("bone:") and parse_control(control) is None:
        raise node.fail("is no bone control", "a bone is named bone:NAME:rot_x, rot_y, rot_z, loc_x, loc_y or loc_z")
    fields = node.fields(("weights", "gate", *_NUMBERS), ("weights",))
    weights = fields["weights"].numbers(CHANNELS)
    gate = fields["gate"].numbers(CHANNELS) if "gate" in fields else {}
    target = Target(weights, **{name: fields[name].number() for name in _NUMBERS if name in fields}, gate=gate)
    if target.minimum > target.maximum:
        raise node.fail(f"has minimum {target.minimum:g} above maximum {target.maximum:g}", "exchange the two")
    return target


def _blend(node: Node, targets: Iterable[str]) -> tuple[str, ...]:
    return tuple(control.choice(targets) for control in node.items())
