"""The landmarks of the user's face through a video."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

import numpy as np

from ..core.face import FaceTrack
from ..core.files import input_file
from ..errors import EngineError, MediaError
from .cuts import Cuts, cells
from .looker import Frame, Looker
from .mesh import BundledMesh, Face, Mesh, TaskMesh

TASK_VARIABLE = "FACEANIM_FACE_LANDMARKER"
SCOUT_EVERY_S, ALONE_EVERY_S = 1.0, 2.0
"""Looking for every face in the picture costs more than following one, so it is done now and then only; less often
where the last look found one alone."""
MANY = 6
"""Faces that are looked for where one of them was pointed at."""
AHEAD = 6
"""Frames decoded ahead of the landmarker."""

Progress = Callable[[float, str], None]


class Landmarker:
    """Follows the user's face: the largest and most central of the first pictures, or the one at `point`, whoever else
    comes by. Where the picture is cut it begins anew, by size.

    point     x and y in 0..1 of the picture
    detector  what it works with
    shot      how many cuts there were, and leaps to another face
    """

    def __init__(
        self, make: Callable[[int, bool], Mesh], faces: int, detector: str, point: tuple[float, float] | None = None
    ):
        self.detector, self.shot, self._point = detector, 0, point
        self._cuts = Cuts()
        self._follower = make(1, False)
        self._scout = make(faces, True) if faces > 1 else None
        self._next_look = -np.inf
        self._box: np.ndarray | None = None
        self._seen: list[int] = []
        self._strangers: list[np.ndarray] = []

    @property
    def faces(self) -> int:
        """Faces seen at once, in at least two looks where there were as many."""
        return sorted(self._seen)[-min(2, len(self._seen))] if self._seen else int(self._box is not None)

    def detect(self, image: np.ndarray, time: float, small: np.ndarray | None = None) -> list[Face]:
        """Faces of an upright RGB picture uint8 (H, W, 3), the user's first.

        Others are listed only in pictures that were searched for them, once a second. `time` in seconds, rising;
        pictures are taken to follow each other. small: its cuts.cells, where they are known.
        """
        image = np.ascontiguousarray(image)
        if self._cuts.seen(image, self._box, small):
            self.shot += 1
            self._follower.forget()
            self._box, self._next_look, self._strangers = None, -np.inf, []
        others = self._look(image, time) if self._scout is not None and time >= self._next_look else []
        found = self._follower.find(image, time)
        if self._scout is not None and found and self._box is not None and _overlap(found[0].box, self._box) < 0.1:
            # it jumped: to somebody else, or the picture was cut
            others = self._look(image, time)
            found = self._follower.find(image, time)
        if others and (not found or any(_overlap(found[0].box, o.box) > 0.5 for o in others)):
            # the network would rather have another face: begin again with those covered
            self._follower.forget()
            found = self._follower.find(_covered(image, others, self._box), time)
        if found:
            self.shot += self._box is not None and _overlap(found[0].box, self._box) < 0.1
            self._box = found[0].box
        return found[:1] + others

    def _look(self, image: np.ndarray, time: float) -> list[Face]:
        """Every face but the user's; settles who the user is."""
        self._next_look = time + SCOUT_EVERY_S
        faces = _distinct(self._scout.find(image, time))
        if not faces:
            return []
        if self._seen and len(faces) == 1:
            self._next_look = time + ALONE_EVERY_S
        self._seen.append(len(faces))
        chosen = self._user(faces, image)
        if chosen is not None:
            self._box = chosen.box
        others = [f for f in faces if f is not chosen]
        self._strangers = [f.box for f in others]
        return others

    def _user(self, faces: list[Face], image: np.ndarray) -> Face | None:
        """The face pointed at, where it was last, or the most prominent one that is no known stranger's."""
        if self._box is None and self._point is not None:
            point, self._point = self._point, None
            return min(faces, key=lambda f: _away(f.box, point, image))
        near = max(faces, key=lambda f: -1.0 if self._box is None else _overlap(f.box, self._box))
        if self._box is not None and _overlap(near.box, self._box) >= 0.1:
            return near
        new = [f for f in faces if all(_overlap(f.box, box) < 0.3 for box in self._strangers)]
        return max(new, key=lambda f: _prominence(f.box, image), default=None)

    def close(self) -> None:
        self._follower.close()
        if self._scout is not None:
            self._scout.close()

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_landmarker(
    task: Path | str | None = None, faces: int = 2, point: tuple[float, float] | None = None
) -> Landmarker:
    """The landmarker that this machine can run: with `task` (or $FACEANIM_FACE_LANDMARKER) MediaPipe's Tasks interface,
    which gives blendshapes too, else the network in mediapipe's own wheel.

    faces  look for as many at once; 1 saves the looking
    point  x and y in 0..1 of the picture: the face there is the user's
    Raises EngineError where neither can be had, MediaError where the task file is not there.
    """
    path = _task(task)
    name = TaskMesh.name if path else BundledMesh.name
    with _loading():
        return Landmarker(lambda n, still: _mesh(path, n, still), faces if point is None else MANY, name, point)


