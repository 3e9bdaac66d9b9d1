"""How well models/face_measures reads faces that nothing was learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.channels import ARKIT
from ...core.face import FaceTrack
from ...features.face import follow, open_landmarker
from ...solve import expression
from ...source import video
from .heads import rotation
from .landmarks import Seen
from .plan import GAZES, PICTURES, Truth
from .render import PIXELS

FPS = 5.0
"""The pictures of a person are read as a clip of this rate, so that rest is found as it is in a video."""
TURNED = (20.0, 35.0)
"""Degrees of yaw between the columns of `r_by_yaw`."""
CLIPS, VIDEOS = 8, (".mpg", ".mkv", ".mp4")


def renders(pictures: tuple[Truth, dict[str, Seen]]) -> dict[str, Any]:
    """For both landmarkers, and for MediaPipe's own coefficients, over the pictures of the set `test` not at rest:

    r              mean Pearson correlation over the ARKit channels that the head has and that are not the gaze's
    r_by_yaw       the same of pictures turned to 20, to 35 and to 45 degrees
    r_by_channel   each of them
    gaze_r         yaw, pitch, of eyes less than 0.3 shut
    head_degrees   mean angle of the rotation between the head's and what was read, at rest too
    """
    truth, seen = pictures
    out = {}
    for name, landmarks in seen.items():
        read = _read(truth, landmarks, name)
        columns = dict(zip(expression.EXPRESSION, read.expression.T, strict=True))
        out[name] = _coefficients(truth, columns)
        straight = truth.weights.sum(1) > 0
        for side in ("Left", "Right"):
            straight &= truth.channel(f"eyeBlink{side}") < 0.3
        out[name]["gaze_r"] = [
            round(_correlation(read.eyes[straight, k], truth.channel(GAZES[k])[straight]), 3) for k in range(2)
        ]
        turned = np.array([rotation(*angles) for angles in np.radians(truth.pose)])
        found = np.array([rotation(*angles) for angles in read.head])
        cosine = (np.einsum("nij,nij->n", turned, found) - 1) / 2
        out[name]["head_degrees"] = round(float(np.degrees(np.arccos(cosine.clip(-1, 1))).mean()), 2)
        if landmarks.blendshapes is not None:
            out["mediapipe"] = _coefficients(truth, dict(zip(ARKIT, landmarks.blendshapes.T, strict=True)))
    return out


def _read(truth: Truth, landmarks: Seen, name: str) -> expression.Reading:
    """Each person as a clip of his own."""
    parts = []
    for start in range(0, len(truth.identity), PICTURES):
        rows = slice(start, start + PICTURES)
        points = landmarks.points[rows]
        found = np.isfinite(points).all((1, 2))
        if not found.all():
            raise ValueError(f"{name} finds no face in a picture of {truth.identity[start]}")
        scores = None if landmarks.blendshapes is None else landmarks.blendshapes[rows]
        clip = FaceTrack(np.arange(len(points)) / FPS, points, found, (PIXELS, PIXELS), scores, detector=name)
        parts.append(expression.measured(clip))
    fields = expression.Reading.__dataclass_fields__
    return expression.Reading(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def _coefficients(truth: Truth, read: dict[str, np.ndarray]) -> dict[str, Any]:
    channels = [name for name in expression.EXPRESSION if truth.channel(name) is not None]
    shown, yaw = truth.weights.sum(1) > 0, np.abs(truth.pose[:, 0])
    bands = (yaw < TURNED[0], (yaw >= TURNED[0]) & (yaw < TURNED[1]), yaw >= TURNED[1])

    def r(rows: np.ndarray) -> dict[str, float]:
        return {name: _correlation(read[name][rows], truth.channel(name)[rows]) for name in channels}

    def mean(values: dict[str, float]) -> float:
        known = [value for value in values.values() if np.isfinite(value)]
        return round(float(np.mean(known)), 3) if known else float("nan")

    each = r(shown)
    return {
        "n": int(shown.sum()),
        "r": mean(each),
        "r_by_yaw": [mean(r(shown & band)) for band in bands],
        "r_by_channel": {name: round(value, 2) for name, value in each.items()},
    }


def lips(data: Path) -> dict[str, Any]:
    """jawOpen by the bundled landmarker against the lips' opening as tracked in real talking faces, if they are there.

    Four speakers' clips in video_speech, and every so many of a fifth speaker's in grid: mean Pearson correlation.
    """
    out = {}
    for folder, clips in (("video_speech", data / "video_speech"), ("grid", data / "grid" / "clips")):
        tracks = data / folder / "tracks.npz"
        if not tracks.exists():
            continue
        pack = np.load(tracks)
        names = [str(name) for name in pack["clips"]]
        found = []
        for k in range(0, len(names), max(1, len(names) // CLIPS)):
            path = next(p for p in sorted(clips.glob(f"{Path(names[k]).stem}.*")) if p.suffix in VIDEOS)
            gap = pack["gap"][pack["offsets"][k] : pack["offsets"][k + 1]]
            jaw = _jaw(path)[: len(gap)]
            known = np.isfinite(gap[: len(jaw)])
            found.append(_correlation(jaw[known], gap[: len(jaw)][known]))
        out[folder] = {"clips": len(found), "jawOpen_r": round(float(np.mean(found)), 3)}
    return out


def _jaw(path: Path) -> np.ndarray:
    with open_landmarker(faces=1) as landmarker:
        track = follow(video.stream(path), landmarker)
    fps = video.probe(path).fps
    return expression.solve(track, track.times[-1] + 1 / fps, fps)["expression"].column("jawOpen")


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; NaN where the truth never moves, 0 where the reading never does."""
    if len(a) < 2 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 else 0.0
