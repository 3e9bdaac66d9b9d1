"""Sounds that are no words: music, machines and knocks, which close no lips, and laughter, which opens them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...features.mel import RATE, log_mel
from ...features.phone_classes import INDEX
from .augment import FLOOR
from .labels import Utterance

SECONDS = 10


def noises(hours: float, seed: int) -> Iterator[Utterance]:
    """The sounds below as clips: all of it silence to the network."""
    for i, sound in enumerate(sounds(hours, seed)):
        mel = log_mel(sound)
        yield Utterance(f"noise{i}", mel, np.full(len(mel), INDEX["sil"], np.int8), np.zeros(len(mel), np.int8))


def sounds(hours: float, seed: int) -> Iterator[np.ndarray]:
    """SECONDS of music, coloured noise, knocks, or two of these; float (n,) at RATE."""
    rng = np.random.default_rng(seed)
    kinds = (_music, _hiss, _knocks)
    for _ in range(int(hours * 3600 / SECONDS)):
        chosen = rng.choice(len(kinds), size=int(rng.integers(1, 3)), replace=False)
        sound = sum(kinds[k](rng) * 10 ** rng.uniform(-1, 0) for k in chosen)
        yield 0.3 * sound / np.abs(sound).max()


def _music(rng: np.random.Generator) -> np.ndarray:
    """Chords of plucked or held notes."""
    out, t = np.zeros(SECONDS * RATE), np.arange(SECONDS * RATE) / RATE
    beat = rng.uniform(0.15, 0.8)
    for start in np.arange(0, SECONDS, beat):
        span = slice(int(start * RATE), int(min(start + 2 * beat, SECONDS) * RATE))
        since = t[span] - start
        held = np.exp(-since * rng.choice([0.5, 3.0, 10.0])) * np.minimum(since / 0.01, 1)
        for _ in range(int(rng.integers(1, 5))):
            pitch = 55 * 2 ** (rng.integers(0, 48) / 12)
            steep = rng.uniform(0.5, 2.5)
            for k in range(1, min(12, int(7500 / pitch)) + 1):
                out[span] += held * k**-steep * np.sin(2 * np.pi * k * pitch * t[span] + rng.uniform(0, 6.28))
    return out


def _hiss(rng: np.random.Generator) -> np.ndarray:
    """Noise of a random spectrum whose level may change."""
    n = SECONDS * RATE
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    knots = np.interp(frequency, np.linspace(0, RATE / 2, 12), rng.normal(0, 8, 12)) - rng.uniform(0, 9) * np.log2(
        1 + frequency / 100
    )
    sound = np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * 10 ** (knots / 20), n)
    level = np.interp(np.arange(n), np.linspace(0, n, 60), rng.normal(0, rng.choice([0, 1.0]), 60))
    return sound / sound.std() * np.exp(level)


def _knocks(rng: np.random.Generator) -> np.ndarray:
    """Steps, keys, doors: short decaying noises."""
    out = np.zeros(SECONDS * RATE)
    for start in rng.integers(0, len(out) - RATE // 2, int(rng.integers(3, 40))):
        n = int(rng.uniform(0.02, 0.4) * RATE)
        out[start : start + n] += rng.normal(size=n) * np.exp(-6 * np.arange(n) / n) * rng.uniform(0.2, 1)
    return out


def laughs(speech: Sequence[Utterance], count: int, seed: int) -> Iterator[Utterance]:
    """Laughter made of recorded vowels: one vowel again and again, breath with its formants between.

    Laughs are three to nine such syllables of 0.12 to 0.3 s, the later the softer (Bachorowski et al. 2001).
    """
    rng = np.random.default_rng(seed)
    vowels = [INDEX[name] for name in ("a", "uh", "schwa", "eh", "e", "ae", "ih", "i", "o", "aw", "oo", "u")]
    made = 0
    while made < count:
        source = speech[rng.integers(len(speech))]
        sound, mel = source.sound, source.mel.astype(np.float32)
        edges = np.r_[0, np.flatnonzero(np.diff(sound)) + 1, len(sound)]
        spans = [(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True) if b - a >= 5 and sound[a] in vowels]
        if not spans:
            continue
        first, last = spans[rng.integers(len(spans))]
        yield _laugh(f"laugh+{source.name}", mel[first:last], int(sound[first]), float(mel.min()), rng)
        made += 1


def _laugh(name: str, vowel: np.ndarray, kind: int, quiet: float, rng: np.random.Generator) -> Utterance:
    period, voiced = int(rng.integers(12, 30)), rng.uniform(0.35, 0.65)
    # breath has no harmonics: neighbouring bands alike, rough as noise is
    power = np.exp(vowel).mean(0)
    breath = np.log(np.convolve(np.pad(power, 2, "edge"), np.full(5, 0.2), "valid"))
    breath += np.linspace(-2.0, 0.5, len(breath)) - rng.uniform(1.0, 4.5)
    parts, sounds = [], []
    for k in range(int(rng.integers(3, 10))):
        on = max(int(period * voiced + rng.integers(-1, 2)), 3)
        off = max(period - on + int(rng.integers(-1, 2)), 3)
        at = np.linspace(0, len(vowel) - 1, on).round().astype(int)
        fall = -0.25 * k * rng.uniform(0, 1)
        parts += [breath + fall + rng.normal(0, 0.5, (off, len(breath))), vowel[at] + fall]
        sounds += [np.full(off, INDEX["h"]), np.full(on, kind)]
    pause = [np.full((n, len(breath)), quiet) + rng.normal(0, 0.5, (n, len(breath))) for n in rng.integers(10, 40, 2)]
    mel = np.maximum(np.concatenate([pause[0], *parts, pause[1]]), FLOOR).astype(np.float32)
    silent = [np.full(len(part), INDEX["sil"]) for part in pause]
    sound = np.concatenate([silent[0], *sounds, silent[1]]).astype(np.int8)
    return Utterance(name, mel, sound, np.isin(sound, [INDEX["h"], INDEX["sil"]], invert=True).astype(np.int8))
