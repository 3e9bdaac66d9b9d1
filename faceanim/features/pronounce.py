"""Text to words with their phones in IPA, in the languages of espeak-ng, whose library and data come in a wheel.

Each clause is read as a whole, so that words influence each other as in speech (the liaisons of French, weak forms of
English), and again word by word; the two are laid along each other to know which sound is whose. A word in a script
that the language's voice cannot read is read by that script's own voice.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import EngineError, InputError
from .languages import SCRIPTS, detect, likely, reads, script_of, voice_of

LONGEST_PATH = 140
"""Bytes of the data's path: espeak-ng keeps it in 160 and ends the whole process where it does not fit."""
LONGEST_CLAUSE = 40
"""Words that are read at once."""
LONGEST_WORD = 60
"""Letters; what is longer is no word that anybody says."""
SAID_SIGNS = frozenset("%&€$£¥@+=°")
"""Signs that are read aloud."""
_UNSAID = frozenset(("So", "Sk", "Cc", "Cf", "Co", "Cs", "Cn"))
"""Categories of Unicode: emoji and pictures, control signs, joiners."""
_UNSPACED = frozenset(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"))
"""Scripts whose words are not parted by spaces."""
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？؟।])\s+|\n+")
_CLAUSE_END = frozenset(".!?;:…,。！？、，；：؟،।")


class Pronunciation(NamedTuple):
    """A text as it is spoken.

    words   (text, IPA phones) in order; the phones are empty where the word cannot be read
    voice   of espeak-ng, for most of the words
    unread  words that cannot be read, each once
    """

    words: tuple[tuple[str, tuple[str, ...]], ...]
    voice: str
    unread: tuple[str, ...]


def pronounce(text: str, language: str = "auto") -> Pronunciation:
    """The words of a text and their phones.

    language  BCP 47 tag, or "auto": by the text itself, a sentence that is clearly in another language by its own

    Numbers and signs as % are read as words; emoji and punctuation are not words. Raises InputError for a language that
    espeak-ng does not have, EngineError where espeak-ng is not installed.
    """
    auto = language.strip().lower() in ("", "auto", "und")
    voice = detect(text) if auto else voice_of(language, voices())
    if voice is None:
        raise InputError(
            f"there is no pronunciation for the language '{language}'", "give a BCP 47 tag such as en-GB, de or zh"
        )
    words: list[tuple[str, tuple[str, ...]]] = []
    for sentence in _SENTENCE_END.split(text) if auto else [text]:
        speaker = (likely(sentence, instead_of=voice) if auto else None) or voice
        for clause, reader in _runs(sentence, speaker):
            words += _clause(clause, reader)
    return Pronunciation(tuple(words), voice, tuple(dict.fromkeys(w for w, phones in words if not phones)))


def tokens(text: str) -> Iterator[tuple[str, bool]]:
    """(word, whether a clause ends after it) of a text: what has a letter or a digit, or is a sign that is read."""
    text = unicodedata.normalize("NFC", text).replace("’", "'").replace("＇", "'")
    text = "".join(" " if unicodedata.category(c) in _UNSAID and c != "°" else c for c in text)
    for chunk in re.split(r"[\s_/\\|<>*#~^]+|[-–—]{2,}|[–—]|\.{2,}", text):
        for part in _by_script(chunk):
            bare = part.strip("".join(_CLAUSE_END) + "\"'`´“”„«»‹›‘()[]{}【】「」『』-·¿¡")
            word = bare[:LONGEST_WORD]
            if any(c.isalnum() for c in word) or (word and set(word) <= SAID_SIGNS):
                yield word, part[-1] in _CLAUSE_END or part[-1] in ')]"”»'


def _by_script(chunk: str) -> Iterator[str]:
    """The chunk cut where writing without spaces begins or ends, Han letter by letter."""
    start, last = 0, ""
    for i, c in enumerate(chunk):
        script = script_of(c) if c.isalpha() else last
        # the Japanese long-vowel sign and combining marks belong to what they follow
        if not c.isalpha() or unicodedata.category(c) == "Lm":
            continue
        if last and script != last and (script in _UNSPACED or last in _UNSPACED) or last == script == "CJK":
            yield chunk[start:i]
            start = i
        last = script
    if start < len(chunk):
        yield chunk[start:]


def _runs(text: str, voice: str) -> Iterator[tuple[list[str], str]]:
    """Clauses of words that one voice reads, with the voice."""
    run: list[str] = []
    speaker = voice
    for word, ends in tokens(text):
        script = script_of(word)
        own = voice if reads(voice, script) or not any(c.isalpha() for c in word) else SCRIPTS.get(script, "en-us")
        if run and (own != speaker or len(run) >= LONGEST_CLAUSE):
            yield run, speaker
            run = []
        run.append(word)
        speaker = own
        if ends:
            yield run, speaker
            run = []
    if run:
        yield run, speaker


def _clause(words: list[str], voice: str) -> list[tuple[str, tuple[str, ...]]]:
    alone = [_word(word, voice) for word in words]
    together = [p for token in _read(" ".join(words), voice) for p in token]
    flat = [p for phones in alone for p in phones]
    if not flat or any(not phones for phones in alone):
        return list(zip(words, alone, strict=True))
    owner = [k for k, phones in enumerate(alone) for _ in phones]
    shared: list[list[str]] = [[] for _ in words]
    for kind, a, b, c, d in SequenceMatcher(None, flat, together, autojunk=False).get_opcodes():
        for j in range(c, d):
            # a liaison is of the word that ends in it
            place = max(a - 1, 0) if kind == "insert" else a + (j - c) * (b - a) // (d - c)
            shared[owner[place]].append(together[j])
    return [(word, tuple(said) or own) for word, said, own in zip(words, shared, alone, strict=True)]


