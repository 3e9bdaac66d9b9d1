"""The likeliest sequence of sounds, each of at least its shortest duration, in a stream."""

from __future__ import annotations

import numpy as np


class Viterbi:
    """Decodes scores frame by frame and commits what lies `lag` frames back, so that memory does not grow.

    change    float (K, K): what it costs or gains to go from one sound to another (log); its diagonal is not used
    shortest  int (K,): frames that a sound lasts at least
    lag       frames after which the past is taken as settled
    """

    def __init__(self, change: np.ndarray, shortest: np.ndarray, lag: int = 100):
        self._count = len(change)
        self._lag = lag
        self._change = change.copy()
        np.fill_diagonal(self._change, -1e9)
        # one state for every frame of a sound's shortest duration; in the last one it stays
        self._sound = np.repeat(np.arange(self._count), shortest)
        self._last = np.cumsum(shortest) - 1
        self._first = self._last - shortest + 1
        self._inner = np.setdiff1d(np.arange(len(self._sound)), self._first)
        self._score: np.ndarray | None = None
        self._back: list[np.ndarray] = []

    def push(self, scores: np.ndarray) -> np.ndarray:
        """Takes log scores (n, K) of the next frames; gives the sounds int (m,) of frames that are settled by now."""
        for row in scores[:, self._sound]:
            self._step(row)
        if len(self._back) < 2 * self._lag:
            return np.zeros(0, int)
        path = self._trace()
        settled = len(path) - self._lag
        self._back = self._back[settled:]
        return path[:settled]

    def finish(self) -> np.ndarray:
        """The sounds of the frames that are left."""
        path = self._trace() if self._back else np.zeros(0, int)
        self._back, self._score = [], None
        return path

    def ahead(self, scores: np.ndarray) -> np.ndarray:
        """The sounds int (n,) that `scores` (n, K) would have if all ended with them; nothing is taken in."""
        held = self._score, self._back
        self._back = []
        for row in scores[:, self._sound]:
            self._step(row)
        path = self._trace()
        self._score, self._back = held
        return path

    def _step(self, row: np.ndarray) -> None:
        back = np.arange(len(row))
        if self._score is None:
            self._score = np.full(len(row), -1e9)
            self._score[self._first] = row[self._first]
            self._back.append(back)
            return
        old = self._score
        new = np.full(len(row), -1e9)
        new[self._last] = old[self._last]
        further = old[self._inner - 1]
        better = further > new[self._inner]
        new[self._inner] = np.where(better, further, new[self._inner])
        back[self._inner] = np.where(better, self._inner - 1, self._inner)
        arrive = old[self._last][:, None] + self._change
        origin = arrive.argmax(0)
        gain = arrive[origin, np.arange(self._count)]
        better = gain > new[self._first]
        new[self._first] = np.where(better, gain, new[self._first])
        back[self._first] = np.where(better, self._last[origin], self._first)
        new += row
        self._score = new - new.max()
        self._back.append(back)

    def _trace(self) -> np.ndarray:
        # a sound that the end of the sound cuts may be shorter
        state = int(np.argmax(self._score))
        path = np.empty(len(self._back), int)
        for i in range(len(self._back) - 1, -1, -1):
            path[i] = self._sound[state]
            state = int(self._back[i][state])
        return path
