"""A face's own rest, found over the clip by itself."""

from __future__ import annotations

import numpy as np

from .face_model import FaceModel

WITHIN = 2.5
"""Rest lies within this many standard deviations of what is usual among faces."""
QUIET = 0.5
"""The share of those frames that rest most."""


def rest(measures: np.ndarray, model: FaceModel) -> np.ndarray:
    """(M,): measures (N, M) of the face at rest.

    The frames nearest to the middle of those with the eyes open (for lids and brows), or with the lips together (for the
    rest); never further from what is usual than faces differ, so that a face that smiles throughout still smiles.
    """
    names = model.measures
    low, high = model.neutral - WITHIN * model.spread, model.neutral + WITHIN * model.spread
    upper = np.array([name.startswith(("lid", "brow", "bag", "iris")) for name in names])
    lids = measures[:, [names.index("lidGapLeft"), names.index("lidGapRight")]].mean(1)
    gap = measures[:, names.index("gap")]
    out = np.zeros(len(names))
    for region, awake in ((upper, lids >= np.median(lids)), (~upper, gap <= np.median(gap))):
        those = measures[awake][:, region]
        middle = np.clip(np.median(those, 0), low[region], high[region])
        unrest = (np.abs(those - middle) / model.spread[region]).mean(1)
        quiet = np.argsort(unrest, kind="stable")[: max(1, int(np.ceil(QUIET * len(those))))]
        out[region] = np.median(those[quiet], 0)
    return np.clip(out, low, high)
