"""The trained network with its temperature as the file that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from ...core.emotion import FACE_LABELS
from ...core.files import replacing
from ...evaluate.classes import measures, rounded
from ...formats import safetensors
from ...nets.face_emotion import FaceEmotionNet, arrays
from .pictures import Pictures
from .train import logits_of

TEMPERATURES = (0.2, 3.0)


def export(net: FaceEmotionNet, weight: np.ndarray, held: Pictures, path: Path) -> dict[str, Any]:
    """Writes `path`; the measures of the pictures that were held out, by which the temperature was found.

    What the training counted more, weight (labels,), is taken out of the last layer again, so that the chances are
    those of the data.
    """
    with torch.no_grad():
        net.emotion.bias -= torch.from_numpy(np.log(weight))
    logits = logits_of(net, held)
    warm = temperature(logits, held.label)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        content = arrays(net) | {"temperature": np.array([warm], np.float32)}
        safetensors.write(temporary, content, {"labels": " ".join(FACE_LABELS)})
    return rounded(measures(held.label, _softmax(logits / warm), FACE_LABELS) | {"temperature": warm})


def temperature(logits: np.ndarray, label: np.ndarray) -> float:
    """What makes the truth likeliest (Guo et al. 2017)."""

    def cost(log: float) -> float:
        said = _softmax(logits / np.exp(log))
        return -float(np.log(np.maximum(said[np.arange(len(label)), label], 1e-9)).mean())

    return float(np.exp(minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded").x))


def _softmax(logits: np.ndarray) -> np.ndarray:
    chances = np.exp(logits - logits.max(1, keepdims=True))
    return chances / chances.sum(1, keepdims=True)
