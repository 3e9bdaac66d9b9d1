"""Triangle meshes as the making of shapes sees them: normals, islands, gradients, nearest points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

SAMPLES = np.array([[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4]]) / np.array([[3], [6], [6], [6]])
"""Where a triangle is looked for: its middle and toward its corners (barycentric)."""
NEIGHBOURS = 10


@dataclass(frozen=True)
class Mesh:
    """points float64 (V, 3); triangles int (T, 3)."""

    points: np.ndarray
    triangles: np.ndarray

    @cached_property
    def corners(self) -> np.ndarray:
        """float (T, 3 corners, 3)."""
        return self.points[self.triangles]

    @cached_property
    def crosses(self) -> np.ndarray:
        """float (T, 3): normals, as long as twice the area."""
        a, b, c = self.corners.transpose(1, 0, 2)
        return np.cross(b - a, c - a)

    @cached_property
    def areas(self) -> np.ndarray:
        return np.linalg.norm(self.crosses, axis=1) / 2

    @cached_property
    def face_normals(self) -> np.ndarray:
        return unit(self.crosses)

    @cached_property
    def normals(self) -> np.ndarray:
        """float (V, 3): by area."""
        total = np.zeros_like(self.points)
        for corner in self.triangles.T:
            for axis in range(3):
                total[:, axis] += np.bincount(corner, self.crosses[:, axis], len(self.points))
        return unit(total)

    @cached_property
    def masses(self) -> np.ndarray:
        """float (V,): a third of the area about each vertex."""
        return np.bincount(self.triangles.ravel(), np.repeat(self.areas / 3, 3), len(self.points))

    @cached_property
    def edges(self) -> np.ndarray:
        """int (E, 2), each once."""
        pairs = np.concatenate([self.triangles[:, [0, 1]], self.triangles[:, [1, 2]], self.triangles[:, [2, 0]]])
        return np.unique(np.sort(pairs, 1), axis=0)

    @cached_property
    def rims(self) -> np.ndarray:
        """int (B, 2): edges of one triangle only."""
        pairs = np.concatenate([self.triangles[:, [0, 1]], self.triangles[:, [1, 2]], self.triangles[:, [2, 0]]])
        found, count = np.unique(np.sort(pairs, 1), axis=0, return_counts=True)
        return found[count == 1]

    @cached_property
    def islands(self) -> np.ndarray:
        """int (V,): which connected piece each vertex is of."""
        a, b = self.edges.T
        size = len(self.points)
        return connected_components(sparse.coo_matrix((np.ones(len(a)), (a, b)), (size, size)), directed=False)[1]

    @cached_property
    def size(self) -> float:
        return float(np.linalg.norm(np.ptp(self.points, axis=0)))

    def moved(self, points: np.ndarray) -> Mesh:
        return Mesh(points, self.triangles)

    def part(self, vertices: np.ndarray) -> tuple[Mesh, np.ndarray]:
        """(the piece of some vertices (bool (V,)), their indices)."""
        which = np.flatnonzero(vertices)
        new = np.full(len(self.points), -1)
        new[which] = np.arange(len(which))
        kept = new[self.triangles]
        return Mesh(self.points[which], kept[(kept >= 0).all(1)]), which

    def gradient(self) -> sparse.csr_matrix:
        """(3T, V): the gradient in each triangle's plane of values at the vertices; rows 3t..3t+2 are x, y, z."""
        size = np.maximum(self.areas, 1e-12 * max(self.areas.max(initial=0.0), 1e-30))
        rows, columns, values = [], [], []
        for corner in range(3):
            opposite = self.corners[:, (corner + 2) % 3] - self.corners[:, (corner + 1) % 3]
            slope = np.cross(self.face_normals, opposite) / (2 * size)[:, None]
            rows.append(np.arange(3 * len(self.triangles)))
            columns.append(np.repeat(self.triangles[:, corner], 3))
            values.append(slope.ravel())
        shape = (3 * len(self.triangles), len(self.points))
        return sparse.csr_matrix(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape
        )

    def stiffness(self) -> sparse.csr_matrix:
        """(V, V): the graph Laplacian whose weights are the edges' inverse lengths (over the mean)."""
        a, b = self.edges.T
        length = np.linalg.norm(self.points[a] - self.points[b], axis=1)
        weight = length.mean() / np.maximum(length, 0.2 * length.mean())
        size = len(self.points)
        joined = sparse.coo_matrix((np.r_[weight, weight], (np.r_[a, b], np.r_[b, a])), (size, size)).tocsr()
        return sparse.diags(np.asarray(joined.sum(1)).ravel()) - joined


