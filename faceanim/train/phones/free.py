"""Freely licensed speech of packages.py: every recording with its text, and the times of its phones by a network."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.phones import BILABIAL, base
from ...core.take import Phone
from ...engine.aligned import CLASSES
from ...errors import MediaError
from ...features import phones
from ...features.mel import FRAME_HZ, RATE, log_mel
from ...features.pronounce import pronounce
from ...solve.align import align
from ...source import audio
from .labels import Utterance, utterance

SHORTEST, LONGEST = 0.4, 40.0
"""Seconds of a recording."""
PROMPTS = (
    ("en", "asterisk-core-sounds-en-g722", "en-us"), ("es", "asterisk-core-sounds-es-g722", "es-419"),
    ("fr", "asterisk-core-sounds-fr-g722", "fr-fr"), ("it", "asterisk-core-sounds-it-g722", "it"),
    ("ru", "asterisk-core-sounds-ru-g722", "ru"), ("it", "asterisk-prompt-it-menardi-wav", "it"),
)  # fmt: skip
"""(language of the list of texts, package, espeak-ng's voice). The list is of the first; others say much the same."""
HELD_PROMPTS = (("fr", "asterisk-prompt-fr-armelle", "fr-fr"), ("es", "asterisk-prompt-es-co", "es-419"))
"""Two voices that no training hears, over the telephone's GSM codec."""
GAMES = (("cs", "fillets-ng-data-cs"), ("nl", "fillets-ng-data-nl"))
STAMPS = {"": "en-us", "be": "be", "bg": "bg", "ca": "ca", "da": "da", "el": "el", "es": "es", "fr": "fr-fr",
          "lt": "lt", "nl": "nl", "ro": "ro", "ru": "ru"}  # fmt: skip
"""Tux Paint's language to espeak-ng's voice."""
_RUSSIAN = {"pau": "", "aa": "a", "a": "ɐ", "ay": "ə", "ae": "ɪ", "i": "ɪ", "y": "ɨ", "yy": "ɨ", "e": "ɛ", "ee": "ɛ",
            "u": "ʊ", "uu": "u", "ur": "ʊ", "oo": "o", "c": "t͡s", "ch": "t͡ɕ", "sh": "ʂ", "sch": "ɕ", "zh": "ʐ",
            "zz": "z", "h": "x", "hh": "x"}  # fmt: skip
"""Its names of phones that are not IPA; what else is doubled is palatal, or a vowel under stress."""
MISFIT, FIT = 1.3, 0.85
"""A recording that its text fits less is said otherwise (see solve.align)."""


class Recording(NamedTuple):
    """name: CORPUS+LANGUAGE+FILE; voice: of espeak-ng, that reads the text."""

    name: str
    path: Path
    text: str
    voice: str


def prompts(folder: Path, lists=PROMPTS) -> Iterator[Recording]:
    """Asterisk's: a list of `file: text`, where what is in brackets is a noise."""
    for language, package, voice in lists:
        listed = f"asterisk-core-sounds-{language}"
        path = folder / listed / "usr/share/doc" / listed / f"core-sounds-{language}.txt.gz"
        texts = dict(re.findall(r"^([\w/\-]+): *([^\[(<\n]+)$", gzip.decompress(path.read_bytes()).decode(), re.M))
        for root in sorted((folder / package / "usr/share/asterisk/sounds").iterdir()):
            for sound in sorted(p for p in root.rglob("*") if p.suffix in (".g722", ".wav", ".gsm")):
                key = sound.relative_to(root).with_suffix("").as_posix()
                if text := texts.get(key):
                    yield Recording(f"{package}+{voice}+{key}", sound, text, voice)


def games(folder: Path) -> Iterator[Recording]:
    """Fish Fillets: the dialogues of two quarrelling fish, acted; a file of ids and texts by level and language."""
    for language, package in GAMES:
        texts: dict[str, str] = {}
        for script in sorted((folder / "fillets-ng-data").rglob(f"dialogs_{language}.lua")):
            content = script.read_text(encoding="utf-8")
            texts |= re.findall(r'dialogId\("([^"]+)".*?\)\s*dialogStr\("((?:[^"\\]|\\.)*)"', content, re.S)
        for sound in sorted((folder / package).rglob("*.ogg")):
            if text := texts.get(sound.stem):
                yield Recording(f"fillets+{language}+{sound.stem}", sound, text.replace("\\", ""), language)


def stamps(folder: Path) -> Iterator[Recording]:
    """Tux Paint: what a stamp shows, `X.txt` in many languages and `X_desc_LANGUAGE.ogg`; each text once."""
    seen = set()
    for sound in sorted((folder / "tuxpaint-stamps-default").rglob("*_desc*.ogg")):
        stem, _, language = sound.stem.partition("_desc")
        lines = sound.with_name(f"{stem}.txt")
        voice = STAMPS.get(language.lstrip("_"))
        if voice is None or not lines.exists():
            continue
        first, *rest = lines.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        texts = dict(line.split(".utf8=", 1) for line in rest if ".utf8=" in line)
        text = texts.get(language.lstrip("_"), "" if language else first)
        if text and (voice, text) not in seen:
            seen.add((voice, text))
            yield Recording(f"stamps+{voice}+{stem}", sound, text, voice)


def russian(folder: Path) -> Iterator[Utterance]:
    """A Festival voice, which brings the times of its phones: lines of `end s, colour, phone`."""
    root = folder / "festvox-ru/usr/share/festival/voices/russian/msu_ru_nsh_clunits"
    for label in sorted((root / "lab").glob("*.lab")):
        times, start = [], 0.0
        for end, name in re.findall(r"^\s*([\d.]+) \d+ (\w+)", label.read_text(encoding="utf-8"), re.M):
            times.append((start, float(end), _RUSSIAN.get(name, name[:1])))
            start = float(end)
        yield utterance(f"festvox+ru+{label.stem}", log_mel(audio.read(root / "wav" / f"{label.stem}.wav")), times)


CORPORA = {"prompts": prompts, "games": games, "stamps": stamps,
           "prompts_test": lambda folder: prompts(folder, HELD_PROMPTS)}  # fmt: skip
"""What has texts, and times by a network alone."""


def aligned(recordings: Iterator[Recording], model: phones.Model) -> Iterator[Utterance]:
    """Those that say their text, with its phones where `model` finds them."""
    for recording in recordings:
        heard = _sound(recording.path)
        said = _said(recording.text, recording.voice)
        if heard is None or not any(parts for _, parts in said):
            continue
        parts = list(phones.posteriors([heard], model.predict))
        log, voice = (np.concatenate(part) for part in zip(*parts, strict=True))
        found = align(log, CLASSES, said, FRAME_HZ, voice)
        missing = any(entry["kind"] == "missing" for entry in found.disagreements)
        if found.phones and not missing and found.misfit < MISFIT and found.fit > FIT:
            times = [(p.start, p.end, p.ipa) for p in _whole(found.phones)]
            yield utterance(recording.name, log_mel(heard), times)


@cache
def _said(text: str, voice: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return pronounce(text, voice).words


def _sound(path: Path) -> np.ndarray | None:
    """None where it cannot be read, or is too short, too long or almost silent."""
    try:
        sound = audio.read(path)
    except MediaError:
        return None
    if not SHORTEST <= len(sound) / RATE <= LONGEST or np.abs(sound).max() < 1e-3:
        return None
    return sound


def _whole(found: tuple[Phone, ...]) -> Iterator[Phone]:
    """The phones with a plosive's breath put back to it: labels.part_plosives finds where it begins."""
    last = None
    for phone in found:
        if last and phone.ipa == "h" and base(last.ipa)[:1] in BILABIAL and abs(phone.start - last.end) < 1e-6:
            last = last._replace(end=phone.end)
            continue
        if last:
            yield last
        last = phone
    if last:
        yield last
