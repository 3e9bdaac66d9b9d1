"""The search behind align: a row of states for a text, and the likeliest way through it, in little memory.

A Viterbi search (Viterbi 1967), second by second in a band; backpointers are made again while tracing back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

BLOCK = 100
"""Frames that are searched in one band."""
NEVER = -1e30


class Classes(NamedTuple):
    """The classes of the posteriors.

    of        IPA phone to its classes in order [(index, with voice)], empty where it is not known
    ipa       how a class is called without and with voice; "" for silence and noise
    silence   indices of the classes that are no phone
    release   index of a closure to that of the release that may follow it
    optional  classes that a speaker may leave out, besides releases
    shortest  frames that each class lasts at least
    """

    of: Callable[[str], Sequence[tuple[int, bool]]]
    ipa: Sequence[tuple[str, str]]
    silence: Sequence[int]
    release: Mapping[int, int]
    optional: frozenset[int]
    shortest: Sequence[int]


class Tuning(NamedTuple):
    """What disagreeing with the text costs, in ln of likelihood.

    floor        no frame counts less than this, so that one bad frame decides nothing
    skip         leaving out words, however many; then for each of them, and for each of their phones
    skip_word
    skip_phone
    added        beginning sound that is not in the text
    added_frame  each frame of it costs this more than its likeliest class
    change       a change of class where phones are heard without a text
    """

    floor: float = -5.0
    skip: float = 8.0
    skip_word: float = 1.0
    skip_phone: float = 1.0
    added: float = 12.0
    added_frame: float = 2.4
    change: float = -3.0


TUNED = Tuning()


class Sound:
    """Scores by frame: the classes' own, then silence, then sound that is not in the text."""

    def __init__(self, log: np.ndarray, classes: Classes, tuning: Tuning):
        self._log, self._silence, self._tuning = log, list(classes.silence), tuning

    def scores(self, first: int, states: np.ndarray) -> np.ndarray:
        """float32 (n, states): what each of the states' classes says of the frames of the block from `first` on."""
        log = np.maximum(self._log[first : first + BLOCK].astype(np.float32), self._tuning.floor)
        silence = log[:, self._silence].max(1, keepdims=True)
        other = log.max(1, keepdims=True) - self._tuning.added_frame
        return np.concatenate((log, silence, other), 1)[:, states]


class Line:
    """The text as a row of states: silence, other sound, the first word; silence, other sound, the second; ...

    word, ipa    of every word that can be said: its index in `words`; of every phone
    state        int (S,): column of Sound.scores
    phone        int (S,): index into `ipa`, -1 in silence, -2 in other sound
    whose        int (S,): index into `words`, -1 outside
    offset       int (N + 1,): the silence before each word, and the one after the last
    advance      float (S,): 0 where a state follows the one before it, else NEVER
    jump         float (S,): 0 where it may follow the one before that
    ends_early   float (N + 1,): 0 where the last state of the word before may be left out
    price        float (N + 1,): what leaving out all words before costs
    sequence     int16 (M,): classes of the text in order without what may be left out; sequence_word: whose they are
    """

    def __init__(self, words: Sequence[tuple[str, Sequence[str]]], classes: Classes, tuning: Tuning):
        count = len(classes.ipa)
        self.words: list[str] = []
        self.ipa: list[str] = []
        self.word_of: list[int] = []
        self.release: list[int] = []
        states, phone, optional, offset, early, price = [], [], [], [], [NEVER], [0.0]
        sequence, sequence_word = [], []

        def boundary() -> None:
            offset.append(len(states))
            states.extend((count, count + 1)), phone.extend((-1, -2)), optional.extend((False, False))

        boundary()
        for text, phones in words:
            cells = [(ipa, list(_cells(ipa, classes))) for ipa in phones]
            while cells and all(may for _, may, _ in cells[0][1]):
                cells.pop(0)  # nothing stands before it that could go on instead
            if not cells:
                continue
            for ipa, row in cells:
                for index, may, times in row:
                    states += [index] * times
                    phone += [len(self.ipa)] * times
                    optional += [may] * times
                    if not may:
                        sequence.append(index)
                        sequence_word.append(len(self.words))
                if row:
                    self.ipa.append(ipa)
                    self.word_of.append(len(self.words))
                    self.release.append(row[-1][0] if row[-1][0] in classes.release.values() else -1)
            early.append(0.0 if optional[-1] else NEVER)
            price.append(price[-1] + tuning.skip_word + tuning.skip_phone * len(cells))
            self.words.append(text)
            boundary()
        self.state, self.phone = np.array(states), np.array(phone)
        self.whose = np.where(self.phone >= 0, np.array([*self.word_of, -1, -1])[self.phone], -1)
        self.offset = np.array(offset)
        self.ends_early, self.price = np.array(early), np.array(price)
        self.skip, self.added = tuning.skip, tuning.added
        entered = np.zeros(len(states), bool)
        entered[np.concatenate((self.offset, self.offset + 1, self.offset[:-1] + 2))] = True
        self.advance = np.where(entered, NEVER, 0.0)
        may = np.array(optional)
        before = np.concatenate(([False], may[:-1]))
        inner = ~entered & ~np.concatenate(([True], entered[:-1]))
        self.jump = np.where(before & inner, 0.0, NEVER)
        self.sequence, self.sequence_word = np.array(sequence, np.int16), np.array(sequence_word, int)


