"""What the speech-emotion network sees of the sound: bands, pitch and energy, none of it with the recording's level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .mel import FRAME_HZ

STRIDE = 4
"""Frames of the sound in a step of the network."""
HZ = FRAME_HZ / STRIDE
DIMENSIONS = ("intensity", "arousal", "valence", "speech")
"""0..1, but valence -1..1."""
Predictor = Callable[[np.ndarray], np.ndarray]
"""features float32 (n, BANDS + EXTRAS) to float32 (ceil(n / STRIDE), labels + DIMENSIONS): probabilities of the
emotions, in rows of 1 in all, and the dimensions."""
EXTRAS = 4
"""Voicing; pitch in octaves from MIDDLE_HZ and from the recording's own; energy."""
MIDDLE_HZ = 170.0
LOUDER = 0.95
"""Quantile of the frames' energy that is the recording's level."""
QUIETEST = -19.0
"""The level (ln of power) that counts as full where all is quieter, so that faint noise is not raised to a voice."""
PRESENT_S = 0.3
"""A pause shorter than twice this is still speech."""
RANGE = 12.0
"""Nepers of power below the level at which a band is silent: 52 dB."""


def features(mel: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """float32 (..., n, BANDS + EXTRAS) of log-mel (..., n, BANDS) and pitch in Hz with voicing (..., n, 2)."""
    energy = np.log(np.exp(mel).sum(-1))
    level = np.maximum(np.quantile(energy, LOUDER, axis=-1)[..., None], QUIETEST)
    f0, voicing = pitch[..., 0], pitch[..., 1]
    voiced = f0 > 0
    octaves = np.where(voiced, np.log2(np.maximum(f0, 1) / MIDDLE_HZ), 0)
    own = octaves.sum(-1, keepdims=True) / np.maximum(voiced.sum(-1, keepdims=True), 1)
    out = np.empty((*mel.shape[:-1], mel.shape[-1] + EXTRAS), np.float32)
    # in place: training asks for much
    bands = out[..., :-EXTRAS]
    np.subtract(mel, level[..., None], out=bands)
    np.maximum(bands, -RANGE, out=bands)
    bands *= 0.25
    bands += 1.5
    extras = (voicing, octaves, np.where(voiced, octaves - own, 0), np.maximum(energy - level, -RANGE) / 4 + 1.5)
    out[..., -EXTRAS:] = np.stack(extras, -1)
    return out


def settled(said: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a Predictor says, without a word on the emotion where nobody speaks: all of that row 0; and float32 (m,)
    how sure it is that somebody does, 0 in those rows. Pauses between words are bridged."""
    speech = said[:, -1]
    half = int(PRESENT_S * HZ)
    padded = np.pad(speech, (half, half + 1))
    sure = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1).max(1)[: len(speech)]
    there = sure >= 0.5
    out = np.where(there[:, None], said, 0).astype(np.float32)
    out[:, -1] = speech
    return out, np.where(there, sure, 0).astype(np.float32)


def spoken(mel: np.ndarray) -> np.ndarray:
    """bool (..., n): where a clean recording of one voice, log-mel (..., n, BANDS), is not silent."""
    energy = np.log(np.exp(mel.astype(np.float32)).sum(-1))
    loud = energy > np.quantile(energy, LOUDER, axis=-1, keepdims=True) - 6.5
    around = np.cumsum(np.pad(loud, [(0, 0)] * (loud.ndim - 1) + [(9, 8)]), -1)
    return around[..., 17:] > around[..., :-17]
