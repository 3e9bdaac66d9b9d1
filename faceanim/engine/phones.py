"""The phone network of models/phones as a PhoneSource."""

from __future__ import annotations

from pathlib import Path

from ..core.speech import PhoneSource
from ..errors import FormatError
from ..features import phones
from ..features.phone_classes import NAMES
from ..formats import safetensors

WEIGHTS = Path(__file__).parents[2] / "models" / "phones" / "weights.safetensors"


def phone_network(path: str | Path = WEIGHTS, device: str = "cpu") -> PhoneSource:
    """Reads the weights. Raises FormatError where they are not there or are not this network's."""
    return phones.phone_source(model(path, device))


def model(path: str | Path = WEIGHTS, device: str = "cpu") -> phones.Model:
    """The network with its statistics."""
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
