"""Edits of phones and words, and lips that are solved anew only where something changed."""

import json

import numpy as np
import pytest

from faceanim.core.edit import changes, edit, read
from faceanim.core.take import Phone, Take, Word
from faceanim.core.track import Track
from faceanim.errors import InputError
from faceanim.formats import takes
from faceanim.pipeline import edited
from faceanim.solve.speech import FADE_S, MARGIN_S, Speech, solve

STEP = 0.1
SOUNDS = [*"mama_pupə______favasina"]


def line(sounds=SOUNDS, start=0.5) -> tuple[Phone, ...]:
    edges = [round(start + i * STEP, 6) for i in range(len(sounds) + 1)]
    row = zip(edges[:-1], edges[1:], sounds, strict=True)
    return tuple(Phone(a, b, "" if s == "_" else s, 0.5) for a, b, s in row)


@pytest.fixture(scope="module")
def take() -> Take:
    phones = line()
    words = (Word(0.5, 0.9, "mama"), Word(1.0, 1.4, "puppe"))
    loudness = np.random.default_rng(0).normal(-30, 6, 340).astype(np.float32)
    lips = solve(Speech(phones, words, loudness), 3.4, 60)
    head = Track.from_columns(60, {"headYaw": np.linspace(0, 1, lips.frames)})
    level = Track.of(100, ("level",), loudness[:, None])
    return Take(60.0, lips.frames, {"lips": lips, "head": head}, phones, words, signals={"loudness": level})


def shape(phones):
    return [(p.ipa, round(p.start, 3), round(p.end, 3)) for p in phones]


def test_moving_an_edge_takes_the_neighbour_and_the_word_along(take):
    result = edit(take, [{"op": "move", "phone": 3, "end": 0.94}, {"op": "move", "phone": 0, "start": 0.45}])
    assert shape(result.phones)[:5] == [
        ("m", 0.45, 0.6), ("a", 0.6, 0.7), ("m", 0.7, 0.8), ("a", 0.8, 0.94), ("", 0.94, 1.0)
    ]  # fmt: skip
    assert result.words[0] == Word(0.45, 0.94, "mama")
    assert result.phones[3].confidence == 1.0 and result.phones[2].confidence == 0.5


def test_what_is_moved_cuts_what_does_not_touch_it(take):
    result = edit(take, [{"op": "move", "phone": 15, "start": 1.32}])
    assert shape(result.phones)[7:10] == [("p", 1.2, 1.3), ("ə", 1.3, 1.32), ("f", 1.32, 2.1)]


def test_a_moved_word_takes_its_phones_along(take):
    result = edit(take, [{"op": "move", "word": 1, "start": 1.1, "end": 1.9}])
    assert result.words[1] == Word(1.1, 1.9, "puppe")
    said = [p for p in shape(result.phones) if 1.0 < p[1] < 1.9]
    assert said == [("p", 1.1, 1.3), ("u", 1.3, 1.5), ("p", 1.5, 1.7), ("ə", 1.7, 1.9)]


def test_the_neighbours_of_a_deleted_phone_meet_and_a_pause_stays_one(take):
    result = edit(take, [{"op": "delete", "phone": 1}, {"op": "delete", "phone_at": 1.35}])
    assert shape(result.phones)[:2] == [("m", 0.5, 0.65), ("m", 0.65, 0.8)]
    assert all(p.end <= 1.3 or p.start >= 1.4 for p in result.phones if p.ipa)


def test_a_deleted_word_is_a_pause(take):
    result = edit(take, [{"op": "delete", "word_at": 1.2}])
    assert [w.text for w in result.words] == ["mama"]
    assert not [p for p in result.phones if p.ipa and 0.9 < p.start < 1.9]


def test_an_inserted_phone_splits_what_is_there(take):
    result = edit(take, [{"op": "insert", "ipa": "b", "start": 0.63, "end": 0.66}])
    assert shape(result.phones)[1:4] == [("a", 0.6, 0.63), ("b", 0.63, 0.66), ("a", 0.66, 0.7)]
    words = edit(take, [{"op": "insert", "text": "oh", "start": 2.0, "end": 2.4}]).words
    assert [w.text for w in words] == ["mama", "puppe", "oh"]


