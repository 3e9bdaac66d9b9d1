"""Head rotation by rigid fit of points that expressions hardly move, and the landmarks with it taken out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .face_model import FaceModel, face_model

DEPTH = 0.75
"""MediaPipe's z is too deep for a face that turns: with it as it is, rotation comes out about 10 % too large."""

TOGETHER = 128
"""Faces at a time: more of them leave the processor's cache."""


class Pose(NamedTuple):
    """rotation float64 (N, 3, 3): head space to camera space (x right, y up, z to the camera), R = Ry Rz Rx.

    points    float32 (N, 478, 3): landmarks in head space, unit: the distance between the outer eye corners
    residual  float32 (N,): root mean square distance of the rigid points from the model, same unit
    scale     float32 (N,): pixels in a unit
    middle    float64 (N, 2): of the rigid points, in pixels
    """

    rotation: np.ndarray
    points: np.ndarray
    residual: np.ndarray
    scale: np.ndarray
    middle: np.ndarray


def fit(points: np.ndarray, face: FaceModel | None = None) -> Pose:
    """The pose of landmarks (N, 478, 3) in pixels (see core.face), by weak perspective (Kabsch with scale).

    face  another than the one in models/
    """
    face = face or face_model()
    parts = [_fit(points[k : k + TOGETHER], face) for k in range(0, max(len(points), 1), TOGETHER)]
    return Pose(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _fit(points: np.ndarray, face: FaceModel) -> Pose:
    index, model = face.rigid, face.rigid_points
    camera = points * np.array([1, -1, -DEPTH])
    rigid = camera[:, index]
    middle = rigid.mean(1, keepdims=True)
    rigid = rigid - middle
    target = model - model.mean(0)
    u, _, vt = np.linalg.svd(rigid.transpose(0, 2, 1) @ target)
    u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
    rotation = u @ vt
    scale = (rigid @ rotation * target).sum((1, 2)) / (target**2).sum()
    scale = np.maximum(scale, 1e-6)
    camera -= middle
    head = camera @ (rotation / scale[:, None, None]) + model.mean(0)
    residual = np.sqrt(((head[:, index] - model) ** 2).sum(2).mean(1))
    at = middle[:, 0, :2] * [1, -1]
    return Pose(rotation, head.astype(np.float32), residual.astype(np.float32), scale.astype(np.float32), at)


def place(fitted: Pose, axis: np.ndarray, frame: np.ndarray | float) -> np.ndarray:
    """float32 (N, 4): where the camera has the face, which a near camera sees from another side than its axis tells.

    The first three: the rotation vector (radians, in head space) that would follow the rotation which the points gave,
    were the focal length as large as the frame. The last: logarithm of what part of the frame a unit is.

    axis  (2,) or (N, 2) the middle of what the camera took, in pixels; frame: its longer side
    """
    across, down = ((fitted.middle - axis) / np.reshape(frame, (-1, 1))).clip(-1, 1).T
    from_camera = np.stack([-down, -across, np.zeros_like(down)], 1)
    turn = np.einsum("nji,nj->ni", fitted.rotation, from_camera)
    return np.column_stack([turn, np.log(fitted.scale / frame)]).astype(np.float32)


def angles(rotation: np.ndarray) -> np.ndarray:
    """float64 (N, 3): yaw, pitch, roll in radians of R = Ry(yaw) Rz(-roll) Rx(pitch), as in core.channels."""
    yaw = np.arctan2(-rotation[:, 2, 0], rotation[:, 0, 0])
    pitch = np.arctan2(-rotation[:, 1, 2], rotation[:, 1, 1])
    roll = -np.arcsin(np.clip(rotation[:, 1, 0], -1, 1))
    return np.stack([yaw, pitch, roll], 1)
