"""The face-emotion network: what a small grey picture of a face says of its emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..core.emotion import FACE_LABELS
from ..core.face import PORTRAIT

WIDTHS, BLOCKS = (32, 80, 160, 320), (1, 2, 2, 2)
"""Of the four stages of the residual network (He et al. 2016), each half as fine as the one before."""
SEEN = 48
"""Pixels of a view, across and down, in which the network is shown the picture's middle part."""
VIEWS = ((0.0, 0.0, 44.0), (0.0, 0.0, 40.0), (0.0, -2.0, 42.0), (0.0, 2.0, 42.0))
"""What is shown of a picture: x and y of the middle against its own, and how wide a part, all in its pixels; each also
in the mirror. The answers' mean is given."""
DARK = 8.0
"""Grey levels added to a picture's contrast, so that an empty one is not blown up to noise."""


class FaceEmotionNet(nn.Module):
    """(batch, 1, SEEN, SEEN) grey levels 0..255 to logits of FACE_LABELS (batch, labels)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _conv(1, WIDTHS[0], 3)
        layers, width = [], WIDTHS[0]
        for stage, (wide, count) in enumerate(zip(WIDTHS, BLOCKS, strict=True)):
            for k in range(count):
                layers.append(_Block(width, wide, 2 if stage and not k else 1))
                width = wide
        self.blocks = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.3)
        self.emotion = nn.Linear(width, len(FACE_LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spread, mean = torch.std_mean(x, (2, 3), keepdim=True)
        x = (x - mean) / (spread + DARK)
        h = self.blocks(F.relu(self.first(x)))
        return self.emotion(self.drop(h.mean((2, 3))))


class _Block(nn.Module):
    def __init__(self, width: int, wide: int, stride: int):
        super().__init__()
        self.a, self.b = _conv(width, wide, 3, stride), _conv(wide, wide, 3)
        self.past = nn.Identity()
        if stride > 1 or wide != width:
            pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            self.past = nn.Sequential(pool, _conv(width, wide, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.b(F.relu(self.a(x))) + self.past(x))


def _conv(width: int, wide: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, wide, size, stride, size // 2, bias=False), nn.BatchNorm2d(wide))


def views(pictures: torch.Tensor, x: torch.Tensor, y: torch.Tensor, turn: torch.Tensor, wide: torch.Tensor,
          high: torch.Tensor, mirror: torch.Tensor, seen: int = SEEN) -> torch.Tensor:  # fmt: skip
    """`seen` by `seen` pixels of pictures (batch, 1, PORTRAIT, PORTRAIT), float.

    x, y: where the middle lies against theirs; wide, high: how much is shown; all in their pixels; turn in radians;
    mirror: 1 or -1; each (batch,). Beyond the edge the edge goes on.
    """
    half = PORTRAIT / 2
    cos, sin, across, down = torch.cos(turn), torch.sin(turn), wide / PORTRAIT, high / PORTRAIT
    rows = (
        torch.stack((cos * across * mirror, -sin * across, x / half), 1),
        torch.stack((sin * down * mirror, cos * down, y / half), 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), [len(pictures), 1, seen, seen], align_corners=False)
    smooth = "bicubic" if seen > SEEN else "bilinear"
    return F.grid_sample(pictures, grid, smooth, padding_mode="border", align_corners=False)


def answers(
    net: nn.Module, pictures: torch.Tensor, shown: Sequence[tuple] = VIEWS, seen: int = SEEN
) -> torch.Tensor:
    """Mean log-probabilities of FACE_LABELS (batch, labels) over the views `shown` and their mirror images."""
    total = torch.zeros(len(pictures), len(FACE_LABELS), device=pictures.device)
    one = torch.ones(len(pictures), device=pictures.device)
    for x, y, wide in shown:
        for mirror in (1, -1):
            view = views(pictures, one * x, one * y, one * 0, one * wide, one * wide, one * mirror, seen)
            total += net(view).float().log_softmax(1)
    return (total / (2 * len(shown))).log_softmax(1)


def predictor(arrays: Mapping[str, np.ndarray], device: str = "cpu"):
    """A Predictor (features.face_emotion) of a file's arrays, float16 or float32, by their names in FaceEmotionNet.

    temperature (1,): 1 leaves the chances as they are, more makes them less sure. Raises KeyError or RuntimeError
    where they are not this network's.
    """
    net = FaceEmotionNet()
    state = {name: torch.from_numpy(np.array(a, np.float32)) for name, a in arrays.items()}
    temperature = float(state.pop("temperature", torch.ones(1)))
    lacking = set(net.state_dict()) - set(state)
    if any(not name.endswith("num_batches_tracked") for name in lacking):
        raise KeyError(f"the weights lack {sorted(lacking)[0]}")
    net.load_state_dict(state, strict=False)
    net.eval().to(device, memory_format=torch.channels_last)

    def predict(pictures: np.ndarray) -> np.ndarray:
        if not len(pictures):
            return np.zeros((0, len(FACE_LABELS)), np.float32)
        said = []
        with torch.inference_mode():
            for part in torch.from_numpy(np.ascontiguousarray(pictures)).split(64):
                x = part[:, None].to(device).float()
                said.append((answers(net, x) / temperature).softmax(1).cpu().numpy())
        return np.concatenate(said)

    return predict


def arrays(net: FaceEmotionNet) -> dict[str, np.ndarray]:
    """What `predictor` takes, float16."""
    return {
        name: value.detach().cpu().numpy().astype(np.float16)
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
