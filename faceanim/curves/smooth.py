"""Zero-phase smoothing, each channel at a cutoff of its own; contacts stay as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.channels import GROUP_OF
from ..core.track import Track

# A Gaussian falls to -3 dB at f where exp(-2 (pi f sigma)^2) = 2^-1/2.
_SIGMA_HZ = np.sqrt(np.log(2)) / (2 * np.pi)


def lowpass(values: np.ndarray, fps: float, cutoff_hz: np.ndarray) -> np.ndarray:
    """Values float32 (F, C) without what is faster than the cutoffs (C,) in Hz (-3 dB); 0 leaves a channel as it is.

    A Gaussian both ways in time: no lag, and no value leaves the range of its neighbours, so nothing rings. The ends
    are mirrored.
    """
    cutoff_hz = np.broadcast_to(np.asarray(cutoff_hz, float), values.shape[1:])
    result = np.array(values, np.float32)
    for cutoff in np.unique(cutoff_hz[cutoff_hz > 0]):
        columns = np.flatnonzero(cutoff_hz == cutoff)
        sigma = _SIGMA_HZ / cutoff * fps
        reach = min(int(np.ceil(4 * sigma)), max(len(values) - 1, 0))
        if reach:
            kernel = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
            result[:, columns] = _convolve(values[:, columns], kernel / (kernel[0] + 2 * kernel[1:].sum()))
    return result


def _convolve(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Values (F, C) with the symmetric kernel whose right half, centre first, is (reach + 1,)."""
    frames, reach = len(values), len(kernel) - 1
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="reflect")
    if reach > 64:  # by the convolution theorem where the sum would be long
        size = 1 << int(np.ceil(np.log2(len(padded) + 2 * reach)))
        both = np.concatenate([kernel[:0:-1], kernel])
        spectrum = np.fft.rfft(padded, size, axis=0) * np.fft.rfft(both, size)[:, None]
        return np.fft.irfft(spectrum, size, axis=0)[2 * reach : 2 * reach + frames].astype(np.float32)
    kernel = kernel.astype(np.float32)
    result = kernel[0] * padded[reach : reach + frames]
    for k in range(1, reach + 1):
        result += kernel[k] * (padded[reach - k : reach - k + frames] + padded[reach + k : reach + k + frames])
    return result


def smooth(track: Track, cutoff_hz: Mapping[str, float], keep: Mapping[str, np.ndarray] | None = None) -> Track:
    """The track low-passed by group (see channels.GROUPS): Hz at -3 dB, 0 or no entry leaves a group as it is.

    keep   group to float (F,) 0..1: 1 where the group passes unsmoothed (a contact must not be rounded off), 0 where it
           is smoothed; the caller makes it change gradually
    """
    groups = [GROUP_OF.get(name, "") for name in track.channels]
    cutoffs = np.array([max(cutoff_hz.get(group, 0.0), 0.0) for group in groups])
    values = lowpass(track.values, track.fps, cutoffs)
    for group, mask in (keep or {}).items():
        columns = [i for i, g in enumerate(groups) if g == group and cutoffs[i] > 0]
        rows = np.flatnonzero(mask)
        if columns and len(rows):
            where = np.ix_(rows, columns)
            part = np.asarray(mask, np.float32)[rows, None]
            values[where] += part * (track.values[where] - values[where])
    return track.with_values(values)
