"""The networks of faces by numpy answer as they do by torch."""

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from faceanim.core.face import Rest, Seen  # noqa: E402
from faceanim.features.face import TASK_VARIABLE  # noqa: E402
from faceanim.nets import face_emotion, face_expression, faces  # noqa: E402


def lived(net):
    """The network with its running means as if it had seen something."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, value in (*net.named_parameters(), *net.named_buffers()):
            if name.endswith(("running_var", "spread", "gain")):
                value.uniform_(0.5, 2)
            elif value.is_floating_point():
                value.add_(0.1 * torch.randn_like(value))
    return net.eval()


def test_the_face_network():
    arrays = face_expression.arrays(lived(face_expression.FaceNet(65)))
    by_torch, by_numpy = face_expression.reader(arrays), faces.reader(arrays)
    assert faces.CROPS == face_expression.LAYOUT
    draw = np.random.default_rng(0)
    n = 2 * faces.TOGETHER + 3
    crops = draw.integers(0, 256, (n, faces.PIXELS)).astype(np.uint8)
    view = by_torch.view(crops)
    np.testing.assert_allclose(by_numpy.view(crops), view, atol=1e-4 * np.abs(view).max())
    assert by_numpy.view(crops[:0]).shape == (0, face_expression.VIEW)
    sizes = ((478, 3), (3,), (1,), (52,), (1,), (4,))
    seen = Seen(*(draw.normal(0, 0.3, (n, *size)).astype(np.float32) for size in sizes))
    for rest in (None, Rest(seen.points[0], view[0])):
        for a, b in zip(by_numpy.read(seen, view, rest), by_torch.read(seen, view, rest), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())
    np.testing.assert_array_equal(by_numpy.spread, by_torch.spread)


def test_the_emotion_network():
    net = lived(face_emotion.FaceEmotionNet())
    arrays = face_emotion.arrays(net) | {"temperature": np.full(1, 1.5, np.float32)}
    pictures = np.random.default_rng(0).integers(0, 256, (faces.TOGETHER + 3, 48, 48)).astype(np.uint8)
    net.load_state_dict({name: torch.from_numpy(a.astype(np.float32)) for name, a in arrays.items()}, strict=False)
    (x, y, wide), one = face_emotion.VIEWS[0], torch.ones(len(pictures))
    mirror = 1 - 2 * (torch.arange(len(pictures)) % 2)
    with torch.inference_mode():
        shown = face_emotion.views(
            torch.from_numpy(pictures)[:, None].float(), one * x, one * y, one * 0, one * wide, one * wide, one * mirror
        )
        said = (net(shown) / 1.5).softmax(1).numpy()
    np.testing.assert_allclose(faces.glance(arrays)(pictures), said, atol=1e-4)
    assert faces.glance(arrays)(pictures[:0]).shape == (0, 7)


def test_a_video_is_analysed_without_what_is_slow_to_load(data, tmp_path, monkeypatch):
    monkeypatch.delenv(TASK_VARIABLE, raising=False)
    pytest.importorskip("mediapipe", reason="needs the face landmarker")
    script = """
import sys
from faceanim.cli import main
status = main(sys.argv[1:])
print(status, *{"torch", "scipy", "matplotlib", "cv2"} & set(sys.modules))
"""
    video, take = data / "video" / "d0.mp4", tmp_path / "take.faceanim"
    command = [sys.executable, "-c", script, "analyze", "--video", video, "--end", "0.4", "-o", take, "--quiet"]
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0"]
