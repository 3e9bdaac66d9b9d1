"""Text to phones by espeak-ng."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("phonemizer", reason="needs the engine's packages")
espeakng_loader = pytest.importorskip("espeakng_loader", reason="needs the engine's packages")

from faceanim.errors import InputError  # noqa: E402
from faceanim.features import pronounce as speaking  # noqa: E402
from faceanim.features.languages import detect  # noqa: E402
from faceanim.features.phone_classes import NAMES, classes  # noqa: E402
from faceanim.features.pronounce import pronounce, voices  # noqa: E402

# language: a sentence
SENTENCES = {
    "en-US": "My boat passed the village before sunset.",
    "en-GB": "My boat passed the village before sunset.",
    "de": "Der Lappen liegt auf dem Eisschrank.",
    "fr": "Vous avez une belle maison près de la mer.",
    "es": "El perro pequeño bebe agua por la mañana.",
    "it": "La mia famiglia abita vicino alla spiaggia.",
    "pt-BR": "Minha família mora perto da praia.",
    "nl": "Mijn boot voer voor zonsondergang voorbij het dorp.",
    "sv": "Min båt passerade byn före solnedgången.",
    "da": "Min båd passerede byen før solnedgang.",
    "nb": "Båten min passerte bygda før solnedgang.",
    "pl": "Moja łódź minęła wieś przed zachodem słońca.",
    "cs": "Moje loď minula vesnici před západem slunce.",
    "hu": "A hajóm naplemente előtt elhagyta a falut.",
    "ro": "Barca mea a trecut de sat înainte de apus.",
    "fi": "Veneeni ohitti kylän ennen auringonlaskua.",
    "tr": "Teknem gün batımından önce köyü geçti.",
    "el": "Το καράβι μου πέρασε το χωριό.",
    "ru": "Моя лодка прошла мимо деревни до заката.",
    "uk": "Мій човен минув село до заходу сонця.",
    "ar": "مر قاربي بالقرية قبل الغروب",
    "fa": "قایق من پیش از غروب از روستا گذشت",
    "hi": "मेरी नाव सूर्यास्त से पहले गाँव से गुज़री।",
    "zh": "我的船在日落前经过了村庄。",
    "ja": "わたしのふねはむらをとおりました。",
    "ko": "내 배는 해가 지기 전에 마을을 지났다.",
    "vi": "Thuyền của tôi đi qua làng trước khi mặt trời lặn.",
    "id": "Perahu saya melewati desa sebelum matahari terbenam.",
    "sw": "Mashua yangu ilipita kijiji kabla ya jua kuzama.",
}


def names(phones):
    return [NAMES[index] for ipa in phones for index, _ in classes(ipa)]


@pytest.mark.parametrize("language", SENTENCES)
def test_every_phone_of_a_language_is_known_to_the_network(language):
    found = pronounce(SENTENCES[language], language)
    assert found.words and not found.unread
    unknown = {p for _, phones in found.words for p in phones if not classes(p)}
    assert not unknown
    longest = max(len(classes(p)) for _, phones in found.words for p in phones)
    assert longest <= 3, "two sounds were taken for one"


def test_words_keep_their_own_phones():
    found = dict(pronounce("My boat passed in the village, before 25 % of it.", "en").words)
    assert found["My"] == ("m", "aɪ") and found["boat"] == ("b", "oʊ", "t")
    assert found["in"] == ("ɪ", "n") and found["the"] == ("ð", "ə")  # espeak-ng reads them as one word
    assert "".join(found["25"]).startswith("twɛnti") and "".join(found["%"]) == "pɚsɛnt"


def test_a_liaison_belongs_to_the_word_before():
    found = pronounce("vous avez les amis", "fr").words
    assert found[0][1][-1] == "z" and found[1][1][0] == "a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5", "θɹiːpɔɪntfaɪv"), ("21st", "twɛntifɜːst"), ("don’t", "doʊnt"), ("café", "kæfeɪ"), ("and/or", "ændɔːɹ"),
        ("😀 go 🚀🚀", "ɡoʊ"), ("«go»", "ɡoʊ"), ("— go —", "ɡoʊ"), ("go\u200dgo", "ɡoʊɡoʊ"), ("e\u0301tude", "ɪtuːd"),
    ],
)  # fmt: skip
def test_numbers_signs_and_pictures(text, expected):
    assert "".join(p for _, phones in pronounce(text, "en-us").words for p in phones) == expected


@pytest.mark.parametrize("text", ["", "   ", "😀😀", "…—!?", "\x00\x01", "\u202e", "[]{}<>|\\/"])
def test_what_is_no_text_has_no_words(text):
    assert pronounce(text).words == ()


def test_scripts_are_read_by_their_own_voices():
    found = dict(pronounce("Hello Москва and 北京 and Αθήνα", "en").words)
    assert names(found["Москва"])[0] == "m" and names(found["Αθήνα"])[:2] == ["a", "th"]
    assert names(found["北"])[0] == "pcl"
    # espeak-ng cannot read Han in Japanese, and says so instead of reading "Chinese letter"
    assert pronounce("世界のカメラ", "ja").unread == ("世", "界")


def test_marks_of_tone_are_no_phones():
    phones = [p for _, word in pronounce("中国人 吃饭", "zh").words for p in word]
    assert not any(c.isdigit() or c == "ɜ" for p in phones for c in p)
    assert "t͡ʂ" in phones and "ŋ" in phones and "t͡ʂʰ" in phones and "f" in phones


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("The boat", "en-us"), ("Sunset", "en-us"), ("", "en-us"), ("1984", "en-us"),
        ("Der Lappen liegt auf dem Eisschrank", "de"), ("C'est la vie que vous avez", "fr-fr"),
        ("el perro está en la casa", "es"), ("lo que non è una cosa", "it"), ("não é uma coisa", "pt"),
        ("het is een dorp", "nl"), ("jag är inte där och det är bra", "sv"), ("nie wiem, co się dzieje", "pl"),
        ("это мир", "ru"), ("це мій човен", "uk"), ("مرحبا", "ar"), ("پنجره", "fa"), ("日本の船", "ja"),
        ("我的船", "cmn"), ("안녕", "ko"), ("नमस्ते", "hi"), ("Καλημέρα", "el"), ("שלום", "he"),
        ("The café is in Москва and it is nice", "en-us"),
    ],
)  # fmt: skip
def test_the_language_is_guessed(text, voice):
    assert detect(text) == voice


@pytest.mark.parametrize(
    ("tag", "voice"),
    [("en", "en-us"), ("EN_gb", "en-gb"), ("de-AT", "de"), ("zh-Hant-TW", "cmn"), ("zh-HK", "yue"), ("pt-PT", "pt"),
     ("es-MX", "es-419"), ("fr-CA", "fr-fr"), ("no", "nb"), ("sr-Latn", "sr")],
)  # fmt: skip
def test_tags_of_languages(tag, voice):
    assert pronounce("a", tag).voice == voice


def test_an_unknown_language_is_told():
    with pytest.raises(InputError, match="xx-Nope"):
        pronounce("hello", "xx-Nope")


def test_twenty_languages_and_more():
    assert len(voices()) > 100


def test_ten_thousand_words():
    text = " ".join(f"{SENTENCES['en-US']} number {i}" for i in range(1112))
    began = time.perf_counter()
    found = pronounce(text)
    assert len(found.words) >= 10_000 and not found.unread
    assert time.perf_counter() - began < 30


def test_a_word_without_end_does_no_harm():
    assert len(pronounce("a" * 100_000 + " boat").words) == 2


def test_data_in_a_deep_folder(tmp_path: Path):
    """espeak-ng ends the process where its data's path is long; a copy of the data is used then."""
    deep = tmp_path.joinpath(*("d" * 50,) * 4)
    shutil.copytree(Path(espeakng_loader.__file__).parent, deep / "espeakng_loader")
    assert not speaking._opens(deep / "espeakng_loader")
    code = "from faceanim.features.pronounce import pronounce; print(pronounce('boat', 'en').words)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(deep)!r}); {code}"],
        capture_output=True, text=True, encoding="utf-8", cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert "'boat'" in done.stdout, done.stderr
