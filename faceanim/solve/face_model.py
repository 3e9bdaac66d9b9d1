"""What rendered faces of known truth taught about landmarks: models/face_measures, read once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core.files import MODELS


@dataclass(frozen=True)
class FaceModel:
    """rigid         (K,) landmarks that expressions hardly move; rigid_points (K, 3) where they lie in head space

    mirror        (478,): the landmark's image on the other side
    measures      M names (see solve.measure); neutral, spread (M,): mean and standard deviation over resting faces
    channels      C names; weights (M, C) from measures less neutral to channels
    reliability   (C,) 0..1: correlation with the truth on faces that were not learned from
    mediapipe     (C,) 0..1: how much of MediaPipe's own coefficient makes it better, where there is one
    """

    rigid: np.ndarray
    rigid_points: np.ndarray
    mirror: np.ndarray
    measures: tuple[str, ...]
    neutral: np.ndarray
    spread: np.ndarray
    channels: tuple[str, ...]
    weights: np.ndarray
    reliability: np.ndarray
    mediapipe: np.ndarray


@lru_cache(maxsize=1)
def face_model() -> FaceModel:
    data = json.loads((MODELS / "face_measures" / "weights.json").read_text("utf-8"))
    measures, channels = tuple(data["neutral"]), tuple(data["channels"])
    weights = np.zeros((len(measures), len(channels)))
    for c, entry in enumerate(data["channels"].values()):
        for name, weight in entry["weights"].items():
            weights[measures.index(name), c] = weight
    return FaceModel(
        rigid=np.array([int(k) for k in data["rigid"]]),
        rigid_points=np.array(list(data["rigid"].values()), float),
        mirror=np.array(data["mirror"]),
        measures=measures,
        neutral=np.array([v[0] for v in data["neutral"].values()]),
        spread=np.array([v[1] for v in data["neutral"].values()]),
        channels=channels,
        weights=weights,
        reliability=np.array([e["reliability"] for e in data["channels"].values()]),
        mediapipe=np.array([e["mediapipe"] for e in data["channels"].values()]),
    )
