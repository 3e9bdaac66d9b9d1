"""A Track on channels becomes a Track on a character's controls: one sparse matrix, then the limits."""

from __future__ import annotations

import numpy as np

from ..core.mapping import Mapping
from ..core.track import Track


def apply(track: Track, mapping: Mapping) -> Track:
    """The mapping's controls at the track's frames, within their limits.

    A channel that the track does not have counts 0. Confidence is the mean of the driving channels', by their weights.
    """
    column = {name: i for i, name in enumerate(track.channels)}
    targets = tuple(mapping.targets.values())
    weights = np.zeros((len(track.channels), len(targets)), np.float32)
    for j, target in enumerate(targets):
        for name, weight in target.weights.items():
            if name in column:
                weights[column[name], j] = weight
    gain, offset, low, high = (
        np.array([getattr(t, name) for t in targets], np.float32) for name in ("gain", "offset", "minimum", "maximum")
    )
    values = np.clip(track.values @ (weights * gain) + offset, low, high)
    share = np.abs(weights)
    confidence = track.confidence @ (share / np.maximum(share.sum(0), 1e-9))
    return Track.of(track.fps, mapping.controls, values, np.clip(confidence, 0, 1), track.start)
