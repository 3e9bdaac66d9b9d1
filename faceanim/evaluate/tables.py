"""Tables that describe labelled data, and what is said of it."""

from __future__ import annotations

import csv
from pathlib import Path

from ..core.files import check_writable
from ..errors import FormatError, OutputError


def rows_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows by their columns' names; none where there is no such file. Between tabs nothing is quoted."""
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
            return [dict(row) for row in csv.DictReader(file, delimiter=delimiter, quoting=quoting)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} is no table: {error}", "save it as UTF-8 text") from error


def check_predictions(path: Path | None) -> None:
    """Before the work is done: raises OutputError where --predictions names no .npz that can be written."""
    if path is None:
        return
    if path.suffix.lower() != ".npz":
        raise OutputError(f"{path} should end in .npz", "name it predictions.npz")
    check_writable(path)