def _cells(ipa: str, classes: Classes) -> Iterator[tuple[int, bool, int]]:
    """(class, may be left out, states) of a phone in order; what may be left out has one state."""
    found = classes.of(ipa)
    for k, (index, _) in enumerate(found):
        may = index in classes.optional
        yield index, may, 1 if may else min(max(classes.shortest[index], 1), 2)
        release = classes.release.get(index)
        if release is not None and k == len(found) - 1:
            yield release, True, 1


class _Window:
    """The words first..last - 1 of a line with what lies around them; its arrays begin at its own first state."""

    def __init__(self, line: Line, first: int, last: int):
        self.start, self.stop = int(line.offset[first]), int(line.offset[last]) + 2
        self.advance, self.jump = line.advance[self.start : self.stop], line.jump[self.start : self.stop]
        self.state = line.state[self.start : self.stop]
        self.first = first
        self.silence = line.offset[first : last + 1] - self.start
        self.entry = self.silence[:-1] + 2
        self.ends_early, self.price = line.ends_early[first : last + 1], line.price[first : last + 1]
        self.skip, self.added = line.skip, line.added

    def moved(self, scores: np.ndarray, before: _Window) -> np.ndarray:
        """The scores of another window as this one's; two cells stand before the first state."""
        result = np.full(self.stop - self.start + 2, NEVER)
        a, b = max(self.start, before.start), min(self.stop, before.stop)
        result[a - self.start + 2 : b - self.start + 2] = scores[a - before.start + 2 : b - before.start + 2]
        return result

    def boundaries(self, s: np.ndarray, record: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """float (K,): the best way to stand before each word, words left out or not; with `record` where from.

        uint8 (K,): 0 to 3 for the state before (_WAYS), 4 if words before were left out instead, 8 if leaving out
        words after it would begin here.
        """
        ways = s[self.silence + 1], s[self.silence] + self.ends_early, s[self.silence + 2], s[self.silence + 3]
        best = np.maximum(np.maximum(ways[0], ways[1]), np.maximum(ways[2], ways[3]))
        priced = best + self.price
        reach = np.maximum.accumulate(priced)
        stand = best.copy()
        stand[1:] = np.maximum(best[1:], reach[:-1] - self.price[1:] - self.skip)
        if not record:
            return stand, None
        origin = np.argmax(ways, axis=0).astype(np.uint8)
        origin += np.uint8(4) * (stand > best) + np.uint8(8) * (priced >= reach)
        return stand, origin

    def run(self, s: np.ndarray, rows: np.ndarray, record: bool) -> tuple[np.ndarray, list, list]:
        """Scores after `rows` (n, states) of frames; with `record` also where every state and boundary came from."""
        states, bounds = [], []
        other = self.silence + 1
        for row in rows:
            stand, origin = self.boundaries(s, record)
            old, one, two = s[2:], s[1:-1] + self.advance, s[:-2] + self.jump
            new = np.maximum(np.maximum(old, one), two)
            enter = new.copy() if record else new
            enter[self.silence] = np.maximum(new[self.silence], stand)
            enter[other] = np.maximum(new[other], stand - self.added)
            enter[self.entry] = np.maximum(new[self.entry], stand[:-1])
            if record:
                code = np.where(two > np.maximum(old, one), np.uint8(2), (one > old).view(np.uint8))
                code[enter > new] = 3
                states.append(code)
                bounds.append(origin)
            s = np.empty_like(s)
            s[:2] = NEVER
            np.add(enter, row, out=s[2:])
        return s, states, bounds


_WAYS = (-1, -2, 0, 1)
"""From the silence before a word: to the last two states of the word before, the silence, the other sound."""


def search(line: Line, sound: Sound, spans: Sequence[tuple[int, int]]) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """(state of every frame int (T,), [(word left out, frame)]) of the best way; spans: words by block of frames."""
    kept: list[np.ndarray] = []
    window = _Window(line, *spans[0])
    s = np.full(window.stop - window.start + 2, NEVER)
    s[1] = 0.0  # before everything
    inside = np.flatnonzero(line.whose[: window.stop] >= 0)
    # no cheaper than to leave the word out, or one frame would stand for it
    s[inside + 2] = -line.price[line.whose[inside] + 1] - line.skip
    for i, span in enumerate(spans):
        following = _Window(line, *span) if span != spans[i - 1] or not i else window
        s = following.moved(s, window) if i else s
        window = following
        kept.append(s)
        s = window.run(s, sound.scores(i * BLOCK, window.state), False)[0]
        s[2:] -= s.max()
    trace = _Trace(line, window, s)
    for i in range(len(spans) - 1, -1, -1):
        window = _Window(line, *spans[i])
        _, states, bounds = window.run(kept.pop(), sound.scores(i * BLOCK, window.state), True)
        trace.back(window, states, bounds, i * BLOCK)
    trace.begin(line)
    return np.array(trace.path[::-1]), trace.missing[::-1]


class _Trace:
    """Goes back along the best way: from the end of the text, or from inside a word that the end of the sound cuts."""

    def __init__(self, line: Line, window: _Window, s: np.ndarray):
        self.path: list[int] = []
        self.missing: list[tuple[int, int]] = []
        stand, origin = window.boundaries(s, True)
        whose = line.whose[window.start : window.stop]
        left = line.price[-1] - line.price[np.maximum(whose, 0)]
        cut = np.where(whose >= 0, s[2:] - left - line.skip, NEVER)
        best = int(cut.argmax())
        if cut[best] > stand[-1]:
            self._at = best + window.start
            self.missing = [(word, -1) for word in range(len(line.words) - 1, int(whose[best]), -1)]
        else:
            self._at = self._from(window, len(origin) - 1, origin, -1)

    def back(self, window: _Window, states: list[np.ndarray], bounds: list[np.ndarray], first: int) -> None:
        for t in range(len(states) - 1, -1, -1):
            self.path.append(self._at)
            cell = self._at - window.start
            code = states[t][cell]
            if code == 3:
                boundary = int(np.searchsorted(window.silence, cell, "right")) - 1
                self._at = self._from(window, boundary, bounds[t], first + t)
            else:
                self._at -= int(code)

    def begin(self, line: Line) -> None:
        """To be called at last: where the sound begins inside a word, those before it are missing."""
        if self._at >= 0:
            word = int(line.whose[self._at])
            said = line.whose[self.path[-1]] == word
            self.missing += [(k, 0) for k in range(word - said, -1, -1)]

    def _from(self, window: _Window, boundary: int, origin: np.ndarray, frame: int) -> int:
        if origin[boundary] & 4:
            while True:
                boundary -= 1
                self.missing.append((window.first + boundary, frame))
                if origin[boundary] & 8:
                    break
        return int(window.silence[boundary]) + window.start + _WAYS[origin[boundary] & 3]
