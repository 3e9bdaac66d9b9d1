"""Pitch of speech at 100 Hz, in a stream: normalised cross-correlation, and the smoothest path through its peaks.

After Talkin 1995 (RAPT): candidates are the peaks of the correlation, a path over all frames picks among them, so that
a single frame does not jump by an octave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

RATE = 16000
"""Samples a second of the sound (Hz)."""
FRAME_HZ = 100.0
LOWEST, HIGHEST = 55.0, 820.0
"""Hz; a shout reaches 600, a child's more."""
PARTS = 1000
"""Frames a step of the stream."""

_LOW_RATE = RATE // 2
_HOP = int(_LOW_RATE / FRAME_HZ)
_WINDOW = 200
"""Samples at the low rate that are correlated: 25 ms."""
_LAGS = np.arange(int(_LOW_RATE / HIGHEST) - 2, int(_LOW_RATE / LOWEST) + 3)
_FFT = 512
_SPAN = _WINDOW + int(_LAGS[-1])
_BEFORE = (_WINDOW + 48) // 2
"""Samples at the low rate that a frame sees before its middle, which is that of the window and its copy a period of
170 Hz later."""
_CANDIDATES = 6
_FLOOR = 10 ** (-70 / 20)
"""Sound at this level (root mean square) is half as periodic as it looks: a hum behind silence is no voice."""
_SHORT_LAG = 0.12
"""What the longest lag loses against the shortest: a period and its double are as alike, and the period counts."""
_UNVOICED = 0.46
"""Correlation below which a frame is rather unvoiced."""
_GLIDE = 0.9
"""Cost of an octave between neighbouring frames."""
_TURN = 0.16
"""Cost of beginning or ending voice."""
_STRETCH, _CONTEXT = 100, 40
"""Frames of which the path is found at a time, and beyond their ends: paths that far apart do not matter."""
_TAPS = 47
_AHEAD = _CONTEXT * _HOP + _BEFORE
"""Samples at the low rate before a part that its frames see; _BEHIND, after it."""
_BEHIND = _CONTEXT * _HOP + _SPAN - _BEFORE


