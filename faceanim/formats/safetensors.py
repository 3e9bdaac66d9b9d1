"""safetensors with numpy and json: named arrays and text metadata in one file, nothing in it can run.

Layout (https://github.com/huggingface/safetensors, "Format"): 8 bytes, the header's length N as a little-endian
unsigned integer; N bytes of JSON, {name: {"dtype", "shape", "data_offsets": [begin, end]}} and "__metadata__"
{text: text}, padded with spaces; then the arrays' bytes, little-endian, row-major; the offsets tile them without holes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.files import input_file, replacing
from ..errors import FormatError

MAX_HEADER = 100_000_000
"""Bytes; the limit of the reference implementation."""

DTYPES = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"), "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"), "U32": np.dtype("<u4"), "U16": np.dtype("<u2"), "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"), "BF16": np.dtype("<u2"),
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}


@dataclass(frozen=True)
class Entry:
    """Where one array lies: bytes [begin, end) after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class _Foreign(FormatError):
    """The file is no safetensors at all, in contrast to one that is cut or damaged."""


def read_header(path: str | Path, what: str = "file") -> tuple[dict[str, Entry], dict[str, str]]:
    """The arrays' places and the metadata, checked, without reading the arrays.

    `what` names the file in messages. Raises FormatError: not a safetensors file, truncated, or damaged.
    """
    path = input_file(path, what, FormatError)
    with _reading(path) as file:
        entries, metadata, _ = _header(file, path, what)
    return entries, metadata


def read(path: str | Path, what: str = "file") -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """All arrays and the metadata; BF16 comes as float32. Reads no more than the file's own size into memory.

    Raises FormatError as read_header does.
    """
    path = input_file(path, what, FormatError)
    with _reading(path) as file:
        entries, metadata, size = _header(file, path, what)
        data = np.fromfile(file, np.uint8, size)
    if len(data) != size:
        raise _cut(path, what)
    return {name: _array(data, entry) for name, entry in entries.items()}, metadata


def write(path: str | Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Writes to a temporary name, then renames. Raises OutputError; FormatError for a dtype that has no name here."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    chunks: list[np.ndarray] = []
    offset = 0
    # wide types first, so that each array begins at a multiple of its item size
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        array = np.asarray(array, order="C")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype not in _NAMES:
            raise FormatError(f"array '{name}' is of {array.dtype}, which safetensors cannot hold", "convert it first")
        end = offset + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [offset, end]}
        chunks.append(array)
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in chunks:
            file.write(array.data)


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    """The open file; an OSError (a vanished drive, no permission) becomes a FormatError."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise FormatError(message, "check that the file may be read") from error


def _cut(path: Path, what: str) -> FormatError:
    return FormatError(f"{path} is truncated: the {what} ends before its data does", "copy or make it again")


def _header(file: BinaryIO, path: Path, what: str) -> tuple[dict[str, Entry], dict[str, str], int]:
    """Entries, metadata and the number of data bytes; the file stands at the first of them afterwards."""
    file.seek(0, 2)
    total = file.tell()
    file.seek(0)
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    foreign = _Foreign(f"{path} is not a {what}", "name another file; its content is of another kind")
    if not 2 <= length <= MAX_HEADER or (len(start) == 9 and start[8:] != b"{"):
        raise foreign
    if 8 + length > total:
        raise _cut(path, what)
    file.seek(8)
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise foreign from error
    if not isinstance(header, dict):
        raise foreign
    size = total - 8 - length
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _damaged(path, what, "its metadata are not text")
    entries = {name: _entry(path, what, name, value) for name, value in header.items()}
    expected = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != expected:
            raise _damaged(path, what, f"array '{name}' begins at byte {entry.begin} instead of {expected}")
        expected = entry.end
    if expected > size:
        raise _cut(path, what)
    if expected < size:
        raise _damaged(path, what, f"{size - expected} bytes lie behind its last array")
    return entries, metadata, size


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice")
    return result


def _entry(path: Path, what: str, name: str, value: object) -> Entry:
    try:
        dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]  # type: ignore[index]
        numbers = [*shape, begin, end]
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged(path, what, f"array '{name}' has no dtype, shape and data_offsets") from error
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise _damaged(path, what, f"array '{name}' is of unknown type {dtype!r}")
    if not all(type(n) is int and n >= 0 for n in numbers):
        raise _damaged(path, what, f"array '{name}' has a size or offset that is not a whole number")
    # Python's integers do not overflow, so a shape of 2**63 by 2**63 is caught here and nothing is allocated
    if math.prod(shape) * DTYPES[dtype].itemsize != end - begin or len(shape) > 32:
        raise _damaged(path, what, f"array '{name}' of shape {shape} does not fill bytes {begin} to {end}")
    return Entry(dtype, tuple(shape), begin, end)


def _array(data: np.ndarray, entry: Entry) -> np.ndarray:
    array = np.require(data[entry.begin : entry.end].view(DTYPES[entry.dtype]), requirements="AW")
    if entry.dtype == "BF16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False).reshape(entry.shape)


def _damaged(path: Path, what: str, why: str) -> FormatError:
    return FormatError(f"{path} is a damaged {what}: {why}", "copy or make it again")
