"""What the words say of feelings, by word time: VADER's sentiment (Hutto, Gilbert 2014) in English.

VADER knows that words are good or bad, how much, and what "not", "very", "but" and "!" do to them. It does not know
which bad feeling is meant, nor irony: a short list of plain words decides between sad, angry, fearful and disgusted,
and where none of them stands the excitement of the voice does, roughly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..core.emotion import LABELS
from ..core.events import ease
from ..core.take import Word
from ..core.track import Track
from . import languages

HZ = 20.0
LANGUAGES: dict[str, str] = {"en": "VADER (vaderSentiment): words and phrases of English, from social media and news"}
"""Languages that are covered, and by what. In others the voice alone tells."""
PAUSE_S = 0.6
"""A sentence ends at a full stop, or at a pause this long."""
LONGEST = 30
"""Words of a sentence that is looked at as one."""
BEFORE, AFTER = 5, 2
"""Words before and after one that are read with it: what negates or strengthens a word stands before it."""
FAINT, CLEAR = 0.08, 0.6
"""VADER's compound score (0..1 without its sign): below the one it says nothing, above the other all it can."""
SMOOTH_S = 0.35
REACH_S = 0.4
"""A word counts this long before and after itself."""
MINDED = 0.25
"""The share of what is felt that a sentence gives to all its words, and not only to those that say it."""

NEGATIVE = ("sad", "angry", "fearful", "disgust")
NAMES: dict[str, str] = {
    "sad": "sad* cry crying cried tears weep* wept grief griev* mourn* lonel* alone lost miss missed die died dies "
    "dying dead death* sorry sorrow* regret* hopeless* depress* miserab* heartbr* broken funeral* unhapp* disappoint* "
    "tragic* tragedy gone hurt* pity melanchol* despair*",
    "angry": "angr* anger furious* fury rage raging hate* hating mad annoy* irritat* damn* hell idiot* stupid* shut "
    "outrag* enem* fight* kill* blame* unfair* liar* lies insult* betray* revenge threat yell* resent* hostil* "
    "bastard* attack* fool*",
    "fearful": "afraid fear* scare* scary scaring terrif* terror* panic* horror* dread* nervous* worr* anxi* danger* "
    "help fright* threaten* nightmare* alarm* trembl* escape* unsafe",
    "disgust": "disgust* gross nasty filth* vomit* puk* sick* rotten stink* stench revolt* repuls* yuck* ugh eww* ew "
    "vile loath* dirty foul slimy creepy",
    "surprised": "surpris* wow amaz* astonish* unbeliev* incredib* sudden* shock* unexpect* whoa stunned stunning "
    "really? what? what!",
}
"""Plain words that say which feeling it is; * stands for any ending."""
NEGATIONS = frozenset((
    "not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "hardly", "cannot", "cant", "dont",
    "wont", "isnt", "arent", "wasnt", "werent", "didnt", "doesnt", "havent", "hasnt", "hadnt", "wouldnt", "shouldnt",
    "couldnt",
))  # fmt: skip
"""A word of feeling within three words after one of these is not felt."""

_NAMED = tuple(
    re.compile("(?:" + "|".join(re.escape(w).replace(r"\*", r"\w*") for w in words.split()) + r")[?!]*")
    for words in NAMES.values()
)


def covered(words: Sequence[Word], language: str = "auto") -> tuple[bool, str]:
    """Whether these words can be read, and in words why, or why not. language: BCP 47, or "auto": by the words."""
    if find_spec("vaderSentiment") is None:
        return False, "not read: the package vaderSentiment is not installed"
    tag = language.strip().lower()
    if tag in ("", "auto"):
        text = " ".join(word.text for word in words)
        voice = languages.likely(text)
        if voice is None:
            return False, "not read: too few words to tell their language (name it by --language)"
        tag = voice
    name = tag.replace("_", "-").split("-")[0]
    if name not in LANGUAGES:
        return False, f"not read: no sentiment for the language '{tag}', the voice alone tells (read are: en)"
    return True, LANGUAGES[name]