def pitch(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch float32 (m,) in Hz, 0 where there is none, and voicing float32 (m,) 0..1, of float (n,) at RATE.

    m = ceil(n / 160); frame i stands for the middle of its hop, as in features.speech and features.mel.
    """
    parts = list(stream([samples]))
    both = np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)
    return both[:, 0], both[:, 1]


def stream(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same of sound in blocks (n,) of any length: parts float32 (n, 2) of pitch and voicing."""
    tracker = Tracker()
    for block in blocks:
        if len(part := tracker.push(block)):
            yield part
    if len(part := tracker.finish()):
        yield part


class Tracker:
    """The same again, for who is handed the sound block by block; it holds some ten seconds of it."""

    def __init__(self) -> None:
        self._sound = np.zeros(_TAPS // 2, np.float32)
        self._low = np.zeros(_AHEAD, np.float32)

    def push(self, block: np.ndarray) -> np.ndarray:
        """Adds sound (n,); what is sure by now, float32 (PARTS times any, 2)."""
        sound = np.nan_to_num(np.asarray(block, np.float32).ravel(), nan=0.0, posinf=0.0, neginf=0.0)
        self._sound = np.concatenate((self._sound, sound))
        ready = (len(self._sound) - 2 * (_TAPS // 2)) // 2 * 2
        if ready > 0:
            self._low = np.concatenate((self._low, _halved(self._sound[: ready + 2 * (_TAPS // 2)])))
            self._sound = self._sound[ready:]
        parts = [np.zeros((0, 2), np.float32)]
        while len(self._low) >= _AHEAD + PARTS * _HOP + _BEHIND:
            parts.append(self._take(PARTS))
        return np.concatenate(parts)

    def finish(self) -> np.ndarray:
        """What remains at the end of the sound."""
        if len(self._sound) > _TAPS // 2:
            self._low = np.concatenate((self._low, _halved(np.pad(self._sound, (0, _TAPS // 2)))))
        parts = [np.zeros((0, 2), np.float32)]
        while (left := len(self._low) - _AHEAD) > 0:
            parts.append(self._take(min(PARTS, -(-left // _HOP))))
        return np.concatenate(parts)

    def _take(self, count: int) -> np.ndarray:
        lacking = _AHEAD + count * _HOP + _BEHIND - len(self._low)
        part = _part(np.pad(self._low, (0, max(lacking, 0))), count)
        self._low = self._low[count * _HOP :]
        return part


def _halved(sound: np.ndarray) -> np.ndarray:
    """Every second sample of what lies below 1.6 kHz, without the filter's reach at both ends."""
    return np.convolve(sound, _LOW_PASS, "valid")[::2].astype(np.float32)


def _part(sound: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) of sound at the low rate with _AHEAD and _BEHIND around it."""
    frames = count + 2 * _CONTEXT
    lags, heights = _peaks(_correlation(sound, frames))
    chosen = _path(lags, heights, count)
    rows = np.arange(_CONTEXT, _CONTEXT + count)
    voiced = chosen < _CANDIDATES
    best = np.where(voiced, chosen, heights[rows].argmax(1))
    height = heights[rows, best]
    f0 = np.where(voiced, _LOW_RATE / np.maximum(lags[rows, best], 1), 0)
    # half at the threshold, as sure as the correlation is high
    sure = 1 / (1 + np.exp(-(height - _UNVOICED) / 0.1))
    return np.stack([f0, np.where(voiced, np.maximum(sure, 0.5), np.minimum(sure, 0.5))], 1).astype(np.float32)


def _correlation(sound: np.ndarray, frames: int) -> np.ndarray:
    """Normalised cross-correlation (frames, lags) of a window with what follows it."""
    first = _HOP // 2
    windows = np.lib.stride_tricks.sliding_window_view(sound, _SPAN)[first::_HOP][:frames]
    windows = windows - windows.mean(1, keepdims=True)
    here = np.fft.rfft(windows[:, :_WINDOW], _FFT)
    shifted = np.fft.irfft(np.conj(here) * np.fft.rfft(windows, _FFT), _FFT)[:, _LAGS]
    energy = np.cumsum(np.pad(windows**2, ((0, 0), (1, 0))), axis=1)
    moved = energy[:, _LAGS + _WINDOW] - energy[:, _LAGS]
    floor = _WINDOW * _FLOOR**2
    return shifted / np.sqrt((energy[:, _WINDOW, None] + floor) * (np.maximum(moved, 0) + floor))


def _peaks(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lags in samples and heights, (frames, _CANDIDATES) each, of the highest peaks; -1 where there are fewer."""
    middle, before, after = correlation[:, 1:-1], correlation[:, :-2], correlation[:, 2:]
    weight = 1 - _SHORT_LAG * (_LAGS[1:-1] - _LAGS[0]) / (_LAGS[-1] - _LAGS[0])
    peak = (middle > before) & (middle >= after) & (middle > 0.2)
    scores = np.where(peak, middle * weight, -1)
    index = np.argpartition(-scores, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    left, top, right = (np.take_along_axis(x, index, 1) for x in (before, middle, after))
    bend = left - 2 * top + right
    shift = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0)
    score = np.take_along_axis(scores, index, 1)
    return _LAGS[1:-1][index] + np.clip(shift, -0.5, 0.5), score.astype(np.float32)


def _path(lags: np.ndarray, heights: np.ndarray, count: int) -> np.ndarray:
    """The candidate of each of `count` frames between the contexts, _CANDIDATES for no voice; by dynamic programming.

    Stretches of frames are done side by side, each with the frames around it, so that one step is one step for all.
    """
    stretches = -(-count // _STRETCH)
    rows = np.arange(stretches)[None] * _STRETCH + np.arange(_STRETCH + 2 * _CONTEXT)[:, None]
    rows = np.minimum(rows, len(lags) - 1)
    logs = np.log2(np.maximum(lags, 1)).astype(np.float32)
    voiced = np.where(heights > 0, 1 - heights, 9)
    unvoiced = 1 - _UNVOICED + np.maximum(heights.max(1, keepdims=True) - _UNVOICED, 0) * 0.5
    local = np.concatenate((voiced, unvoiced), 1).astype(np.float32)[rows]
    moves = np.full((stretches, _CANDIDATES + 1, _CANDIDATES + 1), _TURN, np.float32)
    moves[:, -1, -1] = 0
    best, back = local[0], np.zeros(local.shape, np.int8)
    for t in range(1, len(local)):
        here, past = logs[rows[t]], logs[rows[t - 1]]
        moves[:, :-1, :-1] = _GLIDE * np.abs(here[:, None, :] - past[:, :, None])
        total = best[:, :, None] + moves
        back[t] = total.argmin(1)
        best = total.min(1) + local[t]
    chosen = np.zeros((len(local), stretches), np.int64)
    chosen[-1] = best.argmin(1)
    at = np.arange(stretches)
    for t in range(len(local) - 1, 0, -1):
        chosen[t - 1] = back[t, at, chosen[t]]
    return chosen[_CONTEXT : _CONTEXT + _STRETCH].T.ravel()[:count]


def _low_pass() -> np.ndarray:
    """Windowed sinc at 1.6 kHz of RATE."""
    at = np.arange(_TAPS) - _TAPS // 2
    taps = np.sinc(2 * 1600 / RATE * at) * np.hamming(_TAPS)
    return (taps / taps.sum()).astype(np.float32)


_LOW_PASS = _low_pass()
