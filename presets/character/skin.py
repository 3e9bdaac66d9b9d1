"""The skin's mesh: rings around eyes and mouth, a fill between them, one half built and the other its exact mirror."""

from __future__ import annotations

from dataclasses import dataclass

import bmesh
import numpy as np
from mathutils import Vector
from mathutils.geometry import delaunay_2d_cdt
from surface import CHART_TOP, EYE, EYE_RADIUS, LID, MOUTH, RADIUS, cast, chart, normals, skin, unchart

LID_GAP = 1.75
"""Eyeball to the lids' inside: more than a straight blink path cuts into the ball, R (1 - cos(half the travel))."""
LID_COLUMNS = 22
LIP_COLUMNS = 16
MOUTH_WIDTH = 25.0

# Lip cross-section from the deep mouth to the vermilion border: name, share of the lip's height, forward of the skin,
# and for the inside: height above (below) the contact line, behind the contact edge.
BAG = ((44.0, 10.0), (28.0, 13.0), (12.0, 13.5), (4.2, 12.0), (3.6, 7.0), (3.6, 2.2))
CONTACT_DEPTH = (3.2, 1.6)
LIP = ((0.0, -0.6), (0.06, 1.0), (0.2, 2.7), (0.4, 3.7), (0.62, 3.6), (0.84, 2.5), (1.0, 1.1))
AROUND = ((0.07, 0.5), (0.17, 0.2), (0.3, 0.05), (0.46, 0.0), (0.64, 0.0), (0.82, 0.0), (1.0, 0.0))
FIRST_CONTACT = len(BAG)
FIRST_LIP = FIRST_CONTACT + len(CONTACT_DEPTH)
FIRST_AROUND = FIRST_LIP + len(LIP)
MOUTH_RINGS = FIRST_AROUND + len(AROUND)

LID_INSIDE = ((34.0, LID_GAP), (12.0, LID_GAP), (0.0, LID_GAP))
LID_OUTSIDE = (0.03, 0.09, 0.17, 0.28, 0.42, 0.58, 0.78, 1.0)
LID_MARGIN = len(LID_INSIDE) - 1
LID_RINGS = len(LID_INSIDE) + 1 + len(LID_OUTSIDE)

MATERIALS = ("Skin", "Lips", "Mouth", "Nostrils")


@dataclass(frozen=True)
class Skin:
    """The head's mesh, N vertices, in millimetres.

    vertices  float64 (N, 3)
    faces     vertex numbers, 3 or 4 each; material int (F,), an index into MATERIALS
    mirror    int (N,): the vertex on the other side; itself on the middle
    mouth     int (N,): ring of the mouth, -1 elsewhere; along float (N,): -1 at the right corner, 1 at the left;
              upper bool (N,): belongs to the upper lip (corners: both)
    eye       int (N,): ring of the eye, -1 elsewhere; column int (N,)
    """

    vertices: np.ndarray
    faces: list[tuple[int, ...]]
    material: np.ndarray
    mirror: np.ndarray
    mouth: np.ndarray
    along: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    eye: np.ndarray
    column: np.ndarray


