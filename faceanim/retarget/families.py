"""Families of names (ARKit, VRoid, Oculus, ...) in presets/mappings/*.json: which key is meant and what drives it.

A file is {"schema": "faceanim/names/1", "name", "rank": order among equals, "keys": [KEY, ...],
"prefixes": [WORD, ...], "suffixes": words that may follow, "marks": words of which one must stand before the name,
where names alone say too little, "anyOrder": whether words may come in any order, "eyes": radians that this family's
eye bones turn for a radian of gaze, 1 by default}. A KEY has
  names     spellings; case, separators and words before the name do not count; {Side} stands for Left/Right,
            left/right, L/R before or after, and for nothing: a key for both sides, taken where there are no sided ones
  weights   channel to weight; {Side} as in names, for both sides the mean
  moves     channels that the shape takes up, so that nobody else may; by default those with a weight above 0
  without   channel to weights that are added where no key moves that channel
  viseme    true for a whole shape of an open mouth: it yields to closed lips, and all of them add up to 1 at most
  needs     channels that the same family must move, else the key is no use
  both      true for a key that does on both sides what others of the family do on one: it yields to them
  why       of a key without weights: why it is left alone
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..core.channels import mirrored
from ..core.files import PRESETS

SCHEMA = "faceanim/names/1"
SHORT = 5
"""Names of fewer letters ("A", "open") mean a face only alone or after the family's own prefixes."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_COPY = re.compile(r"\.\d{3}$")
_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}


def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: "Face.M_eyeBlink_L" is face, m, eye, blink, l. Blender's .001 is no word."""
    return tuple(w.lower() for w in _WORD.findall(_COPY.sub("", name)))


def sided(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The words with l and r spelled out."""
    return tuple(_SIDES.get(w, w) for w in parts)


@dataclass(frozen=True)
class Shape:
    """One key of a family; `both` where it stands for two sided ones."""

    name: str
    weights: Mapping[str, float]
    moves: tuple[str, ...]
    without: Mapping[str, Mapping[str, float]]
    needs: tuple[str, ...]
    why: str
    both: bool
    viseme: bool = False


@dataclass(frozen=True)
class Family:
    name: str
    rank: int
    shapes: tuple[Shape, ...]
    spellings: Mapping[str, int]
    prefixes: frozenset[str]
    any_order: bool
    eyes: float = 1.0
    suffixes: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()

    def match(self, key: str) -> tuple[int, int] | None:
        """(index of the shape, words before it that were skipped) that a key's name means, None where it means none."""
        parts = words(key)
        while parts and parts[-1] in self.suffixes:
            parts = parts[:-1]
        for skipped in range(len(parts)):
            if self.marks and self.marks.isdisjoint(parts[:skipped]):
                continue
            rest = parts[skipped:]
            forms = ["".join(rest)] + (["".join(sorted(sided(rest)))] if self.any_order else [])
            index = next((self.spellings[f] for f in forms if f in self.spellings), None)
            if index is None:
                continue
            loose = len(forms[0]) >= SHORT and self.shapes[index].weights
            if loose or self.prefixes.issuperset(parts[:skipped]):
                return index, skipped
        return None


@lru_cache(maxsize=1)
def families() -> tuple[Family, ...]:
    """All families in presets/mappings, by rank."""
    values = (json.loads(p.read_text(encoding="utf-8")) for p in sorted((PRESETS / "mappings").glob("*.json")))
    return tuple(sorted((_family(v) for v in values if v.get("schema") == SCHEMA), key=lambda f: f.rank))


def _family(value: dict) -> Family:
    shapes: list[Shape] = []
    spellings: dict[str, int] = {}
    any_order = bool(value.get("anyOrder"))
    for key in value["keys"]:
        one_sided = any("{Side}" in name for name in key["names"])
        for side in ("Left", "Right", "") if one_sided else (None,):
            for name in key["names"]:
                for form in _forms(name, side, any_order):
                    spellings.setdefault(form, len(shapes))
            shapes.append(_shape(key, side))
    prefixes, suffixes, marks = (frozenset(value.get(k, ())) for k in ("prefixes", "suffixes", "marks"))
    eyes = value.get("eyes", 1.0)
    return Family(value["name"], value["rank"], tuple(shapes), spellings, prefixes, any_order, eyes, suffixes, marks)


def _forms(name: str, side: str | None, any_order: bool) -> set[str]:
    if side is None or "{Side}" not in name:
        parts = words(name)
        return {"".join(parts)} | ({"".join(sorted(sided(parts)))} if any_order else set())
    parts = words(name.replace("{Side}", ""))
    stem = "".join(parts)
    if not side:
        return {stem} | ({"".join(sorted(parts))} if any_order else set())
    long, short = side.lower(), side[0].lower()
    forms = {stem + long, stem + short, long + stem, short + stem}
    return forms | ({"".join(sorted((*parts, long)))} if any_order else set())


def _shape(key: dict, side: str | None) -> Shape:
    def channel(name: str) -> list[str]:
        if "{Side}" not in name:
            return [name]
        left = name.replace("{Side}", "Left")
        return {"Left": [left], "Right": [mirrored(left)]}.get(side or "", [left, mirrored(left)])

    weights: dict[str, float] = {}
    for name, weight in key["weights"].items():
        for c in channel(name):
            weights[c] = weight / len(channel(name))
    positive = [name for name, weight in key["weights"].items() if weight > 0]
    moves = [c for name in key.get("moves", positive) for c in channel(name)]
    name = key["names"][0].replace("{Side}", side or "")
    needs, why = tuple(key.get("needs", ())), key.get("why", "")
    both = side == "" or key.get("both", False)
    return Shape(name, weights, tuple(moves), key.get("without", {}), needs, why, both, key.get("viseme", False))
