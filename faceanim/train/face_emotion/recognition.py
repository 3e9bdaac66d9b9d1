"""A teacher that has seen very many faces: the network by which dlib knows people again (King 2017).

Residual, 29 convolutions; its weights, which their author gave to the public domain (CC0), stand in the package
@vladmandic/face-api 1.7.15 (MIT) in 8 bits: model/face_recognition_model.bin, and -weights_manifest.json beside it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.emotion import FACE_LABELS
from ...core.files import input_file
from ...errors import FormatError
from ...nets.face_emotion import DARK

NAME = "face_recognition_model"
STAGES = ((32, 3), (64, 3), (128, 2), (256, 2))
"""Channels, and blocks that keep them and the size; before these of all but the first, one that halves the size."""
MEAN, LIGHT, CONTRAST = (122.782, 117.001, 104.298), 114.0, 50.0
"""What is taken off red, green and blue; and the mean and the spread that pictures are brought to."""
LEAST = 103
"""Pixels that a view has at least, or nothing is left of it at the end."""


class Recognition(nn.Module):
    """(batch, 1, seen, seen) grey levels to logits of FACE_LABELS; made for 150 pixels, it takes LEAST
    or more."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _Normed(3, 32, 7, 2, 0)
        blocks, width = {}, 32
        for wide, count in STAGES:
            if wide != width:
                blocks[f"conv{wide}_down"] = _Block(width, wide, True)
            blocks |= {f"conv{wide}_{k + 1}": _Block(wide, wide, False) for k in range(count)}
            width = wide
        blocks["conv256_down_out"] = _Block(width, width, True)
        self.blocks = nn.Sequential(*blocks.values())
        self.names = list(blocks)
        self.drop = nn.Dropout(0.3)
        self.emotion = nn.Linear(width, len(FACE_LABELS))

    def forward(self, x: Tensor) -> Tensor:
        spread, mean = torch.std_mean(x, (2, 3), keepdim=True)
        x = (x - mean) / (spread + DARK) * CONTRAST + LIGHT
        x = (x - x.new_tensor(MEAN)[:, None, None]) / 256
        x = F.max_pool2d(F.relu(self.first(x)), 3, 2)
        return self.emotion(self.drop(self.blocks(x).mean((2, 3))))


class _Normed(nn.Module):
    def __init__(self, width: int, wide: int, size: int, stride: int, pad: int):
        super().__init__()
        self.convolution = nn.Conv2d(width, wide, size, stride, pad, bias=False)
        self.norm = nn.BatchNorm2d(wide)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(x))


class _Block(nn.Module):
    """What was seen passes it; where sizes and channels differ, the missing ones are 0."""

    def __init__(self, width: int, wide: int, down: bool):
        super().__init__()
        self.down, self.more = down, wide - width
        self.a = _Normed(width, wide, 3, 2 if down else 1, 0 if down else 1)
        self.b = _Normed(wide, wide, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(F.relu(self.a(x)))
        if self.down:
            x = F.pad(F.avg_pool2d(x, 2), (0, 0, 0, 0, 0, self.more))
            size = [max(a, b) for a, b in zip(x.shape[2:], y.shape[2:], strict=True)]
            x, y = (F.pad(z, (0, size[1] - z.shape[3], 0, size[0] - z.shape[2])) for z in (x, y))
        return F.relu(x + y)


def load(folder: Path, pictures: Tensor) -> Recognition:
    """The network of the files in `folder`, its last layer new.

    There, normalisation stands as a factor and an addend. Here it normalises again, by what it meets in `pictures`
    (batch, 1, seen, seen), on which the network is the same then. Raises InputError, FormatError.
    """
    arrays = _arrays(folder)
    net = Recognition().eval()
    pairs = [("conv32_down", net.first)]
    for name, block in zip(net.names, net.blocks, strict=True):
        pairs += [(f"{name}/conv1", block.a), (f"{name}/conv2", block.b)]
    hooks = []
    try:
        for name, layer in pairs:
            layer.convolution.weight.data.copy_(arrays[f"{name}/conv/filters"].permute(3, 2, 0, 1))
            gain = arrays[f"{name}/scale/weights"]
            more = arrays[f"{name}/scale/biases"] + gain * arrays[f"{name}/conv/bias"]
            hooks.append(layer.convolution.register_forward_hook(_normalising(layer.norm, gain, more)))
    except (KeyError, RuntimeError) as error:
        hint = "take those of @vladmandic/face-api 1.7.15"
        raise FormatError(f"{folder} does not hold dlib's network: {error}", hint) from error
    with torch.no_grad():
        net(pictures.float())
    for hook in hooks:
        hook.remove()
    return net


def _normalising(norm: nn.BatchNorm2d, gain: Tensor, more: Tensor):
    def hook(_layer: nn.Module, _seen: tuple, out: Tensor) -> None:
        variance, mean = torch.var_mean(out, (0, 2, 3), correction=0)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.data.copy_(gain * torch.sqrt(variance + norm.eps))
        norm.bias.data.copy_(more + gain * mean)

    return hook


def _arrays(folder: Path) -> dict[str, Tensor]:
    what = "face recognition network"
    manifest = json.loads(input_file(folder / f"{NAME}-weights_manifest.json", what).read_text())
    raw, at, arrays = input_file(folder / f"{NAME}.bin", what).read_bytes(), 0, {}
    for entry in manifest[0]["weights"]:
        count, packed = int(np.prod(entry["shape"])), entry.get("quantization", {})
        kind = np.uint8 if packed.get("dtype") == "uint8" else np.float32
        values = np.frombuffer(raw, kind, count, at).astype(np.float32)
        at += count * kind().itemsize
        if kind is np.uint8:
            values = values * packed["scale"] + packed["min"]
        arrays[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]).astype(np.float32))
    return arrays
