"""The face network of models/face_expression as a Predictor."""

from __future__ import annotations

from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core.actor import Actor
from ..core.face import Reader
from ..core.files import MODELS
from ..errors import FormatError
from ..formats import safetensors
from ..solve import learned
from ..solve.actors import played
from ..solve.expression import Predictor, measured
from .provenance import network

WEIGHTS = MODELS / "face_expression" / "weights.safetensors"


def ready() -> bool:
    """Whether its weights and torch are there."""
    return WEIGHTS.is_file() and find_spec("torch") is not None


def predictor(clip: bool = True, device: str = "cpu", actor: Actor | None = None) -> Predictor:
    """As solve.learned.predictor; the measures of solve.expression where the network cannot be had."""
    read = learned.predictor(model(WEIGHTS, device), clip, actor) if ready() else partial(measured, actor=actor)
    return read if actor is None else played(actor, read)


def model(path: Path = WEIGHTS, device: str = "cpu") -> Reader:
    """Raises FormatError where the weights are not there or are not this network's."""
    return _loaded(path, device)  # a cache knows a call by its words: all calls of one model must say the same


@lru_cache(maxsize=2)
def _loaded(path: Path, device: str) -> Reader:
    from ..nets import face_expression as nets

    arrays, metadata = safetensors.read(path, "face network")
    hint = "install faceanim again, or train it: python -m faceanim.train.face_expression"
    outputs = metadata.get("outputs", "").split()
    if set(learned.OUTPUTS) - set(outputs) - set(learned.COVERED):
        raise FormatError(f"{path} was trained for other channels", hint)
    try:
        return learned.arranged(nets.reader(arrays, device), outputs)
    except (KeyError, RuntimeError) as error:
        raise FormatError(f"{path} does not hold this face network: {error}", hint) from error


def model_of() -> dict[str, Any]:
    """What a Take says of it: its hash, and the card's word on commercial use."""
    return network(WEIGHTS)
