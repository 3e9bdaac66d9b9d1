"""The speech-emotion network: what log-mel, pitch and energy say of a voice's emotion, 25 times a second."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..core.emotion import LABELS
from .phones import DILATIONS as PHONE_DILATIONS
from .phones import PhoneNet

BANDS = 64
EXTRAS = 4
"""Beside the bands: see features.speech_emotion."""
STRIDE = 4
"""Frames of 10 ms a step."""
WIDTH = 160
DILATIONS = (1, 2, 3, 4)
HALF = 37
"""Steps to either side that a running answer looks at, 1.5 s: the length of the cuts that training shows."""
BLOCK = 64
"""Steps whose sums are found at a time."""
TRACTS = (1.0, 0.94, 1.06)
"""Vocal tracts, longer and shorter than the speaker's, as which a voice is heard: the answers' mean is given."""
LOUD, LOUD_SLOPE = -0.1, 5.0
"""The energy (as features.speech_emotion gives it) at which a step begins to be heard, and how steeply."""
DROPPED = 0.15
"""Share of a block's channels that training leaves out."""
PHONE_LEVEL = -3.0
"""Log-mel power that a phone network knows as a recording's level (features.phones.LEVEL)."""
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
        self.norm = nn.BatchNorm2d(BANDS + EXTRAS)
        self.head = Head(self.front.width + BANDS + EXTRAS)

    def steps(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, n / STRIDE, width): what the layers find, and what they were given, for the statistics of both."""
        given = x.unflatten(1, (-1, STRIDE)).mean(2)
        return torch.cat((self.front(x), _normed(self.norm, given)), 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.head(self.steps(x))


class Dilated(nn.Module):
    """Dilated convolutions over time, their channels weighted by the means around (squeeze and excitation).

    fine: two layers of 20 ms and 40 ms before them, and means over all that is near; else one layer, and means over
    what is loud.
    """

    def __init__(self, fine: bool = False, width: int = WIDTH):
        super().__init__()
        self.fine, self.width = fine, width
        if fine:
            self.first = nn.Sequential(_Convolution(BANDS + EXTRAS, width, 5, stride=2), nn.ReLU(),
                                       _Convolution(width, width, 3, stride=2), nn.ReLU())  # fmt: skip
        else:
            self.first = nn.Sequential(_Convolution((BANDS + EXTRAS) * STRIDE, width, 3), nn.ReLU())
        self.blocks = nn.Sequential(*(_Block(width, d) for d in DILATIONS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = x.unflatten(1, (-1, STRIDE))
        energy = steps[..., -1:].mean(2)
        if self.fine:
            return self.blocks((self.first(x), torch.ones_like(energy)))[0]
        # the silence around what is said shall not count among what the means are taken over
        loud = torch.sigmoid(LOUD_SLOPE * (energy - LOUD)) + 1e-3
        return self.blocks((self.first(steps.flatten(2)), loud))[0]


MEMBERS = {"fine": partial(Dilated, True), "coarse": partial(Dilated, False)}
"""The fronts of the networks whose answers' mean is given."""
SOUNDS, SHARE = "sounds", 0.5
"""The Discriminant's name among them, and how much of the chances are its."""


