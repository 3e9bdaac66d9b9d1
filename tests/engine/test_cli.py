"""The commands that need no Blender, on real speech and faces; what they print and write."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceanim.cli import main, parser
from faceanim.core.channels import CHANNELS
from faceanim.formats import livelink, takes

ROOT = Path(__file__).parents[2]
SPEECH, TEXT = ROOT / "presets" / "demo" / "speech.flac", ROOT / "presets" / "demo" / "speech.txt"
COMMANDS = (
    "analyze", "actor", "show", "convert", "edit", "plot", "moods", "remake", "rig", "bake", "run", "shapes", "verify",
    "verify-export", "evaluate",
)


def faceanim(*words, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "faceanim", *map(str, words)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    """The take of the demo's sentence, with its text."""
    path = tmp_path_factory.mktemp("spoken") / "speech.faceanim"
    assert main(["analyze", "--audio", str(SPEECH), "--transcript", str(TEXT), "-o", str(path), "--quiet"]) == 0
    return path


@pytest.fixture(scope="module")
def seen(tmp_path_factory, data) -> Path:
    """The take of a face that speaks: sound and pictures."""
    path = tmp_path_factory.mktemp("seen") / "face.faceanim"
    video = data / "video_speech" / "grid_brbk7n.mpg"
    assert main(["analyze", "--video", str(video), "--fps", "30", "-o", str(path), "--quiet"]) == 0
    return path


def test_every_command_has_help_json_and_quiet(capsys):
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert "--json" in text and "--quiet" in text


def test_usage_is_status_2(capsys):
    for words in ([], ["nonsense"], ["show"], ["analyze", "--audio", "a.wav"], ["analyze", "--fps", "x", "-o", "y"]):
        assert main(words) == 2
        assert "usage:" in capsys.readouterr().err


