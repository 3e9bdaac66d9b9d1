"""Cuts: where a video goes on with another picture."""

from __future__ import annotations

import numpy as np

CELLS, SAMPLES = 16, 4
"""A picture is compared by as many by as many means, each of as many by as many pixels or a few more."""
LEAST, TIMES = 0.1, 6.0
"""A cut changes the picture by at least so much (1 less the correlation), and by so many times what is usual in it."""
MEMORY = 0.1
"""How much the newest picture says of what is usual."""


class Cuts:
    """Looks at pictures one after another."""

    def __init__(self) -> None:
        self._image: np.ndarray | None = None
        self._last: np.ndarray | None = None
        self._usual = 0.0

    def seen(self, image: np.ndarray, box: np.ndarray | None = None, now: np.ndarray | None = None) -> bool:
        """Whether this picture (H, W, 3) is cut from the last one; lamps that go on and fast motion are no cut.

        box  left, top, right, bottom in pixels of what matters: while it stays as it is, the rest may change
        now  cells(image), where they are known
        """
        now = cells(image) if now is None else now
        if not now.any():
            return False  # a black picture: what comes after it tells
        before, self._image = self._image, image
        change = 0.0 if self._last is None else 1 - float((now * self._last).mean())
        self._last = now
        least = max(LEAST, TIMES * self._usual)
        if change > least:
            return box is None or 1 - float((_part(image, box) * _part(before, box)).mean()) > least
        self._usual += MEMORY * (change - self._usual)
        return False


def _part(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    left, top = (int(np.clip(v, 0, n - CELLS)) for v, n in zip(box[:2], (width, height), strict=True))
    right, bottom = (int(max(v, least + CELLS)) for v, least in zip(box[2:], (left, top), strict=True))
    return cells(image[top:bottom, left:right])


def cells(image: np.ndarray) -> np.ndarray:
    """float32 (CELLS, CELLS) mean green, of mean 0 and deviation 1; of a picture of one colour all 0."""
    step = max(1, min(image.shape[:2]) // (CELLS * SAMPLES))
    grey = image[::step, ::step, 1].astype(np.float32)
    rows, columns = (np.linspace(0, n, CELLS + 1).astype(int)[:-1] for n in grey.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows, 0), columns, 1)
    size = np.diff(np.append(rows, grey.shape[0]))[:, None] * np.diff(np.append(columns, grey.shape[1]))[None]
    cells = sums / np.maximum(size, 1)
    cells = cells - cells.mean()
    deviation = float(cells.std())
    return cells / deviation if deviation > 1 else 0 * cells
