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
LIPS = [k for k, name in enumerate(EXPRESSION) if name.startswith(("mouthLowerDown", "mouthUpperUp"))]
JAW, CLOSE = EXPRESSION.index("jawOpen"), EXPRESSION.index("mouthClose")
COUNTS, LIMIT = 0.9, 1.4
"""How much of what the coefficients lack to the opening that is measured is given to them, and the largest factor, that
of the jaw being its square: lips that went as far as the jaw would differ from pose to pose."""
LEAST = 0.01
"""Openings about as small are the landmarks' noise, and change little."""
_BY = np.array([PARTS.get(name, 0.0) for name in EXPRESSION], np.float32)


def as_open(values: np.ndarray, parted: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Coefficients (N, len(EXPRESSION)) that part the lips as far as they are seen to be.

    parted  (N,) in eye distances; about 0 in every face whose lips touch. count (N,) 0..1 how well that is known
    """
    values = values.copy()
    told = values.clip(0, 1) * _BY
    jaw, lips = told[:, JAW] + LEAST, told[:, LIPS].sum(1)
    wanted = (jaw + lips + COUNTS * count * (parted - told.sum(1))).clip(LEAST)
    # jaw * factor**2 + lips * factor = wanted
    factor = (2 * wanted / (lips + np.sqrt(lips**2 + 4 * jaw * wanted))).clip(1 / LIMIT, LIMIT)
    values[:, LIPS] *= factor[:, None]
    values[:, JAW] *= factor**2
    values[:, CLOSE] = np.minimum(values[:, CLOSE], values[:, JAW])
    return values