def sentiment(words: Sequence[Word], seconds: float, arousal: Track | None = None) -> Track:
    """The "text_emotion" track of English words: LABELS at HZ from time 0, rows that sum to 1.

    Confidence is how much the words say: 0 where nobody speaks or words are of no feeling. arousal: a Track with a
    channel "arousal" (0..1), which tells loud anger from quiet sadness where the words do not.
    """
    times = np.arange(int(np.ceil(seconds * HZ)) + 1) / HZ
    total, weight = np.zeros((len(times), len(LABELS))), np.zeros(len(times))
    for sentence in sentences(words):
        rows, clear = _felt(sentence, arousal)
        for word, row, sure in zip(sentence, rows, clear, strict=True):
            away = np.maximum(np.maximum(word.start - times, times - word.end), 0)
            part = sure * ease(1 - away / REACH_S)
            total += part[:, None] * row
            weight += part
    kernel = np.exp(-0.5 * (np.arange(-20, 21) / (SMOOTH_S * HZ)) ** 2)
    values = total / np.maximum(weight, 1e-9)[:, None]
    values[weight <= 1e-6] = np.eye(len(LABELS))[0]
    sure = np.convolve(np.minimum(weight, 1), kernel / kernel.sum())[20 : 20 + len(times)]
    return Track.of(HZ, LABELS, values, np.clip(sure, 0, 1))


def sentences(words: Sequence[Word]) -> list[list[Word]]:
    """Words that belong together."""
    found: list[list[Word]] = []
    for word in words:
        last = found[-1][-1] if found else None
        if last is None or word.start - last.end > PAUSE_S or last.text[-1:] in ".!?…" or len(found[-1]) >= LONGEST:
            found.append([])
        found[-1].append(word)
    return found


def _felt(sentence: Sequence[Word], arousal: Track | None) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (W, L) and how clear they are (W,) 0..1 of each word of a sentence."""
    texts = [word.text for word in sentence]
    whole = _score(" ".join(texts))
    scores = np.array([_score(" ".join(texts[max(i - BEFORE, 0) : i + AFTER + 1])) for i in range(len(texts))])
    scores = np.where(scores * whole >= 0, MINDED * whole + (1 - MINDED) * scores, MINDED * whole)
    named = np.array([_named(texts, i) for i in range(len(texts))])
    any_named = named.sum(0)
    rows = np.zeros((len(texts), len(LABELS)))
    clear = ease((np.abs(scores) - FAINT) / (CLEAR - FAINT))
    excited = _excitement(sentence, arousal)
    for i, score in enumerate(scores):
        row = np.zeros(len(LABELS))
        if score > 0:
            row[LABELS.index("happy")] = 1
        elif score < 0:
            # without a word that names it, shouted is angry rather, and whispered sad
            prior = np.array([0.5 - 0.35 * excited, 0.2 + 0.35 * excited, 0.2, 0.1])
            counts = 2 * named[i, :4] + any_named[:4]
            row[[LABELS.index(label) for label in NEGATIVE]] = (prior + 2 * counts) / (1 + 2 * counts.sum())
        startled = min(named[i, 4] + 0.5 * any_named[4], 1.0)
        surprise = np.eye(len(LABELS))[LABELS.index("surprised")]
        row = row / max(row.sum(), 1e-9) * (1 - 0.6 * startled) + surprise * 0.6 * startled
        felt = max(clear[i], 0.6 * startled)
        rows[i] = felt * row / max(row.sum(), 1e-9)
        rows[i, LABELS.index("neutral")] += 1 - rows[i].sum()
        clear[i] = felt
    return rows, clear


def _named(texts: Sequence[str], i: int) -> np.ndarray:
    """(5,) of NAMES: whether a word names a feeling that no word before it negates."""
    plain = re.sub(r"[^\w?!]", "", texts[i].lower())
    negated = any(re.sub(r"\W", "", t.lower()) in NEGATIONS for t in texts[max(i - 3, 0) : i])
    return np.array([0.0 if negated else float(bool(names.fullmatch(plain))) for names in _NAMED])


def _excitement(sentence: Sequence[Word], arousal: Track | None) -> float:
    if arousal is None or not arousal.frames:
        return 0.5
    values, confidence = arousal.select(("arousal",)).at(np.linspace(sentence[0].start, sentence[-1].end, 20))
    return float((values * confidence).sum() / confidence.sum()) if confidence.sum() > 0 else 0.5


def _score(text: str) -> float:
    return float(_vader().polarity_scores(text)["compound"])


@lru_cache(maxsize=1)
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
