"""A face's own rest, found over the clip by itself."""

from __future__ import annotations

import numpy as np

from .face_model import FaceModel

WITHIN_EYES, WITHIN_MOUTH = 2.5, 1.5
"""Rest lies within this many standard deviations of what is usual among faces: a face may smile all through a clip."""
AWAKE = 25
"""Percent of the frames that show the eyes open as they are at rest, or wide."""
QUIET = 0.5
"""The share of a region's frames that rest most."""
EVEN = 0.85
"""An eye rests no further shut than this share of the other's gap: else it is winking or squinting."""


def rest(measures: np.ndarray, model: FaceModel) -> np.ndarray:
    """(M,): measures (N, M) of the face at rest.

    The frames nearest to the middle: of those with the eyes open for the upper lids, of those with the lips together
    for the mouth and cheeks, of all for the brows and lower lids; never further from what is usual than faces differ.
    """
    names = model.measures
    lids = np.array([name.startswith(("lidGap", "lidUpper")) for name in names])
    around = np.array([name.startswith(("brow", "lid", "bag", "iris")) for name in names]) & ~lids
    within = np.where(lids | around, WITHIN_EYES, WITHIN_MOUTH)
    low, high = model.neutral - within * model.spread, model.neutral + within * model.spread
    opening = measures[:, [names.index("lidGapLeft"), names.index("lidGapRight")]].mean(1)
    gap = measures[:, names.index("gap")]
    out = np.zeros(len(names))
    for region, frames in (
        (lids, opening >= np.percentile(opening, 100 - AWAKE)),
        (around, np.ones(len(measures), bool)),
        (~lids & ~around, gap <= np.median(gap)),
    ):
        those = measures[frames][:, region]
        middle = np.clip(np.median(those, 0), low[region], high[region])
        unrest = (np.abs(those - middle) / model.spread[region]).mean(1)
        quiet = np.argsort(unrest, kind="stable")[: max(1, int(np.ceil(QUIET * len(those))))]
        out[region] = np.median(those[quiet], 0)
    return _even(np.clip(out, low, high), names)


def _even(neutral: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """With brows that rest equally high, and no eye much further shut than the other."""
    neutral = neutral.copy()
    for name in ("browInner", "browMiddle", "browOuter"):
        both = [names.index(f"{name}Left"), names.index(f"{name}Right")]
        neutral[both] = neutral[both].mean()
    gaps = {side: neutral[names.index(f"lidGap{side}")] for side in ("Left", "Right")}
    for side, gap in gaps.items():
        rise = max(0.0, EVEN * max(gaps.values()) - gap)
        for name in ("lidGap", "lidUpper"):
            neutral[names.index(f"{name}{side}")] += rise
    return neutral
