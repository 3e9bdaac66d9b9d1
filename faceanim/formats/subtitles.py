"""Subtitles, SubRip (.srt) and WebVTT (.vtt): words by the time that their line is shown, spread over it by length.

A line's own times of words (<00:00:01.500>, WebVTT 4.2.2) are kept. What is no speech is left out: tags, notes in
brackets, music, the names of speakers.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.take import Word
from ..core.timed import Timed, ordered
from ..errors import FormatError
from .text import read_text

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_ARROW = re.compile(rf"^\s*{_TIME}\s*-+>\s*{_TIME}(?:\s.*)?$")
_INLINE = re.compile(rf"<{_TIME}>")
_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_NOTES = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|（[^（）]*）|【[^【】]*】|♪[^♪]*♪|[♪♫]")
_NAME = re.compile(
    r"^\s*(?:[-–—]\s*)?(?:>>+\s*)?(?:[^\W\d_a-zß-ÿ][^\Wa-zß-ÿ .'-]{1,}(?:[ .'-]+[^\W\d_a-zß-ÿ]+)*\s?:\s+)?"
)
_WORD = re.compile(r"\S*\w\S*")


class Cue(NamedTuple):
    """A text that is shown from start to end, in seconds."""

    start: float
    end: float
    lines: tuple[str, ...]


def read(path: str | Path) -> Timed:
    """The words of all cues. Raises FormatError."""
    path = Path(path)
    cues = list(parse(read_text(path, "subtitle file")))
    if not cues:
        raise FormatError(
            f"{path} has no subtitles: no line such as 00:00:01,000 --> 00:00:02,500", "name a .srt or .vtt file"
        )
    words = ordered(word for cue in cues for word in _words(cue))
    if not words:
        raise FormatError(f"{path} has no spoken words in its subtitles", "give the transcript as text")
    return Timed((), words, "subtitles", rough=True)


def parse(text: str) -> Iterator[Cue]:
    """The cues in their order; the lines that roll on from the cue before are in the first alone."""
    before = Cue(-1.0, -1.0, ())
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if _ARROW.match(line)]
    for i, following in zip(starts, starts[1:] + [len(lines) + 1] * bool(starts), strict=True):
        groups = _ARROW.match(lines[i]).groups()
        start, end = _seconds(groups[:4]), _seconds(groups[4:])
        body = lines[i + 1 : following]
        # a blank line ends a cue; before the next one stands its number or name
        blank = next((k for k, line in enumerate(body) if not line.strip()), None)
        body = body[:blank] if blank is not None else body[:-1] if following <= len(lines) else body
        shown = tuple(line.strip() for line in body if line.strip())
        if end > start:
            cue = Cue(start, end, shown)
            rolling = start <= before.end + 0.05
            yield cue._replace(
                lines=tuple(s for s in shown if not (rolling and _plain(s) in map(_plain, before.lines)))
            )
            before = cue


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction) / 10 ** len(fraction)


def _plain(line: str) -> str:
    return html.unescape(_TAGS.sub("", _INLINE.sub("", line))).strip()


def _words(cue: Cue) -> Iterator[Word]:
    lines = " \n".join(_NAME.sub("", line) if not _INLINE.match(line) else line for line in cue.lines)
    found = _INLINE.split(lines)
    # text, then the four parts of a time, text, ...
    texts = found[::5]
    times = [cue.start, *(_seconds(tuple(found[i : i + 4])) for i in range(1, len(found) - 1, 5)), cue.end]
    if any(b < a for a, b in zip(times, times[1:], strict=False)) or times[-2] > cue.end:
        texts, times = [" ".join(texts)], [cue.start, cue.end]
    for text, start, end in zip(texts, times[:-1], times[1:], strict=True):
        spoken = _WORD.findall(_NOTES.sub(" ", html.unescape(_TAGS.sub("", text))))
        at, total = start, sum(len(word) + 1 for word in spoken)
        for word in spoken:
            until = at + (end - start) * (len(word) + 1) / total
            yield Word(round(at, 4), round(until, 4), word)
            at = until
