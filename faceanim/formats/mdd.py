"""Point caches in LightWave's MDD: big-endian; how many frames and points, the frames' seconds, then the points."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType

import numpy as np


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
