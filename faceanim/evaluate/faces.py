"""`evaluate faces`: pictures or a video of faces whose expression is known go through the analysis, and are compared.

A folder of pictures, taken in the order of their names, or of one video, with truth.npz: `weights` (N, E), `names` (E,)
in ICT or ARKit spelling (a split pair such as browInnerUp_L and _R means its mean), `pose` (N, 3) yaw, pitch, roll in
degrees; and, if there, `gaze` (N, 4) radians (left yaw, pitch, right yaw, pitch) and `identity` (N,): the pictures of
one person are then read together, as the frames of a clip, which follow each other if there are `times` (N,), seconds.
A video without truth.npz shows its jitter alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..core.channels import ARKIT
from ..core.face import FaceTrack
from ..core.files import replacing
from ..engine import face_expression
from ..errors import FormatError, InputError, MediaError
from ..features.crops import PIXELS, cut
from ..features.face import TASK_VARIABLE, follow, open_landmarker, open_mesh
from ..solve import gaze
from ..solve.expression import EXPRESSION, Reading
from ..source import picture, video
from . import face_measures
from .tables import check_predictions

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".mpg", ".mpeg", ".m4v")
SIDE, MIDDLE = 1024, np.array([512, 512, 0])
TRUTH = "truth.npz"


@dataclass(frozen=True)
class Truth:
    """values (N, C) of `channels` (ARKit names); pose (N, 3) degrees; and, or None, gaze (N, 4) radians, identity (N,),
    and times (N,), seconds, of the pictures of one person."""

    channels: tuple[str, ...]
    values: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray | None
    identity: np.ndarray | None
    times: np.ndarray | None = None


@dataclass(frozen=True)
class Predictions:
    """coefficients (N, C) of `channels`, NaN where no face was found; detected (N,) bool; pose (N, 3) degrees;
    gaze (N, 4) radians; confidence (N, C); times (N,) seconds or None; mediapipe (N, 52) its own or None"""

    channels: tuple[str, ...]
    coefficients: np.ndarray
    confidence: np.ndarray
    detected: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray
    times: np.ndarray | None
    mediapipe: np.ndarray | None


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The command; the report's keys are those of face_measures.compare."""
    check_predictions(args.predictions)
    material, truth = read(args.data)
    limit = getattr(args, "limit", None)
    found = predict(material, truth, args.progress, limit)
    if not found.detected.any():
        raise MediaError(f"no face was found in {args.data}", "the faces should be upright, lit and large enough")
    if truth is not None:
        truth = first(truth, len(found.detected))
    report = face_measures.report(found, truth) | {"models": models()}
    if args.predictions is not None:
        write_predictions(found, args.predictions)
    if args.output is not None:
        from . import face_report

        face_report.write(report, args.output, str(args.data))
    return report


def read(where: Path) -> tuple[list[Path], Truth | None]:
    """The pictures, or a list of the one video; and what is known of them."""
    where = Path(where)
    if where.is_file():
        if where.suffix.lower() not in VIDEOS:
            raise InputError(
                f"{where} is no folder and no video", "name a folder of pictures with truth.npz, or a video"
            )
        beside = where.with_name(TRUTH)
        return [where], truth_of(beside) if beside.is_file() else None
    if not where.is_dir():
        raise InputError(f"there is no folder {where}", "name a folder of pictures with truth.npz, or a video")
    # a stopped run leaves hidden files that are half written
    files = sorted(path for path in where.iterdir() if path.is_file() and not path.name.startswith("."))
    pictures = [path for path in files if path.suffix.lower() in PICTURES]
    material = pictures or [path for path in files if path.suffix.lower() in VIDEOS][:1]
    if not material:
        raise InputError(f"{where} holds neither pictures nor a video", "put them beside truth.npz")
    if not (where / TRUTH).is_file():
        if pictures:
            raise InputError(f"{where} holds no {TRUTH}", "it needs `weights`, `names` and `pose` of every picture")
        return material, None
    truth = truth_of(where / TRUTH)
    if pictures and len(truth.pose) != len(pictures):
        raise FormatError(
            f"{where / TRUTH} is of {len(truth.pose)} pictures, but there are {len(pictures)}",
            "it has a row for every picture, in the order of their names",
        )
    return material, truth


def truth_of(path: Path) -> Truth:
    """Raises FormatError where it is no such file."""
    try:
        with np.load(path) as pack:
            names = [str(name) for name in pack["names"]]
            weights, pose = np.asarray(pack["weights"], float), np.asarray(pack["pose"], float)
            look = np.asarray(pack["gaze"], float) if "gaze" in pack else None
            identity = np.asarray(pack["identity"]) if "identity" in pack else None
            times = np.asarray(pack["times"], float) if "times" in pack else None
    except (OSError, ValueError, KeyError) as error:
        raise FormatError(f"{path} cannot be read: {error}", "it holds `weights`, `names` and `pose`") from error
    n = len(pose)
    if weights.shape != (n, len(names)) or pose.shape != (n, 3) or any(
        given is not None and given.shape != shape for given, shape in ((look, (n, 4)), (identity, (n,)), (times, (n,)))
    ):
        raise FormatError(
            f"{path}: weights {weights.shape}, names {len(names)}, pose {pose.shape} do not fit together",
            "`weights` is (N, E) of E `names`, `pose` (N, 3), `gaze` (N, 4), `identity` and `times` (N,)",
        )
    columns = {}
    for name in ARKIT:
        parts = [names.index(part) for part in spellings(name) if part in names]
        if parts:
            columns[name] = weights[:, parts].mean(1)
    if not columns:
        raise FormatError(f"none of the names in {path} is an ARKit channel", "names are such as jawOpen, mouthSmile_L")
    return Truth(tuple(columns), np.stack(list(columns.values()), 1), pose, look, identity, times)


