"""IPA classes that the rest of the house asks about, and the phones of the English dictionaries in IPA."""

from __future__ import annotations

import unicodedata

BILABIAL = frozenset(["p", "b", "m", "ɓ", "ʙ", "ᵐb"])
"""The lips meet."""
LABIODENTAL = frozenset(["f", "v", "ɱ", "ʋ", "p͡f"])
"""The lower lip touches the upper teeth."""
SIBILANT = frozenset(["s", "z", "ʃ", "ʒ", "ɕ", "ʑ", "ʂ", "ʐ", "t͡s", "d͡z", "t͡ʃ", "d͡ʒ", "t͡ɕ", "d͡ʑ"])
"""The jaw is nearly closed."""

ARPABET: dict[str, str] = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AX": "ə", "AY": "aɪ", "EH": "ɛ", "ER": "ɝ", "EY": "eɪ",
    "IH": "ɪ", "IY": "i", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "u",
    "B": "b", "CH": "t͡ʃ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "JH": "d͡ʒ", "K": "k", "L": "l",
    "M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w",
    "Y": "j", "Z": "z", "ZH": "ʒ",
    "SIL": "", "+SPN+": "", "+NSN+": "",
}
"""The phones of the CMU pronouncing dictionary in IPA; silence and noise are the empty string."""

_MARKS = str.maketrans("", "", "ˈˌːˑʰʲʷˠˤ̩̯̃̊̚.")


def base(ipa: str) -> str:
    """The symbol without stress, length, aspiration, secondary articulation, nasalisation and syllabicity."""
    parts = unicodedata.normalize("NFD", ipa).replace("c\u0327", "ç")  # ç is a letter of its own, ã is not
    return parts.translate(_MARKS)