def open_mesh(task: Path | str | None = None, still: bool = True) -> Mesh:
    """What finds the face in pictures that need not follow each other; `task` and errors as in open_landmarker."""
    with _loading():
        return _mesh(_task(task), 1, still, scores=True)


def _task(task: Path | str | None) -> Path | None:
    task = task or os.environ.get(TASK_VARIABLE) or None
    return None if task is None else input_file(task, "face landmarker file", MediaError)


def _mesh(task: Path | None, faces: int, still: bool, scores: bool | None = None) -> Mesh:
    return BundledMesh(faces, still) if task is None else TaskMesh(task, faces, still, scores)


@contextlib.contextmanager
def _loading() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise EngineError(
            f"the face landmarker cannot be loaded: {error}",
            f"install mediapipe 0.10.21 (Python 3.10 to 3.12), or name face_landmarker.task in {TASK_VARIABLE}",
        ) from error


def follow(
    frames: Iterable[Frame],
    landmarker: Landmarker,
    seconds: float = 0.0,
    progress: Progress = lambda fraction, stage: None,
    crops: bool = False,
    portraits: bool = False,
    look: Callable[[np.ndarray], np.ndarray] | None = None,
) -> FaceTrack:
    """The user's face through a video. Other threads decode ahead of the landmarker, which lets them, and cut and look
    at what it found.

    seconds  how long it is, for `progress` (fraction 0..1, "face"), which may raise to stop
    crops    keep small pictures of the face too, for the face network
    portraits  and a few a second for the emotion network
    look     crops (M, features.crops.PIXELS) to what the face network sees in them, (M, V)
    Raises MediaError where there is no frame, or none with a face.
    """
    times, found, points, scores, shots = [], [], [], [], []
    size = (0, 0)
    with Looker(crops, portraits, look) as looker:
        for frame, cells in _ahead(_compared(frames)):
            if times and frame.time <= times[-1]:
                continue
            faces = landmarker.detect(frame.image, frame.time, cells)
            size = (frame.image.shape[1], frame.image.shape[0])
            times.append(frame.time)
            found.append(bool(faces))
            shots.append(landmarker.shot)
            if faces:
                points.append(faces[0].points[None])
                scores.append(faces[0].blendshapes)
                looker.add(frame, faces[0].points, landmarker.shot)
            progress(min(1.0, frame.time / seconds) if seconds else 0.0, "face")
        shown = looker.finish()
    if not times:
        raise MediaError("the video has no pictures in this span", "check the file and --start and --end")
    if not points:
        raise MediaError(
            f"no face was found in any of the {len(times)} pictures of the video",
            "the face should be upright, lit, turned away less than 60 degrees and a fifth of the picture wide or more",
        )
    held = np.array(found)
    return FaceTrack(
        times=np.array(times, float),
        points=_spread(points, held),
        found=held,
        size=size,
        blendshapes=None if scores[0] is None else _spread([score[None] for score in scores], held),
        faces=max(1, landmarker.faces),
        detector=landmarker.detector,
        crops=_spread(looker.crops, held) if crops else None,
        shot=np.array(shots),
        portraits=shown,
        views=_spread(looker.views, held) if look is not None else None,
    )


