"""Clips of random people, seen by both landmarkers, in shards that a stopped run goes on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ...core.channels import ARKIT
from ...core.face import LANDMARKS
from ...core.files import input_file, replacing
from ...features import crops
from ...features.mesh import BundledMesh, TaskMesh
from .expressions import Expressions, gaze, turn
from .people import People
from .shards import CLIPS, PAIRS, PICTURES, RESTS, SINGLES
from .studio import Studio

STILL = 2
"""Poses of a clip in which the head keeps still."""
FOLLOWED, TASKED = 0.25, 0.15
"""Shares of the pictures."""
SEED, SEED_STILL = 79, 179
ARRAYS = ("kind", "weights", "gaze", "pose", "bundled", "task", "scores", "crops", "camera")
TYPES = {"kind": np.int16, "crops": np.uint8}

Picture = tuple[int, np.ndarray, np.ndarray, np.ndarray]
"""kind, weights (E,), gaze (4,), pose (3,) in radians."""
Plan = Callable[[np.random.Generator], Iterator[Picture]]


def make(data: Path, folder: Path, shards: range, progress: Callable[[str], None], still: bool = False) -> None:
    """folder/00000.npz ...: arrays over CLIPS * PICTURES pictures, see `_clip`.

    still  the head keeps still while the face moves: what `head` learns from, and `train` must not
    """
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    people = People(data)
    studio, plan, seed = Studio(people), plan_of(Expressions(people.names), still), SEED_STILL if still else SEED
    eyes = Eyes(input_file(data / "mediapipe" / "face_landmarker.task", "face landmarker file"))
    for shard in shards:
        path = folder / f"{shard:05d}.npz"
        if path.exists():
            continue
        clips = [_clip(people, studio, plan, eyes, [seed, shard, k]) for k in range(CLIPS)]
        arrays = {name: np.concatenate([clip[name] for clip in clips]) for name in clips[0]}
        with replacing(path) as temporary:
            np.savez(temporary, names=np.array(people.names), **arrays)
        seen = np.isfinite(arrays["bundled"][:, 0, 0]).mean()
        progress(f"{path.name}: a face found in {seen:.1%}")


class Eyes:
    """Both landmarkers. Some pictures are seen as the next of a video, where the one before says where to look."""

    def __init__(self, task: Path):
        self._still, self._moving = BundledMesh(1, still=True), BundledMesh(1, still=False)
        self._task = TaskMesh(task, 1, still=True, scores=True)

    def see(self, image: np.ndarray, follow: bool, task: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points by the bundled and the task's network (478, 3), and coefficients (52,); NaN where there is none."""
        if follow:
            self._moving.find(image, 0.0)
        found = (self._moving if follow else self._still).find(image, 0.0)
        points = found[0].points if found else np.full((LANDMARKS, 3), np.nan, np.float32)
        found = self._task.find(image, 0.0) if task or not found else []
        if not found:
            return points, np.full((LANDMARKS, 3), np.nan, np.float32), np.full(len(ARKIT), np.nan, np.float32)
        return points, found[0].points, found[0].blendshapes


def _clip(people: People, studio: Studio, plan: Plan, eyes: Eyes, seed: list[int]) -> dict[str, np.ndarray]:
    """weights (N, E), gaze (N, 4) and pose (N, 3) in radians, kind (N,), see the plans;
    bundled, task (N, 478, 3); scores (N, 52); crops uint8 (N, crops.PIXELS); camera (N, 3): the middle of what the
    camera took, in the picture, and its longer side, pixels"""
    draw = np.random.default_rng(seed)
    person, shot = people.person(draw), studio.shot(draw)
    arrays: dict[str, list] = {k: [] for k in ARRAYS}
    camera = (*shot.axis, shot.frame)
    for kind, weights, look, pose in plan(draw):
        image = studio.picture(person, shot, weights, look, pose, draw)
        found = _seen(eyes, image, draw.random() < FOLLOWED, draw.random() < TASKED)
        for name, value in zip(arrays, (kind, weights, look, pose, *found, camera), strict=True):
            arrays[name].append(value)
    return {name: np.array(values, TYPES.get(name, np.float32)) for name, values in arrays.items()}


def plan_of(expressions: Expressions, still: bool) -> Plan:
    return partial(_still if still else _various, expressions)


def _various(expressions: Expressions, draw: np.random.Generator) -> Iterator[Picture]:
    """kind: 0 at rest, 1.. a pair of one expression under two poses, -1 by itself."""
    rows = [(0, expressions.rest(draw)) for _ in range(RESTS)]
    for k in range(PAIRS):
        rows += [(k + 1, expressions.one(draw))] * 2
    rows += [(-1, expressions.one(draw)) for _ in range(SINGLES)]
    looks: dict[int, np.ndarray] = {}
    for kind, weights in rows:
        pose = turn(draw) * (0.4 if kind == 0 else 1.0)
        look = looks.setdefault(kind, gaze(pose, draw)) if kind > 0 else gaze(pose, draw)
        if kind == 0:
            look = look * 0.5
        yield kind, expressions.look(weights, look, draw), look, pose


def _still(expressions: Expressions, draw: np.random.Generator) -> Iterator[Picture]:
    """kind: 0 at rest, 1.. the number of a pose and gaze, in which the face moves and above all its jaw."""
    rows: list[tuple] = [(0, expressions.rest(draw), 0.4 * turn(draw), None) for _ in range(RESTS)]
    each = (PICTURES - RESTS) // STILL
    jaw = expressions.names.index("jawOpen")
    for kind in range(1, STILL + 1):
        pose = turn(draw) * draw.uniform(0, 0.8)
        look = gaze(pose, draw)
        opening = draw.permutation((np.arange(each) + draw.uniform(0, 1, each)) / each)
        plain = draw.random() < 0.5
        for wide in opening:
            weights = expressions.rest(draw) if plain else expressions.one(draw)
            if plain or draw.random() < 0.5:
                weights[jaw] = np.clip(1.1 * wide - 0.05, 0, 1)
            rows.append((kind, weights, pose, look))
    for kind, weights, pose, look in rows:
        look = 0.5 * gaze(pose, draw) if look is None else look
        yield kind, expressions.look(weights, look, draw), look, pose


def _seen(eyes: Eyes, image: np.ndarray, follow: bool, task: bool) -> tuple[np.ndarray, ...]:
    """bundled, task, scores, crops"""
    bundled, tasked, scores = eyes.see(image, follow, task)
    points = bundled if np.isfinite(bundled[0, 0]) else tasked
    cut = crops.cut(image, points) if np.isfinite(points[0, 0]) else np.zeros(crops.PIXELS, np.uint8)
    return bundled, tasked, scores, cut
