"""Mapping: a sparse weighted table from channels to a Rig's controls."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """What drives one control: value = clip(offset + gain * gate * sum(weight * channel), minimum, maximum).

    weights  channel to weight; rotations are radians, so a bone's weight is radians per radian or per unit
    gate     channel to weight; the gate is their sum clipped to 0..1, or 1 where there are none. What opens the lips is
             gated by their opening, so that it leaves lips closed that are closed
    """

    weights: Table[str, float]
    gain: float = 1.0
    offset: float = 0.0
    minimum: float = 0.0
    maximum: float = 1.0
    gate: Table[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Mapping:
    """Control to Target (see core.rig for the names of controls).

    blends  sets of controls that are whole shapes of one mouth, as visemes are: together they are at most 1, scaled
            down in proportion where they are more
    """

    name: str = ""
    targets: Table[str, Target] = field(default_factory=dict)
    blends: tuple[tuple[str, ...], ...] = ()

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(self.targets)
