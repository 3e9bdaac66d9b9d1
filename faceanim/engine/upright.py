"""Whether a video's pictures stand upright, for files that do not say how the camera was held."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.face import FaceTrack
from ..features import face
from ..solve import pose
from ..source import video

LOOKS = 4
"""Pictures that are looked at, through the clip."""
LEANING = np.radians(50.0)
"""Heads are not held so."""
DOUBTFUL = 0.05
"""Where the landmarks' rigid points lie further from a face's shape than this, it may be a face upside down, in which
another is seen (0.06 to 0.15; upright 0.02 to 0.05)."""
BETTER = 0.75
"""The pictures are turned where they then fit by this factor or better."""


def quarters(path: Path, start: float, end: float, track: FaceTrack | None) -> int:
    """Quarter turns to the left, as numpy.rot90 has them, that make the face stand upright.

    start, end  seconds of the file; track  what was found in the pictures as they are, None: nothing
    """
    as_is = np.inf if track is None or track.found.mean() < 0.5 else fit(track.points[track.found])
    if as_is < DOUBTFUL:
        return 0
    times = np.linspace(start, end, LOOKS + 2)[1:-1]
    images = [image for time in times if (image := _picture(path, float(time), end)) is not None]
    mesh = face.open_mesh(still=True)
    try:
        fits = [as_is * BETTER, *(_fit_of(mesh, images, turns) for turns in (1, 2, 3))]
    finally:
        mesh.close()
    return int(np.argmin(fits)) if np.isfinite(fits).any() else 0


def fit(points: np.ndarray) -> float:
    """The median distance (in eye distances) from a face's shape; infinite where the head is not held upright."""
    fitted = pose.fit(points)
    roll = np.abs(pose.angles(fitted.rotation)[:, 2])
    return np.inf if np.median(roll) > LEANING else float(np.median(fitted.residual))


def _fit_of(mesh: face.Mesh, images: list[np.ndarray], turns: int) -> float:
    found = [mesh.find(np.ascontiguousarray(np.rot90(image, turns)), float(k)) for k, image in enumerate(images)]
    points = [faces[0].points for faces in found if faces]
    return fit(np.stack(points)) if points and 2 * len(points) >= len(images) else np.inf


def _picture(path: Path, time: float, end: float) -> np.ndarray | None:
    stream = video.stream(path, time, end)
    frame = next(stream, None)
    stream.close()
    return None if frame is None else frame.image


def turned_point(point: tuple[float, float], turns: int) -> tuple[float, float]:
    """A place in 0..1 of the picture after that many quarter turns to the left."""
    x, y = point
    for _ in range(turns):
        x, y = y, 1 - x
    return x, y
