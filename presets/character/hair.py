"""Hair as a sculptor lays it: a cap, and locks combed from a parting over it."""

from __future__ import annotations

import numpy as np
from keys import smooth
from skin import tube
from surface import cast, chart, normals

CENTRE = np.array([0.0, 10.0, 245.0])
SEGMENTS, AROUND = 18, 10


def cap() -> np.ndarray:
    """(R, C, 3) rings from the hairline to the crown."""
    theta = np.linspace(-np.pi, np.pi, 97)[:-1]
    line = np.interp(np.abs(theta), [0, 0.45, 0.72, 0.92, 1.2, 1.42, 1.62, 1.95, 2.3, np.pi],
                     [286, 285, 272, 250, 232, 206, 204, 172, 146, 138])  # fmt: skip
    rings = []
    for f, height in [(0.0, -1.0), (0.0, 2.5), (0.03, 4.5), *[(x, 5.5 + 2 * x) for x in np.linspace(0.08, 0.985, 20)]]:
        p = chart(theta * 75.0, line + f * (374 - line))
        rings.append(p + normals(p) * height)
    return np.stack(rings)


def lock(start, end, width: float, volume: float, bend: float, thick: float = 4.2) -> np.ndarray:
    """(SEGMENTS, AROUND, 3): a tapering strand over the skull from one point to another (mm).

    volume  how high it arches over the skin; bend  sideways swing in the middle, to the left of its way
    """
    t = np.linspace(0, 1, SEGMENTS)[:, None]
    a, b = (np.asarray(x, float) - CENTRE for x in (start, end))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b, -1, 1))
    way = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    side = np.cross(a, b)
    way = way + bend * np.sin(np.pi * t**1.2) * side / np.linalg.norm(side)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    path = cast(CENTRE, way)
    out = normals(path)
    height = 3.0 + volume * np.sin(np.pi * np.clip(0.22 + 0.74 * t, 0, 1)) ** 0.8 + 2.0 * (1 - t)
    path = path + out * height
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, out)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    shape = (0.45 + 0.55 * smooth(t / 0.3)) * np.clip(1 - smooth((t - 0.45) / 0.56) * 0.97, 0.03, 1)
    turn = np.arange(AROUND) * 2 * np.pi / AROUND
    ring = width * shape[:, :, None] * np.cos(turn)[None, :, None] * across[:, None]
    return path[:, None] + ring + thick * np.sqrt(shape)[:, :, None] * np.sin(turn)[None, :, None] * out[:, None]


def _wave(i: int, k: float) -> float:
    """A number in -1..1 that looks like chance and is the same every time."""
    return float(np.sin(i * 12.9898 + k * 78.233) * 43758.5453 % 2 - 1)


PARTING = ((26, -62, 300), (26, -30, 330), (20, 20, 338), (6, 58, 325))
# where a row of locks begins and ends (points of two lines on the skull), how many; width, volume, bend, thickness (mm)
ROWS = (
    # under: all round, short of the cap's edge
    (((6, 60, 322), (-6, 58, 324)),
     ((66, 42, 168), (46, 84, 146), (0, 98, 142), (-46, 84, 146), (-66, 42, 168)), 9, 15, 3, 0.0, 4.2),
    (PARTING, ((68, -34, 236), (79, -6, 212), (80, 8, 214), (78, 28, 196), (70, 48, 172)), 8, 13, 4, 0.10, 4.2),
    (PARTING, ((-62, -46, 246), (-78, -12, 212), (-80, 6, 214), (-78, 28, 196), (-70, 48, 172)),
     10, 13.5, 6, -0.12, 4.2),
    # over: the sweep to the own right, the fringe, the small side, the back
    (((22, -66, 299), (24, -40, 324), (22, -5, 338), (14, 34, 334)),
     ((-46, -66, 258), (-64, -44, 250), (-76, -22, 236), (-80, 2, 226)), 8, 12, 9, 0.04, 4.8),
    (((20, -68, 297), (24, -50, 314)), ((-22, -82, 273), (-44, -70, 262), (-60, -52, 250)), 6, 13, 10, 0.20, 5.2),
    (((29, -62, 300), (29, -34, 326), (24, 0, 337)), ((58, -54, 256), (70, -34, 240), (79, -4, 224)),
     5, 10, 7, 0.20, 4.2),
    (((8, 46, 332), (-8, 48, 331)),
     ((74, 44, 200), (50, 84, 178), (0, 100, 170), (-50, 84, 178), (-74, 44, 200)), 7, 14, 6, 0.08, 4.2),
)  # fmt: skip


def _along(points, n: int) -> np.ndarray:
    """(n, 3) evenly by the number of the point, not by length."""
    points = np.array(points, float)
    t = np.linspace(0, len(points) - 1, n)
    return np.stack([np.interp(t, np.arange(len(points)), c) for c in points.T], -1)


def locks() -> list[tuple[np.ndarray, int]]:
    """Rings of every lock, and its shade (0 or 1)."""
    made = []
    for begins, finishes, n, width, volume, bend, thick in ROWS:
        starts = _along(begins, n + 1)[1:] if begins is PARTING else _along(begins, n)
        for i, (start, end) in enumerate(zip(starts, _along(finishes, n), strict=True)):
            broad, high = width * (1 + 0.16 * _wave(i, width)), volume + 1.1 * _wave(i, 2.0)
            rings = lock(start, end, broad, high, bend + 0.03 * _wave(i, 3.0), thick)
            made.append((rings, int(len(made) % 3 == 1)))
    return made


def build() -> tuple[np.ndarray, list, np.ndarray]:
    """Vertices (N, 3), faces, shade of each face."""
    vertices, faces, shade, start = [], [], [], 0
    for rings, tone in [(cap(), 0), *locks()]:
        new = tube(rings)
        faces += [tuple(start + i for i in f) for f in new]
        shade += [int(tone)] * len(new)
        vertices.append(rings.reshape(-1, 3))
        start += len(vertices[-1])
    return np.vstack(vertices), faces, np.array(shade)
