"""Training on some of the speakers."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.emotion import LABELS
from ...features.affect import AFFECT
from ...features.speech_emotion import features, spoken
from ...nets.speech_emotion import STRIDE, EmotionNet
from .augment import augment
from .corpora import CORPORA, SPEEDS, Clip
from .designs import DESIGNS
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
KEPT_BIAS = 0.6
"""How often a corpus' own bias is added in training: without it the network shall serve too."""


@dataclass(frozen=True)
class Recipe:
    """steps of `batch` cuts, drawn from the corpora by `shares`; `often`: how many are heard in other rooms."""

    steps: int = 6000
    batch: int = 24
    rate: float = 2e-3
    decay: float = 0.03
    mixup: float = 0.3
    often: float = 0.15
    smoothing: float = 0.1
    average: float = 0.998
    frames: tuple[int, int] = (140, 280)
    shares: tuple[float, ...] = (0.66, 0.16, 0.12, 0.06)
    design: str = "dilated"
    seed: int = 1


class Batch(NamedTuple):
    """x (batch, n, features), chances of the labels (batch, labels), which of them are possible, intensity, arousal
    and valence (batch, 3) and which of them are known, corpus (batch,), speech (batch, n / STRIDE)."""

    x: Tensor
    label: Tensor
    allowed: Tensor
    affect: Tensor
    known: Tensor
    corpus: Tensor
    speech: Tensor


class Pool:
    """A corpus' clips at all speeds, and what is taught of each."""

    def __init__(self, work: Path, corpus: str, keep: Callable[[Clip], bool]):
        speeds = ["1"] if corpus == "noise" else list(SPEEDS)
        self.variants = [[c for c in load(work / f"{corpus}-{speed}.npz") if keep(c)] for speed in speeds]
        self.spans = [[span(c) for c in clips] for clips in self.variants]
        clips = self.variants[0]
        labels = np.array([c.label for c in clips], int)
        count = np.bincount(labels[labels >= 0], minlength=len(LABELS))
        # rare emotions come a little more often
        weights = np.where(labels >= 0, 1 / np.sqrt(np.maximum(count[labels], 1)), 1.0)
        self.edges = np.cumsum(weights / weights.sum())
        self.label = np.eye(len(LABELS), dtype=np.float32)[np.maximum(labels, 0)] * (labels >= 0)[:, None]
        self.allowed = np.tile(np.isin(LABELS, AVAILABLE[corpus]).astype(np.float32), (len(clips), 1))
        table = np.array([AFFECT[label] for label in LABELS])[np.maximum(labels, 0)]
        strong = np.array([c.strong for c in clips], bool)
        scale = np.where(strong, STRONGER, WEAKER) if corpus == "ravdess" else np.ones(len(clips))
        self.affect = np.concatenate((strong[:, None], table * scale[:, None]), 1).astype(np.float32)
        known = np.array([corpus == "ravdess", True, True]) & (labels >= 0)[:, None]
        self.known = known.astype(np.float32)

    def cut(self, n: int, rng: np.random.Generator) -> tuple[int, np.ndarray, np.ndarray]:
        """A clip's number, log-mel (n, bands) and pitch (n, 2) of a cut of it; a short clip comes again."""
        i = min(int(np.searchsorted(self.edges, rng.random())), len(self.edges) - 1)
        v = 0 if rng.random() < 0.3 else int(rng.integers(len(self.variants)))
        clip, (a, b) = self.variants[v][i], self.spans[v][i]
        tempo = np.exp(rng.normal(0, TEMPO))
        free = (b - a) - n * tempo
        at = rng.uniform(min(free, 0), max(free, 0)) + np.arange(n) * tempo
        at = a + np.mod(at, b - a - 1)
        low = at.astype(int)
        part = (at - low)[:, None].astype(np.float32)
        mel = clip.mel[low] * (1 - part) + clip.mel[low + 1] * part
        return i, mel, clip.pitch[(at + 0.5).astype(int)].astype(np.float32)


def span(clip: Clip) -> tuple[int, int]:
    """The frames from the first to the last that is spoken, with MARGIN; all where nobody speaks."""
    if clip.label < 0:
        return 0, len(clip.mel)
    there = np.flatnonzero(spoken(clip.mel))
    return max(int(there[0]) - MARGIN, 0), min(int(there[-1]) + MARGIN, len(clip.mel))


