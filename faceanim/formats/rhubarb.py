"""Rhubarb Lip Sync's mouth shapes, as JSON (mouthCues) and TSV (time, shape), and as phones that look like them.

Shapes after Rhubarb's own description of them (its README, "Mouth shapes", after Hanna-Barbera).
"""

from __future__ import annotations

from pathlib import Path

from ..core.take import Phone
from ..core.timed import Timed, ordered
from ..errors import FormatError
from . import document
from .text import read_text

SHAPES: dict[str, str] = {"A": "m", "B": "s", "C": "ɛ", "D": "a", "E": "ɔ", "F": "u", "G": "f", "H": "l", "X": ""}
"""A: closed, B: teeth together, C: open, D: wide open, E: rounded, F: puckered, G: lip to teeth, H: tongue up."""
CONFIDENCE = 0.5
"""A shape stands for many phones."""
_HINT = "make it with: rhubarb -f json (or -f tsv) sound.wav"


def read_json(path: str | Path) -> Timed:
    """Raises FormatError where it is no JSON of Rhubarb's."""

    def build(value: object) -> Timed:
        if not isinstance(value, dict) or not isinstance(value.get("mouthCues"), list):
            raise FormatError("it has no mouthCues, so it is not of Rhubarb", _HINT)
        rows = []
        for node in document.Node(value["mouthCues"], "mouthCues").items():
            cue = node.table()
            missing = [name for name in ("start", "end", "value") if name not in cue]
            if missing:
                raise node.fail(f"lacks '{missing[0]}'", _HINT)
            rows.append((cue["start"].number(0.0), cue["end"].number(0.0), cue["value"].choice(SHAPES)))
        return _timed(rows)

    return document.load(path, "file of mouth shapes", build)


def read_tsv(path: str | Path) -> Timed:
    """Raises FormatError where it is no TSV of Rhubarb's."""
    rows = []
    for number, line in enumerate(read_text(path, "file of mouth shapes").split("\n"), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            if len(parts) != 2 or parts[1] not in SHAPES:
                raise ValueError
            rows.append((float(parts[0]), parts[1]))
        except ValueError:
            message = f"{path}, line {number}: it should be a time and a mouth shape A to H or X, not '{line[:40]}'"
            raise FormatError(message, _HINT) from None
    if any(b < a for (a, _), (b, _) in zip(rows, rows[1:], strict=False)) or not all(0 <= r[0] < 1e7 for r in rows):
        raise FormatError(f"{path}: its times do not rise", _HINT)
    # the last line says where the sound ends
    spans = [(a, b, shape) for (a, shape), (b, _) in zip(rows, rows[1:], strict=False)]
    try:
        return _timed(spans)
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}", error.hint) from None


def _timed(rows: list[tuple[float, float, str]]) -> Timed:
    phones = ordered(Phone(a, b, SHAPES[shape], CONFIDENCE) for a, b, shape in rows if SHAPES[shape])
    if not phones:
        raise FormatError("it has no mouth shapes but rest", _HINT)
    return Timed(phones, (), "Rhubarb mouth shapes")
