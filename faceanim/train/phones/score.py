"""The lips of a phone source as Live Link CSVs, for scoring by others' measures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...core.speech import PhoneSource
from ...formats import livelink
from ...solve import speech
from ...source import audio


def write_lips(source: PhoneSource, files: Iterable[Path], folder: Path, fps: float = 60.0) -> None:
    """folder/STEM.csv of every sound file: its `lips` layer, without a transcript."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        samples = audio.read(path)
        heard = source([samples], None, lambda fraction, stage: None)
        livelink.write(speech.solve(heard, len(samples) / 16000, fps), folder / f"{path.stem}.csv")
