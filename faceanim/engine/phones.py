"""The phone network of models/phones as a PhoneSource."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.files import MODELS
from ..core.speech import PhoneSource
from ..errors import FormatError
from ..features import phones
from ..features.live_phones import LOOK_AHEAD, LivePhones
from ..features.phone_classes import NAMES
from ..formats import safetensors
from .provenance import network

FREE_WEIGHTS = MODELS / "phones-free" / "weights.safetensors"
"""Trained on freely licensed speech alone, for those who leave `models/phones` out (build.py zip --commercial)."""
WEIGHTS = MODELS / "phones" / "weights.safetensors"
if not WEIGHTS.exists() and FREE_WEIGHTS.exists():
    WEIGHTS = FREE_WEIGHTS


def phone_network(path: str | Path = WEIGHTS, device: str = "cpu") -> PhoneSource:
    """Reads the weights. Raises FormatError where they are not there or are not this network's."""
    return phones.phone_source(model(path, device))


def live_phones(path: str | Path = WEIGHTS, device: str = "cpu", look_ahead: float = LOOK_AHEAD) -> LivePhones:
    """The same network for sound that is still being spoken; look_ahead: seconds, see LivePhones."""
    return LivePhones(model(path, device), look_ahead)


def model(path: str | Path = WEIGHTS, device: str = "cpu") -> phones.Model:
    """The network with its statistics. A process reads a file once, and again where it has changed."""
    try:
        state = Path(path).stat()
    except OSError:
        return _read(str(path), device)  # which says what is wrong
    return _kept(str(path), device, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _kept(path: str, device: str, changed: int, size: int) -> phones.Model:
    return _read(path, device)


def _read(path: str, device: str) -> phones.Model:
    from ..nets import phones as nets

    arrays, metadata = safetensors.read(path, "phone network")
    hint = "install faceanim again, or train it: python -m faceanim.train.phones"
    if metadata.get("sounds", "").split() != list(NAMES):
        raise FormatError(f"{path} was trained for other sounds", hint)
    try:
        prior, bigram = arrays.pop("prior"), arrays.pop("bigram")
        return phones.Model(nets.predictor(arrays, device), prior, bigram)
    except (KeyError, RuntimeError) as error:
        raise FormatError(f"{path} does not hold this phone network: {error}", hint) from error


def phone_model() -> dict[str, Any]:
    """What a Take says of it: its hash, and the card's word on commercial use."""
    return {"phones": network(WEIGHTS)[WEIGHTS.parent.name]}
