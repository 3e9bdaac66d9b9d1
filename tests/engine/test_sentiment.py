"""Words of feeling, by word time: which feeling, what "not" does to it, and in which languages."""

import numpy as np
import pytest

pytest.importorskip("vaderSentiment")

from faceanim.core.emotion import LABELS
from faceanim.core.take import Word
from faceanim.core.track import Track
from faceanim.features.sentiment import HZ, covered, sentences, sentiment


def said(text, start=0.0):
    return [Word(start + i * 0.35, start + i * 0.35 + 0.3, word) for i, word in enumerate(text.split())]


def strongest(text, arousal=None):
    words = said(text)
    track = sentiment(words, 6.0, arousal)
    row = int(words[-1].start * HZ)
    return LABELS[track.values[row].argmax()], float(track.confidence[row, 0])


@pytest.mark.parametrize(("text", "label"), [
    ("I love this, it is wonderful!", "happy"), ("My poor old dog died yesterday", "sad"),
    ("I am so scared of the dark", "fearful"), ("I really hate you", "angry"), ("It is so disgusting", "disgust"),
    ("Oh wow, what a surprise!", "surprised"),
])  # fmt: skip
def test_plain_words(text, label):
    found, sure = strongest(text)
    assert found == label and sure > 0.3


def test_what_is_negated_is_not_felt():
    assert strongest("I am happy with it")[0] == "happy"
    assert strongest("I am not happy with it")[0] != "happy"
    assert strongest("I am not afraid of you")[1] < 0.1


def test_words_of_no_feeling_say_nothing():
    track = sentiment(said("Kids are talking by the door"), 3.0)
    assert track.confidence.max() == 0 and (track.column("neutral") == 1).all()


def test_it_is_said_where_it_is_said():
    track = sentiment([*said("It is a wonderful day."), *said("We lost him and I cried.", 6.0)], 10.0)
    np.testing.assert_allclose(track.values.sum(1), 1, atol=1e-6)
    assert track.fps == HZ and track.channels == LABELS
    assert track.column("happy")[int(1.2 * HZ)] > 0.8 and track.column("sad")[int(7.5 * HZ)] > 0.4
    assert track.confidence[int(4.0 * HZ), 0] < 0.05


def test_loud_is_angry_and_quiet_is_sad():
    words = "That was a bad and awful idea"
    loud, quiet = (Track.of(20, ("arousal",), np.full((200, 1), a)) for a in (0.95, 0.05))
    assert strongest(words, loud)[0] == "angry" and strongest(words, quiet)[0] == "sad"


def test_languages():
    assert covered(said("This is the best day of my life"))[0]
    assert covered(said("I hate you"), "en-GB")[0]
    for words, language in (("Das ist der schlimmste Tag und ich hasse es", "auto"), ("I hate you", "de")):
        known, why = covered(said(words), language)
        assert not known and "de" in why
    assert "--language" in covered(said("Marimba"))[1]


def test_sentences_end_at_stops_and_pauses():
    words = [*said("One two. Three"), *said("four", 9.0)]
    assert [[w.text for w in s] for s in sentences(words)] == [["One", "two."], ["Three"], ["four"]]
    assert sentiment([], 2.0).confidence.max() == 0


def test_an_analysis_reads_the_words_and_makes_the_emotion():
    pytest.importorskip("av")
    from faceanim.core.clip import Clip
    from faceanim.core.files import PRESETS
    from faceanim.engine.analysis import analyze
    from faceanim.solve import emotion

    demo = PRESETS / "demo"
    take = analyze(Clip(demo / "speech.flac", transcript=(demo / "speech.txt").read_text(encoding="utf-8")))
    assert take.quality["words_sentiment"].startswith("VADER") and take.layers["emotion"].frames == take.frames
    wow = next(word for word in take.words if word.text.lower().startswith("wow"))
    row = int(wow.end * HZ)
    track = take.emotions["text_emotion"]
    assert track.column("happy")[row] + track.column("surprised")[row] > 0.8 and track.confidence[row, 0] > 0.3
    assert emotion.made(take, emotion.EmotionStyle()) is take
