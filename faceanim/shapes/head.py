"""A head's meshes welded where files cut them, and its pieces."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from ..core.head import Head
from .mesh import Mesh


class Solid:
    """A Head with its meshes: as they are, and with their seams closed."""

    def __init__(self, head: Head):
        self.head = head
        self.points = np.asarray(head.points, float)
        self.keys = head.keys
        self.kinds = np.zeros(len(self.points), np.int8) if head.kinds is None else np.asarray(head.kinds)
        self.tint = None if head.colours is None else np.asarray(head.colours, float)

    @cached_property
    def mesh(self) -> Mesh:
        return Mesh(self.points, np.asarray(self.head.triangles, int))

    @cached_property
    def welded(self) -> np.ndarray:
        """int (V,): the first vertex of those at the same place on open edges whose surfaces face the same way.

        Files cut meshes at seams of texture and material. Lips that touch face each other and stay apart.
        """
        mesh = self.mesh
        first = np.arange(len(self.points))
        rim = np.unique(mesh.rims)
        pairs = cKDTree(mesh.points[rim]).query_pairs(1e-6 * mesh.size, output_type="ndarray")
        a, b = rim[pairs].T if len(pairs) else (np.empty(0, int), np.empty(0, int))
        same = (mesh.normals[a] * mesh.normals[b]).sum(1) > 0.2
        for i, j in np.sort(np.column_stack([a, b])[same], 1):
            low = min(first[i], first[j])
            first[i] = first[j] = low
        while (first[first] != first).any():
            first = first[first]
        return first

    @cached_property
    def whole(self) -> Mesh:
        """The mesh with its seams closed; vertices that were welded away belong to no triangle."""
        triangles = self.welded[self.mesh.triangles]
        a, b, c = triangles.T
        return Mesh(self.mesh.points, triangles[(a != b) & (b != c) & (c != a)])

    @cached_property
    def islands(self) -> np.ndarray:
        """int (V,): connected pieces of the whole."""
        return self.whole.islands[self.welded]


def skin_of(head: Solid, triangles: np.ndarray) -> np.ndarray:
    """bool (V,): the pieces that some triangles (of landmarks) lie on, without those that are hardly met."""
    met = head.islands[head.mesh.triangles[triangles, 0]]
    count = np.bincount(met, minlength=head.islands.max() + 1)
    return np.isin(head.islands, np.flatnonzero(count > 0.25 * count.max()))
