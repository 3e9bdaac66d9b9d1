"""Files of words and phones with their times, from the command line to the take."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")

from faceanim.cli import main  # noqa: E402
from faceanim.core.clip import Clip  # noqa: E402
from faceanim.core.take import Phone, Word  # noqa: E402
from faceanim.core.timed import Timed  # noqa: E402
from faceanim.engine.given import given_phones, given_source  # noqa: E402
from faceanim.engine.messages import Analyze  # noqa: E402
from faceanim.features.speech import loudness  # noqa: E402
from faceanim.formats import takes  # noqa: E402

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "presets" / "demo" / "speech.flac"
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
2
"IntervalTier"
"words"
0
2
1
0.5 1.0 "map"
"IntervalTier"
"phones"
0
2
3
0.5 0.7 "m"
0.7 0.9 "æ"
0.9 1.0 "p"
"""


def analyze(tmp_path: Path, name: str, content: str, *options: str):
    path = tmp_path / name
    path.write_text(content, "utf-8")
    out = tmp_path / "out.faceanim"
    words = ["analyze", "--audio", str(SPEECH), "--transcript", str(path), "-o", str(out), "--quiet", *options]
    return main(words), takes.read(out) if out.exists() else None


def test_phones_of_a_textgrid_move_the_lips(tmp_path):
    status, take = analyze(tmp_path, "a.TextGrid", GRID)
    assert status == 0
    assert [p.ipa for p in take.phones if p.ipa] == ["m", "æ", "p"] and take.words == (Word(0.5, 1.0, "map"),)
    assert take.quality["speech"] == "given" and take.quality["phones_from"] == "Praat TextGrid"
    assert "phones" not in take.provenance["models"] and "timing" in take.provenance["inputs"]
    lips = take.layers["lips"]
    close, jaw = (lips.values[:, lips.channels.index(name)] for name in ("mouthClose", "jawOpen"))
    at = int(0.6 * take.fps)
    assert close[at] >= 0.95 * jaw[at] and jaw[int(0.8 * take.fps)] > 0.1


def test_a_span_of_the_clip_moves_the_times(tmp_path):
    _, take = analyze(tmp_path, "a.TextGrid", GRID, "--start", "0.7", "--end", "2")
    assert [(round(p.start, 3), p.ipa) for p in take.phones if p.ipa] == [(0.0, "æ"), (0.2, "p")]
    assert take.words[0].start == 0.0


def test_mouth_shapes_of_rhubarb_move_the_lips(tmp_path):
    cues = [{"start": 0.2, "end": 0.4, "value": "A"}, {"start": 0.4, "end": 0.8, "value": "D"}]
    status, take = analyze(tmp_path, "a.json", json.dumps({"mouthCues": cues}))
    assert status == 0 and [p.ipa for p in take.phones if p.ipa] == ["m", "a"]
    assert analyze(tmp_path, "a.tsv", "0.2\tA\n0.4\tD\n0.8\tX\n")[1].phones == take.phones


@pytest.mark.parametrize("name", ["a.srt", "a.TextGrid", "a.vtt", "a.json", "a.tsv"])
def test_a_file_that_is_none_is_told_before_any_work(tmp_path, name, capsys):
    status, take = analyze(tmp_path, name, "hello")
    assert status == 1 and take is None
    said = capsys.readouterr().err
    assert name in said and "hint:" in said and "Traceback" not in said


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert (
        main(["analyze", "--audio", str(SPEECH), "--transcript", "no.TextGrid", "-o", str(tmp_path / "o.faceanim")])
        == 1
    )
    assert "there is no transcript" in capsys.readouterr().err


def test_words_alone_are_the_text_of_another_source(tmp_path):
    heard = given_phones(Timed((Phone(0.1, 0.2, "a", 1.0),), (Word(0.1, 0.2, "found"),), "ears"))
    asked = []

    def otherwise(clip):
        asked.append(clip)
        return heard, {"ears": {}}

    srt, grid = tmp_path / "a.srt", tmp_path / "a.TextGrid"
    srt.write_text("00:00:00,000 --> 00:00:02,000\nmy boat\n", "utf-8")
    grid.write_text(GRID[: GRID.index('"IntervalTier"\n"phones"')].replace("<exists>\n2", "<exists>\n1"), "utf-8")
    blocks = [np.zeros(16000, np.float32)]
    for path, words in ((srt, ["found"]), (grid, ["map"])):
        source, model = given_source(Clip(SPEECH, timing=path), otherwise)
        speech = source(blocks, None, lambda fraction, stage: None, 1.0)
        assert [w.text for w in speech.words] == words and model == {"ears": {}}
    assert [clip.transcript for clip in asked] == ["my boat", "map"] and not any(clip.timing for clip in asked)


def test_loudness_is_measured_in_blocks_of_any_size():
    sound = np.random.default_rng(0).normal(0, 0.1, 20_001).astype(np.float32)
    timed = Timed((Phone(0.0, 0.5, "a", 1.0), Phone(1.0, 9.0, "m", 1.0)), (), "x")
    speech = given_phones(timed)(iter(np.split(sound, [7, 4000, 9001])), None)
    assert np.abs(speech.loudness - loudness(sound)).mean() < 0.3 and len(speech.loudness) == len(loudness(sound))
    assert speech.phones[-1].end == pytest.approx(20_001 / 16000) and speech.quality["given_after_the_end_s"] > 7


def test_the_file_travels_to_the_engine(tmp_path):
    clip = Clip(SPEECH, timing=tmp_path / "a.srt")
    assert Analyze.of(clip, tmp_path / "o.faceanim", 60.0, "auto").clip == clip
