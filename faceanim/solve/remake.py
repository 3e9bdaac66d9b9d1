"""One layer of a Take made anew from what the Take keeps: no sound, no picture, no network; numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..core.speech import Speech
from ..core.style import Style
from ..core.take import Take
from ..core.track import Track
from ..errors import InputError
from . import speech

Solver = Callable[[Take, Style, int], Track]
"""The Take, the Style and a seed to a layer."""


def _lips(take: Take, style: Style, seed: int) -> Track:
    if not any(phone.ipa for phone in take.phones):
        raise InputError("the take has no phones, which the lips are made from", "analyze a recording of a voice")
    said = Speech(take.phones, take.words)
    if (level := take.signals.get("loudness")) is not None:
        said = replace(said, loudness=level.values[:, 0], loudness_hz=level.fps)
    return speech.solve(said, take.seconds, take.fps)


def _emotion(take: Take, style: Style, seed: int) -> Track:
    from . import emotion

    return emotion.solve(take, replace(style.emotion, seed=seed))


def _blink(take: Take, style: Style, seed: int) -> Track:
    from . import blink

    return blink.solve(take, seed)


def _gaze(take: Take, style: Style, seed: int) -> Track:
    from . import glances

    return glances.solve(take, seed)


def _head(take: Take, style: Style, seed: int) -> Track:
    from . import nods

    return nods.solve(take, seed)


LAYERS: dict[str, Solver] = {"lips": _lips, "emotion": _emotion, "blink": _blink, "gaze": _gaze, "head": _head}
"""What can be made anew, and how."""
DRAWN = ("blink", "gaze", "head")
"""Layers in which nothing but the seed can differ."""
REMADE = "remade"
"""Where the provenance of a Take tells it: layer to {"seed": N}."""


def remade(take: Take, layer: str, style: Style | None = None, seed: int | None = None) -> Take:
    """The Take with one layer made anew and all others as they are, to the bit.

    seed   what is drawn; the same gives the same. None: the next one where nothing else can differ, else the style's
    Raises InputError for a layer that is not among LAYERS or for which the take lacks what it is made from.
    """
    if layer not in LAYERS:
        raise InputError(f"'{layer}' cannot be made anew from a take", f"it may be: {', '.join(LAYERS)}")
    style = style or Style()
    if seed is None:
        seed = seed_of(take, layer) + 1 if layer in DRAWN else style.emotion.seed
    made = take.with_layer(layer, LAYERS[layer](take, style, seed))
    known: dict[str, Any] = {**take.provenance.get(REMADE, {}), layer: {"seed": seed}}
    return replace(made, provenance={**take.provenance, REMADE: known})


def seed_of(take: Take, layer: str) -> int:
    """The seed that a layer was made with; 0 where the analysis made it."""
    return int((take.provenance.get(REMADE) or {}).get(layer, {}).get("seed", 0))


def seen(take: Take, layer: str) -> bool:
    """Whether a camera saw what the layer holds."""
    return "expression" in take.layers and layer in ("gaze", "head")
