"""FaceTrack: the landmarks of one face over a video, as the landmarker gave them; and what a face network is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import FormatError

LANDMARKS = 478
"""MediaPipe's face mesh: 468 points, then five for each iris."""
EYE_PIXELS = 2 * 48 * 48
"""Of the small pictures (features.crops), those of both eyes; they come first."""

PORTRAIT = 48
"""Pixels, across and down, of a small picture of the face."""


class Portraits(NamedTuple):
    """Grey pictures of the face, a few a second: times float64 (M,) seconds, rising; pictures uint8 (M, PORTRAIT,
    PORTRAIT); shot int (M,), as in FaceTrack."""

    times: np.ndarray
    pictures: np.ndarray
    shot: np.ndarray


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
    crops        uint8 (N, features.crops.PIXELS) small pictures of the eyes, the mouth and the face, or None
    shot         int (N,) rising: frames of one number show one face without a cut; None: all do
    portraits    of the frames with a face, some a second (features.face_emotion), or None
    views        float32 (N, V) what the face network saw in the crops, or None: it has not looked yet
    """

    times: np.ndarray
    points: np.ndarray
    found: np.ndarray
    size: tuple[int, int]
    blendshapes: np.ndarray | None = None
    faces: int = 1
    detector: str = ""
    crops: np.ndarray | None = None
    shot: np.ndarray | None = None
    portraits: Portraits | None = None
    views: np.ndarray | None = None

    def __post_init__(self) -> None:
        frames = len(self.times)
        if self.points.shape != (frames, LANDMARKS, 3) or self.found.shape != (frames,):
            raise FormatError(f"{frames} frames with points {self.points.shape} and found {self.found.shape}")
        if frames > 1 and not (np.diff(self.times) > 0).all():
            raise FormatError("the frames of a face track are not in order of time")

    @property
    def frames(self) -> int:
        return len(self.times)

    def of(self, rows: np.ndarray) -> FaceTrack:
        """These frames alone."""
        if len(rows) == self.frames and (rows[:-1] < rows[1:]).all():
            return self
        more = [None if a is None else a[rows] for a in (self.blendshapes, self.crops, self.shot, self.views)]
        same = self.times[rows], self.points[rows], self.found[rows], self.size
        return FaceTrack(*same, more[0], self.faces, self.detector, *more[1:3], views=more[3])

    def shots(self) -> list[np.ndarray]:
        """The rows of the frames of each shot that show a face."""
        shown = np.flatnonzero(self.found)
        if self.shot is None:
            return [shown] if len(shown) else []
        return [shown[self.shot[shown] == k] for k in np.unique(self.shot[shown])]


class Seen(NamedTuple):
    """N faces as a network sees them.

    points   float32 (N, 478, 3) in head space (solve.pose), in eye distances
    pose     float32 (N, 3) yaw, pitch, roll in radians, as the points gave it
    crops    uint8 (N, features.crops.PIXELS)
    scores   float32 (N, 52) MediaPipe's coefficients; 0 where there are none
    kind     float32 (N, 1): 1 where the points and scores come by the task file
    place    float32 (N, 4): where the camera has it, see solve.pose.place
    """

    points: np.ndarray
    pose: np.ndarray
    crops: np.ndarray
    scores: np.ndarray
    kind: np.ndarray
    place: np.ndarray


class Rest(NamedTuple):
    """points float32 (478, 3) and view float32 (V,) of a face at rest."""

    points: np.ndarray
    view: np.ndarray


class Reader(NamedTuple):
    """A face network.

    eyes    crops uint8 (N, P) to what it sees in the eyes, the left one first, float32 (N, E)
    others  and in the mouth and the whole face, float32 (N, V - E)
    split   E
    read    (Seen, view (N, V), Rest or None) to its outputs (N, O) and their standard deviations (N, O)
    spread  (O,): the standard deviation of the truth that it learned
    """

    eyes: Callable[[np.ndarray], np.ndarray]
    others: Callable[[np.ndarray], np.ndarray]
    split: int
    read: Callable[[Seen, np.ndarray, Rest | None], tuple[np.ndarray, np.ndarray]]
    spread: np.ndarray

    def view(self, crops: np.ndarray) -> np.ndarray:
        return np.concatenate([self.eyes(crops), self.others(crops)], 1)
