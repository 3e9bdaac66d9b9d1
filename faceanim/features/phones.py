"""Phones of any language by the phone network: log-mel, posteriors, the likeliest sequence, all in a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..core.speech import PhoneSource, Progress, Speech, silent_progress
from ..core.take import Phone
from .mel import FRAME_HZ, stream
from .phone_classes import INDEX, NAMES, RELEASE, SOUNDS
from .speech import HOP, LOUDNESS_HZ, loudness
from .viterbi import Viterbi

LEVEL = -3.0
"""ln of the power that the louder frames of speech are brought to before the network hears them."""
LOUDER = 0.95
"""Share of the frames that are softer than those."""
QUIETEST = -14.0
"""What is softer than this (-60 dB of full scale) is not raised further: it is no speech."""
REMEMBERED = 1000
"""Frames before a part over which its level is taken."""
PART, CONTEXT = 400, 80
"""Frames that the network gives at once, and those it may look at on either side."""
ASPIRATION = 0.03
"""Seconds of breath after a closure of the lips that are a sound of their own, with the mouth open."""

Predictor = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""log-mel float32 (n, bands) to (log posteriors float32 (n, sounds), chance of voice float32 (n,))."""


class Model(NamedTuple):
    """What decoding needs.

    predict   a Predictor of the sounds of phone_classes
    prior     float (sounds,): ln of how often each is met in training
    bigram    float (sounds, sounds): ln of how often one is followed by another
    """

    predict: Predictor
    prior: np.ndarray
    bigram: np.ndarray


class Tuning(NamedTuple):
    """How posteriors become a sequence; found on a speaker that neither training nor test hears.

    prior     share of the prior that is taken off the posteriors
    bigram    weight of what usually follows what
    change    what each change of sound costs (ln)
    closure   what closed lips gain a frame (ln)
    """

    prior: float = 0.0
    bigram: float = 1.0
    change: float = -4.5
    closure: float = 0.8


TUNED = Tuning()


def phone_source(
    model: Model, tuning: Tuning = TUNED, keep: Callable[[np.ndarray, np.ndarray], None] | None = None
) -> PhoneSource:
    """The PhoneSource of a network. It takes the keyword `seconds`, the length if it is known, for the progress.

    A transcript is not used; the Speech has no words. keep: is given the posteriors part by part (see `posteriors`).
    """

    def network_phones(
        blocks: Iterable[np.ndarray],
        transcript: str | None = None,
        progress: Progress = silent_progress,
        seconds: float | None = None,
    ) -> Speech:
        levels: list[np.ndarray] = []
        collect = Collector()
        viterbi = Viterbi(*costs(model, tuning))
        gain = gains(tuning)
        heard = 0
        for log, voice in posteriors(_measured(blocks, levels), model.predict):
            if keep:
                keep(log, voice)
            collect.hear(log, voice)
            collect.settle(viterbi.push(log - tuning.prior * model.prior + gain))
            heard += len(log)
            at = heard / FRAME_HZ
            progress(min(at / seconds, 1.0) if seconds else at / (at + 60.0), "phones")
        collect.settle(viterbi.finish())
        phones = collect.finish()
        quality: dict = {"speech": "decoded" if phones else "none"}
        if phones:
            quality["speech_s"] = round(sum(p.end - p.start for p in phones), 3)
        if transcript and transcript.strip():
            quality["transcript"] = "not used: the phones are heard"
        return Speech(tuple(phones), (), np.concatenate([np.zeros(0, np.float32), *levels]), LOUDNESS_HZ, quality)

    return network_phones