def ray(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit directions (N, 3) from an eye, in degrees: azimuth to the own left, elevation up."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)], -1)


def eye_angles(points: np.ndarray, centre: np.ndarray = EYE) -> tuple[np.ndarray, np.ndarray]:
    d = points - centre
    d = d / np.linalg.norm(d, axis=-1, keepdims=True)
    return np.degrees(np.arctan2(d[..., 0], -d[..., 1])), np.degrees(np.arcsin(d[..., 2]))


def lid_column(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(-1 at the nose to 1 at the temple, True on the upper lid) of columns 0 .. 2 LID_COLUMNS - 1."""
    c = np.asarray(column)
    return -np.cos(np.pi * c / LID_COLUMNS), c <= LID_COLUMNS


def lid_line(s: np.ndarray, which: str) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation in degrees of the lid margin at s: "upper", "lower", or "closed", where they meet."""
    azimuth = 4.5 + 45.5 * s
    corner = -2.0 + 3.0 * s
    rise = {
        "upper": 27.0 * np.maximum(1 - np.abs(s) ** 2.3, 0) ** 0.75 - 3.0 * s * (1 - s**2),
        "lower": -21.0 * np.maximum(1 - np.abs(s) ** 2.2, 0) ** 0.8 - 3.0 * s * (1 - s**2),
        "closed": -7.0 * (1 - s**2),
    }[which]
    return azimuth, corner + rise


def lid_margin(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    s, upper = lid_column(column)
    azimuth, high = lid_line(s, "upper")
    return azimuth, np.where(upper, high, lid_line(s, "lower")[1])


def _eye_rim() -> np.ndarray:
    """Chart points (2 LID_COLUMNS, 2) of the patch's outer edge."""
    (p,), (q,) = unchart(EYE[None] + [0, -EYE_RADIUS, 0])
    turn = np.pi - np.pi * np.arange(2 * LID_COLUMNS) / LID_COLUMNS
    x, y = np.cos(turn), np.sin(turn)
    return np.stack([p + np.where(x > 0, 31.0, 21.0) * x, q + np.where(y > 0, 25.0, 23.0) * y], -1)


def _eye_patch() -> np.ndarray:
    """(LID_RINGS, 2 LID_COLUMNS, 3): lids from their inside to the rim of the socket."""
    columns = np.arange(2 * LID_COLUMNS)
    s, upper = lid_column(columns)
    azimuth, elevation = lid_margin(columns)
    away = np.where(upper, 1.0, -1.0) * (1 - s**2) ** 0.5
    rings = [
        EYE + ray(azimuth + s * back * 0.3, elevation + away * back) * (EYE_RADIUS + height)
        for back, height in LID_INSIDE
    ]
    rim = chart(*_eye_rim().T)
    toward = (rim - EYE) / np.linalg.norm(rim - EYE, axis=1, keepdims=True)
    start = ray(azimuth, elevation)
    rings.append(cast(EYE, start, reach=60.0) - 0.35 * LID * start)
    for f in LID_OUTSIDE[:-1]:
        direction = start + f * (toward - start)
        rings.append(cast(EYE, direction / np.linalg.norm(direction, axis=1, keepdims=True), reach=60.0))
    rings.append(rim)
    return np.stack(rings)


def contact_line(s: np.ndarray) -> np.ndarray:
    """Height (mm) at which the lips meet."""
    return MOUTH[2] + 2.6 * s**2 - 0.9 * np.exp(-((s / 0.2) ** 2))


def _lip_heights(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    upper = 7.4 * (1 - np.abs(s) ** 2.0) ** 0.9 * (1 - 0.16 * np.exp(-((s / 0.13) ** 2))) + 0.8
    return upper, 8.6 * (1 - np.abs(s) ** 2.6) ** 0.9 + 0.8


def _mouth_patch() -> np.ndarray:
    """(MOUTH_RINGS, 2 LIP_COLUMNS + 1, 3): half a mouth, from the upper lip's middle by the corner to the lower's."""
    j = np.arange(2 * LIP_COLUMNS + 1)
    turn = np.pi / 2 * j / LIP_COLUMNS
    s = np.sin(turn)
    s[-1] = 0.0
    sign = np.sign(LIP_COLUMNS - j).astype(float)
    line = contact_line(s)
    high, low = _lip_heights(s)
    height = np.where(sign > 0, high, low) * sign
    round_ = 1 - np.abs(s) ** 3
    full = round_ * np.where(sign >= 0, 0.92, 1.08)
    corner = s**10

    def on_skin(x, z, forward):
        p = cast(np.stack([x, 0 * x - 12.0, z], -1), np.array([0.0, -1.0, 0.0]), reach=110.0)
        return p + normals(p) * forward[:, None]

    def lip(t, forward):
        spread = MOUTH_WIDTH * s + corner * 2.6 * t
        return on_skin(spread, line + t * height, forward * (full if t else round_) - 2.2 * corner * (1 - t))

    edge = lip(0.0, np.full(len(j), LIP[0][1]))
    inside = []
    for depth, rise in BAG:
        p = edge + np.stack([0.26 * depth * s, depth + CONTACT_DEPTH[0] + 0 * s, 0 * s], -1)
        p[:, 2] = line + sign * np.where(sign < 0, 1.3, 1.0) * rise * (1 - np.abs(s) ** 8)
        inside.append(p)
    contact = [edge + np.array([0, depth, 0]) for depth in CONTACT_DEPTH]
    lips = [lip(t, np.full(len(j), forward)) for t, forward in LIP]
    border = lips[-1]
    outer_x = 42.0 * s
    outer_z = MOUTH[2] + np.where(sign > 0, 19.0, 27.0) * np.cos(turn)
    around = []
    for f, forward in AROUND:
        x = border[:, 0] + f * (outer_x - border[:, 0])
        z = line + height + f * (outer_z - line - height)
        z[LIP_COLUMNS] = line[LIP_COLUMNS] + f * (outer_z[LIP_COLUMNS] - line[LIP_COLUMNS])
        around.append(on_skin(x, z, forward * full))
    grid = np.stack([*inside, *contact, *lips, *around])
    grid[:, [0, -1], 0] = 0.0
    return grid


def _spacing(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Wanted distance of fill points (mm) in the chart: fine at the nose, coarse under the hair."""
    h = np.full(p.shape, 14.0)
    h[(p < 118) & (q > 84) & (q < 285)] = 7.0
    h[(p < 62) & (q > 92) & (q < 262)] = 3.5
    h[(p < 17) & (q > 151) & (q < 190)] = 1.75
    return h


def _fill(holes: list[tuple[np.ndarray, bool]]) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Chart points (M, 2), the holes' own first, and faces between them.

    holes: chart points (K, 2) of a patch's rim and whether it is a closed loop (else its ends lie on the middle line).
    """
    n, m = 17 * 8, 27 * 8
    i, k = (a.ravel() for a in np.meshgrid(np.arange(n + 1), np.arange(m + 1)))
    level = np.select([(i % 8 == 0) & (k % 8 == 0), (i % 4 == 0) & (k % 4 == 0), (i % 2 == 0) & (k % 2 == 0)],
                      [14.0, 7.0, 3.5], 1.75)  # fmt: skip
    points = np.stack([i * np.pi * RADIUS / n, k * CHART_TOP / m], -1)
    points = points[level >= _spacing(*points.T) - 1e-9]
    keep = np.ones(len(points), bool)
    for rim, closed in holes:
        keep &= ~_inside(points, rim if closed else np.vstack([rim, rim[::-1] * [-1, 1]]))
        near = np.linalg.norm(points[:, None] - rim[None], axis=-1).min(1)
        keep &= near > 0.62 * np.minimum(_spacing(*points.T), 3.6)
    points = points[keep]
    edges, start = [], 0
    for rim, closed in holes:
        edges += [(start + a, start + a + 1) for a in range(len(rim) - 1)]
        edges += [(start + len(rim) - 1, start)] if closed else []
        start += len(rim)
    everything = np.vstack([rim for rim, _ in holes] + [points])
    found, _, triangles, *_ = delaunay_2d_cdt([Vector(p) for p in everything], edges, [], 0, 1e-5, False)
    if len(found) != len(everything):
        raise RuntimeError("the fill merged points: a rim crosses another or the middle")
    middles = everything[np.array(triangles)].mean(1)
    outside = np.ones(len(triangles), bool)
    for rim, closed in holes:
        outside &= ~_inside(middles, rim if closed else np.vstack([rim, rim[::-1] * [-1, 1]]))
    return everything, _quads(everything, [t for t, ok in zip(triangles, outside, strict=True) if ok])


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    a, b = polygon, np.roll(polygon, -1, 0)
    y = points[:, None, 1]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a[:, 0] + (y - a[:, 1]) * (b - a)[:, 0] / (b - a)[:, 1]
    return (crosses & (points[:, None, 0] < x)).sum(1) % 2 == 1


def _quads(points: np.ndarray, triangles: list) -> list[tuple[int, ...]]:
    mesh = bmesh.new()
    vertices = [mesh.verts.new((x, y, 0)) for x, y in points]
    mesh.verts.index_update()
    for t in triangles:
        mesh.faces.new([vertices[i] for i in t])
    bmesh.ops.join_triangles(mesh, faces=mesh.faces[:], angle_face_threshold=3.2, angle_shape_threshold=0.7)
    mesh.verts.index_update()
    faces = [tuple(v.index for v in f.verts) for f in mesh.faces]
    mesh.free()
    return faces


def _grid_faces(first: int, rows: int, columns: int, closed: bool) -> list[tuple[int, ...]]:
    wrap = columns if closed else columns - 1
    return [
        (first + r * columns + c, first + r * columns + (c + 1) % columns,
         first + (r + 1) * columns + (c + 1) % columns, first + (r + 1) * columns + c)
        for r in range(rows - 1) for c in range(wrap)
    ]  # fmt: skip


def tube(rings: np.ndarray, caps: bool = True) -> list[tuple[int, ...]]:
    """Faces of closed rings (R, C, 3) in a row."""
    r, c = rings.shape[:2]
    faces = [
        (i * c + j, i * c + (j + 1) % c, (i + 1) * c + (j + 1) % c, (i + 1) * c + j)
        for i in range(r - 1) for j in range(c)
    ]  # fmt: skip
    return faces + ([tuple(range(c))[::-1], tuple((r - 1) * c + j for j in range(c))] if caps else [])


def build() -> Skin:
    """The whole head. The same every time."""
    eye, mouth = _eye_patch(), _mouth_patch()
    eye_rim, mouth_rim = _eye_rim(), np.stack(unchart(mouth[-1]), -1)
    mouth_rim[[0, -1], 0] = 0.0
    flat, fill = _fill([(eye_rim, True), (mouth_rim, False)])
    rims = len(eye_rim) + len(mouth_rim)
    vertices = np.vstack([eye.reshape(-1, 3), mouth.reshape(-1, 3), chart(*flat[rims:].T)])
    first_mouth, first_fill = eye.size // 3, eye.size // 3 + mouth.size // 3
    n_eye, n_mouth = eye.shape[1], mouth.shape[1]
    number = np.concatenate([
        first_mouth - n_eye + np.arange(n_eye), first_fill - n_mouth + np.arange(n_mouth),
        first_fill + np.arange(len(flat) - rims),
    ])  # fmt: skip
    faces = _grid_faces(0, LID_RINGS, n_eye, True)
    materials = [0] * len(faces)
    back = [(first_mouth + c, first_mouth + n_mouth - 1 - c, first_mouth + n_mouth - 2 - c, first_mouth + c + 1)
            for c in range(LIP_COLUMNS)]  # fmt: skip
    lips = _grid_faces(first_mouth, MOUTH_RINGS, n_mouth, False)
    ring = np.repeat(np.arange(MOUTH_RINGS - 1), n_mouth - 1)
    faces += back + lips
    materials += [2] * len(back) + list(np.select([ring < FIRST_CONTACT - 1, ring < FIRST_AROUND - 1], [2, 1], 0))
    faces += [tuple(int(number[i]) for i in f) for f in fill]
    materials += [0] * len(fill)
    mouth_ring, eye_ring, column = (np.full(len(vertices), -1) for _ in range(3))
    along = np.zeros(len(vertices))
    upper, lower = (np.zeros(len(vertices), bool) for _ in range(2))
    eye_ring[:first_mouth] = np.repeat(np.arange(LID_RINGS), n_eye)
    column[:first_mouth] = np.tile(np.arange(n_eye), LID_RINGS)
    mouth_ring[first_mouth:first_fill] = np.repeat(np.arange(MOUTH_RINGS), n_mouth)
    c = np.tile(np.arange(n_mouth), MOUTH_RINGS)
    along[first_mouth:first_fill] = np.sin(np.pi / 2 * c / LIP_COLUMNS)
    upper[first_mouth:first_fill] = c <= LIP_COLUMNS
    lower[first_mouth:first_fill] = c >= LIP_COLUMNS
    half = Skin(vertices, faces, np.array(materials), np.arange(len(vertices)), mouth_ring, along, upper, lower,
                eye_ring, column)  # fmt: skip
    return _mirrored(_welded(half))


def _welded(half: Skin) -> Skin:
    """Without the doubles at the crown and without the faces that they make."""
    keys = np.round(half.vertices / 1e-4).astype(np.int64)
    tag = half.mouth.astype(np.int64) * 4 + half.upper * 2 + half.lower
    _, first, number = np.unique(np.column_stack([keys, tag, half.eye]), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    number, first = rank[number.ravel()], first[order]
    faces, materials = [], []
    for face, material in zip(half.faces, half.material, strict=True):
        ring = list(dict.fromkeys(int(number[i]) for i in face))
        if len(ring) > 2:
            faces.append(tuple(ring))
            materials.append(material)
    tags = (a[first] for a in (half.mouth, half.along, half.upper, half.lower, half.eye, half.column))
    return Skin(half.vertices[first], faces, np.array(materials), np.arange(len(first)), *tags)


def _mirrored(half: Skin) -> Skin:
    middle = np.abs(half.vertices[:, 0]) < 1e-6
    half.vertices[middle, 0] = 0.0
    n = len(middle)
    other = np.where(middle, np.arange(n), n + np.cumsum(~middle) - 1)
    mirror = np.concatenate([other, np.flatnonzero(~middle)])
    both = lambda a: np.concatenate([a, a[~middle]])  # noqa: E731
    vertices = np.concatenate([half.vertices, half.vertices[~middle] * [-1, 1, 1]])
    faces = [*half.faces, *(tuple(int(other[i]) for i in f[::-1]) for f in half.faces)]
    material = np.concatenate([half.material, half.material])
    along = np.concatenate([half.along, -half.along[~middle]])
    return Skin(vertices, _outward(vertices, faces), material, mirror, both(half.mouth), along, both(half.upper),
                both(half.lower), both(half.eye), both(half.column))  # fmt: skip


def _outward(vertices: np.ndarray, faces: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The faces, wound so that their normals agree and the crown's points up."""
    mesh = bmesh.new()
    points = [mesh.verts.new(v) for v in vertices]
    for f in faces:
        mesh.faces.new([points[i] for i in f])
    bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces[:])
    mesh.verts.index_update()
    top = max(mesh.faces, key=lambda f: f.calc_center_median().z)
    flip = top.normal.z < 0
    result = [tuple(v.index for v in f.verts)[:: -1 if flip else 1] for f in mesh.faces]
    mesh.free()
    return result


def nostrils(points: np.ndarray) -> np.ndarray:
    """True where points (N, 3) lie in a nostril."""
    p = points * [1, 1, 1]
    p[:, 0] = np.abs(p[:, 0])
    return (np.linalg.norm((p - [5.2, -92, 164.5]) / [4.2, 6, 4.2], axis=1) < 1) & (skin(p) < 0.5)
