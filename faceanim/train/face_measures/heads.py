"""The ICT-FaceKit head: its vertices for an identity, an expression and a gaze, and what its triangles are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.files import input_file

HIDDEN = ("M_LacrimalFluid", "M_EyeOcclusion", "M_EyeBlend")
"""Films over the eye that need a shader of their own."""
IRIS_DEG, PUPIL_DEG = 27.0, 11.0
BROW_CM = 0.42
"""Half the height of the band along the brow's landmarks that is given the colour of hair."""
UNLIKE = 0.8
"""Standard deviation of the identity weights."""
PIVOT = np.array([0.0, -2.0, 0.0])
"""The head turns about this point (cm)."""


class Head:
    """expressions  E names in ICT spelling (jawOpen, mouthSmile_L)

    triangles (T, 3); material (T,) index into `materials`, which are ICT's and "brow", "lip", "pupil"
    """

    def __init__(self, data: Path):
        pack = np.load(input_file(data / "ict_facekit" / "ict_face.npz", "face model"))
        self.expressions = tuple(str(name) for name in pack["expression_names"])
        self.neutral = pack["neutral"]
        self._deltas = pack["expressions"].astype(np.float32)
        self._identities = pack["identities"].astype(np.float32)
        parts = {str(k): slice(*span) for k, span in zip(pack["part_names"], pack["part_vertex_range"], strict=True)}
        self._eyes = (parts["Eyeball left"], parts["Eyeball right"])
        names = [str(name) for name in pack["materials"]]
        shown = ~np.isin(pack["triangle_material"], [names.index(name) for name in HIDDEN])
        self.triangles = pack["triangles"][shown]
        self.materials = (*names, "brow", "lip", "pupil")
        self.material = self._painted(pack["triangle_material"][shown].astype(int), self.neutral[pack["landmarks68"]])

    def _painted(self, material: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Brows and lips drawn on the skin, iris and pupil on the eyeball: what a landmarker goes by."""
        from matplotlib.path import Path as Outline

        at, material = self.materials.index, material.copy()
        centre = self.neutral[self.triangles].mean(1)
        skin = material == at("M_Face")
        near = np.minimum(_distance(centre, landmarks[17:22]), _distance(centre, landmarks[22:27])) < BROW_CM
        mouth = landmarks[48:60]
        inside = Outline(mouth[:, :2]).contains_points(centre[:, :2]) & (centre[:, 2] > mouth[:, 2].min() - 0.4)
        material[skin & near] = at("brow")
        material[skin & inside] = at("lip")
        for eye in self._eyes:
            ball = (self.triangles[:, 0] >= eye.start) & (self.triangles[:, 0] < eye.stop)
            away = centre - _sphere_centre(self.neutral[eye])
            degrees = np.degrees(np.arccos(away[:, 2] / np.linalg.norm(away, axis=1)))
            material[ball] = at("M_ScleraLeft")
            material[ball & (degrees < IRIS_DEG)] = at("M_IrisLeft")
            material[ball & (degrees < PUPIL_DEG)] = at("pupil")
        return material

    def vertices(self, identity: int, weights: np.ndarray, gaze: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """(V, 3) cm: the face numbered `identity`, weights (E,), gaze and pose as in plan.Truth."""
        face = np.random.default_rng(identity).normal(0, UNLIKE, len(self._identities)).astype(np.float32)
        own = self.neutral + np.tensordot(face, self._identities, 1)
        out = own + np.tensordot(weights, self._deltas, 1)
        for eye, (yaw, pitch) in zip(self._eyes, gaze.reshape(2, 2), strict=True):
            centre = _sphere_centre(own[eye])
            out[eye] = (out[eye] - centre) @ rotation(yaw, pitch, 0.0).T + centre
        return (out - PIVOT) @ rotation(*np.radians(pose)).T + PIVOT


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) of radians: Ry(yaw) Rz(-roll) Rx(pitch), as in core.channels."""
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, -roll]), np.sin([yaw, pitch, -roll])
    around_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    around_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    around_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return around_y @ around_z @ around_x


def _sphere_centre(points: np.ndarray) -> np.ndarray:
    system = np.concatenate([2 * points, np.ones((len(points), 1), points.dtype)], 1)
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]


def _distance(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """(N,) from points (N, 3) to a line through (K, 3)."""
    nearest = np.full(len(points), np.inf)
    for a, b in zip(line[:-1], line[1:], strict=True):
        along = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
    return nearest
