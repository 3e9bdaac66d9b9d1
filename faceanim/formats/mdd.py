"""Point caches in LightWave's MDD: big-endian; how many frames and points, the frames' seconds, then the points.

A file holds one mesh.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import numpy as np

from ..errors import FormatError


def files(path: str | Path, meshes: Iterable[str]) -> dict[str, Path]:
    """Which file is whose, of a character that is written to `path`: of one mesh that itself, of several NAME_MESH.mdd.

    What file systems do not take in a name becomes _, and names that are then the same are numbered.
    """
    path, meshes = Path(path), list(meshes)
    if len(meshes) == 1:
        return {meshes[0]: path}
    found: dict[str, Path] = {}
    taken: set[str] = set()
    for mesh in meshes:
        plain = name = re.sub(r"[^\w.-]+", "_", mesh)
        number = 2
        while name.casefold() in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name.casefold())
        found[mesh] = path.with_name(f"{path.stem}_{name}{path.suffix}")
    return found


class Writer:
    """Writes frame by frame, so that a long clip of a dense mesh needs no memory. The first frame says how many points.

    frames   how many will be added
    fps      frames a second, for the times that the file holds
    """

    def __init__(self, path: str | Path, frames: int, fps: float = 1.0):
        self.frames, self.fps, self.points = frames, fps, -1
        self.file = open(path, "wb")  # noqa: SIM115 - it stays open from frame to frame

    def add(self, points: np.ndarray) -> bool:
        """Add a frame of points (V, 3); False, and nothing added, where V is not the first frame's."""
        if self.points < 0:
            self.points = len(points)
            self.file.write(struct.pack(">2i", self.frames, self.points))
            self.file.write((np.arange(self.frames) / self.fps).astype(">f4").tobytes())
        if len(points) != self.points:
            return False
        self.file.write(np.ascontiguousarray(points, ">f4").tobytes())
        return True

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.close()


def read(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The seconds float32 (F,) and the points (F, V, 3), which stay in the file until they are looked at.

    Raises FormatError where the file is broken.
    """
    path = Path(path)
    head = np.fromfile(path, ">i4", 2)
    frames, points = (int(n) for n in head) if len(head) == 2 else (0, 0)
    if frames < 1 or points < 0 or path.stat().st_size != 8 + 4 * frames * (1 + 3 * points):
        raise FormatError(f"{path.name} is no MDD, or broken", "export the character again")
    times = np.fromfile(path, ">f4", frames, offset=8).astype(np.float32)
    shape = (frames, points, 3)
    return times, np.memmap(path, ">f4", "r", 8 + 4 * frames, shape) if points else np.zeros(shape, np.float32)
