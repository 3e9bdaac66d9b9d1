"""A transcript laid along real speech by the phone network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")
pytest.importorskip("torch", reason="needs the engine's packages")
pytest.importorskip("phonemizer", reason="needs the engine's packages")

from faceanim.core.take import Phone  # noqa: E402
from faceanim.engine import phones  # noqa: E402
from faceanim.engine.aligned import aligned_source  # noqa: E402
from faceanim.source import audio  # noqa: E402

DEMO = Path(__file__).parents[2] / "presets" / "demo"
TEXT = (DEMO / "speech.txt").read_text("utf-8").strip()


@pytest.fixture(scope="module")
def model():
    if not phones.WEIGHTS.exists():
        pytest.skip("needs the weights of the phone network")
    return phones.model()


def hear(model, text, language="auto", **span):
    return aligned_source(model, language)(audio.stream(DEMO / "speech.flac", 16000, **span), text)


def test_every_word_of_the_right_text_is_found(model):
    speech = hear(model, TEXT)
    assert len(speech.words) == len(TEXT.split()) and speech.quality["speech"] == "aligned"
    assert speech.quality["transcript_fit"] > 0.9 and speech.quality["disagreements"] == []
    assert all(isinstance(p, Phone) and p.start < p.end for p in speech.phones)
    assert all(a.end <= b.start + 1e-9 for a, b in zip(speech.phones, speech.phones[1:], strict=False))


def test_a_missing_and_an_added_word_are_told_with_their_time(model):
    words = TEXT.split()
    spans = hear(model, TEXT).words
    longest = max(range(1, len(words) - 1), key=lambda k: len(words[k]))
    without = hear(model, " ".join(words[:longest] + words[longest + 1 :])).quality["disagreements"]
    added = [d for d in without if d["kind"] == "added"]
    assert any(d["time"] < spans[longest].end and d["end"] > spans[longest].start for d in added)
    more = hear(model, " ".join([*words[:longest], "umbrella", *words[longest:]])).quality["disagreements"]
    (missing,) = (d for d in more if d["kind"] == "missing")
    assert "umbrella" in missing["word"] and abs(missing["time"] - spans[longest].start) < 0.3


def test_a_text_of_something_else_is_not_used(model):
    speech = hear(model, "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, und niemand weiß warum.")
    assert not speech.words and speech.phones and speech.quality["speech"] == "decoded"
    assert "does not fit" in speech.quality["transcript"]


@pytest.mark.parametrize("text", ["😀 …", "", None])
def test_without_words_the_phones_are_heard(model, text):
    speech = hear(model, text)
    assert speech.phones and not speech.words and speech.quality["speech"] == "decoded"


def test_a_text_that_is_far_too_long(model):
    speech = hear(
        model, " ".join(["Nobody says any of these many other words."] * 600 + [TEXT] + ["Nor of those."] * 1000)
    )
    assert len(speech.words) >= 0.8 * len(TEXT.split())


def test_silence_says_nothing(model):
    speech = aligned_source(model)(iter([np.zeros(16000, np.float32)]), TEXT)
    assert not speech.words and not speech.phones
    assert aligned_source(model)(iter([]), TEXT).phones == ()
