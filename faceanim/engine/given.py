"""Phones and words that a file gives with their times, as PhoneSources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.clip import Clip
from ..core.speech import PhoneSource, Progress, Speech, silent_progress
from ..core.timed import Timed
from ..features.speech import HOP, LOUDNESS_HZ, RATE, loudness
from ..formats import timed as formats

Source = tuple[PhoneSource, dict[str, Any]]
"""A PhoneSource that takes `seconds` too, and the models it hears with."""


def given_source(clip: Clip, otherwise: Callable[[Clip], Source]) -> Source:
    """The Source of a Clip with a file of what is said when.

    Where the file has phones, they are taken. Where it has words alone, `otherwise` gives the Source that finds the
    phones, of the Clip with their text as its transcript; the words' own times are kept, but for those of subtitles,
    which are the rough times of a line, where the words were found in the sound. Raises FormatError.
    """
    timed = formats.read(clip.timing).cut(clip.start, clip.end)
    if timed.phones:
        return given_phones(timed), {}
    text = clip.transcript or timed.text
    source, model = otherwise(replace(clip, transcript=text, timing=None))

    def with_words(blocks, transcript=None, progress=silent_progress, seconds=None) -> Speech:
        heard = source(blocks, text, progress, seconds)
        if timed.rough and heard.words:
            return heard
        return replace(heard, words=timed.words, quality={**heard.quality, "words_from": timed.source})

    return with_words, model


def given_phones(timed: Timed) -> PhoneSource:
    """The phones of `timed`, counted from the sound's first sample, up to its end; of the sound, only the loudness is
    measured."""

    def phones(
        blocks: Iterable[np.ndarray],
        transcript: str | None = None,
        progress: Progress = silent_progress,
        seconds: float | None = None,
    ) -> Speech:
        levels, held, heard = [np.zeros(0, np.float32)], np.zeros(0, np.float32), 0
        for block in blocks:
            held = np.concatenate((held, np.nan_to_num(np.asarray(block, np.float32).ravel(), posinf=0.0, neginf=0.0)))
            whole = len(held) // HOP * HOP
            levels.append(loudness(held[:whole]))
            held, heard = held[whole:], heard + whole
            progress(min(heard / RATE / seconds, 1.0) if seconds else 0.5, "loudness")
        levels.append(loudness(held))
        end = (heard + len(held)) / RATE
        cut = timed.cut(0.0, end)
        quality = {
            "speech": "given" if cut.phones else "none",
            "speech_s": round(sum(p.end - p.start for p in cut.phones), 3),
            "phones_from": timed.source,
        }
        if timed.phones and timed.phones[-1].end > end + 0.5:
            quality["given_after_the_end_s"] = round(timed.phones[-1].end - end, 3)
        return Speech(cut.phones, cut.words, np.concatenate(levels), LOUDNESS_HZ, quality)

    return phones
