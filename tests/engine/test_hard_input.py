"""Sound and texts that are not as they should be: what can be heard is used, nothing is lost, and a note says what is
wrong."""

from __future__ import annotations

import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")
pytest.importorskip("torch", reason="needs the engine's packages")
pytest.importorskip("phonemizer", reason="needs the engine's packages")

import made_media as media  # noqa: E402
from scipy import signal  # noqa: E402

from faceanim.cli import main  # noqa: E402
from faceanim.core.phones import BILABIAL  # noqa: E402
from faceanim.engine import phones  # noqa: E402
from faceanim.formats import takes  # noqa: E402
from faceanim.source import audio  # noqa: E402

DEMO = Path(__file__).parents[2] / "presets" / "demo"
SPEECH = DEMO / "speech.flac"
TEXT = (DEMO / "speech.txt").read_text("utf-8").strip()
RATE = 16000
pytestmark = pytest.mark.skipif(not phones.WEIGHTS.exists(), reason="needs the weights of the phone network")


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return audio.read(SPEECH, RATE)


@pytest.fixture
def take(tmp_path):
    """Analyzes a sound as a user would; the take."""

    def analyzed(sound: Path, *words: str):
        out = tmp_path / "t.faceanim"
        assert main(["analyze", "--audio", str(sound), *words, "-o", str(out), "--quiet"]) == 0
        return takes.read(out)

    return analyzed


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The demo's sentence without a text."""
    out = tmp_path_factory.mktemp("plain") / "t.faceanim"
    assert main(["analyze", "--audio", str(SPEECH), "-o", str(out), "--quiet"]) == 0
    return takes.read(out)


def notes(found) -> str:
    return "\n".join(found.quality.get("notes", []))


def opening(found) -> np.ndarray:
    lips = found.layers["lips"]
    return lips.column("jawOpen") - lips.column("mouthClose")


def closures(found) -> list[float]:
    return [(p.start + p.end) / 2 for p in found.phones if p.ipa[:1] in BILABIAL]


def kept(found, of) -> float:
    """Share of the closures of one take that are in another, within 60 ms."""
    times = np.array(closures(found))
    return float(np.mean([np.abs(times - t).min(initial=9) < 0.06 for t in closures(of)]))


def stereo(path: Path, left: np.ndarray, right: np.ndarray, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, rate, 0, "NONE", ""))
        file.writeframes((np.stack((left, right), 1).clip(-1, 1) * 32767).astype("<i2").tobytes())
    return path


# music ------------------------------------------------------------------------------------------------------------


def tone(semitone: float, seconds: float, decay: float, attack: float, vibrato: float = 0.0) -> np.ndarray:
    """A note with its overtones; semitone: MIDI's number."""
    t = np.arange(int(seconds * RATE)) / RATE
    turns = 440 * 2 ** ((semitone - 69) / 12) * (t - vibrato * np.cos(2 * np.pi * 5.5 * t) / (2 * np.pi * 5.5))
    wave = sum(np.sin(2 * np.pi * k * turns) / k**1.3 for k in range(1, 10))
    return wave * np.exp(-decay * t) * np.minimum(t / attack, 1) * np.minimum((t[-1] - t) / 0.05, 1)


def melody() -> np.ndarray:
    sound = np.zeros(11 * RATE)
    for i, note in enumerate((60, 64, 67, 72, 71, 67, 64, 62, 60, 65, 69, 72, 74, 72, 69, 65)):
        at = int(i * 0.5 * RATE)
        sound[at : at + 2 * RATE] += tone(note, 2, 3, 0.01)
    return 0.15 * sound[: 8 * RATE]


def chords() -> np.ndarray:
    bars = ((48, 55, 60, 64), (45, 52, 57, 60), (41, 48, 53, 57), (43, 50, 55, 59))
    return 0.06 * np.concatenate([sum(tone(note, 2, 0.2, 0.4) for note in bar) for bar in bars])


