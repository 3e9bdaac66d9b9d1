"""The face as a signed distance field, and rays that meet it. Millimetres; x to the own left, y to the back, z up.

Everything that touches skin asks this one field: the mesh lies on it, lids and brows slide on it, hair grows from it.
"""

from __future__ import annotations

import numpy as np

EYE = np.array([34.5, -54.5, 210.0])
"""Centre of the own left eyeball."""
EYE_RADIUS = 20.5
LID = 3.3
"""From the eyeball to the outer skin of the lids."""
MOUTH = np.array([0.0, -80.0, 141.0])
JAW_HINGE = np.array([0.0, 16.0, 160.0])
AXIS_Y = 8.0
RADIUS = 75.0


def ellipsoid(p: np.ndarray, centre, radii) -> np.ndarray:
    """Signed distance (N,), exact on the surface, of points (N, 3)."""
    radii = np.asarray(radii, float)
    d = p - np.asarray(centre, float)
    k0 = np.linalg.norm(d / radii, axis=-1)
    k1 = np.linalg.norm(d / radii**2, axis=-1)
    return k0 * (k0 - 1) / np.maximum(k1, 1e-9)


def capsule(p: np.ndarray, a, b, ra: float, rb: float) -> np.ndarray:
    """Signed distance of a segment whose radius goes from ra to rb."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    t = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(p - a - t[..., None] * (b - a), axis=-1) - (ra + t * (rb - ra))


def join(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Smooth union over k millimetres."""
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * k / 4


def carve(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Smooth difference: a without b."""
    return -join(-a, b, k)


def skin(points: np.ndarray) -> np.ndarray:
    """Signed distance of the head without ears, negative inside; (N,) for points (N, 3). Symmetric in x."""
    p = np.array(points, float)
    p[..., 0] = np.abs(p[..., 0])
    d = ellipsoid(p, (0, 8, 250), (80, 88, 86))
    d = join(d, ellipsoid(p, (0, -14, 178), (65, 62, 76)), 46)
    d = join(d, ellipsoid(p, (29, -34, 132), (24, 28, 24)), 30)
    d = join(d, ellipsoid(p, (0, -63, 112), (20, 17, 15)), 34)
    d = join(d, ellipsoid(p, (38, -48, 172), (25, 25, 25)), 26)
    d = join(d, ellipsoid(p, (0, -60, 143), (31, 23, 23)), 24)
    d = join(d, capsule(p, (6, -68, 240), (46, -54, 243), 9, 8), 22)
    d = join(d, ellipsoid(p, (50, -40, 212), (13, 14, 20)), 16)
    d = carve(d, ellipsoid(p, (EYE[0] - 1, -84, 211), (23, 20, 19)), 16)
    d = join(d, capsule(p, (0, -65, 226), (0, -89, 180), 4, 8), 11)
    d = join(d, ellipsoid(p, (0, -94, 174), (10.5, 10, 9)), 9)
    d = join(d, ellipsoid(p, (10.5, -84, 171), (6.5, 8, 6.5)), 7)
    d = carve(d, ellipsoid(p, (5.2, -92, 164.5), (3.2, 5, 3.6)), 3)
    d = join(d, np.linalg.norm(p - EYE, axis=-1) - (EYE_RADIUS + LID), 5)
    return join(d, capsule(p, (0, 20, 140), (0, 32, -20), 37, 43), 30)


def normals(p: np.ndarray, field=skin, step: float = 0.05) -> np.ndarray:
    """Unit gradients (N, 3) of the field."""
    g = np.stack([field(p + e) - field(p - e) for e in np.eye(3) * step], -1)
    return g / np.maximum(np.linalg.norm(g, axis=-1, keepdims=True), 1e-12)


def cast(origin: np.ndarray, direction: np.ndarray, field=skin, reach: float = 190.0) -> np.ndarray:
    """Where rays (N, 3) that begin inside the field first leave it, (N, 3)."""
    origin, direction = np.broadcast_arrays(np.asarray(origin, float), np.asarray(direction, float))
    t = np.arange(0.0, reach, 1.5)
    inside = np.stack([field(origin + direction * s) for s in t], -1) < 0
    first = np.argmin(inside, -1)
    low, high = t[np.maximum(first - 1, 0)], t[first]
    for _ in range(36):
        middle = (low + high) / 2
        within = field(origin + direction * middle[..., None]) < 0
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return origin + direction * ((low + high) / 2)[..., None]


def settle(p: np.ndarray, height: np.ndarray | float = 0.0, field=skin) -> np.ndarray:
    """Points moved along the gradient until the field has the value `height` there."""
    p = np.array(p, float)
    for _ in range(4):
        p -= (np.clip(field(p) - height, -6, 6))[..., None] * normals(p, field)
    return p


# Rays from the axis of head and neck: height in the chart, height of the origin, elevation in degrees (in front).
FAN = np.array([
    (0, 0, 0), (35, 50, -30), (70, 100, -55), (95, 150, -62), (112, 150, -40), (132, 150, -22), (150, 165, -10),
    (185, 190, 0), (235, 235, 0), (374, 235, 90),
], float)  # fmt: skip
CHART_TOP = FAN[-1, 0]


def chart(p: np.ndarray, q: np.ndarray, field=skin) -> np.ndarray:
    """Skin points (N, 3) of chart coordinates: p is RADIUS times the angle from the front, q rises to the crown."""
    return cast(*_rays(np.asarray(p, float) / RADIUS, np.asarray(q, float)), field)


def _rays(theta: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = np.interp(q, FAN[:, 0], FAN[:, 1])
    elevation = np.radians(np.interp(q, FAN[:, 0], FAN[:, 2]))
    # under the chin the fan dives; behind, where there is only the nape, it must not
    elevation = np.where(elevation < 0, elevation * (0.625 + 0.375 * np.cos(theta)), elevation)
    direction = np.stack([np.sin(theta) * np.cos(elevation), -np.cos(theta) * np.cos(elevation), np.sin(elevation)], -1)
    return np.stack([0 * z, 0 * z + AXIS_Y, z], -1), direction


def unchart(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chart coordinates of points (N, 3)."""
    theta = np.arctan2(points[:, 0], AXIS_Y - points[:, 1])
    distance = np.hypot(points[:, 0], AXIS_Y - points[:, 1])
    low, high = np.zeros(len(points)), np.full(len(points), CHART_TOP - 1.0)
    for _ in range(50):
        q = (low + high) / 2
        origin, direction = _rays(theta, q)
        z = origin[:, 2] + distance * direction[:, 2] / np.hypot(direction[:, 0], direction[:, 1])
        low, high = np.where(z < points[:, 2], q, low), np.where(z < points[:, 2], high, q)
    return theta * RADIUS, q
