"""`evaluate faces` on pictures and videos, as a user runs it."""

import json
from pathlib import Path

import numpy as np
import pytest

from faceanim.cli import main
from faceanim.core.channels import ARKIT
from faceanim.source import video

pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def pictures(data, tmp_path_factory):
    """Four pictures of a man, one of nobody, and a truth that says he smiles more and more."""
    folder = tmp_path_factory.mktemp("faces")
    for k, frame in enumerate(video.stream(data / "video" / "d0.mp4", 0.0, 2.0)):
        if k % 15 == 0 and k < 60:
            cv2.imwrite(str(folder / f"{k:03d}.png"), frame.image[..., ::-1])
    cv2.imwrite(str(folder / "100.png"), np.full((120, 120, 3), 90, np.uint8))
    smile = np.linspace(0, 1, 5)
    np.savez(
        folder / "truth.npz",
        names=np.array(["mouthSmile_L", "mouthSmile_R", "jawOpen"]),
        weights=np.stack([smile, smile, 0 * smile], 1),
        pose=np.zeros((5, 3)),
    )
    return folder


def run(capsys, *argv):
    status = main([str(a) for a in argv])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_pictures(pictures, tmp_path, capsys):
    status, out, _ = run(capsys, "evaluate", "faces", pictures, "--json", "-", "--quiet",
                         "--predictions", tmp_path / "p.npz", "-o", tmp_path / "report")  # fmt: skip
    report = json.loads(out)
    assert status == 0 and report["n"] == 5 and report["detected"] == 4
    assert set(report["r_by_channel"]) == {"mouthSmileLeft", "mouthSmileRight"}
    assert report["pose_error"] < 20 and report["models"]
    found = np.load(tmp_path / "p.npz")
    assert found["coefficients"].shape == (5, len(found["channels"])) and set(found["channels"]) == set(ARKIT)
    assert found["detected"].tolist() == [True] * 4 + [False] and np.isnan(found["coefficients"][4]).all()
    assert found["pose"].shape == (5, 3) and found["gaze"].shape == (5, 4)
    assert (tmp_path / "report" / "index.html").stat().st_size > 500


def test_pictures_that_follow_each_other(pictures, tmp_path, capsys):
    """Two people, three pictures and two, each with a clock of their own."""
    for path in sorted(pictures.glob("*.png")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    truth = dict(np.load(pictures / "truth.npz"))
    more = {"identity": [7, 7, 7, 8, 8], "times": [0, 0.5, 1.0, 0, 0.5]}
    np.savez(tmp_path / "truth.npz", **truth, **more)
    status, out, err = run(capsys, "evaluate", "faces", tmp_path, "--json", "-", "--quiet", "--predictions",
                         tmp_path / "p.npz")  # fmt: skip
    assert status == 0, err
    assert json.loads(out)["detected"] == 4 and "times" not in np.load(tmp_path / "p.npz")
    np.savez(tmp_path / "truth.npz", **truth, identity=more["identity"], times=[0, 0.5])
    status, _, err = run(capsys, "evaluate", "faces", tmp_path)
    assert status == 1 and "`times`" in err


def test_a_video_without_truth_shows_its_jitter(data, capsys):
    status, out, _ = run(capsys, "evaluate", "faces", data / "video" / "d18.mp4", "--json", "-", "--quiet")
    report = json.loads(out)
    assert status == 0 and report["detected"] == report["n"] == 216 and 0 < report["jitter"] < 0.05


@pytest.mark.parametrize("damage", ["no truth", "too few", "not npz", "no pictures", "no folder", "a text"])
def test_bad_input_is_told(pictures, tmp_path, damage, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    if damage != "no pictures":
        (folder / "a.png").write_bytes((pictures / "000.png").read_bytes())
    if damage == "too few":
        np.savez(folder / "truth.npz", names=["jawOpen"], weights=np.zeros((3, 1)), pose=np.zeros((3, 3)))
    if damage == "not npz":
        (folder / "truth.npz").write_text("no")
    where = {"no folder": folder / "gone", "a text": Path(__file__)}.get(damage, folder)
    status, _, err = run(capsys, "evaluate", "faces", where)
    assert status == 1 and "hint:" in err and "Traceback" not in err


def test_a_picture_that_is_none(pictures, tmp_path, capsys):
    (tmp_path / "a.png").write_text("no")
    np.savez(tmp_path / "truth.npz", names=["jawOpen"], weights=np.zeros((1, 1)), pose=np.zeros((1, 3)))
    status, _, err = run(capsys, "evaluate", "faces", tmp_path)
    assert status == 1 and "hint:" in err
