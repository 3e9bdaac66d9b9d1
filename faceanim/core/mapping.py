"""Mapping: a sparse weighted table from channels to a Rig's controls."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """What drives one control: value = clip(offset + gain * sum(weight * channel), minimum, maximum).

    weights  channel to weight; rotations are radians, so a bone's weight is radians per radian or per unit
    """

    weights: Table[str, float]
    gain: float = 1.0
    offset: float = 0.0
    minimum: float = 0.0
    maximum: float = 1.0


@dataclass(frozen=True)
class Mapping:
    """Control to Target (see core.rig for the names of controls)."""

    name: str = ""
    targets: Table[str, Target] = field(default_factory=dict)

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(self.targets)
