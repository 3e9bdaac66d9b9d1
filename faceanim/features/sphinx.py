"""Phones by PocketSphinx and its English models, which lie inside its package: decoded, or aligned with a transcript.

The sound goes through in pieces cut at quiet places, each an utterance of its own, so that memory does not grow with
the length and the cepstral mean follows the recording. A transcript is aligned piece by piece by a grammar that says
the next words in order and may stop after any of them; what remains is for the next piece.
"""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..core.phones import ARPABET
from ..core.speech import Progress, Speech, silent_progress
from ..core.take import Phone, Word
from ..errors import EngineError
from .letters import pronounce, spoken
from .speech import LOUDNESS_HZ, RATE, Piece, pieces

FRAME = 0.01
"""Seconds of a PocketSphinx frame (-frate 100)."""
CENTRE = 0.0128
"""What a frame says is of the middle of its window (-wlen 0.0256), half a window after its time."""
SILENT_DB = -60.0
"""A piece that never gets louder is not given to the decoder: it would hear phones in the hum."""
SPAN_DB = 6.0
"""Nor one whose level moves less than this between its 5th and its 95th percentile: a steady noise."""
FITS, MISFITS = 28.0, 70.0
"""Mean misfit of a frame under which an alignment is taken and above which it is refused: the right text has 7 to 28 in
English and 20 to 65 in a language that the model never heard, a wrong one 20 to 75."""
BACKWARDS, BACKWARDS_FOREIGN = 0.5, 0.8
"""Between the two it has to fit so much better than the same phones backwards (right: 0.2 to 0.6 in English, 0.4 to 0.9
in another language; wrong: from 0.5)."""
FOREIGN = 0.2
"""Share of words that the English dictionary lacks above which the text is taken for another language."""
DECODED_CONFIDENCE = 0.6


def pocketsphinx_phones(
    blocks: Iterable[np.ndarray],
    transcript: str | None = None,
    progress: Progress = silent_progress,
    seconds: float | None = None,
) -> Speech:
    """The phones of a stream of sound; a PhoneSource.

    blocks      float32 (n,) at 16 kHz, -1..1
    transcript  what is said, as text; without it, and where it does not fit, phones are decoded
    seconds     length of the stream if it is known, for the progress

    Raises EngineError where PocketSphinx is not installed.
    """
    words = spoken(transcript or "")
    aligner = _Aligner(words) if words else None
    decoder = None
    phones: list[Phone] = []
    said: list[Word] = []
    levels = [np.zeros(0, np.float32)]
    aligned_s = decoded_s = heard = 0.0
    for piece in pieces(blocks):
        levels.append(piece.loudness)
        length = len(piece.samples) / RATE
        if _has_sound(piece):
            sound = _pcm(piece.samples)
            found = aligner.align(sound, piece.start + CENTRE, length) if aligner else None
            if found is not None:
                phones += found[0]
                said += found[1]
                aligned_s += length
            else:
                decoder = decoder or _allphone()
                phones += _decode(decoder, sound, piece.start + CENTRE)
                decoded_s += length
        heard = piece.start + length
        progress(min(heard / seconds, 1.0) if seconds else heard / (heard + 60.0), "phones")
    quality = _quality(phones, aligner, aligned_s, decoded_s)
    if transcript and transcript.strip() and not words:
        quality["transcript"] = "not used: its script is not known"
    return Speech(tuple(phones), tuple(said), np.concatenate(levels), LOUDNESS_HZ, quality)


def _quality(phones: list[Phone], aligner: _Aligner | None, aligned_s: float, decoded_s: float) -> dict:
    quality: dict = {"speech": "none"}
    if any(p.ipa for p in phones):
        quality["speech"] = "decoded" if not aligned_s else "partly aligned" if decoded_s else "aligned"
        quality["speech_s"] = round(sum(p.end - p.start for p in phones if p.ipa), 3)
    if aligner:
        quality["transcript_words"] = len(aligner.words)
        quality["transcript_words_aligned"] = aligner.used
        if aligner.foreign:
            quality["transcript_pronounced"] = "by its letters: it does not look English"
        elif aligner.guessed:
            quality["words_with_guessed_pronunciation"] = sorted(aligner.guessed)[:50]
        if aligner.failed_at is not None:
            quality["transcript_left_at_s"] = round(aligner.failed_at, 3)
    return quality


def _has_sound(piece: Piece) -> bool:
    level = piece.loudness
    if len(level) < 10:
        return False
    low, high = np.percentile(level, [5, 95])
    return bool(level.max() > SILENT_DB and (high - low > SPAN_DB))


def _pcm(samples: np.ndarray) -> bytes:
    """16-bit sound; a quiet recording is raised, so that its fricatives do not fall below one step of 16 bits."""
    peak = float(np.abs(samples).max())
    gain = min(0.5 / max(peak, 1e-9), 30.0) if peak < 0.5 else min(1.0, 0.99 / peak)
    return np.clip(samples * (gain * 32767), -32768, 32767).astype("<i2").tobytes()


def _sphinx():
    try:
        import pocketsphinx
    except ImportError as error:
        raise EngineError("PocketSphinx is not installed", "install faceanim's environment again") from error
    logging.getLogger("pocketsphinx").setLevel(logging.CRITICAL)
    return pocketsphinx


