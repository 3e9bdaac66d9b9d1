"""Training on pictures."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.emotion import FACE_LABELS
from ...nets.face_emotion import SEEN, VIEWS, FaceEmotionNet, answers, views
from .pictures import Pictures

RISE, FALL = 3.0, 0.7
"""The rate rises for so many epochs, and falls over this share of all, like a line."""
TOLD = 0.6
"""How much what other networks say of a picture counts, where its label counts the rest."""


@dataclass(frozen=True)
class Recipe:
    """epochs over all pictures in batches; rate of SGD, see RISE; mixed: how many batches are cut and mixed, hidden:
    how many pictures lose a part, each until a share of the epochs; smoothing of labels; average: of the weights, a
    step (Polyak)."""

    epochs: int = 28
    batch: int = 128
    rate: float = 0.06
    decay: float = 5e-4
    mixed: float = 0.5
    mixed_until: float = 0.3
    hidden: float = 0.5
    hidden_until: float = 0.6
    smoothing: float = 0.1
    average: float = 0.998
    seed: int = 1


def varied(pictures: Tensor, generator: torch.Generator, hidden: float, mirrored: bool = True) -> Tensor:
    """(batch, 1, PORTRAIT, PORTRAIT) bytes as views with other framing and light, float; a share of them with noise and
    `hidden` parts, and a half in the mirror."""
    n = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    mirror = torch.where(torch.rand(n, generator=generator) < 0.5 * mirrored, -1.0, 1.0)
    x = views(pictures.float(), uniform(-4, 4), uniform(-4, 4), uniform(-0.22, 0.22), uniform(0.92, 1.2), mirror)
    gamma = torch.exp(uniform(-0.4, 0.4))[:, None, None, None]
    x = 255 * (x.clamp(0, 255) / 255) ** gamma
    # light from one side
    slope = torch.linspace(-1, 1, SEEN)
    x = x * (1 + uniform(-0.3, 0.3)[:, None, None, None] * slope)
    noisy = (torch.rand(n, generator=generator) < 0.6 * hidden).float() * uniform(0, 10)
    x = x + noisy[:, None, None, None] * torch.randn(x.shape, generator=generator)
    # cutout (DeVries & Taylor 2017)
    size = uniform(5, 16) * (torch.rand(n, generator=generator) < hidden)
    at, pixel = torch.rand(n, 2, generator=generator) * SEEN, torch.arange(SEEN)
    inside = [(pixel - at[:, k, None]).abs() < size[:, None] / 2 for k in range(2)]
    hidden = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
    return torch.where(hidden, uniform(0, 255)[:, None, None, None], x)


def mixed(x: Tensor, label: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A half of the time CutMix (Yun et al. 2019), else Mixup (Zhang et al. 2018), with another of the batch."""
    other = torch.randperm(len(x), generator=generator)
    share = float(np.random.default_rng(int(torch.randint(1 << 31, (1,), generator=generator))).beta(0.5, 0.5))
    share = max(share, 1 - share)
    if torch.rand(1, generator=generator) < 0.5:
        x = share * x + (1 - share) * x[other]
    else:
        side = int(SEEN * (1 - share) ** 0.5)
        top, left = (int(torch.randint(SEEN - side + 1, (1,), generator=generator)) for _ in range(2))
        x = x.clone()
        x[:, :, top : top + side, left : left + side] = x[other, :, top : top + side, left : left + side]
        share = 1 - side * side / SEEN**2
    return x, share * label + (1 - share) * label[other]


def weights(label: np.ndarray) -> np.ndarray:
    """float32 (labels,): what a picture of each counts; of rare emotions a little more."""
    count = np.bincount(label, minlength=len(FACE_LABELS))
    return np.sqrt(count.mean() / np.maximum(count, 1)).astype(np.float32)


def optimizer_of(net: torch.nn.Module, decay: float) -> torch.optim.Optimizer:
    decayed = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, 0.01, momentum=0.9, nesterov=True)


