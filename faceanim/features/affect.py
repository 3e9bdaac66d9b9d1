"""How aroused a voice is by its loudness and pitch, and what that alone says of its emotion."""

from __future__ import annotations

import numpy as np

from ..core.emotion import LABELS

AFFECT: dict[str, tuple[float, float]] = {
    "neutral": (-0.2, 0.0), "calm": (-0.5, 0.3), "happy": (0.5, 0.8), "sad": (-0.4, -0.6), "angry": (0.7, -0.6),
    "fearful": (0.6, -0.6), "disgust": (0.3, -0.6), "surprised": (0.6, 0.2),
}  # fmt: skip
"""Arousal and valence -1..1 of an emotion of middling intensity, after the circumplex of Russell 1980."""
FRAME_HZ = 100.0
"""Of pitch and loudness."""
HZ = 25.0
"""Of what is said of them."""
HALF_WINDOW_S = 1.0
QUIET_DB = 25.0
"""Below the loud parts of a recording by more than this nobody speaks."""
_PRIOR = {"neutral": 0.34, "happy": 0.14, "calm": 0.12, "sad": 0.12, "angry": 0.1, "surprised": 0.07, "fearful": 0.06,
          "disgust": 0.05}  # fmt: skip
_SPREAD = 0.4
_HIGH_HZ = 260.0
"""Mean pitch above which any voice is raised."""


def arousal(f0: np.ndarray, loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Arousal -1..1 and speech 0..1, float32 (m,) each at HZ, of pitch (n,) in Hz and level (n,) in dB at FRAME_HZ.

    Loud, high and wide-ranging for the recording, or high for anyone, is aroused; after Scherer 2003, whose measures
    these are. The weights are rough. A rule for where the network is not.
    """
    voiced = f0 > 0
    octaves = np.log2(np.maximum(f0, 1))
    loud = float(np.quantile(loudness, 0.95)) if len(loudness) else 0.0
    speech = voiced & (loudness > loud - QUIET_DB)
    if not speech.any():
        empty = np.zeros(-(-len(f0) // int(FRAME_HZ / HZ)), np.float32)
        return empty, empty.copy()
    own, usual = np.median(octaves[speech]), np.median(loudness[speech])
    count = _windowed(speech)
    share = np.maximum(count, 1e-3)
    height = _windowed(speech * (octaves - own)) / share
    spread = np.sqrt(np.maximum(_windowed(speech * (octaves - own) ** 2) / share - height**2, 0))
    level = _windowed(speech * (loudness - usual)) / share
    raised = np.maximum(height + own - np.log2(_HIGH_HZ), 0)
    value = np.tanh(0.9 * height + 0.06 * level + 2.0 * (spread - 0.2) + 1.5 * raised - 0.1)
    there = np.clip(count / 0.15, 0, 1)
    return np.where(there > 0, value, 0).astype(np.float32), there.astype(np.float32)


def probabilities(arousal: np.ndarray) -> np.ndarray:
    """float32 (m, labels), each row 1 in all: what arousal (m,) alone says; much of it stays neutral."""
    at = np.array([AFFECT[label][0] for label in LABELS])
    weight = np.array([_PRIOR[label] for label in LABELS]) * np.exp(-0.5 * ((arousal[:, None] - at) / _SPREAD) ** 2)
    return (weight / weight.sum(1, keepdims=True)).astype(np.float32)


def _windowed(values: np.ndarray) -> np.ndarray:
    """Mean of values (n,) at FRAME_HZ around each time at HZ."""
    half = int(HALF_WINDOW_S * FRAME_HZ)
    window = np.hanning(2 * half + 1)
    step = int(FRAME_HZ / HZ)
    # the mean over what there is, at the ends too
    both = np.stack([values.astype(float), np.ones(len(values))])
    sums = [np.convolve(row, window, "full")[half : half + len(row)][step // 2 :: step] for row in both]
    sums = [np.pad(row, (0, -(-len(values) // step) - len(row)), mode="edge") for row in sums]
    return sums[0] / sums[1]
