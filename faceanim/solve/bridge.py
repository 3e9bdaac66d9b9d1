"""From a video's own frames to a Track: values at the Take's rate, gaps bridged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.track import Track

HOLD_S, FADE_S = 0.25, 0.5
"""A gap's values lead from one end to the other; deeper in it than HOLD_S they relax to neutral within FADE_S."""
EDGE_S = 0.1
"""Confidence falls to 0 this much before a gap."""
NEAR = 1.75
"""A frame counts as shown until this many frames' length later: then pictures are missing."""


def resample(
    times: np.ndarray, channels: Sequence[str], values: np.ndarray, confidence: np.ndarray, fps: float, frames: int
) -> Track:
    """Values (N, C), known at `times` (N,) seconds with confidence (N, C), as a Track of `frames` frames at `fps`.

    Between known values linear, and past the ends held; where a channel's confidence is 0, or pictures are missing, its
    confidence is 0 and its value leads smoothly over the gap, or to neutral (0) in a long one. A channel that is never
    known is 0.
    """
    grid = np.arange(frames) / fps
    out = np.zeros((frames, len(channels)), np.float32)
    sure = np.zeros_like(out)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1 / fps
    patterns, which = np.unique(confidence > 0, axis=1, return_inverse=True)
    which = np.asarray(which).reshape(-1)
    for k in range(patterns.shape[1]):
        rows, columns = np.flatnonzero(patterns[:, k]), np.flatnonzero(which == k)
        if not len(rows):
            continue
        known = times[rows]
        right = np.minimum(np.searchsorted(known, grid, "right"), len(rows) - 1)
        left = np.where(grid >= known[right], right, np.maximum(right - 1, 0))
        span = known[right] - known[left]
        part = np.clip(np.divide(grid - known[left], span, out=np.zeros_like(grid), where=span > 0), 0, 1)
        away = np.minimum(np.abs(grid - known[left]), np.abs(known[right] - grid))
        gap = (span > NEAR * step) | (grid > known[-1] + NEAR * step) | (grid < known[0] - NEAR * step)
        part = np.where(gap, _ease(part), part)[:, None]
        stay = np.where(gap, _ease(1 - (away - HOLD_S) / FADE_S), 1.0)[:, None]
        a, b = rows[left], rows[right]
        out[:, columns] = stay * ((1 - part) * values[np.ix_(a, columns)] + part * values[np.ix_(b, columns)])
        edge = _distance(grid, gap)
        trust = np.where(gap, 0.0, np.clip(edge / EDGE_S, 0.0, 1.0))[:, None]
        sure[:, columns] = trust * ((1 - part) * confidence[np.ix_(a, columns)] + part * confidence[np.ix_(b, columns)])
    return Track.of(fps, channels, out, sure)


def _ease(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def _distance(grid: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Seconds from each frame to the nearest one in a gap."""
    if not gap.any():
        return np.full(len(grid), np.inf)
    at = grid[gap]
    i = np.searchsorted(at, grid)
    return np.minimum(np.abs(grid - at[np.maximum(i - 1, 0)]), np.abs(at[np.minimum(i, len(at) - 1)] - grid))


def without_spikes(values: np.ndarray, times: np.ndarray, most: float) -> np.ndarray:
    """(N,) bool: frames to keep. One that leaps by more than `most` in any column (N, C) and right back is dropped."""
    keep = np.ones(len(values), bool)
    if len(values) < 3:
        return keep
    middle = (values[:-2] + values[2:]) / 2
    close = np.abs(values[2:] - values[:-2]).max(1) < most / 2
    leap = np.abs(values[1:-1] - middle).max(1) > most
    keep[1:-1] = ~(close & leap & (times[2:] - times[:-2] < 0.25))
    return keep
