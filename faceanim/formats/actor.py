"""Actor as JSON.

{"schema": "faceanim/actor/1", "name": TEXT, "rest": {"points": [[x, y, z] of 478 landmarks in eye distances],
"pose": [yaw, pitch, roll] in radians, "crops": small pictures in base64, or null}, "gains": {CHANNEL: 0..4}};
see core.actor. A person may change the name and the gains.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import numpy as np

from ..core.actor import Actor
from ..core.channels import ARKIT
from ..core.face import LANDMARKS
from . import document

VERSION = 1
SCHEMA = f"faceanim/actor/{VERSION}"
MOST_GAIN = 4.0


def read(path: str | Path) -> Actor:
    """Raises FormatError that names the file, the field and what it may be."""
    return document.load(path, "actor", from_json)


def write(actor: Actor, path: str | Path) -> None:
    """Raises OutputError."""
    document.save(path, to_json(actor))


def from_json(value: Any) -> Actor:
    """Raises FormatError that names the field."""
    fields = document.checked(value, "actor", VERSION).fields(("schema", "name", "rest", "gains"), ("rest",))
    rest = fields["rest"].fields(("points", "pose", "crops"), ("points", "pose"))
    points = rest["points"].items()
    if len(points) != LANDMARKS:
        raise rest["points"].fail(f"must be {LANDMARKS} points, not {len(points)}", "make the actor again")
    return Actor(
        points=np.array([_three(point) for point in points], np.float32),
        pose=np.array(_three(rest["pose"]), np.float32),
        crops=_crops(rest["crops"]) if "crops" in rest and rest["crops"].value is not None else None,
        gains=fields["gains"].numbers(ARKIT, 0.0, MOST_GAIN) if "gains" in fields else {},
        name=fields["name"].text() if "name" in fields else "",
    )


def _three(node: document.Node) -> list[float]:
    items = node.items()
    if len(items) != 3:
        raise node.fail(f"must be three numbers, not {len(items)}")
    return [item.number(-10.0, 10.0) for item in items]


def _crops(node: document.Node) -> np.ndarray:
    try:
        return np.frombuffer(base64.b64decode(node.text(), validate=True), np.uint8)
    except binascii.Error as error:
        raise node.fail(f"is not base64: {error}", "make the actor again") from error


def to_json(actor: Actor) -> dict[str, Any]:
    crops = None if actor.crops is None else base64.b64encode(np.asarray(actor.crops, np.uint8).tobytes()).decode()
    return {
        "schema": SCHEMA,
        "name": actor.name,
        "gains": {name: round(float(gain), 3) for name, gain in actor.gains.items()},
        "rest": {
            "pose": [round(float(v), 4) for v in actor.pose],
            "points": [[round(float(v), 4) for v in point] for point in actor.points],
            "crops": crops,
        },
    }
