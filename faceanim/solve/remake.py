"""One layer of a Take made anew from what the Take keeps: no sound, no picture, no network; numpy alone."""

from __future__ import annotations

from dataclasses import replace

from ..core.style import EmotionStyle, Style
from ..core.take import Take
from ..core.track import Track
from ..errors import InputError
from . import blink, emotion, glances, nods, speech

DRAWN = {"blink": blink.solve, "gaze": glances.solve, "head": nods.solve}
"""Layers that are drawn by chance: from the Take and a seed."""
LAYERS = ("lips", "emotion", *DRAWN)


def remade(take: Take, layer: str, style: Style | None = None, seed: int | None = None) -> Take:
    """The Take with one layer made anew and all others as they are, to the bit.

    style  for the lips and the emotion; without one, or with the default, the emotion is made as it was
    seed   of what is drawn, the same gives the same; None: the next one, and for the emotion the style's
    Raises InputError for a layer that is not among LAYERS or that the Take has nothing for.
    """
    if layer == "emotion":
        wanted = emotion.own(take, (style or Style()).emotion)
        return emotion.remade(take, wanted if seed is None else replace(wanted, seed=seed))
    if layer == "lips":
        return take.with_layer(layer, _lips(take, style or Style()))
    if layer not in DRAWN:
        raise InputError(f"'{layer}' cannot be made anew from a take", f"it may be: {', '.join(LAYERS)}")
    if seed is None:
        before = take.seed(layer)
        seed = 0 if before is None else before + 1
    known = {**(take.provenance.get("remade") or {}), layer: {"seed": seed}}
    made = take.with_layer(layer, DRAWN[layer](take, seed))
    return replace(made, provenance={**take.provenance, "remade": known})


def seed_of(take: Take, layer: str) -> int:
    """The seed that a layer was made with; 0 where it has none."""
    return emotion.own(take, EmotionStyle()).seed if layer == "emotion" else take.seed(layer) or 0


def seen(take: Take, layer: str) -> bool:
    """Whether a camera saw what the layer holds."""
    return layer in DRAWN and layer in take.layers and take.seed(layer) is None


def _lips(take: Take, style: Style) -> Track:
    if not any(phone.ipa for phone in take.phones):
        raise InputError("the take has no phones, which the lips are made from", "analyze a recording of a voice")
    visemes = speech.read_visemes().spoken(style.speech)
    return speech.solve(speech.said(take), take.seconds, take.fps, visemes)
