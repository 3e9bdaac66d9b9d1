"""JSON documents that people edit: a named schema with a version, and errors that name the field and what it may be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ..core.files import input_file, replacing
from ..errors import FormatError

T = TypeVar("T")


@dataclass(frozen=True)
class Node:
    """A value inside a document and where it stands, such as `targets.jaw.gain`."""

    value: Any
    place: str = ""

    def fail(self, why: str, hint: str = "") -> FormatError:
        return FormatError(f"{self.place or 'the document'} {why}", hint or "correct the field and load it again")

    def table(self) -> dict[str, Node]:
        """An object with any names."""
        if not isinstance(self.value, dict):
            raise self.fail(f"must be an object {{name: ...}}, not {_short(self.value)}")
        return {name: Node(v, f"{self.place}.{name}" if self.place else name) for name, v in self.value.items()}

    def fields(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Node]:
        """An object with no names but the known ones."""
        table, known = self.table(), tuple(known)
        for name in table:
            if name not in known:
                raise table[name].fail("is not known", _suggest(name, known))
        for name in required:
            if name not in table:
                raise self.fail(f"lacks '{name}'", f"add \"{name}\"")
        return table

    def items(self) -> list[Node]:
        """An array."""
        if not isinstance(self.value, list):
            raise self.fail(f"must be an array [...], not {_short(self.value)}")
        return [Node(v, f"{self.place}[{i}]") for i, v in enumerate(self.value)]

    def choice(self, options: Iterable[str]) -> str:
        options = tuple(options)
        if not isinstance(self.value, str) or self.value not in options:
            raise self.fail(f"is {_short(self.value)}", _suggest(str(self.value), options))
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fail(f"must be text, not {_short(self.value)}")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fail(f"must be true or false, not {_short(self.value)}")
        return self.value

    def number(self, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number in [low, high]."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.fail(f"must be a number, not {_short(self.value)}")
        if not (math.isfinite(self.value) and low <= self.value <= high):
            raise self.fail(f"must be from {low:g} to {high:g} and finite, not {self.value}")
        return float(self.value)

    def numbers(
        self, keys: Iterable[str] | None = None, low: float = -math.inf, high: float = math.inf
    ) -> dict[str, float]:
        """An object {name: number in [low, high]}, its names among `keys` if given."""
        table = self.table() if keys is None else self.fields(keys)
        return {name: node.number(low, high) for name, node in table.items()}


def load(path: str | Path, what: str, build: Callable[[Any], T]) -> T:
    """Parses the JSON file and builds the value; every FormatError names the file."""
    path = input_file(path, what, FormatError)
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        message = f"{path} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        raise FormatError(message, "correct that place; a text editor with JSON support shows it") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}", error.hint) from error
    except (UnicodeDecodeError, RecursionError, OSError) as error:
        raise FormatError(f"{path} is not a {what}", "name a JSON file") from error
    try:
        return build(value)
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}", error.hint) from error


def save(path: str | Path, value: Any) -> None:
    """Indented JSON in UTF-8, written to a temporary name, then renamed. Raises OutputError."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode())


def checked(value: Any, kind: str, version: int) -> Node:
    """The document, its "schema": "faceanim/KIND/VERSION" checked."""
    hint = f'a {kind} has "schema": "faceanim/{kind}/{version}"'
    if not isinstance(value, dict) or not isinstance(value.get("schema"), str):
        raise FormatError(f"it does not name its schema, so it is no {kind}", hint)
    parts = value["schema"].split("/")
    if len(parts) != 3 or parts[0] != "faceanim" or parts[1] != kind or not parts[2].isdecimal():
        raise FormatError(f"its schema is '{value['schema']}', so it is no {kind}", hint)
    if int(parts[2]) > version:
        raise FormatError(
            f"it is a {kind} of version {parts[2]}, this faceanim reads up to {version}", "update faceanim"
        )
    return Node(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise FormatError(f"'{name}' stands twice in one object", "keep one of the two")
        result[name] = value
    return result


def _suggest(name: str, options: tuple[str, ...]) -> str:
    near = get_close_matches(name, options, 1, 0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return "it may be: " + ", ".join(options) if len(options) <= 16 else "see the list of channels"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
