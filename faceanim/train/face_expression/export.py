"""The network's weights to one safetensors file, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...formats import safetensors
from ...nets.face_expression import FaceNet, arrays
from ...solve.learned import OUTPUTS


def export(net: FaceNet, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.write(path, arrays(net), {"outputs": " ".join(OUTPUTS)})


def load(path: Path) -> FaceNet:
    """The network that was exported."""
    net = FaceNet(len(OUTPUTS))
    net.load_state_dict(start_from(path), strict=False)
    return net.eval()


def start_from(path: Path) -> dict[str, torch.Tensor]:
    """The state of a network that was exported, perhaps for other outputs: what it does not have begins at 0."""
    content, metadata = safetensors.read(path, "face network")
    state = {name: torch.from_numpy(np.array(array, np.float32)) for name, array in content.items()}
    before = metadata["outputs"].split()
    for name in ("last.weight", "last.bias", "spread", "gain"):
        parts = state[name].chunk(2) if name.startswith("last") else (state[name],)
        new = [torch.zeros(len(OUTPUTS), *part.shape[1:]) for part in parts]
        for k, output in enumerate(OUTPUTS):
            for old, into in zip(parts, new, strict=True):
                if output in before:
                    into[k] = old[before.index(output)]
        state[name] = torch.cat(new)
    state["gain"][state["gain"] == 0] = 1
    return state
