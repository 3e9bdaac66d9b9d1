"""Recorded speech: EMO-DB's hand labels, GRID aligned with its texts by PocketSphinx."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...features.mel import FRAME_HZ, log_mel
from ...features.phone_classes import INDEX, classes
from ...features.sphinx import pocketsphinx_phones
from ...source import audio
from .labels import IGNORED, Utterance, frames, utterance

# EMO-DB's symbols that are not SAMPA of one letter each
_SPECIAL = {
    "(": "sil", "(gef": "breath", ".": "sil", "": "sil", "!p": "prel", "!b": "prel", "pasp": "prel", "basp": "prel",
    "!t": "trel", "!d": "trel", "tasp": "trel", "dasp": "trel", "dsap": "trel", "!": "trel", "!k": "krel",
    "!g": "krel", "kasp": "krel", "gasp": "krel", "gas": "krel",
}  # fmt: skip
_SAMPA = {"I": "ɪ", "E": "ɛ", "@": "ə", "O": "ɔ", "U": "ʊ", "Y": "ʏ", "9": "œ", "2": "ø", "6": "ɐ", "N": "ŋ", "S": "ʃ",
          "Z": "ʒ", "C": "ç", "X": "χ", "R": "ʁ", "4": "ɾ", "V": "ʋ", "D": "ð", "G": "ɣ", "H": "ɦ", "?": "ʔ", "A": "a",
          "L": "l", "J": "ʝ", "g": "ɡ"}  # fmt: skip
_LENIS = "B"
"""b without a full closure: neither taught as closed nor as open."""


def emodb(folder: Path) -> Iterator[tuple[dict, Utterance]]:
    """(row of index.csv, Utterance) of every clip that has labels."""
    for row in _rows(folder / "index.csv"):
        if row["labels"]:
            mel = log_mel(audio.read(folder / row["path"]))
            yield row, Utterance(Path(row["path"]).stem, mel, *_emodb_frames(len(mel), folder / row["labels"]))


def _emodb_frames(count: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    spans, ignored, end = [], [], 0.0
    for r in _rows(path, "\t"):
        start, end, phone = float(r["start_s"]), float(r["end_s"]), r["phone"].strip()
        if phone == _LENIS:
            ignored.append((start, end))
        elif phone in _SPECIAL:
            spans.append((start, end, [(INDEX[_SPECIAL[phone]], phone[-1:] in ("b", "d", "g"))]))
        elif found := classes("".join(_SAMPA.get(c, c) for c in phone.lstrip("_"))):
            # what is long is one sound
            spans.append((start, end, found[:1] if len(set(found)) == 1 else found))
        else:
            raise ValueError(f"{path}: no class for '{phone}'")
    sound, voice = frames(count, spans)
    for a, b in ignored:
        span = slice(int(a * FRAME_HZ), int(np.ceil(b * FRAME_HZ)))
        sound[span] = voice[span] = IGNORED
    return sound, voice


def grid(folder: Path) -> Iterator[tuple[str, Utterance]]:
    """(clip, Utterance)."""
    texts: dict[str, list[str]] = {}
    for row in _rows(folder / "words.csv"):
        if row["word"] not in ("sil", "sp"):
            texts.setdefault(row["clip"], []).append(row["word"])
    for clip, words in texts.items():
        if found := aligned(folder / "clips" / f"{clip}.mkv", " ".join(words)):
            yield clip, found


def aligned(path: Path, text: str) -> Utterance | None:
    """A recording with the phones of its text; None where they do not fit."""
    samples = audio.read(path)
    speech = pocketsphinx_phones([samples], text)
    if speech.quality["speech"] != "aligned":
        return None
    return utterance(path.stem, log_mel(samples), [(p.start, p.end, p.ipa) for p in speech.phones])


def _rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE if delimiter == "\t" else 0))
