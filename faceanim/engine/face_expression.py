"""The face network of models/face_expression as a Predictor."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core.actor import Actor
from ..core.face import Reader
from ..core.files import MODELS
from ..errors import FormatError
from ..features.crops import MIRROR
from ..formats import safetensors
from ..solve import learned
from ..solve.actors import played
from ..solve.both_ways import both_ways
from ..solve.expression import Predictor, measured
from .provenance import network

WEIGHTS = MODELS / "face_expression" / "weights.safetensors"
MIRROR_HZ = 8.0
"""How often the frames of a video are looked at in the mirror too: what it tells otherwise changes slowly."""


def ready() -> bool:
    """Whether its weights are there."""
    return WEIGHTS.is_file()


def predictor(clip: bool = True, device: str = "cpu", actor: Actor | None = None) -> Predictor:
    """As solve.learned.predictor; the measures of solve.expression where the network cannot be had."""
    read = learned.predictor(model(WEIGHTS, device), clip, actor) if ready() else partial(measured, actor=actor)
    return read if actor is None else played(actor, read)


def model(path: Path = WEIGHTS, device: str = "cpu", every: int = 1) -> Reader:
    """every: as both_ways has it. Raises FormatError where the weights are not there or are not this network's."""
    return both_ways(_loaded(path, device), MIRROR, every)


def look(crops: np.ndarray, fps: float) -> np.ndarray:
    """What is seen in the crops (M, PIXELS) of a video's frames, so many of which come a second."""
    return model(every=max(1, round(fps / MIRROR_HZ))).view(crops)


@lru_cache(maxsize=2)
def _loaded(path: Path, device: str) -> Reader:
    arrays, metadata = safetensors.read(path, "face network")
    hint = "install faceanim again, or train it: python -m faceanim.train.face_expression"
    outputs = metadata.get("outputs", "").split()
    if set(learned.OUTPUTS) - set(outputs) - set(learned.COVERED):
        raise FormatError(f"{path} was trained for other channels", hint)
    try:
        return learned.arranged(_reader(arrays, device), outputs)
    except (KeyError, ValueError, RuntimeError) as error:
        raise FormatError(f"{path} does not hold this face network: {error}", hint) from error


def _reader(arrays: dict[str, np.ndarray], device: str) -> Reader:
    if device == "cpu":
        from ..nets import faces

        return faces.reader(arrays)
    from ..nets import face_expression

    return face_expression.reader(arrays, device)


def model_of() -> dict[str, Any]:
    """What a Take says of it: its hash, and the card's word on commercial use."""
    return network(WEIGHTS)
