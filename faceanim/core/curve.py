"""Curve: sparse keyframes of one control."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Keys joined by cubic Hermite pieces, or by straight lines where slopes are None.

    control     see core.rig
    times       float64 (K,) seconds from the clip's start, rising
    values      float64 (K,)
    slopes_in   float64 (K,) value per second arriving at the key; slopes_out leaving it. A Bezier handle at a third of
                the way to the neighbour with this slope evaluates to exactly this cubic: Blender shows the same curve.
    """

    control: str
    times: np.ndarray
    values: np.ndarray
    slopes_in: np.ndarray | None = None
    slopes_out: np.ndarray | None = None

    @property
    def keys(self) -> int:
        return len(self.times)

    def slopes(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slopes (T,) arriving at and leaving times (T,); 0 outside. The curve must have slopes."""
        i = np.clip(np.searchsorted(self.times, times, "right") - 1, 0, max(self.keys - 2, 0))
        if self.keys < 2:
            return np.zeros(len(times)), np.zeros(len(times))
        h = self.times[i + 1] - self.times[i]
        u = (times - self.times[i]) / h
        rise = (self.values[i + 1] - self.values[i]) / h
        inside = rise * 6 * u * (1 - u)
        inside += self.slopes_out[i] * (1 - u) * (1 - 3 * u) + self.slopes_in[i + 1] * u * (3 * u - 2)
        near = np.clip(np.searchsorted(self.times, times), 0, self.keys - 1)
        near = np.where(np.abs(self.times[np.maximum(near - 1, 0)] - times) < 1e-8, np.maximum(near - 1, 0), near)
        on_key = np.abs(self.times[near] - times) < 1e-8
        out = (times < self.times[0] - 1e-8) | (times > self.times[-1] + 1e-8)
        inside = np.where(out, 0.0, inside)
        before = np.where(on_key, np.where(near > 0, self.slopes_in[near], 0.0), inside)
        after = np.where(on_key, np.where(near < self.keys - 1, self.slopes_out[near], 0.0), inside)
        return before, after

    def at(self, times: np.ndarray) -> np.ndarray:
        """Values (T,) at times (T,) in seconds, held beyond the ends."""
        times = np.asarray(times, float)
        if self.slopes_in is None or self.slopes_out is None or self.keys < 2:
            return np.interp(times, self.times, self.values)
        t = np.clip(times, self.times[0], self.times[-1])
        i = np.clip(np.searchsorted(self.times, t, "right") - 1, 0, self.keys - 2)
        h = self.times[i + 1] - self.times[i]
        u = (t - self.times[i]) / h
        return (
            self.values[i] * (1 + 2 * u) * (1 - u) ** 2
            + self.slopes_out[i] * h * u * (1 - u) ** 2
            + self.values[i + 1] * u**2 * (3 - 2 * u)
            + self.slopes_in[i + 1] * h * u**2 * (u - 1)
        )


def combined(control: str, parts: Iterable[tuple[Curve, float]], offset: float = 0.0) -> Curve:
    """offset plus the sum of weight times curve, exactly: a key wherever one of them has one."""
    parts = list(parts)
    times = np.unique(np.concatenate([np.round(curve.times, 9) for curve, _ in parts]))
    values = offset + sum(weight * curve.at(times) for curve, weight in parts)
    if any(curve.slopes_in is None or curve.slopes_out is None for curve, _ in parts):
        return Curve(control, times, values)
    before, after = (sum(weight * curve.slopes(times)[i] for curve, weight in parts) for i in (0, 1))
    return Curve(control, times, values, before, after)