def batch(pools: list[Pool], recipe: Recipe, rng: np.random.Generator, generator: torch.Generator) -> Batch:
    n = int(rng.integers(*recipe.frames)) // STRIDE * STRIDE
    chosen = np.sort(rng.choice(len(pools), recipe.batch, p=np.array(recipe.shares) / sum(recipe.shares)))
    cuts = [pools[k].cut(n, rng) for k in chosen]
    mel = np.stack([mel for _, mel, _ in cuts]).astype(np.float32)
    pitch = torch.from_numpy(np.stack([pitch for _, _, pitch in cuts]))
    talk = np.stack([spoken(m) for m in mel]) & (chosen != len(CORPORA))[:, None]
    mel = torch.from_numpy(mel)
    mel, pitch = augment(mel, pitch, mel.roll(1, 0), generator, recipe.often)
    x = features(mel.numpy(), pitch.numpy())

    def taught(what: str) -> np.ndarray:
        return np.stack([getattr(pools[k], what)[i] for k, (i, _, _) in zip(chosen, cuts, strict=True)])

    x, label, affect = mixed(x, taught("label"), taught("affect"), chosen, recipe, rng)
    speech = talk.reshape(len(chosen), -1, STRIDE).mean(2).astype(np.float32)
    arrays = (x, label, taught("allowed"), affect, taught("known"), chosen % len(CORPORA), speech)
    return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays))


def mixed(x: np.ndarray, label: np.ndarray, affect: np.ndarray, chosen: np.ndarray, recipe: Recipe,
          rng: np.random.Generator) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Mixup (Zhang et al. 2018), inside a corpus."""
    if rng.random() > recipe.mixup:
        return x, label, affect
    other = np.arange(len(x))
    for k in np.unique(chosen):
        other[chosen == k] = rng.permutation(np.flatnonzero(chosen == k))
    share = rng.beta(0.4, 0.4, len(x)).astype(np.float32)[:, None]
    share = np.maximum(share, 1 - share)
    return (x * share[..., None] + x[other] * (1 - share[..., None]), label * share + label[other] * (1 - share),
            affect * share + affect[other] * (1 - share))  # fmt: skip


def loss_of(out: tuple[Tensor, ...], b: Batch, bias: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Of the label, and a little of the dimensions and of speech."""
    logits, dimensions, speech = (o.float() for o in out)
    given = (torch.rand(len(logits), 1, generator=generator) < KEPT_BIAS).float()
    # RAVDESS, which has all labels, goes without a bias: what it teaches is what ships
    own = torch.cat((torch.zeros_like(bias[:1]), bias[1:]))[b.corpus] * given
    logits = (logits + own).masked_fill(b.allowed == 0, -1e4)
    there = b.label.sum(1)
    smooth = (1 - recipe.smoothing) * b.label + recipe.smoothing * b.allowed / b.allowed.sum(1, keepdim=True)
    emotion = -((smooth * logits.log_softmax(1)).sum(1) * there).sum() / there.sum().clamp(min=1)
    strong = F.binary_cross_entropy_with_logits(dimensions[:, 0], b.affect[:, 0], reduction="none")
    off = (torch.tanh(dimensions[:, 1:]) - b.affect[:, 1:]) ** 2
    apart = torch.cat((strong[:, None], off), 1) * b.known
    affect = (apart.sum(0) / b.known.sum(0).clamp(min=1)).sum()
    return emotion + 0.2 * affect + 0.2 * F.binary_cross_entropy_with_logits(speech, b.speech)


def train(recipe: Recipe, work: Path, keep: Callable[[Clip], bool], name: str,
          watch: Callable[[EmotionNet], str] = lambda net: "") -> EmotionNet:  # fmt: skip
    """Trains on the clips to keep and writes work/NAME.pt, the average of the weights on the way (Polyak)."""
    torch.manual_seed(recipe.seed)
    rng, generator = np.random.default_rng(recipe.seed), torch.Generator().manual_seed(recipe.seed)
    pools = [Pool(work, source, keep) for source in SOURCES]
    shares = tuple(s if len(p.edges) else 0.0 for s, p in zip(recipe.shares, pools, strict=True))
    recipe = Recipe(**{**recipe.__dict__, "shares": shares})
    net = EmotionNet(DESIGNS[recipe.design]()).to(memory_format=torch.channels_last)
    slow = copy.deepcopy(net)
    pairs = [(a, b) for a, b in zip(slow.state_dict().values(), net.state_dict().values(), strict=True)
             if a.dtype.is_floating_point]  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.steps, pct_start=0.15)
    began, cpu, mean = time.monotonic(), time.process_time(), 2.0
    for step in range(1, recipe.steps + 1):
        b = batch(pools, recipe, rng, generator)
        # half as wide numbers, two thirds of the time
        with torch.autocast("cpu", torch.bfloat16):
            out = net.train()(b.x)
        loss = loss_of(out, b, net.head.corpus, recipe, generator)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        mean = 0.99 * mean + 0.01 * loss.item()
        if step % 4 == 0:
            with torch.no_grad():
                for a, b in pairs:
                    a.lerp_(b, 1 - min(recipe.average**4, step / (step + 40)))
        if step % 300 == 0 or step == recipe.steps:
            torch.save(slow.state_dict(), work / (f"{name}.pt" if step == recipe.steps else f"{name}.part.pt"))
            spent = f"{time.monotonic() - began:.0f} s, {time.process_time() - cpu:.0f} s of the processor"
            print(f"{name} {step} loss {mean:.3f}; {spent}; {watch(slow)}", flush=True)
    return slow.eval()
