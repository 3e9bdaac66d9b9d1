"""How much of which keys makes a channel where no single key is it: a sparse fit with weights that are not negative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST = 3
"""Keys of a channel."""
GAIN = 0.15
"""A key more must explain this much more of a channel, as a share of its square."""
LEAST = 0.08
"""Weights below this are left out."""


@dataclass(frozen=True)
class Share:
    """weights: key to 0..1; alike: the cosine of their sum and the channel."""

    weights: dict[int, float]
    alike: float


def fit(among: np.ndarray, towards: np.ndarray, square: float, free: np.ndarray) -> Share:
    """The few keys whose weighted sum comes nearest to a channel (orthogonal matching pursuit, weights 0..1).

    among    float (K, K): inner products of the keys
    towards  float (K,): of the keys with the channel
    square   of the channel with itself
    free     bool (K,): the keys that may be used

    Where the one key that is most like it is too weak, the channel is taken to be as weak.
    """
    if square <= 0:
        return Share({}, 0.0)
    chosen: list[int] = []
    weights = np.zeros(0)
    left = square
    lengths = np.sqrt(np.maximum(np.diag(among), 1e-30))
    while len(chosen) < MOST:
        pull = (towards - among[:, chosen] @ weights) / lengths
        pull[~free] = 0
        pull[chosen] = 0
        best = int(pull.argmax())
        if pull[best] <= 0:
            break
        strength = towards[best] / among[best, best]
        if not chosen and strength > 1:
            # a character that can do less does what it can: no other keys for the rest
            towards, square = towards / strength, square / strength**2
            left = square
        tried = [*chosen, best]
        found = _bounded(among[np.ix_(tried, tried)], towards[tried])
        rest = square - 2 * found @ towards[tried] + found @ among[np.ix_(tried, tried)] @ found
        if left - rest < GAIN * square:
            break
        chosen, weights, left = tried, found, rest
    kept = weights >= LEAST
    chosen, weights = [k for k, keep in zip(chosen, kept, strict=True) if keep], weights[kept]
    length = np.sqrt(max(weights @ among[np.ix_(chosen, chosen)] @ weights, 1e-30) * square)
    return Share(dict(zip(chosen, map(float, weights), strict=True)), float(weights @ towards[chosen] / length))


def _bounded(among: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Weights 0..1 with the least square error (coordinate descent)."""
    weights = np.zeros(len(towards))
    for _ in range(50):
        for i in range(len(weights)):
            rest = towards[i] - among[i] @ weights + among[i, i] * weights[i]
            weights[i] = np.clip(rest / max(among[i, i], 1e-30), 0, 1)
    return weights
