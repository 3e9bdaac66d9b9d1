"""One layer made anew: the others stay to the bit, a seed says all, and the command does the same with files."""

import json
from dataclasses import replace

import numpy as np
import pytest

from faceanim.cli import main
from faceanim.core.emotion import LABELS
from faceanim.core.speech import Speech
from faceanim.core.style import EmotionStyle, Style
from faceanim.core.take import Mood, Phone, Take
from faceanim.core.track import Track
from faceanim.errors import InputError
from faceanim.formats import safetensors, style, takes
from faceanim.pipeline import channels, chosen, remade
from faceanim.solve.remake import LAYERS, seed_of
from faceanim.solve.speech import solve

SECONDS = 12.0


def make_take(**changes) -> Take:
    """Twelve seconds of a happy voice, with every layer that a voice gives."""
    sounds = [(0.3 + i * 0.2, ipa) for i, ipa in enumerate("mabatanadalavaʃa" * 3) if i % 11]
    said = tuple(Phone(start, start + 0.2, ipa, 0.5) for start, ipa in sounds)
    loudness = (-20 + 6 * np.sin(np.arange(1200) / 30)).astype(np.float32)
    level = Track.of(100, ("level",), loudness[:, None])
    heard = np.full((240, len(LABELS)), 0.02, np.float32)
    heard[:, LABELS.index("happy")] = 0.86
    lips = solve(Speech(said, (), loudness), SECONDS, 60)
    take = Take(60.0, lips.frames, {"lips": lips}, said, emotions={"speech_emotion": Track.of(20, LABELS, heard)},
                signals={"loudness": level}, **changes)  # fmt: skip
    for layer in LAYERS:
        take = remade(take, layer, seed=0)
    return take


@pytest.fixture(scope="module")
def take():
    return make_take()


def same(a: Track, b: Track) -> bool:
    return a.channels == b.channels and bool((a.values == b.values).all() and (a.confidence == b.confidence).all())


@pytest.mark.parametrize("layer", LAYERS)
def test_no_other_layer_changes(take, layer):
    made = remade(take, layer, Style(emotion=EmotionStyle(intensity=0.5)), seed=7)
    changed = [name for name in take.layers if not same(take.layers[name], made.layers[name])]
    assert changed == [layer] * (layer != "lips") and list(made.layers) == list(take.layers)
    for name in ("phones", "words", "signals", "emotions"):
        assert getattr(made, name) is getattr(take, name)


@pytest.mark.parametrize("layer", LAYERS[1:])
def test_a_seed_says_all(take, layer):
    once, again, other = (remade(take, layer, seed=seed) for seed in (3, 3, 4))
    assert same(once.layers[layer], again.layers[layer]) and not same(once.layers[layer], other.layers[layer])
    assert seed_of(once, layer) == 3
    back = remade(once, layer, seed=0)
    assert same(back.layers[layer], take.layers[layer])


def test_the_next_seed_comes_by_itself(take):
    assert seed_of(remade(take, "blink"), "blink") == 1
    assert seed_of(remade(remade(take, "blink"), "blink"), "blink") == 2
    assert seed_of(remade(take, "emotion"), "emotion") == 0


def test_a_layer_that_was_made_by_a_style_stays_until_another_is_asked_for(take):
    weak = Style(emotion=EmotionStyle(intensity=0.2, seed=5))
    made = remade(take, "emotion", weak)
    assert same(channels(made, Style()), channels(take, weak))
    assert not same(channels(made, Style()), channels(take, Style()))
    assert same(remade(made, "emotion").layers["emotion"], made.layers["emotion"])
    sad, notes = chosen(made, [Mood(2, 30, "sad", 1.0)], Style())
    assert sad.moods == (Mood(2, SECONDS, "sad", 1.0),) and len(notes) == 1 and seed_of(sad, "emotion") == 5
    rows = slice(0, 60)
    assert np.abs(sad.layers["emotion"].values - made.layers["emotion"].values)[rows].max() < 0.02
    assert np.abs(sad.layers["emotion"].values - made.layers["emotion"].values)[300:].max() > 0.2


def test_what_cannot_be_made(take):
    with pytest.raises(InputError, match="no phones"):
        remade(replace(take, phones=()), "lips")
    with pytest.raises(InputError, match="'ears'") as error:
        remade(take, "ears")
    assert "blink" in error.value.hint


# the commands -----------------------------------------------------------------------------------------------------


@pytest.fixture
def files(take, tmp_path):
    takes.write(take, tmp_path / "a.faceanim")
    (tmp_path / "m.csv").write_text("start,end,emotion,strength\n1,4,angry,1\n00:00:05:12,00:00:07:00,sad,0.5\n")
    return tmp_path