def spellings(name: str) -> tuple[str, ...]:
    """Of an ARKit name: its own, ICT's sided, and a pair of which it is the mean."""
    for side in ("Left", "Right"):
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return name, f"{name[: -len(side)]}_{side[0]}"
    return name, f"{name}_L", f"{name}_R"


def first(truth: Truth, count: int) -> Truth:
    rows = slice(count)
    cut_ = [None if a is None else a[rows] for a in (truth.gaze, truth.identity, truth.times)]
    return Truth(truth.channels, truth.values[rows], truth.pose[rows], *cut_)


@threadpool_limits.wrap(limits=1, user_api="blas")
def predict(
    material: list[Path], truth: Truth | None, progress: Callable[[float, str], None], limit: int | None = None
) -> Predictions:
    """What the analysis reads, frame by frame at the video's own times, or picture by picture."""
    if material[0].suffix.lower() in VIDEOS:
        with open_landmarker(faces=1) as landmarker:
            track = follow(
                video.stream(material[0]), landmarker, video.probe(material[0]).seconds, progress, crops=True
            )
        return predicted(track, track.shots(), True)
    material = material[:limit]
    track = pictures(material, progress)
    shown = np.flatnonzero(track.found)
    if truth is None or truth.identity is None:
        return predicted(track, [shown], False)
    identity = truth.identity[: len(material)]
    return predicted(track, [shown[identity[shown] == k] for k in np.unique(identity[shown])], True, truth.times)


def pictures(paths: list[Path], progress: Callable[[float, str], None]) -> FaceTrack:
    """The largest face of each, as a FaceTrack of a frame a second. They may be of any sizes: the points are those of
    pictures whose longer side is SIDE, all about one middle."""
    n = len(paths)
    points, crops = np.zeros((n, 478, 3), np.float32), np.zeros((n, PIXELS), np.uint8)
    scores = np.zeros((n, len(ARKIT)), np.float32)
    found, detector, task = np.zeros(n, bool), "", False
    mesh = open_mesh(still=True)
    try:
        for k, path in enumerate(paths):
            progress(k / n, "looking")
            image = picture.read(path)
            detector, (height, width) = mesh.name, image.shape[:2]
            for face in mesh.find(image, float(k))[:1]:
                found[k], crops[k] = True, cut(image, face.points)
                points[k] = (face.points - [width / 2, height / 2, 0]) * SIDE / max(width, height) + MIDDLE
                if face.blendshapes is not None:
                    task, scores[k] = True, face.blendshapes
    finally:
        mesh.close()
    times, scored = np.arange(n, dtype=float), scores if task else None
    return FaceTrack(times, points, found, (SIDE, SIDE), scored, 1, detector, crops)


def predicted(track: FaceTrack, groups: list[np.ndarray], clip: bool, times: np.ndarray | None = None) -> Predictions:
    """groups  rows of the frames that are read together
    clip    they are of one person, each
    times   seconds of the frames, of each person's own clock; else the track's"""
    read = face_expression.predictor(clip=clip)
    n = track.frames
    channels = (*EXPRESSION, *gaze.CHANNELS[4:])
    values = np.full((n, len(channels)), np.nan, np.float32)
    sure, head = np.zeros_like(values), np.full((n, 3), np.nan, np.float32)
    eyes = np.full((n, 4), np.nan, np.float32)
    for rows in groups:
        if not len(rows):
            continue
        some = track.of(rows)
        found: Reading = read(some if times is None else replace(some, times=times[rows]))
        values[rows] = np.concatenate([found.expression, gaze.look(found.eyes)], 1)
        look_sure = np.repeat(found.eyes_confidence.mean(1, keepdims=True), 8, 1)
        sure[rows] = np.concatenate([found.expression_confidence, look_sure], 1)
        head[rows], eyes[rows] = np.degrees(found.head), found.eyes
    theirs = None
    if track.blendshapes is not None:
        theirs = np.where(track.found[:, None], track.blendshapes, np.nan)
    clock = track.times if clip and times is None else None
    return Predictions(channels, values, sure, track.found, head, eyes, clock, theirs)


def models() -> dict[str, Any]:
    from ..engine.provenance import face_measures as measures
    from ..engine.provenance import face_model

    own = face_expression.model_of() if face_expression.ready() else measures()
    return face_model(TASK_VARIABLE) | own


def write_predictions(found: Predictions, path: Path) -> None:
    """coefficients (N, C), channels (C,), detected (N,), pose (N, 3) degrees, gaze (N, 4) radians, confidence (N, C);
    of a video times (N,); with the task file mediapipe (N, 52), in the order of mediapipe_channels."""
    more = {} if found.times is None else {"times": found.times}
    if found.mediapipe is not None:
        more |= {"mediapipe": found.mediapipe, "mediapipe_channels": np.array(ARKIT)}
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary, coefficients=found.coefficients, channels=np.array(found.channels), detected=found.detected,
            pose=found.pose, gaze=found.gaze, confidence=found.confidence, **more,
        )  # fmt: skip


def text(report: Mapping[str, Any]) -> str:
    return "\n".join(face_measures.lines(report))
