"""The phone network: log-mel frames to the sounds' posteriors, by dilated convolutions at half the frame rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

BANDS = 64
WIDTH = 160
DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)
MEAN, SCALE = -9.0, 4.0
"""Of log-mel, roughly: what the network sees has mean 0 and deviation 1."""
CONTEXT = 2 * (sum(DILATIONS) + 4)
"""Frames to either side beyond which nothing changes a posterior."""

Predictor = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""log-mel float32 (n, BANDS) to (log posteriors float32 (n, sounds), chance of voice float32 (n,))."""


class PhoneNet(nn.Module):
    """(batch, n, BANDS) log-mel, n even, to (batch, n, sounds + 1) logits, the last of them voice.

    Two frames are one step inside. Beyond its ends the input counts as average: training meets frames whose future is
    cut, so that a piece of a stream may end anywhere.
    """

    def __init__(self, sounds: int, width: int = WIDTH):
        super().__init__()
        self.sounds = sounds
        self.first = nn.Conv1d(BANDS, width, 6, stride=2, padding=2)
        self.blocks = nn.ModuleList(_Block(width, d) for d in DILATIONS)
        self.last = nn.Sequential(nn.BatchNorm1d(width), nn.Conv1d(width, 2 * (sounds + 1), 1))

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = self.last(self.layers(mel)[-1]).transpose(1, 2)
        return x.reshape(len(x), -1, self.sounds + 1)

    def layers(self, mel: torch.Tensor) -> list[torch.Tensor]:
        """What each block makes of the same: (batch, width, n / 2)."""
        found = [self.first(((mel - MEAN) / SCALE).transpose(1, 2))]
        for block in self.blocks:
            found.append(block(found[-1]))
        return found[1:]


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.wide = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.drop(self.mix(F.gelu(self.wide(F.gelu(self.norm(x))))))


SHARES = (0.75, 0.25)
"""Of two networks: the first heard many voices and is right about sentences that none heard; the second knows fewer,
and the telephone better."""


def predictor(arrays: Mapping[str, np.ndarray], device: str = "cpu") -> Predictor:
    """A Predictor of a file's arrays (float16 or float32), by their names in PhoneNet; `0.NAME`, `1.NAME` are two.

    Of two networks a mean of their log posteriors counts. Raises KeyError or RuntimeError where they are not these.
    """
    if any(name.startswith("0.") for name in arrays):
        each = [{n[2:]: a for n, a in arrays.items() if n.startswith(f"{k}.")} for k in range(2)]
        return _together([_alone(part, device) for part in each])
    return _alone(arrays, device)


def _together(predictors: list[Predictor]) -> Predictor:
    def predict(mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logs, voices = zip(*(one(mel) for one in predictors), strict=True)
        log = np.average(logs, 0, SHARES)
        return log - np.log(np.exp(log).sum(1, keepdims=True)), np.average(voices, 0, SHARES)

    return predict


def _alone(arrays: Mapping[str, np.ndarray], device: str) -> Predictor:
    sounds = len(arrays["last.1.bias"]) // 2 - 1
    net = PhoneNet(sounds, len(arrays["first.bias"]))
    state = {name: torch.from_numpy(np.array(a, np.float32)) for name, a in arrays.items()}
    net.load_state_dict(state, strict=False)
    lacking = set(net.state_dict()) - set(state)
    if any(not name.endswith("num_batches_tracked") for name in lacking):
        raise KeyError(f"the weights lack {sorted(lacking)[0]}")
    net.eval().to(device)

    def predict(mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            even = torch.from_numpy(np.pad(mel, ((0, len(mel) % 2), (0, 0)), mode="edge"))[None].to(device)
            out = net(even)[0, : len(mel)]
            log = F.log_softmax(out[:, :sounds], 1)
            return log.cpu().numpy(), torch.sigmoid(out[:, sounds]).cpu().numpy()

    return predict


def arrays(net: PhoneNet) -> dict[str, np.ndarray]:
    """What `predictor` takes, float16."""
    return {
        name: value.detach().cpu().numpy().astype(np.float16)
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
