"""A Track on channels becomes a Track on a character's controls: one sparse matrix, gates, then the limits."""

from __future__ import annotations

from collections.abc import Mapping as Table

import numpy as np

from ..core.mapping import Mapping
from ..core.track import Track


def apply(track: Track, mapping: Mapping) -> Track:
    """The mapping's controls at the track's frames, within their limits.

    A channel that the track does not have counts 0. Confidence is the mean of the driving channels', by their weights.
    """
    targets = tuple(mapping.targets.values())
    weights = _matrix(track, [target.weights for target in targets])
    gain, offset, low, high = (
        np.array([getattr(t, name) for t in targets], np.float32) for name in ("gain", "offset", "minimum", "maximum")
    )
    driven = track.values @ (weights * gain)
    gated = [j for j, target in enumerate(targets) if target.gate]
    if gated:
        driven[:, gated] *= np.clip(track.values @ _matrix(track, [targets[j].gate for j in gated]), 0, 1)
    values = np.clip(driven + offset, low, high)
    for blend in mapping.blends:
        together = [j for j, control in enumerate(mapping.controls) if control in blend]
        values[:, together] /= np.maximum(values[:, together].sum(1, keepdims=True), 1)
    share = np.abs(weights)
    confidence = track.confidence @ (share / np.maximum(share.sum(0), 1e-9))
    return Track.of(track.fps, mapping.controls, values, np.clip(confidence, 0, 1), track.start)


def _matrix(track: Track, columns: list[Table[str, float]]) -> np.ndarray:
    """float32 (channels of the track, columns)."""
    index = {name: i for i, name in enumerate(track.channels)}
    matrix = np.zeros((len(track.channels), len(columns)), np.float32)
    for j, column in enumerate(columns):
        for name, weight in column.items():
            if name in index:
                matrix[index[name], j] = weight
    return matrix