def test_numbers_mean_the_phones_of_the_take_whatever_came_before(take):
    edits = [{"op": "delete", "phone": 0}, {"op": "relabel", "phone": 5, "ipa": "b"}]
    assert edit(take, edits).phones[4].ipa == "b"
    assert edit(take, [{"op": "relabel", "word": 0, "text": "Papa"}]).words[0].text == "Papa"


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"op": "shift", "phone": 1}, "no operation 'shift'"),
        ({"op": "move", "phone": 1}, "not where to"),
        ({"op": "move", "phone": 1, "word": 1, "start": 0.2}, "name one thing"),
        ({"op": "move", "phone": 1, "begin": 0.2}, "knows no 'begin'"),
        ({"op": "move", "phone": 400, "start": 0.2}, "no phone 400"),
        ({"op": "move", "phone": True, "start": 0.2}, "a number counted from 0"),
        ({"op": "move", "phone": 1, "start": "soon"}, "no number of seconds"),
        ({"op": "move", "phone": 1, "start": float("nan")}, "no number of seconds"),
        ({"op": "move", "phone": 1, "start": 0.69999}, "shorter than"),
        ({"op": "move", "phone": 1, "start": -1}, "outside the clip"),
        ({"op": "insert", "ipa": "a", "start": 3.0, "end": 30}, "outside the clip"),
        ({"op": "insert", "ipa": "a", "text": "a", "start": 3.0, "end": 3.2}, "a phone or a word"),
        ({"op": "insert", "ipa": "a", "start": 3.0}, "`end` is missing"),
        ({"op": "relabel", "phone": 1}, "needs `ipa`"),
        ({"op": "relabel", "phone_at": 99, "ipa": "a"}, "no phone at 99"),
        ({"op": "insert", "ipa": "a", "start": 0.55, "end": 1.05}, "nothing would be left of the phone 'a'"),
    ],
)
def test_a_wrong_edit_is_told(take, wrong, says):
    with pytest.raises(InputError, match=says):
        edit(take, [wrong])


def test_two_edits_of_one_moment_are_told(take):
    both = [{"op": "move", "phone": 0, "end": 0.65}, {"op": "move", "phone": 1, "start": 0.62}]
    with pytest.raises(InputError, match="overlap"):
        edit(take, both)
    with pytest.raises(InputError, match="deleted by an edit before"):
        edit(take, [{"op": "delete", "phone": 1}, {"op": "relabel", "phone": 1, "ipa": "o"}])


def test_a_sound_that_is_no_ipa_is_told_with_what_was_meant(take):
    with pytest.raises(InputError) as caught:
        edited(take, [{"op": "relabel", "phone": 1, "ipa": "AE1"}])
    assert "'æ'" in caught.value.hint
    for ipa in ("aː", "t͡s", "ɔʏ", "pʰ", "ã"):
        edited(take, [{"op": "relabel", "phone": 1, "ipa": ipa}])


def test_documents():
    one = {"op": "delete", "phone": 1}
    assert read([one]) == read({"edits": [one]}) == [one]
    for wrong in ({}, [1], "edits", None):
        with pytest.raises(InputError):
            read(wrong)


def test_changes_are_the_sounds_and_their_neighbours():
    before = line()
    assert changes(before, before, 3.4) == ()
    after = tuple(p._replace(ipa="i") if i == 18 else p for i, p in enumerate(before))
    (span,) = changes(before, after, 3.4)
    assert span == pytest.approx((2.2, 2.5))
    assert changes(before, tuple(p._replace(confidence=1.0) for p in before), 3.4) == ()


