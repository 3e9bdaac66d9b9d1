"""Mouths that were seen, and labels of how open a mouth is, each with the phones of its sound."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...core.speech import Speech, silent_progress
from ...core.take import Word
from ...engine.aligned import aligned_source
from ...evaluate.lip_measures import openness
from ...features import phones
from ...solve.speech import Signs, shapes, signs
from ...solve.visemes import Visemes
from ...source import audio
from ..phones.corpora import emodb as emodb_frames
from ..phones.prepare import TEST_SPEAKERS, held_grid_clips
from .measures import NAMES, measures

BEFORE_S, AFTER_S = 0.5, 0.3
"""Frames this far before the first word and after the last are fitted, too: how a mouth opens and comes to rest."""
LEVELS = (0.0, 0.33, 0.55, 1.0)
"""How open CLOSED, NARROW, MID and WIDE are: the medians of the openings of real mouths at such sounds."""
LABEL_STEP_S = 0.04
_APART, _FIRST, _REST = 40.0, 15.0, 12.0
"""Seconds from clip to clip in the row of all, before the first, and of the pauses at a clip's ends."""


@dataclass(frozen=True)
class Mouths:
    """Clips in a row, _APART seconds from one to the next.

    speech    of each clip
    times     float (T,): of the frames, in the row
    clip      int (T,)
    measured  float (T, M): M of NAMES, the first ones
    inside    bool (T,): between the first and the last word
    word      str (T,): the word that is said, "" where none is
    delay     seconds by which pictures come after their sound; nan: not known, it is fitted
    weights   (M,) what each measure counts
    """

    names: tuple[str, ...]
    speech: tuple[Speech, ...]
    times: np.ndarray
    clip: np.ndarray
    measured: np.ndarray
    inside: np.ndarray
    word: np.ndarray
    delay: float
    weights: tuple[float, ...]

    @cached_property
    def _kept(self) -> dict[str, Signs]:
        return {}

    @cached_property
    def varied(self) -> np.ndarray:
        return self.centred(self.measured)

    def centred(self, values: np.ndarray) -> np.ndarray:
        """Values (T, M) without each clip's mean."""
        count = np.maximum(np.bincount(self.clip, minlength=len(self.names)), 1)
        mean = [np.bincount(self.clip, column, len(self.names)) / count for column in values.T]
        return values - np.array(mean).T[self.clip]

    def solved(self, visemes: Visemes, delay: float) -> np.ndarray:
        """float (T, M): the measures of the mouths that a preset gives."""
        row = self._signs(visemes)
        late = delay if np.isnan(self.delay) else self.delay
        values = shapes(row, visemes, self.times - late, 1 / 60)
        return measures(values, visemes.channels)[:, : self.measured.shape[1]]

    def _signs(self, visemes: Visemes) -> Signs:
        """All clips' signs in the row; kept, for most constants change nothing here."""
        key = json.dumps([visemes.timing[name] for name in ("breath", "loud_gain", "first_part")])
        if key not in self._kept:
            at = np.arange(len(self.names)) * _APART + _FIRST
            rows = [signs(speech, visemes) for speech in self.speech]
            self._kept.clear()
            self._kept[key] = Signs(
                np.concatenate([np.maximum(r.start, -_REST) + a for r, a in zip(rows, at, strict=True)]),
                np.concatenate([np.minimum(r.end, _REST) + a for r, a in zip(rows, at, strict=True)]),
                np.concatenate([r.viseme for r in rows]),
                np.concatenate([r.gain for r in rows]),
            )
        return self._kept[key]

    def only(self, rows: np.ndarray) -> Mouths:
        """These frames (bool (T,)) of it."""
        kept = {name: getattr(self, name)[rows] for name in ("times", "clip", "measured", "inside", "word")}
        return Mouths(self.names, self.speech, **kept, delay=self.delay, weights=self.weights)


def clips(data: Path, held: bool) -> list[str]:
    """GRID's clips that training leaves out, or the others."""
    out = set(held_grid_clips(data))
    with np.load(data / "grid" / "tracks.npz") as tracks:
        return sorted(c for c in map(str, tracks["clips"]) if (c in out) == held)


def grid(data: Path, model: phones.Model, names: Iterable[str], with_text: bool) -> Mouths:
    """Clips of GRID's speaker 1; with_text: the phones of its words, else those that are heard."""
    said = _words(data)
    sounds = {name: data / "grid" / "clips" / f"{name}.mkv" for name in names}
    return _tracked(data / "grid" / "tracks.npz", sounds, said, model, with_text)