def _normed(norm: nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
    return norm(x.mT.unsqueeze(2)).squeeze(2).mT


class _Convolution(nn.Module):
    """Over time, of (batch, n, width), and norm: as pictures one high with channels last, in a third of the time."""

    def __init__(self, inputs: int, outputs: int, size: int, dilation: int = 1, stride: int = 1):
        super().__init__()
        around = (0, size // 2 * dilation)
        self.of = nn.Conv2d(inputs, outputs, (1, size), (1, stride), around, (1, dilation), bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.of(x.mT.unsqueeze(2))).squeeze(2).mT


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.a = _Convolution(width, width, 3, dilation)
        self.b = _Convolution(width, width, 1)
        self.s = nn.Sequential(nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, width), nn.Sigmoid())

    def forward(self, of: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """What the layers before found (batch, n, width), and how much of a step is heard (batch, n, 1)."""
        x, loud = of
        y = F.relu(self.a(x))
        if self.training:
            y = y * F.dropout(y.new_ones(len(y), 1, y.shape[2]), DROPPED)
        y = self.b(y)
        # training shows cuts that are no longer than what the means of a long recording are taken over
        mean = (loud / loud.sum(1, keepdim=True)).to(y.dtype).mT @ y if self.training else _around(y, loud)
        return F.relu(torch.addcmul(x, y, self.s(mean))), loud


def _around(y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Means (batch, n, width), weighted (batch, n, 1), of the HALF steps to either side."""
    sums = _sums(torch.cat((y * weight, weight), 2), y.new_ones(2 * HALF + 1))
    return sums[..., :-1] / sums[..., -1:]


def _sums(x: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    """Sums (batch, n, width) of x by a window of 2 HALF + 1 steps around each step, outside of x zeros.

    As products of matrices, a block of steps at a time: a third of the time of cumulative sums or convolutions.
    """
    n, span = x.shape[1], BLOCK + 2 * HALF
    parts = F.pad(x, (0, 0, HALF, HALF + -n % BLOCK)).unfold(1, span, BLOCK)
    # each row is the one before, a step later
    shifted = F.pad(window, (0, BLOCK)).repeat(BLOCK)[: BLOCK * span].view(BLOCK, span)
    return (shifted @ parts.mT).flatten(1, 2)[:, :n]


def _moments(weight: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    """Weighted means and deviations (batch, n, 2 width) of h (batch, n, width) in the time around each step."""
    window = torch.hann_window(2 * HALF + 3, periodic=False)[1:-1].to(h)
    sums = _sums(torch.cat((weight, weight * h, weight * h * h), 2), window)
    total, first, second = sums.split((1, h.shape[2], h.shape[2]), 2)
    mean = first / total
    return torch.cat((mean, (second / total - mean**2).clamp(min=1e-5).sqrt()), 2)


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
        mean, square = ((weight.mT @ of)[:, 0].float() for of in (h, h * h))
        spread = (square - mean**2).clamp(min=1e-5).sqrt()
        x = self.drop(self.norm(torch.cat((mean, spread), 1)))
        return self.emotion(x), self.dimensions(x), speech[..., 0]

    def running(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the time around each step of recordings (batch, n, width)."""
        speech = self.speech(h)
        score = self.score(h) + F.logsigmoid(speech)
        weight = (score - score.amax(1, keepdim=True)).clamp(min=-20).exp()
        x = self.norm(_moments(weight, h).flatten(0, 1)).unflatten(0, h.shape[:2])
        return self.emotion(x), self.dimensions(x), speech[..., 0]


class Discriminant(nn.Module):
    """Means and spreads, around each step, of what the layers of a phone network say, and a linear answer to them.

    The phone network heard many more voices than there are recorded emotions; it is not trained here.
    """

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.phones = PhoneNet(1, width)
        self.phones.last = nn.Identity()  # which sound it is does not matter
        self.answer = nn.Linear(2 * width * len(PHONE_DILATIONS), len(LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (batch, n / STRIDE, labels) of (batch, n, BANDS + EXTRAS)."""
        return self.answer(self.statistics(x))

    def statistics(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, n / STRIDE, 2 width layers): of the time around, as much as it is voice."""
        h = F.avg_pool1d(torch.cat(self.phones.layers(4 * (x[..., :BANDS] - 1.5) + PHONE_LEVEL), 1), 2).mT
        energy = x[..., -1:].unflatten(1, (-1, STRIDE)).mean(2)
        weight = torch.sigmoid(LOUD_SLOPE * (energy - LOUD)) + 1e-3
        return _moments(weight, h)


def predictor(arrays: Mapping[str, np.ndarray], device: str = "cpu"):
    """A Predictor (features.speech_emotion) of a file's arrays, float16 or float32: MEMBER.NAME, by their names in
    EmotionNet, of all MEMBERS, and in Discriminant, of SOUNDS.

    temperature (1,): 1 leaves the chances as they are, more makes them less sure. Raises KeyError or RuntimeError
    where they are not this network's.
    """
    state = {name: torch.from_numpy(np.array(a, np.float32)) for name, a in arrays.items()}
    temperature = float(state.pop("temperature", torch.ones(1)))
    nets = [_read(state, name).to(device, memory_format=torch.channels_last) for name in MEMBERS]
    sounds = _read(state, SOUNDS).to(device)

    def predict(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, -len(x) % STRIDE), (0, 0)), mode="edge")
        with torch.inference_mode():
            heard = torch.from_numpy(padded).to(device)
            voices = torch.stack([as_if(heard, tract) for tract in TRACTS])
            said = torch.cat([answer(net, voices) for net in nets]).mean(0)
            chances = torch.lerp(said[:, : len(LABELS)], sounds(heard[None])[0].softmax(1), SHARE)
            chances = chances.clamp(min=1e-7) ** (1 / temperature)
            said[:, : len(LABELS)] = chances / chances.sum(1, keepdim=True)
            return said.float().cpu().numpy()

    def answer(net: EmotionNet, voices: torch.Tensor) -> torch.Tensor:
        emotion, dimensions, speech = net.head.running(net.steps(voices))
        affect = torch.tanh(dimensions[..., 1:])
        parts = (
            emotion.softmax(2), torch.sigmoid(dimensions[..., :1]), 0.5 + 0.5 * affect[..., :1],
            affect[..., 1:], torch.sigmoid(speech)[..., None],
        )  # fmt: skip
        return torch.cat(parts, 2)

    return predict


def member(name: str) -> nn.Module:
    """A network of MEMBERS or SOUNDS, not trained yet."""
    return Discriminant() if name == SOUNDS else EmotionNet(MEMBERS[name]())


def _read(state: Mapping[str, torch.Tensor], name: str) -> nn.Module:
    net = member(name)
    mine = {key.removeprefix(f"{name}."): a for key, a in state.items() if key.startswith(f"{name}.")}
    lacking = [key for key in net.state_dict() if key not in mine and not key.endswith("num_batches_tracked")]
    if lacking:
        raise KeyError(f"the weights lack {name}.{lacking[0]}")
    net.load_state_dict(mine, strict=False)
    return net.eval()


def as_if(x: torch.Tensor, tract: float) -> torch.Tensor:
    """(n, BANDS + EXTRAS) with the bands stretched or squeezed, least at both ends."""
    at = torch.linspace(0, 1, BANDS, device=x.device)
    position = (at * tract + at**4 * (1 - tract)).clamp(0, 1) * (BANDS - 1)
    low = position.long().clamp(max=BANDS - 2)
    bands = torch.lerp(x[:, low], x[:, low + 1], position - low)
    return torch.cat((bands, x[:, BANDS:]), 1)


def arrays(nets: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
    """What `predictor` takes, float16, of the MEMBERS and SOUNDS."""
    return {
        f"{of}.{name}": value.detach().cpu().numpy().astype(np.float16)
        for of, net in nets.items()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
