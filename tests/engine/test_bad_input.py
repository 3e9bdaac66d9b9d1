"""What cannot be analyzed or written: exit status 1, a message, a line with a `hint:`, nothing left behind."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import made_media as media
import numpy as np
import pytest

from faceanim.cli import main
from faceanim.core.take import Take
from faceanim.core.track import Track
from faceanim.formats import takes

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "presets" / "demo" / "speech.flac"


@pytest.fixture
def fails(capsys):
    """Runs a command that must fail by the user's fault; what it said."""

    def run(*words) -> str:
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        lines = said.err.splitlines()
        assert status == 1, said
        assert any(line.startswith("error: ") for line in lines), said.err
        assert any(line.startswith("hint: ") and len(line) > 12 for line in lines), said.err
        assert "Traceback" not in said.err and not said.out
        return said.err

    return run


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder / "take.faceanim"
    assert list(folder.iterdir()) == []


def empty_file(folder: Path) -> Path:
    (folder / "empty.wav").touch()
    return folder / "empty.wav"


def text_as_wav(folder: Path) -> Path:
    (folder / "text.wav").write_text("This is no sound at all.\n" * 40)
    return folder / "text.wav"


SOUNDS = {
    "missing": (lambda folder: folder / "nothing.wav", "there is no"),
    "a folder": (lambda folder: folder, "is a folder"),
    "empty": (empty_file, "empty"),
    "text": (text_as_wav, "not a"),
    "silent": (lambda folder: media.wav(folder / "silent.wav", np.zeros(32000)), "silent"),
    "nearly silent": (
        lambda folder: media.wav(folder / "hum.wav", np.random.default_rng(0).normal(0, 1e-4, 32000)), "silent"
    ),
    "0.05 s": (lambda folder: media.wav(folder / "short.wav", media.bursts(1)[:800]), "too short"),
    "no speech": (lambda folder: media.wav(folder / "tone.wav", 0.3 * np.sin(np.arange(32000) / 6)), "no speech"),
}  # fmt: skip


def test_a_sound_that_is_cut_off_is_used_and_told(tmp_path):
    (tmp_path / "cut.flac").write_bytes(SPEECH.read_bytes()[: SPEECH.stat().st_size // 2])
    assert main(["analyze", "--audio", str(tmp_path / "cut.flac"), "-o", str(tmp_path / "a.faceanim"), "--quiet"]) == 0
    take = takes.read(tmp_path / "a.faceanim")
    assert take.phones and any("cut off" in note for note in take.quality["notes"])


@pytest.mark.parametrize("kind", SOUNDS)
def test_sound(kind, fails, tmp_path, out):
    make, message = SOUNDS[kind]
    assert message in fails("analyze", "--audio", make(tmp_path), "-o", out)


def truncated(folder: Path) -> Path:
    whole = media.scenery(folder / "whole.mp4", 3).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.mp4"


def without_frames(folder: Path) -> Path:
    return media.wav(folder / "sound only.wav", media.bursts(1))


VIDEOS = {
    "missing": (lambda folder: folder / "nothing.mp4", "there is no"),
    "empty": (empty_file, "empty"),
    "text": (text_as_wav, "not a"),
    "truncated": (truncated, "truncated"),
    "without frames": (without_frames, "no picture"),
    "without a face": (lambda folder: media.scenery(folder / "no face.mp4"), "no face"),
}


@pytest.mark.parametrize("kind", VIDEOS)
def test_video(kind, fails, tmp_path, out):
    make, message = VIDEOS[kind]
    assert message in fails("analyze", "--video", make(tmp_path), "-o", out)


def test_sound_of_a_video_without_a_face_is_animated_with_a_note(tmp_path, capsys):
    take = tmp_path / "t.faceanim"
    video = media.scenery(tmp_path / "no face.mp4")
    assert main(["analyze", "--audio", str(SPEECH), "--video", str(video), "--end", "3", "-o", str(take)]) == 0
    assert "note: no face was found" in capsys.readouterr().out
    found = takes.read(take)
    assert "lips" in found.layers and found.seconds == pytest.approx(3.0) and found.quality["notes"]


def test_of_two_faces_the_larger_is_followed_with_a_note(data, tmp_path, capsys):
    alone, pair = data / "video_speech" / "grid_brbk7n.mpg", tmp_path / "pair.mp4"
    media.joined(alone, data / "video_speech" / "grid_lwbsza.mpg", pair, frames=30)
    found = []
    for video in (alone, pair):
        take = tmp_path / f"{video.stem}.faceanim"
        assert main(["analyze", "--video", str(video), "--end", "1.2", "-o", str(take), "--quiet"]) == 0
        found.append(takes.read(take))
    assert found[1].quality["faces"] == 2 and any("2 faces" in note for note in found[1].quality["notes"])
    # the same face as when it is alone: its head moves alike, turned by what a camera sees of a face beside its axis
    yaw = [take.layers["head"].column("headYaw")[:70] for take in found]
    aside = np.median(yaw[1] - yaw[0])
    assert np.abs(yaw[1] - yaw[0] - aside).max() < np.radians(4) and np.radians(3) < aside < np.radians(16)
    assert found[1].quality["face_found"] > 0.95


@pytest.mark.parametrize("words", [
    ("--fps", "0"), ("--fps", "nan"), ("--start", "99"), ("--start", "2", "--end", "1"), ("--start", "-1"),
    ("--device", "quantum"), ("--transcript", "nothing.txt"), ("--start", "1", "--end", "1.01"),
])  # fmt: skip
def test_options(words, fails, out):
    fails("analyze", "--audio", SPEECH, *words, "-o", out)


def test_nothing_to_analyze(fails, out):
    assert "nothing to analyze" in fails("analyze", "-o", out)


def test_a_transcript_that_is_not_text(fails, tmp_path, out):
    (tmp_path / "t.txt").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in fails("analyze", "--audio", SPEECH, "--transcript", tmp_path / "t.txt", "-o", out)


def small_take(path: Path) -> Path:
    takes.write(Take(60.0, 600, {"lips": Track.of(60, ["jawOpen"], np.full((600, 1), 0.5))}), path)
    return path


def newer(path: Path) -> Path:
    raw = small_take(path).read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    header["__metadata__"]["version"] = "99"
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])
    return path


