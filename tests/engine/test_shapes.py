"""Face shapes on a head that has none: the demo head, bent, on another mesh, gets its keys back."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy.spatial import cKDTree  # noqa: E402

from faceanim.core.head import EYE, NEEDED, TEETH, TONGUE, Head  # noqa: E402
from faceanim.engine.shapes import REFERENCE  # noqa: E402
from faceanim.errors import CharacterError, FormatError  # noqa: E402
from faceanim.evaluate.shapes import errors  # noqa: E402
from faceanim.formats import heads  # noqa: E402
from faceanim.shapes import eyeballs  # noqa: E402
from faceanim.shapes.head import Solid  # noqa: E402
from faceanim.shapes.landmarks import known  # noqa: E402
from faceanim.shapes.make import make  # noqa: E402
from faceanim.shapes.mesh import Mesh  # noqa: E402

KEYS = ("jawOpen", "mouthClose", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthPucker", "browInnerUp")


def bent(points: np.ndarray) -> np.ndarray:
    """Another face: longer, narrower at the chin, larger eyes and a turned-up nose, three times the size."""
    x, y, z = (points - [0.0, 1.6, 0.0]).T
    narrow = 1 - 0.9 * np.clip(-y, -0.1, 0.1)
    near_eye = np.exp(-(((np.abs(x) - 0.032) / 0.03) ** 2 + ((y - 0.02) / 0.03) ** 2))
    return 3 * np.stack([x * narrow, 1.12 * y + 0.15 * near_eye * (y - 0.02), z + 0.3 * x**2 + 0.05 * y], -1)


def remeshed(head: Head) -> Head:
    """Other vertices: every third triangle has one in its middle, and all are shuffled."""
    order = np.random.default_rng(0)
    split = order.random(len(head.triangles)) < 0.33
    corners = head.triangles[split]
    count = len(head.points)
    middle = np.arange(len(corners)) + count
    fans = np.concatenate([np.column_stack([corners[:, i], corners[:, (i + 1) % 3], middle]) for i in range(3)])
    triangles = np.concatenate([head.triangles[~split], fans])
    place = order.permutation(count + len(corners))

    def spread(values: np.ndarray) -> np.ndarray:
        out = np.empty((len(place), *values.shape[1:]), values.dtype)
        out[place] = np.concatenate([values, values[corners].mean(1).astype(values.dtype)])
        return out

    keys = {name: spread(delta) for name, delta in head.keys.items()}
    return Head(spread(head.points), place[triangles], keys, kinds=spread(head.kinds), landmarks=head.landmarks)


@pytest.fixture(scope="module")
def reference() -> Head:
    head = heads.read(REFERENCE)
    return replace(head, keys={name: head.keys[name] for name in KEYS})


@pytest.fixture(scope="module")
def true(reference) -> Head:
    keys = {n: bent(reference.points + d) - bent(reference.points) for n, d in reference.keys.items()}
    marks = {n: bent(np.asarray(p)[None])[0] for n, p in reference.landmarks.items()}
    return remeshed(replace(reference, points=bent(reference.points), keys=keys, landmarks=marks))


@pytest.fixture(scope="module")
def made(reference, true):
    return make(replace(true, keys={}), reference, lambda image: None)


def test_keys_are_close_to_the_true_ones(made, true):
    found = errors(made.keys, true)
    assert set(found) == set(KEYS)
    assert max(v["rms"] for v in found.values()) < 0.15, found
    assert min(v["cosine"] for v in found.values()) > 0.95, found


def test_lids_and_lips_meet(made):
    report = made.report
    assert set(report["lids"]) == {"Left", "Right"} and max(report["lids"].values()) < 0.05
    assert report["lips"] < 0.05 and not report["notes"], report
    assert all(key["folded"] < 0.02 for key in report["keys"].values())


def test_lids_slide_over_the_eye_halfway_too():
    """A thin lid that closes in a straight line from above to below, on a ball one wide between eyes three apart."""

    def patch(across, up, radius):
        across, up = np.meshgrid(across, up)
        points = radius * np.stack([np.sin(across) * np.cos(up), np.sin(up), np.cos(across) * np.cos(up)], -1)
        n, index = across.shape[1], np.arange(across.size).reshape(across.shape)
        a, b, c, d = (i.ravel() for i in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
        return Mesh(points.reshape(-1, 3), np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])), n

    ball, _ = patch(np.linspace(-np.pi, np.pi, 80), np.linspace(-1.5, 1.5, 40), 0.5)
    lid, n = patch(np.linspace(-0.5, 0.5, 11), np.linspace(0.5, 1.1, 7), 0.503)
    turn = np.linspace(-0.9, 0, 7).repeat(n)
    y, z = lid.points[:, 1], lid.points[:, 2]
    closed = np.stack([lid.points[:, 0], y * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - y * np.sin(turn)], 1)
    moved = (closed - lid.points)[None]

    def least(part, added):
        return np.linalg.norm(lid.points + part * (moved[0] + added[0]), axis=1).min()

    assert least(0.5, 0 * moved) < 0.46
    out = np.zeros_like(moved)
    eyeballs._push(lid, moved, ball.points, 3.0, out)
    assert least(0.5, out) > 0.499 and least(1.0, out) > 0.5


def test_eyes_stay_and_the_lower_jaw_goes_with_its_teeth(made, true):
    jaw = made.keys["jawOpen"]
    assert not any(delta[true.kinds == EYE].any() for delta in made.keys.values())
    want = true.keys["jawOpen"]
    for kind in (TEETH, TONGUE):
        there = true.kinds == kind
        off = np.linalg.norm(jaw[there] - want[there], axis=1).max()
        assert off < 0.15 * np.linalg.norm(want[there], axis=1).max()


def test_a_tongue_in_one_piece_with_the_mouth():
    """No name says that it is one, and it hangs together with the skin."""
    reference = heads.read(REFERENCE)
    reference = replace(reference, keys={name: reference.keys[name] for name in ("jawOpen", "tongueOut")})
    keys = {n: bent(reference.points + d) - bent(reference.points) for n, d in reference.keys.items()}
    marks = {n: bent(np.asarray(p)[None])[0] for n, p in reference.landmarks.items()}
    points = bent(reference.points)
    tongue, islands = np.flatnonzero(reference.kinds == TONGUE), Solid(reference).islands
    skin = np.flatnonzero(islands == np.bincount(islands[reference.kinds == 0]).argmax())
    root = tongue[np.argsort(points[tongue, 2])[:40]]
    _, at = cKDTree(points[skin]).query(points[root])
    joined = np.concatenate([reference.triangles, np.stack([root, skin[at], np.roll(root, 1)], 1)])
    kinds = np.where(reference.kinds == TONGUE, 0, reference.kinds)
    made = make(Head(points, joined, kinds=kinds, landmarks=marks), reference, lambda image: None)
    for name, want in keys.items():
        off, most = np.linalg.norm(made.keys[name] - want, axis=1), np.linalg.norm(want[tongue], axis=1).max()
        assert off[tongue].max() < 0.15 * most, name
    assert np.linalg.norm(made.keys["tongueOut"][skin], axis=1).max() < 0.05 * most


def test_a_head_without_a_face_asks_for_landmarks(reference):
    box = Head(np.eye(4, 3), np.array(30 * [[0, 1, 2], [0, 3, 1], [1, 3, 2], [0, 2, 3]]))
    with pytest.raises(CharacterError) as error:
        make(box, reference, lambda image: None)
    assert "no face" in error.value.message and "nose_tip" in error.value.hint


def test_what_is_no_head_is_told(true, reference):
    def fault(head: Head) -> str:
        with pytest.raises(CharacterError) as error:
            make(head, reference, lambda image: None)
        assert error.value.hint
        return error.value.message

    plain = replace(true, keys={})
    marks = {name: np.asarray(p) for name, p in plain.landmarks.items()}
    holes = plain.points.copy()
    holes[5] = np.nan
    assert "triangles" in fault(replace(plain, triangles=plain.triangles[:9]))
    assert "NaN" in fault(replace(plain, points=holes))
    assert "one place" in fault(replace(plain, landmarks=dict.fromkeys(marks, np.ones(3))))
    assert "do not lie on" in fault(replace(plain, landmarks={n: p + 90 for n, p in marks.items()}))
    assert "mirrored" in fault(replace(plain, landmarks={n: p * [-1, 1, 1] for n, p in marks.items()}))


def test_landmarks_are_checked():
    points = {name: np.zeros(3) for name in NEEDED}
    assert len(known(points)) == len(NEEDED)
    with pytest.raises(CharacterError, match="chin"):
        known({name: p for name, p in points.items() if name != "chin"})
    with pytest.raises(CharacterError, match="snout"):
        known({**points, "snout": np.zeros(3)})


def test_heads_travel_in_files(tmp_path, true):
    heads.write(true, tmp_path / "head.npz")
    back = heads.read(tmp_path / "head.npz")
    assert np.allclose(back.points, true.points, atol=1e-5) and (back.triangles == true.triangles).all()
    assert set(back.keys) == set(true.keys) and set(back.landmarks) == set(true.landmarks)
    (tmp_path / "other.npz").write_bytes(b"not a head at all")
    with pytest.raises(FormatError, match="no head"):
        heads.read(tmp_path / "other.npz")


def test_the_ict_head_is_a_reference(data):
    head = heads.read(data / "ict_facekit" / "ict_face.npz")
    assert len(head.keys) == 51 and "browInnerUp" in head.keys and "tongueOut" not in head.keys
    assert (head.kinds == EYE).sum() > 1000
