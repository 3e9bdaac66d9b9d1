"""Small grey pictures of a face's eyes, mouth and whole, cut along its landmarks: what points alone do not tell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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
    "face": Crop((168, 4, 61, 291), 0.0, 2.7, 48, 48),
}
PIXELS = sum(crop.pixels for crop in CROPS.values())


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """float32 (PIXELS, 2) of places in units from each crop's middle, and int (PIXELS,): the crop."""
    places, which = [], []
    for k, crop in enumerate(CROPS.values()):
        step = crop.wide / crop.width
        y, x = np.meshgrid(np.arange(crop.height), np.arange(crop.width), indexing="ij")
        x = (x - (crop.width - 1) / 2) * step * (-1 if crop.flip else 1)
        places.append(np.stack([x, (y - (crop.height - 1) / 2) * step - crop.up], 2).reshape(-1, 2))
        which.append(np.full(crop.pixels, k))
    return np.concatenate(places).astype(np.float32), np.concatenate(which)


GRID, WHICH = _grid()


def cut(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """uint8 (PIXELS,): the crops of CROPS one after another, each row by row.

    image   uint8 (H, W, 3) RGB; points float32 (478, 3): the face's landmarks in its pixels. Beyond the picture its
    edge goes on.
    """
    rigid = points[list(STEADY)] * np.array([1, 1, DEPTH], np.float32)
    unit = max(float(np.sqrt(((rigid - rigid.mean(0)) ** 2).sum(1).mean())), 4.0)
    across = points[OUTER_CORNERS[1], :2] - points[OUTER_CORNERS[0], :2]
    across = across / max(float(np.hypot(*across)), 1e-6)
    middles = np.stack([points[list(crop.around), :2].mean(0) for crop in CROPS.values()])
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]], np.float32)
    at = middles[WHICH] + (GRID * unit) @ turn
    corner = np.floor(at.min(0)).astype(int) - 2
    end = np.ceil(at.max(0)).astype(int) + 3
    height, width = image.shape[:2]
    left, top = int(np.clip(corner[0], 0, width - 2)), int(np.clip(corner[1], 0, height - 2))
    right, bottom = int(np.clip(end[0], left + 2, width)), int(np.clip(end[1], top + 2, height))
    region = image[top:bottom, left:right]
    grey = (region[..., 0] * np.float32(0.3) + region[..., 1] * np.float32(0.55)) + region[..., 2] * np.float32(0.15)
    at = at - np.array([left, top], np.float32)
    out = np.zeros(PIXELS, np.float32)
    level = 0
    # the finest first: large faces are halved until a step is less than two pixels
    for crop in sorted(CROPS.values(), key=lambda crop: crop.wide / crop.width):
        while crop.wide / crop.width * unit / 2**level >= 2 and min(grey.shape) >= 4:
            grey = _halved(grey)
            level += 1
        rows = list(CROPS.values()).index(crop) == WHICH
        out[rows] = _sample(grey, (at[rows] + 0.5) / 2**level - 0.5)
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def _halved(grey: np.ndarray) -> np.ndarray:
    height, width = grey.shape[0] // 2 * 2, grey.shape[1] // 2 * 2
    grey = grey[:height, :width]
    grey = grey[0::2] + grey[1::2]
    return (grey[:, 0::2] + grey[:, 1::2]) * np.float32(0.25)


def _sample(grey: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Bilinear, at (N, 2) x and y."""
    height, width = grey.shape
    x, y = np.clip(at[:, 0], 0, width - 1.001), np.clip(at[:, 1], 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    fx, fy = x - left, y - top
    flat = grey.ravel()
    index = top * width + left
    upper = flat[index] * (1 - fx) + flat[index + 1] * fx
    lower = flat[index + width] * (1 - fx) + flat[index + width + 1] * fx
    return upper * (1 - fy) + lower * fy
