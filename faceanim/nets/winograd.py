"""Convolutions of three by three with a quarter of the products: Winograd's minimal filtering (Lavin & Gray 2016), by
tiles of four by four, F(4 x 4, 3 x 3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TILE, FIELD = 4, 6
"""Pixels, across and down, that a tile gives, and that it is made from."""
INPUT = np.array([
    [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
])  # fmt: skip
FILTER = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
"""Along a row: what is multiplied of six pixels, and of three weights, and how four pixels are made of the products."""
TOGETHER = 600
"""Tiles at a time: more of them leave the processor's cache."""


def convolution(weight: np.ndarray, bias: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Of pictures float32 (n, height, width, channels), of stride 1, with zeros beyond their edges; weight (out,
    channels, 3, 3), bias (out,)."""
    out, channels = weight.shape[:2]
    # both ways at once, a tile's pixels in a column
    before, once, after = (np.kron(m, m).astype(np.float32) for m in (INPUT, FILTER, OUTPUT))
    filters = (once @ weight.transpose(2, 3, 1, 0).reshape(9, -1)).reshape(-1, channels, out)

    def convolve(x: np.ndarray) -> np.ndarray:
        n, height, width, _ = x.shape
        down, across = -(-height // TILE), -(-width // TILE)
        some = max(1, TOGETHER // (down * across))
        if n > some:
            return np.concatenate([convolve(x[k : k + some]) for k in range(0, n, some)])
        padded = np.zeros((n, TILE * down + 2, TILE * across + 2, channels), np.float32)
        padded[:, 1 : 1 + height, 1 : 1 + width] = x
        picture, row, column, channel = padded.strides
        fields = np.lib.stride_tricks.as_strided(
            padded, (FIELD, FIELD, n, down, across, channels),
            (row, column, picture, TILE * row, TILE * column, channel),
        )  # fmt: skip
        products = (before @ fields.reshape(FIELD**2, -1)).reshape(FIELD**2, -1, channels) @ filters
        tiles = (after @ products.reshape(FIELD**2, -1)).reshape(TILE, TILE, n, down, across, out)
        y = tiles.transpose(2, 3, 0, 4, 1, 5).reshape(n, TILE * down, TILE * across, out)[:, :height, :width]
        return y + bias

    return convolve
