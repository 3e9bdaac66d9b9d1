"""From meshes in the scene to one Head of arrays, and from made keys back to the meshes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import bpy
import numpy as np
from bpy.types import Material, Object

from ..core.head import EYE, HAIR, NAMED, TEETH, TONGUE, Head
from ..errors import CharacterError
from . import scene
from .linked import is_linked
from .preview import colour_image

KINDS = (
    (EYE, re.compile(r"^(?!.*(brow|lid|lash|line|socket|shadow)).*(eye|iris|pupil|sclera|cornea)", re.IGNORECASE)),
    (TEETH, re.compile(r"teeth|tooth|denture", re.IGNORECASE)),
    (TONGUE, re.compile(r"tongue|gums?([^a-z]|$)", re.IGNORECASE)),
    (HAIR, re.compile(r"hair(?!line)", re.IGNORECASE)),
)
"""What the name of an object, a material or a bone says of its vertices; the first that fits."""
LEAST = 0.03
"""A mesh does not get a key that moves nothing on it by this share of its largest motion."""
PICTURE = 2048
"""Sides of a picture beyond this are read coarsely."""


def meshes_of(thing: Object) -> tuple[Object, ...]:
    """The visible meshes that go with one: bound by the same armature, else under the same parent, else itself."""
    armature = thing if thing.type == "ARMATURE" else scene.armature_of(thing)
    meshes = [o for o in bpy.context.scene.objects if o.type == "MESH" and len(o.data.polygons)]
    if armature:
        found = [m for m in meshes if scene.armature_of(m) is armature]
    else:
        top = _top(thing)
        found = [m for m in meshes if _top(m) is top]
    if not found:
        raise CharacterError(f"'{thing.name}' has no faces", "choose the mesh of the face")
    return tuple(sorted(found, key=lambda m: (m is not thing, m.name)))


def _top(thing: Object) -> Object:
    while thing.parent:
        thing = thing.parent
    return thing


def read(meshes: Sequence[Object], keys: dict[str, str] | None = None) -> Head:
    """All meshes in head space, without modifiers.

    keys  a key's name to the channel that it is; without it no keys are read
    """
    turn = scene.axes(scene.armature_of(meshes[0]))
    points, triangles, colours, kinds, first = [], [], [], [], 0
    found: dict[str, np.ndarray] = {}
    total = sum(len(m.data.vertices) for m in meshes)
    for mesh in meshes:
        place = np.array(mesh.matrix_world)
        base = _base(mesh)
        points.append((base @ place[:3, :3].T + place[:3, 3]) @ turn)
        mesh.data.calc_loop_triangles()
        corners = _column(mesh.data.loop_triangles, "vertices", 3, np.int32)
        triangles.append(corners + first)
        colours.append(_colours(mesh))
        kinds.append(_kinds(mesh))
        for block in mesh.data.shape_keys.key_blocks[1:] if keys and mesh.data.shape_keys else ():
            if block.name in keys:
                delta = (_column(block.data, "co", 3, np.float32) - base) @ place[:3, :3].T @ turn
                whole = found.setdefault(keys[block.name], np.zeros((total, 3), np.float32))
                whole[first : first + len(base)] = delta
        first += len(base)
    return Head(np.concatenate(points), np.concatenate(triangles), found, np.concatenate(colours),
                np.concatenate(kinds), landmarks(meshes, turn))  # fmt: skip


def landmarks(meshes: Iterable[Object], turn: np.ndarray) -> dict[str, np.ndarray]:
    """Picked ones, in head space: empties in the scene and vertex groups of the meshes that bear a landmark's name."""
    found = {}
    for thing in bpy.context.scene.objects:
        name = re.sub(r"\.\d{3}$", "", thing.name)
        if thing.type == "EMPTY" and name in NAMED:
            found[name] = np.array(thing.matrix_world.translation) @ turn
    for mesh in meshes:
        groups = {g.index: g.name for g in mesh.vertex_groups if g.name in NAMED}
        members: dict[str, list[int]] = {}
        for vertex in mesh.data.vertices if groups else ():
            for group in vertex.groups:
                if group.group in groups and group.weight > 0:
                    members.setdefault(groups[group.group], []).append(vertex.index)
        place = np.array(mesh.matrix_world)
        base = _base(mesh) if members else None
        for name, which in members.items():
            found[name] = (base[which].mean(0) @ place[:3, :3].T + place[:3, 3]) @ turn
    return found


def add_keys(meshes: Sequence[Object], head: Head) -> dict[str, list[str]]:
    """Mesh to the names of the keys that it got. A key of that name that moves something is left as it is.

    Raises CharacterError where a mesh is linked or has changed since it was read.
    """
    if sum(len(m.data.vertices) for m in meshes) != len(head.points):
        raise CharacterError("the meshes have changed meanwhile", "create the face shapes again")
    linked = next((m for m in meshes if is_linked(m.data)), None)
    if linked:
        raise CharacterError(f"'{linked.name}' is linked from another file", "make it local first")
    turn = scene.axes(scene.armature_of(meshes[0]))
    made: dict[str, list[str]] = {}
    first = 0
    for mesh in meshes:
        count = len(mesh.data.vertices)
        back = turn.T @ np.linalg.inv(np.array(mesh.matrix_world)[:3, :3]).T
        base = _base(mesh)
        for name, delta in head.keys.items():
            own = delta[first : first + count]
            least = LEAST * np.abs(delta).max(initial=0.0)
            if np.abs(own).max(initial=0.0) > least and _set_key(mesh, name, base, base + own @ back):
                made.setdefault(mesh.name, []).append(name)
        first += count
    return made


