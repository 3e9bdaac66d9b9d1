"""Text files as other programs write them."""

from __future__ import annotations

import codecs
from pathlib import Path

from ..core.files import input_file
from ..errors import FormatError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
LARGEST = 64 * 2**20
"""Bytes; more is no text that anybody speaks."""


def read_text(path: str | Path, what: str) -> str:
    """The file's text with newlines as "\\n": UTF-8, UTF-16 with its mark, else Windows' Western code page.

    Raises FormatError where it is missing, empty or no text.
    """
    path = input_file(path, what, FormatError)
    try:
        if path.stat().st_size > LARGEST:
            raise FormatError(f"{path} is too large for a {what}", "name the right file")
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror or error}", "check its permissions") from error
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace") if encoding == "utf-8" else "\0"
    if "\0" in text:
        raise FormatError(f"{path} is no {what}: it is not text", "save it as text in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")
