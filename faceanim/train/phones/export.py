"""Weights and what the decoder needs, to one safetensors file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...features.phone_classes import INDEX, NAMES, RELEASE
from ...formats import safetensors
from ...nets.phones import PhoneNet, arrays
from .labels import Utterance
from .prepare import load
from .train import Recipe

PARTS = ("emodb_sentences", "emodb_validation")
"""Of EMO-DB: German shall not count thrice."""
EVEN = 1.0
"""Count added to every pair of sounds, so that any language may have it."""


def export(work: Path, recipe: Recipe, path: Path, beside: str = "") -> None:
    """work/RECIPE.pt to `path`, with statistics of the sets that it was trained on; beside: a second recipe's name."""
    weights = _arrays(work / f"{recipe.name}.pt")
    if beside:
        both = weights, _arrays(work / f"{beside}.pt")
        weights = {f"{k}.{name}": a for k, part in enumerate(both) for name, a in part.items()}
    prior, bigram = statistics([load(work / f"{name}.npz") for name in recipe.shares if name not in PARTS])
    path.parent.mkdir(parents=True, exist_ok=True)
    content = weights | {"prior": prior.astype(np.float32), "bigram": bigram.astype(np.float32)}
    metadata = {"sounds": " ".join(NAMES), "recipe": recipe.name, "trained_on": " ".join(recipe.shares)}
    safetensors.write(path, content, metadata)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    net = PhoneNet(len(NAMES))
    net.load_state_dict(torch.load(path))
    return arrays(net)


def statistics(sets: list[list[Utterance]]) -> tuple[np.ndarray, np.ndarray]:
    """ln prior (K,) and ln bigram (K, K), every set of speech counting alike."""
    size = len(NAMES)
    prior, pairs = np.zeros(size), np.zeros((size, size))
    for utterances in sets:
        count, follow = np.zeros(size), np.zeros((size, size))
        for u in utterances:
            sound = u.sound[u.sound >= 0]
            count += np.bincount(sound, minlength=size)
            edges = np.flatnonzero(np.diff(sound))
            np.add.at(follow, (sound[edges], sound[edges + 1]), 1)
        if not follow.any():
            continue  # noises alone
        prior += (count + 1) / (count + 1).sum()  # what none of them has is rare, not impossible
        pairs += 1e4 * follow / follow.sum()
    pairs += EVEN
    for closure, release in RELEASE.items():
        # only its own closure can be released
        others = [i for i in range(size) if i != INDEX[closure]]
        pairs[others, INDEX[release]] = 0.05
    np.fill_diagonal(pairs, EVEN)
    return np.log(prior / prior.sum()), np.log(pairs / pairs.sum(1, keepdims=True))
