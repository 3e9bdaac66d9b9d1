"""The words of a transcript laid along the sound by the phone network, as a PhoneSource."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..core.speech import PhoneSource, Progress, Speech, silent_progress
from ..features import phones, pronounce
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
        progress(1.0, "aligning the text")
        return _speech(decoded, found, said)

    return source


def _speech(decoded: Speech, found: Alignment, said: pronounce.Pronunciation) -> Speech:
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
    if found.fit < FITS or found.misfit > MISFITS:
        quality["transcript"] = "not used: it does not fit the sound"
        return Speech(decoded.phones, (), decoded.loudness, decoded.loudness_hz, quality)
    added = any(entry["kind"] == "added" for entry in found.disagreements)
    quality["speech"] = "partly aligned" if added else "aligned"
    quality["disagreements"] = list(found.disagreements[:MENTIONED])
    return Speech(found.phones, found.words, decoded.loudness, decoded.loudness_hz, quality)
