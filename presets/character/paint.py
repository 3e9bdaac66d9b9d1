"""The skin's picture: blush, lids, freckles, painted in the chart that is also its UV map."""

from __future__ import annotations

import numpy as np
from keys import bump, smooth
from surface import CHART_TOP, EYE, EYE_RADIUS, LID, RADIUS, chart, unchart

SIZE = (1024, 1024)
SKIN = np.array([0.83, 0.50, 0.36])
FRECKLES = 46


def uv(vertices: np.ndarray, faces: list[tuple[int, ...]]) -> np.ndarray:
    """(L, 2): coordinates of every face's corners in turn, 0..1; the seam runs up the back."""
    p, q = unchart(vertices)
    corners = np.concatenate([np.array(f) for f in faces])
    lengths = np.array([len(f) for f in faces])
    middle = np.array([vertices[list(f), 0].mean() for f in faces])
    side = np.repeat(np.sign(middle), lengths)
    u = p[corners]
    behind = np.abs(u) > 0.8 * np.pi * RADIUS
    u = np.where(behind, np.abs(u) * side, u)
    return np.stack([u / (2 * np.pi * RADIUS) + 0.5, np.clip(q[corners] / CHART_TOP, 0.001, 0.999)], -1)


def _places(width: int, height: int) -> np.ndarray:
    """(height, width, 3) mm: where each pixel lies on the head; from a coarser grid, one half mirrored."""
    step = 4
    p = np.linspace(0, np.pi * RADIUS, width // 2 // step)
    q = np.linspace(0, CHART_TOP - 1, height // step)
    coarse = chart(*(a.ravel() for a in np.meshgrid(p, q))).reshape(len(q), len(p), 3)
    rows, columns = np.linspace(0, len(q) - 1, height), np.linspace(0, len(p) - 1, width // 2)
    r, c = np.minimum(rows.astype(int), len(q) - 2), np.minimum(columns.astype(int), len(p) - 2)
    fr, fc = (rows - r)[:, None, None], (columns - c)[None, :, None]
    left = ((1 - fr) * (1 - fc) * coarse[r][:, c] + (1 - fr) * fc * coarse[r][:, c + 1]
            + fr * (1 - fc) * coarse[r + 1][:, c] + fr * fc * coarse[r + 1][:, c + 1])  # fmt: skip
    return np.concatenate([left[:, ::-1] * [-1, 1, 1], left], 1)


def picture() -> np.ndarray:
    """float32 (height, width, 4) linear RGBA, row 0 at the bottom."""
    place = _places(*SIZE)
    p = place * [1, 1, 1]
    p[..., 0] = np.abs(p[..., 0])
    colour = np.broadcast_to(SKIN, p.shape).copy()

    def tint(amount, rgb):
        nonlocal colour
        colour = colour * (1 + amount[..., None] * (np.array(rgb) - 1))

    tint(0.75 * bump(p, (44, -64, 176), (17, 40, 14)), (0.98, 0.66, 0.60))
    tint(0.6 * bump(p, (0, -104, 175), (15, 14, 11)), (0.98, 0.72, 0.66))
    tint(0.35 * bump(p, (0, -84, 114), (16, 20, 11)), (1.0, 0.76, 0.70))
    tint(0.5 * bump(p, (80, 16, 198), (14, 26, 30)), (0.98, 0.70, 0.64))
    tint(0.45 * bump(p, (0, -84, 141), (36, 22, 17)), (0.99, 0.78, 0.73))
    lid = smooth(1 - (np.linalg.norm(p - EYE, axis=-1) - EYE_RADIUS - LID) / 3.0)
    upper = smooth((p[..., 2] - EYE[2] + 4) / 8)
    tint(0.55 * lid * upper, (0.80, 0.56, 0.54))
    tint(0.28 * lid * (1 - upper), (0.90, 0.68, 0.64))
    tint(0.20 * bump(p, (0, -60, 85), (60, 40, 12)), (0.80, 0.64, 0.58))
    spots = np.zeros(p.shape[:2])
    for i in range(FRECKLES):
        a, b, size = (np.modf(abs(np.sin(i * k + 1.0)) * 4375.85)[0] for k in (12.9898, 78.233, 39.425))
        x, z = (a * 2 - 1) * 52, 186 - 20 * b + 5 * np.cos((a * 2 - 1) * 3)
        d = np.hypot(place[..., 0] - x, place[..., 2] - z)
        spots = np.maximum(spots, smooth((0.75 + 0.5 * size - d) / 0.7) * (place[..., 1] < -30))
    tint(0.32 * spots, (0.72, 0.50, 0.40))
    return np.concatenate([colour, np.ones((*colour.shape[:2], 1))], -1).astype(np.float32)


def srgb(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
