"""Training on pictures, from their labels and from what other networks say of the very view."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.emotion import FACE_LABELS
from ...nets.face_emotion import SEEN, VIEWS, answers, views
from .pictures import Pictures

FALL = 0.7
"""Over this share of the epochs, the last, the rate falls, like a line."""
CHANCES = 16
"""Numbers by which a view of a picture is drawn."""


@dataclass(frozen=True)
class Recipe:
    """epochs over all pictures in batches; rate of SGD, which rises for so many epochs; mixed: how many batches are cut
    and mixed, hidden: how many pictures lose a part, each until a share of the epochs; smoothing of labels; drop: of
    what the last layer sees; told: how much what teachers say counts, where the label counts the rest; average: of the
    weights, a step (Polyak)."""

    epochs: int = 77
    batch: int = 128
    rate: float = 0.06
    rise: float = 7.0
    decay: float = 5e-4
    mixed: float = 0.5
    mixed_until: float = 0.5
    hidden: float = 0.5
    hidden_until: float = 0.75
    smoothing: float = 0.1
    drop: float = 0.3
    told: float = 0.8
    average: float = 0.9985
    seed: int = 1


class Teacher(NamedTuple):
    """A network that is asked what it sees, as logits of FACE_LABELS, in views of `seen` pixels; weight (labels,): what
    it counted more when it learned, which is taken out again."""

    net: nn.Module
    seen: int
    weight: Tensor


class Look(NamedTuple):
    """How the pictures of a batch are shown, to one network finer than to another.

    chance (batch, CHANCES), 0..1; hidden: how many lose a part; other (batch,): the rows that they are mixed with, of
    which they keep `share`, but for a box, top, left and side as shares of the view, which is the other's
    """

    chance: Tensor
    hidden: float
    other: Tensor
    share: float = 1.0
    box: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def kept(self) -> float:
        return self.share - self.box[2] ** 2


def look(n: int, hidden: float, mix: bool, even: bool, generator: torch.Generator) -> Look:
    """Drawn. A half of those that mix does so by CutMix (Yun et al. 2019), else Mixup (Zhang et al. 2018); even: any
    share as often as any other, where else most of one picture is kept."""
    device = generator.device
    chance = torch.rand(n, CHANCES, device=device, generator=generator)
    other = torch.randperm(n, device=device, generator=generator)
    draw = np.random.default_rng(int(torch.randint(1 << 31, (1,), device=device, generator=generator)))
    share = draw.uniform() if even else draw.beta(0.5, 0.5)
    share, cut = max(share, 1 - share), draw.random() < 0.5
    if not mix:
        return Look(chance, hidden, other)
    if not cut:
        return Look(chance, hidden, other, share)
    side = float((1 - share) ** 0.5)
    top, left = draw.random(2) * (1 - side)
    return Look(chance, hidden, other, 1.0, (top, left, side))


def shown(pictures: Tensor, look: Look, generator: torch.Generator, seen: int = SEEN, mirrored: bool = True) -> Tensor:
    """Views (batch, 1, seen, seen) of pictures (batch, 1, PORTRAIT, PORTRAIT) bytes, float: with other framing and
    light, a share of them with noise and a hidden part, a half in the mirror, and mixed as `look` says."""
    device = pictures.device

    def uniform(k: int, low: float, high: float) -> Tensor:
        return look.chance[:, k] * (high - low) + low

    mirror = torch.where(look.chance[:, 0] < 0.5 * mirrored, -1.0, 1.0)
    wide, tall = uniform(1, 37, 48), torch.exp(uniform(2, -0.08, 0.08))
    moved = uniform(3, -4, 4), uniform(4, -4, 4), uniform(5, -0.3, 0.3)
    x = views(pictures.float(), *moved, wide / tall, wide * tall, mirror, seen)
    gamma = torch.exp(uniform(6, -0.4, 0.4))[:, None, None, None]
    x = 255 * (x.clamp(0, 255) / 255) ** gamma
    # light from one side
    slope = torch.linspace(-1, 1, seen, device=device)
    x = x * (1 + uniform(7, -0.3, 0.3)[:, None, None, None] * slope)
    noisy = (look.chance[:, 8] < 0.6 * look.hidden).float() * uniform(9, 0, 10)
    x = x + noisy[:, None, None, None] * torch.randn(x.shape, device=device, generator=generator)
    # cutout (DeVries & Taylor 2017)
    size = uniform(10, 1 / 8, 2 / 5) * (look.chance[:, 11] < look.hidden)
    at = (torch.arange(seen, device=device) + 0.5) / seen
    inside = [(at - look.chance[:, k, None]).abs() < size[:, None] / 2 for k in (12, 13)]
    patch = uniform(14, 0, 255)[:, None, None, None]
    x = torch.where((inside[0][:, :, None] & inside[1][:, None, :])[:, None], patch, x)
    top, left, side = look.box
    rows, columns = (at >= top) & (at < top + side), (at >= left) & (at < left + side)
    others = x[look.other]
    return torch.where(rows[:, None] & columns, others, look.share * x + (1 - look.share) * others)


def weights(label: np.ndarray) -> np.ndarray:
    """float32 (labels,): what a picture of each counts; of rare emotions a little more."""
    count = np.bincount(label, minlength=len(FACE_LABELS))
    return np.sqrt(count.mean() / np.maximum(count, 1)).astype(np.float32)


def optimizer_of(net: nn.Module, decay: float) -> torch.optim.Optimizer:
    decayed = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, 0.01, momentum=0.9, nesterov=True)


class Run:
    """A training that can be broken off and gone on with: state in the file `path`; see `train`."""

    def __init__(
        self, net: nn.Module, seen: int, recipe: Recipe, pictures: Pictures, path: Path, teachers: Sequence[Teacher],
        device: str,
    ):  # fmt: skip
        torch.manual_seed(recipe.seed)
        self.recipe, self.path, self.seen, self.teachers, self.device = recipe, path, seen, teachers, device
        self.generator = torch.Generator(device).manual_seed(recipe.seed)
        self.grey = torch.from_numpy(pictures.grey)[:, None].to(device)
        self.truth = F.one_hot(torch.from_numpy(pictures.label), len(FACE_LABELS)).float().to(device)
        counts = np.ones(len(FACE_LABELS), np.float32) if teachers else weights(pictures.label)
        self.weight = torch.from_numpy(counts).to(device)
        self.net = net.to(device, memory_format=torch.channels_last)
        self.net.drop.p = recipe.drop
        self.slow = copy.deepcopy(self.net).eval()
        self.optimizer = optimizer_of(self.net, recipe.decay)
        self.steps = len(self.truth) // recipe.batch
        self.epoch = 0
        if path.is_file():
            self._go_on(torch.load(path, map_location=device))

    def _go_on(self, state: dict) -> None:
        self.net.load_state_dict(state["net"])
        self.slow.load_state_dict(state["slow"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
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
        return min(1.0, (epoch + 0.01) / self.recipe.rise, (self.recipe.epochs - epoch) / (FALL * self.recipe.epochs))

    def once(self) -> float:
        """An epoch; the mean loss."""
        total = torch.zeros((), device=self.device)
        order = torch.randperm(len(self.truth), device=self.device, generator=self.generator)
        for step in range(self.steps):
            share = self.share(self.epoch + step / self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate * share
            total += self._step(order[step * self.recipe.batch : (step + 1) * self.recipe.batch], step)
        self.epoch += 1
        return float(total) / self.steps

    def _step(self, rows: Tensor, step: int) -> Tensor:
        recipe, done = self.recipe, self.epoch / self.recipe.epochs
        draw = torch.rand(1, device=self.device, generator=self.generator)
        mix = bool(draw < recipe.mixed * (done < recipe.mixed_until))
        hidden = recipe.hidden * (done < recipe.hidden_until)
        seen_so = look(len(rows), hidden, mix, bool(self.teachers), self.generator)
        label = self.truth[rows]
        label = seen_so.kept * label + (1 - seen_so.kept) * label[seen_so.other]
        weight = label @ self.weight
        label = (1 - recipe.smoothing) * label + recipe.smoothing / len(FACE_LABELS)
        pictures, seen = self.grey[rows], {}

        def view(size: int) -> Tensor:
            if size not in seen:
                picture = shown(pictures, seen_so, self.generator, size)
                seen[size] = picture.to(memory_format=torch.channels_last)
            return seen[size]

        # half as wide numbers, a third of the time
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            if self.teachers:
                with torch.no_grad():
                    told = [(t.net(view(t.seen)).float() - t.weight.log()).softmax(1) for t in self.teachers]
                label = label.lerp(torch.stack(told).mean(0), recipe.told)
            logits = self.net.train()(view(self.seen))
        loss = (-(label * logits.float().log_softmax(1)).sum(1) * weight).sum() / weight.sum()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self._follow(self.epoch * self.steps + step)
        return loss.detach()

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """The average of the weights; of the first steps, that are far off, it forgets more."""
        forget = 1 - min(self.recipe.average, (1 + step) / (10 + step))
        for a, b in zip(self.slow.state_dict().values(), self.net.state_dict().values(), strict=True):
            if a.dtype.is_floating_point:
                a.lerp_(b, forget)
            else:
                a.copy_(b)


def logits_of(net: nn.Module, pictures: Pictures, shown: tuple = VIEWS, seen: int = SEEN) -> np.ndarray:
    """Mean log-probabilities (N, labels), as the predictor has them before the temperature."""
    device = next(net.parameters()).device
    with torch.inference_mode():
        parts = torch.from_numpy(pictures.grey)[:, None].split(100)
        said = [answers(net.eval(), part.to(device).float(), shown, seen).cpu().numpy() for part in parts]
    return np.concatenate(said)


def train(
    net: nn.Module, seen: int, recipe: Recipe, pictures: Pictures, held: Pictures, work: Path, name: str = "shipped",
    teachers: Sequence[Teacher] = (), device: str = "cpu",
) -> nn.Module:  # fmt: skip
    """The network whose weights are the average on the way; writes work/NAME.pt.

    net       what is trained, shown views of `seen` pixels; it has a layer `drop` before the last
    teachers  asked of every view, also of mixed ones, where what they say is no echo of the labels that they learned
              (Beyer et al. 2022)
    """
    run = Run(net, seen, recipe, pictures, work / f"{name}.state.pt", teachers, device)
    began, cpu = time.monotonic(), time.process_time()
    while run.epoch < recipe.epochs:
        loss = run.once()
        right = (logits_of(run.slow, held, VIEWS[:1], seen).argmax(1) == held.label).mean()
        run.save()
        spent = f"{time.monotonic() - began:.0f} s, {time.process_time() - cpu:.0f} s of the processor"
        print(f"{name} {run.epoch} loss {loss:.3f}; held {right:.4f}; {spent}", flush=True)
    torch.save(run.slow.state_dict(), work / f"{name}.pt")
    return run.slow.eval()
