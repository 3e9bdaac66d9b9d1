"""A viseme preset as text that a person can read and compare."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 118


def rounded(value: Any, digits: int = 4) -> Any:
    """The document with numbers of so many decimals."""
    if isinstance(value, dict):
        return {key: rounded(entry, digits) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry, digits) for entry in value]
    return round(value, digits) if isinstance(value, float) else value


def written(value: Any, indent: int = 0) -> str:
    """JSON: what fits a line is on a line."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return text + ("\n" if not indent else "")
    space = " " * (indent + 1)
    if isinstance(value, dict):
        rows = [f"{space}{json.dumps(key, ensure_ascii=False)}: {written(v, indent + 1)}" for key, v in value.items()]
    else:
        rows = [space + written(v, indent + 1) for v in value]
    ends = "{}" if isinstance(value, dict) else "[]"
    return f"{ends[0]}\n" + ",\n".join(rows) + f"\n{' ' * indent}{ends[1]}" + ("\n" if not indent else "")
