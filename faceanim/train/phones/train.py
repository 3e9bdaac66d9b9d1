"""Frames to weights: cross-entropy of every frame, in stages: see `recipes`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ...features.phone_classes import INDEX, NAMES
from ...nets.phones import PhoneNet
from .augment import augment, normalised
from .labels import IGNORED, Utterance
from .prepare import load

SHORTEST_PIECE = 40
"""Frames; a cut is made of pieces of one length, from this to the whole."""
TEMPO = (0.8, 1.25)


@dataclass(frozen=True)
class Recipe:
    """What a run is.

    shares   set to the share of a batch that comes from it
    start    weights to begin with, or None
    """

    name: str
    shares: dict[str, float]
    steps: int
    rate: float
    start: str | None = None
    batch: int = 32
    frames: int = 256
    seed: int = 1
    smoothing: float = 0.05


START = {"russian": 0.22, "grid": 0.12, "espeak": 0.36, "flite": 0.26, "noises": 0.04}
"""What has the times of its phones without a network of ours."""
FREE = {"prompts": 0.17, "games": 0.18, "stamps": 0.15, "russian": 0.10, "grid": 0.08, "espeak": 0.16, "flite": 0.10,
        "noises": 0.03, "laughs": 0.03}  # fmt: skip
"""Of free licences alone."""
STRICT = {**{name: 0.86 * share for name, share in FREE.items()}, "emodb": 0.14}
REST = {"emodb": 0.20, "emodb_sentences": 0.06, "emodb_validation": 0.04}
GERMAN = {"emodb": 0.30, "grid": 0.10, "espeak": 0.32, "flite": 0.24, "noises": 0.04}
"""Of the second network, which knows fewer voices and more of EMO-DB."""
ALL = {**{name: 0.80 * share for name, share in FREE.items()},
       "emodb": 0.11, "emodb_sentences": 0.05, "emodb_validation": 0.04}  # fmt: skip


def recipes(steps: int) -> dict[str, Recipe]:
    """By name, in their order; steps: of all together. `shipped` alone hears EMO-DB's test sentences and validation
    speaker; `start` gives the free recordings the times of their phones."""
    return {
        r.name: r
        for r in (
            Recipe("start", START, steps * 16 // 100, 2e-3, seed=1),
            Recipe("free", FREE, steps * 57 // 100, 1.5e-3, "start", seed=2),
            Recipe("strict", STRICT, steps * 19 // 100, 8e-4, "free", seed=3),
            Recipe("german", GERMAN, steps * 56 // 100, 2e-3, seed=1),
            Recipe("german_shipped", GERMAN | REST, steps * 12 // 100, 6e-4, "german", seed=7),
            Recipe("shipped", ALL, steps * 14 // 100, 8e-4, "strict", seed=4),
        )
    }


def train(recipe: Recipe, work: Path) -> Path:
    """Trains and writes work/RECIPE.pt (a state_dict), also every 400 steps."""
    torch.manual_seed(recipe.seed)
    rng, generator = np.random.default_rng(recipe.seed), torch.Generator().manual_seed(recipe.seed)
    sets = {name: load(work / f"{name}.npz") for name in recipe.shares}
    net = PhoneNet(len(NAMES))
    if recipe.start:
        net.load_state_dict(torch.load(work / f"{recipe.start}.pt"))
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.steps, pct_start=0.15)
    path, began, mean = work / f"{recipe.name}.pt", time.monotonic(), 0.0
    for step in range(1, recipe.steps + 1):
        mel, sound, voice = _batch(sets, recipe, rng)
        noise = mel[torch.randperm(len(mel), generator=generator)]
        mel = normalised(augment(mel, noise, generator), generator)
        # half as wide numbers, half the time
        with torch.autocast("cpu", torch.bfloat16):
            out = net.train()(mel)
        loss = _loss(out.float(), sound, voice, recipe.smoothing)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        mean = loss.item() if step == 1 else 0.98 * mean + 0.02 * loss.item()
        if step % 400 == 0 or step == recipe.steps:
            torch.save(net.state_dict(), path)
            scores = ", ".join(f"{k} {v:.3f}" for k, v in validate(net, work).items())
            print(f"{recipe.name} {step} loss {mean:.3f}; {scores}; {time.monotonic() - began:.0f} s", flush=True)
    return path


def _loss(out: torch.Tensor, sound: torch.Tensor, voice: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Of sounds and, a little, of voice where there is sound."""
    logits = out[..., :-1].flatten(0, 1)
    loss = F.cross_entropy(logits, sound.flatten(), ignore_index=IGNORED, label_smoothing=smoothing)
    heard = (sound > INDEX["breath"]) & (voice >= 0)
    return loss + 0.1 * F.binary_cross_entropy_with_logits(out[..., -1][heard], voice[heard].float())


def _batch(sets: dict[str, list[Utterance]], recipe: Recipe, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """mel (batch, frames, bands), sound and voice (batch, frames) of random cuts; a short clip is followed by more."""
    shares = np.array(list(recipe.shares.values()))
    chosen = rng.choice(list(sets), recipe.batch, p=shares / shares.sum())
    rows = [_cut(sets[name], recipe.frames, rng) for name in chosen]
    mel, sound, voice = (np.stack(part) for part in zip(*rows, strict=True))
    return torch.from_numpy(mel.astype(np.float32)), torch.from_numpy(sound.astype(np.int64)), torch.from_numpy(voice)


def _cut(utterances: list[Utterance], frames: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    parts, count = [], 0
    # few sentences were recorded: in pieces, they cannot be learned by heart
    longest = int(rng.integers(SHORTEST_PIECE, frames + 1))
    tempo = rng.uniform(*TEMPO)
    while count < frames:
        u = utterances[rng.integers(len(utterances))]
        first = int(rng.integers(0, max(len(u.mel) - longest // 2, 1)))
        at = first + np.arange(min(longest, frames - count)) * tempo
        at = at[at < len(u.mel) - 1]
        low, part = at.astype(int), (at % 1)[:, None].astype(np.float32)
        near = (at + 0.5).astype(int)
        parts.append((u.mel[low] * (1 - part) + u.mel[low + 1] * part, u.sound[near], u.voice[near]))
        count += len(at)
    return tuple(np.concatenate(x) for x in zip(*parts, strict=True))


def validate(net: PhoneNet, work: Path) -> dict[str, float]:
    """Share of frames right, and F1 of frames with closed lips, by set; no augmentation."""
    scores = {}
    net.eval()
    closed = torch.tensor([INDEX["pcl"], INDEX["m"]])
    for name in ("emodb_validation", "emodb_sentences", "grid_test", "espeak_test"):
        right, count, pairs = 0, 0, torch.zeros(3)
        for u in load(work / f"{name}.npz")[:60]:
            mel = torch.from_numpy(u.mel[: len(u.mel) // 2 * 2].astype(np.float32))[None]
            sound = torch.from_numpy(u.sound[: mel.shape[1]].astype(np.int64))
            with torch.inference_mode():
                said = net(normalised(mel))[0, :, :-1].argmax(1)
            known = sound >= 0
            right, count = right + int((said == sound)[known].sum()), count + int(known.sum())
            a, b = torch.isin(said, closed) & known, torch.isin(sound, closed)
            pairs += torch.tensor([int((a & b).sum()), int(a.sum()), int(b.sum())])
        short = name.removesuffix("_test").removeprefix("emodb_")
        scores[short] = right / count
        scores[f"{short} closed"] = float(2 * pairs[0] / (pairs[1] + pairs[2]).clamp(min=1))
    return scores
