"""The sounds that the phone network tells apart, any language's: what the mouth does, whether or not there is voice."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from ..core.phones import base


class Sound(NamedTuple):
    """One class of frames.

    name       unique; a plosive is two classes, its closure (pcl) and its release (prel)
    ipa        what it is called without and with voice; "" for what is no phone
    shortest   frames (10 ms) that it lasts at least
    """

    name: str
    ipa: tuple[str, str]
    shortest: int


SOUNDS: tuple[Sound, ...] = (
    Sound("sil", ("", ""), 2), Sound("breath", ("", ""), 5),
    Sound("pcl", ("p", "b"), 2), Sound("prel", ("p", "b"), 1), Sound("m", ("m", "m"), 2),
    Sound("f", ("f", "v"), 2), Sound("th", ("θ", "ð"), 2),
    Sound("tcl", ("t", "d"), 1), Sound("trel", ("t", "d"), 1), Sound("n", ("n", "n"), 2), Sound("l", ("l", "l"), 2),
    Sound("s", ("s", "z"), 2), Sound("sh", ("ʃ", "ʒ"), 2),
    Sound("kcl", ("k", "ɡ"), 1), Sound("krel", ("k", "ɡ"), 1), Sound("ng", ("ŋ", "ŋ"), 2),
    Sound("palatal", ("ç", "ʝ"), 2), Sound("x", ("x", "ʁ"), 2), Sound("h", ("h", "ɦ"), 2),
    Sound("glottal", ("ʔ", "ʔ"), 1),
    Sound("rhotic", ("ɹ", "ɹ"), 2), Sound("tap", ("ɾ", "ɾ"), 1), Sound("w", ("w", "w"), 2), Sound("j", ("j", "j"), 2),
    Sound("i", ("i", "i"), 2), Sound("ih", ("ɪ", "ɪ"), 2), Sound("e", ("e", "e"), 2), Sound("eh", ("ɛ", "ɛ"), 2),
    Sound("ae", ("æ", "æ"), 2), Sound("a", ("a", "a"), 2), Sound("uh", ("ɐ", "ɐ"), 2), Sound("schwa", ("ə", "ə"), 2),
    Sound("aw", ("ɔ", "ɔ"), 2), Sound("o", ("o", "o"), 2), Sound("oo", ("ʊ", "ʊ"), 2), Sound("u", ("u", "u"), 2),
    Sound("y", ("y", "y"), 2), Sound("oe", ("ø", "ø"), 2),
)  # fmt: skip
NAMES = tuple(s.name for s in SOUNDS)
INDEX = {name: i for i, name in enumerate(NAMES)}
RELEASE = {"pcl": "prel", "tcl": "trel", "kcl": "krel"}
"""A plosive's closure and what may follow it."""

# IPA letter to class
_LETTERS: dict[str, str] = {
    **dict.fromkeys("pbɓ", "pcl"), **dict.fromkeys("mɱ", "m"), **dict.fromkeys("fvʋɸβⱱ", "f"),
    **dict.fromkeys("θð", "th"), **dict.fromkeys("tdʈɖɗ", "tcl"), **dict.fromkeys("nɳɲ", "n"),
    **dict.fromkeys("lɫɭʎɬɮʟ", "l"), **dict.fromkeys("sz", "s"), **dict.fromkeys("ʃʒʂʐɕʑ", "sh"),
    **dict.fromkeys("kɡgqɢcɟɠ", "kcl"), **dict.fromkeys("ŋɴ", "ng"), **dict.fromkeys("çʝ", "palatal"),
    **dict.fromkeys("xɣχʁʀħʕɰ", "x"), **dict.fromkeys("hɦ", "h"), "ʔ": "glottal", **dict.fromkeys("ɹɻɚɝ", "rhotic"),
    **dict.fromkeys("rɾɽ", "tap"), **dict.fromkeys("wʍ", "w"), **dict.fromkeys("jɥ", "j"),
    **dict.fromkeys("iɨ", "i"), "ɪ": "ih", "e": "e", "ɛ": "eh", "æ": "ae", **dict.fromkeys("aɑɶ", "a"),
    **dict.fromkeys("ɐʌɜɞ", "uh"), **dict.fromkeys("əɘɤɯᵻ", "schwa"), **dict.fromkeys("ɔɒ", "aw"), "o": "o",
    "ʊ": "oo", **dict.fromkeys("uʉ", "u"), **dict.fromkeys("yʏ", "y"), **dict.fromkeys("øœɵ", "oe"),
}  # fmt: skip
_UNVOICED = frozenset("ptʈkqcfɸθsʃʂɕçxχħhʔɬʍ")


def classes(ipa: str) -> list[tuple[int, bool]]:
    """The classes of a phone in order, each with voice or without: aɪ is a and ih, t͡s tcl and s.

    Empty where nothing is known.
    """
    letters = [c for c in unicodedata.normalize("NFC", base(ipa).replace("͡", "")) if c in _LETTERS]
    return [(INDEX[_LETTERS[c]], c not in _UNVOICED) for c in letters]
