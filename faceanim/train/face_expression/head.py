"""Fits anew what the face network answers of the head's pitch, so that it stays as it is while the face moves.

The last layer's row of it is fitted by ridge regression to pictures of all kinds, and, which counts far more, to how
the error differs between pictures of a head that keeps still. What is seen badly counts less. Nothing else of the
network changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from ...nets.face_expression import FaceNet
from ...solve.learned import OUTPUTS
from .batches import Batches
from .shards import Faces
from .train import rests

PITCH = OUTPUTS.index("turnX")
STILL = 20.0
"""How much differences between pictures of one pose count, of what any picture's error does."""
STIFF = 6000.0
"""How many pictures the row outweighs that is there."""


class Rows(NamedTuple):
    """values (N, F + 1): what the last layers are given, and what the pitch lacks (radians); weight (N,); group (N,) of
    pictures in which the head keeps still, 0 for those at rest"""

    values: np.ndarray
    weight: np.ndarray
    group: np.ndarray


def refit(
    net: FaceNet, various: Iterable[Faces], still: Iterable[Faces], stiff: float = STIFF, seed: int = 1
) -> None:
    """Changes the row of the pitch. various, still: shards by `make` of either kind, which the network did not see."""
    torch.manual_seed(seed)
    net.eval()
    pictures, count, total, square, held = 0, 0.0, 0.0, 0.0, 0.0
    for faces in various:
        for values, weight, _ in _rows(net, faces):
            weighted = values * weight[:, None]
            pictures, count, total = pictures + len(values), count + weight.sum(), total + weighted.sum(0)
            square = square + weighted.T @ values
    for faces in still:
        for rows in _rows(net, faces):
            held = held + _within(rows)
    middle = total / count
    square = square - count * np.outer(middle, middle)
    whole = square + STILL * held
    ridge = stiff * np.diag(square)[:-1] / pictures + 1e-6 * count
    change = np.linalg.solve(whole[:-1, :-1] + np.diag(ridge), whole[:-1, -1])
    _add(net, change, float(middle[-1] - middle[:-1] @ change))


@torch.inference_mode()
def _rows(net: FaceNet, faces: Faces) -> Iterator[Rows]:
    """Of the pictures in which a face was found, with the face's rest and without; half of the shards in the mirror."""
    batches = Batches(faces)
    batch = batches.of(torch.arange(batches.clips), None)
    if torch.rand(()) < 0.5:
        batch = batches.mirror.seen(batch)
    view = net.view(batch.frames.crops)
    points, rest, known = rests(net, batch, view, False)
    group = torch.where(batch.kind > 0, (batch.clip + 1) * (batch.kind.max() + 1) + batch.kind, 0)
    for told in (known, 0 * known):
        seen, x = net.features(batch.frames, view, points, rest, told)
        value, log_variance = net(batch.frames, view, points, rest, told)
        lack = batch.truth - value * net.spread * net.gain
        values = torch.cat([seen, x, lack[:, [PITCH]]], 1)[batch.found].double().numpy()
        weight = torch.exp(-log_variance[:, PITCH])[batch.found].double().numpy()
        yield Rows(values, weight, group[batch.found].numpy())


def _within(rows: Rows) -> np.ndarray:
    """(F + 1, F + 1): products of the differences from each group's mean, summed."""
    still = rows.group > 0
    values, weight = rows.values[still], rows.weight[still]
    names, at = np.unique(rows.group[still], return_inverse=True)
    member = (at == np.arange(len(names))[:, None]) * weight
    apart = values - ((member @ values) / member.sum(1, keepdims=True))[at]
    return (apart * weight[:, None]).T @ apart


@torch.no_grad()
def _add(net: FaceNet, change: np.ndarray, bias: float) -> None:
    """change (F,), bias, radians: what the pitch lacks, of what the last layers are given."""
    unit = (net.spread * net.gain)[PITCH]
    weight = torch.from_numpy(change).float() / unit
    split = net.direct.in_features
    net.direct.weight[PITCH] += weight[:split]
    net.last.weight[PITCH] += weight[split:]
    net.last.bias[PITCH] += bias / unit