def told(capsys, *words):
    status = main([*map(str, words), "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else {}, err


@pytest.mark.parametrize("layer", LAYERS)
def test_remake_leaves_every_other_array_byte_by_byte(files, layer, capsys):
    words = ["remake", files / "a.faceanim", "--layer", layer, "--seed", "9", "-o"]
    status, report, _ = told(capsys, *words, files / "b.faceanim")
    assert status == 0 and report["layer"] == layer and report["notes"] == []
    before, after = (safetensors.read(files / name)[0] for name in ("a.faceanim", "b.faceanim"))
    assert before.keys() == after.keys()
    changed = {name.rsplit("/", 1)[0] for name in before if before[name].tobytes() != after[name].tobytes()}
    assert changed == ({f"layers/{layer}"} if layer != "lips" else set())
    assert report["seed"] == (0 if layer == "lips" else 9)
    told(capsys, *words, files / "c.faceanim")
    assert (files / "b.faceanim").read_bytes() == (files / "c.faceanim").read_bytes()


def test_remake_in_place_goes_on_by_one(files, capsys):
    for seed in (1, 2):
        status, report, _ = told(capsys, "remake", files / "a.faceanim", "--layer", "gaze")
        assert status == 0 and report["seed"] == seed and report["path"] == str(files / "a.faceanim")


def test_moods_go_in_and_come_out(files, capsys):
    moods = ["--moods", files / "m.csv", "--timecode-fps", "24"]
    for words in (["edit", files / "a.faceanim"], ["remake", files / "a.faceanim", "--layer", "emotion"]):
        status, report, err = told(capsys, *words, *moods, "-o", files / "b.faceanim")
        assert status == 0 and report["moods"] == 2, err
        take = takes.read(files / "b.faceanim")
        assert take.moods == (Mood(1.0, 4.0, "angry", 1.0), Mood(5.5, 7.0, "sad", 0.5))
        brow = take.layers["emotion"].column("browDownLeft")
        assert brow[90:220].mean() > 0.2 > brow[560:].mean()
    _, shown, _ = told(capsys, "show", files / "b.faceanim")
    assert shown["moods"] == [[1.0, 4.0, "angry", 1.0], [5.5, 7.0, "sad", 0.5]]
    assert main(["show", str(files / "b.faceanim")]) == 0 and "angry 1 1.00-4.00" in capsys.readouterr().out
    for name in ("o.csv", "o.json"):
        status, report, _ = told(capsys, "moods", files / "b.faceanim", "-o", files / name)
        assert status == 0 and len(report["moods"]) == 2
        told(capsys, "edit", files / "a.faceanim", "--moods", files / name, "-o", files / "c.faceanim")
        assert (files / "c.faceanim").read_bytes() == (files / "b.faceanim").read_bytes()
    # what `show --json` writes is such a file, too
    assert main(["show", str(files / "b.faceanim"), "--json", str(files / "s.json")]) == 0
    told(capsys, "edit", files / "a.faceanim", "--moods", files / "s.json", "-o", files / "c.faceanim")
    assert takes.read(files / "c.faceanim").moods == takes.read(files / "b.faceanim").moods


def test_what_is_heard_to_go_on_from(files, capsys):
    status, report, _ = told(capsys, "moods", files / "a.faceanim", "--heard", "-o", files / "h.csv")
    assert status == 0 and {label for _, _, label, _ in report["moods"]} == {"happy"}
    told(capsys, "edit", files / "a.faceanim", "--moods", files / "h.csv", "-o", files / "b.faceanim")
    assert len(takes.read(files / "b.faceanim").moods) == len(report["moods"])


def test_a_style_for_the_emotion(files, capsys):
    style.write(Style(emotion=EmotionStyle(strength={"happy": 0.0}, accents=0.0, micro=0.0)), files / "s.json")
    words = ["remake", files / "a.faceanim", "--layer", "emotion", "--style", files / "s.json"]
    told(capsys, *words, "-o", files / "b.faceanim")
    smile = [takes.read(files / n).layers["emotion"].column("mouthSmileLeft") for n in ("a.faceanim", "b.faceanim")]
    assert smile[0].max() > 0.2 and smile[1].max() < 0.05


@pytest.mark.parametrize("words,message", [
    (["remake", "a.faceanim", "--layer", "blink", "--seed", "-1"], "-1 is no seed"),
    (["remake", "a.faceanim", "--layer", "lips", "--moods", "m.csv", "--timecode-fps", "24"], "changes nothing"),
    (["remake", "none.faceanim", "--layer", "blink"], "there is no take"),
    (["remake", "a.faceanim", "--layer", "blink", "-o", "b.txt"], "should end in .faceanim"),
    (["edit", "a.faceanim", "-o", "b.faceanim"], "nothing to edit"),
    (["edit", "a.faceanim", "--moods", "m.csv", "-o", "b.faceanim"], "line 3: '00:00:05:12' counts frames"),
    (["edit", "a.faceanim", "--moods", "m.csv", "--timecode-fps", "0", "-o", "b.faceanim"], "out of range"),
    (["edit", "a.faceanim", "--moods", "m.csv", "--timecode-fps", "24", "--timecode-start", "1:00:00:00",
      "-o", "b.faceanim"], "lies outside the clip"),
    (["edit", "a.faceanim", "--moods", "m.xls", "-o", "b.faceanim"], "no kind of file of moods"),
    (["moods", "a.faceanim", "-o", "m.txt"], "should end in .csv"),
])  # fmt: skip
def test_what_is_wrong_is_told_with_a_hint(files, words, message, capsys, monkeypatch):
    monkeypatch.chdir(files)
    assert main(words) == 1
    err = capsys.readouterr().err
    assert message in err and "\nhint: " in err and "Traceback" not in err
    assert not (files / "b.faceanim").exists()
