"""What hides an eye or the mouth, told by the features of a network that was trained before, fitted in closed form.

Ridge regression on the network's last features and on what goes into them, over clips drawn as in training, some of
whose regions are covered (train.covered). The other outputs stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ...nets.face_expression import FaceNet
from ...solve.learned import HIDDEN, OUTPUTS
from .train import HELD, Batches, Faces, rests

ROUNDS = 2
"""Times every clip is drawn, each time changed in another way."""
PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Of weights on features of deviation 1, as a share of the rows; the one of least error on clips left out is taken."""
SPREAD = 0.25


@torch.inference_mode()
def refit(faces: Faces, start: dict[str, torch.Tensor], say: Callable[[str], None], seed: int = 3) -> FaceNet:
    """The network of `start` (see export.start_from) with the outputs of what is hidden fitted to faces."""
    draw = np.random.default_rng(seed)
    held = draw.permutation(faces.clips)[: max(2, int(HELD * faces.clips))]
    learn = np.setdiff1d(np.arange(faces.clips), held)
    net = FaceNet(len(OUTPUTS))
    net.load_state_dict(start, strict=False)
    net.spread[HIDDEN] = SPREAD
    net.eval()
    x, y = _rows(net, faces.of(learn), draw)
    other_x, other_y = _rows(net, faces.of(held), draw)
    say(f"{len(x)} rows of {x.shape[1]} features")
    middle, deviation, level = x.mean(0), x.std(0) + 1e-3, y.mean(0)
    x, other_x = ((a - middle) / deviation for a in (x, other_x))
    gram, toward = x.T @ x, x.T @ (y - level)
    least, best = torch.full((y.shape[1],), torch.inf), torch.zeros_like(toward)
    for penalty in PENALTIES:
        weights = torch.linalg.solve(gram + penalty * len(x) * torch.eye(len(gram)), toward)
        error = (other_y - level - other_x @ weights).square().mean(0)
        better = error < least
        least[better], best[:, better] = error[better], weights[:, better]
    say("of their variance is left " + ", ".join(f"{v:.2f}" for v in (least / other_y.var(0)).tolist()))
    best = best / deviation[:, None]
    inputs = net.direct.in_features
    net.direct.weight[HIDDEN] = best[:inputs].T
    rows = torch.arange(len(OUTPUTS))[HIDDEN]
    net.last.weight[rows], net.last.bias[rows] = best[inputs:].T, level - middle @ best
    net.last.weight[rows + len(OUTPUTS)], net.last.bias[rows + len(OUTPUTS)] = 0, least.log()
    return net


def _rows(net: FaceNet, faces: Faces, draw: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (R, F + WIDTH), and what is hidden (R, 3) in units of its spread."""
    batches, parts = Batches(faces, int(draw.integers(1 << 30))), []
    for _ in range(ROUNDS):
        for frames, truth, kind, clip, found in batches.epoch():
            view = net.view(frames.crops)
            seen, last = net.features(frames, view, *rests(net, frames, view, kind, clip, found, draw))
            parts.append((torch.cat([seen, last], 1)[found], truth[found][:, HIDDEN] / SPREAD))
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))
