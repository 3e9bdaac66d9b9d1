"""The rims of the lids, as they are seen from the front: where skin ends and an eye (or a hole) begins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage, sparse

from .head import Solid
from .mesh import Mesh
from .picture import View, look

PIXELS = 320
COLUMNS = 11
"""Places along each lid, besides the corners."""
EYES = {
    "Left": (263, 362, (386, 374, 263, 362, 385, 387, 380, 373)),
    "Right": (33, 133, (159, 145, 33, 133, 158, 160, 153, 144)),
}
"""Side to the landmarks of the outer and inner corner, and those about the opening."""
LIDS = {
    "Left": {263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466},
    "Right": {33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246},
}
"""Side to all landmarks of its lids' rims."""


def rims(head: Solid, skin: np.ndarray, eye: np.ndarray,
         marks: Mapping[int, np.ndarray]) -> dict[str, sparse.csr_matrix]:
    """Side to a table (2 + 2 COLUMNS, V): outer and inner corner, then pairs (upper, lower) from the outer one on.

    skin, eye  bool (V,): what lids are part of, and what they lie before
    A side without an opening is left out.
    """
    found = {}
    whole = head.whole
    kept = (skin | eye)[whole.triangles].all(1)
    shown = Mesh(whole.points, whole.triangles[kept])
    for side, (outer, inner, about) in EYES.items():
        if outer not in marks and inner not in marks:
            continue
        points = np.array([marks[i] for i in about if i in marks])
        axis = _axis(marks, outer, inner)
        span = 2.2 * max(np.ptp(points[:, :2], axis=0).max(), 1e-9)
        view = look(shown, points[:, :2].mean(0), span, PIXELS)
        rows = _rim(view, skin[shown.triangles].all(1), axis * [1, -1])
        if rows is None:
            continue
        triangle, weights = view.triangle[rows[:, 1], rows[:, 0]], view.weights[rows[:, 1], rows[:, 0]]
        count = len(rows)
        found[side] = sparse.csr_matrix(
            (weights.ravel(), (np.repeat(np.arange(count), 3), shown.triangles[triangle].ravel())),
            (count, len(head.points)),
        )
    return found


def _axis(marks: Mapping[int, np.ndarray], outer: int, inner: int) -> np.ndarray:
    """Along an eye, from its outer corner, level where one of the corners is not known."""
    if outer in marks and inner in marks:
        along = (marks[inner] - marks[outer])[:2]
        return along / max(np.linalg.norm(along), 1e-12)
    return np.array([-1.0 if outer == EYES["Left"][0] else 1.0, 0.0])


def _rim(view: View, skin: np.ndarray, axis: np.ndarray) -> np.ndarray | None:
    """int (2 + 2 COLUMNS, 2): pixels (right, down) of skin about the opening in the middle of a view."""
    size = len(view.triangle)
    is_skin = (view.triangle >= 0) & skin[view.triangle]
    opening, count = ndimage.label(ndimage.binary_opening(~is_skin))
    if not count:
        return None
    row, column = np.nonzero(opening)
    away = np.hypot(row - size / 2, column - size / 2)
    mine = opening == opening[row[away.argmin()], column[away.argmin()]]
    row, column = np.nonzero(mine)
    at_edge = min(row.min(), column.min()) == 0 or max(row.max(), column.max()) == size - 1
    if away.min() > 0.2 * size or at_edge or len(row) < 0.002 * size * size:
        return None
    across = np.array([-axis[1], axis[0]])
    across = across if across[1] > 0 else -across
    along, down = column * axis[0] + row * axis[1], column * across[0] + row * across[1]
    low, high = along.min(), along.max()
    places = []
    for end, step in ((along.argmin(), -1), (along.argmax(), 1)):
        places.append((np.array([column[end], row[end]], float), step * axis))
    for s in np.linspace(0, 1, COLUMNS + 2)[1:-1]:
        here = np.flatnonzero(np.abs(along - (low + s * (high - low))) < 1)
        if not len(here):
            return None
        for end, step in ((here[down[here].argmin()], -1), (here[down[here].argmax()], 1)):
            places.append((np.array([column[end], row[end]], float), step * across))
    found = [_outward(is_skin, place, step) for place, step in places]
    return None if any(p is None for p in found) else np.array(found)


def _outward(is_skin: np.ndarray, place: np.ndarray, step: np.ndarray) -> np.ndarray | None:
    """The first pixel of skin from a place on."""
    for k in range(1, 12):
        column, row = np.round(place + k * step).astype(int)
        if not (0 <= row < len(is_skin) and 0 <= column < len(is_skin)):
            return None
        if is_skin[row, column]:
            return np.array([column, row])
    return None
