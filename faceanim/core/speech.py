"""Speech as timed phones: what every phone source gives and what the lips are solved from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .take import Phone, Word

Progress = Callable[[float, str], None]
"""Called with the fraction done (0..1) and the stage; raises errors.Cancelled to stop."""


@dataclass(frozen=True)
class Speech:
    """What was said and how loudly.

    phones       in order, not overlapping; silence is "" or left out
    words        in order; empty where they are not known
    loudness     float32 (n,): level in dB of full scale (see features.speech)
    loudness_hz  values of loudness a second
    quality      "speech": "none", "decoded", "aligned" or "partly aligned", and what the source has to say
    """

    phones: tuple[Phone, ...] = ()
    words: tuple[Word, ...] = ()
    loudness: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    loudness_hz: float = 100.0
    quality: Mapping[str, Any] = field(default_factory=dict)


PhoneSource = Callable[[Iterable[np.ndarray], "str | None", Progress], Speech]
"""Sound at 16 kHz in blocks float32 (n,), the transcript or None, and a Progress, to Speech."""


def silent_progress(fraction: float, stage: str) -> None:
    """A Progress that says nothing."""
