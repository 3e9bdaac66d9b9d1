"""How something is said: pitch, and the speech-emotion network of models/speech_emotion, of sound that flows by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..core.emotion import LABELS
from ..core.files import MODELS
from ..core.track import Track
from ..errors import FormatError
from ..features import affect, mel, prosody
from ..features.speech_emotion import DIMENSIONS, HZ, STRIDE, Predictor, features, settled
from ..formats import safetensors
from .provenance import network as network_of

WEIGHTS = MODELS / "speech_emotion" / "weights.safetensors"
PIECE, CONTEXT = 4000, 400
"""Frames of 10 ms that the network hears at a time, and beyond them on both sides."""


RAISED = 100.0
"""What the sound is multiplied by before its bands, so that those of a soft voice do not lie on their floor (100 dB
below full scale); it is taken off again."""


class Ear:
    """Hears the sound on its way to another; keeps only what it made of it.

    predict: the network, or None where there is none: what pitch and loudness say then stands in for it.
    """

    def __init__(self, predict: Predictor | None = None) -> None:
        self._predict = predict
        self._bands, self._tracker = mel.Frames(), prosody.Tracker()
        self._mel = np.zeros((0, mel.BANDS), np.float32)
        self._pitch: list[np.ndarray] = []
        self._held = np.zeros((0, 2), np.float32)
        self._before = 0
        self._heard: list[np.ndarray] = []

    def through(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks (n,) at 16 kHz."""
        for block in blocks:
            bands = self._bands.push(np.asarray(block) * RAISED, 100) if self._predict else self._mel[:0]
            self._add(self._tracker.push(block), bands)
            yield block

    def _add(self, pitch: np.ndarray, bands: np.ndarray) -> None:
        self._pitch.append(pitch)
        if self._predict is None:
            return
        self._held, self._mel = np.concatenate((self._held, pitch)), np.concatenate((self._mel, bands - _RAISED_BY))
        while min(len(self._mel), len(self._held)) >= self._before + PIECE + CONTEXT:
            self._hear(PIECE, self._before + PIECE + CONTEXT)
            drop = self._before + PIECE - CONTEXT
            self._held, self._mel, self._before = self._held[drop:], self._mel[drop:], CONTEXT

    def _hear(self, count: int, until: int) -> None:
        """What the network says of `count` frames after those that it heard before."""
        first, last = self._before // STRIDE, -(-(self._before + count) // STRIDE)
        said = self._predict(features(self._mel[:until], self._held[:until]))
        self._heard.append(said[first:last])

    def tracks(self, loudness: np.ndarray) -> tuple[dict[str, Track], dict[str, Track]]:
        """At the end of the sound: emotions and signals as a Take has them. loudness (n,): see features.speech.

        "speech_emotion": LABELS, in rows of 1 in all, or of zeros with confidence 0 where nobody speaks. "affect":
        "intensity", "arousal", "speech" 0..1 and "valence" -1..1. "pitch": "f0" in Hz, 0 where there is none, and
        "voiced" 0..1.
        """
        self._add(self._tracker.finish(), self._bands.finish() if self._predict else self._mel[:0])
        pitch = np.concatenate(self._pitch)
        if self._predict is None:
            said = _by_rule(pitch[:, 0], loudness)
        else:
            rest = min(len(self._mel), len(self._held)) - self._before
            if rest > 0:
                self._hear(rest, self._before + rest)
            said = np.concatenate([np.zeros((0, len(LABELS) + len(DIMENSIONS)), np.float32), *self._heard])
        said, speech = settled(said)
        labels = len(LABELS)
        emotions = {"speech_emotion": Track.of(HZ, LABELS, said[:, :labels], speech)}
        signals = {
            "pitch": Track.of(prosody.FRAME_HZ, ("f0", "voiced"), pitch),
            "affect": Track.of(HZ, DIMENSIONS, said[:, labels:], speech),
        }
        return emotions, signals


_RAISED_BY = np.float32(2 * np.log(RAISED))


def _by_rule(f0: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """Rows as the network gives them, of what pitch and loudness say."""
    n = min(len(f0), len(loudness))
    arousal, speech = affect.arousal(f0[:n], loudness[:n])
    probabilities = affect.probabilities(arousal)
    valence = probabilities @ np.array([affect.AFFECT[label][1] for label in LABELS], np.float32)
    half = 0.5 + 0.5 * arousal
    return np.concatenate((probabilities, np.stack((half, half, valence, speech), 1)), 1)


def ear_for(device: str = "cpu") -> tuple[Ear, dict[str, Any]]:
    """An Ear, and the model that it hears with: none where the weights or torch are not there."""
    if not (WEIGHTS.exists() and find_spec("torch")):
        return Ear(), {}
    return Ear(network(device=device)), network_of(WEIGHTS)


def network(path: str | Path = WEIGHTS, device: str = "cpu") -> Predictor:
    """Reads the weights. Raises FormatError where they are not there or are not this network's."""
    from ..nets import speech_emotion as nets

    arrays, metadata = safetensors.read(path, "speech-emotion network")
    hint = "install faceanim again, or train it: python -m faceanim.train.speech_emotion"
    if metadata.get("labels", "").split() != list(LABELS):
        raise FormatError(f"{path} was trained for other emotions", hint)
    try:
        return nets.predictor(arrays, device)
    except (KeyError, RuntimeError) as error:
        raise FormatError(f"{path} does not hold this speech-emotion network: {error}", hint) from error
