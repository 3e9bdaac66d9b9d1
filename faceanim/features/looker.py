"""What is seen in the pictures of a face, in a thread of its own: small ones are cut out of them and looked at."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from ..core.face import Portraits
from .crops import cut
from .face_emotion import LOOKS_HZ, portrait

WAITING, LARGE = 8, 50_000_000
"""Pictures that are handed on together to be cut; fewer where they have as many bytes."""
TOGETHER = 16
"""Frames that the face network looks at together."""


class Frame(Protocol):
    """What a source of video yields."""

    time: float
    image: np.ndarray


class Looker:
    """Cuts small pictures out of those with a face, and looks at them, beside what goes on.

    crops      uint8 (features.crops.PIXELS,) of every frame: whether they are kept
    portraits  and some a second for the emotion network
    look       crops (M, PIXELS) to what the face network sees in them, (M, V)
    """

    def __init__(self, crops: bool, portraits: bool, look: Callable[[np.ndarray], np.ndarray] | None):
        self._keeps, self._shows, self._look = crops, portraits, look
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[np.ndarray, np.ndarray, bool]] = []
        self._working: list[Future] = []
        self._shown: list[tuple[float, int]] = []
        # what the thread has made
        self._cut: list[np.ndarray] = []
        self.crops: list[np.ndarray] = []
        self.views: list[np.ndarray] = []
        self._portraits: list[np.ndarray] = []

    def add(self, frame: Frame, points: np.ndarray, shot: int) -> None:
        """Waits where it is far behind, so that few pictures are kept."""
        # half a frame early is near enough, and keeps the rate where frames come at any
        show = self._shows and (not self._shown or frame.time - self._shown[-1][0] >= 0.9 / LOOKS_HZ)
        if show:
            self._shown.append((frame.time, shot))
        if show or self._keeps or self._look is not None:
            self._waiting.append((frame.image, points, show))
        if len(self._waiting) == WAITING or len(self._waiting) * frame.image.nbytes > LARGE:
            if len(self._working) == 2:
                self._working.pop(0).result()
            self._working.append(self._thread.submit(self._work, self._waiting))
            self._waiting = []

    def _work(self, some: list[tuple[np.ndarray, np.ndarray, bool]]) -> None:
        self._portraits += [portrait(image, points) for image, points, show in some if show]
        for image, points, _ in some if self._keeps or self._look is not None else ():
            self._cut.append(cut(image, points))
            if len(self._cut) == TOGETHER:
                self._see()

    def _see(self) -> None:
        crops, self._cut = np.stack(self._cut), []
        if self._look is not None:
            self.views.append(self._look(crops))
        if self._keeps:
            self.crops.append(crops)

    def finish(self) -> Portraits | None:
        """The portraits; crops and views of all frames are there then, in parts (m, ...)."""
        for work in self._working:
            work.result()
        self._work(self._waiting)
        if self._cut:
            self._see()
        if not self._shown:
            return None
        times, shots = zip(*self._shown, strict=True)
        return Portraits(np.array(times), np.stack(self._portraits), np.array(shots))

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)
