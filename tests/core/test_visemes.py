"""The viseme preset, and lips solved from phones that are given."""

import json

import numpy as np
import pytest

from faceanim.core.channels import GROUP_OF
from faceanim.core.files import PRESETS
from faceanim.core.phones import ARPABET, BILABIAL, LABIODENTAL, SIBILANT
from faceanim.core.speech import Speech
from faceanim.core.style import SpeechStyle, Style
from faceanim.core.take import Phone, Take
from faceanim.errors import FormatError
from faceanim.pipeline import channels
from faceanim.solve import visemes
from faceanim.solve.speech import signs, solve


def spoken(text: str, length: float = 0.08, start: float = 0.5, loudness=None) -> Speech:
    """Sounds of equal length separated by spaces; `_` is a pause."""
    phones = [
        Phone(start + i * length, start + (i + 1) * length, "" if sound == "_" else sound, 1.0)
        for i, sound in enumerate(text.split())
    ]
    return Speech(tuple(phones), (), np.zeros(0, np.float32) if loudness is None else loudness)


def during(track, speech, i, channel):
    """Values of a channel on the frames inside the i-th phone."""
    phone = speech.phones[i]
    return track.column(channel)[(track.times >= phone.start) & (track.times <= phone.end)]


def openness(track):
    return track.column("jawOpen") - track.column("mouthClose")


def test_preset_says_where_every_number_comes_from():
    """Each number of each viseme, and each constant, names a source that the preset lists."""
    document = json.loads((PRESETS / "visemes" / "default.json").read_text(encoding="utf-8"))
    named = []
    for viseme in document["visemes"]:
        sources = viseme["sources"]
        assert set(sources) == {"weight", "shape"} | ({"contact", "lead_s", "follow_s"} & set(viseme)), viseme["name"]
        assert set(sources["shape"]) == {visemes.part(channel) for channel in viseme["shape"]}, viseme["name"]
        named += [*sources["shape"].values(), *(value for key, value in sources.items() if key != "shape")]
    named += [constant["sources"] for constant in document["timing"].values()]
    assert all(named) and set().union(*named) == set(document["sources"])


def test_preset_knows_every_sound_and_its_contact():
    preset = visemes.read()
    for ipa in [*ARPABET.values(), *BILABIAL, *LABIODENTAL, *SIBILANT]:
        assert preset.signs(ipa) or not ipa
    kinds = {kind: {s for v in preset.visemes if v.contact and v.contact.kind == kind for s in v.ipa}
             for kind in visemes.KINDS}
    assert kinds["close"] >= BILABIAL
    assert kinds["touch"] >= LABIODENTAL - {"p͡f"}
    assert kinds["narrow"] >= SIBILANT
    assert set(map(GROUP_OF.get, preset.channels)) <= {"lips", "jaw", "tongue", "cheeks"}


def test_marks_diphthongs_and_unknown_signs():
    preset = visemes.read()
    name = lambda ipa: [preset.visemes[k].name for k in preset.signs(ipa)]  # noqa: E731
    assert name("ˈpʰ") == ["bilabial_stop"]
    assert name("aɪ") == ["open", "near_close_front"]
    assert name("p͡f") == ["bilabial_stop", "labiodental"]
    assert name("ʘ") == ["schwa"]
    assert name("") == []


@pytest.mark.parametrize("change, word", [
    ({"schema": "faceanim/visemes/9"}, "schema"),
    ({"visemes": [{"name": "x"}]}, "lacks"),
    ({"visemes": []}, "once"),
])
def test_wrong_preset_is_refused(change, word):
    document = json.loads((PRESETS / "visemes" / "default.json").read_text(encoding="utf-8"))
    with pytest.raises(FormatError, match=word):
        visemes.from_json({**document, **change})


