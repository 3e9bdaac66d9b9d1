"""Timed: what somebody else has already laid along the sound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from .take import Phone, Word

Part = TypeVar("Part", Phone, Word)


class Timed(NamedTuple):
    """Phones, words or both with their times, as a file gives them; both in order, not overlapping.

    phones  in IPA; silence is left out; () where the file has words alone
    words   () where the file has phones alone
    source  what the file is
    rough   the words' times are those of a line of text that is shown, spread over its words
    """

    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    source: str
    rough: bool = False

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    def cut(self, start: float, end: float | None = None) -> Timed:
        """What lies between two times, counted from the first."""
        return self._replace(phones=_cut(self.phones, start, end), words=_cut(self.words, start, end))


def ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    """By their start; what reaches into the next ends where that begins, and what has no length is left out."""
    row = sorted(parts, key=lambda part: part.start)
    ends = [min(a.end, b.start) for a, b in zip(row, row[1:], strict=False)] + [part.end for part in row[-1:]]
    return tuple(part._replace(end=end) for part, end in zip(row, ends, strict=True) if end - part.start > 1e-6)


def _cut(parts: tuple[Part, ...], start: float, end: float | None) -> tuple[Part, ...]:
    last = float("inf") if end is None else end
    return tuple(
        part._replace(start=max(part.start, start) - start, end=min(part.end, last) - start)
        for part in parts
        if part.end > start + 1e-6 and part.start < last - 1e-6
    )
