"""What the landmarker sees in the renders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from ...core.channels import ARKIT
from ...core.face import LANDMARKS
from ...features.mesh import BundledMesh, Mesh, TaskMesh


@dataclass(frozen=True)
class Seen:
    """points float32 (N, 478, 3) pixels as in core.face, NaN where no face was found; blendshapes (N, 52) or None."""

    points: np.ndarray
    blendshapes: np.ndarray | None


def see(paths: list[Path], task: Path) -> dict[str, Seen]:
    """Both landmarkers: "bundled", and "task" with the file face_landmarker.task."""
    # the task file's network gives no blendshapes of still pictures, so it forgets between them
    return {
        "bundled": _see(paths, BundledMesh(1, still=True), forget=False),
        "task": _see(paths, TaskMesh(task, 1, still=False), forget=True),
    }


def _see(paths: list[Path], mesh: Mesh, forget: bool) -> Seen:
    points = np.full((len(paths), LANDMARKS, 3), np.nan, np.float32)
    scores = np.full((len(paths), len(ARKIT)), np.nan, np.float32) if forget else None
    for k, path in enumerate(paths):
        if forget:
            mesh.forget()
        for face in mesh.find(_picture(path), k / 30)[:1]:
            points[k] = face.points
            if scores is not None:
                scores[k] = face.blendshapes
    mesh.close()
    return Seen(points, scores)


def _picture(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")