def test_preset_that_is_not_json(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(FormatError, match="not JSON"):
        visemes.read(path)


@pytest.mark.parametrize("sound", ["p", "b", "m"])
@pytest.mark.parametrize("vowel", ["a", "i", "u", "æ"])
@pytest.mark.parametrize("length", [0.03, 0.08])
@pytest.mark.parametrize("fps", [24, 30, 60])
def test_bilabials_close_on_a_frame_at_least(sound, vowel, length, fps):
    speech = spoken(f"{vowel} {sound} {vowel}", length)
    track = solve(speech, 2.0, fps)
    jaw, close = during(track, speech, 1, "jawOpen"), during(track, speech, 1, "mouthClose")
    # the hold is widened to a frame, which may then lie beside a sound that is shorter than that
    near = slice(int((speech.phones[1].start - 1 / fps) * fps), int((speech.phones[1].end + 1 / fps) * fps) + 2)
    assert np.min(openness(track)[near]) < 1e-6
    assert track.column("mouthPressLeft")[near].max() > 0.1
    assert (jaw[close >= jaw - 1e-6] <= 0.15).all()
    assert (openness(track) >= -1e-6).all()


def test_vowels_never_reopen_a_closure():
    speech = spoken("a m p a", 0.06)
    track = solve(speech, 2.0, 100)
    inside = (track.times >= speech.phones[1].start + 0.01) & (track.times <= speech.phones[2].start + 0.04)
    assert openness(track)[inside].max() < 1e-3


def test_lip_to_teeth():
    speech = spoken("a f a", 0.09)
    track = solve(speech, 2.0, 60)
    assert during(track, speech, 1, "mouthRollLower").max() > 0.4
    assert during(track, speech, 1, "jawOpen").min() < 0.08
    assert track.column("mouthClose").max() == 0


def test_sibilants_narrow_the_jaw():
    speech = spoken("a s a ʃ a", 0.09)
    track = solve(speech, 2.0, 60)
    assert during(track, speech, 0, "jawOpen").max() > 0.25
    for i in (1, 3):
        assert during(track, speech, i, "jawOpen").min() < 0.13


def test_tongue_sounds_leave_the_lips_alone():
    speech = spoken("u t u", 0.08)
    track = solve(speech, 2.0, 60)
    assert during(track, speech, 1, "mouthPucker").min() > 0.8 * during(track, speech, 0, "mouthPucker").max()
    assert during(track, speech, 1, "tongueTipUp").max() > 0.5


def test_rounding_comes_early():
    rounded, plain = solve(spoken("s t u"), 2.0, 60), solve(spoken("s t i"), 2.0, 60)
    before = int((0.5 + 0.12) * 60)
    assert rounded.column("mouthPucker")[before] > plain.column("mouthPucker")[before] + 0.1


def test_vowels_are_ordered_by_height():
    jaw = [solve(spoken(f"d {v} d", 0.15), 2.0, 60).column("jawOpen").max() for v in ("i", "e", "ɛ", "a")]
    assert jaw == sorted(jaw) and jaw[-1] > 2 * jaw[0]


def test_no_steps_and_no_lag():
    speech = spoken("d ɑ g z ɑ s ɪ t ɪ ŋ b aɪ ð ə d ɔ", 0.07)
    track = solve(speech, 2.5, 240)
    assert np.abs(np.diff(track.values, axis=0)).max() < 0.1
    single = solve(spoken("a", 0.2, 1.0), 2.2, 240)
    jaw = single.column("jawOpen")
    wide = single.times[jaw > 0.8 * jaw.max()]  # a breath opens the mouth before
    assert abs(wide.mean() - 1.1) < 0.05


def test_duplicates_merge():
    one, two = solve(spoken("a m a", 0.12), 2.0, 60), spoken("a m a", 0.12)
    a, m, b = two.phones
    middle = (m.start + m.end) / 2
    halves = Speech((a, m._replace(end=middle), m._replace(start=middle), b))
    assert np.allclose(one.values, solve(halves, 2.0, 60).values)


def test_pauses_relax_and_say_so():
    speech = spoken("a a _ _ _ _ _ _ _ _ _ _ _ _ _ _ a a", 0.08)
    track = solve(speech, 3.0, 60)
    pause = int((0.5 + 8 * 0.08) * 60)
    assert track.values[pause].max() < 0.01
    assert track.confidence[pause].max() < 0.5 < track.confidence[int(0.55 * 60)].min()
    assert track.values[-1].max() < 0.01


def test_a_short_pause_keeps_the_mouth():
    track = solve(spoken("a a _ a a", 0.08), 2.0, 60)
    assert track.column("jawOpen")[int(0.7 * 60)] > 0.12


def test_louder_opens_the_jaw():
    speech = spoken("a d a d a d a", 0.1)
    level = np.full(200, -40, np.float32)
    level[90:100] = -15
    quiet, loud = during(solve(speech, 2.0, 60), speech, 4, "jawOpen").max(), None
    speech = Speech(speech.phones, (), level)
    loud = during(solve(speech, 2.0, 60), speech, 4, "jawOpen").max()
    assert loud > 1.15 * quiet


@pytest.mark.parametrize("speech", [Speech(), spoken("_ _"), Speech((Phone(0.1, 0.1, "a", 1),))])
def test_no_speech_is_a_neutral_track(speech):
    track = solve(speech, 0.05, 60)
    assert track.frames == 3 and not track.values.any() and not track.confidence.any()


def test_phones_beyond_the_ends_out_of_order_and_overlapping():
    phones = [Phone(-0.2, 0.1, "a", 1), Phone(0.3, 0.5, "u", 1), Phone(0.05, 0.35, "m", 1), Phone(0.9, 1.4, "s", 1)]
    track = solve(Speech(tuple(phones)), 1.0, 60)
    assert track.frames == 60 and openness(track)[int(0.2 * 60)] < 1e-6


@pytest.mark.parametrize("style, channel, wider", [
    (SpeechStyle(-1.0), "jawOpen", False),
    (SpeechStyle(1.0), "jawOpen", True),
    (SpeechStyle(-0.5), "mouthPucker", False),
    (SpeechStyle(0.5), "mouthPucker", True),
    (SpeechStyle(jaw=1.4), "jawOpen", True),
    (SpeechStyle(lips=0.5), "mouthPucker", False),
])
def test_from_mumbled_to_over_enunciated(style, channel, wider):
    speech = spoken("d a s u f a", 0.1)
    plain, styled = (solve(speech, 2.0, 60, visemes.read().spoken(s)) for s in (SpeechStyle(), style))
    change = styled.column(channel).max() / plain.column(channel).max()
    assert change > 1.1 if wider else change < 0.8
    other = {"jawOpen": "mouthPucker", "mouthPucker": "jawOpen"}[channel]
    if not style.enunciation:
        assert np.allclose(styled.column(other), plain.column(other), atol=0.02)


@pytest.mark.parametrize("enunciation", [-1.0, -0.4, 1.0])
def test_no_style_opens_a_contact(enunciation):
    speech = spoken("a p a f a m i s a", 0.09)
    track = solve(speech, 2.0, 100, visemes.read().spoken(SpeechStyle(enunciation, jaw=1.5)))
    for i in (1, 5):
        assert (during(track, speech, i, "jawOpen") - during(track, speech, i, "mouthClose")).min() < 1e-6
    assert during(track, speech, 3, "mouthRollLower").max() > 0.3
    assert during(track, speech, 7, "jawOpen").min() < 0.13
    assert (openness(track) >= -1e-6).all()


def test_the_pipeline_speaks_in_the_style():
    speech = spoken("a p a", 0.1)
    take = Take(60.0, 120, layers={"lips": solve(speech, 2.0, 60)}, phones=speech.phones)
    jaw = [channels(take, Style(speech=SpeechStyle(e))).column("jawOpen").max() for e in (-1.0, 0.0, 1.0)]
    assert jaw[0] < 0.7 * jaw[1] < 0.7 * jaw[2]


def test_a_breath_before_a_phrase():
    """Lips part before a phrase, for p too, and close in time; within a phrase there is none."""
    speech = spoken("_ _ _ _ _ _ _ _ p a _ p a", 0.1)
    track = solve(speech, 3.0, 100)
    start, second = speech.phones[8].start, speech.phones[11].start
    before = openness(track)[int((start - 0.25) * 100) : int((start - 0.05) * 100)]
    assert before.max() > 0.05 and openness(track)[int((start - 0.6) * 100)] < 0.01
    assert openness(track)[int((start + 0.02) * 100)] < 1e-3
    assert "breath" not in {visemes.read().visemes[k].name for k in signs(speech, visemes.read()).viseme[6:] if k >= 0}
    assert openness(track)[int((second + 0.02) * 100)] < 1e-3
