"""What a camera would measure on a mouth with these channels: opening, jaw and width, over the distance of the eyes.

In cm on a head of life size: what each channel at 1 adds. Measured on ICT-FaceKit (USC ICT 2020, MIT), where shapes add
up: between the inner lips' corners, and from nose root to chin, at iBUG's landmarks.
"""

from __future__ import annotations

import numpy as np

from ...evaluate.lip_measures import GAP_CM

EYES_CM = 8.918
JAW_CM = {
    "jawOpen": 3.162, "mouthClose": -0.396, "mouthFunnel": 0.385, "mouthPucker": -0.076, "mouthLowerDownLeft": 0.186,
    "mouthLowerDownRight": 0.186, "mouthPressLeft": -0.23, "mouthPressRight": -0.23, "mouthShrugLower": -0.818,
    "mouthRollLower": 0.026, "cheekPuff": -0.248,
}  # fmt: skip
WIDTH_CM = {
    "jawOpen": -0.424, "mouthClose": 0.215, "mouthFunnel": -0.69, "mouthPucker": -1.049, "mouthStretchLeft": 0.702,
    "mouthStretchRight": 0.702, "mouthDimpleLeft": 0.141, "mouthDimpleRight": 0.141, "mouthPressLeft": -0.032,
    "mouthPressRight": -0.032, "mouthRollLower": 0.103, "mouthRollUpper": 0.177, "mouthShrugLower": 0.168,
    "mouthUpperUpLeft": -0.014, "mouthUpperUpRight": -0.014, "cheekPuff": -0.528,
}  # fmt: skip
NAMES = ("gap", "jaw", "width")
_CM = (GAP_CM, JAW_CM, WIDTH_CM)


def measures(values: np.ndarray, channels: tuple[str, ...]) -> np.ndarray:
    """float (T, 3): by how much NAMES differ from those at rest, of channels' values (T, C)."""
    table = np.array([[cm.get(channel, 0.0) for cm in _CM] for channel in channels])
    return values @ table / EYES_CM
