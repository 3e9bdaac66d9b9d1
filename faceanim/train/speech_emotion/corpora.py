"""Recorded emotions: RAVDESS, EMO-DB, URDU, and sounds that are no speech."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import resample_poly

from ...core.emotion import LABELS
from ...features.mel import log_mel
from ...features.prosody import pitch
from ...source import audio
from ..phones.noises import sounds

SPEEDS = {"1": (1, 1), "0.84": (25, 21), "0.92": (25, 23), "1.08": (25, 27), "1.18": (22, 26)}
"""Playing faster or slower changes tempo, pitch and formants together: name to the resampling's up and down."""
SAME = {
    "happiness": "happy", "sadness": "sad", "anger": "angry", "fear": "fearful", "boredom": "calm",
}  # fmt: skip
"""EMO-DB's names; its boredom, which RAVDESS lacks, stands for calm, which EMO-DB lacks."""
SPEAKER = {"ravdess": "actor", "emodb": "speaker", "urdu": "speaker"}
CORPORA = tuple(SPEAKER)
NOISE_HOURS = 0.15


class Clip(NamedTuple):
    """One recording: log-mel (n, bands), pitch (n, 2); label: index into LABELS, -1 where nobody speaks."""

    name: str
    corpus: str
    speaker: str
    label: int
    strong: bool
    mel: np.ndarray
    pitch: np.ndarray


def clips(data: Path, corpus: str, speed: str = "1") -> Iterator[Clip]:
    with open(data / corpus / "index.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        sound = audio.read(data / corpus / row["path"])
        if speed != "1":
            sound = resample_poly(sound, *SPEEDS[speed]).astype(np.float32)
        label = LABELS.index(SAME.get(row["emotion"], row["emotion"]))
        yield Clip(row["path"], corpus, row[SPEAKER[corpus]], label, row.get("intensity") == "strong", *frames(sound))


def frames(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mel = log_mel(sound)
    return mel, np.stack(pitch(sound), 1)[: len(mel)]


def silence(seed: int) -> Iterator[Clip]:
    """Made music, noise, knocks."""
    for i, sound in enumerate(sounds(NOISE_HOURS, seed)):
        yield Clip(f"noise{i}", "noise", "", -1, False, *frames(sound))
