"""Which module reads a file of words or phones with their times, by its suffix."""

from __future__ import annotations

from pathlib import Path

from ..core.timed import Timed
from ..errors import FormatError
from . import rhubarb, subtitles, textgrid

READERS = {
    ".textgrid": textgrid.read,
    ".srt": subtitles.read,
    ".vtt": subtitles.read,
    ".json": rhubarb.read_json,
    ".tsv": rhubarb.read_tsv,
}
SUFFIXES = tuple(READERS)


def read(path: str | Path) -> Timed:
    """Words or phones with times: a Praat TextGrid, subtitles (.srt, .vtt), Rhubarb's mouth shapes (.json, .tsv).

    Raises FormatError.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in READERS:
        raise FormatError(f"'{suffix}' is no known kind of timed text: {path}", "it is one of: " + ", ".join(READERS))
    return READERS[suffix](path)
