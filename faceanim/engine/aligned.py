"""The words of a transcript laid along the sound by the phone network, as a PhoneSource."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..core.speech import PhoneSource, Progress, Speech, silent_progress
from ..features import languages, phones, pronounce
from ..features.mel import FRAME_HZ
from ..features.phone_classes import INDEX, RELEASE, SOUNDS, classes
from ..solve.align import Alignment, Classes, align

CLASSES = Classes(
    of=classes,
    ipa=tuple(s.ipa for s in SOUNDS),
    silence=(INDEX["sil"], INDEX["breath"]),
    release={INDEX[closure]: INDEX[release] for closure, release in RELEASE.items()},
    optional=frozenset((INDEX["glottal"], *(INDEX[release] for release in RELEASE.values()))),
    shortest=tuple(s.shortest for s in SOUNDS),
)
"""The network's sounds as align wants them."""
FITS, MISFITS = 0.5, 1.45
"""Share of the speech that has to lie in words of the text, and what the text may cost, or it is that of something
else. On short emotional clips of speakers that the network never heard, the right text costs less than 1.45 in 95 of
100 and a wrong one more in 95 of 100."""
PICKED = 1.1
"""Of a long text of something else, enough words sound like what is said, here and there. What it takes to say which
(ln of the words left out at each gap), for each word found: the right text takes 0.2 at most, all ten sentences of a
corpus where one is said 1.1, a thousand or ten thousand other words 2 and more."""
MENTIONED = 200
"""Disagreements that are told."""
_NOTHING = np.zeros((0, len(SOUNDS)), np.float16)


def aligned_source(model: phones.Model, language: str = "auto") -> PhoneSource:
    """The PhoneSource of a transcript in a language (BCP 47, or "auto": by the text). It takes `seconds` too.

    Where there is no transcript, or where it does not fit, the phones are those that the network hears. Posteriors are
    kept in half precision, 80 bytes a frame of 10 ms: 29 MB an hour. Raises InputError for a language that espeak-ng
    does not have.
    """

    def source(
        blocks: Iterable[np.ndarray],
        transcript: str | None = None,
        progress: Progress = silent_progress,
        seconds: float | None = None,
    ) -> Speech:
        said = pronounce.pronounce(transcript, language) if transcript and transcript.strip() else None
        if said is None or not any(parts for _, parts in said.words):
            speech = phones.phone_source(model)(blocks, None, progress, seconds)
            if said is not None:
                speech.quality["transcript"] = "not used: it has no words that can be read"
            return speech
        kept: list[tuple[np.ndarray, np.ndarray]] = []

        def keep(log: np.ndarray, voice: np.ndarray) -> None:
            kept.append((log.astype(np.float16), voice.astype(np.float16)))

        def most(fraction: float, stage: str) -> None:
            progress(0.8 * fraction, stage)

        decoded = phones.phone_source(model, keep=keep)(blocks, None, most, seconds)
        progress(0.8, "aligning the text")
        log, voice = (np.concatenate(part) for part in zip(*kept, strict=True)) if kept else (_NOTHING, _NOTHING[:, 0])
        found = align(log, CLASSES, said.words, FRAME_HZ, voice)
        instead = _as_it_looks(transcript, said)
        if instead is not None:
            other = align(log, CLASSES, instead.words, FRAME_HZ, voice)
            if other.misfit < found.misfit:
                found, said, instead = other, instead, said
        progress(1.0, "aligning the text")
        return _speech(decoded, found, said, instead)

    return source


def _as_it_looks(transcript: str, said: pronounce.Pronunciation) -> pronounce.Pronunciation | None:
    """A text that clearly is of another language than it was read in, read as that."""
    voice = languages.likely(transcript, instead_of=said.voice)
    if voice is None or languages.same_language(voice, said.voice):
        return None
    return pronounce.pronounce(transcript, voice)


def _unlike(found: Alignment) -> str | None:
    """Why a text is not that of the sound; None where it is."""
    if found.misfit > MISFITS or not found.words:
        return "it does not fit the sound"
    first, last = found.words[0].start, found.words[-1].end
    gaps = [d["words"] for d in found.disagreements if d["kind"] == "missing" and first < d["time"] < last]
    if sum(math.log1p(words) for words in gaps) > PICKED * len(found.words):
        return "it does not fit the sound, only single words of it do"
    if found.fit < FITS:
        return f"it does not fit the sound, only {found.fit:.0%} of what is said is in it"
    return None


def _speech(
    decoded: Speech, found: Alignment, said: pronounce.Pronunciation, instead: pronounce.Pronunciation | None
) -> Speech:
    quality = dict(decoded.quality)
    quality |= {
        "transcript_words": len(said.words),
        "transcript_words_aligned": len(found.words),
        "transcript_fit": found.fit,
        "transcript_misfit": found.misfit,
        "transcript_language": said.voice,
    }
    if said.unread:
        quality["words_that_cannot_be_read"] = list(said.unread[:50])
    if not decoded.phones:
        return Speech((), (), decoded.loudness, decoded.loudness_hz, quality)
    if unlike := _unlike(found):
        quality["transcript"] = f"not used: {unlike}"
        return Speech(decoded.phones, (), decoded.loudness, decoded.loudness_hz, quality)
    if instead is not None:
        quality["transcript_read_as"] = f"read as {said.voice}, which fits the sound better than {instead.voice}"
    added = any(entry["kind"] == "added" for entry in found.disagreements)
    quality["speech"] = "partly aligned" if added else "aligned"
    quality["disagreements"] = list(found.disagreements[:MENTIONED])
    return Speech(found.phones, found.words, decoded.loudness, decoded.loudness_hz, quality)
