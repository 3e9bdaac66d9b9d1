"""Which language a text is in: by its script, by letters that few languages have, by its commonest words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

ENGLISH = "en-us"
LATIN = "LATIN"

SCRIPTS: dict[str, str] = {
    "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar", "HEBREW": "he", "DEVANAGARI": "hi", "BENGALI": "bn",
    "GURMUKHI": "pa", "GUJARATI": "gu", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml",
    "SINHALA": "si", "THAI": "th", "MYANMAR": "my", "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am",
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "cmn",
}  # fmt: skip
"""Script (the first word of its letters' Unicode names) to the espeak-ng voice that reads it unless more is known."""

_WRITES: dict[str, frozenset[str]] = {
    **{voice: frozenset((script,)) for script, voice in SCRIPTS.items()},
    **dict.fromkeys(("ja",), frozenset(("HIRAGANA", "KATAKANA", "CJK"))),
    **dict.fromkeys(("yue", "hak"), frozenset(("CJK",))),
    **dict.fromkeys(("uk", "bg", "mk", "be", "ba", "cv", "ky", "tt", "kk"), frozenset(("CYRILLIC",))),
    "sr": frozenset(("CYRILLIC", LATIN)), "bs": frozenset(("CYRILLIC", LATIN)), "uz": frozenset(("CYRILLIC", LATIN)),
    **dict.fromkeys(("fa", "ur", "sd", "ug"), frozenset(("ARABIC",))),
    **dict.fromkeys(("mr", "ne", "kok"), frozenset(("DEVANAGARI",))),
    **dict.fromkeys(("as", "bpy"), frozenset(("BENGALI",))), "grc": frozenset(("GREEK",)),
    "hyw": frozenset(("ARMENIAN",)), "ti": frozenset(("ETHIOPIC",)), "or": frozenset(("ORIYA",)),
}  # fmt: skip
"""Voice to the scripts that it reads; LATIN where it is not named."""

# letters that decide between the languages of one script
_LETTERS: tuple[tuple[str, str, str], ...] = (
    ("CYRILLIC", "іїєґ", "uk"), ("CYRILLIC", "ђћљњџ", "sr"), ("CYRILLIC", "ў", "be"), ("CYRILLIC", "әғқңө", "kk"),
    ("ARABIC", "ٹڈڑںے", "ur"), ("ARABIC", "پچژگ", "fa"),
    (LATIN, "ß", "de"), (LATIN, "ñ¿¡", "es"), (LATIN, "ãõ", "pt"), (LATIN, "łżźśćń", "pl"), (LATIN, "őű", "hu"),
    (LATIN, "ğı", "tr"), (LATIN, "řěů", "cs"), (LATIN, "țăș", "ro"),
    (LATIN, "ơưđạảấầẩậắằ", "vi"), (LATIN, "œ", "fr-fr"),
)  # fmt: skip

_COMMON: dict[str, str] = {
    ENGLISH: "the of and to in is was that it for you with he she his her on are this have not be at from they we "
    "what my",
    "de": "der die das und ist nicht ich ein eine den dem des zu mit auf für sie er es wir im von sich auch wie war am "
    "hat haben wird sind dass bei noch nach wenn schon",
    "fr-fr": "le la les des et est une un dans que qui pour pas ce sur avec il elle je nous vous du au en plus ne "
    "c'est l'on mais sont être",
    "es": "el la los las de y es en que un una por con no se su para como lo más pero está del al muy hay yo",
    "it": "il lo la gli le di e è un una che per non con sono del della si come ma anche nel questo più ho ha io",
    "pt": "o a os as de e é um uma que não em para com do da no na se por mais como mas foi você eu são está",
    "nl": "de het een en van is dat niet in ik op te zijn met voor er maar ook aan bij naar hij zij wij was heeft",
    "sv": "och att det är en ett som på av för med inte den jag har till om men var vi han hon så",
    "da": "og at det er en et som på af for med ikke den jeg har til om men var vi han hun så de",
    "nb": "og å det er en et som på av for med ikke den jeg har til om men var vi han hun så de",
    "pl": "i w na z się nie to jest do że jak ale co po tak za od był czy dla",
    "cs": "a v na se je že to si s z do o jak ale po tak by jsem byl pro není",
    "fi": "ja on ei se että hän mutta oli joka kun niin minä ovat myös tämä kuin sen",
    "tr": "ve bir bu da de için ile ne çok ben sen o değil var gibi daha mi ama",
    "hu": "a az és hogy nem egy is van meg ez de volt csak már mint ha",
    "ro": "și în de la nu este un o cu pe care să din mai ce am sunt",
    "id": "yang dan di ini itu dengan untuk tidak dari ke adalah saya akan pada ada kami",
    "vi": "là và của có không được cho một những các trong này với tôi",
    "sw": "na ya wa kwa ni katika la za kama hii hiyo lakini sana yangu",
}

_ALIASES: dict[str, str] = {
    "en": ENGLISH, "en-au": "en-gb", "en-nz": "en-gb", "en-ie": "en-gb", "en-in": "en-gb", "en-za": "en-gb",
    "en-uk": "en-gb", "zh": "cmn", "zh-hk": "yue", "zh-mo": "yue", "zh-yue": "yue", "fr": "fr-fr", "no": "nb",
    "nn": "nb", "iw": "he", "in": "id", "fil": "id", "tl": "id", "es-es": "es", "es-mx": "es-419", "es-ar": "es-419",
    "es-us": "es-419", "es-co": "es-419", "es-cl": "es-419", "es-pe": "es-419", "sh": "hr",
}  # fmt: skip
"""BCP 47 tags in lower case to espeak-ng's voices where the two differ, and to the nearest where it has none."""


def voice_of(tag: str, voices: frozenset[str]) -> str | None:
    """The voice among `voices` for a BCP 47 tag, whatever its case; None where there is none."""
    parts = tag.strip().lower().replace("_", "-").split("-")
    while parts:
        name = "-".join(parts)
        name = _ALIASES.get(name, name)
        if name in voices:
            return name
        parts.pop()
    return None


def script_of(text: str) -> str:
    """The script of a text's first letter that has one; LATIN where none has (digits, signs)."""
    return next((script for c in text if c.isalpha() for script in (_script(c),)), LATIN)


def _script(letter: str) -> str:
    return unicodedata.name(letter, LATIN).split()[0].split("-")[0]


def reads(voice: str, script: str) -> bool:
    """Whether a voice knows the letters of a script."""
    return script in _WRITES.get(voice, frozenset((LATIN,)))


def detect(text: str) -> str:
    """The voice for a text: English where nothing says otherwise. A guess; few words can be told from English badly."""
    return likely(text) or ENGLISH


def likely(text: str, instead_of: str | None = None) -> str | None:
    """The voice that a text's letters and words speak for; None where they speak for none, or, with `instead_of`, not
    clearly more than for that voice."""
    text = unicodedata.normalize("NFC", text[:20000].lower().replace("’", "'"))
    letters = Counter(c for c in text if c.isalpha())
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        scripts[_script(letter)] += count
    if not scripts:
        return None
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * (scripts["CJK"] + 1):
        scripts["HIRAGANA"] += scripts.pop("CJK", 0)
    script = scripts.most_common(1)[0][0]
    if script != LATIN:
        if instead_of is not None and reads(instead_of, script):
            return None
        voice = SCRIPTS.get(script, ENGLISH)
        marks = [(sum(text.count(c) for c in signs), v) for s, signs, v in _LETTERS if s == script]
        return max(marks)[1] if marks and max(marks)[0] else voice
    hits = _hits(text)
    best = max(hits, key=lambda voice: hits[voice])
    if hits[best] < 2:
        return None
    if instead_of is not None:
        return best if hits[best] > 2 * hits.get(instead_of, 0.0) else None
    return best if hits[best] > 1.3 * hits[ENGLISH] else ENGLISH


def _hits(text: str) -> dict[str, float]:
    """How many words of a text in lower case are among the commonest of each Latin language, with its own letters."""
    words = Counter(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text))
    total = sum(words.values())
    hits = {voice: float(sum(words[w] for w in common.split())) for voice, common in _COMMON.items()}
    for _, signs, voice in (row for row in _LETTERS if row[0] == LATIN):
        hits[voice] += min(sum(text.count(c) for c in signs), 0.1 * total + 2)
    return hits


def same_language(voice: str, other: str) -> bool:
    """Whether two voices speak one language: en-us and en-gb do."""
    return voice.split("-")[0] == other.split("-")[0]
