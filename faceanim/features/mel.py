"""Log-mel spectra at 100 Hz of speech at 16 kHz, in a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

RATE = 16000
"""Samples a second (Hz)."""
FRAME_HZ = 100.0
HOP = 160
WINDOW = 400
FFT = 512
BANDS = 64
LOWEST, HIGHEST = 60.0, 7600.0
FLOOR = 1e-10
"""Power below which a band is silent: -100 dB of full scale."""
LEAD = (WINDOW - HOP) // 2
"""Samples by which a frame's window reaches over its hop, on both sides."""


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Natural logarithm of the mel power, float32 (n // HOP, BANDS), of float (n,) in -1..1.

    Frame i looks at a window (Hann, WINDOW long) around the middle of its hop, i * HOP + HOP / 2. The bands are
    triangles on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy 1987). What lies outside `samples` is silent.
    """
    return _spectra(np.pad(np.asarray(samples, np.float32), (LEAD, LEAD)), len(samples) // HOP)


class Frames:
    """The same of sound that comes bit by bit: each frame as soon as its window is full."""

    def __init__(self):
        self._held = np.zeros(LEAD, np.float32)

    def push(self, block: np.ndarray, at_least: int = 1) -> np.ndarray:
        """float32 (m, BANDS): the frames that are ready with this block (n,); none where they are fewer than wanted."""
        sound = np.nan_to_num(np.asarray(block, np.float32).ravel(), nan=0.0, posinf=0.0, neginf=0.0)
        self._held = np.concatenate((self._held, sound))
        ready = (len(self._held) - 2 * LEAD) // HOP
        if ready < max(at_least, 1):
            return _spectra(self._held, 0)
        found = _spectra(self._held, ready)
        self._held = self._held[ready * HOP :]
        return found

    def finish(self) -> np.ndarray:
        """Those that are left: after the end there is silence."""
        return self.push(np.zeros(LEAD, np.float32))


def stream(blocks: Iterable[np.ndarray], frames: int = 500) -> Iterator[np.ndarray]:
    """The same of sound that comes in blocks (n,) of any length: parts float32 (about `frames`, BANDS)."""
    source = Frames()
    for block in blocks:
        if len(part := source.push(block, frames)):
            yield part
    if len(part := source.finish()):
        yield part


def _spectra(padded: np.ndarray, count: int) -> np.ndarray:
    if count <= 0:
        return np.zeros((0, BANDS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    power = np.abs(np.fft.rfft(windows * _WINDOW, FFT)).astype(np.float32) ** 2
    return np.log(np.maximum(power @ _FILTERS, FLOOR)).astype(np.float32)


def _filters() -> np.ndarray:
    """Triangles float32 (FFT / 2 + 1, BANDS); a band that a full-scale sine fills has power about 1/4."""

    def mel(f):
        return 2595 * np.log10(1 + np.asarray(f) / 700)

    corners = 700 * (10 ** (np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2) / 2595) - 1)
    f = np.fft.rfftfreq(FFT, 1 / RATE)[:, None]
    rising = (f - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - f) / (corners[2:] - corners[1:-1])
    return np.maximum(np.minimum(rising, falling), 0).astype(np.float32)


_WINDOW = (np.hanning(WINDOW + 1)[:-1] * 2 / WINDOW).astype(np.float32)
_FILTERS = _filters()
