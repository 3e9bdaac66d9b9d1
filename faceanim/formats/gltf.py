"""glTF 2.0 and its binary form GLB: the animation of morph targets (Khronos' specification, chapters 3.7 and 4)."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from .exported import Exported

_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_JSON, _BIN = 0x4E4F534A, 0x004E4942


def read(path: Path) -> Exported:
    """The first animation. Raises ValueError, KeyError or IndexError where the file is broken."""
    document, buffers = _parts(path)
    animation = (document.get("animations") or [{"channels": [], "samplers": []}])[0]
    morphs: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    inputs = {sampler["input"]: _accessor(document, buffers, sampler["input"]) for sampler in animation["samplers"]}
    for channel in animation["channels"]:
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        if target["path"] != "weights":
            continue
        node = document["nodes"][target["node"]]
        names = document["meshes"][node["mesh"]]["extras"]["targetNames"]
        times = inputs[sampler["input"]][:, 0]
        values = _accessor(document, buffers, sampler["output"]).reshape(len(times), -1, len(names))
        values = values[:, values.shape[1] // 2]  # of a cubic spline's three, the value between its tangents
        morphs |= {(node["name"], name): (times, values[:, i]) for i, name in enumerate(names)}
    longest = max((times[:, 0] for times in inputs.values()), key=len, default=np.zeros(1))
    steps = np.diff(longest)
    span = float(max((times.max() for times in inputs.values()), default=0.0))
    return Exported(float(1 / np.median(steps)) if len(steps) else 0.0, span, morphs)


def embedded(path: Path) -> str:
    """A GLB as one text: glTF that holds its buffer as base64."""
    document, buffers = _parts(path)
    for buffer, data in zip(document.get("buffers", []), buffers, strict=True):
        buffer["uri"] = "data:application/octet-stream;base64," + base64.b64encode(data).decode("ascii")
    return json.dumps(document)


def _parts(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    data, binary = path.read_bytes(), b""
    if data[:4] == b"glTF":
        chunks, at = {}, 12
        while at < len(data):
            size, kind = struct.unpack_from("<2I", data, at)
            chunks.setdefault(kind, data[at + 8 : at + 8 + size])
            at += 8 + size
        data, binary = chunks[_JSON], chunks.get(_BIN, b"")
    document = json.loads(data)
    return document, [_buffer(path, buffer, binary) for buffer in document.get("buffers", [])]


def _buffer(path: Path, buffer: dict[str, Any], binary: bytes) -> bytes:
    uri = buffer.get("uri")
    if uri is None:
        return binary
    if uri.startswith("data:"):
        return base64.b64decode(uri.partition(",")[2])
    return (path.parent / uri).read_bytes()


def _accessor(document: dict[str, Any], buffers: list[bytes], number: int) -> np.ndarray:
    """float64 (count, width)."""
    accessor = document["accessors"][number]
    kind, width = np.dtype(_TYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
    if "bufferView" not in accessor:
        return np.zeros((accessor["count"], width))
    view = document["bufferViews"][accessor["bufferView"]]
    first = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    stride = view.get("byteStride", 0) or width * kind.itemsize
    whole = np.frombuffer(buffers[view["buffer"]], np.uint8)
    rows = first + stride * np.arange(accessor["count"])[:, None] + np.arange(width * kind.itemsize)
    values = np.ascontiguousarray(whole[rows]).view(kind).astype(float)
    return values / np.iinfo(kind).max if accessor.get("normalized") else values
