"""Forced alignment on posteriors whose truth is known."""

from __future__ import annotations

import time

import numpy as np
import pytest

from faceanim.features.phone_classes import INDEX, NAMES, RELEASE, SOUNDS
from faceanim.features.phone_classes import classes as classes_of
from faceanim.solve.align import Classes, align

CLASSES = Classes(
    classes_of,
    [s.ipa for s in SOUNDS],
    (INDEX["sil"], INDEX["breath"]),
    {INDEX[a]: INDEX[b] for a, b in RELEASE.items()},
    frozenset((INDEX["glottal"], *(INDEX[b] for b in RELEASE.values()))),
    [s.shortest for s in SOUNDS],
)
TEXT = [
    ("the", ["ð", "ə"]), ("boat", ["b", "oʊ", "t"]), ("passed", ["p", "æ", "s", "t"]), ("my", ["m", "aɪ"]),
    ("village", ["v", "ɪ", "l", "ɪ", "d͡ʒ"]), ("before", ["b", "ɪ", "f", "ɔː", "ɹ"]), 
    ("sunset", ["s", "ʌ", "n", "s", "ɛ", "t"]),
]  # fmt: skip


def spoken(words, rng, noise=1.0, pause=0.3):
    """Posteriors (T, C) of somebody who says the words, and their true spans in seconds and the phones' starts."""
    labels, spans, starts = [INDEX["sil"]] * 20, [], []
    for _, phones in words:
        begin = len(labels)
        for ipa in phones:
            starts.append(len(labels) / 100)
            for index, _ in classes_of(ipa):
                labels += [index] * int(rng.integers(4, 12))
                if index in CLASSES.release and rng.random() < 0.7:
                    labels += [CLASSES.release[index]] * 2
        spans.append((begin / 100, len(labels) / 100))
        if rng.random() < pause:
            labels += [INDEX["sil"]] * int(rng.integers(10, 40))
    labels += [INDEX["sil"]] * 20
    logits = rng.normal(0, noise, (len(labels), len(NAMES))).astype(np.float32)
    logits[np.arange(len(labels)), labels] += 5
    return logits - np.log(np.exp(logits).sum(1, keepdims=True)), np.array(spans), np.array(starts)


def texts(found):
    return [w.text for w in found.words]


def lexicon(count, rng, consonants="ptkmnsfl", vowels="iɛaɔu"):
    """Words of three to seven phones."""
    return [
        (f"w{i}", [str(rng.choice(list(consonants if k % 2 else vowels))) for k in range(int(rng.integers(3, 8)))])
        for i in range(count)
    ]


def test_words_and_phones_lie_where_they_were_said():
    log, spans, starts = spoken(TEXT, np.random.default_rng(1))
    found = align(log, CLASSES, TEXT)
    assert texts(found) == [t for t, _ in TEXT]
    assert np.abs(np.array([w[:2] for w in found.words]) - spans).max() <= 0.03
    assert [p.ipa for p in found.phones if p.ipa != "h"] == [ipa for _, phones in TEXT for ipa in phones]
    begins = np.array([p.start for p in found.phones if p.ipa != "h"])
    assert np.median(np.abs(begins - starts)) <= 0.01
    assert not found.disagreements and found.fit == 1.0
    assert all(a.end <= b.start + 1e-9 for a, b in zip(found.phones, found.phones[1:], strict=False))


@pytest.mark.parametrize("left_out", range(len(TEXT)))
def test_a_word_of_the_text_that_was_not_said_is_told(left_out):
    said = TEXT[:left_out] + TEXT[left_out + 1 :]
    log, spans, _ = spoken(said, np.random.default_rng(left_out))
    found = align(log, CLASSES, TEXT)
    assert texts(found) == [t for t, _ in said]
    (entry,) = found.disagreements
    assert (entry["kind"], entry["word"]) == ("missing", TEXT[left_out][0])
    before = spans[left_out - 1][1] if left_out else 0.0
    after = spans[left_out][0] if left_out < len(said) else len(log) / 100
    assert before - 0.05 <= entry["time"] <= after + 0.05


