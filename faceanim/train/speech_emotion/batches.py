"""Cuts of the recordings, varied, with what is taught of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...core.emotion import LABELS
from ...features.affect import AFFECT
from ...features.speech_emotion import features, spoken
from ...nets.speech_emotion import BANDS, STRIDE
from .augment import augment
from .corpora import CORPORA, SPEEDS, Clip
from .prepare import load

AVAILABLE = {
    "ravdess": LABELS,
    "emodb": ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust"),
    "urdu": ("neutral", "happy", "sad", "angry"),
    "noise": LABELS,
}
"""The labels of a corpus; an answer is only asked for among them."""
SOURCES = (*CORPORA, "noise")
STRONGER, WEAKER = 1.25, 0.8
"""Arousal and valence of RAVDESS' strong and normal intensity against AFFECT's."""
MARGIN = 12
"""Frames of silence that a clip keeps around what is said."""
TEMPO = 0.08
"""Deviation of the tempo's logarithm, besides SPEEDS."""
AS_RECORDED = 0.3
"""How often a clip is not played faster or slower, beside its turn among SPEEDS."""


class Taught(NamedTuple):
    """Of every clip: chances of the labels (., labels), which of them are possible, intensity, arousal and valence
    (., 3) and which of them are known, corpus (.,)."""

    label: np.ndarray
    allowed: np.ndarray
    affect: np.ndarray
    known: np.ndarray
    corpus: np.ndarray


class Batch(NamedTuple):
    """x (batch, n, features), speech (batch, n / STRIDE), and the rest as Taught."""

    x: Tensor
    speech: Tensor
    label: Tensor
    allowed: Tensor
    affect: Tensor
    known: Tensor
    corpus: Tensor


class Pool:
    """The clips to keep of all corpora at all speeds, end to end, and what is taught of each.

    shares: how often a corpus of SOURCES is drawn, the same for all where nothing is left of one.
    """

    def __init__(self, work: Path, keep: Callable[[Clip], bool], shares: Sequence[float]):
        mels, pitches, talk, edges, taught, first, length = [], [], [], [], [], [], []
        end = 0
        for k, source in enumerate(SOURCES):
            speeds = ["1"] if source == "noise" else list(SPEEDS)
            variants = [[c for c in load(work / f"{source}-{speed}.npz") if keep(c)] for speed in speeds]
            if not variants[0]:
                continue
            edges.append(shares[k] * _weights(variants[0]))
            taught.append(teach(variants[0], source))
            spans = []
            for clips in variants:
                spans.append([])
                for clip in clips:
                    there = np.zeros(len(clip.mel), bool) if clip.label < 0 else spoken(clip.mel)
                    a, b = span(there)
                    for parts, of in ((mels, clip.mel), (pitches, clip.pitch), (talk, there)):
                        parts.append(of[a:b])
                    spans[-1].append((end, b - a))
                    end += b - a
            spans = np.array((spans * len(SPEEDS))[: len(SPEEDS)])
            first.append(spans[..., 0])
            length.append(spans[..., 1])
        self.mel, self.pitch, self.talk = (torch.from_numpy(np.concatenate(parts)) for parts in (mels, pitches, talk))
        self.first, self.length = np.concatenate(first, 1), np.concatenate(length, 1)
        chances = np.concatenate(edges)
        self.edges = np.cumsum(chances / chances.sum())
        self.taught = Taught(*(np.concatenate(parts) for parts in zip(*taught, strict=True)))

    def cuts(self, count: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Tensor, Tensor, Tensor]:
        """Cuts of the clips, in the order of their corpora; a short clip comes again. Clips' numbers (count,), log-mel
        (count, n, bands), pitch (count, n, 2), where somebody speaks bool (count, n)."""
        clip = np.sort(np.searchsorted(self.edges, rng.random(count)).clip(max=len(self.edges) - 1))
        speed = np.where(rng.random(count) < AS_RECORDED, 0, rng.integers(len(SPEEDS), size=count))
        first, length = self.first[speed, clip][:, None], self.length[speed, clip][:, None]
        tempo = np.exp(rng.normal(0, TEMPO, (count, 1)))
        free = length - n * tempo
        at = rng.uniform(np.minimum(free, 0), np.maximum(free, 0)) + np.arange(n) * tempo
        at = np.mod(at, length - 1)
        low = at.astype(int)
        part = torch.from_numpy((at - low).astype(np.float32))[..., None]
        low = torch.from_numpy(first + low)
        mel = torch.lerp(self.mel[low].float(), self.mel[low + 1].float(), part)
        near = torch.from_numpy(first + (at + 0.5).astype(int))
        return clip, mel, self.pitch[near].float(), self.talk[near]


