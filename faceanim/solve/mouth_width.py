"""How wide the mouth is, which the network reads too little of in real faces: rounded lips, and mouths drawn wide."""

from __future__ import annotations

import numpy as np

from .expression import EXPRESSION

LEFT, RIGHT = [308, 291], [78, 61]
"""MediaPipe's landmarks of the mouth's corners, inner and outer."""
WIDER = {
    "jawOpen": -0.11, "jawForward": 0.02, "mouthClose": 0.06, "mouthFunnel": -0.14, "mouthPucker": -0.18,
    "mouthLeft": -0.14, "mouthRight": -0.14, "mouthRollUpper": 0.06, "mouthShrugLower": 0.03,
} | {
    f"{name}{side}": by
    for name, by in {"mouthDimple": 0.025, "mouthFrown": 0.04, "mouthSmile": 0.17, "mouthStretch": 0.14}.items()
    for side in ("Left", "Right")
}  # fmt: skip
"""By what share a coefficient of 1 makes the mouth wider, from corner to corner: on ICT-FaceKit's mean face, as the
network means it."""
PUCKERED = -0.28
"""And a pucker on a character: between that and the demo head's, -0.38."""
COUNTS = 0.9
"""How much of what the coefficients lack to the width that is measured is given to them."""
SURE = 0.01
"""Differences about as small are the landmarks' noise, and counted less."""
STRETCHES = 0.1
"""A mouth that is wider than told is stretched, or smiles as far as it does already: a coefficient of about this size
counts as much."""
_SMILE, _STRETCH = (
    [EXPRESSION.index(f"mouth{name}{side}") for side in ("Left", "Right")] for name in ("Smile", "Stretch")
)
_PUCKER, _FUNNEL = EXPRESSION.index("mouthPucker"), EXPRESSION.index("mouthFunnel")
_BY = np.array([WIDER.get(name, 0.0) for name in EXPRESSION], np.float32)


def width(points: np.ndarray) -> np.ndarray:
    """(N,) of the mouth of points (N, 478, 3) in head space, between the corners, inside and outside in the mean."""
    return np.linalg.norm(points[:, LEFT] - points[:, RIGHT], axis=2).mean(1)


def as_wide(values: np.ndarray, wider: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Coefficients (N, len(EXPRESSION)) that make the mouth as wide as it is seen to be.

    wider  (N,) by what share of its width at rest it is wider; count (N,) 0..1 how well that is known

    Lips that are narrower spread less, then pucker; such as are wider round less, then are stretched or smile.
    """
    values = values.copy()
    lack = wider - values.clip(0, 1) @ _BY
    lack = lack * COUNTS * count * np.abs(lack) / (np.abs(lack) + SURE)

    def give(columns: list[int], amount: np.ndarray, each: float | None = None) -> np.ndarray:
        """Moves them alike, as far as it takes or they go, where one makes the mouth wider by `each`; what is lacking
        still."""
        each = _BY[columns[0]] if each is None else each
        before = values[:, columns].copy()
        values[:, columns] = np.clip(before + amount[:, None] / (each * len(columns)), np.minimum(before, 0), 1)
        return amount - (values[:, columns] - before).sum(1) * each

    narrower, broader = np.minimum(lack, 0), np.maximum(lack, 0)
    narrower = give(_STRETCH, narrower)
    give([_PUCKER], narrower, PUCKERED)
    broader = give([_FUNNEL], give([_PUCKER], broader))
    smile, stretch = (values[:, columns].clip(0).mean(1) for columns in (_SMILE, _STRETCH))
    share = smile / (smile + stretch + STRETCHES)
    give(_STRETCH, give(_SMILE, share * broader) + (1 - share) * broader)
    return values
