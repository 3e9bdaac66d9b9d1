"""Means and medians over neighbours in time."""

from __future__ import annotations

import numpy as np


def alike(values: np.ndarray, times: np.ndarray, smooth: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Values (N, O) averaged over neighbours within `smooth` (O,) seconds that differ by less than `by` (N, O), or
    about so; with `by` infinite over all."""
    reach = int(np.ceil(2.5 * smooth.max() / max(step(times), 1e-3)))
    total, weight = values.copy(), np.ones_like(values)
    for k in range(1, min(reach, len(values) - 1) + 1):
        late = times[k:] - times[:-k]
        near = np.exp(-0.5 * (late[:, None] / smooth) ** 2)
        counts = np.exp(-0.5 * ((values[k:] - values[:-k]) / by[k:]) ** 2) * near
        total[k:] += counts * values[:-k]
        total[:-k] += counts * values[k:]
        weight[k:] += counts
        weight[:-k] += counts
    return total / weight


def lasting(values: np.ndarray, times: np.ndarray, seconds: float) -> np.ndarray:
    """The running median of values (N, C) over so many seconds."""
    reach = int(seconds / max(step(times), 1e-3) / 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0), axis=-1)


def step(times: np.ndarray) -> float:
    """Seconds from frame to frame, in the median."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0
