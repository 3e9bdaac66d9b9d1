"""Phones while somebody speaks: every frame is given with at most LOOK_AHEAD of the sound after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..core.take import Phone
from .mel import BANDS, FRAME_HZ, HOP, LEAD, RATE, Frames
from .phone_classes import SOUNDS
from .phones import CONTEXT, LEVEL, LOUDER, QUIETEST, REMEMBERED, TUNED, Collector, Model, Tuning, costs, gains
from .viterbi import Viterbi

LOOK_AHEAD = 0.1
"""Seconds of sound after the end of a frame that it may depend on."""
STEP = 2
"""Frames that the network gives at once."""


class Frame(NamedTuple):
    """10 ms of speech.

    time       seconds of its middle since the first sample
    sound      index into phone_classes.SOUNDS: what the decoder takes it for, knowing what is heard so far
    ipa        the same as IPA; "" in silence and breath
    posterior  float32 (sounds,): ln of the chance of each sound
    voice      chance of voice, 0..1
    """

    time: float
    sound: int
    ipa: str
    posterior: np.ndarray
    voice: float


class LivePhones:
    """Sound at 16 kHz goes in, in blocks of any length; frames come out, none left out, each as soon as it is known.

    What is given does not depend on how the sound is cut into blocks, nor on anything later than `look_ahead` seconds
    (0.03 to 0.5) after a frame's end.
    """

    def __init__(self, model: Model, look_ahead: float = LOOK_AHEAD, tuning: Tuning = TUNED):
        future = int((look_ahead * RATE - LEAD) / HOP + 1e-6)
        if not 2 <= future <= 50:
            raise ValueError(f"look_ahead is {look_ahead} s, it must be in 0.03 to 0.5")
        # the first frame of a step sees all of it, the last one STEP - 1 less
        self._ahead = future - STEP + 1
        self._model, self._tuning = model, tuning
        self._mel = Frames()
        self._held, self._first, self._next = np.zeros((0, BANDS), np.float32), 0, 0
        self._energy: deque = deque(maxlen=REMEMBERED)
        self._viterbi = Viterbi(*costs(model, tuning))

    def push(self, block: np.ndarray) -> list[Frame]:
        """The frames that are known with this block, float (n,) in -1..1."""
        return self._take(self._mel.push(block), self._ahead)

    def finish(self) -> list[Frame]:
        """The frames that are left where the sound ends."""
        return self._take(self._mel.finish(), 0)

    def _take(self, mel: np.ndarray, ahead: int) -> list[Frame]:
        self._held = np.concatenate((self._held, mel))
        frames: list[Frame] = []
        while (end := self._first + len(self._held)) - self._next >= (STEP + ahead if ahead else 1):
            count = min(STEP, end - self._next)
            frames += self._step(count, min(self._next + STEP + self._ahead, end))
        return frames

    def _step(self, count: int, end: int) -> list[Frame]:
        """The next `count` frames from what is before frame `end`."""
        begin = max(self._next - CONTEXT, 0)
        mel = self._held[begin - self._first : end - self._first]
        seen = len(self._energy) and self._energy[-1][0] + 1
        power = np.log(np.exp(mel[max(seen - begin, 0) :]).sum(1))
        self._energy.extend(zip(range(max(seen, begin), end), power, strict=True))
        level = max(float(np.quantile([e for _, e in self._energy], LOUDER)), QUIETEST)
        log, voice = (part[self._next - begin :] for part in self._model.predict(mel - level + LEVEL))
        score = log - self._tuning.prior * self._model.prior + gains(self._tuning)
        sounds = self._viterbi.ahead(score)[:count]
        self._viterbi.push(score[:count])
        frames = []
        for i, sound in enumerate(sounds):
            ipa = SOUNDS[sound].ipa[int(voice[i] > 0.5)]
            time = (self._next + i + 0.5) / FRAME_HZ
            frames.append(Frame(time, int(sound), ipa, log[i], float(voice[i])))
        self._next += count
        drop = max(self._next - CONTEXT - self._first, 0)
        self._held, self._first = self._held[drop:], self._first + drop
        return frames


def joined(frames: Iterable[Frame]) -> list[Phone]:
    """Frames from the first on as phones with their times."""
    collector, found = Collector(), list(frames)
    if found:
        collector.hear(np.stack([f.posterior for f in found]), np.array([f.voice for f in found], np.float32))
        collector.settle(np.array([f.sound for f in found]))
    return collector.finish()
