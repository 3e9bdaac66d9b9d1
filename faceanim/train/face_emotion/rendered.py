"""What the network learns first: to tell the expression, gaze and pose of rendered faces, of which there are many."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.face import PORTRAIT
from ...features.crops import CROPS
from ...features.face_emotion import FRAME
from ..face_expression.shards import Faces, Shards
from .train import look, optimizer_of, shown

YAW = np.radians(50.0)
"""Faces turned further are left out: FER2013 hardly holds any."""
BATCH, HIDDEN, DECAY = 128, 0.4, 5e-4
RATE, RISE, FALL, MOST = 0.05, 300, 0.8, 9.0
"""The rate of SGD, which rises for so many steps and falls over this share of all, like a line; and the largest squared
error that counts, in variances."""


class Rendered(NamedTuple):
    """grey uint8 (N, PORTRAIT, PORTRAIT), framed as FER2013's pictures; truth float32 (N, K), each column of mean 0 and
    deviation 1."""

    grey: np.ndarray
    truth: np.ndarray


def load(folder: Path) -> Rendered:
    """From the shards of `faceanim.train.face_expression make`. Raises InputError where there are none."""
    parts = [_faces(faces) for faces in Shards(folder).each()]
    grey, truth = (np.concatenate(part) for part in zip(*parts, strict=True))
    spread = truth.std(0)
    moves = spread > 0.02
    return Rendered(grey, ((truth - truth.mean(0))[:, moves] / spread[moves]).astype(np.float32))


def _faces(faces: Faces) -> tuple[np.ndarray, np.ndarray]:
    crop, frame = CROPS["face"], FRAME["face"]
    scale = frame.width / frame.wide
    side = round(crop.wide * scale)
    left = (PORTRAIT - side) // 2
    top = left + round((frame.up - crop.up) * scale)
    whole = torch.from_numpy(faces.crops[:, -crop.pixels :]).reshape(-1, 1, crop.height, crop.width).float()
    small = F.interpolate(whole, (side, side), mode="area")
    # below, the crop goes on beyond the frame
    framed = F.pad(small, (left, PORTRAIT - side - left, top, 0), mode="replicate")[:, 0, :PORTRAIT]
    seen = np.isfinite(faces.points[:, :, 0, 0])
    pose = np.where(seen[:, :1], faces.pose[:, 0], faces.pose[:, 1])
    shown = seen.any(1) & (np.abs(pose[:, 0]) < YAW)
    truth = np.concatenate([faces.truth[:, :-3], pose], 1)
    return framed.round().to(torch.uint8).numpy()[shown], truth[shown]


def begun(net: nn.Module, seen: int, rendered: Rendered, seed: int, device: str = "cpu") -> dict[str, Tensor]:
    """The state of `net`, but for its last layer, that has seen each picture once, in views of `seen` pixels."""
    torch.manual_seed(seed)
    draw = torch.Generator(device).manual_seed(seed)
    net.drop, net.emotion = nn.Identity(), nn.Linear(net.emotion.in_features, rendered.truth.shape[1])
    net = net.to(device, memory_format=torch.channels_last).train()
    optimizer = optimizer_of(net, DECAY)
    grey, truth = torch.from_numpy(rendered.grey)[:, None], torch.from_numpy(rendered.truth)
    order = torch.randperm(len(truth))
    steps = len(order) // BATCH
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / RISE, (1 - step / steps) / FALL)
        rows = order[step * BATCH : (step + 1) * BATCH]
        x = shown(grey[rows].to(device), look(len(rows), HIDDEN, False, False, draw), draw, seen, mirrored=False)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            told = net(x.to(memory_format=torch.channels_last))
        loss = ((told.float() - truth[rows].to(device)) ** 2).clamp(max=MOST).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
    return {name: value.cpu() for name, value in net.state_dict().items() if not name.startswith("emotion")}
