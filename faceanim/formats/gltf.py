"""glTF 2.0 and its binary form GLB: the animation of morph targets and bones (Khronos' specification, chapters 3.7 and
4)."""

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
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""From glTF's axes, y up and z to the front."""
_JSON, _BIN = 0x4E4F534A, 0x004E4942


def read(path: Path) -> Exported:
    """The first animation. Raises ValueError, KeyError or IndexError where the file is broken."""
    document, buffers = _parts(path)
    animation = (document.get("animations") or [{"channels": [], "samplers": []}])[0]
    morphs: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    moves: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]] = {}
    inputs = {sampler["input"]: _accessor(document, buffers, sampler["input"]) for sampler in animation["samplers"]}
    for channel in animation["channels"]:
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        if target["path"] != "weights":
            times, values = inputs[sampler["input"]][:, 0], _accessor(document, buffers, sampler["output"])
            every = len(values) // len(times)  # 3 of a cubic spline, as below
            moves[target["node"], target["path"]] = times, values[every // 2 :: every]
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
    bones = _bones(document, buffers, moves, longest)
    return Exported(float(1 / np.median(steps)) if len(steps) else 0.0, span, morphs, *bones)


def _bones(
    document: dict[str, Any], buffers: list[bytes], moves: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]],
    times: np.ndarray,
) -> list[dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]]:
    """Exported.turns and Exported.places at times (K,), of all skins."""
    nodes = document.get("nodes", [])
    above = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}
    places: dict[int, np.ndarray] = {}

    def place(i: int) -> np.ndarray:
        if i not in places:
            own = _local(nodes[i], i, moves, times)
            places[i] = place(above[i]) @ own if i in above else own
        return places[i]

    turns, stand = {}, {}
    for skin in document.get("skins", []):
        joints = skin["joints"]
        bound = _accessor(document, buffers, skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        for i, inverse in zip(joints, bound, strict=True):
            holder = i
            while holder in joints and holder in above:
                holder = above[holder]
            u, _, v = np.linalg.svd((place(i) @ inverse)[:, :3, :3])
            name = nodes[holder].get("name", ""), nodes[i].get("name", "")
            turns[name] = times, _Z_UP @ (u @ v) @ _Z_UP.T
            stand[name] = times, place(i)[:, :3, 3] @ _Z_UP.T
    return [turns, stand]


def _local(
    node: dict[str, Any], i: int, moves: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]], times: np.ndarray
) -> np.ndarray:
    """(K, 4, 4): a node's place below its parent at times (K,)."""
    if "matrix" in node:
        return np.broadcast_to(np.reshape(node["matrix"], (4, 4)).T, (len(times), 4, 4))
    parts = []
    for path, still in (("translation", (0, 0, 0)), ("rotation", (0, 0, 0, 1)), ("scale", (1, 1, 1))):
        at, values = moves.get((i, path), (np.zeros(1), np.array([node.get(path, still)], float)))
        parts.append(np.stack([np.interp(times, at, column) for column in values.T], 1))
    moved, turned, scaled = parts
    x, y, z, w = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).T
    made = np.zeros((len(times), 4, 4))
    made[:, 0, :3] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], 1)
    made[:, 1, :3] = np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], 1)
    made[:, 2, :3] = np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], 1)
    made[:, :3, :3] *= scaled[:, None]
    made[:, :3, 3], made[:, 3, 3] = moved, 1.0
    return made


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
