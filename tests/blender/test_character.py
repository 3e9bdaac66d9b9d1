"""The demo head, by its geometry: what closes closes, nothing runs through anything, left mirrors right."""

from __future__ import annotations

import numpy as np
import pytest

from faceanim.core.channels import ARKIT, CHANNELS, TONGUE_EXTRA, mirrored

bpy = pytest.importorskip("bpy")
from mathutils.bvhtree import BVHTree  # noqa: E402
from mathutils.kdtree import KDTree  # noqa: E402

MM = 1000.0
MOUTH_KEYS = [n for n in ARKIT if n.startswith(("mouth", "jaw", "cheekPuff", "noseSneer"))]


class Posed:
    """Meshes of head.blend in millimetres: points(object, {key: value}) and bounding trees of them."""

    def __init__(self, path):
        bpy.ops.wm.open_mainfile(filepath=str(path))
        self.rest, self.deltas, self.polygons, self.slots = {}, {}, {}, {}
        for thing in bpy.data.objects:
            if thing.type != "MESH":
                continue
            mesh = thing.data
            blocks = mesh.shape_keys.key_blocks if mesh.shape_keys else []
            read = np.empty(len(mesh.vertices) * 3, np.float32)
            mesh.vertices.foreach_get("co", read)
            self.rest[thing.name] = rest = read.reshape(-1, 3).astype(float) * MM
            self.deltas[thing.name] = {}
            for block in blocks[1:]:
                block.data.foreach_get("co", read)
                self.deltas[thing.name][block.name] = read.reshape(-1, 3).astype(float) * MM - rest
            self.polygons[thing.name] = [tuple(p.vertices) for p in mesh.polygons]
            names = [m.name for m in mesh.materials]
            self.slots[thing.name] = np.array([names[p.material_index] for p in mesh.polygons])

    def points(self, name: str, values: dict[str, float]) -> np.ndarray:
        deltas = self.deltas[name]
        return self.rest[name] + sum((v * deltas[k] for k, v in values.items() if k in deltas), np.zeros(3))

    def tree(self, name: str, values: dict[str, float], materials: tuple[str, ...] = ()) -> BVHTree:
        faces = self.polygons[name]
        if materials:
            faces = [faces[i] for i in np.flatnonzero(np.isin(self.slots[name], materials))]
        return BVHTree.FromPolygons(self.points(name, values).tolist(), faces)


@pytest.fixture(scope="module")
def head(demo_blend) -> Posed:
    return Posed(demo_blend)