@pytest.mark.parametrize(
    "edits",
    [
        [{"op": "relabel", "phone": 17, "ipa": "b"}],
        [{"op": "relabel", "phone": 1, "ipa": "m"}],
        [{"op": "delete", "word": 1}],
        [{"op": "insert", "ipa": "m", "start": 1.6, "end": 1.7}],
        [{"op": "move", "phone": 22, "end": 3.2}, {"op": "relabel", "phone": 0, "ipa": "o"}],
    ],
)
def test_lips_are_as_solved_whole_where_they_changed_and_the_same_bits_elsewhere(take, edits):
    new, spans = edited(take, edits)
    level = take.signals["loudness"]
    whole = solve(Speech(new.phones, new.words, level.values[:, 0], level.fps), take.seconds, take.fps)
    lips, before = new.layers["lips"], take.layers["lips"]
    away = np.min([np.maximum(np.maximum(a - lips.times, lips.times - b), 0) for a, b in spans], axis=0)
    inside, outside = away <= MARGIN_S, away >= MARGIN_S + FADE_S
    assert outside.any() and np.abs(whole.values - before.values)[inside].max() > 0.05
    for part in ("values", "confidence"):
        np.testing.assert_array_equal(getattr(lips, part)[inside], getattr(whole, part)[inside])
        np.testing.assert_array_equal(getattr(lips, part)[outside], getattr(before, part)[outside])
    assert (lips.column("mouthClose") <= lips.column("jawOpen")).all()
    # what a fade goes over into differs by the gain of loudness alone
    assert np.abs(lips.values - whole.values).max() < 0.05
    assert new.layers["head"] is take.layers["head"]


def test_a_hand_made_lip_stays_outside_the_span(take):
    lips = take.layers["lips"]
    drawn = lips.values.copy()
    drawn[-30:, lips.index("jawOpen")] = 0.77
    new, _ = edited(take.with_layer("lips", lips.with_values(drawn)), [{"op": "relabel", "phone": 1, "ipa": "o"}])
    np.testing.assert_array_equal(new.layers["lips"].values[-30:], drawn[-30:])


def test_phones_inserted_into_a_take_without_speech_make_lips():
    take = Take(60.0, 120, {"head": Track.from_columns(60, {"headYaw": np.zeros(120)})})
    new, _ = edited(take, [{"op": "insert", "ipa": "a", "start": 0.5, "end": 0.9}])
    assert new.layers["lips"].column("jawOpen").max() > 0.2
    assert "lips" not in edited(take, [])[0].layers


def test_a_take_without_loudness_can_be_edited_and_loudness_is_kept_in_the_file(take, tmp_path):
    from dataclasses import replace

    new, _ = edited(replace(take, signals={}), [{"op": "relabel", "phone": 1, "ipa": "o"}])
    assert new.phones[1].ipa == "o"
    takes.write(take, tmp_path / "a.faceanim")
    back = takes.read(tmp_path / "a.faceanim")
    np.testing.assert_array_equal(back.signals["loudness"].values, take.signals["loudness"].values)
    again, _ = edited(back, [{"op": "relabel", "phone": 17, "ipa": "b"}])
    expected, _ = edited(take, [{"op": "relabel", "phone": 17, "ipa": "b"}])
    np.testing.assert_array_equal(again.layers["lips"].values, expected.layers["lips"].values)


def test_the_command_edits_a_file_and_tells_what_is_wrong(take, tmp_path, capsys):
    from faceanim.cli import main

    takes.write(take, tmp_path / "a.faceanim")
    source, edits, out = (str(tmp_path / name) for name in ("a.faceanim", "e.json", "b.faceanim"))
    (tmp_path / "e.json").write_text('{"edits": [{"op": "relabel", "phone": 17, "ipa": "b"}]}')
    assert main(["edit", source, edits, "-o", out, "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["edits"] == 1 and report["spans"] == [[2.1, 2.4]] and not report["notes"]
    assert takes.read(out).phones[17].ipa == "b"
    for text, says in (('[{"op": "relabel", "phone": 17, "ipa": "B!"}]', "'B!'"), ("[", "not JSON"), ("{}", "no edits"),
                       ("\xff", "not JSON")):  # fmt: skip
        (tmp_path / "e.json").write_bytes(text.encode("latin-1"))
        capsys.readouterr()
        assert main(["edit", source, edits, "-o", str(tmp_path / "c.faceanim")]) == 1
        told = capsys.readouterr().err
        assert says in told and "hint:" in told
    assert not (tmp_path / "c.faceanim").exists()
