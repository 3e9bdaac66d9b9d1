"""Training on some of the speakers."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...nets.speech_emotion import STRIDE, EmotionNet
from .batches import Batch, Pool, Variety, batch
from .corpora import Clip
from .designs import DESIGNS

KEPT_BIAS = 0.6
"""How often a corpus' own bias is added in training: without it the network shall serve too."""


@dataclass(frozen=True)
class Recipe:
    """steps of `batch` cuts, drawn from the corpora by `shares`."""

    steps: int = 6000
    batch: int = 32
    rate: float = 3e-3
    decay: float = 0.1
    variety: Variety = Variety()
    smoothing: float = 0.1
    average: float = 0.998
    frames: tuple[int, int] = (140, 280)
    shares: tuple[float, ...] = (0.66, 0.16, 0.12, 0.06)
    design: str = "coarse"
    seed: int = 1


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
    pool = Pool(work, keep, recipe.shares)
    net = EmotionNet(DESIGNS[recipe.design]()).to(memory_format=torch.channels_last)
    slow = copy.deepcopy(net)
    pairs = [(a, b) for a, b in zip(slow.state_dict().values(), net.state_dict().values(), strict=True)
             if a.dtype.is_floating_point]  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.steps, pct_start=0.15)
    began, cpu, mean = time.monotonic(), time.process_time(), 2.0
    for step in range(1, recipe.steps + 1):
        n = int(rng.integers(*recipe.frames)) // STRIDE * STRIDE
        b = batch(pool, recipe.batch, n, recipe.variety, rng, generator)
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
