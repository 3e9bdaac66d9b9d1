"""The face-emotion network through the analysis, its training in small, and what is done without it."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("av", reason="needs the engine's packages")

from faceanim.core.clip import Clip  # noqa: E402
from faceanim.core.emotion import FACE_LABELS, LABELS  # noqa: E402
from faceanim.engine import face_emotion  # noqa: E402
from faceanim.engine.analysis import analyze  # noqa: E402
from faceanim.errors import FormatError  # noqa: E402
from faceanim.evaluate import face_emotions  # noqa: E402
from faceanim.evaluate.summary import summary  # noqa: E402
from faceanim.formats import safetensors, takes  # noqa: E402


@pytest.fixture(scope="module")
def network():
    if not face_emotion.ready():
        pytest.skip("models/face_emotion is not there")
    return face_emotion.network()


def test_it_tells_faces_that_it_never_saw(data, network):
    """140 pictures, as many of each emotion; see the card for all."""
    every = [i for i in face_emotions.read(data / "fer2013" / "public_test.npz") if face_emotions.is_new(i, None)]
    items = [i for k in range(len(LABELS)) for i in [i for i in every if i.label == k][:20]]
    items, grey, failed = face_emotions.pictures(items)
    said = network(grey)
    assert not failed and said.shape == (140, len(FACE_LABELS))
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-4)
    right = said.argmax(1) == [FACE_LABELS.index(LABELS[i.label]) for i in items]
    assert right.mean() > 0.45
    assert (face_emotion.glances()(grey).argmax(1) == said.argmax(1)).mean() > 0.8
    assert network(grey[:0]).shape == (0, len(FACE_LABELS))
    # light and contrast are no emotion, and a mirror none
    dim = network((grey * 0.5 + 20).astype(np.uint8))
    assert (dim.argmax(1) == said.argmax(1)).mean() > 0.9
    assert np.abs(network(grey[:, :, ::-1]) - said).max() < 1e-3


def test_a_video_gets_the_emotion_of_its_face(data, network, tmp_path):
    pytest.importorskip("mediapipe", reason="needs the face landmarker")
    take = analyze(Clip(video=data / "video" / "d0.mp4"), 30.0)
    track = take.emotions["face_emotion"]
    assert track.channels == LABELS and track.fps == 8 and track.seconds == pytest.approx(take.seconds, abs=0.13)
    np.testing.assert_allclose(track.values.sum(1), 1, atol=1e-4)
    # he begins with a plain face and smiles from 1.5 s on
    happy = track.column("happy")
    assert happy[10:].max() > happy[:4].max() + 0.2 and happy[10:].max() > 0.5
    assert take.provenance["models"]["face_emotion"]["commercial"] == "no"
    takes.write(take, tmp_path / "d0.faceanim")
    shown = summary(takes.read(tmp_path / "d0.faceanim"))["face_emotion"]
    assert sum(shown["mean"].values()) == pytest.approx(1, abs=1e-3) and shown["track"]["labels"] == list(LABELS)


def test_without_weights_a_video_is_read_all_the_same(data, monkeypatch, tmp_path):
    pytest.importorskip("mediapipe", reason="needs the face landmarker")
    monkeypatch.setattr(face_emotion, "WEIGHTS", tmp_path / "weights.safetensors")
    take = analyze(Clip(video=data / "video" / "d0.mp4", end=0.5), 30.0)
    assert "expression" in take.layers and not take.emotions
    assert "face_emotion" not in take.provenance["models"]


def test_weights_of_another_network_are_told(tmp_path):
    path = tmp_path / "weights.safetensors"
    safetensors.write(path, {"a": np.zeros(3, np.float32)}, {"labels": "happy"})
    with pytest.raises(FormatError, match="other emotions"):
        face_emotion.network(path)
    safetensors.write(path, {"a": np.zeros(3, np.float32)}, {"labels": " ".join(FACE_LABELS)})
    with pytest.raises(FormatError, match="does not hold"):
        face_emotion.network(path)


def bars():
    """Pictures with a bright bar, high, middle or low."""
    from faceanim.train.face_emotion.pictures import Pictures

    label = np.arange(84) % 3
    grey = np.random.default_rng(0).integers(0, 60, (84, 48, 48)).astype(np.uint8)
    for k in range(84):
        grey[k, 6 + 13 * label[k] :][:10] += 150
    return Pictures(grey, label.astype(np.int64))


def test_a_training_learns_and_goes_on_where_it_was_broken_off(tmp_path):
    """What is exported says what was trained."""
    pytest.importorskip("scipy")
    import torch

    from faceanim.nets.face_emotion import SEEN, FaceEmotionNet
    from faceanim.train.face_emotion.export import export
    from faceanim.train.face_emotion.train import Recipe, Run, logits_of, train

    torch.manual_seed(0)
    pictures = bars()
    recipe = Recipe(epochs=6, batch=12, average=0.5, rate=0.05, rise=1.0)
    few = pictures.of(np.arange(7))
    Run(FaceEmotionNet(), SEEN, recipe, pictures, tmp_path / "shipped.state.pt", (), "cpu").save()
    whole = train(FaceEmotionNet(), SEEN, recipe, pictures, few, tmp_path)
    assert (logits_of(whole, pictures).argmax(1) == pictures.label).mean() > 0.8
    again = train(FaceEmotionNet(), SEEN, recipe, pictures, few, tmp_path)
    np.testing.assert_allclose(logits_of(again, pictures), logits_of(whole, pictures), atol=1e-5)
    scores = export(whole, np.ones(len(FACE_LABELS), np.float32), pictures, tmp_path / "weights.safetensors")
    said = face_emotion.network(tmp_path / "weights.safetensors")(pictures.grey)
    assert (said.argmax(1) == pictures.label).mean() == pytest.approx(scores["accuracy"], abs=0.03)


def test_a_training_learns_from_what_teachers_see_rather_than_from_labels(tmp_path):
    """The teacher takes high bars for low ones, in views of another size."""
    import torch

    from faceanim.nets.face_emotion import SEEN, FaceEmotionNet
    from faceanim.train.face_emotion.train import Recipe, Teacher, logits_of, train

    class Wrong(torch.nn.Module):
        def forward(self, x):
            assert x.shape[2:] == (30, 30)
            light = torch.stack([part.mean((1, 2, 3)) for part in x.split(10, 2)[::-1]], 1)
            return torch.nn.functional.pad(light / 20, (0, len(FACE_LABELS) - 3), value=-9.0)

    torch.manual_seed(0)
    pictures, recipe = bars(), Recipe(epochs=6, batch=12, average=0.5, rate=0.05, rise=1.0, told=0.9, smoothing=0.0)
    teacher = Teacher(Wrong(), 30, torch.ones(len(FACE_LABELS)))
    net = train(FaceEmotionNet(), SEEN, recipe, pictures, pictures.of(np.arange(7)), tmp_path, teachers=[teacher])
    assert (logits_of(net, pictures).argmax(1) == 2 - pictures.label).mean() > 0.8


def test_views_are_mixed_alike_whatever_their_size():
    import torch

    from faceanim.train.face_emotion.train import Look, look, shown

    draw = torch.Generator().manual_seed(0)
    pictures = (torch.arange(2) * 200).to(torch.uint8)[:, None, None, None].expand(2, 1, 48, 48)
    chance, other = torch.full((2, 16), 0.5), torch.tensor([1, 0])
    plain = Look(chance, 0.0, other)
    fine, coarse = (shown(pictures, plain, draw, seen) for seen in (80, 40))
    assert fine.shape == (2, 1, 80, 80) and plain.kept == 1
    cut = plain._replace(box=(0.25, 0.5, 0.5))
    for seen, whole in ((80, fine), (40, coarse)):
        mixed = shown(pictures, cut, draw, seen)
        changed = (mixed != whole)[0, 0].float()
        assert changed.mean() == pytest.approx(1 - cut.kept, abs=0.01)
        assert torch.argwhere(changed > 0).min(0).values.tolist() == [seen // 4, seen // 2]
    half = shown(pictures, plain._replace(share=0.5), draw, 40)
    torch.testing.assert_close(half[0], half[1])
    drawn = [look(2, 0.5, True, True, draw) for _ in range(40)]
    assert all(0.5 <= one.kept <= 1 for one in drawn) and {one.share == 1 for one in drawn} == {True, False}


def test_the_recognition_network_normalises_and_stays_the_same(tmp_path):
    import json

    import torch

    from faceanim.errors import InputError
    from faceanim.train.face_emotion import recognition

    net, rng = recognition.Recognition(), np.random.default_rng(0)
    entries, raw = [], b""

    def add(name, shape, packed):
        nonlocal raw
        entries.append({"name": name, "shape": list(shape)})
        if packed:
            entries[-1]["quantization"] = {"dtype": "uint8", "scale": 0.001, "min": -0.1}
            raw += rng.integers(0, 200, int(np.prod(shape))).astype(np.uint8).tobytes()
        else:
            raw += rng.normal(1, 0.1, int(np.prod(shape))).astype(np.float32).tobytes()

    layers = [("conv32_down", net.first)]
    for name, block in zip(net.names, net.blocks, strict=True):
        layers += [(f"{name}/conv1", block.a), (f"{name}/conv2", block.b)]
    for name, layer in layers:
        wide, width, size, _ = layer.convolution.weight.shape
        add(f"{name}/conv/filters", (size, size, width, wide), True)
        add(f"{name}/conv/bias", (wide,), True)
        add(f"{name}/scale/weights", (wide,), False)
        add(f"{name}/scale/biases", (wide,), True)
    (tmp_path / f"{recognition.NAME}-weights_manifest.json").write_text(json.dumps([{"weights": entries}]))
    with pytest.raises(InputError, match="face_recognition_model.bin"):
        recognition.load(tmp_path, torch.zeros(1, 1, recognition.LEAST, recognition.LEAST))
    (tmp_path / f"{recognition.NAME}.bin").write_bytes(raw)
    pictures = torch.rand(6, 1, recognition.LEAST, recognition.LEAST) * 255
    net = recognition.load(tmp_path, pictures)
    arrays = recognition._arrays(tmp_path)
    seen = []
    net.first.convolution.register_forward_hook(lambda _, x, y: seen.append(y))
    net.first.norm.register_forward_hook(lambda _, x, y: seen.append(y))
    with torch.no_grad():
        assert net.eval()(pictures).shape == (6, len(FACE_LABELS))
    gain, more = arrays["conv32_down/scale/weights"], arrays["conv32_down/scale/biases"]
    wanted = (seen[0] + arrays["conv32_down/conv/bias"][:, None, None]) * gain[:, None, None] + more[:, None, None]
    torch.testing.assert_close(seen[1], wanted, rtol=1e-3, atol=1e-3)


def test_rendered_faces_are_framed_as_fer2013_is_and_learned_from_first(monkeypatch):
    from faceanim.features.crops import CROPS, PIXELS
    from faceanim.nets.face_emotion import FaceEmotionNet
    from faceanim.solve.learned import OUTPUTS
    from faceanim.train.face_emotion import rendered
    from faceanim.train.face_expression.shards import Faces

    n, rng = 64, np.random.default_rng(0)
    crops, truth = np.zeros((n, PIXELS), np.uint8), np.zeros((n, len(OUTPUTS)), np.float32)
    truth[:, 3] = rng.random(n)
    face = crops[:, -CROPS["face"].pixels :].reshape(n, 96, 96)
    face[:, 40:56, 40:56] = (255 * truth[:, 3, None, None]).astype(np.uint8)
    turned = np.zeros((n, 2, 3), np.float32)
    turned[-1, :, 0] = 1.0
    points = np.zeros((n, 2, 478, 3), np.float16)
    points[0, 0], points[1] = np.nan, np.nan
    grey, told = rendered._faces(Faces(points, turned, crops, np.zeros(n), np.zeros(n), truth, turned, turned))
    assert grey.shape == (n - 2, 48, 48)  # one was seen by nobody, one is turned away
    shown = np.argwhere(grey[5] > 0).mean(0)
    assert abs(shown[1] - 23.5) < 0.5 and abs(shown[0] - 23.5 - 6.15) < 0.5  # the nose is below the middle
    monkeypatch.setattr(rendered, "BATCH", 8)
    faces = rendered.Rendered(grey, told[:, 3:4] / told[:, 3].std())
    state = rendered.begun(FaceEmotionNet(), 48, faces, 1)
    missing, unexpected = FaceEmotionNet().load_state_dict(state, strict=False)
    assert not unexpected and all(name.startswith("emotion") for name in missing)
