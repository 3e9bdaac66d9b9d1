"""Small grey pictures of a face's eyes, mouth and whole, cut along its landmarks: what points alone do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..core.face import LANDMARKS

STEADY = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 162, 389, 9, 151, 10, 116, 345, 123, 352)
"""Landmarks whose spread is the unit of length, as expressions hardly move them. On an average face 1 is 0.72 of the
distance between the outer eye corners."""
OUTER_CORNERS = (33, 263)
DEPTH = 0.75
"""MediaPipe's z is too deep."""


class Crop(NamedTuple):
    """around: landmarks whose mean is its middle; up: that much higher; wide: in units; width, height in pixels;
    flip: seen in the mirror, so that both eyes look alike."""

    around: tuple[int, ...]
    up: float
    wide: float
    width: int
    height: int
    flip: bool = False

    @property
    def pixels(self) -> int:
        return self.width * self.height


CROPS: dict[str, Crop] = {
    "eyeLeft": Crop((362, 263), 0.10, 0.88, 48, 48),
    "eyeRight": Crop((33, 133), 0.10, 0.88, 48, 48, True),
    "mouth": Crop((61, 291, 0, 17), 0.0, 1.5, 64, 48),
    "face": Crop((168, 4, 61, 291), 0.0, 2.7, 96, 96),
}
PIXELS = sum(crop.pixels for crop in CROPS.values())


def _mirror() -> np.ndarray:
    ends = np.cumsum([crop.pixels for crop in CROPS.values()])[:-1]
    left, right, *others = np.split(np.arange(PIXELS), ends)
    wide = [part.reshape(-1, crop.width) for part, crop in zip(others, list(CROPS.values())[2:], strict=True)]
    return np.concatenate([right, left, *(part[:, ::-1].ravel() for part in wide)])


MIRROR = _mirror()
"""int (PIXELS,): where the pixels are that the mirror shows; the right eye's crop is seen in it already."""


GREY = np.array([0.3, 0.55, 0.15], np.float32)


def cut(image: np.ndarray, points: np.ndarray, crops: Mapping[str, Crop] = CROPS) -> np.ndarray:
    """uint8 (pixels,), of CROPS PIXELS: the crops one after another, each row by row.

    image   uint8 (H, W, 3) RGB; points float32 (478, 3): the face's landmarks in its pixels. Beyond the picture its
    edge goes on.
    """
    rigid = points[list(STEADY)] * np.array([1, 1, DEPTH], np.float32)
    rigid -= rigid.mean(0)
    unit = max(float(np.sqrt(np.vdot(rigid, rigid) / len(rigid))), 4.0)
    across = points[OUTER_CORNERS[1], :2] - points[OUTER_CORNERS[0], :2]
    turn = across * (unit / max(float(np.hypot(*across)), 1e-6))
    grids = [_grid(crop) for crop in crops.values()]
    middles = (np.stack([grid.around for grid in grids]) @ points)[:, :2]
    region, corner = _region(image, middles, unit * np.array([grid.reach for grid in grids], np.float32))
    out = []
    for grid, middle in zip(grids, middles - corner, strict=True):
        # a large face is halved until a step is less than two pixels
        size = 1
        while grid.step * unit >= 2 * size and min(region.shape[:2]) >= 4 * size:
            size *= 2
        (right, down), (x, y) = turn / size, (middle + 0.5) / size - 0.5
        out.append(_sample(region, size, grid.x * right + (x - grid.y * down), grid.x * down + (y + grid.y * right)))
    return np.concatenate(out, None)


class _Grid(NamedTuple):
    """A crop's pixels: float32 x (width,) and y (height, 1) from its middle, the step between them, and its reach, all
    in units; around: float32 (478,) weights of the landmarks, whose sum is its middle."""

    x: np.ndarray
    y: np.ndarray
    step: float
    reach: float
    around: np.ndarray


@lru_cache(maxsize=8)
def _grid(crop: Crop) -> _Grid:
    step = crop.wide / crop.width
    x = (np.arange(crop.width) - (crop.width - 1) / 2) * step * (-1 if crop.flip else 1)
    y = (np.arange(crop.height) - (crop.height - 1) / 2) * step - crop.up
    reach = float(np.hypot(crop.wide, step * crop.height)) / 2 + crop.up
    around = np.bincount(crop.around, minlength=LANDMARKS) / len(crop.around)
    return _Grid(x.astype(np.float32), y.astype(np.float32)[:, None], step, reach, around.astype(np.float32))


def _region(image: np.ndarray, middles: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that holds all crops, and its corner float32 (2,) in the picture."""
    height, width = image.shape[:2]
    left, top = (int(v) - 2 for v in np.floor((middles - reach[:, None]).min(0)))
    right, bottom = (int(v) + 3 for v in np.ceil((middles + reach[:, None]).max(0)))
    left, top = min(max(left, 0), width - 2), min(max(top, 0), height - 2)
    right, bottom = min(max(right, left + 2), width), min(max(bottom, top + 2), height)
    return image[top:bottom, left:right], np.array([left, top], np.float32)


def _sample(region: np.ndarray, size: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """uint8 like x and y (h, w): bilinear in the region (H, W, 3), a pixel for every square of `size`; they are places
    in these."""
    left, right = _within(x, region.shape[1] // size)
    top, bottom = _within(y, region.shape[0] // size)
    grey = _grey(region[top * size : bottom * size, left * size : right * size], size).ravel()
    column, row = np.floor(x), np.floor(y)
    x -= column
    y -= row
    width = right - left
    index = (row * np.float32(width) + (column - np.float32(top * width + left))).astype(np.intp)
    upper, lower = grey[index], grey[width:][index]
    upper += x * (grey[1:][index] - upper)
    lower += x * (grey[width + 1 :][index] - lower)
    upper += y * (lower - upper)
    upper += np.float32(0.5)
    return upper.astype(np.uint8)


def _within(at: np.ndarray, count: int) -> tuple[int, int]:
    """Places (h, w) on a plane are moved in between `count` pixels; the span of those that they lie between."""
    edges = at[:: len(at) - 1, :: at.shape[1] - 1]
    first, last = float(edges.min()), float(edges.max())
    limit = np.float32(count - 1.001)
    if first < 0 or last > limit:
        np.clip(at, 0, limit, out=at)
        first, last = (min(max(v, 0.0), float(limit)) for v in (first, last))
    return int(first), int(last) + 2


def _grey(image: np.ndarray, size: int) -> np.ndarray:
    """float32 (H / size, W / size): means of squares of so many pixels. Row by row, as BLAS would share a larger
    product among threads, which wait for each other longer than they work."""
    rows = image[::size].astype(np.float32)
    for k in range(1, size):
        rows += image[k::size]
    return rows.reshape(len(rows), -1, 3 * size) @ np.concatenate([GREY / size**2] * size)