@pytest.fixture(scope="module")
def contact(head) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the upper and the lower lip that touch at rest, pair by pair, each by rising x."""
    rest, jaw = head.rest["Head"], head.deltas["Head"]["jawOpen"][:, 2]
    pairs = coinciding(rest)
    pairs = pairs[np.abs(jaw[pairs[:, 0]] - jaw[pairs[:, 1]]) > 0.05]
    swap = jaw[pairs[:, 0]] < jaw[pairs[:, 1]]
    pairs[swap] = pairs[swap][:, ::-1]
    return tuple(pairs[np.argsort(rest[pairs[:, 0], 0], kind="stable")].T)


def coinciding(points: np.ndarray, within: float = 0.004) -> np.ndarray:
    """(K, 2) pairs of points that lie on one another."""
    order = np.lexsort(np.round(points / within / 4).T)
    found = []
    for step in (1, 2, 3):
        a, b = order[:-step], order[step:]
        near = np.linalg.norm(points[a] - points[b], axis=1) < within
        found.append(np.stack([a[near], b[near]], 1))
    return np.vstack(found)


def eyes(head) -> dict[str, tuple[np.ndarray, float]]:
    """Centre and radius of each eyeball."""
    result = {}
    for side in "LR":
        p = head.rest[f"Eye.{side}"]
        centre = (p.max(0) + p.min(0)) / 2
        result[side] = centre, np.linalg.norm(p - centre, axis=1).max()
    return result


def test_the_file_is_what_it_says(head, demo_blend):
    assert demo_blend.stat().st_size < 5e6
    assert bpy.data.version[:2] <= (4, 2), "a file of a newer Blender does not open in the oldest that we support"
    assert set(bpy.data.collections["Character"].objects.keys()) >= {
        "Head", "Eye.L", "Eye.R", "Teeth.Upper", "Teeth.Lower", "Tongue", "Brows", "Lashes", "Hair", "Rig",
    }  # fmt: skip
    assert {"neck", "head", "eye.L", "eye.R"} <= set(bpy.data.armatures["Rig"].bones.keys())
    assert bpy.context.scene.camera.name == "Camera"
    for thing in bpy.data.collections["Character"].objects:
        if thing.type == "MESH":
            assert all(thing.data.materials), f"{thing.name} has an empty material slot"
            assert {g.name for g in thing.vertex_groups} <= set(bpy.data.armatures["Rig"].bones.keys())
            assert all(abs(sum(g.weight for g in v.groups) - 1) < 1e-4 for v in thing.data.vertices)


def test_the_face_is_at_rest(head):
    assert all(block.value == 0 for keys in bpy.data.shape_keys for block in keys.key_blocks)


def test_all_keys_are_there_and_move(head):
    names = {name for deltas in head.deltas.values() for name in deltas}
    assert names == {*ARKIT, *TONGUE_EXTRA} <= set(CHANNELS)
    for deltas in head.deltas.values():
        for name, delta in deltas.items():
            assert np.isfinite(delta).all()
            assert np.abs(delta).max() > 0.05, name
    # every face key but the tongue's lives on the head, so that one mesh alone shows it
    assert set(head.deltas["Head"]) == {n for n in ARKIT if n != "tongueOut"}


def test_left_and_right_mirror(head):
    for part in ("Head", "Lashes", "Brows", "Teeth.Upper", "Teeth.Lower", "Tongue"):
        twin = twins(head, part)
        for name, delta in head.deltas[part].items():
            other = head.deltas[part][mirrored(name)] * [-1, 1, 1]
            assert np.abs(delta - other[twin]).max() < 0.002, (part, name)


def twins(head, part: str) -> np.ndarray:
    """(N,) the vertex on the other side; of two in one place (the lips' contact) the one that jawOpen moves alike."""
    rest = head.rest[part]
    jaw = head.deltas[part].get("jawOpen", np.zeros_like(rest))
    tree = KDTree(len(rest))
    for i, p in enumerate(rest):
        tree.insert(p, i)
    tree.balance()
    result = np.empty(len(rest), int)
    for i, p in enumerate(rest * [-1, 1, 1]):
        found = [j for _, j, _ in tree.find_range(p, 0.002)]
        assert found, (part, i)
        result[i] = min(found, key=lambda j: np.abs(jaw[i] - jaw[j] * [-1, 1, 1]).max())
    return result


@pytest.mark.parametrize("side", ["L", "R"])
def test_a_blink_closes_the_eye(head, side):
    centre, radius = eyes(head)[side]
    word = {"L": "Left", "R": "Right"}[side]
    open_, shut = (head.tree("Head", {f"eyeBlink{word}": v}) for v in (0.0, 1.0))
    azimuth, elevation = (a.ravel() for a in np.meshgrid(np.linspace(-55, 55, 67), np.linspace(-50, 50, 61)))
    seen = covered = 0
    for a, e in zip(np.radians(azimuth), np.radians(elevation), strict=True):
        direction = (np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e))
        seen += open_.ray_cast(centre, direction)[0] is None
        covered += shut.ray_cast(centre, direction)[0] is None
    assert seen > 400, "the open eye shows"
    assert covered == 0, "no way out between closed lids"
    shut_points = head.points("Head", {f"eyeBlink{word}": 1.0})
    met = coinciding(shut_points, 0.01)
    apart = np.linalg.norm(head.rest["Head"][met[:, 0]] - head.rest["Head"][met[:, 1]], axis=1)
    assert (apart > 5).sum() >= 20, "margins lie on one another"


