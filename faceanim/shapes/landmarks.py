"""A head's landmarks: picked by name, or found in pictures of it and lifted to its surface. Numbers are MediaPipe's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..core.head import NAMED, NEEDED
from ..errors import CharacterError
from .head import Solid
from .mesh import Mesh
from .picture import PIXELS, View, draw, look

SKIN_POINTS, MANY = 468, 100
"""Those after them are the irises'."""
STEEP = 0.4
"""A point where the surface turns further away from the viewer lies too uncertain in depth."""

Find = Callable[[np.ndarray], np.ndarray | None]
"""uint8 (H, W, 3) to pixels float (478, 2), None without a face."""


def known(points: Mapping[str | int, np.ndarray]) -> dict[int, np.ndarray]:
    """Landmarks by MediaPipe's numbers. Raises CharacterError for unknown names and where needed ones are missing."""
    unknown = sorted(name for name in points if isinstance(name, str) and name not in NAMED)
    if unknown:
        raise CharacterError(f"'{unknown[0]}' is no landmark", f"known are {', '.join(NAMED)}")
    found = {NAMED.get(name, name): np.asarray(point, float) for name, point in points.items()}
    missing = [name for name in NEEDED if NAMED[name] not in found]
    if missing and len(found) < MANY:
        raise CharacterError(f"the landmark '{missing[0]}' is missing", f"needed are {', '.join(NEEDED)}")
    return found


def seen(head: Solid, find: Find) -> dict[int, np.ndarray]:
    """Landmarks by looking at the head from the front: once to find the face, once more close by.

    Raises CharacterError where no face is found.
    """
    mesh = head.mesh
    for centre, span in _frames(mesh):
        pixels = _found(mesh, head, look(mesh, centre, span), find)
        if pixels is None:
            continue
        low, high = pixels[:SKIN_POINTS].min(0), pixels[:SKIN_POINTS].max(0)
        middle = centre + ((low + high) / 2 - PIXELS / 2) * [1, -1] * span / PIXELS
        close = look(mesh, middle, 1.6 * span * (high - low).max() / PIXELS)
        again = _found(mesh, head, close, find)
        found = _lifted(mesh, close, again) if again is not None else {}
        if len(found) > MANY:
            return found
    raise CharacterError(
        "no face is found in pictures of this head",
        f"pick landmarks: empties (or a JSON file of points) named {', '.join(NEEDED)}, and as many as you can of "
        + ", ".join(name for name in NAMED if name not in NEEDED),
    )


def _frames(mesh: Mesh) -> list[tuple[np.ndarray, float]]:
    """Squares (centre, span) to look at: all of it, then ever smaller ones from the top."""
    used = mesh.points[np.unique(mesh.triangles)]
    low, high = used.min(0)[:2], used.max(0)[:2]
    span = float((high - low).max())
    frames = [((low + high) / 2, 1.1 * span)]
    for share in (0.75, 0.5, 0.33, 0.22, 0.15):
        side = share * span
        top = used[used[:, 1] > high[1] - side]
        frames.append((np.array([np.median(top[:, 0]), high[1] - 0.45 * side]), side))
    return frames


def _found(mesh: Mesh, head: Solid, view: View, find: Find) -> np.ndarray | None:
    """In colour, else as plain clay: painted faces are found by their paint, others by their form."""
    for colours in (head.tint, None) if head.tint is not None else (None,):
        pixels = find(draw(mesh, view, colours))
        if pixels is not None:
            return pixels[:, :2].astype(float)
    return None


def _lifted(mesh: Mesh, view: View, pixels: np.ndarray) -> dict[int, np.ndarray]:
    points = view.lifted(mesh, pixels)
    column, row = np.clip(np.floor(pixels).astype(int), 0, PIXELS - 1).T
    triangle = view.triangle[row, column]
    flat = np.abs(mesh.face_normals[triangle, 2]) > STEEP
    good = (triangle >= 0) & flat & np.isfinite(points).all(1)
    return {i: points[i] for i in np.flatnonzero(good[:SKIN_POINTS])}
