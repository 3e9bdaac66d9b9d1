"""Clip: what the user has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

LATEST_S = 60.0
"""Sound and pictures further apart are better cut: each is read from `start` on."""


@dataclass(frozen=True)
class Clip:
    """An audio file, a video file, or both, perhaps with a transcript, and a span of time.

    audio       any file with sound; without it the video's own sound is used
    video       any file with pictures of a face
    transcript  what is said, as text
    timing      a file of what is said when (see formats.timed), in the sound's own time
    language    BCP 47 tag, or "auto"
    start, end  seconds in the files' own time; `start` becomes time 0 of the Take; end None: to the end
    face        x and y in 0..1 of the video's first picture, from its upper left: which of several faces is meant
    neutral     second in the video's own time at which the face is at rest; else that is found
    actor       a file (see formats.actor) of how this person's face rests and moves
    late        seconds by which the pictures are behind the sound; None: as the mouth tells, where it does
    """

    audio: Path | None = None
    video: Path | None = None
    transcript: str | None = None
    language: str = "auto"
    start: float = 0.0
    end: float | None = None
    timing: Path | None = None
    face: tuple[float, float] | None = None
    neutral: float | None = None
    actor: Path | None = None
    late: float | None = None

    def __post_init__(self) -> None:
        if self.audio is None and self.video is None:
            raise InputError("there is nothing to analyze", "give an audio file, a video file, or both")
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise InputError(
                f"the span from {self.start} s to {self.end} s is empty", "--start is at least 0 and less than --end"
            )
        if self.face is not None and not all(0 <= x <= 1 for x in self.face):
            raise InputError(
                f"{self.face[0]:g},{self.face[1]:g} is no place in the picture",
                "--face is X,Y, each from 0 to 1, counted from the upper left",
            )
        if self.neutral is not None and not (self.start <= self.neutral < (self.end or float("inf"))):
            raise InputError(
                f"the moment of rest at {self.neutral:g} s lies outside the clip", "--neutral is a second of the video"
            )
        if self.late is not None and self.video is None:
            raise InputError("there are no pictures that could be late", "--video-late is of a video: give --video")
        if self.late is not None and not abs(self.late) <= LATEST_S:
            raise InputError(
                f"pictures {self.late:g} s behind the sound are too far", f"it is at most {LATEST_S:g} s, either way"
            )
        if self.neutral is not None and self.actor is not None:
            raise InputError("a moment of rest and an actor are both given", "the actor knows the rest: leave one out")