class Run:
    """A training that can be broken off and gone on with: state in the file `path`; see `train`."""

    def __init__(
        self, recipe: Recipe, pictures: Pictures, path: Path, start: dict[str, Tensor] | None, told: np.ndarray | None
    ):
        torch.manual_seed(recipe.seed)
        self.recipe, self.path = recipe, path
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.grey = torch.from_numpy(pictures.grey)[:, None]
        self.truth = F.one_hot(torch.from_numpy(pictures.label), len(FACE_LABELS)).float()
        if told is not None:
            self.truth = self.truth.lerp(torch.from_numpy(told), TOLD)
        self.weight = torch.from_numpy(weights(pictures.label))
        self.net = FaceEmotionNet().to(memory_format=torch.channels_last)
        if start is not None:
            self.net.load_state_dict(start, strict=False)
        self.slow = copy.deepcopy(self.net)
        self.optimizer = optimizer_of(self.net, recipe.decay)
        self.steps = len(self.truth) // recipe.batch
        self.epoch = 0
        if path.is_file():
            self._go_on(torch.load(path))

    def _go_on(self, state: dict) -> None:
        self.net.load_state_dict(state["net"])
        self.slow.load_state_dict(state["slow"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.epoch = state["epoch"]

    def save(self) -> None:
        state = {"net": self.net.state_dict(), "slow": self.slow.state_dict(), "epoch": self.epoch,
                 "optimizer": self.optimizer.state_dict(), "generator": self.generator.get_state(),
                 "recipe": asdict(self.recipe)}  # fmt: skip
        temporary = self.path.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self.path)

    def share(self, epoch: float) -> float:
        """Of the rate, at so many epochs."""
        return min(1.0, (epoch + 0.01) / RISE, (self.recipe.epochs - epoch) / (FALL * self.recipe.epochs))

    def once(self) -> float:
        """An epoch; the mean loss."""
        total = 0.0
        order = torch.randperm(len(self.truth), generator=self.generator)
        for step in range(self.steps):
            share = self.share(self.epoch + step / self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate * share
            rows = order[step * self.recipe.batch : (step + 1) * self.recipe.batch]
            total += self._step(rows)
        self.epoch += 1
        return total / self.steps

    def _step(self, rows: Tensor) -> float:
        recipe, done = self.recipe, self.epoch / self.recipe.epochs
        x = varied(self.grey[rows], self.generator, recipe.hidden * (done < recipe.hidden_until))
        label = self.truth[rows]
        if torch.rand(1, generator=self.generator) < recipe.mixed * (done < recipe.mixed_until):
            x, label = mixed(x, label, self.generator)
        weight = label @ self.weight
        label = (1 - recipe.smoothing) * label + recipe.smoothing / len(FACE_LABELS)
        # half as wide numbers, a third of the time
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.net.train()(x.to(memory_format=torch.channels_last))
        loss = (-(label * logits.float().log_softmax(1)).sum(1) * weight).sum() / weight.sum()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        with torch.no_grad():
            for a, b in zip(self.slow.state_dict().values(), self.net.state_dict().values(), strict=True):
                if a.dtype.is_floating_point:
                    a.lerp_(b, 1 - recipe.average)
                else:
                    a.copy_(b)
        return float(loss.detach())


def logits_of(net: FaceEmotionNet, pictures: Pictures, shown: tuple = VIEWS) -> np.ndarray:
    """Mean log-probabilities (N, labels), as the predictor has them before the temperature."""
    with torch.inference_mode():
        parts = torch.from_numpy(pictures.grey)[:, None].split(100)
        return np.concatenate([answers(net.eval(), part.float(), shown).numpy() for part in parts])


def train(
    recipe: Recipe, pictures: Pictures, held: Pictures, work: Path, name: str = "shipped",
    start: dict[str, Tensor] | None = None, told: np.ndarray | None = None,
) -> FaceEmotionNet:  # fmt: skip
    """The network whose weights are the average on the way; writes work/NAME.pt.

    start  what the network knows already, all or some of its state
    told   float32 (N, labels): chances of each picture, by other networks, that count beside its label
    """
    run = Run(recipe, pictures, work / f"{name}.state.pt", start, told)
    began, cpu = time.monotonic(), time.process_time()
    while run.epoch < recipe.epochs:
        loss = run.once()
        right = (logits_of(run.slow, held, VIEWS[:1]).argmax(1) == held.label).mean()
        run.save()
        spent = f"{time.monotonic() - began:.0f} s, {time.process_time() - cpu:.0f} s of the processor"
        print(f"{name} {run.epoch} loss {loss:.3f}; held {right:.4f}; {spent}", flush=True)
    torch.save(run.slow.state_dict(), work / f"{name}.pt")
    return run.slow.eval()
