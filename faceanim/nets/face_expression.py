"""The face network: landmarks, crops and the head's pose to ARKit coefficients, gaze, a better pose, and how sure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..core.face import Reader, Rest, Seen
from .faces import CONTRAST, CROPS, EYES, OTHERS, POINT_SCALE

POINTS, SCORES, POSE, PLACE = 478 * 3, 52, 3, 4
WIDTH, BLOCKS = 512, 3
POINT_FEATURES = 192
CROP_FEATURES = 96
DEPTHS = (16, 32, 56, 88, 120)
"""Channels of an encoder's layers; a small picture has no use for the first."""
BATCH = 512
"""Frames at a time."""


class Layout(NamedTuple):
    """The crops in a row of pixels: (name of the encoder, width, height) in their order."""

    encoder: str
    width: int
    height: int


LAYOUT: tuple[Layout, ...] = tuple(Layout(*crop) for crop in CROPS)
VIEW = CROP_FEATURES * len(LAYOUT)


class FaceNet(nn.Module):
    """outputs  O: coefficients, gaze, and a rotation vector that corrects the pose

    spread (O,): standard deviations of the truth. gain (O,): what is seen badly is answered too small; times this it
    moves about as much as the face.

    A face's own rest, where it is known, is given as the points at rest and what the crops showed then.
    """

    def __init__(self, outputs: int, mean: torch.Tensor | None = None):
        super().__init__()
        self.outputs = outputs
        self.register_buffer("mean", torch.zeros(POINTS) if mean is None else mean)
        self.register_buffer("spread", torch.ones(outputs))
        self.register_buffer("gain", torch.ones(outputs))
        self.encoders = nn.ModuleDict({c.encoder: _encoder(c.width, c.height) for c in reversed(LAYOUT)})
        self.shape = nn.Linear(POINTS, POINT_FEATURES)
        self.change = nn.Linear(POINTS, POINT_FEATURES)
        self.first = nn.Linear(2 * POINT_FEATURES + 2 * VIEW + SCORES + 2 + POSE + PLACE, WIDTH)
        films = 2 * WIDTH * BLOCKS
        self.condition = nn.Sequential(nn.Linear(2 * POSE + 2 + PLACE, 64), nn.GELU(), nn.Linear(64, films))
        self.blocks = nn.ModuleList(_Block(WIDTH) for _ in range(BLOCKS))
        self.last = nn.Linear(WIDTH, 2 * outputs)
        self.direct = nn.Linear(self.first.in_features, outputs, bias=False)
        nn.init.zeros_(self.direct.weight)

    def view(self, crops: torch.Tensor, which: slice = slice(None)) -> torch.Tensor:
        """What it sees in uint8 crops (N, PIXELS), or in `which` of LAYOUT, (N, columns): their own light and contrast
        are taken out."""
        ends = np.cumsum([crop.width * crop.height for crop in LAYOUT])
        pictures: dict[str, list[torch.Tensor]] = {}
        for crop, end in zip(LAYOUT[which], ends[which].tolist(), strict=True):
            part = crops[:, end - crop.width * crop.height : end].float()
            part = (part - part.mean(1, keepdim=True)) / (part.std(1, keepdim=True) + CONTRAST)
            pictures.setdefault(crop.encoder, []).append(part.reshape(-1, 1, crop.height, crop.width))
        parts = []
        for name, group in pictures.items():
            seen = self.encoders[name](torch.cat(group))
            parts += list(seen.chunk(len(group)))
        return torch.cat(parts, 1)

    def forward(
        self, frames: Seen, view: torch.Tensor, rest_points: torch.Tensor, rest_view: torch.Tensor, known: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, O) outputs and (N, O) log variances, in units of `spread`.

        view         of the frames' crops
        rest_points  (N, 478, 3), rest_view (N, VIEW): of the face at rest, and known (N, 1): 0 where they are not
        """
        seen, x = self.features(frames, view, rest_points, rest_view, known)
        value, log_variance = self.last(x).chunk(2, 1)
        return value + self.direct(seen), log_variance.clamp(-6, 3)

    def features(self, frames: Seen, view, rest_points, rest_view, known) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, F) what goes into the layers, and (N, WIDTH) what they make of it; arguments as in forward."""
        points = frames.points.flatten(1)
        shape = self.shape((points - self.mean) * POINT_SCALE)
        change = self.change((points - rest_points.flatten(1)) * known * POINT_SCALE)
        turned = torch.cat([frames.pose, frames.pose.abs(), frames.kind, known, frames.place], 1)
        film = self.condition(turned).chunk(2 * BLOCKS, 1)
        seen = torch.cat(
            [shape, change, view, (view - rest_view) * known, frames.scores * 2, frames.kind, known, frames.pose,
             frames.place], 1
        )  # fmt: skip
        x = self.first(seen)
        for k, block in enumerate(self.blocks):
            x = block(x, film[2 * k], film[2 * k + 1])
        return seen, x


