"""Phones as marks on whole frames and back."""

import numpy as np
import pytest

from faceanim.core.edit import changes
from faceanim.core.marks import Mark, Scale, marked, marks
from faceanim.core.take import Phone, Word
from faceanim.errors import InputError

PHONES = (Phone(0.51, 0.62, "m", 0.5), Phone(0.62, 0.80, "a", 0.5), Phone(0.80, 0.83, "p", 0.5),
          Phone(0.83, 1.04, "a", 0.5), Phone(1.5, 1.7, "ʃ", 0.5), Phone(1.7, 1.93, "u", 0.5))  # fmt: skip
WORDS = (Word(0.51, 1.04, "mapa"), Word(1.5, 1.93, "schu"))
SECONDS = 2.4
SCALE = Scale(24.0, 1.0)


def shown(start=0.0, end=SECONDS, scale=SCALE):
    return marks(PHONES, SECONDS, scale, start, end)


def applied(found, span, scale=SCALE):
    return marked(PHONES, WORDS, SECONDS, found, span, scale)


def test_every_sound_and_every_pause_behind_one_has_a_mark():
    found, span = shown()
    assert [m.ipa for m in found] == ["m", "a", "p", "a", "", "ʃ", "u", ""]
    assert found[0].frame == 1 + round(0.51 * 24) and span == (0.0, SECONDS)
    found, span = shown(0.7, 1.6)
    assert [m.ipa for m in found] == ["p", "a", "", "ʃ"] and span == (0.80, 1.7)
    assert shown(1.1, 1.4)[0] == []


@pytest.mark.parametrize("scale", [Scale(24, 1), Scale(23.976, -10), Scale(60, 0), Scale(12, 1001)])
@pytest.mark.parametrize("part", [(0.0, SECONDS), (0.6, 1.6), (1.4, 1.6)])
def test_untouched_marks_change_nothing_however_coarse_the_frames(scale, part):
    found, span = shown(*part, scale)
    phones, words = applied(found, span, scale)
    assert phones == PHONES and words == WORDS


def test_untouched_marks_of_crowded_speech_change_nothing():
    rng = np.random.default_rng(1)
    edges = np.cumsum(rng.uniform(0.012, 0.09, 200))
    phones = tuple(Phone(float(a), float(b), str(s), 0.5)
                   for a, b, s in zip(edges[:-1], edges[1:], rng.choice([*"paiu"], 199), strict=True))  # fmt: skip
    found, span = marks(phones, 12.0, SCALE, 0.0, 12.0)
    assert marked(phones, (), 12.0, found, span, SCALE)[0] == phones


def test_a_moved_mark_moves_one_edge_and_the_word():
    found, span = shown()
    found[0] = Mark(9, "m")
    phones, words = applied(found, span)
    assert phones[0] == Phone(pytest.approx(8 / 24), 0.62, "m", 1.0) and phones[1:] == PHONES[1:]
    assert words[0].start == phones[0].start and words[1] == WORDS[1]
    found, span = shown()
    found[4] = Mark(found[4].frame + 2, "")
    phones, words = applied(found, span)
    assert phones[3].end == words[0].end == pytest.approx((found[4].frame - 1) / 24)


def test_a_renamed_mark_keeps_its_times():
    found, span = shown()
    found[2] = found[2]._replace(ipa="b")
    phones, _ = applied(found, span)
    assert phones[2] == Phone(0.80, 0.83, "b", 1.0)
    assert changes(PHONES, phones, SECONDS) == ((0.62, 1.04),)


def test_a_deleted_mark_leaves_its_time_to_the_sound_before():
    found, span = shown()
    phones, _ = applied([m for m in found if m.ipa != "p"], span)
    assert phones[1] == Phone(0.62, 0.83, "a", 1.0) and len(phones) == 5
    phones, _ = applied(found[1:], span)
    assert phones[0] == PHONES[1]  # before the first mark nobody speaks


def test_an_added_mark_splits_a_sound_or_a_pause():
    found, span = shown()
    at = SCALE.frame(1.25)
    phones, _ = applied([*found, Mark(at, "f")], span)
    assert phones[4] == Phone(pytest.approx((at - 1) / 24), 1.5, "f", 1.0)
    phones, _ = applied([*found, Mark(SCALE.frame(0.95), "")], span)
    assert phones[3].end == pytest.approx((SCALE.frame(0.95) - 1) / 24)


def test_all_deleted_is_a_pause_and_the_rest_stays():
    found, span = shown(0.7, 1.6)
    phones, words = applied([], span)
    assert phones == (*PHONES[:2], PHONES[5])


def test_wrong_marks_are_told():
    found, span = shown(0.7, 1.6)
    with pytest.raises(InputError, match="outside the marked part"):
        applied([*found, Mark(2, "a")], span)
    with pytest.raises(InputError, match="no time is left"):
        applied([*found, Mark(30, "b"), Mark(30, "d")], span)