@dataclass(frozen=True)
class Nearest:
    """Points on a mesh: triangle int (N,), weights float (N, 3) of its corners, points (N, 3), distance (N,),
    facing (N,): cosine of the normals there and of the one who asked."""

    triangle: np.ndarray
    weights: np.ndarray
    points: np.ndarray
    distance: np.ndarray
    facing: np.ndarray

    def carried(self, mesh: Mesh, values: np.ndarray) -> np.ndarray:
        """Values at the mesh's vertices (V, ...), at these points (N, ...)."""
        at = values[mesh.triangles[self.triangle]]
        return np.einsum("nc,nc...->n...", self.weights, at)


class Finder:
    """Nearest points on one mesh, among surfaces that face the same way.

    turn  how far away (in the mesh's unit) a surface may be that faces rightly, for one at hand that faces away
    """

    def __init__(self, mesh: Mesh, turn: float):
        self.mesh, self.turn = mesh, turn
        places = np.einsum("sc,tcd->std", SAMPLES, mesh.corners).reshape(-1, 3)
        facing = np.tile(mesh.face_normals, (len(SAMPLES), 1))
        self._tree = cKDTree(np.hstack([places, turn * facing]))

    def nearest(self, points: np.ndarray, normals: np.ndarray) -> Nearest:
        _, found = self._tree.query(np.hstack([points, self.turn * normals]), NEIGHBOURS)
        triangle = found % len(self.mesh.triangles)
        weights = _closest(points[:, None], self.mesh.corners[triangle])
        places = np.einsum("nkc,nkcd->nkd", weights, self.mesh.corners[triangle])
        away = ((places - points[:, None]) ** 2).sum(2)
        facing = np.einsum("nkd,nd->nk", self.mesh.face_normals[triangle], normals)
        best = (away + self.turn**2 * 2 * (1 - facing)).argmin(1)
        pick = np.arange(len(points)), best
        return Nearest(triangle[pick], weights[pick], places[pick], np.sqrt(away[pick]), facing[pick])


def _closest(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric weights (..., 3) of the point of each triangle (..., 3, 3) nearest to each point (..., 3).

    Ericson, Real-Time Collision Detection (2005), 5.1.5: by the region of the triangle's plane.
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap, bp, cp = b - a, c - a, points - a, points - b, points - c
    d1, d2, d3, d4, d5, d6 = ((x * y).sum(-1) for x, y in ((ab, ap), (ac, ap), (ab, bp), (ac, bp), (ab, cp), (ac, cp)))
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    tiny = 1e-30

    def ratio(x, y):
        return x / np.where(np.abs(y) < tiny, 1.0, y)

    total = va + vb + vc
    v, w = ratio(vb, total), ratio(vc, total)
    weights = np.stack([1 - v - w, v, w], -1)
    t = np.clip(ratio(d4 - d3, (d4 - d3) + (d5 - d6)), 0, 1)
    on_bc = (va <= 0) & (d4 - d3 >= 0) & (d5 - d6 >= 0)
    weights = np.where(on_bc[..., None], np.stack([0 * t, 1 - t, t], -1), weights)
    t = np.clip(ratio(d2, d2 - d6), 0, 1)
    on_ac = (vb <= 0) & (d2 >= 0) & (d6 <= 0)
    weights = np.where(on_ac[..., None], np.stack([1 - t, 0 * t, t], -1), weights)
    t = np.clip(ratio(d1, d1 - d3), 0, 1)
    on_ab = (vc <= 0) & (d1 >= 0) & (d3 <= 0)
    weights = np.where(on_ab[..., None], np.stack([1 - t, t, 0 * t], -1), weights)
    for corner, inside in (
        (2, (d6 >= 0) & (d5 <= d6)), (1, (d3 >= 0) & (d4 <= d3)), (0, (d1 <= 0) & (d2 <= 0))
    ):  # fmt: skip
        weights = np.where(inside[..., None], np.eye(3)[corner], weights)
    return weights


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30)
