"""How far the lips are apart, of which the network reads three quarters in real faces: speech, shouts, laughs."""

from __future__ import annotations

import numpy as np

from .expression import EXPRESSION

PARTS = {
    "jawOpen": 0.324, "jawForward": 0.012, "mouthClose": -0.417, "mouthFunnel": 0.121, "mouthPucker": -0.014,
    "mouthRollLower": -0.028, "mouthRollUpper": 0.018, "mouthShrugLower": -0.072, "mouthShrugUpper": 0.051,
} | {
    f"{name}{side}": by
    for name, by in {
        "mouthPress": -0.012, "mouthLowerDown": 0.033, "mouthUpperUp": 0.039, "mouthDimple": -0.009, "noseSneer": 0.035
    }.items()
    for side in ("Left", "Right")
}  # fmt: skip
"""How far apart a coefficient of 1 moves the inner lips, in distances of the outer eye corners: on ICT-FaceKit's mean
face."""
OPENERS = [k for k, n in enumerate(EXPRESSION) if n.startswith(("jawOpen", "mouthLowerDown", "mouthUpperUp"))]
"""What is read too small of a mouth that is open."""
SHARES = np.array([1.0 if EXPRESSION[k] == "jawOpen" else 0.5 for k in OPENERS])
"""The power of the factor that they are given: lips that went all of the way differed more from pose to pose."""
COUNTS, LIMIT = 0.9, 2.0
"""How much of what the coefficients lack to the opening that is measured is given to them, and the largest factor."""
LEAST = 0.01
"""Openings about as small are the landmarks' noise, and change little."""
_JAW, _CLOSE = EXPRESSION.index("jawOpen"), EXPRESSION.index("mouthClose")
_BY = np.array([PARTS.get(name, 0.0) for name in EXPRESSION], np.float32)


def as_open(values: np.ndarray, parted: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Coefficients (N, len(EXPRESSION)) that part the lips as far as they are seen to be.

    parted  (N,) in eye distances; about 0 in every face whose lips touch. count (N,) 0..1 how well that is known
    """
    values = values.copy()
    told = values.clip(0, 1) * _BY
    opened = told[:, OPENERS].sum(1)
    lack = parted - told.sum(1)
    factor = ((opened + COUNTS * count * lack + LEAST) / (opened + LEAST)).clip(1 / LIMIT, LIMIT)
    values[:, OPENERS] *= factor[:, None] ** SHARES
    values[:, _CLOSE] = np.minimum(values[:, _CLOSE], values[:, _JAW])
    return values