@pytest.mark.parametrize("place", range(len(TEXT) + 1))
def test_a_word_that_is_not_in_the_text_is_heard(place):
    said = [*TEXT[:place], ("along", ["ɔ", "l", "u", "ŋ"]), *TEXT[place:]]
    log, spans, _ = spoken(said, np.random.default_rng(place))
    found = align(log, CLASSES, TEXT)
    assert texts(found) == [t for t, _ in TEXT]
    (entry,) = found.disagreements
    assert entry["kind"] == "added" and entry["word"] == "/ɔluŋ/"
    assert abs(entry["time"] - spans[place][0]) < 0.06 and abs(entry["end"] - spans[place][1]) < 0.06
    assert any(p.ipa == "u" and spans[place][0] < p.start < spans[place][1] for p in found.phones)


def test_another_word_than_the_text_has():
    said = [*TEXT[:3], ("her", ["h", "ɝ", "k", "u", "n"]), *TEXT[4:]]
    found = align(spoken(said, np.random.default_rng(3))[0], CLASSES, TEXT)
    assert [(d["kind"], d["word"][:2]) for d in found.disagreements] in (
        [("missing", "my"), ("added", "/h")],
        [("added", "/h"), ("missing", "my")],
    )


def test_a_sound_that_is_cut_inside_words():
    log, spans, _ = spoken(TEXT, np.random.default_rng(11))
    start, end = int(spans[1][0] * 100) + 9, int(spans[4][1] * 100) - 12
    found = align(log[start:end], CLASSES, TEXT)
    assert texts(found) == ["boat", "passed", "my", "village"]
    assert [(d["kind"], d["word"]) for d in found.disagreements] == [("missing", "the"), ("missing", "before sunset")]
    assert found.words[0].start == 0.0 and found.words[-1].end == pytest.approx((end - start) / 100)


def test_the_text_of_another_recording_fits_badly():
    rng = np.random.default_rng(5)
    other = lexicon(40, rng)
    log, _, _ = spoken(TEXT * 4, rng)
    wrong, right = align(log, CLASSES, other), align(log, CLASSES, TEXT * 4)
    assert wrong.misfit > 2 > 0.5 > right.misfit
    assert right.fit > 0.97


@pytest.mark.parametrize("words", [[], [("…", [])], [("?", ["ˈ"])]])
def test_a_text_without_a_sound_leaves_what_is_heard(words):
    found = align(spoken(TEXT, np.random.default_rng(6))[0], CLASSES, words)
    assert not found.words and len(found.phones) > 15 and found.fit == 0.0


def test_silence_and_nothing():
    assert align(np.zeros((0, len(NAMES))), CLASSES, TEXT).phones == ()
    log = np.full((300, len(NAMES)), -9.0)
    log[:, INDEX["sil"]] = -0.01
    found = align(log, CLASSES, TEXT)
    assert not found.words and not found.phones
    assert [d["kind"] for d in found.disagreements] == ["missing"] and found.disagreements[0]["words"] == len(TEXT)


def test_ten_thousand_words_for_a_short_clip():
    rng = np.random.default_rng(7)
    text = lexicon(10_000, rng, "ptkmnsflʃjh", "iɛaɔuæoey")
    log, spans, _ = spoken(text[5000:5030], rng)
    found = align(log, CLASSES, text)
    assert texts(found) == [t for t, _ in text[5000:5030]]
    assert np.abs(np.array([w[:2] for w in found.words]) - spans).max() <= 0.12
    assert sum(d.get("words", 0) for d in found.disagreements) == 9970
    assert len(found.disagreements) <= 2 and all(len(d["word"]) < 230 for d in found.disagreements)


def test_a_long_text_is_searched_in_a_band():
    rng = np.random.default_rng(8)
    text = lexicon(2000, rng)
    # two hundred words are not said, fifty others are
    said = [*text[:600], *lexicon(50, rng, "ʃhwŋç", "yøæə"), *text[800:]]
    log, spans, _ = spoken(said, rng, noise=1.5)
    began = time.perf_counter()
    found = align(log, CLASSES, text)
    assert len(log) / 100 / (time.perf_counter() - began) > 20
    assert len(found.words) > 1790
    names = {w.text: w for w in found.words}
    true = {t: s for (t, _), s in zip([*text[:600], *text[800:]], [*spans[:600], *spans[650:]], strict=True)}
    errors = np.array([abs(names[t].start - s[0]) for t, s in true.items() if t in names])
    assert np.quantile(errors, 0.95) < 0.05
    assert 195 <= sum(d.get("words", 0) for d in found.disagreements) <= 210
