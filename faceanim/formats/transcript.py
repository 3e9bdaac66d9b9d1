"""What is said, given as text or as the name of a file that holds it."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from . import timed

PLAIN = (".txt", ".md")
SUFFIXES = (*PLAIN, *timed.SUFFIXES)


def read(given: str | None) -> tuple[str | None, Path | None]:
    """(text, file with times) of a text or the path of a file: at most one of them; none of nothing.

    A file of timed.SUFFIXES gives times too; any other is plain text in UTF-8. Raises InputError where there is no
    such file, FormatError where it cannot be read.
    """
    if given is None or not given.strip():
        return None, None
    try:
        is_file = Path(given).is_file()
    except (OSError, ValueError):  # too long for a name
        is_file = False
    if not is_file:
        if given.strip().lower().endswith(SUFFIXES):
            raise InputError(f"there is no transcript {given}", "check the path, or give the text itself")
        return given, None
    path = Path(given)
    if path.suffix.lower() in timed.SUFFIXES:
        timed.read(path)  # what is wrong with it is told before any work
        return None, path
    try:
        return path.read_text("utf-8-sig").strip(), None
    except UnicodeDecodeError:
        raise InputError(f"the transcript {given} is not UTF-8 text", "save it as plain text in UTF-8") from None
