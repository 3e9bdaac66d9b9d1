"""Phones from sound: PocketSphinx on real speech, and what is no speech."""

import csv

import made_media as media
import numpy as np
import pytest

from faceanim.core.phones import BILABIAL
from faceanim.features import speech as features
from faceanim.features.letters import pronounce, spoken

pytest.importorskip("pocketsphinx")
av = pytest.importorskip("av")

from faceanim.features.sphinx import pocketsphinx_phones  # noqa: E402
from faceanim.solve.speech import solve  # noqa: E402

KIDS = "Kids are talking by the door."


def sound(path) -> np.ndarray:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", features.RATE)
        frames = [r for f in container.decode(audio=0) for r in resampler.resample(f)] + resampler.resample(None)
        return np.concatenate([f.to_ndarray().ravel() for f in frames])


def blocks(samples, size=16000):
    return (samples[i : i + size] for i in range(0, len(samples), size))


@pytest.fixture(scope="module")
def kids(data) -> np.ndarray:
    return sound(data / "ravdess" / "Actor_01" / "03-01-01-01-01-01-01.ogg")


def test_aligned_words_and_phones(kids):
    speech = pocketsphinx_phones(blocks(kids), KIDS)
    assert speech.quality["speech"] == "aligned"
    assert [w.text for w in speech.words] == ["kids", "are", "talking", "by", "the", "door"]
    by = speech.words[3]
    closure = next(p for p in speech.phones if p.ipa == "b")
    assert by.start == pytest.approx(closure.start) == pytest.approx(1.70, abs=0.04)
    assert all(a.end <= b.start + 1e-9 for a, b in zip(speech.phones, speech.phones[1:], strict=False))
    assert all(0 <= p.confidence <= 1 for p in speech.phones)
    track = solve(speech, len(kids) / features.RATE, 60)
    assert track.column("mouthClose")[int((closure.start + 0.02) * 60)] > 0


def test_decoded_without_a_transcript(kids):
    speech = pocketsphinx_phones(blocks(kids))
    assert speech.quality["speech"] == "decoded" and not speech.words
    assert len([p for p in speech.phones if p.ipa]) > 10
    assert len(speech.loudness) == pytest.approx(len(kids) / features.RATE * speech.loudness_hz, abs=1)


def test_text_may_go_on_after_the_sound_stops(kids):
    speech = pocketsphinx_phones(blocks(kids[: int(1.69 * features.RATE)]), KIDS)
    assert [w.text for w in speech.words] == ["kids", "are", "talking"]


def test_another_text_is_refused(kids):
    speech = pocketsphinx_phones(blocks(kids), "Quarterly revenue exceeded every analyst's prior expectation.")
    assert speech.quality["speech"] == "decoded" and speech.quality["transcript_left_at_s"] == 0
    assert any(p.ipa for p in speech.phones)


def test_words_that_no_dictionary_has(kids):
    speech = pocketsphinx_phones(blocks(kids), "Kidz are talking by the door")
    assert speech.quality["words_with_guessed_pronunciation"] == ["kidz"]
    assert [w.text for w in speech.words][0] == "kidz"


@pytest.mark.parametrize("transcript", ["你好", "😀 …", "  "])
def test_text_that_cannot_be_pronounced(kids, transcript):
    speech = pocketsphinx_phones(blocks(kids), transcript)
    assert speech.quality["speech"] == "decoded"
    assert ("transcript" in speech.quality) == bool(transcript.strip())


@pytest.mark.parametrize("samples", [
    np.zeros(0, np.float32),
    np.zeros(800, np.float32),
    np.zeros(48000, np.float32),
    np.full(48000, 0.5, np.float32),
    np.full(48000, np.nan, np.float32),
    np.random.default_rng(0).normal(0, 0.05, 48000).astype(np.float32),
    np.sin(np.arange(48000) * 0.1).astype(np.float32),
])
def test_no_speech(samples):
    speech = pocketsphinx_phones(blocks(samples) if len(samples) else [])
    assert speech.quality["speech"] == "none" and not any(p.ipa for p in speech.phones)
    assert not solve(speech, 1.0, 60).values.any()


def test_long_sound_goes_through_in_pieces(kids):
    heard = []
    long = np.tile(kids, 8)
    speech = pocketsphinx_phones(blocks(long), None, lambda f, s: heard.append(f), len(long) / features.RATE)
    assert heard == sorted(heard) and heard[-1] == pytest.approx(1.0)
    last = [p for p in speech.phones if p.ipa][-1]
    assert len(long) / features.RATE - 2.5 < last.end < len(long) / features.RATE


def test_pieces_are_the_whole_and_cut_where_it_is_quiet(kids):
    long = np.tile(kids, 10)
    parts = list(features.pieces(blocks(long, 4321)))
    assert np.array_equal(np.concatenate([p.samples for p in parts]), long)
    assert sum(len(p.loudness) for p in parts) == -(-len(long) // features.HOP)
    assert all(7.9 < len(p.samples) / features.RATE <= 16 for p in parts[:-1])
    level = features.loudness(long)
    for part in parts[1:]:
        assert level[int(part.start * features.LOUDNESS_HZ)] < np.median(level)


def test_loudness_in_decibels():
    tone = 0.1 * np.sqrt(2) * np.sin(2 * np.pi * 400 * np.arange(16000) / 16000)
    assert np.allclose(features.loudness(tone.astype(np.float32) + 0.3)[2:-2], -20, atol=0.1)
    assert (features.loudness(np.zeros(1000, np.float32)) == features.FLOOR_DB).all()


def test_letters():
    assert spoken("Don't stop at 42 — Müller’s!") == ["don't", "stop", "at", "four", "two", "müller's"]
    assert pronounce("schiff") == ["SH", "IH", "F"]
    assert pronounce("wem", continental=True) == ["V", "EH", "M"]
    assert pronounce("ápple") == ["AA", "P", "L", "EH"]


def test_closures_on_real_german_speech(data):
    """Floor under what the English model reaches on hand-labelled German, so that it does not fall unseen."""
    sentences = {r["code"]: r["german"] for r in csv.DictReader((data / "emodb/sentences.tsv").open(encoding="utf-8"),
                                                                delimiter="\t")}
    rows = [r for r in csv.DictReader((data / "emodb/index.csv").open(encoding="utf-8")) if r["labels"]][::40]
    hit = total = 0
    for row in rows:
        samples = sound(data / "emodb" / row["path"])
        speech = pocketsphinx_phones(blocks(samples), sentences[row["sentence"]])
        closed = [p for p in speech.phones if p.ipa in BILABIAL]
        with (data / "emodb" / row["labels"]).open(encoding="utf-8") as file:
            for label in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                start, end = float(label["start_s"]), float(label["end_s"])
                if label["in_audio"] == "1" and label["phone"] in ("p", "b", "m"):
                    total += 1
                    hit += any(p.start < end + 0.04 and p.end > start - 0.04 for p in closed)
    assert total > 15 and hit / total > 0.6


def test_it_stands_in_where_there_is_no_network_and_is_told(monkeypatch, tmp_path, kids):
    from faceanim.core.clip import Clip
    from faceanim.engine import phones
    from faceanim.engine.analysis import analyze

    media.wav(tmp_path / "kids.wav", kids)
    monkeypatch.setattr(phones, "WEIGHTS", tmp_path / "nothing")
    # in this process even where bpy is loaded, else the network is there again
    take = analyze(Clip(tmp_path / "kids.wav", transcript=KIDS))
    assert any("PocketSphinx, which knows English" in note for note in take.quality["notes"])
    assert "pocketsphinx-en-us" in take.provenance["models"] and len(take.words) == 6
