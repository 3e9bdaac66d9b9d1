"""The speech-emotion network: what log-mel, pitch and energy say of a voice's emotion, 25 times a second."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..core.emotion import LABELS

BANDS = 64
EXTRAS = 4
"""Beside the bands: see features.speech_emotion."""
STRIDE = 4
"""Frames of 10 ms a step."""
WIDTH = 160
DILATIONS = (1, 2, 3, 4)
HALF = 37
"""Steps to either side that a running answer looks at, 1.5 s: the length of the cuts that training shows."""
TRACTS = (1.0, 0.94, 1.06)
"""Vocal tracts, longer and shorter than the speaker's, as which a voice is heard: the answers' mean is given."""
DIMENSIONS = 3
"""Intensity, arousal, valence."""
CORPORA = 3


class EmotionNet(nn.Module):
    """(batch, n, BANDS + EXTRAS), n a multiple of STRIDE, to what Head says of the steps.

    front: another than the dilated convolutions (see train.speech_emotion.designs).
    """

    def __init__(self, front: nn.Module | None = None):
        super().__init__()
        self.front = front or Dilated()
        self.norm = nn.BatchNorm1d(BANDS + EXTRAS)
        self.head = Head(self.front.width + BANDS + EXTRAS)

    def steps(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, n / STRIDE, width): what the layers find, and what they were given, for the statistics of both."""
        given = self.norm(F.avg_pool1d(x.transpose(1, 2), STRIDE)).transpose(1, 2)
        return torch.cat((self.front(x), given), 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.head(self.steps(x))


class Dilated(nn.Module):
    """Dilated convolutions over time, their channels weighted by the means around (squeeze and excitation)."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv1d(BANDS + EXTRAS, width, 5, 2, 2, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 3, 2, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
        )  # fmt: skip
        self.blocks = nn.Sequential(*(_Block(width, d) for d in DILATIONS))
        self.width = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.first(x.transpose(1, 2))).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.a = nn.Sequential(
            nn.Conv1d(width, width, 3, 1, dilation, dilation, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Dropout(0.2), nn.Conv1d(width, width, 1, bias=False), nn.BatchNorm1d(width),
        )  # fmt: skip
        self.s = nn.Sequential(nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, width), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x)
        # training shows cuts that are no longer than what the means of a long recording are taken over
        mean = y.mean(2, keepdim=True) if self.training else _around(y)
        return F.relu(x + y * self.s(mean.transpose(1, 2)).transpose(1, 2))


def _around(y: torch.Tensor) -> torch.Tensor:
    """Means (batch, width, n) of the HALF steps to either side."""
    n = y.shape[2]
    sums = F.pad(y.double().cumsum(2), (1, 0))
    at = torch.arange(n, device=y.device)
    high, low = (at + HALF + 1).clamp(max=n), (at - HALF).clamp(min=0)
    return ((sums[..., high] - sums[..., low]) / (high - low)).to(y.dtype)


class Head(nn.Module):
    """Attentive statistics (Okabe et al. 2018) of steps to logits of LABELS and the DIMENSIONS; each step to speech."""

    def __init__(self, width: int):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, 48), nn.Tanh(), nn.Linear(48, 1))
        self.drop = nn.Dropout(0.4)
        self.norm = nn.BatchNorm1d(2 * width)
        self.emotion = nn.Linear(2 * width, len(LABELS))
        self.dimensions = nn.Linear(2 * width, DIMENSIONS)
        self.corpus = nn.Parameter(torch.zeros(CORPORA, len(LABELS)))
        """How a corpus' labels differ from those of the others, which is no business of the voice."""
        self.speech = nn.Linear(width, 1)

    def forward(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of whole recordings (batch, n, width)."""
        speech = self.speech(h)
        # who does not speak feels nothing that could be heard
        weight = (self.score(h) + F.logsigmoid(speech).detach()).softmax(1)
        mean = (weight * h).sum(1)
        spread = ((weight * h * h).sum(1) - mean**2).clamp(min=1e-5).sqrt()
        x = self.drop(self.norm(torch.cat((mean, spread), 1)))
        return self.emotion(x), self.dimensions(x), speech[..., 0]

    def running(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the time around each step of one recording (n, width)."""
        speech = self.speech(h)
        score = self.score(h) + F.logsigmoid(speech)
        weight = (score - score.max()).clamp(min=-20).exp()
        window = torch.hann_window(2 * HALF + 3, periodic=False)[1:-1].to(h)
        sums = F.conv1d(torch.cat((weight, weight * h, weight * h * h), 1).T[:, None], window[None, None], padding=HALF)
        total, first, second = sums[:, 0].T.split((1, h.shape[1], h.shape[1]), 1)
        mean = first / total
        spread = (second / total - mean**2).clamp(min=1e-5).sqrt()
        x = self.norm(torch.cat((mean, spread), 1))
        return self.emotion(x), self.dimensions(x), speech[:, 0]


def predictor(arrays: Mapping[str, np.ndarray], device: str = "cpu"):
    """A Predictor (features.speech_emotion) of a file's arrays, float16 or float32, by their names in EmotionNet.

    temperature (1,): 1 leaves the chances as they are, more makes them less sure. Raises KeyError or RuntimeError
    where they are not this network's.
    """
    net = EmotionNet()
    state = {name: torch.from_numpy(np.array(a, np.float32)) for name, a in arrays.items()}
    temperature = float(state.pop("temperature", torch.ones(1)))
    lacking = set(net.state_dict()) - set(state)
    if any(not name.endswith("num_batches_tracked") for name in lacking):
        raise KeyError(f"the weights lack {sorted(lacking)[0]}")
    net.load_state_dict(state, strict=False)
    net.eval().to(device)

    def predict(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, -len(x) % STRIDE), (0, 0)), mode="edge")
        with torch.inference_mode():
            heard = torch.from_numpy(padded).to(device)
            steps = net.steps(torch.stack([_as_if(heard, tract) for tract in TRACTS]))
            said = torch.stack([answer(h) for h in steps]).mean(0)
            chances = said[:, : len(LABELS)].clamp(min=1e-7) ** (1 / temperature)
            said[:, : len(LABELS)] = chances / chances.sum(1, keepdim=True)
            return said.float().cpu().numpy()

    def answer(h: torch.Tensor) -> torch.Tensor:
        emotion, dimensions, speech = net.head.running(h)
        affect = torch.tanh(dimensions[:, 1:])
        parts = (
            emotion.softmax(1), torch.sigmoid(dimensions[:, :1]), 0.5 + 0.5 * affect[:, :1],
            affect[:, 1:], torch.sigmoid(speech)[:, None],
        )  # fmt: skip
        return torch.cat(parts, 1)

    return predict


def _as_if(x: torch.Tensor, tract: float) -> torch.Tensor:
    """(n, BANDS + EXTRAS) with the bands stretched or squeezed, least at both ends."""
    at = torch.linspace(0, 1, BANDS, device=x.device)
    position = (at * tract + at**4 * (1 - tract)).clamp(0, 1) * (BANDS - 1)
    low = position.long().clamp(max=BANDS - 2)
    bands = torch.lerp(x[:, low], x[:, low + 1], position - low)
    return torch.cat((bands, x[:, BANDS:]), 1)


def arrays(net: EmotionNet) -> dict[str, np.ndarray]:
    """What `predictor` takes, float16."""
    return {
        name: value.detach().cpu().numpy().astype(np.float16)
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
