"""A face's own rest, found over the clip by itself."""

from __future__ import annotations

import numpy as np

from .face_model import FaceModel

WITHIN = 2.5
"""Rest lies within this many standard deviations of what is usual among faces."""
AWAKE = 25
"""Percent of the frames that show the eyes open as they are at rest, or wide."""
EVEN = 0.85
QUIET = 0.5
"""The share of those frames that rest most."""


def rest(measures: np.ndarray, model: FaceModel) -> np.ndarray:
    """(M,): measures (N, M) of the face at rest.

    The frames nearest to the middle of those with the eyes open (for lids and brows), or with the lips together (for
    the others); never further from what is usual than faces differ, so that a face that smiles throughout still smiles.
    """
    names = model.measures
    low, high = model.neutral - WITHIN * model.spread, model.neutral + WITHIN * model.spread
    upper = np.array([name.startswith(("lid", "brow", "bag", "iris")) for name in names])
    lids = measures[:, [names.index("lidGapLeft"), names.index("lidGapRight")]].mean(1)
    gap = measures[:, names.index("gap")]
    out = np.zeros(len(names))
    for region, awake in ((upper, lids >= np.percentile(lids, 100 - AWAKE)), (~upper, gap <= np.median(gap))):
        those = measures[awake][:, region]
        middle = np.clip(np.median(those, 0), low[region], high[region])
        unrest = (np.abs(those - middle) / model.spread[region]).mean(1)
        quiet = np.argsort(unrest, kind="stable")[: max(1, int(np.ceil(QUIET * len(those))))]
        out[region] = np.median(those[quiet], 0)
    return _even_lids(np.clip(out, low, high), names)


def _even_lids(neutral: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Without an eye that would rest much further shut than the other: it is winking or squinting."""
    neutral = neutral.copy()
    gaps = {side: neutral[names.index(f"lidGap{side}")] for side in ("Left", "Right")}
    for side, gap in gaps.items():
        rise = max(0.0, EVEN * max(gaps.values()) - gap)
        for name in ("lidGap", "lidUpper"):
            neutral[names.index(f"{name}{side}")] += rise
    return neutral