def posteriors(blocks: Iterable[np.ndarray], predict: Predictor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Log posteriors (n, sounds) and voice (n,) of sound in blocks, part by part; frames at FRAME_HZ, none left out."""
    held, before, past = None, 0, deque(maxlen=REMEMBERED)
    for mel in stream(blocks):
        held = mel if held is None else np.concatenate((held, mel))
        while len(held) - before >= PART + CONTEXT:
            yield _part(held[: before + PART + CONTEXT], before, PART, past, predict)
            drop = before + PART - min(before + PART, CONTEXT)
            held, before = held[drop:], before + PART - drop
    if held is not None and len(held) > before:
        yield _part(held, before, len(held) - before, past, predict)


def _part(mel: np.ndarray, before: int, count: int, past: deque, predict: Predictor) -> tuple[np.ndarray, np.ndarray]:
    energy = np.log(np.exp(mel).sum(1))
    level = max(float(np.quantile(np.r_[np.array(past, np.float32), energy[before:]], LOUDER)), QUIETEST)
    past.extend(energy[before : before + count])
    log, voice = predict(mel - level + LEVEL)
    return log[before : before + count], voice[before : before + count]


def _measured(blocks: Iterable[np.ndarray], levels: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The blocks as they are; their loudness is added to `levels`."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate((held, np.nan_to_num(np.asarray(block, np.float32).ravel(), posinf=0.0, neginf=0.0)))
        whole = len(held) // HOP * HOP
        levels.append(loudness(held[:whole]))
        held = held[whole:]
        yield block
    levels.append(loudness(held))


def costs(model: Model, tuning: Tuning) -> tuple[np.ndarray, np.ndarray]:
    """What Viterbi takes: the costs of changes float (sounds, sounds), and the shortest durations int (sounds,)."""
    return tuning.bigram * model.bigram + tuning.change, np.array([s.shortest for s in SOUNDS])


def gains(tuning: Tuning) -> np.ndarray:
    """float (sounds,): what is added to each sound's posterior (ln)."""
    gain = np.zeros(len(SOUNDS))
    gain[[INDEX["pcl"], INDEX["m"]]] = tuning.closure
    return gain


class Collector:
    """Settled frames to phones; keeps no more than the frames that are not settled and the phone that still lasts."""

    def __init__(self):
        self.phones: list[Phone] = []
        self._log = np.zeros((0, len(SOUNDS)), np.float32)
        self._voice = np.zeros(0, np.float32)
        self._runs: list[_Run] = []
        self._frame = 0

    def hear(self, log: np.ndarray, voice: np.ndarray) -> None:
        self._log, self._voice = np.concatenate((self._log, log)), np.concatenate((self._voice, voice))

    def settle(self, sounds: np.ndarray) -> None:
        n = len(sounds)
        edges = np.flatnonzero(np.diff(sounds)) + 1
        for a, b in zip(np.r_[0, edges], np.r_[edges, n], strict=True) if n else ():
            chance = float(np.exp(self._log[a:b, sounds[a]]).sum())
            voice = float(self._voice[a:b].sum())
            run = _Run(int(sounds[a]), self._frame + int(a), self._frame + int(b), chance, voice)
            if self._runs and self._runs[-1].sound == run.sound and self._runs[-1].end == run.start:
                run = self._runs.pop().joined(run)
            self._runs.append(run)
        self._log, self._voice = self._log[n:], self._voice[n:]
        self._frame += n
        # the last two may still grow: a closure waits for its release
        self._name(max(len(self._runs) - 2, 0))

    def finish(self) -> list[Phone]:
        self._name(len(self._runs))
        return self.phones

    def _name(self, count: int) -> None:
        done, self._runs = self._runs[:count], self._runs[count:]
        for run in done:
            name, last = NAMES[run.sound], self.phones[-1] if self.phones else None
            start, end = run.start / FRAME_HZ, run.end / FRAME_HZ
            length = run.end - run.start
            ipa = SOUNDS[run.sound].ipa[run.voice > 0.5 * length]
            closure = name in RELEASE.values() and last is not None and last.ipa in SOUNDS[run.sound].ipa
            if not ipa:
                continue
            if closure and abs(last.end - start) < 1e-6:
                if name == "prel" and end - start >= ASPIRATION:
                    self.phones.append(Phone(start, end, "h", round(min(run.chance / length, 1.0), 3)))
                else:
                    self.phones[-1] = last._replace(end=end)
            else:
                self.phones.append(Phone(start, end, ipa, round(min(run.chance / length, 1.0), 3)))


class _Run(NamedTuple):
    """Frames start to end of one sound; chance and voice are sums over them."""

    sound: int
    start: int
    end: int
    chance: float
    voice: float

    def joined(self, other: _Run) -> _Run:
        return _Run(self.sound, self.start, other.end, self.chance + other.chance, self.voice + other.voice)
