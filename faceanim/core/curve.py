"""Curve: sparse keyframes of one control."""

from __future__ import annotations

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
