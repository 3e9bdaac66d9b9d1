"""FER2013 as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.emotion import FACE_LABELS, LABELS
from ...evaluate import face_emotions

HELD = 1400
"""Pictures of the training set that are not learned from: by them is chosen."""
LEFT_OUT = ("duplicate", "blank")


class Pictures(NamedTuple):
    """grey uint8 (N, PORTRAIT, PORTRAIT); label int64 (N,), indices into core.emotion.FACE_LABELS."""

    grey: np.ndarray
    label: np.ndarray

    def of(self, rows: np.ndarray) -> Pictures:
        return Pictures(self.grey[rows], self.label[rows])


def load(path: Path) -> Pictures:
    """All pictures of a file that show something, each once."""
    items = [i for i in face_emotions.read(path) if all(i.fields.get(name) != "1" for name in LEFT_OUT)]
    items, grey, _ = face_emotions.pictures(items)
    return Pictures(grey, np.array([FACE_LABELS.index(LABELS[item.label]) for item in items], np.int64))


def split(every: Pictures, seed: int = 0) -> tuple[Pictures, Pictures]:
    """What is learned from, and HELD others."""
    rows = np.random.default_rng(seed).permutation(len(every.label))
    return every.of(np.sort(rows[HELD:])), every.of(np.sort(rows[:HELD]))
