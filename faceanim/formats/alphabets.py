"""Phone labels of other programs in IPA: ARPAbet with and without stress, TIMIT's, X-SAMPA."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ..core.phones import ARPABET

SILENCE = frozenset((
    "", "sil", "sp", "spn", "pau", "#", "h#", "epi", "_", "-", "<p:>", "<p>", "<usb>", "<nib>", "<sil>", "<eps>",
    "noise", "ns", "breath", "br", "+spn+", "+nsn+", "(...)", "(.)", "...", "xxx", "silence", "pause", "ssil", "q",
))  # fmt: skip
"""Labels, in lower case, of what is no phone."""

_TIMIT = {
    "AXR": "ɚ", "AX-H": "ə", "IX": "ɪ", "UX": "u", "DX": "ɾ", "NX": "ɾ̃", "EL": "l", "EM": "m", "EN": "n", "ENG": "ŋ",
    "HV": "h", "BCL": "b", "DCL": "d", "GCL": "ɡ", "PCL": "p", "TCL": "t", "KCL": "k", "OOV": "",
}  # fmt: skip
_ENGLISH = {**{k: v for k, v in ARPABET.items() if v}, **_TIMIT}

_SAMPA = {
    "r\\`": "ɻ", "r\\": "ɹ", "s\\": "ɕ", "z\\": "ʑ", "h\\": "ɦ", "x\\": "ɧ", "j\\": "ʝ", "p\\": "ɸ", "v\\": "ʋ",
    "l\\": "ɺ", "R\\": "ʀ", "B\\": "ʙ", "N\\": "ɴ", "G\\": "ɢ", "X\\": "ħ", "?\\": "ʕ", "M\\": "ɰ", "@\\": "ɘ",
    "3\\": "ɞ", "I\\": "ᵻ", "s`": "ʂ", "z`": "ʐ", "t`": "ʈ", "d`": "ɖ", "n`": "ɳ", "l`": "ɭ", "r`": "ɽ", "@`": "ɚ",
    "3`": "ɝ", "_h": "ʰ", "_j": "ʲ", "_w": "ʷ", "@": "ə", "6": "ɐ", "{": "æ", "}": "ʉ", "2": "ø", "9": "œ", "&": "ɶ",
    "A": "ɑ", "Q": "ɒ", "V": "ʌ", "E": "ɛ", "I": "ɪ", "O": "ɔ", "U": "ʊ", "Y": "ʏ", "1": "ɨ", "3": "ɜ", "7": "ɤ",
    "8": "ɵ", "M": "ɯ", "N": "ŋ", "J": "ɲ", "S": "ʃ", "Z": "ʒ", "T": "θ", "D": "ð", "C": "ç", "R": "ʁ", "X": "χ",
    "G": "ɣ", "H": "ɥ", "L": "ʎ", "B": "β", "F": "ɱ", "K": "ɬ", "P": "ʋ", "W": "ʍ", "?": "ʔ", "4": "ɾ", "g": "ɡ",
    ":": "ː", "~": "̃", "=": "̩", '"': "ˈ", "%": "ˌ", "'": "ʲ", "_": "",
}  # fmt: skip
_SAMPA_SIGN = re.compile("|".join(re.escape(s) for s in sorted(_SAMPA, key=len, reverse=True)) + "|.")
_AFFRICATE = re.compile("^(p)(f)|^(t)([sʃɕʂ])|^(d)([zʒʑʐ])")


def to_ipa(labels: Iterable[str]) -> Callable[[str], str]:
    """How the labels of one file are to be read: a function from one to IPA, "" for silence and noise."""
    heard = [label for label in labels if not silent(label)]
    if all(re.sub(r"\d$", "", label).upper() in _ENGLISH for label in heard) and any(
        len(label) > 1 or label.isupper() for label in heard
    ):
        return lambda label: "" if silent(label) else _ENGLISH.get(re.sub(r"\d$", "", label).upper(), "")
    if all(label.isascii() for label in heard):
        return lambda label: "" if silent(label) else _joined("".join(_sampa(label)))
    return lambda label: "" if silent(label) else _joined(label.strip().replace("g", "ɡ"))


def silent(label: str) -> bool:
    return label.strip().lower() in SILENCE


def _sampa(label: str) -> list[str]:
    return [_SAMPA.get(sign, sign) for sign in _SAMPA_SIGN.findall(label.strip())]


def _joined(ipa: str) -> str:
    return _AFFRICATE.sub(lambda found: "͡".join(g for g in found.groups() if g), ipa)
