"""The networks that find a face's 478 points: MediaPipe's, by whichever of its two interfaces is there.

mediapipe 0.10 carries the face mesh in its wheel (`solutions.face_mesh`); from 1.0 on, and for MediaPipe's own
coefficients, the Tasks interface needs the file face_landmarker.task. Both give the same points.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from ..core.channels import ARKIT
from ..core.face import LANDMARKS
from ..errors import EngineError, MediaError


@dataclass(frozen=True)
class Face:
    """points float32 (478, 3): pixels, x right, y down, z in the same scale, negative toward the camera.

    blendshapes float32 (52,): MediaPipe's coefficients in the order of channels.ARKIT, None without the task file.
    """

    points: np.ndarray
    blendshapes: np.ndarray | None = None

    @cached_property
    def box(self) -> np.ndarray:
        """float32 (4,): left, top, right, bottom in pixels."""
        xy = self.points[:, :2]
        return np.concatenate([xy.min(0), xy.max(0)])


class Mesh(Protocol):
    """A network that finds faces: with still=False it follows those of the picture before."""

    def find(self, image: np.ndarray, time: float) -> list[Face]: ...
    def forget(self) -> None: ...
    def close(self) -> None: ...


class BundledMesh:
    """The network in the wheel of mediapipe 0.10."""

    name = "mediapipe solutions.face_mesh"

    def __init__(self, faces: int, still: bool):
        with _quiet():
            self._mesh = _face_mesh()(static_image_mode=still, max_num_faces=faces, refine_landmarks=True)
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))
        self._warned = False

    def find(self, image: np.ndarray, time: float) -> list[Face]:
        # its first face makes it warn once more
        with contextlib.nullcontext() if self._warned else _quiet():
            found = self._mesh.process(image).multi_face_landmarks or []
        self._warned = self._warned or bool(found)
        return [Face(_pixels(_fractions(face), image)) for face in found]

    def forget(self) -> None:
        with _quiet():
            self._mesh.reset()

    def close(self) -> None:
        self._mesh.close()


OTHERS = (
    "mediapipe.tasks", "mediapipe.tasks.python",
    *(f"mediapipe.python.solutions.{name}" for name in (
        "drawing_styles", "drawing_utils", "face_detection", "hands", "hands_connections", "holistic", "objectron",
        "pose", "selfie_segmentation",
    )),
)  # fmt: skip
"""What is in MediaPipe's package beside the face mesh."""


@lru_cache
def _face_mesh() -> type:
    """MediaPipe's FaceMesh, but its steps run in the thread that waits for them: where they are handed from thread to
    thread, each waits for a processor that others keep busy."""
    with _without(*OTHERS):
        from mediapipe.python.solutions.face_mesh import FaceMesh

    class InThisThread(FaceMesh):
        def _initialize_graph_interface(self, *args: Any) -> Any:
            graph = super()._initialize_graph_interface(*args)
            for executor in graph.executor:
                executor.type = "ApplicationThreadExecutor"
            return graph

    return InThisThread


class TaskMesh:
    """The Tasks interface with face_landmarker.task."""

    name = "mediapipe FaceLandmarker"

    def __init__(self, task: Path, faces: int, still: bool, scores: bool | None = None):
        """scores  give MediaPipe's coefficients too (default: unless still)"""
        self._make = lambda: _open_task(task, faces, still, not still if scores is None else scores)
        self._still = still
        self._stamp = 0
        self._mesh = self._make()

    def find(self, image: np.ndarray, time: float) -> list[Face]:
        from mediapipe import Image, ImageFormat

        picture = Image(image_format=ImageFormat.SRGB, data=image)
        if self._still:
            answer = self._mesh.detect(picture)
        else:
            # whole milliseconds that must rise, whatever the frame rate
            self._stamp = max(self._stamp + 1, round(time * 1000))
            answer = self._mesh.detect_for_video(picture, self._stamp)
        scores = answer.face_blendshapes or [None] * len(answer.face_landmarks)
        return [
            Face(_pixels([(p.x, p.y, p.z) for p in points], image), None if score is None else _arkit(score))
            for points, score in zip(answer.face_landmarks, scores, strict=True)
        ]

    def forget(self) -> None:
        self._mesh.close()
        self._mesh = self._make()

    def close(self) -> None:
        self._mesh.close()


_WIRE = np.dtype([("begins", "S3"), ("x", "<f4"), ("2", "u1"), ("y", "<f4"), ("3", "u1"), ("z", "<f4")])
"""A landmark as a protocol buffer has it: what it is and how long, and each number after a byte that names it."""


def _fractions(face: Any) -> np.ndarray:
    """float32 (points, 3) of a NormalizedLandmarkList: from its bytes, as to ask for each takes ten times as long."""
    data = face.SerializeToString()
    if len(data) == LANDMARKS * _WIRE.itemsize:
        read = np.frombuffer(data, _WIRE)
        if (read["begins"] == b"\n\x0f\r").all() and (read["2"] == 0x15).all() and (read["3"] == 0x1D).all():
            return np.stack([read["x"], read["y"], read["z"]], 1)
    return np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32)


def _pixels(landmarks: Any, image: np.ndarray) -> np.ndarray:
    """MediaPipe's landmarks (points, 3) are fractions of the picture, z in fractions of its width."""
    height, width = image.shape[:2]
    points = np.asarray(landmarks, np.float32)
    if len(points) != LANDMARKS:
        raise EngineError(f"the face landmarker gave {len(points)} points, not {LANDMARKS}", "use face_landmarker.task")
    return points * np.array([width, height, width], np.float32)


def _arkit(scores: Iterable[Any]) -> np.ndarray:
    by_name = {s.category_name: s.score for s in scores}
    return np.array([by_name.get(name, 0.0) for name in ARKIT], np.float32)


def _open_task(task: Path, faces: int, still: bool, scores: bool) -> Any:
    with _quiet():
        with _without("matplotlib", "matplotlib.pyplot", "sounddevice"):
            from mediapipe.tasks.python import BaseOptions, vision

        mode = vision.RunningMode.IMAGE if still else vision.RunningMode.VIDEO
        # the file is given as bytes: MediaPipe cannot open paths with letters beyond ASCII on Windows
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=task.read_bytes()),
            running_mode=mode, num_faces=faces, output_face_blendshapes=scores,
        )
        try:
            mesh = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise MediaError(
                f"{task} is not a face landmarker file", "download face_landmarker.task again"
            ) from error
        return mesh


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
    """Empty modules stand for those that MediaPipe imports on the way to what is wanted, which take ten times as long
    as that; whoever wants them later gets them."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MediaPipe's C++ side logs on the process's stderr before any switch for it is there: send that nowhere."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError, ValueError):
        yield  # no stderr at all, as under pythonw
        return
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
