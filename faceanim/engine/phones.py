"""The phone network of models/phones as a PhoneSource."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..core.files import MODELS
from ..core.speech import PhoneSource
from ..errors import FormatError
from ..features import phones
from ..features.phone_classes import NAMES
from ..formats import safetensors
from .provenance import sha256

WEIGHTS = MODELS / "phones" / "weights.safetensors"


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


def phone_model() -> dict[str, Any]:
    """What a Take says of it: its hash, and the card's word on commercial use."""
    card = WEIGHTS.with_name("card.md").read_text(encoding="utf-8")
    word = re.search(r"commercial:\s*(\w+)", card)
    return {"phones": {"hash": sha256(WEIGHTS), "commercial": word[1] if word else "unclear"}}
