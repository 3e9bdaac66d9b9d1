"""The constants of a viseme preset that are fitted, each as a factor that costs the more the further it is from 1."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core.channels import GROUP_OF
from ...solve.visemes import Visemes, from_json

PARTING = ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight")
ROUNDING = ("mouthPucker", "mouthFunnel")
SPREADING = ("mouthStretchLeft", "mouthStretchRight", "mouthDimpleLeft", "mouthDimpleRight")
SHAPES = {"jaw": (("jawOpen",), 0.3), "parting": (PARTING, 0.4), "rounding": (ROUNDING, 0.3),
          "spreading": (SPREADING, 0.4)}  # fmt: skip
"""Channels that change together, and by how much (ln) they may without a reason."""
WEIGHTS = {"lips": 0.5, "jaw": 0.5}
TIMES = {
    ("lead_s", "lips"): 0.4, ("lead_s", "jaw"): 0.4, ("follow_s", "lips"): 0.4, ("follow_s", "jaw"): 0.4,
    ("edge", "value"): 0.3, ("edge", "most_s"): 0.4, ("contact_lead_s", "value"): 0.2,
    ("contact_follow_s", "value"): 0.2, ("pause_weight", "value"): 0.5, ("pause_weight", "per_s"): 0.5,
    ("pause_weight", "most"): 0.5, ("rest_lead_s", "value"): 0.3, ("rest_follow_s", "value"): 0.3,
    ("rest_fade_s", "value"): 0.4, ("breath", "lead_s"): 0.3, ("loud_gain", "per_db"): 0.5,
}  # fmt: skip
DELAY = (0.025, 0.01)
"""Seconds by which GRID's pictures come after the sound: lips part that long after the burst of a p or b is heard."""


class Constant(NamedTuple):
    """spread: the standard deviation (ln) that is thought likely; change: multiplies it in a document."""

    name: str
    spread: float
    change: Callable[[dict[str, Any], float], None]


class Constants:
    """All free constants of a preset's document; a point x (N,) is in units of their spreads, its last one the delay.

    counts: viseme name to how often it was seen; those rarer than `enough` move with their kind alone.
    """

    def __init__(self, document: dict[str, Any], counts: dict[str, int], enough: int = 25):
        self.document = document
        self.list = [Constant(".".join(path), spread, _timing(path)) for path, spread in TIMES.items()]
        visemes = document["visemes"]
        for vowel, kind in ((True, "vowels"), (False, "consonants")):
            some = [i for i, v in enumerate(visemes) if bool(v.get("vowel")) is vowel and v["ipa"]]
            self.list += _of(kind, some, visemes, 0.3)
        for i, viseme in enumerate(visemes):
            if counts.get(viseme["name"], 0) >= enough:
                self.list += _of(viseme["name"], [i], visemes)

    def __len__(self) -> int:
        return len(self.list) + 1

    def at(self, x: np.ndarray) -> tuple[dict[str, Any], float]:
        """The document and the delay in seconds at a point."""
        document = copy.deepcopy(self.document)
        for constant, value in zip(self.list, x[:-1], strict=True):
            constant.change(document, float(np.exp(value * constant.spread)))
        return document, DELAY[0] + DELAY[1] * float(x[-1])

    def visemes(self, x: np.ndarray) -> tuple[Visemes, float]:
        """The preset, without the tongue, which no camera sees, and the delay at a point."""
        document, delay = self.at(x)
        for viseme in document["visemes"]:
            viseme["shape"] = {c: value for c, value in viseme["shape"].items() if GROUP_OF[c] != "tongue"}
        return from_json(document), delay


def _of(name: str, some: Sequence[int], visemes: list, spread: float | None = None) -> list[Constant]:
    """The constants that these visemes have in common."""
    found = []
    for key, (channels, own) in SHAPES.items():
        if places := [i for i in some if not _held(visemes[i]) and set(channels) & set(visemes[i]["shape"])]:
            found.append(Constant(f"{name}.{key}", spread or own, _shape(places, channels)))
    for part, own in WEIGHTS.items():
        found.append(Constant(f"{name}.weight.{part}", spread or own, _weight(some, part)))
    return found


def _held(viseme: dict[str, Any]) -> bool:
    """Whether a contact alone makes its shape: that is a matter of geometry, not of measuring mouths."""
    return viseme.get("contact", {}).get("strength", {}).get("lips") == 1


def _timing(path: tuple[str, str]) -> Callable[[dict[str, Any], float], None]:
    def change(document: dict[str, Any], factor: float) -> None:
        document["timing"][path[0]][path[1]] *= factor

    return change


def _shape(places: Sequence[int], channels: Sequence[str]) -> Callable[[dict[str, Any], float], None]:
    def change(document: dict[str, Any], factor: float) -> None:
        for shape in (document["visemes"][i]["shape"] for i in places):
            for channel in set(channels) & set(shape):
                shape[channel] = min(shape[channel] * factor, 1.0)

    return change


def _weight(places: Sequence[int], part: str) -> Callable[[dict[str, Any], float], None]:
    def change(document: dict[str, Any], factor: float) -> None:
        for i in places:
            document["visemes"][i]["weight"][part] *= factor

    return change
