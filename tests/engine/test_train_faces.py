"""The recipe of the face network: its pictures, its batches, its weights' way to a file and back."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")
torch = pytest.importorskip("torch")
pytest.importorskip("mediapipe")

from faceanim.core.channels import ARKIT  # noqa: E402
from faceanim.engine import face_expression as engine  # noqa: E402
from faceanim.errors import InputError  # noqa: E402
from faceanim.features import crops as cut  # noqa: E402
from faceanim.features.mesh import BundledMesh  # noqa: E402
from faceanim.nets import face_expression as nets  # noqa: E402
from faceanim.solve.learned import LOOK, OUTPUTS  # noqa: E402
from faceanim.train.face_expression import coefficients, raster, shards  # noqa: E402
from faceanim.train.face_expression.batches import Batches, Mirror, covered, split  # noqa: E402
from faceanim.train.face_expression.export import export, start_from  # noqa: E402
from faceanim.train.face_expression.expressions import Expressions, gaze, turn  # noqa: E402
from faceanim.train.face_expression.head import PITCH, refit  # noqa: E402
from faceanim.train.face_expression.make import STILL, plan_of  # noqa: E402
from faceanim.train.face_expression.people import People  # noqa: E402
from faceanim.train.face_expression.shards import PICTURES, RESTS, vector  # noqa: E402
from faceanim.train.face_expression.studio import PIXELS, Studio  # noqa: E402
from faceanim.train.face_expression.train import answers, rests, train, unlike  # noqa: E402
from faceanim.train.face_measures.heads import rotation  # noqa: E402


@pytest.fixture(scope="module")
def people(data):
    return People(data)


def test_the_nearer_triangle_covers_and_the_back_is_not_seen():
    screen = np.array([[2, 2, 1], [2, 30, 1], [30, 2, 1], [2, 2, 2], [2, 12, 2], [12, 2, 2]], np.float32)
    one_side, two_sides = np.zeros(2, bool), np.ones(2, bool)
    seen, weights, _ = raster.cover(screen, np.array([[0, 1, 2], [3, 4, 5]], np.int32), one_side, 32)
    assert seen[4, 4] == 1 and seen[14, 14] == 0 and seen[30, 30] == -1
    assert weights[2, 2, 0] > 0.8
    back = np.array([[0, 2, 1], [3, 5, 4]], np.int32)
    assert (raster.cover(screen, back, one_side, 32)[0] == -1).all()
    assert raster.cover(screen, back, two_sides, 32)[0][14, 14] == 0


def test_expressions_are_possible(people):
    draw = np.random.default_rng(0)
    expressions = Expressions(people.names)
    rows = np.stack([expressions.one(draw) for _ in range(300)])
    column = {name: rows[:, k] for k, name in enumerate(people.names)}
    assert rows.min() >= 0 and rows.max() <= 1
    assert (column["mouthClose"] <= column["jawOpen"]).all()
    assert not (column["jawLeft"] * column["jawRight"]).any() and column["jawLeft"].any() and column["jawRight"].any()
    assert (column["browInnerUp_L"] == column["browInnerUp_R"]).all()
    # every channel that people move is seen
    still = [name for name, values in column.items() if not values.any()]
    assert all(name.startswith(("eyeLook", "Pupil", "cheekRaiser")) for name in still)
    sides = np.corrcoef(column["mouthSmile_L"], column["mouthSmile_R"])[0, 1]
    assert 0.6 < sides < 1


def test_a_picture_shows_a_face_that_turns_as_told(people):
    studio, expressions = Studio(people), Expressions(people.names)
    mesh, found = BundledMesh(1, still=True), []
    for k in range(8):
        draw = np.random.default_rng([4, k])
        person, shot = people.person(draw), studio.shot(draw)
        pose = np.array([np.radians(25.0 if k % 2 else -25.0), 0, 0])
        image = studio.picture(person, shot, expressions.rest(draw), np.zeros(4), pose, draw)
        assert image.shape == (PIXELS, PIXELS, 3) and image.dtype == np.uint8
        faces = mesh.find(image, 0.0)
        if faces:
            points = faces[0].points
            # turned to its own left, the nose points to the picture's right
            middle = points[[33, 263], 0].mean()
            found.append((points[4, 0] > middle) == (pose[0] > 0))
    mesh.close()
    assert len(found) >= 7 and all(found)


def test_poses_and_gazes_stay_in_their_range():
    draw = np.random.default_rng(1)
    poses = np.degrees([turn(draw) for _ in range(500)])
    assert (np.abs(poses) <= [62, 36, 32]).all() and (np.abs(poses[:, 0]) > 45).mean() > 0.1
    looks = np.array([gaze(np.radians(pose), draw) for pose in poses])
    assert np.abs(looks).max() < 0.8


def test_heads_that_keep_still_open_their_mouths(people):
    rows = list(plan_of(Expressions(people.names), still=True)(np.random.default_rng(3)))
    assert [row[0] for row in rows] == [0] * RESTS + [k for k in range(1, STILL + 1) for _ in range(5)]
    for kind in range(1, STILL + 1):
        _, weights, look, pose = zip(*(row for row in rows if row[0] == kind), strict=True)
        assert not np.ptp(look, 0).any() and not np.ptp(pose, 0).any()
        assert np.ptp([w[people.names.index("jawOpen")] for w in weights]) > 0.5


def test_the_mirror_is_its_own_inverse():
    mirror = Mirror()
    values = torch.rand(5, len(OUTPUTS))
    there = values[:, mirror.outputs] * mirror.signs
    assert torch.equal(there[:, mirror.outputs] * mirror.signs, values)
    pixels = torch.randint(0, 255, (3, cut.PIXELS))
    assert torch.equal(pixels[:, mirror.crops][:, mirror.crops], pixels)


def test_rotation_vectors():
    small = np.stack([rotation(0.1, 0.0, 0.0), rotation(0.0, 0.2, 0.0)])
    assert vector(small) == pytest.approx(np.array([[0, 0.1, 0], [0.2, 0, 0]]), abs=1e-6)


def test_weights_come_back_from_a_file(tmp_path):
    torch.manual_seed(0)
    net = nets.FaceNet(len(OUTPUTS)).eval()
    export(net, tmp_path / "w.safetensors")
    reader = engine.model(tmp_path / "w.safetensors")
    crops = np.random.default_rng(0).integers(0, 255, (300, cut.PIXELS)).astype(np.uint8)
    view = reader.view(crops)
    with torch.inference_mode():
        own, over = (net.view(torch.from_numpy(c)).numpy() for c in (crops, crops[:, cut.MIRROR]))
    assert view == pytest.approx(np.hstack([own, over[:, reader.split :]]), abs=0.05)
    # both eyes look alike to it
    half = reader.split // 2
    assert over[:, : reader.split] == pytest.approx(np.hstack([own[:, half : 2 * half], own[:, :half]]), abs=0.05)


@pytest.fixture(scope="module")
def faces():
    """Two shards of noise, in which the last picture of every clip shows no face."""
    draw = np.random.default_rng(0)
    n = 2 * shards.SHARD
    points = draw.normal(0, 0.4, (n, 2, 478, 3)).astype(np.float16)
    points[PICTURES - 1 :: PICTURES] = np.nan
    kind = np.tile(np.array([0, 0, 1, 1, 2, 2, 3, 3, -1, -1, -1, -1], np.int16), n // PICTURES)
    arrays = [(n, 2, 3), (n, len(ARKIT)), (n, len(OUTPUTS)), (n, 2, 3), (n, 2, 4)]
    pose, scores, truth, turn, place = (draw.random(shape).astype(np.float32) for shape in arrays)
    crops = draw.integers(60, 200, (n, cut.PIXELS)).astype(np.uint8)
    return shards.Faces(points, pose, crops, scores, kind, truth, turn, place)


def test_batches_are_of_whole_clips_and_change_what_is_seen_alone(faces):
    torch.manual_seed(0)
    batches = Batches(faces, size=8)
    some = batches.of(torch.tensor([3, 5]), 0)
    assert some.kind.tolist() == faces.kind[: 2 * PICTURES].tolist() and some.clip.tolist() == [0] * 12 + [1] * 12
    assert some.found.sum() == 22 and not some.frames.points[11].any()
    told = torch.from_numpy(faces.turn[3 * PICTURES, 0])
    assert torch.equal(some.truth[0, -3:], told)
    changed = batches.changed(some)
    assert changed.frames.crops.shape == some.frames.crops.shape
    outputs = list(range(len(OUTPUTS) - 6))
    other = some.truth[:, batches.mirror.outputs] * batches.mirror.signs
    assert any(torch.equal(changed.truth[:, outputs], truth[:, outputs]) for truth in (some.truth, other))
    clips = batches.clips
    batches.add(faces)
    assert batches.clips == 2 * clips
    assert len(list(batches.epoch(np.arange(40)))) == 5


def test_what_is_covered_is_told_and_nothing_else_changes(faces):
    torch.manual_seed(1)
    points, crops = torch.zeros(200, 478, 3), torch.full((200, cut.PIXELS), 128, dtype=torch.uint8)
    points[:, :, 1] = torch.linspace(-1.3, 0.4, 478)
    _, over, hidden = covered(points, crops)
    parts = [(part != 128).flatten(1).float().mean(1) for part in split(over)]
    for region, part in zip(hidden.T, parts[:3], strict=True):
        assert 3 < (region > 0).sum() < 35
        assert part.numpy() == pytest.approx(region.numpy(), abs=0.1)
    assert not parts[3][hidden.sum(1) == 0].any()


def test_a_network_is_trained_for_its_time_and_kept(faces, tmp_path):
    told = []
    net = train(faces, 2.0, told.append, keep=lambda net: export(net, tmp_path / "w.safetensors"))
    assert len(told) == 1 and "loss" in told[0]
    again = start_from(tmp_path / "w.safetensors")
    assert again["last.weight"].numpy() == pytest.approx(net.last.weight.detach().numpy(), abs=1e-2)


def test_the_pitch_is_fitted_to_heads_that_keep_still_and_nothing_else_changes(faces):
    still = replace(faces, turn=np.zeros_like(faces.turn))
    torch.manual_seed(2)
    net = nets.FaceNet(len(OUTPUTS))
    batches = Batches(still)
    batch = batches.of(torch.arange(batches.clips), 0)

    def answers() -> np.ndarray:
        with torch.inference_mode():
            view = net.view(batch.frames.crops)
            return net(batch.frames, view, *rests(net, batch, view, False))[0][batch.found].numpy()

    net.eval()
    before = answers()
    refit(net, [still], [still], stiff=1.0)
    after = answers()
    others = np.arange(len(OUTPUTS)) != PITCH
    assert after[:, others] == pytest.approx(before[:, others])
    assert after[:, PITCH].std() < 0.5 * before[:, PITCH].std()


def test_the_coefficients_are_fitted_and_nothing_else_changes(faces):
    torch.manual_seed(0)
    net, batches = nets.FaceNet(len(OUTPUTS)), Batches(faces)
    some, own, others = batches.of(torch.arange(1, 9), 0), slice(LOOK.start), slice(LOOK.start, None)
    before, true = answers(net, some, True)
    coefficients.refit(net, [faces, faces])
    after, _ = answers(net, some, True)
    assert np.square(after - true)[:, own].mean() < 0.5 * np.square(before - true)[:, own].mean()
    assert after[:, others] == pytest.approx(before[:, others])


def test_no_faces_to_learn_from(tmp_path):
    with pytest.raises(InputError, match="holds no faces"):
        shards.Shards(tmp_path).all()


def test_answers_that_are_all_smaller_are_no_more_alike():
    one, noise = torch.randn(500, 3), torch.randn(500, 3)
    counts = torch.ones(500, 1)
    assert float(unlike(one, one, counts)) == 0
    assert float(unlike(one, noise, counts)) == pytest.approx(1, abs=0.1)
    half = float(unlike(one, one + noise, counts))
    assert half == pytest.approx(float(unlike(0.7 * one, 0.7 * (one + noise), counts)), abs=0.02) and 0.2 < half < 0.5
    counts[250:] = 0
    assert float(unlike(one, torch.where(counts > 0, one, noise), counts)) == 0
