"""Loudness of speech, and its division at the quietest places, in a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

RATE = 16000
"""Samples a second of every input here (Hz)."""
LOUDNESS_HZ = 100.0
HOP = int(RATE / LOUDNESS_HZ)
FLOOR_DB = -100.0


class Piece(NamedTuple):
    """A stretch of sound.

    start     seconds from the beginning of the stream
    samples   float32 (n,), finite, about -1..1
    loudness  float32 (m,): see `loudness`
    """

    start: float
    samples: np.ndarray
    loudness: np.ndarray


def loudness(samples: np.ndarray) -> np.ndarray:
    """Level float32 (m,) in dB of full scale, at least FLOOR_DB: samples (n,) in m = ceil(n / HOP) hops of 10 ms.

    Weighted over the neighbouring hops (1 2 1), so that the pitch periods of a low voice do not show.
    """
    n = -(-len(samples) // HOP)
    if not n:
        return np.zeros(0, np.float32)
    hops = np.zeros((n, HOP), np.float32)
    hops.ravel()[: len(samples)] = samples
    # without its mean: a microphone's offset is not sound
    power = np.pad(hops.var(axis=1), 1, mode="edge")
    power = 0.25 * power[:-2] + 0.5 * power[1:-1] + 0.25 * power[2:]
    return np.maximum(10 * np.log10(power + 1e-12), FLOOR_DB).astype(np.float32)


def pieces(blocks: Iterable[np.ndarray], shortest: float = 8.0, longest: float = 16.0) -> Iterator[Piece]:
    """Sound at RATE, in blocks (n,) of any length, cut at its quietest places into pieces of `shortest` to `longest`
    seconds (the last may be shorter); together they are the whole stream. Values that are not finite become 0.
    """
    held: list[np.ndarray] = []
    count = done = 0
    for block in blocks:
        held.append(np.nan_to_num(np.asarray(block, np.float32).ravel(), nan=0.0, posinf=0.0, neginf=0.0))
        count += len(held[-1])
        while count >= longest * RATE:
            samples = np.concatenate(held)
            cut = _quietest(samples, int(shortest * LOUDNESS_HZ), int(longest * LOUDNESS_HZ))
            yield Piece(done / RATE, samples[:cut], loudness(samples[:cut]))
            done += cut
            held, count = [samples[cut:]], count - cut
    samples = np.concatenate(held) if held else np.zeros(0, np.float32)
    if len(samples):
        yield Piece(done / RATE, samples, loudness(samples))


def _quietest(samples: np.ndarray, first: int, last: int) -> int:
    """The sample in the middle of the quietest fifth of a second between two hops."""
    level = loudness(samples[: last * HOP])
    width = int(0.2 * LOUDNESS_HZ)
    mean = np.convolve(level, np.full(width, 1 / width), "same")
    return (first + int(np.argmin(mean[first : last - width]))) * HOP
