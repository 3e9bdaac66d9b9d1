"""Clip: what the user has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError


@dataclass(frozen=True)
class Clip:
    """An audio file, a video file, or both, perhaps with a transcript, and a span of time.

    audio       any file with sound; without it the video's own sound is used
    video       any file with pictures of a face
    transcript  what is said, as text
    timing      a file of what is said when (see formats.timed), in the sound's own time
    language    BCP 47 tag, or "auto"
    start, end  seconds in the files' own time; `start` becomes time 0 of the Take; end None: to the end
    """

    audio: Path | None = None
    video: Path | None = None
    transcript: str | None = None
    language: str = "auto"
    start: float = 0.0
    end: float | None = None
    timing: Path | None = None

    def __post_init__(self) -> None:
        if self.audio is None and self.video is None:
            raise InputError("there is nothing to analyze", "give an audio file, a video file, or both")
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise InputError(
                f"the span from {self.start} s to {self.end} s is empty", "--start is at least 0 and less than --end"
            )
