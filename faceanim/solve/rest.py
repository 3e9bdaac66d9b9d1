"""A face's own rest, found over the clip by itself."""

from __future__ import annotations

import numpy as np

from .face_model import FaceModel

WITHIN = 2.5
"""Rest lies within this many standard deviations of what is usual among faces."""
QUIET = 0.25
"""The share of the frames that rest most."""


def rest(measures: np.ndarray, model: FaceModel) -> np.ndarray:
    """(M,): measures (N, M) of the face at rest.

    The frames nearest to the clip's own middle, region by region, with the lips together and the eyes open where there
    are such frames; never further from what is usual than faces differ, so that a face that smiles throughout is still
    seen to smile.
    """
    names = model.measures
    low, high = model.neutral - WITHIN * model.spread, model.neutral + WITHIN * model.spread
    middle = np.clip(np.median(measures, 0), low, high)
    off = np.abs(measures - middle) / model.spread
    upper = np.array([name.startswith(("lid", "brow", "bag", "iris")) for name in names])
    gap, lids = names.index("gap"), [names.index("lidGapLeft"), names.index("lidGapRight")]
    apart = np.maximum(measures[:, gap] - model.neutral[gap], 0) / model.spread[gap]
    shut = np.maximum(middle[lids] - measures[:, lids], 0).mean(1) / model.spread[lids].mean()
    count = max(1, int(np.ceil(QUIET * len(measures))))
    out = middle.copy()
    for region, unrest in ((upper, off[:, upper].mean(1) + shut), (~upper, off[:, ~upper].mean(1) + apart)):
        quiet = np.argsort(unrest, kind="stable")[:count]
        out[region] = np.median(measures[quiet][:, region], 0)
    return np.clip(out, low, high)
