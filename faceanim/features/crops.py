"""Small grey pictures of a face's eyes, mouth and whole, cut along its landmarks: what points alone do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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
    "face": Crop((168, 4, 61, 291), 0.0, 2.7, 96, 96),
}
PIXELS = sum(crop.pixels for crop in CROPS.values())


@lru_cache(maxsize=8)
def _grids(crops: tuple[tuple[str, Crop], ...]) -> dict[str, np.ndarray]:
    """float32 (pixels, 2) of places in units from each crop's middle; the finest crop first."""
    grids = {}
    for name, crop in sorted(crops, key=lambda item: item[1].wide / item[1].width):
        step = crop.wide / crop.width
        y, x = np.meshgrid(np.arange(crop.height), np.arange(crop.width), indexing="ij")
        x = (x - (crop.width - 1) / 2) * step * (-1 if crop.flip else 1)
        places = np.stack([x, (y - (crop.height - 1) / 2) * step - crop.up], 2)
        grids[name] = places.reshape(-1, 2).astype(np.float32)
    return grids


GREY = np.array([0.3, 0.55, 0.15], np.float32)


def cut(image: np.ndarray, points: np.ndarray, crops: Mapping[str, Crop] = CROPS) -> np.ndarray:
    """uint8 (pixels,), of CROPS PIXELS: the crops one after another, each row by row.

    image   uint8 (H, W, 3) RGB; points float32 (478, 3): the face's landmarks in its pixels. Beyond the picture its
    edge goes on.
    """
    rigid = points[list(STEADY)] * np.array([1, 1, DEPTH], np.float32)
    unit = np.float32(max(float(np.sqrt(((rigid - rigid.mean(0)) ** 2).sum(1).mean())), 4.0))
    across = points[OUTER_CORNERS[1], :2] - points[OUTER_CORNERS[0], :2]
    across = across / max(float(np.hypot(*across)), 1e-6)
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]], np.float32) * unit
    middle = {name: points[list(crop.around), :2].mean(0) for name, crop in crops.items()}
    grey, corner = _region(image, crops, middle, unit)
    out = {}
    level = 0
    for name, grid in _grids(tuple(crops.items())).items():
        crop = crops[name]
        # large faces are halved until a step is less than two pixels
        while crop.wide / crop.width * unit / 2**level >= 2 and min(grey.shape) >= 4:
            grey = _halved(grey)
            level += 1
        at = grid @ turn + (middle[name] - corner).astype(np.float32)
        out[name] = _sample(grey, at if level == 0 else (at + np.float32(0.5)) / 2**level - np.float32(0.5))
    return np.clip(np.concatenate([out[name] for name in crops]) + 0.5, 0, 255).astype(np.uint8)


def _region(
    image: np.ndarray, crops: Mapping[str, Crop], middle: Mapping[str, np.ndarray], unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that holds all crops, grey float32, and its corner (2,) in the picture."""
    reach = []
    for name, crop in crops.items():
        half = np.hypot(crop.wide, crop.wide * crop.height / crop.width) / 2 + crop.up
        reach.append([middle[name] - half * unit, middle[name] + half * unit])
    reach = np.array(reach)
    height, width = image.shape[:2]
    first, last = np.floor(reach[:, 0].min(0)).astype(int) - 2, np.ceil(reach[:, 1].max(0)).astype(int) + 3
    left, top = int(np.clip(first[0], 0, width - 2)), int(np.clip(first[1], 0, height - 2))
    right, bottom = int(np.clip(last[0], left + 2, width)), int(np.clip(last[1], top + 2, height))
    region = image[top:bottom, left:right]
    grey = (region.reshape(-1, 3).astype(np.float32) @ GREY).reshape(region.shape[:2])
    return grey, np.array([left, top])


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
    fx, fy = fx.astype(np.float32), fy.astype(np.float32)
    flat = grey.ravel()
    index = top * width + left
    upper = flat[index] * (1 - fx) + flat[index + 1] * fx
    index += width
    lower = flat[index] * (1 - fx) + flat[index + 1] * fx
    return upper * (1 - fy) + lower * fy
