"""Where something hides a part of the face, what is read there counts for nothing: it comes from the other side, and
else, as its confidence is 0, from the time before and after, or from the sound (solve.mix)."""

from __future__ import annotations

import numpy as np

from ..core.channels import GROUP_OF, MOUTH_GROUPS, mirrored
from .expression import EXPRESSION

PART = 0.3
"""A region that is hidden further is not read."""
OTHER = 0.5
"""The share of its confidence that comes with a value from the other side."""

_UPPER = np.array([GROUP_OF[name] in ("brows", "lids") for name in EXPRESSION])
_SIDES = tuple(
    np.array([upper and name.endswith(side) for upper, name in zip(_UPPER, EXPRESSION, strict=True)])
    for side in ("Left", "Right")
)
_BETWEEN = _UPPER & ~_SIDES[0] & ~_SIDES[1]
_MOUTH = np.array([GROUP_OF[name] in MOUTH_GROUPS or name == "cheekPuff" for name in EXPRESSION])
_OPPOSITE = np.array([EXPRESSION.index(mirrored(name)) for name in EXPRESSION])


def filled(values: np.ndarray, sure: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (N, len(EXPRESSION)) and their confidence, less what is hidden.

    hidden  (N, 3) 0..1 of the left eye with its brow, the right one, the mouth
    """
    left, right, mouth = (hidden > PART).T
    values, sure = values.copy(), sure.copy()
    for gone, other, columns in ((left, right, _SIDES[0]), (right, left, _SIDES[1])):
        from_other = np.ix_(gone & ~other, columns)
        opposite = np.ix_(gone & ~other, _OPPOSITE[columns])
        values[from_other], sure[from_other] = values[opposite], OTHER * sure[opposite]
    sure[np.ix_(left & right, _UPPER)] = 0
    sure[np.ix_(left ^ right, _BETWEEN)] *= OTHER
    sure[np.ix_(mouth, _MOUTH)] = 0
    return values, sure
