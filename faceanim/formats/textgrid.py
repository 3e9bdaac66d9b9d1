"""Praat's TextGrid, in its long and its short text form, as aligners write it (Montreal Forced Aligner, WebMAUS, ...).

Praat reads both forms by the same rule: what counts are numbers, texts in quotes and flags that stand free; everything
else is there for the human reader (Praat manual, "TextGrid file formats").
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.take import Phone, Word
from ..core.timed import Timed, ordered
from ..errors import FormatError
from .alphabets import silent, to_ipa
from .text import read_text

WORDS = ("words", "word", "ort-mau", "ort", "orthography", "wort", "wörter", "mots", "palabras", "transcript", "text")
PHONES = ("phones", "phone", "phonemes", "phoneme", "mau", "segments", "segment", "sounds", "phons", "phonetic", "ipa")
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(<\w+>)|(?<!\S)([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)|!.*')
_HINT = "save it in Praat with Save > Save as text file"


class Tier(NamedTuple):
    """intervals: (start, end in seconds, label)."""

    name: str
    intervals: tuple[tuple[float, float, str], ...]


def read(path: str | Path) -> Timed:
    """The tiers named as words or phones are; a name may have the speaker before it ("Anna - phones").

    Phones may be in IPA, ARPAbet or X-SAMPA. Where no name fits and there is one tier, its labels say what it is.
    Raises FormatError.
    """
    path = Path(path)
    text = read_text(path, "TextGrid")
    try:
        tiers = parse(text)
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}", error.hint) from None
    words, phones = _named(tiers, WORDS), _named(tiers, PHONES)
    if not words and not phones and len(tiers) == 1:
        said = [label for _, _, label in tiers[0].intervals if not silent(label)]
        short = sum(len(label) <= 3 for label in said) > 0.8 * len(said)
        words, phones = (None, tiers[0]) if short else (tiers[0], None)
    if not words and not phones:
        there = ", ".join(f"'{tier.name}'" for tier in tiers) or "none"
        raise FormatError(
            f"{path} has no tier of words or phones, its tiers are: {there}", "name a tier words or phones"
        )
    ipa = to_ipa(label for _, _, label in phones.intervals) if phones else str
    timed = Timed(
        ordered(Phone(a, b, ipa(label), 1.0) for a, b, label in (phones.intervals if phones else ()) if ipa(label)),
        ordered(Word(a, b, label) for a, b, label in (words.intervals if words else ()) if not silent(label)),
        "Praat TextGrid",
    )
    if not timed.phones and not timed.words:
        raise FormatError(f"{path} has no labels in its tiers", "name a TextGrid that is filled in")
    return timed


def parse(text: str) -> list[Tier]:
    """The interval tiers of a TextGrid's text; point tiers are passed over. Raises FormatError."""
    tokens = _tokens(text)
    kinds = [next(tokens, None), next(tokens, None)]
    if not str(kinds[0]).startswith("ooTextFile") or kinds[1] != "TextGrid":
        binary = text.startswith("ooBinaryFile")
        raise FormatError("it is a binary Praat file" if binary else "it is no TextGrid", _HINT)
    _number(tokens), _number(tokens)
    if next(tokens, None) != "<exists>":
        return []
    tiers = []
    for _ in range(_count(tokens)):
        kind, name = _text(tokens), _text(tokens)
        _number(tokens), _number(tokens)
        count = _count(tokens)
        if kind == "IntervalTier":
            rows = tuple((_number(tokens), _number(tokens), _text(tokens).strip()) for _ in range(count))
            tiers.append(Tier(name, rows))
        elif kind == "TextTier":
            for _ in range(count):
                _number(tokens), _text(tokens)
        else:
            raise FormatError(f"it has a tier of unknown kind '{kind}'", _HINT)
    return tiers


def _tokens(text: str) -> Iterator[str | float]:
    for found in _TOKEN.finditer(text):
        quoted, flag, number = found.groups()
        if quoted is not None:
            yield quoted.replace('""', '"')
        elif flag or number:
            yield flag or float(number)


def _number(tokens: Iterator[str | float]) -> float:
    value = next(tokens, None)
    if not isinstance(value, float) or not math.isfinite(value):
        raise FormatError("it is cut off" if value is None else f"it has '{value}' where a number should be", _HINT)
    return value


def _count(tokens: Iterator[str | float]) -> int:
    value = _number(tokens)
    if value != int(value) or not 0 <= value <= 1e7:
        raise FormatError(f"it has {value:g} where a count should be", _HINT)
    return int(value)


def _text(tokens: Iterator[str | float]) -> str:
    value = next(tokens, None)
    if not isinstance(value, str):
        raise FormatError("it is cut off" if value is None else f"it has {value:g} where a text should be", _HINT)
    return value


def _named(tiers: list[Tier], names: tuple[str, ...]) -> Tier | None:
    """The first filled tier that has one of the names, the foremost first; then one whose name ends in one."""
    filled = [tier for tier in tiers if not all(silent(label) for _, _, label in tier.intervals)]
    for pattern in (r"\s*{}\s*", r".*[-_:\s]{}\s*"):
        for name in names:
            for tier in filled:
                if re.fullmatch(pattern.format(re.escape(name)), tier.name, re.IGNORECASE | re.DOTALL):
                    return tier
    return None
