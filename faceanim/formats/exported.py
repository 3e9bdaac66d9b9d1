"""What an exported file itself says of its animation, read without Blender: a second opinion on glTF and FBX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import FormatError


@dataclass(frozen=True)
class Exported:
    """The animation of a file.

    fps      frames a second; 0 where the file says nothing of it
    seconds  from the first key to the last
    morphs   (node, morph target) to times float64 (K,) in seconds and values float64 (K,), joined by straight lines
    turns    (skeleton, bone) to times (K,) and rotations float64 (K, 3, 3): how the bone has turned the skin since it
             was bound, with z up and y to the back; empty where the format's bones are not read
    places   likewise, to times (K,) and where the bone stands, float64 (K, 3)
    """

    fps: float
    seconds: float
    morphs: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    turns: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    places: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def read(path: str | Path) -> Exported:
    """Raises FormatError where the file is none of the two formats, or broken."""
    from . import fbx, gltf

    path = Path(path)
    try:
        return fbx.read(path) if path.suffix.lower() == ".fbx" else gltf.read(path)
    except (KeyError, IndexError, ValueError, TypeError, EOFError) as error:
        raise FormatError(f"{path.name} is broken: {error}", "export the character again") from error
