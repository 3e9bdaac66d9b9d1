"""Fits anew what the face network answers of the coefficients: steps of learning leave rare ones too small.

The last layer's rows of them are fitted in closed form, by ridge regression of what they lack, to changed pictures and
to what two answers for one expression under two poses differ by. Nothing else of the network changes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from ...nets.face_expression import FaceNet
from ...solve.learned import LOOK
from .batches import Batch, Batches
from .shards import Faces
from .train import pairs, rests

RIDGE = 0.2
"""The penalty of a weight, in units of its feature's mean square."""
PAIRED = 2.0
"""How much a difference of two answers for one expression counts, where an error counts 1."""
SHARE = 0.7
"""How far the rows go toward those that fit: all the way, resting faces of real videos are less still."""


@torch.inference_mode()
def refit(net: FaceNet, shards: Iterable[Faces], seed: int = 1) -> None:
    """Changes the rows of the coefficients by the shards of `make`."""
    torch.manual_seed(seed)
    net.eval()
    wide, count = net.last.in_features + 1, LOOK.start
    square, lacks = (torch.zeros(wide, n, dtype=torch.float64) for n in (wide, count))
    size = torch.zeros(wide, dtype=torch.float64)
    for k, faces in enumerate(shards):
        for batch in Batches(faces, seed + k, faces.clips).epoch(np.arange(faces.clips)):
            x, value = _given(net, batch)
            lack = (batch.truth / net.spread)[:, :count] - value
            found, pair = batch.found, pairs(batch)
            turned, apart = (rows[:-1][pair] - rows[1:][pair] for rows in (x, value))
            square += x[found].T @ x[found] + PAIRED * turned.T @ turned
            lacks += x[found].T @ lack[found] - PAIRED * turned.T @ apart
            size += x[found].square().sum(0)
    size[-1] = 0  # of the bias
    more = SHARE * torch.linalg.solve(square + RIDGE * size.diag(), lacks).float()
    net.last.weight[:count] += more[:-1].T
    net.last.bias[:count] += more[-1]


def _given(net: FaceNet, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """float64 (N, wide) what the last layer is given and a 1, and (N, C) the coefficients that are answered."""
    view = net.view(batch.frames.crops)
    points, rest_view, known = rests(net, batch, view, True)
    seen, x = net.features(batch.frames, view, points, rest_view, known)
    value, _ = net(batch.frames, view, points, rest_view, known)
    return torch.cat([x, torch.ones_like(x[:, :1])], 1).double(), value[:, : LOOK.start].double()
