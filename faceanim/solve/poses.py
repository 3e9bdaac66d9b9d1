"""Emotion presets: how every emotion looks and how fast it comes and goes, read from presets/emotions.

An emotion is several variants, each a combination of FACS action units at three grades of intensity; a table says what
each unit is in channels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..core.channels import ARKIT, GROUP_OF
from ..core.emotion import LABELS
from ..core.files import PRESETS, input_file
from ..errors import FormatError

ACTIONS_SCHEMA = "faceanim/actions/1"
SCHEMA = "faceanim/emotion/1"
FOLDER = PRESETS / "emotions"
CHANNELS: tuple[str, ...] = tuple(
    name for name in ARKIT if GROUP_OF[name] in ("lips", "jaw", "cheeks", "nose", "brows", "lids")
)
"""What an emotion may move."""
GRADES = 3
SIDES = ("Left", "Right")
_HINT = "compare it with the presets that faceanim brings"
_TIMES = ("onset_s", "apex_s", "offset_s", "sustain")


@dataclass(frozen=True)
class Variant:
    """One look of an emotion.

    arousal  0..1: the excitement of a voice that it goes best with
    grades   float32 (GRADES + 1, len(CHANNELS)) 0..1: the channels at intensity 0, 1/3, 2/3 and 1
    units    action unit (with L or R for one side) to its intensity at each grade
    source   whose combination it is
    """

    name: str
    arousal: float
    grades: np.ndarray
    units: Mapping[str, tuple[float, ...]]
    source: str

    def at(self, intensity: np.ndarray, columns: list[int]) -> np.ndarray:
        """float32 (F, len(columns)): these of CHANNELS at intensities (F,) 0..1."""
        place = np.clip(intensity, 0, 1) * GRADES
        low = np.minimum(place.astype(int), GRADES - 1)
        part = (place - low)[:, None].astype(np.float32)
        grades = self.grades[:, columns]
        return grades[low] + part * (grades[low + 1] - grades[low])


@dataclass(frozen=True)
class Emotion:
    """All looks of one emotion.

    onset_s, offset_s  seconds in which it comes and goes
    apex_s             seconds for which it is there in full; what lasts longer falls to `sustain` (0..1) of it
    """

    label: str
    variants: tuple[Variant, ...]
    onset_s: float
    apex_s: float
    offset_s: float
    sustain: float


Emotions = Mapping[str, Emotion]
"""Label to Emotion, all LABELS."""


@lru_cache(maxsize=4)
def read(folder: str | Path = FOLDER) -> Emotions:
    """The presets of a folder. Raises FormatError that names the file and what is wrong in it."""
    folder = Path(folder)
    units = _load(folder / "actions.json", _units)
    emotions = {label: _load(folder / f"{label}.json", lambda d, label=label: _emotion(d, label, units))
                for label in LABELS}  # fmt: skip
    return emotions


def _load(path: Path, build: Any) -> Any:
    path = input_file(path, "emotion preset", FormatError)
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(f"{path} is not JSON: {error}", _HINT) from error
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}", error.hint) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path} lacks or misspells {error}", _HINT) from error


def _units(document: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Unit (5), and its sides (5L, 5R), to float64 (len(CHANNELS),) at full intensity."""
    _schema(document, ACTIONS_SCHEMA)
    units: dict[str, np.ndarray] = {}
    for unit, entry in document["units"].items():
        for suffix, sides in (("", SIDES), ("L", SIDES[:1]), ("R", SIDES[1:])):
            row = np.zeros(len(CHANNELS))
            for stem, value in entry["channels"].items():
                row[sided(stem, sides)] = _share(value, f"{unit}.{stem}")
            units[unit + suffix] = row
    return units


def sided(name: str, sides: tuple[str, ...] = SIDES) -> list[int]:
    """Columns of CHANNELS of a channel, or of these sides of one that is named without a side."""
    return [CHANNELS.index(full) for full in ([name] if name in CHANNELS else [name + side for side in sides])]


def _emotion(document: Mapping[str, Any], label: str, units: Mapping[str, np.ndarray]) -> Emotion:
    _schema(document, SCHEMA)
    if document["label"] != label:
        raise FormatError(f"its label is '{document['label']}', not '{label}'", "name the file by its label")
    variants = tuple(_variant(v, units) for v in document["variants"])
    names = [v.name for v in variants]
    if not names or len(set(names)) != len(names):
        raise FormatError("it needs variants with a name each", _HINT)
    timing = {name: float(document["timing"][name]) for name in _TIMES}
    if min(timing.values()) <= 0 or timing["sustain"] > 1:
        raise FormatError("its times are above 0, and sustain is at most 1", _HINT)
    return Emotion(label, variants, **timing)


def _variant(v: Mapping[str, Any], units: Mapping[str, np.ndarray]) -> Variant:
    grades = np.zeros((GRADES + 1, len(CHANNELS)))
    levels: dict[str, tuple[float, ...]] = {}
    for unit, value in v["units"].items():
        if unit not in units:
            raise FormatError(f"variant '{v['name']}' names unit '{unit}', which actions.json does not have", _HINT)
        graded = value if isinstance(value, list) else [value * (i + 1) / GRADES for i in range(GRADES)]
        if len(graded) != GRADES:
            raise FormatError(f"unit {unit} of '{v['name']}' needs a number or {GRADES} of them", _HINT)
        levels[unit] = tuple(_share(x, f"{v['name']}.{unit}") for x in graded)
        grades[1:] += np.outer(levels[unit], units[unit])
    return Variant(
        str(v["name"]), _share(v["arousal"], "arousal"), np.clip(grades, 0, 1).astype(np.float32), levels,
        str(v["source"]),
    )  # fmt: skip


def _share(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise FormatError(f"{place} is {value!r}, not a number from 0 to 1", _HINT)
    return float(value)


def _schema(document: Any, schema: str) -> None:
    if not isinstance(document, Mapping) or document.get("schema") != schema:
        raise FormatError(f'it does not say "schema": "{schema}"', _HINT)


def region(channel: str) -> str:
    """Of REGIONS, the parts of an expression that do not move quite at once."""
    group = GROUP_OF[channel]
    return {"lips": "mouth", "jaw": "mouth", "nose": "cheeks"}.get(group, group)


REGIONS: tuple[str, ...] = ("brows", "lids", "cheeks", "mouth")
