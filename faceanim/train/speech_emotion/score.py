"""What trained networks say of recordings that they never heard, through the engine's own ear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from ...core.emotion import LABELS
from ...engine.emotion import Ear
from ...evaluate.classes import among, measures
from ...features.speech import loudness
from ...features.speech_emotion import Predictor
from ...nets.speech_emotion import MEMBERS, SOUNDS, arrays, member, predictor
from ...source import audio
from .batches import AVAILABLE
from .corpora import CORPORA, Clip
from .folds import COUNT, folds
from .prepare import load

TEMPERATURES = (0.3, 4.0)
CALIBRATED = ("ravdess", "emodb")
"""The corpora by which chances are set right; URDU's labels are of another kind, not acted."""


class Heard(NamedTuple):
    """What the folds' networks said: clips (N), their folds (N,), truth (N,), the classes their corpus has bool (N,
    labels), rows [(m, labels)] at the steps where somebody speaks, and the dimensions' means (N, 4)."""

    clips: list[Clip]
    folds: np.ndarray
    truth: np.ndarray
    allowed: np.ndarray
    rows: list[np.ndarray]
    dimensions: np.ndarray


def out_of_fold(data: Path, work: Path, chosen: Sequence[int] = tuple(range(COUNT))) -> Heard:
    """Every recording through the networks of its fold (work/foldK-MEMBER.pt)."""
    clips = [clip for corpus in CORPORA for clip in load(work / f"{corpus}-1.npz")]
    assigned = folds(clips)
    clips = [c for c in clips if assigned[c.corpus, c.speaker] in chosen]
    of = np.array([assigned[c.corpus, c.speaker] for c in clips])
    said: list[tuple[np.ndarray, np.ndarray]] = [(np.zeros(0), np.zeros(0))] * len(clips)
    for fold in chosen:
        predict = predictor(arrays(load_nets(work, f"fold{fold}")))
        for i in np.flatnonzero(of == fold):
            said[i] = hear(predict, data, clips[i])
    allowed = np.array([[label in AVAILABLE[c.corpus] for label in LABELS] for c in clips])
    rows, dimensions = [rows for rows, _ in said], np.stack([means for _, means in said])
    return Heard(clips, of, np.array([c.label for c in clips]), allowed, rows, dimensions)


def load_nets(work: Path, name: str) -> dict[str, torch.nn.Module]:
    """work/NAME-MEMBER.pt, of SOUNDS too."""
    nets = {of: member(of) for of in (*MEMBERS, SOUNDS)}
    for of, net in nets.items():
        net.load_state_dict(torch.load(work / f"{name}-{of}.pt"))
    return nets


def report(heard: Heard) -> dict[str, Any]:
    """By corpus: measures over all, UAR of every fold, the calibration error before and after, each fold's temperature
    found on the others."""
    found: dict[str, Any] = {}
    corpus = np.array([c.corpus for c in heard.clips])
    cold, warm = mean_of(heard.rows), np.zeros((len(heard.clips), len(LABELS)))
    for fold in np.unique(heard.folds):
        mine, other = np.flatnonzero(heard.folds == fold), np.flatnonzero(heard.folds != fold)
        found_there = temperature(heard, other if len(other) else mine)
        warm[mine] = mean_of([heard.rows[i] for i in mine], found_there)
    for name in CORPORA:
        at = np.flatnonzero(corpus == name)
        classes = np.flatnonzero(heard.allowed[at[0]])
        labels = [LABELS[k] for k in classes]
        truth = np.searchsorted(classes, heard.truth[at])
        said, before = among(warm[at], classes), among(cold[at], classes)
        one = measures(truth, said, labels)
        uars = [measures(truth[pick], said[pick], labels)["uar"] for k in np.unique(heard.folds)
                if (pick := heard.folds[at] == k).any()]  # fmt: skip
        one |= {"uar_folds": uars, "uar_mean": float(np.mean(uars)), "uar_sd": float(np.std(uars)),
                "ece_before": measures(truth, before, labels)["ece"]}  # fmt: skip
        found[name] = one
    return found


def hear(predict: Predictor, data: Path, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (m, labels) at the steps where somebody speaks, and the means of the dimensions over them."""
    ear = Ear(predict)
    sound = audio.read(data / clip.corpus / clip.name)
    for _ in ear.through([sound]):
        pass
    emotions, signals = ear.tracks(loudness(sound))
    track, affect = emotions["speech_emotion"], signals["affect"]
    there = track.confidence[:, 0] > 0
    if not there.any():
        return np.full((1, len(LABELS)), 1 / len(LABELS), np.float32), np.zeros(4, np.float32)
    return track.values[there], affect.values[there].mean(0)


def mean_of(rows: Sequence[np.ndarray], temperature: float = 1.0) -> np.ndarray:
    """(N, labels): the mean of each recording's rows, each row at a temperature."""
    out = np.empty((len(rows), len(LABELS)))
    for i, row in enumerate(rows):
        warm = np.maximum(row.astype(float), 1e-7) ** (1 / temperature)
        out[i] = (warm / warm.sum(1, keepdims=True)).mean(0)
    return out


def temperature(heard: Heard, which: np.ndarray | slice = slice(None)) -> float:
    """The temperature that makes the truth likeliest (Guo et al. 2017), by those of `which` that are of CALIBRATED."""
    chosen = [i for i in np.arange(len(heard.clips))[which] if heard.clips[i].corpus in CALIBRATED]
    rows, truth, allowed = [heard.rows[i] for i in chosen], heard.truth[chosen], heard.allowed[chosen]

    def cost(log: float) -> float:
        said = mean_of(rows, float(np.exp(log))) * allowed
        said = said / said.sum(1, keepdims=True)
        return -float(np.log(np.maximum(said[np.arange(len(truth)), truth], 1e-9)).mean())

    return float(np.exp(minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded").x))