def _model() -> Path:
    return Path(_sphinx().get_model_path()) / "en-us"


def _allphone():
    """A decoder of phones, with the package's phone trigrams."""
    return _sphinx().Decoder(
        hmm=str(_model() / "en-us"), allphone=str(_model() / "en-us-phone.lm.bin"), lm=None, dict=None, remove_dc=True,
        lw=2.0, beam=1e-12, pbeam=1e-12, loglevel="FATAL",
    )


def _run(decoder, sound: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()


def _decode(decoder, sound: bytes, start: float) -> list[Phone]:
    _run(decoder, sound)
    return [
        Phone(start + s.start_frame * FRAME, start + (s.end_frame + 1) * FRAME, ARPABET[s.word], DECODED_CONFIDENCE)
        for s in decoder.seg() or ()
        if s.word in ARPABET
    ]


def _ascii(word: str) -> str:
    return unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()


class _Aligner:
    """Takes words from the front of a transcript as pieces of sound come."""

    def __init__(self, words: list[str]):
        self.words = words
        self.used = 0
        self.guessed: set[str] = set()
        self.failed_at: float | None = None
        self.foreign = False
        self._decoder = _sphinx().Decoder(
            hmm=str(_model() / "en-us"), dict=str(_model() / "cmudict-en-us.dict"), lm=None, bestpath=False,
            remove_dc=True, beam=1e-80, pbeam=1e-80, wbeam=1e-60, loglevel="FATAL",
        )
        lacking = sum(self._decoder.lookup_word(_ascii(w)) is None for w in words)
        self.foreign = lacking > max(1, FOREIGN * len(words))

    def align(self, sound: bytes, start: float, seconds: float) -> tuple[list[Phone], list[Word]] | None:
        """Phones and words of the next piece; None where the transcript is used up or does not fit."""
        if self.failed_at is not None or self.used >= len(self.words):
            return None
        # nobody says more than seven words a second for long
        words = self.words[self.used : self.used + int(seconds * 7) + 8]
        entries = [self._entry(w) for w in words]
        found = self._fit(entries, sound, start)
        if found is None or not self._plausible(found[0], entries, sound):
            self.failed_at = start - CENTRE
            return None
        _, phones, spans = found
        said = [Word(a, b, text) for (a, b), text in zip(spans, words, strict=False)]
        self.used += len(said)
        return phones, said

    def _plausible(self, misfit: float, entries: list[str], sound: bytes) -> bool:
        if not FITS < misfit < MISFITS:
            return misfit <= FITS
        backwards = []
        for entry in reversed(entries):
            backwards.append(f"{entry}~")
            if self._decoder.lookup_word(backwards[-1]) is None:
                phones = self._decoder.lookup_word(entry).split()
                self._decoder.add_word(backwards[-1], " ".join(reversed(phones)), True)
        other = self._fit(backwards, sound, 0.0)
        return other is None or misfit < (BACKWARDS_FOREIGN if self.foreign else BACKWARDS) * other[0]

    def _entry(self, word: str) -> str:
        """The word as the dictionary has it; one that it lacks is added by letter-to-sound rules."""
        plain = _ascii(word)
        if self.foreign or plain != word or self._decoder.lookup_word(plain) is None:
            plain += "~guessed"
            self.guessed.add(word)
            if self._decoder.lookup_word(plain) is None:
                self._decoder.add_word(plain, " ".join(pronounce(word, self.foreign)), True)
        return plain

    def _fit(self, words: list[str], sound: bytes, start: float):
        """(mean misfit of a frame, phones, spans of the words) of as many of the words as the sound holds, or None."""
        d = self._decoder
        last = len(words)
        # each word leads on, or to the end: the sound may stop anywhere in the text
        arcs = [(k, k + 1, 1.0, w) for k, w in enumerate(words)]
        arcs += [(k, last, 0.01, w) for k, w in enumerate(words[:-1])]
        try:
            d.add_fsg("transcript", d.create_fsg("transcript", 0, last, arcs))
            d.activate_search("transcript")
            _run(d, sound)
            if d.hyp() is None:
                return None
            d.set_alignment()
            _run(d, sound)
            return self._read(d.get_alignment(), start)
        except RuntimeError:
            # the search died out: the text does not fit the sound
            return None

    @staticmethod
    def _read(alignment, start: float):
        phones: list[Phone] = []
        spans: list[tuple[float, float]] = []
        misfit = frames = 0
        for word in alignment:
            for p in word:
                ipa = ARPABET.get(p.name, "")
                if ipa:
                    misfit, frames = misfit - p.score, frames + p.duration
                confidence = math.exp(p.score / max(p.duration, 1) / 60) if ipa else 1.0
                begin = start + p.start * FRAME
                phones.append(Phone(begin, begin + p.duration * FRAME, ipa, round(min(confidence, 1.0), 3)))
            if re.match(r"[^<\[(]", word.name):
                spans.append((start + word.start * FRAME, start + (word.start + word.duration) * FRAME))
        return (misfit / frames, phones, spans) if frames else None
