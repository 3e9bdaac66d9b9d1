"""Moods as people write them: words, times, files of other programs, and what is told where something is wrong."""

import json

import pytest

from faceanim.core.moods import fitted, label_of, mood
from faceanim.core.take import Mood
from faceanim.errors import FormatError, InputError, OutputError
from faceanim.formats import moods

ALL = (Mood(0.5, 2.0, "happy", 0.8), Mood(1.5, 3.25, "sad", 1.0), Mood(4.0, 4.5, "angry", 0.25))


def refused(path, text, match, hint="", **how):
    path.write_text(text, "utf-8")
    with pytest.raises(FormatError, match=match) as error:
        moods.read(path, **how)
    assert str(path) in error.value.message and error.value.hint and hint in error.value.hint


def test_words_for_emotions():
    assert [label_of(name) for name in ("Happy", " SAD ", "joy", "Fear", "surprise")] == [
        "happy", "sad", "happy", "fearful", "surprised"
    ]  # fmt: skip
    with pytest.raises(InputError, match="'hapy'") as error:
        label_of("hapy")
    assert "did you mean happy" in error.value.hint and "disgust" in error.value.hint
    with pytest.raises(InputError) as error:
        label_of("purple")
    assert "neutral, calm, happy, sad, angry, fearful, disgust, surprised" in error.value.hint


def test_what_reaches_out_of_the_clip_is_cut_and_what_lies_outside_is_refused():
    cut, notes = fitted([mood(4, 9, "sad"), mood(-1, 2, "happy", 0.5)], 5.0)
    assert cut == (Mood(0.0, 2.0, "happy", 0.5), Mood(4.0, 5.0, "sad", 1.0)) and len(notes) == 2
    assert fitted(ALL, 5.0) == (ALL, [])
    with pytest.raises(InputError, match="outside the clip") as error:
        fitted([mood(6, 7, "sad")], 5.0)
    assert "0 to 5.000 s" in error.value.hint
    left, notes = fitted([mood(6, 7, "sad"), *ALL], 5.0, leave_out=True)
    assert left == ALL and len(notes) == 1 and "left out" in notes[0]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.JSON"])
def test_round_trip(tmp_path, name):
    moods.write(ALL, tmp_path / name)
    assert moods.read(tmp_path / name) == ALL
    moods.write(ALL, tmp_path / name, fps=25)
    back = moods.read(tmp_path / name, fps=25)
    assert [m[2:] for m in back] == [m[2:] for m in ALL]
    assert [t for m in back for t in m[:2]] == pytest.approx([t for m in ALL for t in m[:2]], abs=0.0201)
    moods.write((), tmp_path / name)
    assert moods.read(tmp_path / name) == ()


def test_other_headers_orders_and_spreadsheets(tmp_path):
    path = tmp_path / "a.csv"
    rows = ("Strength;Emotion;END_S;Start s", "0,8;Happiness;2,0;0,5", "", "80%;sad;0:03.25;1,5", "")
    path.write_text("\r\n".join(rows), "utf-8-sig")
    assert moods.read(path) == (Mood(0.5, 2.0, "happy", 0.8), Mood(1.5, 3.25, "sad", 0.8))
    path.write_text("# for the director\nlabel\tto\tfrom\tnote\n# first\nangry\t4.5s\t4\tloud\n", "utf-16")
    assert moods.read(path) == (Mood(4.0, 4.5, "angry", 1.0),)


def test_timecodes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("start,end,emotion\n01:00:01:12,01:00:02:00,happy\n", "utf-8")
    assert moods.read(path, fps=24, timecode_start="01:00:00:00") == (Mood(1.5, 2.0, "happy", 1.0),)
    assert moods.seconds_of("00:01:00;02", 30000 / 1001) == pytest.approx(1800 * 1.001 / 30)
    assert moods.seconds_of("00:10:00;00", 30000 / 1001) == pytest.approx(600, abs=0.001)
    assert moods.seconds_of("00:10:00:00", 30000 / 1001) == pytest.approx(600.6)
    assert moods.seconds_of("1:02:03.5") == 3723.5
    assert moods.timecode(3661.5, 24) == "01:01:01:12"
    refused(path, "start,end,emotion\n00:00:01:12,00:00:02:00,happy\n", "line 2.*counts frames", "--timecode-fps")
    refused(path, "start,end,emotion\n00:00:01:24,00:00:02:00,happy\n", "no timecode at 24", "0 to 23", fps=24)


