"""A linear discriminant on what the layers of models/phones-free, which heard none of these recordings, say of a voice.

Closed form (Fisher 1936), the covariance drawn to a multiple of the identity (Friedman 1989): seconds, not minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ...core.emotion import LABELS
from ...core.files import MODELS
from ...features.speech_emotion import features, spoken
from ...formats import safetensors
from ...nets.speech_emotion import LOUD, STRIDE, TRACTS, Discriminant, as_if
from .batches import span
from .corpora import SPEEDS, Clip
from .prepare import load

PHONES = MODELS / "phones-free" / "weights.safetensors"
TAUGHT = ("ravdess", "emodb")
"""Acted corpora: URDU's labels are of another kind."""
ROWS = 4
"""Moments of a recording that are taken."""
SHRINKAGE = 0.3
SOFTNESS = 2.5
"""What the discriminant's answers are divided by: so many dimensions make it too sure."""


def listener() -> Discriminant:
    """A Discriminant that knows the sounds of PHONES, and no emotion yet."""
    arrays, _ = safetensors.read(PHONES, "phone network")
    net = Discriminant()
    state = {name: torch.from_numpy(np.array(a, np.float32)) for name, a in arrays.items()}
    net.phones.load_state_dict(state, strict=False)  # what it says of sounds is left out
    return net.eval()


def heard(net: Discriminant, clip: Clip, tract: float) -> np.ndarray:
    """float16 (ROWS at most, statistics) at moments spread over what is said."""
    first, last = span(spoken(clip.mel))
    last -= (last - first) % STRIDE
    x = torch.from_numpy(features(clip.mel[first:last].astype(np.float32), clip.pitch[first:last].astype(np.float32)))
    with torch.inference_mode():
        x = as_if(x, tract)
        loud = x[:, -1].unflatten(0, (-1, STRIDE)).mean(1).numpy() > LOUD
        where = np.flatnonzero(loud) if loud.any() else np.arange(len(loud))
        chosen = np.unique(where[np.linspace(0, len(where) - 1, ROWS + 2).astype(int)[1:-1]])
        return net.statistics(x[None])[0, chosen].numpy().astype(np.float16)


def prepare_rows(work: Path) -> None:
    """work/sounds-CORPUS.npz: rows float16 (N, statistics) and clips (N,), the clip's number of each, at all speeds of
    the natural vocal tract, and as other tracts at its own speed."""
    net = listener()
    for corpus in TAUGHT:
        path = work / f"sounds-{corpus}.npz"
        if path.exists():
            continue
        rows, of = [], []
        for speed, tract in [(s, 1.0) for s in SPEEDS] + [("1", t) for t in TRACTS if t != 1.0]:
            for i, clip in enumerate(load(work / f"{corpus}-{speed}.npz")):
                found = heard(net, clip, tract)
                rows.append(found)
                of.append(np.full(len(found), i))
        temporary = path.with_suffix(".part.npz")
        np.savez(temporary, rows=np.concatenate(rows), clips=np.concatenate(of))
        temporary.replace(path)
        print(path.name, flush=True)


def fit(work: Path, keep: Callable[[Clip], bool]) -> Discriminant:
    """The Discriminant of the clips to keep."""
    x, y = [], []
    for corpus in TAUGHT:
        with np.load(work / f"sounds-{corpus}.npz") as z:
            rows, of = z["rows"], z["clips"]
        clips = load(work / f"{corpus}-1.npz")
        chosen = np.array([keep(clip) for clip in clips], bool)[of]
        x.append(rows[chosen].astype(np.float32))
        y.append(np.array([clip.label for clip in clips])[of[chosen]])
    net = listener()
    weight, bias = discriminant(np.concatenate(x), np.concatenate(y))
    with torch.no_grad():
        net.answer.weight.copy_(torch.from_numpy(weight / SOFTNESS))
        net.answer.bias.copy_(torch.from_numpy(bias / SOFTNESS))
    return net


def discriminant(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights float32 (labels, d) and biases of rows x (n, d) of labels y; all labels as likely."""
    middle, spread = x.mean(0), x.std(0) + 1e-4
    x = (x - middle) / spread
    means = np.stack([x[y == k].mean(0) for k in range(len(LABELS))])
    x -= means[y]
    covariance = x.T @ x / len(x)
    size = np.trace(covariance) / len(covariance)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * size * np.eye(len(covariance), dtype=np.float32)
    weight = np.linalg.solve(covariance.astype(float), means.T.astype(float)).T
    bias = -0.5 * (weight * means).sum(1)
    weight = weight / spread
    return weight.astype(np.float32), (bias - weight @ middle).astype(np.float32)