def _set_key(mesh: Object, name: str, base: np.ndarray, points: np.ndarray) -> bool:
    shapes = mesh.data.shape_keys
    block = shapes.key_blocks.get(name) if shapes else None
    if block is not None and np.abs(_column(block.data, "co", 3, np.float32) - base).max(initial=0.0) > 1e-6:
        return False
    if shapes is None:
        mesh.shape_key_add(name="Basis", from_mix=False)
    if block is None:
        block = mesh.shape_key_add(name=name, from_mix=False)
    block.data.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    block.value = 0.0
    mesh.data.update()
    return True


def remove_keys(made: dict[str, list[str]]) -> None:
    """Take away what add_keys gave."""
    for name, keys in made.items():
        mesh = bpy.data.objects.get(name)
        shapes = mesh.data.shape_keys if mesh else None
        for key in keys:
            if shapes and key in shapes.key_blocks:
                mesh.shape_key_remove(shapes.key_blocks[key])
        if shapes and len(shapes.key_blocks) == 1:
            mesh.shape_key_clear()


def _base(mesh: Object) -> np.ndarray:
    shapes = mesh.data.shape_keys
    return _column(shapes.reference_key.data if shapes else mesh.data.vertices, "co", 3, np.float32)


def _column(data: object, name: str, width: int, dtype: type) -> np.ndarray:
    flat = np.empty(width * len(data), dtype)
    data.foreach_get(name, flat)
    return flat.reshape(-1, width)


def _kinds(mesh: Object) -> np.ndarray:
    """int8 (V,): by the object's name, else the material's, else the bone's that turns a vertex."""
    out = np.zeros(len(mesh.data.vertices), np.int8)
    corners = _column(mesh.data.loop_triangles, "vertices", 3, np.int32)
    slots = _column(mesh.data.loop_triangles, "material_index", 1, np.int32)[:, 0]
    bones = {g.index: kind for g in mesh.vertex_groups if (kind := _kind(g.name)) in (EYE, TONGUE)}
    for vertex in mesh.data.vertices if bones else ():
        heavy = [g for g in vertex.groups if g.weight > 0.5 and g.group in bones]
        if heavy:
            out[vertex.index] = bones[heavy[0].group]
    for slot, material in enumerate(mesh.data.materials):
        kind = _kind(material.name) if material else 0
        if kind:
            out[corners[slots == slot]] = kind
    own = _kind(mesh.name) or (_kind(mesh.parent_bone) if mesh.parent_type == "BONE" else 0)
    return np.full_like(out, own) if own else out


def _kind(name: str) -> int:
    return next((kind for kind, pattern in KINDS if pattern.search(name)), 0)


def _colours(mesh: Object) -> np.ndarray:
    """float32 (V, 3): what the materials' pictures and colours paint on the vertices."""
    data = mesh.data
    out = np.full((len(data.vertices), 3), 0.8, np.float32)
    corners = _column(data.loop_triangles, "vertices", 3, np.int32)
    loops = _column(data.loop_triangles, "loops", 3, np.int32)
    slots = _column(data.loop_triangles, "material_index", 1, np.int32)[:, 0]
    layer = data.uv_layers.active
    uv = _column(layer.data, "uv", 2, np.float32) if layer else None
    for slot, material in enumerate(data.materials):
        mine = slots == slot
        picture = _picture(material) if material and uv is not None else None
        if picture is not None:
            height, width = picture.shape[:2]
            at = np.floor(np.mod(uv[loops[mine].ravel()], 1) * [width, height]).astype(int)
            out[corners[mine].ravel()] = picture[at[:, 1].clip(0, height - 1), at[:, 0].clip(0, width - 1), :3]
        elif material:
            out[corners[mine].ravel()] = _plain(material)
    return out.clip(0, 1)


def _picture(material: Material) -> np.ndarray | None:
    """float32 (H, W, 4), None where there is none to read."""
    node = colour_image(material.node_tree) if material.node_tree else None
    image = node.image if node else None
    if image is None or not all(image.size) or not image.has_data and not image.packed_file and not image.filepath:
        return None
    try:
        flat = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
        image.pixels.foreach_get(flat)
    except RuntimeError:
        return None  # its file is gone
    pixels = flat.reshape(image.size[1], image.size[0], image.channels)
    step = max(1, max(image.size) // PICTURE)
    return np.repeat(pixels, 3, 2)[::step, ::step] if image.channels == 1 else pixels[::step, ::step]


def _plain(material: Material) -> np.ndarray:
    nodes = material.node_tree.nodes if material.node_tree else ()
    shader = next((n for n in nodes if "Base Color" in n.inputs), None)
    colour = shader.inputs["Base Color"].default_value if shader else material.diffuse_color
    return np.array(colour[:3], np.float32) ** (1 / 2.2)