def test_json_as_people_write_it(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([[0.5, 2, "happy", 0.8], [1.5, 3.25, "Sad"]]), "utf-8")
    assert moods.read(path) == ALL[:2]
    head = {"schema": moods.SCHEMA, "fps": 25, "timecode_start": "10:00:00:00"}
    row = {"start": "10:00:00:05", "end": "10:00:01:00", "label": "sad", "strength": 0.5}
    path.write_text(json.dumps({**head, "moods": [row]}), "utf-8")
    assert moods.read(path) == (Mood(0.2, 1.0, "sad", 0.5),)
    # what `show --json` prints
    shown = {"fps": 60.0, "frames": 300, "layers": {}, "moods": [[0.5, 2.0, "happy", 0.8]]}
    path.write_text(json.dumps(shown), "utf-8")
    assert moods.read(path) == ALL[:1]


def test_what_is_wrong_is_told_with_its_place(tmp_path):
    path = tmp_path / "a.csv"
    head = "start_s,end_s,emotion,strength\n"
    refused(path, head + "0,1,happy,1\n1,2,hapy,1\n", "line 3: 'hapy'", "did you mean happy? it may be: neutral")
    refused(path, head + "2,1,happy,1\n", "line 2: happy from 2 to 1 s ends before")
    refused(path, head + "2,2.01,happy,1\n", "shorter than 0.05 s")
    refused(path, head + "0,1,happy,2\n", "strength of happy at 0 s is 2", "0 to 1")
    refused(path, head + "0,1,happy,nan\n", "strength")
    refused(path, head + "0,1,happy,much\n", "'much'")
    refused(path, head + "0,nan,happy,1\n", "no time")
    refused(path, head + "soon,1,happy,1\n", "'soon' is no time")
    refused(path, head + "0,1\n", "emotion is empty")
    refused(path, "start_s,emotion\n0,happy\n", "no column end_s", "start_s,end_s,emotion,strength")
    refused(path, "# nothing\n", "no header")
    path = tmp_path / "a.json"
    refused(path, '{"schema": "faceanim/style/1"}', "no moods", "faceanim/moods/1")
    refused(path, '{"schema": "faceanim/moods/2", "moods": []}', "version 2", "update")
    refused(path, '{"layers": []}', "no moods", "faceanim/moods/1")
    refused(path, '[{"start": 0, "end": 1}]', r"\[0\].*lacks 'emotion'")
    refused(path, '[{"start": 0, "end": 1, "emotion": "hapy"}]', r"\[0\].*hapy", "happy")
    refused(path, '[{"start": 0, "end": 1, "emotion": "happy", "color": 1}]', "color is not known", "strength")
    refused(path, '[{"start": 0, "end": 1, "emotion": 3}]', "emotion must be text")
    refused(path, "[[0, 1]]", "must be .start, end")
    refused(path, "3", "array")
    refused(path, "{", "not valid JSON")
    for name in ("a.txt", "a"):
        (tmp_path / name).write_text("x")
        with pytest.raises(FormatError, match="no kind of file of moods"):
            moods.read(tmp_path / name)
        with pytest.raises(FormatError, match="no kind of file of moods"):
            moods.write(ALL, tmp_path / name)
    with pytest.raises(FormatError, match="there is no file of moods"):
        moods.read(tmp_path / "none.csv")
    with pytest.raises(OutputError):
        moods.write(ALL, tmp_path / "none" / "a.csv")