def span(there: np.ndarray) -> tuple[int, int]:
    """The frames from the first to the last that is spoken, with MARGIN; all where nobody speaks."""
    at = np.flatnonzero(there)
    return (max(int(at[0]) - MARGIN, 0), min(int(at[-1]) + MARGIN, len(there))) if len(at) else (0, len(there))


def _weights(clips: Sequence[Clip]) -> np.ndarray:
    """(clips,), 1 in all: rare emotions come a little more often."""
    labels = np.array([c.label for c in clips], int)
    count = np.bincount(labels[labels >= 0], minlength=len(LABELS))
    weights = np.where(labels >= 0, 1 / np.sqrt(np.maximum(count[labels], 1)), 1.0)
    return weights / weights.sum()


def teach(clips: Sequence[Clip], source: str) -> Taught:
    labels = np.array([c.label for c in clips], int)
    strong = np.array([c.strong for c in clips], bool)
    table = np.array([AFFECT[label] for label in LABELS])[np.maximum(labels, 0)]
    scale = np.where(strong, STRONGER, WEAKER) if source == "ravdess" else np.ones(len(clips))
    known = np.array([source == "ravdess", True, True]) & (labels >= 0)[:, None]
    return Taught(
        np.eye(len(LABELS), dtype=np.float32)[np.maximum(labels, 0)] * (labels >= 0)[:, None],
        np.tile(np.isin(LABELS, AVAILABLE[source]).astype(np.float32), (len(clips), 1)),
        np.concatenate((strong[:, None], table * scale[:, None]), 1).astype(np.float32),
        known.astype(np.float32),
        np.full(len(clips), SOURCES.index(source) % len(CORPORA)),
    )


class Variety(NamedTuple):
    """Shares of the cuts that are heard in other rooms, with another's bands, mixed with another."""

    rooms: float = 0.06
    styles: float = 0.75
    mixed: float = 0.5


def batch(pool: Pool, count: int, n: int, variety: Variety, rng: np.random.Generator,
          generator: torch.Generator) -> Batch:  # fmt: skip
    """`count` cuts of n frames, varied."""
    clip, mel, pitch, talk = pool.cuts(count, n, rng)
    taught = Taught(*(of[clip] for of in pool.taught))
    mel, pitch = augment(mel, pitch, mel.roll(1, 0), generator, variety.rooms)
    x = features(mel.numpy(), pitch.numpy())
    x, label, affect = mixed(restyled(x, variety.styles, rng), taught, variety.mixed, rng)
    speech = talk.numpy().reshape(count, -1, STRIDE).mean(2).astype(np.float32)
    arrays = (x, speech, label, taught.allowed, affect, taught.known, taught.corpus)
    return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays))


def mixed(x: np.ndarray, taught: Taught, often: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Mixup (Zhang et al. 2018) of a share `often`, inside a corpus, which are in order."""
    kinds = taught.corpus + len(CORPORA) * (taught.known[:, 1] == 0)
    other = np.argsort(kinds + rng.random(len(x)), kind="stable")
    share = rng.beta(0.4, 0.4, len(x)).astype(np.float32)[:, None]
    share = np.where(rng.random((len(x), 1)) < often, np.maximum(share, 1 - share), 1).astype(np.float32)
    at = np.flatnonzero(share[:, 0] < 1)
    label, affect = (of * share + of[other] * (1 - share) for of in (taught.label, taught.affect))
    x[at] = x[at] * share[at, None] + x[other[at]] * (1 - share[at, None])
    return x, label, affect


def restyled(x: np.ndarray, often: float, rng: np.random.Generator) -> np.ndarray:
    """Of a share `often`, the bands' means and deviations over time are mixed with those of other cuts, so that less is
    learnt of whose voice it is and of the microphone (MixStyle: Zhou et al. 2021; by frequency: Kim et al. 2022)."""
    at = np.flatnonzero(rng.random(len(x)) < often)
    other = rng.permutation(len(x))[: len(at)]
    bands = x[..., :BANDS]
    mean, deviation = bands.mean(1, keepdims=True), bands.std(1, keepdims=True) + 0.1
    share = rng.beta(0.4, 0.4, (len(at), 1, 1)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    to_mean, to_deviation = (of[at] * share + of[other] * (1 - share) for of in (mean, deviation))
    bands[at] = (bands[at] - mean[at]) / deviation[at] * to_deviation + to_mean
    return x
