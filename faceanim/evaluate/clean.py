"""Which items of a data set no training heard: by what the data say, and by what the model's card says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..core.files import MODELS

COLUMNS = ("in_train", "in_training")
"""Of index.csv: 1 where an item also stands in a training set."""
_TRUE = ("1", "true", "yes")


def heard(model: str, data: str | Path, models: Path = MODELS) -> dict[str, frozenset[str]] | None:
    """What of a data set the training of a model has heard: field to values ({}: all of it); None where the card does
    not name the set.

    The card of models/MODEL has a line such as `- heard: emodb speaker 03 08; grid`; a set is known by its folder.
    """
    card = models / model / "card.md"
    found = re.search(r"^- heard: (.+(?:\n  .+)*)", card.read_text("utf-8"), re.MULTILINE) if card.is_file() else None
    if found is None:
        return None
    for part in " ".join(found[1].split()).split(";"):
        name, *words = part.split()
        if name.lower() == Path(data).resolve().name.lower():
            return {words[0]: frozenset(words[1:])} if words else {}
    return None


def is_clean(fields: Mapping[str, str], known: Mapping[str, frozenset[str]] | None) -> bool:
    """Whether no training heard an item, by its row of index.csv and what `heard` gives."""
    if any(fields.get(column, "").strip().lower() in _TRUE for column in COLUMNS):
        return False
    return known is None or (bool(known) and all(fields.get(name) not in values for name, values in known.items()))
