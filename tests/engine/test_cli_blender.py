"""The commands that need Blender, through the command line."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import made_media as media
import pytest

from faceanim.formats import takes

ROOT = Path(__file__).parents[2]
HEAD = ROOT / "presets" / "character" / "head.blend"
needs_bpy = pytest.mark.skipif(find_spec("bpy") is None, reason="needs the bpy module")


def faceanim(*words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "faceanim", *map(str, words)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("words", [["rig", "a.blend"], ["verify-export", "a.fbx", "a.blend"]])
def test_without_blender_they_say_what_to_do(words):
    script = f"import sys; sys.modules['bpy'] = None; from faceanim.cli import main; sys.exit(main({words}))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and "needs Blender" in run.stderr and "\nhint: run it in Blender" in run.stderr


@needs_bpy
def test_run_animates_a_face_from_a_video(data, tmp_path):
    video = data / "video_speech" / "grid_brbk7n.mpg"
    out = tmp_path / "out.blend"
    process = faceanim("run", "--video", video, "--character", HEAD, "--fps", 30, "-o", out, "--json", "--glb",
                       tmp_path / "out.glb")  # fmt: skip
    said, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    report = json.loads(said)  # what Blender prints does not come between
    assert report["analyze"]["seconds"] == pytest.approx(3, abs=0.1) and report["bake"]["fps"] == 30
    assert out.is_file() and "lips" in takes.read(tmp_path / "out.faceanim").layers
    fractions = [int(line[:4].strip(" %")) for line in err.splitlines() if line[3:4] == "%"]
    assert fractions == sorted(fractions) and len(fractions) > 5
    check = faceanim("verify-export", tmp_path / "out.glb", out, "--json")
    said, err = check.communicate(timeout=60)
    assert check.returncode == 0 and json.loads(said)["passed"], err


@needs_bpy
def test_what_is_wrong_with_run_is_told_before_the_work(tmp_path):
    sound = media.wav(tmp_path / "long.wav", media.bursts(900))
    wrong = (
        ["--character", tmp_path / "no.blend", "-o", tmp_path / "o.blend"],
        ["--character", HEAD, "-o", tmp_path / "no" / "o.blend"],
        ["--character", HEAD, "-o", tmp_path / "o.txt"],
        ["--character", HEAD, "-o", tmp_path / "o.blend", "--fbx", tmp_path],
    )
    for words in wrong:
        process = faceanim("run", "--audio", sound, *words)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 1 and "\nhint: " in f"\n{err}", err
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]


@needs_bpy
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_run_and_its_engine(tmp_path):
    sound = media.wav(tmp_path / "long.wav", media.bursts(900))
    process = faceanim("run", "--audio", sound, "--character", HEAD, "-o", tmp_path / "o.blend")
    while "phones" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)  # stderr closes only when the engine has ended, too
    assert process.returncode == 1 and err.splitlines()[-1] == "cancelled"
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]