def test_show_tells_phones_words_and_layers(spoken, capsys):
    assert main(["show", str(spoken), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    take = takes.read(spoken)
    assert (shown["fps"], shown["frames"]) == (60.0, take.frames) and shown["seconds"] == pytest.approx(8.07, abs=0.05)
    assert shown["frames"] == int(np.ceil(8.065 * 60))
    assert set(shown["layers"]) == {"lips", "emotion", "blink", "gaze", "head"}
    assert all(set(channels) <= set(CHANNELS) for channels in shown["layers"].values())
    words = [text for _, _, text in shown["words"]]
    assert [w.lower() for w in words[:4]] == ["hi", "my", "name", "is"] and words[-1] == "fun"
    starts = [start for start, *_ in shown["phones"]]
    assert starts == sorted(starts) and all(len(phone) == 4 for phone in shown["phones"])
    # "Pam" ends with closed lips
    pam = next(word for word in shown["words"] if word[2].lower() == "pam")
    inside = [ipa for start, end, ipa, _ in shown["phones"] if pam[0] - 0.01 <= start and end <= pam[1] + 0.01]
    assert (inside[0], inside[-1]) == ("p", "m") and "æ" in inside
    models = shown["models"]
    assert all(set(model) >= {"hash", "commercial"} and len(model["hash"]) == 64 for model in models.values())
    heard = shown["speech_emotion"]
    assert set(heard["mean"]) == set(heard["track"]["labels"])
    assert sum(heard["mean"].values()) == pytest.approx(1, abs=0.01)
    assert "face_emotion" not in shown
    assert main(["show", str(spoken)]) == 0
    assert "484 frames" in capsys.readouterr().out


def test_a_video_gives_every_layer_on_one_clock(seen):
    take = takes.read(seen)
    assert {"lips", "expression", "gaze", "head"} <= set(take.layers)
    assert take.fps == 30 and take.seconds == pytest.approx(3.0, abs=0.1)
    assert take.quality["face_found"] > 0.95
    assert take.provenance["models"].keys() >= {"phones", "speech_emotion", "mediapipe-face-mesh"}
    assert take.quality["face_detector"].startswith("mediapipe")


def test_json_goes_to_stdout_or_to_a_file_and_never_over_the_input(spoken, tmp_path, capsys):
    before = spoken.read_bytes()
    assert main(["show", "--json", str(spoken)]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["show", str(spoken), "--json", str(tmp_path / "s.json")]) == 0
    assert capsys.readouterr().out == "" and json.loads((tmp_path / "s.json").read_text("utf-8")) == first
    assert spoken.read_bytes() == before


def test_analyze_takes_chosen_emotions(tmp_path, capsys):
    (tmp_path / "m.csv").write_text("emotion,start,end\nangry,0.2,5\nsad,6,7\n")
    words = ["analyze", "--audio", SPEECH, "--end", "1.5", "--moods", tmp_path / "m.csv", "-o", tmp_path / "a.faceanim"]
    assert main([*map(str, words), "--json", "--quiet"]) == 0
    report = json.loads(capsys.readouterr().out)
    take = takes.read(tmp_path / "a.faceanim")
    assert take.moods == ((0.2, take.seconds, "angry", 1.0),) and report["moods"] == 1
    assert "left out" in report["quality"]["notes"][-1] and "emotion" in report["layers"]
    assert take.layers["emotion"].column("browDownLeft").max() > 0.2


def test_convert_and_back_keeps_what_the_csv_can_hold(spoken, tmp_path):
    csv, lips, back = tmp_path / "all.csv", tmp_path / "lips.csv", tmp_path / "back.faceanim"
    assert main(["convert", str(spoken), str(csv)]) == 0
    assert main(["convert", str(spoken), str(lips), "--layer", "lips"]) == 0
    assert main(["convert", str(csv), str(back)]) == 0
    take = takes.read(spoken)
    track = livelink.read(lips)
    assert track.frames == take.frames and track.fps == 60
    error = np.abs(track.column("jawOpen") - take.layers["lips"].column("jawOpen")).max()
    assert error < 1e-4 and np.ptp(track.column("jawOpen")) > 0.1
    again = takes.read(back)
    assert again.frames == take.frames and set(again.layers) == {"expression", "gaze", "head"}


def test_convert_turns_rotations_and_sides(seen, tmp_path):
    plain, turned, twice = (tmp_path / f"{name}.csv" for name in ("plain", "turned", "twice"))
    assert main(["convert", str(seen), str(plain)]) == 0
    assert main(["convert", str(seen), str(turned), "--rotation-unit", "deg", "--mirror"]) == 0
    a, b = livelink.read(plain), livelink.read(turned)
    assert np.allclose(np.degrees(-a.column("headYaw")), b.column("headYaw"), atol=0.01)
    assert np.allclose(a.column("eyeBlinkLeft"), b.column("eyeBlinkRight"), atol=1e-4)
    assert main(["convert", str(plain), str(twice), "--rotation-unit", "deg", "--mirror"]) == 0
    assert np.allclose(livelink.read(twice).values, b.values, atol=0.01)


def test_plot_draws_something(spoken, tmp_path):
    from matplotlib.image import imread

    assert main(["plot", str(spoken), "-o", str(tmp_path / "p.png")]) == 0
    image = imread(tmp_path / "p.png")
    assert image.shape[1] == 1800 and image.shape[0] > 400
    assert (image[..., :3] < 0.9).any(-1).mean() > 0.05
    assert main(["plot", str(spoken), "-o", str(tmp_path / "p.svg")]) == 0


@pytest.mark.parametrize("name", ["-dash.faceanim", "with space.faceanim", "ünï 語.faceanim", "a%b#c'd.faceanim"])
def test_odd_names(name, spoken, tmp_path):
    (tmp_path / name).write_bytes(spoken.read_bytes())
    shown = faceanim("show", "--json", "--", name, cwd=tmp_path)
    assert shown.returncode == 0 and json.loads(shown.stdout)["frames"] == 484, shown.stderr
    sound = Path(name).with_suffix(".flac").name
    (tmp_path / sound).write_bytes(SPEECH.read_bytes())
    made = faceanim("analyze", f"--audio={sound}", "--end=1", f"-o=x{name}", "--json", cwd=tmp_path)
    assert made.returncode == 0 and json.loads(made.stdout)["seconds"] == 1.0, made.stderr
    assert Path(json.loads(made.stdout)["path"]).name == f"x{name}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_a_name_that_is_no_text(spoken, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / f"{name}.flac").write_bytes(SPEECH.read_bytes())
    made = faceanim("analyze", f"--audio={name}.flac", "--end=1", f"-o={name}.faceanim", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert faceanim("show", f"{name}.faceanim", cwd=tmp_path).returncode == 0


def test_works_from_any_folder_and_quietly(tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('not this one')")
    work = tmp_path / "sub"
    work.mkdir()
    made = faceanim("analyze", "--audio", SPEECH, "--end", "1", "-o", "t.faceanim", "--quiet", cwd=work)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")


def test_only_the_parser_knows_the_commands():
    actions = next(a for a in parser()._actions if a.dest == "command")
    assert tuple(actions.choices) == COMMANDS