def drums() -> np.ndarray:
    draw, t = np.random.default_rng(0), np.arange(RATE // 5) / RATE
    kick = np.sin(2 * np.pi * (50 + 80 * np.exp(-30 * t)) * t) * np.exp(-12 * t)
    snare = draw.normal(0, 0.5, len(t)) * np.exp(-20 * t) + 0.5 * np.sin(2 * np.pi * 190 * t) * np.exp(-20 * t)
    hat = draw.normal(0, 0.3, len(t)) * np.exp(-60 * t)
    sound = np.zeros(8 * RATE)
    for i in range(32):
        at = i * RATE // 4
        sound[at : at + len(t)] += (kick, hat, snare, hat)[i % 4]
    return 0.5 * sound


def violin() -> np.ndarray:
    return 0.15 * np.concatenate([tone(n, 1, 0, 0.08, vibrato=0.012) for n in (62, 64, 66, 67, 69, 67, 66, 64)])


MUSIC = {"melody": melody, "chords": chords, "drums": drums, "violin": violin,
         "band": lambda: 0.5 * (melody() + chords() + drums())}  # fmt: skip


@pytest.mark.parametrize("kind", MUSIC)
def test_music_is_no_speech(kind, tmp_path, capsys):
    sound = media.wav(tmp_path / f"{kind}.wav", MUSIC[kind]())
    assert main(["analyze", "--audio", str(sound), "-o", str(tmp_path / "t.faceanim"), "--quiet"]) == 1
    said = capsys.readouterr().err
    assert "no speech was heard" in said and "\nhint: " in said
    assert not (tmp_path / "t.faceanim").exists()


def test_a_few_words_between_music(tmp_path, voice, take, plain):
    band = MUSIC["band"]()
    sound = media.wav(tmp_path / "film.wav", np.concatenate((band, voice[: 3 * RATE], band)))
    found = take(sound)
    assert "is it music" in notes(found)
    inside = [p for p in found.phones if 7.9 < p.start < 11.1]
    assert len(inside) > 0.9 * len(found.phones) and len(inside) >= 0.7 * sum(p.start < 3 for p in plain.phones)
    assert opening(found)[: 7 * 60].max() < 0.05


# how the sound was recorded ---------------------------------------------------------------------------------------


def test_a_telephone(tmp_path, voice, take, plain):
    band = signal.sosfilt(signal.butter(4, [300, 3400], "band", fs=RATE, output="sos"), voice)
    found = take(media.wav(tmp_path / "phone.wav", signal.resample_poly(band, 1, 2), 8000))
    assert "8000 samples a second" in notes(found)
    assert kept(found, plain) >= 0.7 and np.corrcoef(opening(found), opening(plain))[0, 1] > 0.75


def test_an_overdriven_sound(tmp_path, voice, take, plain):
    found = take(media.wav(tmp_path / "loud.wav", 4 * voice))
    assert "overdriven" in notes(found)
    assert kept(found, plain) >= 0.7 and np.corrcoef(opening(found), opening(plain))[0, 1] > 0.75


@pytest.mark.parametrize("side", ["left", "right"])
def test_stereo_with_one_empty_side(side, tmp_path, voice, take, plain):
    empty = np.zeros_like(voice)
    found = take(stereo(tmp_path / "s.wav", *((voice, empty) if side == "left" else (empty, voice))))
    assert found.quality["audio_rms_dbfs"] == pytest.approx(plain.quality["audio_rms_dbfs"], abs=0.05)
    assert [p.ipa for p in found.phones] == [p.ipa for p in plain.phones] and not notes(found)
    assert np.abs(opening(found) - opening(plain)).max() < 0.02


def test_96_khz_with_ultrasound(tmp_path, voice, take, plain):
    high = signal.resample_poly(voice, 6, 1)
    high = high + 0.2 * np.sin(2 * np.pi * 30000 * np.arange(len(high)) / 96000)
    found = take(media.wav(tmp_path / "high.wav", high, 96000))
    assert found.seconds == pytest.approx(plain.seconds, abs=0.02) and not notes(found)
    assert kept(found, plain) >= 0.9 and np.corrcoef(opening(found), opening(plain))[0, 1] > 0.95


# texts ------------------------------------------------------------------------------------------------------------

ENGLISH = "My brother buys a big map of Paris and puts it in the bag."
GERMAN = "Meine Mutter braucht morgen früh ein paar Pfund Butter und Brot."
SPANISH = "Mi padre bebe vino blanco y compra pan para la familia."


def test_three_languages_in_one_clip(tmp_path, take):
    sound = tmp_path / "three.wav"
    parts = [f"en-us|{ENGLISH}", f"de|{GERMAN}", f"es|{SPANISH}"]
    subprocess.run([sys.executable, Path(__file__).with_name("saying.py"), sound, *parts], check=True)
    found = take(sound, "--transcript", f"{ENGLISH} {GERMAN} {SPANISH}")
    assert len(found.words) == 36 and not notes(found) and found.quality["transcript_misfit"] < 0.5
    said = {word.text: "".join(p.ipa for p in found.phones if word.start <= p.start < word.end) for word in found.words}
    assert said["Pfund"].endswith("fʊnt") and said["Mutter"].startswith("mʊ") and said["vino"][0] in "bβ"
    # without the text too, closures are where they are said
    heard = take(sound)
    assert kept(heard, found) >= 0.6


OTHER_TEXTS = {
    "of another recording": "The quick brown fox jumps over the lazy dog while forty penguins watch from the window.",
    "in another language": "Hola, me llamo Pam. Dame una voz, y moveré los labios, las cejas y los ojos azules.",
    "in another script": "今天天气很好，我们去公园散步吧。妈妈买了苹果和面包。",
    "of one endless word": "a" * 100000,
}


@pytest.mark.parametrize("kind", OTHER_TEXTS)
def test_a_text_that_is_not_what_is_said(kind, take, plain):
    found = take(SPEECH, "--transcript", OTHER_TEXTS[kind])
    assert "the transcript: not used" in notes(found) and not found.words
    assert found.phones == plain.phones and np.array_equal(opening(found), opening(plain))


def test_a_language_that_was_named_wrongly(take):
    found = take(SPEECH, "--transcript", TEXT, "--language", "fr")
    assert "read as en-us, which fits the sound better than fr-fr" in notes(found)
    assert len(found.words) == len(TEXT.split())


def test_a_text_with_emoji_and_numbers(take, plain):
    text = (
        "Hi 👋, my name is Pam 😀! Give me 1 voice 🎤, and I will move my lips 💋, "
        "my brows, and my 77 big blue eyes 👀👀. Wow 🤩, what fun!! 🎉"
    )
    found = take(SPEECH, "--transcript", text)
    assert len(found.words) == 25 and "(77 is missing)" in notes(found)
    assert not {"👋", "🎤"} & {word.text for word in found.words} and "1" in {word.text for word in found.words}
    assert kept(found, plain) >= 0.8


def words_of_nothing(count: int) -> str:
    few = "the quick brown fox jumps over a lazy dog while many people watch from their big windows in paris"
    return " ".join(np.random.default_rng(0).choice(few.split(" "), count))


def test_ten_thousand_other_words(tmp_path, take, plain):
    text = tmp_path / "long.txt"
    text.write_text(words_of_nothing(10000), "utf-8")
    began = time.process_time()
    found = take(SPEECH, "--transcript", str(text))
    assert time.process_time() - began < 30
    assert "the transcript: not used" in notes(found) and found.phones == plain.phones


def test_what_is_said_is_found_among_ten_thousand_words(tmp_path, take):
    text = tmp_path / "book.txt"
    text.write_text(f"{words_of_nothing(6000)}. {TEXT} {words_of_nothing(4000)}", "utf-8")
    found = take(SPEECH, "--transcript", str(text))
    wanted = [word.strip(".,!").lower() for word in TEXT.split()]
    assert sum(word.text.lower() in wanted for word in found.words) >= 0.8 * len(wanted)
    assert "missing" in notes(found) and len(max(notes(found).splitlines(), key=len)) < 300
