"""Binary FBX: its tree of records, and the animation of morph targets in it.

There is no public specification; the layout is as the FBX SDK's and Blender's files have it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .exported import Exported

MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
TICKS = 46_186_158_000
"""FBX counts time in so many parts of a second."""
FRAME_RATES = {1: 120.0, 2: 100.0, 3: 60.0, 4: 50.0, 5: 48.0, 6: 30.0, 7: 30.0, 8: 30000 / 1001, 9: 30000 / 1001,
               10: 25.0, 11: 24.0, 12: 1000.0, 13: 24000 / 1001, 15: 96.0, 16: 72.0, 17: 60000 / 1001}  # fmt: skip
"""FbxTime's modes; 14 is a rate of the file's own."""
_SCALARS = {"Y": "<h", "C": "<?", "B": "<?", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}
_ARRAYS = {"f": "<f4", "d": "<f8", "l": "<i8", "i": "<i4", "b": "<u1", "c": "<u1"}


@dataclass(frozen=True)
class Record:
    """A record: its name, its values and the records in it."""

    name: str
    values: list[Any]
    inner: list[Record] = field(default_factory=list)

    def find(self, name: str) -> Record:
        """The first record of that name in it; raises KeyError."""
        found = next((record for record in self.inner if record.name == name), None)
        if found is None:
            raise KeyError(f"no {name} in {self.name}")
        return found

    @property
    def properties(self) -> dict[str, Any]:
        """Its Properties70: name to the last value."""
        return {record.values[0]: record.values[-1] for record in self.find("Properties70").inner}


def records(path: Path) -> Record:
    """The file's tree under one record. Raises ValueError where it is no binary FBX, or broken."""
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise ValueError("it is no binary FBX")
    version = struct.unpack_from("<I", data, len(MAGIC))[0]
    try:
        return Record("", [version], list(_records(data, len(MAGIC) + 4, len(data), ">" if version >= 7500 else "")))
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error


def _records(data: bytes, at: int, end: int, wide: str) -> Iterator[Record]:
    head = "<3QB" if wide else "<3IB"
    while at < end:
        stop, count, _, length = struct.unpack_from(head, data, at)
        if stop == 0:
            return  # the empty record that ends a list
        at += struct.calcsize(head)
        name = data[at : at + length].decode("ascii")
        at += length
        values = []
        for _ in range(count):
            value, at = _value(data, at)
            values.append(value)
        yield Record(name, values, list(_records(data, at, stop, wide)))
        at = stop


def _value(data: bytes, at: int) -> tuple[Any, int]:
    kind, at = chr(data[at]), at + 1
    if kind in _SCALARS:
        return struct.unpack_from(_SCALARS[kind], data, at)[0], at + struct.calcsize(_SCALARS[kind])
    if kind in _ARRAYS:
        count, packed, size = struct.unpack_from("<3I", data, at)
        at += 12
        dtype = np.dtype(_ARRAYS[kind])
        size = size if packed else count * dtype.itemsize
        raw = zlib.decompress(data[at : at + size]) if packed else data[at : at + size]
        return np.frombuffer(raw, dtype, count), at + size
    size = struct.unpack_from("<I", data, at)[0]
    raw, at = data[at + 4 : at + 4 + size], at + 4 + size
    return (raw.decode("utf-8", "replace") if kind == "S" else raw), at


def read(path: Path) -> Exported:
    """The rate, the length and the morph curves. Raises ValueError or KeyError where the file is broken."""
    tree = records(path)
    settings = tree.find("GlobalSettings").properties
    fps = FRAME_RATES.get(settings["TimeMode"]) or float(settings["CustomFrameRate"])
    things = {record.values[0]: record for record in tree.find("Objects").inner}
    above: dict[int, list[int]] = {}
    for link in tree.find("Connections").inner:
        above.setdefault(link.values[1], []).append(link.values[2])

    def owner(thing: int, kind: str, sort: str = "") -> int | None:
        found = (things[i] for i in above.get(thing, ()) if i in things)
        return next((r.values[0] for r in found if r.name == kind and (not sort or r.values[2] == sort)), None)

    morphs, last = {}, 0
    for number, record in things.items():
        if record.name != "AnimationCurve":
            continue
        times, values = record.find("KeyTime").values[0], record.find("KeyValueFloat").values[0]
        last = max(last, int(times[-1]))
        node = owner(number, "AnimationCurveNode")
        channel = owner(node, "Deformer", "BlendShapeChannel")
        shape = owner(channel, "Deformer", "BlendShape")
        mesh = owner(owner(shape, "Geometry"), "Model")
        if mesh is not None:
            morphs[_name(things[mesh]), _name(things[channel])] = times / TICKS, values / 100.0
    return Exported(fps, last / TICKS, morphs)


def _name(record: Record) -> str:
    return record.values[1].split("\0")[0]
