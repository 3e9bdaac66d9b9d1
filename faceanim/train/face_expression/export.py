"""The network's weights to one safetensors file, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...formats import safetensors
from ...nets.face_expression import FaceNet, arrays
from ...solve.learned import OUTPUTS


def export(net: FaceNet, path: Path, clips: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.write(path, arrays(net), {"outputs": " ".join(OUTPUTS), "clips": str(clips)})


def start_from(path: Path) -> dict[str, torch.Tensor]:
    """The state of a network that was exported."""
    content, _ = safetensors.read(path, "face network")
    return {name: torch.from_numpy(np.array(array, np.float32)) for name, array in content.items()}