def halved(path: Path) -> Path:
    raw = small_take(path).read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    return path


TAKES = {
    "missing": (lambda path: path, "there is no"),
    "empty": (lambda path: path.touch() or path, "empty"),
    "cut in half": (halved, ""),
    "newer": (newer, "newer"),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)) and path, ""),
}


@pytest.mark.parametrize("kind", TAKES)
@pytest.mark.parametrize("command", ["show", "convert", "plot"])
def test_take(kind, command, fails, tmp_path):
    make, message = TAKES[kind]
    path = make(tmp_path / "bad.faceanim")
    words = {"show": [], "convert": [tmp_path / "o.csv"], "plot": ["-o", tmp_path / "o.png"]}[command]
    assert message in fails(command, path, *words)
    assert not list(tmp_path.glob("o.*")) and not list(tmp_path.glob(".*"))


def test_csv_that_is_none(fails, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    fails("convert", tmp_path / "a.csv", tmp_path / "a.faceanim")
    fails("convert", small_take(tmp_path / "t.faceanim"), tmp_path / "a.csv", "--layer", "nose")
    fails("convert", tmp_path / "t.faceanim", tmp_path / "a.xyz")
    assert (tmp_path / "a.csv").read_text() == "a,b\n1,2\n" and not (tmp_path / "a.faceanim").exists()


@pytest.mark.parametrize("command", ["analyze", "convert", "plot"])
def test_output_that_cannot_be_written(command, fails, tmp_path):
    take = small_take(tmp_path / "t.faceanim")
    suffix = {"analyze": ".faceanim", "convert": ".csv", "plot": ".png"}[command]
    analyze = ["analyze", "--audio", SPEECH, "-o"]
    start = {"analyze": analyze, "convert": ["convert", take], "plot": ["plot", take, "-o"]}
    taken = tmp_path / f"folder{suffix}"
    taken.mkdir()
    began = time.monotonic()
    fails(*start[command], taken)
    assert "folder" in fails(*start[command], tmp_path / "no" / f"such{suffix}")
    fails(*start[command], tmp_path / "name.of.another.kind")
    assert time.monotonic() - began < 2, "it is told before the work is done"
    assert sorted(path.name for path in tmp_path.iterdir()) == [taken.name, "t.faceanim"] and not list(taken.iterdir())


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_locked_folder(fails, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    fails("convert", small_take(tmp_path / "t.faceanim"), locked / "a.csv")


def test_a_locked_file_stays_as_it_was(fails, tmp_path):
    """Where even root may not write: a file that is marked immutable."""
    locked = tmp_path / "a.csv"
    locked.write_text("old")
    chattr = shutil.which("chattr")
    if chattr is None or subprocess.run([chattr, "+i", str(locked)], capture_output=True).returncode:
        pytest.skip("this system cannot lock a file against its owner")
    try:
        fails("convert", small_take(tmp_path / "t.faceanim"), locked)
        assert locked.read_text() == "old" and len(list(tmp_path.iterdir())) == 2
    finally:
        subprocess.run([chattr, "-i", str(locked)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(fails, tmp_path, small_disk):
    take = small_take(tmp_path / "t.faceanim")
    old = small_disk / "a.csv"
    old.write_text("old")
    assert "full" in fails("convert", take, old)
    assert "full" in fails("analyze", "--audio", SPEECH, "-o", small_disk / "t.faceanim", "--quiet")
    (small_disk / "filler").write_bytes(bytes(12000))
    assert "full" in fails("plot", take, "-o", small_disk / "p.png")
    assert sorted(path.name for path in small_disk.iterdir()) == ["a.csv", "filler"] and old.read_text() == "old"


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_leaves_nothing(tmp_path, out):
    sound = media.wav(tmp_path / "long.wav", media.bursts(900))
    process = subprocess.Popen(
        [sys.executable, "-m", "faceanim", "analyze", "--audio", str(sound), "-o", str(out)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while "phones" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 1 and said.splitlines()[-1] == "cancelled" and "Traceback" not in said
