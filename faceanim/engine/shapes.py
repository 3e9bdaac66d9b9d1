"""The making of face shapes as a job: heads in files, the face landmarker for eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.channels import ARKIT
from ..core.files import PRESETS
from ..core.head import Head
from ..errors import EngineError
from ..features.face import open_mesh
from ..formats import heads
from ..shapes import make as making
from ..shapes.contacts import OPENING
from ..shapes.landmarks import Find
from ..shapes.make import Made, Progress
from .messages import Shapes

REFERENCE = PRESETS / "character" / "shapes.npz"
"""The demo head with its keys (presets/character/build_shapes.py makes it)."""


def make(job: Shapes, progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Writes the head with its keys. Raises the project's errors."""
    head = heads.read(job.head)
    reference = heads.read(job.reference or REFERENCE, "reference head")
    with landmarker() as find:
        made = make_all(head, reference, find, progress)
    progress(0.98, "saving")
    heads.write(replace(head, keys=made.keys), Path(job.output))
    return {"path": job.output, "report": dict(made.report)}


def make_all(head: Head, reference: Head, find: Find, progress: Progress = lambda fraction, stage: None) -> Made:
    """All of ARKit's keys: those that the reference lacks (the ICT head has no tongueOut) come from the demo head."""
    missing = [name for name in ARKIT if name not in reference.keys]
    made = making.make(head, reference, find, lambda f, stage: progress(f * (0.6 if missing else 1.0), stage))
    if not missing:
        return made
    demo = heads.read(REFERENCE)
    wanted = {name: demo.keys[name] for name in (*missing, OPENING) if name in demo.keys}
    if set(wanted) <= {OPENING}:
        return made
    rest = making.make(head, replace(demo, keys=wanted), find, lambda f, stage: progress(0.6 + 0.4 * f, stage))
    more = {name: delta for name, delta in rest.keys.items() if name in missing}
    told = {**made.report["keys"], **{name: rest.report["keys"][name] for name in more}}
    return replace(made, keys={**made.keys, **more}, report={**made.report, "keys": told, "from_demo": sorted(more)})


@contextmanager
def landmarker() -> Iterator[Callable[[np.ndarray], np.ndarray | None]]:
    """A picture (H, W, 3) to its face's points in pixels (478, 2); opened when first needed."""
    opened = []

    def find(image: np.ndarray) -> np.ndarray | None:
        if not opened:
            try:
                opened.append(open_mesh())
            except EngineError:
                return None  # landmarks can be picked
        faces = opened[0].find(np.ascontiguousarray(image), 0.0)
        return faces[0].points[:, :2] if faces else None

    try:
        yield find
    finally:
        for mesh in opened:
            mesh.close()
