"""Text laid along sound: the likeliest times of its words and phones under a network's posteriors, and where it errs.

A Viterbi search (Viterbi 1967) through a line of states: between two words there may be silence, or sound that no word
of the text stands for; a word may be left out; the sound may begin and end inside a word. Each costs something, so that
the text is believed until the sound says otherwise clearly. Of a long text only a band around the places that are
recognised for sure is searched, second by second, and backpointers are made again while tracing back, so that memory
stays small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.phones import BILABIAL, base
from ..core.take import Phone, Word
from .anchors import anchors, band
from .trellis import BLOCK, TUNED, Classes, Line, Sound, Tuning, search

__all__ = ["TUNED", "Alignment", "Classes", "Tuning", "align", "heard"]

ASPIRATION = 0.03
"""Seconds of breath after a closure of the lips that are a sound of their own, with the mouth open."""
SHORTEST_ADDED = 0.12
"""Seconds of speech without a word that are worth a mention."""
LONGEST_MENTION = 200
"""Letters of a run of words in a disagreement."""


class Alignment(NamedTuple):
    """What is said when.

    phones         in order; those of the text, and those heard where the text has none; silence is left out
    words          of the text that were found, in order, not overlapping
    disagreements  {"time": s, "end": s, "word": text, "kind": "missing" | "added"}: words of the text that were not
                   said (a run of them is one) and speech that is not in the text (word: its phones, in //)
    fit            share of the speech, 0..1, that lies in words of the text
    misfit         what the text costs a frame of speech, in ln of likelihood, against the likeliest class of each frame
    """

    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    disagreements: tuple[dict[str, Any], ...]
    fit: float
    misfit: float


def align(
    log_posteriors: np.ndarray,
    classes: Classes,
    words: Sequence[tuple[str, Sequence[str]]],
    rate_hz: float = 100.0,
    voice: np.ndarray | None = None,
    tuning: Tuning = TUNED,
) -> Alignment:
    """Words with their IPA phones laid along posteriors.

    log_posteriors  float (T, C), ln, over `classes`, `rate_hz` a second
    words           (text, phones); a word without a phone that the classes know is passed over
    voice           float (T,): chance of voice, to name what is heard without a text (default: all without)
    """
    log = np.asarray(log_posteriors)
    line = Line(words, classes, tuning)
    if not len(log):
        return Alignment((), (), (), 0.0, 0.0)
    sound = Sound(log, classes, tuning)
    windows = band(anchors(log, classes, line.sequence, line.sequence_word), len(log), line.offset, BLOCK)
    path, missing = search(line, sound, windows)
    return _read(line, path, missing, log, voice, classes, rate_hz, tuning)


def heard(
    log: np.ndarray, classes: Classes, voice: np.ndarray | None = None, change: float = TUNED.change
) -> list[tuple[int, int, str, float]]:
    """(first frame, frame after the last, IPA, confidence) of the phones in log posteriors (n, C), without any text."""
    score, back = log[0].astype(float), np.empty(log.shape, int)
    for t in range(1, len(log)):
        best = int(score.argmax())
        stay = score >= score[best] + change
        back[t] = np.where(stay, np.arange(len(score)), best)
        score = np.where(stay, score, score[best] + change) + log[t]
    path = np.empty(len(log), int)
    path[-1] = score.argmax()
    for t in range(len(log) - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    found: list[tuple[int, int, str, float]] = []
    for a, b in _runs(path):
        kind = int(path[a])
        voiced = voice is not None and float(voice[a:b].mean()) > 0.5
        ipa = classes.ipa[kind][voiced]
        if found and found[-1][1] == a and kind in classes.release.values() and found[-1][2] in classes.ipa[kind]:
            found[-1] = (found[-1][0], b, *found[-1][2:])
        elif ipa:
            found.append((a, b, ipa, float(np.exp(log[a:b, kind]).mean())))
    return found


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(values)) + 1
    return list(zip([0, *edges.tolist()], [*edges.tolist(), len(values)], strict=True))


def _read(
    line: Line,
    path: np.ndarray,
    missing: list[tuple[int, int]],
    log: np.ndarray,
    voice: np.ndarray | None,
    classes: Classes,
    rate_hz: float,
    tuning: Tuning,
) -> Alignment:
    """The path as phones, words and disagreements."""
    kind = line.phone[path]
    phones: list[Phone] = []
    spans: dict[int, tuple[int, int]] = {}
    odd = _left_out(line, missing, len(path), rate_hz)
    said = added = 0
    for a, b in _runs(kind):
        k = int(kind[a])
        if k >= 0:
            phones += _phone(line, k, path[a:b], a, log, rate_hz)
            word = line.word_of[k]
            spans[word] = (spans.get(word, (a, b))[0], b)
            said += b - a
        elif k == -2:
            sounds = heard(log[a:b], classes, None if voice is None else voice[a:b], tuning.change)
            phones += [Phone((a + p) / rate_hz, (a + q) / rate_hz, ipa, round(c, 3)) for p, q, ipa, c in sounds]
            length = sum(q - p for p, q, _, _ in sounds)
            added += length
            if length >= SHORTEST_ADDED * rate_hz:
                text = "".join(ipa for _, _, ipa, _ in sounds)[:LONGEST_MENTION]
                begin, end = (a + sounds[0][0]) / rate_hz, (a + sounds[-1][1]) / rate_hz
                odd.append({"time": round(begin, 3), "end": round(end, 3), "word": f"/{text}/", "kind": "added"})
    words = tuple(Word(a / rate_hz, b / rate_hz, line.words[w]) for w, (a, b) in spans.items())
    misfit = _misfit(line, path, odd, log, rate_hz, tuning)
    odd.sort(key=lambda entry: entry["time"])
    return Alignment(tuple(phones), words, tuple(odd), round(said / max(said + added, 1), 4), misfit)


def _misfit(
    line: Line, path: np.ndarray, odd: list[dict[str, Any]], log: np.ndarray, rate_hz: float, tuning: Tuning
) -> float:
    said, other = line.whose[path] >= 0, line.phone[path] == -2
    spoken = int(said.sum() + other.sum())
    if not spoken:
        return 0.0
    rows = np.maximum(log[said], tuning.floor)
    lost = float((rows.max(1) - rows[np.arange(len(rows)), line.state[path[said]]]).sum())
    # before the first and after the last word the sound may be cut
    first, last = (np.flatnonzero(said)[[0, -1]] / rate_hz) if len(rows) else (0.0, 0.0)
    within = sum(entry["kind"] == "missing" and first < entry["time"] < last for entry in odd)
    return round((lost + tuning.added_frame * int(other.sum()) + tuning.skip * within) / spoken, 4)


def _phone(line: Line, k: int, states: np.ndarray, first: int, log: np.ndarray, rate_hz: float) -> Iterator[Phone]:
    """A phone of the text at `first` and the states of its frames; a long release of the lips is a sound of its own."""
    column = line.state[states]
    confidence = round(float(np.exp(log[np.arange(first, first + len(states)), column]).mean()), 3)
    closed = len(states)
    if line.release[k] >= 0 and base(line.ipa[k])[:1] in BILABIAL:
        released = int((column == line.release[k]).sum())
        closed -= released if released >= ASPIRATION * rate_hz and released < len(states) else 0
    start, middle, end = first / rate_hz, (first + closed) / rate_hz, (first + len(states)) / rate_hz
    yield Phone(start, middle, line.ipa[k], confidence)
    if closed < len(states):
        yield Phone(middle, end, "h", confidence)


def _left_out(line: Line, missing: list[tuple[int, int]], frames: int, rate_hz: float) -> list[dict[str, Any]]:
    """Words that were not said; those that follow each other at one time are one disagreement."""
    found: list[dict[str, Any]] = []
    last = (-2, 0)
    for word, frame in missing:
        frame = frames if frame < 0 else frame
        if found and word == last[0] + 1 and frame == last[1]:
            entry = found[-1]
            entry["words"] += 1
            if len(entry["word"]) < LONGEST_MENTION:
                entry["word"] = f"{entry['word']} {line.words[word]}"
                entry["word"] = entry["word"] if len(entry["word"]) < LONGEST_MENTION else entry["word"] + " …"
        else:
            time = round(frame / rate_hz, 3)
            found.append({"time": time, "end": time, "word": line.words[word], "kind": "missing", "words": 1})
        last = (word, frame)
    return found