@pytest.mark.parametrize("side", ["L", "R"])
def test_the_eyeball_never_pokes_through(head, side):
    centre, radius = eyes(head)[side]
    word = {"L": "Left", "R": "Right"}[side]
    keys = [n for n in ARKIT if n.endswith(word) and n.startswith(("eye", "cheek", "nose", "brow", "mouthSmile"))]
    for name in [*keys, "browInnerUp"]:
        for value in np.linspace(0, 1, 21) if "Blink" in name else (0.5, 1.0):
            nearest = head.tree("Head", {name: float(value)}).find_nearest(centre)[3]
            assert nearest > radius, (name, value, radius - nearest)


def test_the_mouth_closes_at_every_opening_of_the_jaw(head, contact):
    upper, lower = contact
    assert len(upper) > 50
    for x in np.linspace(0, 1, 21):
        p = head.points("Head", {"jawOpen": x, "mouthClose": x})
        assert np.linalg.norm(p[upper] - p[lower], axis=1).max() < 0.01, x
        assert crossing(head, p, contact) < 0.02, x
    p = head.points("Head", {"jawOpen": 1.0})
    assert (p[upper] - p[lower])[:, 2].max() > 20, "an open jaw opens the lips"


def crossing(head, p: np.ndarray, contact) -> float:
    """How far (mm) the red of the lower lip rises above the contact line of the upper one, or the other way."""
    upper, lower = contact
    red = np.unique(
        [i for f, m in zip(head.polygons["Head"], head.slots["Head"], strict=True) if m == "Lips" for i in f]
    )
    rest = head.rest["Head"]
    line = np.interp(rest[red, 0], rest[upper, 0], rest[upper, 2])
    above = red[(rest[red, 2] > line + 0.02)]
    below = red[(rest[red, 2] < line - 0.02)]
    worst = 0.0
    for points, edge, sign in ((np.union1d(below, lower), upper, 1.0), (np.union1d(above, upper), lower, -1.0)):
        order = edge[np.argsort(p[edge, 0])]
        points = points[np.abs(p[points, 0]) < np.abs(p[order, 0]).max() * 0.97]
        over = sign * (p[points, 2] - np.interp(p[points, 0], p[order, 0], p[order, 2]))
        worst = max(worst, float(over.max()))
    return worst


@pytest.mark.parametrize("name", MOUTH_KEYS)
def test_lips_and_teeth_never_cross(head, contact, name):
    for value in (0.25, 0.5, 0.75, 1.0):
        pose = {name: value}
        if name == "mouthClose":
            pose["jawOpen"] = value
        assert crossing(head, head.points("Head", pose), contact) < 0.1, value
        lips = head.tree("Head", pose, ("Lips", "Mouth"))
        for teeth in ("Teeth.Upper", "Teeth.Lower"):
            hits = lips.overlap(head.tree(teeth, pose, ("Teeth",)))
            assert not hits, (teeth, value, len(hits))


def test_upper_and_lower_teeth_do_not_meet(head):
    for name in ("", "jawOpen", "jawForward", "jawLeft", "jawRight"):
        pose = {name: 1.0} if name else {}
        assert not head.tree("Teeth.Upper", pose).overlap(head.tree("Teeth.Lower", pose)), name


@pytest.mark.parametrize("name", ["tongueTipUp", "tongueBackUp", "tongueForward", "tongueCurl", "tongueOut"])
def test_the_tongue_passes_the_teeth(head, name):
    pose = {name: 1.0, "jawOpen": 0.5 if name == "tongueOut" else 0.3}
    for teeth in ("Teeth.Upper", "Teeth.Lower"):
        assert not head.tree("Tongue", pose).overlap(head.tree(teeth, pose, ("Teeth",))), teeth
