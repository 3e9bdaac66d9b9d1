"""Viseme presets: how every sound looks, read from presets/visemes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..core.channels import CHANNELS, GROUP_OF
from ..core.files import PRESETS, input_file
from ..core.phones import ARPABET, base
from ..core.style import SpeechStyle
from ..errors import FormatError, InputError

SCHEMA = "faceanim/visemes/1"
PARTS = ("lips", "jaw", "tongue")
"""The three that speak, each with a weight of its own; cheekPuff goes with the lips."""
KINDS = ("narrow", "touch", "close")
"""Kinds of contact, the one that wins over the others last."""
_TIE = "\u0361"
_UNKNOWN = "ə"
"""What a sign that no viseme names looks like."""


@dataclass(frozen=True)
class Contact:
    """A shape that is reached whatever the neighbours are.

    kind      one of KINDS
    strength  part to 0..1
    hold      (from, to) as shares of the sound's length
    keep      channel to the share of the neighbours' value that is added
    """

    kind: str
    strength: Mapping[str, float]
    hold: tuple[float, float]
    keep: Mapping[str, float]


@dataclass(frozen=True)
class Viseme:
    """One look.

    ipa     the sounds that have it, as core.phones.base gives them
    weight  part to the dominance over neighbours, 0 or more
    shape   channel to value 0..1; what is not named is 0
    lead_s, follow_s   part to seconds over which the dominance falls before and after the sound
    vowel   whether loudness opens its jaw
    """

    name: str
    ipa: tuple[str, ...]
    weight: Mapping[str, float]
    shape: Mapping[str, float]
    lead_s: Mapping[str, float]
    follow_s: Mapping[str, float]
    contact: Contact | None = None
    vowel: bool = False


@dataclass(frozen=True)
class Visemes:
    """A preset. `timing` holds the constants that belong to no single viseme, by name (see the file)."""

    name: str
    visemes: tuple[Viseme, ...]
    timing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """All channels that some viseme moves, and mouthClose, in the house's order."""
        used = {c for v in self.visemes for c in v.shape} | {"jawOpen", "mouthClose"}
        return tuple(c for c in CHANNELS if c in used)

    @cached_property
    def breath(self) -> int:
        """The viseme that is no sound: the mouth that opens to draw breath before a phrase."""
        return [v.name for v in self.visemes].index(self.timing["breath"]["viseme"])

    @cached_property
    def _by_sign(self) -> dict[str, int]:
        return {sign: i for i, v in enumerate(self.visemes) for sign in v.ipa}

    def signs(self, ipa: str) -> tuple[int, ...]:
        """The visemes of a sound, as indices: one, or its parts in order (aɪ: a, ɪ); () for silence."""
        known, sign = self._by_sign, base(ipa)
        if not sign:
            return ()
        if sign in known:
            return (known[sign],)
        parts = [known[c] for c in sign if c in known]
        return tuple(parts or [known[_UNKNOWN]])

    def knows(self, ipa: str) -> bool:
        """Whether visemes name all signs of a sound; silence is known."""
        sign = base(ipa)
        return sign in self._by_sign or all(c in self._by_sign for c in sign.replace(_TIE, ""))

    def spoken(self, style: SpeechStyle) -> Visemes:
        """The preset as it is spoken in a style: larger or smaller, more or less blurred; contacts stay as they are."""
        if style == SpeechStyle():
            return self
        end = self.timing["enunciation"]["mumbled" if style.enunciation < 0 else "over_enunciated"]
        factor = {name: value ** abs(style.enunciation) for name, value in end.items()}
        gain = {"jaw": factor["jaw"] * style.jaw, "lips": factor["lips"] * style.lips, "tongue": 1.0}
        return replace(self, visemes=tuple(_spoken(viseme, gain, factor["reach"]) for viseme in self.visemes))

    def check(self, ipa: str) -> None:
        """Raises InputError for a sound that it does not know, so that a slip of typing is told."""
        if self.knows(ipa):
            return
        meant = ARPABET.get(ipa.rstrip("012").upper())
        raise InputError(
            f"'{ipa}' is no sound in IPA that a viseme is known for",
            f"did you mean '{meant}'?" if meant else "write it in IPA, as b, ʃ, aɪ, t͡s; leave it empty for a pause",
        )


def part(channel: str) -> str:
    """Which of PARTS a channel moves with."""
    group = GROUP_OF[channel]
    return group if group in PARTS else "lips"


def _spoken(viseme: Viseme, gain: Mapping[str, float], reach: float) -> Viseme:
    held = viseme.contact.strength if viseme.contact else {}
    shape = {c: x if part(c) in held else min(x * gain[part(c)], 1.0) for c, x in viseme.shape.items()}
    times = {name: {p: s * reach for p, s in getattr(viseme, name).items()} for name in ("lead_s", "follow_s")}
    return replace(viseme, shape=shape, **times)


def read(path: str | Path | None = None) -> Visemes:
    """A viseme preset; the default one where no path is given. Raises FormatError where it cannot be used."""
    path = input_file(path or PRESETS / "visemes" / "default.json", "viseme preset", FormatError)
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(f"{path} is not JSON: {error}", "compare it with presets/visemes/default.json") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}", error.hint) from error


def from_json(document: Mapping[str, Any]) -> Visemes:
    """Visemes from the content of a preset file."""
    hint = "compare it with presets/visemes/default.json"
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        raise FormatError(f"this is not a viseme preset of schema {SCHEMA}", hint)
    try:
        timing = document["timing"]
        visemes = tuple(_viseme(v, timing) for v in document["visemes"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"the viseme preset lacks or misspells {error}", hint) from error
    preset = Visemes(str(document.get("name", "")), visemes, timing)
    signs = [s for v in visemes for s in v.ipa]
    if len(signs) != len(set(signs)) or _UNKNOWN not in signs:
        raise FormatError(f"a viseme preset names every sound once, and {_UNKNOWN} among them", hint)
    return preset


def _viseme(v: Mapping[str, Any], timing: Mapping[str, Any]) -> Viseme:
    if wrong := [c for c in v["shape"] if c not in GROUP_OF]:
        raise ValueError(f"channel {wrong[0]} of {v['name']}")
    if any(not 0 <= x <= 1 for x in v["shape"].values()):
        raise ValueError(f"a value of {v['name']} outside 0..1")
    contact = v.get("contact")
    if contact and contact["kind"] not in KINDS:
        raise ValueError(f"contact {contact['kind']} of {v['name']}")
    return Viseme(
        name=v["name"],
        ipa=tuple(v["ipa"]),
        weight={p: float(v["weight"][p]) for p in PARTS},
        shape=dict(v["shape"]),
        lead_s={p: float(v.get("lead_s", {}).get(p, timing["lead_s"][p])) for p in PARTS},
        follow_s={p: float(v.get("follow_s", {}).get(p, timing["follow_s"][p])) for p in PARTS},
        contact=contact and Contact(contact["kind"], contact["strength"], tuple(contact["hold"]), contact["keep"]),
        vowel=bool(v.get("vowel", False)),
    )