def _encoder(width: int, height: int) -> nn.Module:
    """Halves the picture until a side is 3; the first layers of a large picture are thin."""
    layers: list[nn.Module] = []
    before, halvings = 1, int(np.log2(height / 3))
    for channels in DEPTHS[-halvings:]:
        layers += [nn.Conv2d(before, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        before = channels
    flat = before * (width >> halvings) * (height >> halvings)
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1), nn.Linear(flat, CROP_FEATURES))


class _Block(nn.Module):
    """Residual, scaled and shifted by what it is conditioned on (FiLM)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.wide, self.back = nn.Linear(width, width), nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return x + self.drop(self.back(F.gelu(self.wide(self.norm(x) * (1 + scale) + shift))))


def reader(arrays: Mapping[str, np.ndarray], device: str = "cpu") -> Reader:
    """A Reader of a file's arrays (float16 or float32), by their names in FaceNet; on a CPU that of `faces` is faster.

    Raises KeyError or RuntimeError where they are not this network's.
    """
    net = FaceNet(len(arrays["spread"]))
    state = {name: torch.from_numpy(np.array(a, np.float32)) for name, a in arrays.items()}
    state |= {n: value for n, value in net.state_dict().items() if n.endswith("num_batches_tracked")}
    lacking = net.state_dict().keys() - state.keys()
    if lacking:
        raise KeyError(f"the weights lack {sorted(lacking)[0]}")
    net.load_state_dict(state)
    net.eval().to(device)

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    def looked(crops: np.ndarray, which: slice) -> np.ndarray:
        count = max(len(crops), 1)  # of none there is an empty piece
        with torch.inference_mode():
            parts = [net.view(tensor(crops[k : k + BATCH]), which).cpu().numpy() for k in range(0, count, BATCH)]
        return np.concatenate(parts)

    def read(frames: Seen, views: np.ndarray, rest: Rest | None) -> tuple[np.ndarray, np.ndarray]:
        parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        with torch.inference_mode():
            known = torch.full((1, 1), float(rest is not None), device=device)
            points = tensor(rest.points)[None] if rest else torch.zeros(1, 478, 3, device=device)
            seen = tensor(rest.view)[None] if rest else torch.zeros(1, VIEW, device=device)
            for k in range(0, len(views), BATCH):
                some = Seen(*(tensor(a[k : k + BATCH]) for a in frames))
                n = len(some.pose)
                out, log = net(some, tensor(views[k : k + BATCH]), points.expand(n, -1, -1), seen.expand(n, -1),
                               known.expand(n, -1))  # fmt: skip
                parts[0].append((out * net.spread * net.gain).cpu().numpy())
                parts[1].append((torch.exp(0.5 * log) * net.spread).cpu().numpy())
        return np.concatenate(parts[0]), np.concatenate(parts[1])

    eyes, others = (partial(looked, which=which) for which in (EYES, OTHERS))
    return Reader(eyes, others, 2 * CROP_FEATURES, read, net.spread.cpu().numpy())


def arrays(net: FaceNet) -> dict[str, np.ndarray]:
    """What `reader` takes, float16."""
    return {
        name: value.detach().cpu().numpy().astype(np.float16)
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
