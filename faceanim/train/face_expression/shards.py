"""The shards of `make` as arrays to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...solve import pose
from ...solve.learned import OUTPUTS
from ..face_measures.heads import rotation
from ..face_measures.plan import GAZES

CLIPS = 20
"""In a shard."""
RESTS, PAIRS, SINGLES = 2, 3, 4
"""Pictures of a clip: at rest, of one expression under two poses, and by themselves."""
PICTURES = RESTS + 2 * PAIRS + SINGLES
SHARD = CLIPS * PICTURES


@dataclass(frozen=True)
class Faces:
    """N pictures of whole clips, PICTURES each; numpy arrays.

    points (N, 2, 478, 3) in head space by both landmarkers, NaN where none; pose (N, 2, 3); crops (N, PIXELS);
    scores (N, 52); kind (N,), see make; truth (N, O), but for its last three: turn (N, 2, 3), from the pose of either;
    place (N, 2, 4), see solve.pose.place, from the points of either
    """

    points: np.ndarray
    pose: np.ndarray
    crops: np.ndarray
    scores: np.ndarray
    kind: np.ndarray
    truth: np.ndarray
    turn: np.ndarray
    place: np.ndarray

    @property
    def clips(self) -> int:
        return len(self.kind) // PICTURES


class Shards:
    """The shards of a folder, of which more may come while it is learned from."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._known: set[Path] = set()

    def new(self) -> Faces | None:
        """Those that were not given before."""
        paths = sorted(set(self.folder.glob("[0-9]*.npz")) - self._known)
        self._known.update(paths)
        if not paths:
            return None
        rows, whole = SHARD, {}
        for k, path in enumerate(paths):
            for name, array in _faces(path).items():
                # in place: all of it at once is larger than what two copies leave room for
                into = whole.setdefault(name, np.empty((len(paths) * rows, *array.shape[1:]), array.dtype))
                into[k * rows : (k + 1) * rows] = array
        return Faces(**whole)

    def each(self) -> Iterator[Faces]:
        """One after the other. Raises InputError where there are none."""
        paths = sorted(self.folder.glob("[0-9]*.npz"))
        if not paths:
            raise _none(self.folder)
        for path in paths:
            yield Faces(**_faces(path))

    def all(self) -> Faces:
        """Raises InputError where there are none."""
        faces = self.new()
        if faces is None:
            raise _none(self.folder)
        return faces


def _none(folder: Path) -> InputError:
    return InputError(f"{folder} holds no faces", "make them first: python -m faceanim.train.face_expression make")


def _faces(path: Path) -> dict[str, np.ndarray]:
    shard = dict(np.load(path))
    names = [str(name) for name in shard["names"]]
    n = len(shard["kind"])
    points = np.full((n, 2, 478, 3), np.nan, np.float16)
    turned, turn = np.zeros((n, 2, 3), np.float32), np.zeros((n, 2, 3), np.float32)
    place = np.zeros((n, 2, 4), np.float32)
    true = np.stack([rotation(*angles) for angles in shard["pose"]])
    for k, seen in enumerate((shard["bundled"], shard["task"])):
        found = np.isfinite(seen[:, 0, 0])
        if found.any():
            fitted = pose.fit(seen[found])
            points[found, k], turned[found, k] = fitted.points, pose.angles(fitted.rotation)
            place[found, k] = pose.place(fitted, shard["camera"][found, :2], shard["camera"][found, 2])
            turn[found, k] = vector(np.einsum("nji,njk->nik", fitted.rotation, true[found]))
    truth = np.zeros((n, len(OUTPUTS)), np.float32)
    for c, name in enumerate(OUTPUTS):
        if name in GAZES:
            truth[:, c] = shard["gaze"][:, GAZES.index(name)]
        elif (column := _column(shard["weights"], names, name)) is not None:
            truth[:, c] = column
    scores = np.nan_to_num(shard["scores"])
    return {
        "points": points, "pose": turned, "crops": shard["crops"], "scores": scores, "kind": shard["kind"],
        "truth": truth, "turn": turn, "place": place,
    }  # fmt: skip


def _column(weights: np.ndarray, names: list[str], name: str) -> np.ndarray | None:
    for side in ("Left", "Right"):
        if name.endswith(side) and name not in names:
            name = name[: -len(side)] + "_" + side[0]
    parts = [names.index(part) for part in (name, f"{name}_L", f"{name}_R") if part in names]
    return weights[:, parts].mean(1) if parts else None


def vector(rotations: np.ndarray) -> np.ndarray:
    """(N, 3) rotation vectors of small rotations (N, 3, 3)."""
    cosine = ((np.einsum("nii->n", rotations) - 1) / 2).clip(-1, 1)
    angle = np.arccos(cosine)
    axis = np.stack([rotations[:, 2, 1] - rotations[:, 1, 2], rotations[:, 0, 2] - rotations[:, 2, 0],
                     rotations[:, 1, 0] - rotations[:, 0, 1]], 1)  # fmt: skip
    return axis * (0.5 * angle / np.maximum(np.sin(angle), 1e-6))[:, None]
