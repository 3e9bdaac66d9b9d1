"""What hears the phones of a clip: our network, a file that gives them, or PocketSphinx where there is no network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from ..core.clip import Clip
from ..core.speech import PhoneSource, Progress, Speech, silent_progress
from .given import Source, given_source
from .provenance import speech_model


def phone_source(clip: Clip, device: str) -> Source:
    """The Source of a Clip: a PhoneSource that takes `seconds` too, and the models it hears with.

    Our network knows the sounds of any language, and places a transcript's words where espeak-ng, which says how they
    sound, is installed; where it is not, the network hears better without the text than PocketSphinx with it
    (models/phones/card.md). PocketSphinx, which knows English, stands in only where there is no network.
    """
    from . import phones
    from .aligned import aligned_source

    if clip.timing:
        return given_source(clip, lambda clip: phone_source(clip, device))
    if missing := missing_network():
        from ..features import sphinx

        return _told(sphinx.pocketsphinx_phones, stand_in=missing), speech_model()
    if not clip.transcript:
        return phones.phone_network(device=device), phones.phone_model()
    if find_spec("phonemizer") and find_spec("espeakng_loader"):
        return aligned_source(phones.model(device=device), clip.language), phones.phone_model()
    without = "not used: espeak-ng, which says how words sound, is not installed"
    return _told(phones.phone_network(device=device), transcript=without), phones.phone_model()


def missing_network() -> str:
    """Why our network cannot hear, in words; "" where it can."""
    from . import phones

    if not phones.WEIGHTS.exists():
        return "the phone network is left out here"
    return "" if find_spec("torch") else "torch, which runs the phone network, is not installed"


def _told(source: PhoneSource, **quality: str) -> PhoneSource:
    """The source, with something more in its Speech's quality."""

    def heard(
        blocks: Iterable[np.ndarray],
        transcript: str | None = None,
        progress: Progress = silent_progress,
        seconds: float | None = None,
    ) -> Speech:
        speech = source(blocks, transcript, progress, seconds)
        return replace(speech, quality={**speech.quality, **quality})

    return heard