def others(data: Path, model: phones.Model, with_text: bool) -> Mouths:
    """The four other speakers of GRID, for testing; all of their clip counts."""
    said = {}
    with open(data / "video_speech" / "index.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["source"].startswith("GRID") or Path(row["path"]).stem.startswith("grid_"):
                said[Path(row["path"]).stem] = [Word(-9.0, 99.0, word) for word in row["transcript"].split()]
    folder = data / "video_speech"
    return _tracked(folder / "tracks.npz", {n: folder / f"{n}.flac" for n in said}, said, model, with_text)


def emodb(data: Path, model: phones.Model) -> Mouths:
    """Emotional German with hand-labelled phones, all speakers but those of the test: how open by label."""
    found, speeches, names = [], [], []
    for row, utterance in emodb_frames(data / "emodb"):
        if row["speaker"] in TEST_SPEAKERS:
            continue
        names.append(utterance.name)
        speeches.append(_heard(data / "emodb" / row["path"], model))
        rank = np.array([_level(s, v) for s, v in zip(utterance.sound, utterance.voice, strict=True)])
        step = int(LABEL_STEP_S * 100)
        rows = np.arange(step // 2, len(rank), step)
        rows = rows[~np.isnan(rank[rows])]
        found.append((rows / 100 + 0.005, rank[rows]))
    return _row(names, speeches, found, None, delay=0.0, weights=(0.5,))


def _level(sound: int, voice: int) -> float:
    """How open a labelled class is, 0..1; nan for silence and what is not known."""
    from ...features.phone_classes import NAMES as SOUNDS
    from ...features.phone_classes import RELEASE
    from ...features.phone_classes import SOUNDS as CLASSES

    ipa = CLASSES[sound].ipa[max(voice, 0)] if sound >= 0 else ""
    if not ipa:
        return np.nan
    return LEVELS[1] if SOUNDS[sound] in RELEASE.values() else LEVELS[openness(ipa)]


def _heard(path: Path, model: phones.Model, text: str | None = None) -> Speech:
    source = aligned_source(model, "en") if text else phones.phone_source(model)
    return source([audio.read(path)], text, silent_progress)


def _words(data: Path) -> dict[str, list[Word]]:
    said: dict[str, list[Word]] = {}
    with open(data / "grid" / "words.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["word"] not in ("sil", "sp"):
                word = Word(float(row["start_s"]), float(row["end_s"]), row["word"])
                said.setdefault(row["clip"], []).append(word)
    return said


def _tracked(path: Path, sounds: dict[str, Path], said: dict[str, list[Word]], model, with_text: bool) -> Mouths:
    with np.load(path) as tracks:
        every = {name: tracks[name] for name in (*NAMES, "offsets")}
        place, fps = {str(c): i for i, c in enumerate(tracks["clips"])}, float(tracks["fps"])
    found, speeches, words = [], [], []
    for name, sound in sounds.items():
        span = slice(*every["offsets"][place[name] : place[name] + 2])
        seen = np.stack([every[measure][span].astype(float) for measure in NAMES], 1)
        times = (np.arange(len(seen)) + 0.5) / fps
        near = (times >= said[name][0].start - BEFORE_S) & (times <= said[name][-1].end + AFTER_S)
        near &= ~np.isnan(seen).any(1)
        found.append((times[near], seen[near]))
        words.append(said[name])
        speeches.append(_heard(sound, model, " ".join(w.text for w in said[name]) if with_text else None))
    return _row(list(sounds), speeches, found, words, delay=np.nan, weights=(0.5, 0.25, 0.15))


def _row(names, speeches, found, words, delay: float, weights: tuple[float, ...]) -> Mouths:
    times = np.concatenate([t for t, _ in found])
    clip = np.repeat(np.arange(len(names)), [len(t) for t, _ in found])
    word = np.zeros(len(times), "U16")
    for i, said in enumerate(words or ()):
        for w in said:
            word[(clip == i) & (times >= w.start) & (times <= w.end)] = w.text
    inside = np.ones(len(times), bool) if words is None else word != ""
    measured = np.concatenate([m.reshape(len(t), -1) for t, m in found])
    return Mouths(tuple(names), tuple(speeches), times + clip * _APART + _FIRST, clip, measured, inside, word,
                  delay, weights)  # fmt: skip
