"""What a command is, and what several of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..core.files import check_writable, input_file
from ..core.take import Take
from ..errors import OutputError

Report = dict[str, Any]


class Command(NamedTuple):
    """One command of `faceanim`. What is heavy is imported inside `run`, so that the others stay light."""

    name: str
    help: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Report]
    """The work: the options, and `args.progress`, to what `--json` writes. Errors are those of errors.py."""
    text: Callable[[Report], str] | None = None
    """The report as lines for a reader; `run` may set `args.text` where it knows better."""
    missed: Callable[[Report], tuple[str, str] | None] | None = None
    """A message and its hint where the report tells of a failure: exit status 1."""


def writable(path: Path, *suffixes: str) -> Path:
    """Fails early, before long work, where `path` ends in none of these or could not be written in the end."""
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"{path} should end in {' or '.join(suffixes)}", f"name it {path.stem or 'out'}{suffixes[0]}")
    return check_writable(path)


def read_take(path: Path) -> Take:
    from ..formats import takes

    return takes.read(input_file(path, "take"))


def written(report: Report) -> str:
    return report["path"]


def lines(report: Report) -> str:
    """Plain values as `name: value`, one a line; nested ones indented."""
    found = []
    for name, value in report.items():
        if isinstance(value, dict):
            found += [f"{name}:", *("  " + line for line in lines(value).splitlines())]
        elif not isinstance(value, (list, tuple)) or len(value) < 12:
            found.append(f"{name}: {value}")
    return "\n".join(found)
