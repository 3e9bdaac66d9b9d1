"""Painted eyes: pictures that look as they are shifted on a still mesh, by a UV Warp modifier or a Mapping node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import ID, Material, Object

from ..core.rig import Shift
from .linked import is_linked
from .skeleton import EYEBALL, driven_paths, side_of

_LEAST = 8
"""Corners of faces that show an eye, at least."""


@dataclass(frozen=True)
class Picture:
    """What shifts the picture of one or both eyes: a property of two or three numbers, u and v first.

    faces   bool (polygons,) of the mesh: those that show it
    sign    1 where the property moves the corners in the picture (a modifier), -1 where it moves the picture on them
    """

    name: str
    block: ID
    path: str
    mesh: Object
    faces: np.ndarray
    sign: float = 1.0


def pictures(meshes: Iterable[Object]) -> Iterator[Picture]:
    """Every property that shifts an eye's picture, under the name of its mesh or material."""
    for mesh in meshes:
        count = len(mesh.data.polygons)
        if not mesh.data.uv_layers or not count:
            continue
        warp = next((m for m in mesh.modifiers if m.type == "UV_WARP"), None)
        if warp is not None and EYEBALL.match(mesh.name):
            path = f'modifiers["{bpy.utils.escape_identifier(warp.name)}"].offset'
            yield Picture(mesh.name, mesh, path, mesh, np.ones(count, bool))
            continue
        slots = np.zeros(count, np.int32)
        mesh.data.polygons.foreach_get("material_index", slots)
        for i, material in enumerate(mesh.data.materials):
            node = _mapping_node(material)
            if node is not None and (slots == i).any():
                name = bpy.utils.escape_identifier(node.name)
                place = next(j for j, socket in enumerate(node.inputs) if socket.identifier == "Location")
                path = f'nodes["{name}"].inputs[{place}].default_value'
                sign = 1.0 if node.vector_type == "POINT" else -1.0
                yield Picture(material.name, material.node_tree, path, mesh, slots == i, sign)


def _mapping_node(material: Material | None) -> bpy.types.Node | None:
    if material is None or not material.node_tree or not EYEBALL.match(material.name):
        return None
    nodes = (n for n in material.node_tree.nodes if n.type == "MAPPING" and n.vector_type in ("POINT", "TEXTURE"))
    return next((n for n in nodes if not n.inputs["Location"].is_linked), None)


def shifts(meshes: Iterable[Object], axes: np.ndarray) -> tuple[Shift, ...]:
    """What can be shifted, and by how much for a radian of gaze; axes (3, 3) are head space's in the world."""
    found = {}
    for picture in pictures(meshes):
        per_radian = _per_radian(picture, axes)
        if per_radian is not None and picture.name not in found:
            blocked = "linked" if is_linked(picture.block) else ""
            if not blocked and picture.path in driven_paths(picture.block):
                blocked = "driven"
            found[picture.name] = Shift(picture.name, per_radian, side_of(picture.name), blocked)
    return tuple(found.values())


def _per_radian(picture: Picture, axes: np.ndarray) -> np.ndarray | None:
    """float64 (2, 2): u and v for a radian of yaw and of pitch, None where the picture does not lie flat on the face.

    An iris on a ball of radius r goes r * yaw to its own left and r * pitch down. To show it there, the corners must
    take from the picture what lies as far the other way.
    """
    data = picture.mesh.data
    loops = np.array([i for polygon, shown in zip(data.polygons, picture.faces, strict=True) if shown
                      for i in polygon.loop_indices])  # fmt: skip
    if len(loops) < _LEAST:
        return None
    corners = np.empty(2 * len(data.loops), np.float32)
    data.uv_layers.active.data.foreach_get("uv", corners)
    vertices = np.empty(len(data.loops), np.int32)
    data.loops.foreach_get("vertex_index", vertices)
    points = np.empty(3 * len(data.vertices), np.float32)
    data.vertices.foreach_get("co", points)
    world = np.array(picture.mesh.matrix_world)[:3, :3]
    places = (points.reshape(-1, 3)[vertices[loops]].astype(float) @ world.T) @ axes
    uv = corners.reshape(-1, 2)[loops].astype(float)
    halves = [places[:, 0] > 0, places[:, 0] <= 0] if not side_of(picture.name) else [np.ones(len(uv), bool)]
    slopes = []
    for half in halves:
        if half.sum() < _LEAST:
            continue
        eye = places[half]
        radius = float(np.ptp(eye[:, 0])) / 2
        near = eye[:, 2] > np.median(eye[:, 2]) - 1e-9  # the front, where the picture is not seen from the side
        flat = np.column_stack([eye[near, :2] - eye[near, :2].mean(0), np.ones(near.sum())])
        slope = np.linalg.lstsq(flat, uv[half][near], rcond=None)[0][:2].T  # (uv, xy)
        slopes.append(picture.sign * slope @ np.diag([-radius, radius]))
    if not slopes or any(np.linalg.norm(slopes[0] - s) > 0.2 * np.linalg.norm(slopes[0]) for s in slopes):
        return None  # mirrored: what shifts one eye to its left shifts the other to its right
    return np.mean(slopes, axis=0)