@lru_cache(maxsize=20000)
def _word(word: str, voice: str) -> tuple[str, ...]:
    """The phones of a word alone; none where the voice does not know its letters (Japanese cannot read Han)."""
    script = script_of(word)
    letters = any(c.isalpha() for c in word)
    if letters and (not reads(voice, script) or (voice == "ja" and script == "CJK")):
        return ()
    return tuple(p for token in _read(word, voice) for p in token)


def _read(text: str, voice: str) -> list[list[str]]:
    """espeak-ng's words of phones."""
    engine = _espeak()
    if engine.voice is None or getattr(engine, "_faceanim_voice", None) != voice:
        engine.set_voice(voice)
        engine._faceanim_voice = voice
    return [_phones(token, voice in _TONAL) for token in engine.text_to_phonemes(text).split()]


_FLAG = re.compile(r"\([\w-]+\)")
"""Where espeak-ng changes to the rules of another language."""
_SIGNS = re.compile(r"[ˈˌ'0-9\-\"|̪]+")
_FINER = str.maketrans("", "", "\u0308\u031e\u031d\u1d5d")
"""Marks of centralised, lowered, raised and compressed vowels."""
_RETROFLEX = {"s.": "ʂ", "z.": "ʐ", "ts.": "t͡ʂ", "dz.": "d͡ʐ", "t.": "ʈ", "d.": "ɖ", "n.": "ɳ", "l.": "ɭ"}
_JOINED = re.compile(r"^(t|d)(s|z|ʃ|ʒ|ɕ|ʑ|ʂ|ʐ)$|^(p)(f)$")
_VOWELS = "aeiouyæøœɐɑɒɔəɘɛɜɞɪɨɯɵʉʊʌʏᵻɤ"
_LAST = re.compile(f"^([{_VOWELS}]+[ːˑ]?)([lnmɹrŋ])$")
_TONAL = frozenset(("cmn", "yue", "hak", "vi", "th", "my", "shn"))
_TONE = re.compile(f"(?<=[{_VOWELS}ː])ɜ")
"""espeak-ng's name of the rising tone."""


def _phones(token: str, tonal: bool = False) -> list[str]:
    """Phones of a word as espeak-ng writes it, between low lines, in the signs of core.phones: ˈtʃ becomes t͡ʃ."""
    found: list[str] = []
    for raw in _FLAG.sub("", token).split("_"):
        plain = unicodedata.normalize("NFD", _SIGNS.sub("", raw)).translate(_FINER)
        sign = unicodedata.normalize("NFC", plain)
        breath = "ʰ" if len(sign) > 1 and sign[-1] in "hʰ" else ""
        sign = sign[:-1] if breath else sign
        sign = _RETROFLEX.get(sign, sign.replace(".", ""))
        sign = _TONE.sub("", sign) if tonal else sign
        sign = _JOINED.sub(lambda m: "͡".join(g for g in m.groups() if g), sign)
        vowel = _LAST.match(sign.replace("nɡ", "ŋ").replace("ng", "ŋ"))
        found += [*vowel.groups()] if vowel else [sign + breath] if sign else []
    return found


@lru_cache(maxsize=1)
def voices() -> frozenset[str]:
    """The names of espeak-ng's voices."""
    return frozenset(v.language for v in _espeak().available_voices() if not v.identifier.startswith("mb"))


@lru_cache(maxsize=1)
def _espeak():
    """espeak-ng, loaded once."""
    try:
        import espeakng_loader
        from phonemizer.backend.espeak.wrapper import EspeakWrapper
    except ImportError as error:
        raise EngineError(f"espeak-ng is not installed: {error}", "install faceanim's environment again") from error
    try:
        EspeakWrapper.set_library(espeakng_loader.get_library_path())
        EspeakWrapper.set_data_path(str(_safe(Path(espeakng_loader.get_data_path()))))
        return EspeakWrapper()
    except (RuntimeError, OSError) as error:
        raise EngineError(f"espeak-ng does not start: {error}", "install faceanim's environment again") from error


def _safe(data: Path) -> Path:
    """The folder of espeak-ng's data, or a copy of it at a place that its C code can open."""
    data = data.resolve()
    if _opens(data):
        return data
    for root in (tempfile.gettempdir(), os.environ.get("PROGRAMDATA"), os.environ.get("PUBLIC")):
        if root and _opens(Path(root).resolve() / "espeak-12345678" / data.name):
            try:
                folder = Path(tempfile.mkdtemp(prefix="espeak-", dir=root)).resolve()
                atexit.register(shutil.rmtree, folder, ignore_errors=True)
                return Path(shutil.copytree(data, folder / data.name))
            except OSError:
                continue
    raise EngineError(
        f"espeak-ng cannot open its data in {data}: the path is too long",
        "install the engine in a folder with a shorter name",
    )


def _opens(path: Path) -> bool:
    # on Windows it opens files by the system's code page
    return len(str(path).encode()) <= LONGEST_PATH and (sys.platform != "win32" or str(path).isascii())
