"""A head drawn from the front, so that a face landmarker finds its points, which are lifted back to the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mesh import Mesh

PIXELS = 352
LIGHT = np.array([0.25, 0.45, 0.86])
SKIN = np.array([0.85, 0.66, 0.56])
GROUND = 96


@dataclass(frozen=True)
class View:
    """A square orthographic picture along -z of what lies about a centre (2,), `span` across.

    triangle int (H, W): what is seen, -1 where nothing; weights (H, W, 3) of its corners
    """

    centre: np.ndarray
    span: float
    triangle: np.ndarray
    weights: np.ndarray

    def lifted(self, mesh: Mesh, pixels: np.ndarray) -> np.ndarray:
        """Points of the surface (N, 3) seen at pixels (N, 2: right, down); NaN beside it."""
        size = len(self.triangle)
        column, row = np.clip(np.floor(pixels).astype(int), 0, size - 1).T
        triangle = self.triangle[row, column]
        # the plane of the triangle that is seen, at the point itself and not at the pixel's middle
        place = self.centre + (pixels - size / 2) * [1, -1] * self.span / size
        normal, corner = mesh.face_normals[triangle], mesh.corners[triangle, 0]
        seen = self.weights[row, column]
        z = np.einsum("nc,nc->n", seen, mesh.corners[triangle][..., 2])
        slope = np.abs(normal[:, 2]) > 0.3
        with np.errstate(all="ignore"):
            exact = corner[:, 2] - ((place - corner[:, :2]) * normal[:, :2]).sum(1) / normal[:, 2]
        points = np.column_stack([place, np.where(slope, exact, z)])
        points[triangle < 0] = np.nan
        return points


def look(mesh: Mesh, centre: np.ndarray, span: float, pixels: int = PIXELS) -> View:
    """What of a mesh is seen: each triangle laid out in points closer than pixels, the nearest kept."""
    scale = pixels / span
    flat = (mesh.corners[..., :2] - centre) * [scale, -scale] + pixels / 2
    inside = ((flat.max(1) > 0) & (flat.min(1) < pixels)).all(1)
    longest = np.linalg.norm(flat - np.roll(flat, 1, 1), axis=2).max(1)
    steps = np.where(inside, np.clip(np.ceil(longest), 1, 200), 0).astype(int)
    which, weights = [], []
    for step in np.unique(steps[steps > 0]):
        i, j = np.mgrid[: step + 1, : step + 1].reshape(2, -1)
        grid = np.stack([i, j, step - i - j], 1)[i + j <= step] / step
        group = np.flatnonzero(steps == step)
        which.append(np.repeat(group, len(grid)))
        weights.append(np.tile(grid, (len(group), 1)))
    triangle, view = np.full(pixels * pixels, -1), np.zeros((pixels * pixels, 3))
    if which:
        owner, share = np.concatenate(which), np.concatenate(weights).astype(np.float32)
        place = np.einsum("nc,ncd->nd", share, flat[owner])
        depth = np.einsum("nc,nc->n", share, mesh.corners[owner][..., 2])
        cell = np.floor(place).astype(int)
        ok = ((cell >= 0) & (cell < pixels)).all(1)
        order = np.flatnonzero(ok)[np.argsort(depth[ok], kind="stable")]
        index = cell[order, 1] * pixels + cell[order, 0]
        triangle[index], view[index] = owner[order], share[order]
    return View(np.asarray(centre, float), span, triangle.reshape(pixels, pixels), view.reshape(pixels, pixels, 3))


def draw(mesh: Mesh, view: View, colours: np.ndarray | None = None) -> np.ndarray:
    """uint8 (H, W, 3): lit from before; colours float (V, 3), 0..1."""
    seen = view.triangle >= 0
    corner = mesh.triangles[view.triangle[seen]]
    share = view.weights[seen]
    normal = np.einsum("nc,ncd->nd", share, mesh.normals[corner])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    # a sheet that is seen from behind is lit all the same
    normal *= np.where(normal[:, 2:] < 0, -1, 1)
    light = 0.35 + 0.65 * np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    paint = np.broadcast_to(SKIN, (len(corner), 3)) if colours is None else np.einsum(
        "nc,ncd->nd", share, colours[corner]
    )
    image = np.full((*view.triangle.shape, 3), GROUND, np.uint8)
    image[seen] = np.clip(255 * light[:, None] * paint, 0, 255)
    return image
