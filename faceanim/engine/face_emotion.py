"""What a face in a video shows of emotion: the network of models/face_emotion asked some times a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..core.emotion import FACE_LABELS, LABELS
from ..core.face import Portraits
from ..core.files import MODELS
from ..core.track import Track
from ..errors import FormatError
from ..features import face_emotion
from ..features.face_emotion import HZ, Predictor
from ..formats import safetensors
from . import provenance

WEIGHTS = MODELS / "face_emotion" / "weights.safetensors"

NEAR_S = 0.07
"""So near to a moment of rest a picture shows it."""
TOGETHER = 64
"""Pictures that a thread looks at; even, as every other one is seen in the mirror."""


def ready() -> bool:
    """Whether its weights are there."""
    return WEIGHTS.is_file()


@lru_cache(maxsize=2)
def network(path: Path = WEIGHTS) -> Predictor:
    """By several looks at each picture, for which it takes torch. Errors as in `glances`."""
    from ..nets import face_emotion

    return _made(face_emotion.predictor, path)


@lru_cache(maxsize=2)
def glances(path: Path = WEIGHTS) -> Predictor:
    """By one look at each picture, for videos, whose pictures are many.

    Raises FormatError where the weights are not there or are not this network's.
    """
    from ..nets import faces

    return _made(faces.glance, path)


def _made(make: Callable[[dict[str, np.ndarray]], Predictor], path: Path) -> Predictor:
    arrays, metadata = safetensors.read(path, "face-emotion network")
    hint = "install faceanim again, or train it: python -m faceanim.train.face_emotion"
    if metadata.get("labels", "").split() != list(FACE_LABELS):
        raise FormatError(f"{path} was trained for other emotions", hint)
    try:
        return make(arrays)
    except (KeyError, ValueError, RuntimeError) as error:
        raise FormatError(f"{path} does not hold this face-emotion network: {error}", hint) from error


def tracks(
    portraits: Portraits, seconds: float, rests: Mapping[int, tuple[np.ndarray, float]]
) -> tuple[dict[str, Track], dict[str, Track]]:
    """Emotions and signals as a Take has them, HZ a second.

    rests  of a shot: the times at which its face rests, and 0..1 how much it does

    "face_emotion": LABELS, in rows of 1 in all, or of zeros with confidence 0 where no face was seen. "face_affect":
    "arousal" 0..1 and "valence" -1..1.
    """
    parts = [portraits.pictures[k : k + TOGETHER] for k in range(0, len(portraits.pictures), TOGETHER)]
    with ThreadPoolExecutor(2) as threads:
        said = np.concatenate(list(threads.map(glances(WEIGHTS), parts)))
    for shot, (times, still) in rests.items():
        own = np.flatnonzero(portraits.shot == shot)
        near = np.abs(portraits.times[own, None] - times).min(1, initial=np.inf) < NEAR_S
        said[own] = face_emotion.against_rest(said[own], said[own[near]], still)
    said, sure = face_emotion.over_time(said, portraits.times, seconds, portraits.shot)
    signals = {"face_affect": Track.of(HZ, face_emotion.DIMENSIONS, face_emotion.affect(said), sure)}
    return {"face_emotion": Track.of(HZ, LABELS, said, sure)}, signals


def model_of() -> dict[str, Any]:
    """What a Take says of it: its hash, and the card's word on commercial use."""
    return provenance.network(WEIGHTS)
