"""How something is said: pitch of the sound that flows to the phone source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..core.track import Track
from ..features import prosody


class Ear:
    """Hears the sound on its way to another; keeps only what it made of it."""

    def __init__(self) -> None:
        self._tracker = prosody.Tracker()
        self._pitch: list[np.ndarray] = []

    def through(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks (n,) at 16 kHz."""
        for block in blocks:
            self._pitch.append(self._tracker.push(block))
            yield block

    def signals(self) -> dict[str, Track]:
        """At the end of the sound: "pitch", channels "f0" in Hz, 0 where there is none, and "voiced" 0..1."""
        self._pitch.append(self._tracker.finish())
        return {"pitch": Track.of(prosody.FRAME_HZ, ("f0", "voiced"), np.concatenate(self._pitch))}
