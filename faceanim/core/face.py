"""FaceTrack: the landmarks of one face over a video, as the landmarker gave them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import FormatError

LANDMARKS = 478
"""MediaPipe's face mesh: 468 points, then five for each iris."""


@dataclass(frozen=True)
class FaceTrack:
    """One face, frame by frame, at the video's own times (the rate may vary).

    times        float64 (N,) seconds from the clip's start, rising
    points       float32 (N, 478, 3) pixels: x right, y down, z in the same scale, negative toward the camera; anything
                 where the face was not found
    found        bool (N,)
    size         (width, height) of the pictures in pixels
    blendshapes  float32 (N, 52) MediaPipe's own coefficients in the order of channels.ARKIT, or None
    faces        faces seen in the picture at once
    detector     what found them
    """

    times: np.ndarray
    points: np.ndarray
    found: np.ndarray
    size: tuple[int, int]
    blendshapes: np.ndarray | None = None
    faces: int = 1
    detector: str = ""

    def __post_init__(self) -> None:
        frames = len(self.times)
        if self.points.shape != (frames, LANDMARKS, 3) or self.found.shape != (frames,):
            raise FormatError(f"{frames} frames with points {self.points.shape} and found {self.found.shape}")
        if frames > 1 and not (np.diff(self.times) > 0).all():
            raise FormatError("the frames of a face track are not in order of time")

    @property
    def frames(self) -> int:
        return len(self.times)
