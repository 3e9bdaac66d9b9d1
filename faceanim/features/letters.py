"""Text to words as they are spoken, and a pronunciation for words that no dictionary has."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# Longest first. Spelling to ARPAbet as it holds for most European spellings: what counts here is that lips, teeth and
# vowels of about the right opening are in the right order, not the accent.
_RULES: tuple[tuple[str, str], ...] = (
    ("sch", "SH"), ("tch", "CH"), ("igh", "AY"), ("eau", "OW"), ("tsch", "CH"),
    ("ch", "K"), ("ck", "K"), ("sh", "SH"), ("th", "TH"), ("ph", "F"), ("qu", "K W"), ("ng", "NG"), ("pf", "P F"),
    ("wh", "W"), ("kn", "N"), ("ee", "IY"), ("ea", "IY"), ("ie", "IY"), ("oo", "UW"), ("ou", "AW"), ("ow", "AW"),
    ("au", "AW"), ("aw", "AO"), ("ai", "AY"), ("ay", "EY"), ("ei", "AY"), ("ey", "EY"), ("eu", "OY"), ("oi", "OY"),
    ("oy", "OY"), ("ö", "ER"), ("ü", "UW"), ("ä", "EH"), ("ß", "S"), ("ø", "ER"), ("å", "AO"), ("æ", "AE"), ("œ", "ER"),
    ("ç", "S"), ("ñ", "N Y"),
    ("a", "AA"), ("b", "B"), ("c", "K"), ("d", "D"), ("e", "EH"), ("f", "F"), ("g", "G"), ("h", "HH"), ("i", "IH"),
    ("j", "Y"), ("k", "K"), ("l", "L"), ("m", "M"), ("n", "N"), ("o", "AO"), ("p", "P"), ("q", "K"), ("r", "R"),
    ("s", "S"), ("t", "T"), ("u", "UH"), ("v", "V"), ("w", "W"), ("x", "K S"), ("y", "IY"), ("z", "Z"),
)
_PHONES = dict(_RULES)
_CONTINENTAL = {"w": "V", "wh": "V", "v": "F", "z": "T S", "ch": "HH", "th": "T", "kn": "K N", "qu": "K V"}
"""What is said otherwise on the continent, with the lips above all."""
_LONGEST = max(len(spelling) for spelling, _ in _RULES)


def spoken(text: str) -> list[str]:
    """The words of a text in order, in lower case: letters and apostrophes; digits are read one by one."""
    text = re.sub(r"\d", lambda digit: f" {_DIGITS[int(digit[0])]} ", text.lower().replace("’", "'"))
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", unicodedata.normalize("NFC", text))
    return [word for word in words if pronounce(word)]


def pronounce(word: str, continental: bool = False) -> list[str]:
    """ARPAbet phones of a word by its letters; a letter of no known sound is left out, doubled letters count once."""
    rules = _PHONES | _CONTINENTAL if continental else _PHONES
    word = unicodedata.normalize("NFC", word.lower())
    phones: list[str] = []
    i = 0
    while i < len(word):
        for length in range(min(_LONGEST, len(word) - i), 0, -1):
            part = word[i : i + length]
            sound = rules.get(part) or (rules.get(_bare(part)) if length == 1 else None)
            if sound:
                phones += [p for p in sound.split() if not (length == 1 and phones[-1:] == [p])]
                break
        i += length
    return phones


def _bare(letter: str) -> str:
    return unicodedata.normalize("NFKD", letter)[:1]