def _spread(parts: list[np.ndarray], found: np.ndarray) -> np.ndarray:
    """Rows of the frames that have a face, in parts (m, ...); zeros in the others."""
    out = np.zeros((len(found), *parts[0].shape[1:]), parts[0].dtype)
    rows = np.split(np.flatnonzero(found), np.cumsum([len(part) for part in parts])[:-1])
    for row, part in zip(rows, parts, strict=True):
        out[row] = part
    return out


def _compared(frames: Iterable[Frame]) -> Iterator[tuple[Frame, np.ndarray]]:
    """With what cuts are seen by."""
    try:
        for frame in frames:
            yield frame, cells(frame.image)
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()


def _ahead(items: Generator[Any]) -> Iterator[Any]:
    """The same items, made in a thread while the last ones are worked on. Errors come out here; leaving stops it."""
    queue: Queue[tuple[str, Any]] = Queue(AHEAD)
    stop = Event()

    def put(kind: str, value: Any) -> bool:
        while not stop.is_set():
            with contextlib.suppress(Full):
                queue.put((kind, value), timeout=0.1)
                return True
        return False

    def run() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)
        finally:
            items.close()

    thread = Thread(target=run, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = queue.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stop.set()
        with contextlib.suppress(Empty):
            while True:
                queue.get_nowait()
        thread.join()


def _prominence(box: np.ndarray, image: np.ndarray) -> float:
    """Large and central: the area, down to half of it at the picture's corner."""
    height, width = image.shape[:2]
    area = float(np.prod(box[2:] - box[:2]))
    away = np.hypot(*((box[:2] + box[2:]) / np.array([width, height]) - 1)) / np.sqrt(2)
    return area * (1 - 0.5 * min(1.0, float(away)))


def _away(box: np.ndarray, point: tuple[float, float], image: np.ndarray) -> float:
    """Pixels from a point of the picture to the box; within it as many below 0 as it is nearer to the middle."""
    at = np.array(point) * [image.shape[1], image.shape[0]]
    outside = np.clip(np.maximum(box[:2] - at, at - box[2:]), 0, None)
    if outside.any():
        return float(np.hypot(*outside))
    middle = (box[:2] + box[2:]) / 2
    return float(np.hypot(*(at - middle)) / np.hypot(*(box[2:] - box[:2])) - 1)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    (left, top, right, bottom), (west, north, east, south) = a.tolist(), b.tolist()
    inner = max(min(right, east) - max(left, west), 0.0) * max(min(bottom, south) - max(top, north), 0.0)
    union = (right - left) * (bottom - top) + (east - west) * (south - north) - inner
    return inner / union if union > 0 else 0.0


def _distinct(faces: list[Face]) -> list[Face]:
    """Without a face found twice."""
    kept: list[Face] = []
    for face in faces:
        if all(_overlap(face.box, other.box) < 0.4 for other in kept):
            kept.append(face)
    return kept


def _covered(image: np.ndarray, others: list[Face], keep: np.ndarray | None) -> np.ndarray:
    """The picture with other faces painted over, but not what belongs to the box `keep`."""
    out = image.copy()
    height, width = image.shape[:2]
    for face in others:
        grow = 0.2 * (face.box[2:] - face.box[:2])
        box = np.concatenate([face.box[:2] - grow, face.box[2:] + grow])
        left, top, right, bottom = np.clip(box, 0, [width, height, width, height]).astype(int)
        out[top:bottom, left:right] = 128
    if keep is not None:
        left, top, right, bottom = np.clip(keep, 0, [width, height, width, height]).astype(int)
        out[top:bottom, left:right] = image[top:bottom, left:right]
    return out
