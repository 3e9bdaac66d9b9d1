"""Measures of a face: distances in head space that expressions change, each from a few landmarks.

Head space as in solve.pose, in units of the distance between the outer eye corners. Landmark numbers are MediaPipe's,
of the character's own left side; the right side has their mirror images.
"""

from __future__ import annotations

import numpy as np

from .face_model import FaceModel, face_model

_CORNERS = (263, 362)  # of the eye, outer and inner
_ROOT = (168, 6)  # of the nose
_BASE = (2, 94)  # of the nose

SIDED: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    # name: axis (x outward, y up, z out of the face, or d: distance), points, minus points
    "lidGap": ("y", (385, 386, 387), (380, 374, 373)),
    "lidUpper": ("y", (385, 386, 387), _CORNERS),
    "lidLower": ("y", (380, 374, 373), _CORNERS),
    "lidCrease": ("y", (442, 443, 444), _CORNERS),
    "lidFold": ("y", (257, 258, 259), _CORNERS),
    "irisX": ("x", (473,), _CORNERS),
    "irisY": ("y", (473,), _CORNERS),
    "irisZ": ("z", (473,), _CORNERS),
    "browInner": ("y", (336, 285, 296, 295), _CORNERS),
    "browMiddle": ("y", (334, 282), _CORNERS),
    "browOuter": ("y", (300, 276, 293, 283), _CORNERS),
    "browIn": ("x", (336, 285), _ROOT),
    "browOut": ("z", (336, 285, 296, 295), _ROOT),
    "bag": ("y", (450, 451, 449), _CORNERS),
    "cheekUp": ("y", (280, 425, 330), _ROOT),
    "cheekLow": ("y", (411, 427, 434), _ROOT),
    "cheekSide": ("x", (411, 427, 434, 416), _ROOT),
    "cheekOut": ("z", (425, 411, 427, 436), _ROOT),
    "wingUp": ("y", (358, 294, 279), _ROOT),
    "wingSide": ("x", (358, 294, 279), _ROOT),
    "bridge": ("y", (437, 420, 360), _ROOT),
    "cornerSide": ("x", (291, 308), _ROOT),
    "cornerUp": ("y", (291, 308), _BASE),
    "cornerOut": ("z", (291, 308), _ROOT),
    "cornerFromMiddle": ("y", (291, 308), (13, 14)),
    "upperOuter": ("y", (267, 269, 270), _BASE),
    "upperInner": ("y", (312, 311, 310), _BASE),
    "upperThick": ("y", (267, 269, 270), (312, 311, 310)),
    "lowerInner": ("y", (317, 402, 318), _BASE),
    "lowerOuter": ("y", (314, 405, 321), _BASE),
    "lowerThick": ("y", (317, 402, 318), (314, 405, 321)),
    "gapSide": ("y", (312, 311, 310), (317, 402, 318)),
    "fold": ("x", (426, 423, 436), _ROOT),
    "chinSide": ("y", (422, 424, 273), _BASE),
}
MIDDLE: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "gap": ("y", (13, 82, 312), (14, 87, 317)),
    "upperUp": ("y", (0, 13), _BASE),
    "upperRed": ("y", (0, 37, 267), (13, 82, 312)),
    "lowerUp": ("y", (14, 17), _BASE),
    "lowerRed": ("y", (14, 87, 317), (17, 84, 314)),
    "upperForward": ("z", (0, 11, 12), _ROOT),
    "lowerForward": ("z", (15, 16, 17), _ROOT),
    "chinUp": ("y", (152, 175, 199), _ROOT),
    "chinForward": ("z", (152, 175, 199), _ROOT),
    "chinCrease": ("y", (18, 200), _BASE),
    "lowerToChin": ("y", (14, 17), (152, 175, 199)),
    "browsBetween": ("y", (9, 8), _ROOT),
    "mouthWidth": ("d", (308,), (78,)),
    "lipsWidth": ("d", (291,), (61,)),
}
ACROSS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    # to the own left: these change their sign in the mirror
    "chinX": ("x", (152, 175, 199), (168, 6, 2, 94)),
    "lipsX": ("x", (0, 13, 14, 17), (168, 6, 2, 94)),
    "cornersX": ("x", (291, 61), (168, 6, 2, 94)),
}

NAMES: tuple[str, ...] = (
    *(f"{name}{side}" for name in SIDED for side in ("Left", "Right")), *MIDDLE, *ACROSS
)


def measure(points: np.ndarray, face: FaceModel | None = None) -> np.ndarray:
    """float32 (N, len(NAMES)) from points (N, 478, 3) in head space, and `face` as in pose.fit."""
    flip = points[:, (face or face_model()).mirror] * np.array([-1, 1, 1], points.dtype)
    columns = []
    for spec in SIDED.values():
        columns += [_one(points, *spec), _one(flip, *spec)]
    columns += [_one(points, *spec) for spec in (*MIDDLE.values(), *ACROSS.values())]
    return np.stack(columns, 1).astype(np.float32)


def _one(points: np.ndarray, axis: str, these: tuple[int, ...], minus: tuple[int, ...]) -> np.ndarray:
    difference = points[:, these].mean(1) - points[:, minus].mean(1)
    return np.linalg.norm(difference, axis=1) if axis == "d" else difference[:, "xyz".index(axis)]
