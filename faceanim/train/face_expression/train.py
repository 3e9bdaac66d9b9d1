"""Teaches nets.face_expression from the shards of `make`."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import torch

from ...nets.face_expression import FaceNet
from ...solve.learned import HIDDEN, LOOK, OUTPUTS
from .batches import CLIPS, Batch, Batches
from .shards import Faces

HELD = 50
"""One clip of so many is not learned from."""
JUDGED = 400
"""Clips that were not learned from and tell how it goes."""
DECAY = 0.02
MOST_GAIN = 1.5
LAST = 800.0
PAIRED = 0.3
"""How much two answers for one expression may not differ counts."""
BETA = 0.5
"""Of the heteroscedastic loss (Seitzer et al. 2022): 0 lets what is hard be given up, 1 weighs all alike."""
EVERY_S = 30.0
"""The averaged network is judged and kept so often, and new faces are looked for."""


def rests(
    net: FaceNet, batch: Batch, view: torch.Tensor, learning: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(rest_points, rest_view, known) for every picture, from its clip's pictures at rest: some of them, or none."""
    frames, clip, count, device = batch.frames, batch.clip, batch.clips, view.device

    def total(values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(count, *values.shape[1:], device=device).index_add(0, clip, values)

    resting = ((batch.kind == 0) & batch.found).float()
    if learning:
        kept = resting * (torch.rand(len(resting), device=device) < 0.6)
        resting = torch.where(total(kept)[clip] > 0, kept, resting)
    share = resting / total(resting).clamp(min=1)[clip]
    points, seen = total(frames.points * share[:, None, None]), total(view * share[:, None])
    known = (total(resting) > 0).float()
    if learning:
        known = known * (torch.rand(count, device=device) < 0.5)
    return points[clip], seen[clip], known[clip][:, None]


def loss_of(value: torch.Tensor, log_variance: torch.Tensor, batch: Batch, spread: torch.Tensor) -> torch.Tensor:
    truth, found = batch.truth / spread, batch.found.float()[:, None]
    error = (value - truth) ** 2
    variance = log_variance.exp()
    nll = 0.5 * (error / variance + log_variance) * variance.detach() ** BETA
    out = ((nll + 0.3 * error) * found).sum() / (found.sum().clamp(min=1) * value.shape[1])
    one, other = value[:-1, : LOOK.stop], value[1:, : LOOK.stop]
    return out + PAIRED * unlike(one, other, pairs(batch).float()[:, None])


def pairs(batch: Batch) -> torch.Tensor:
    """bool (N - 1,): where a picture and the next show one expression under two poses, and nothing hides it."""
    kind, clip = batch.kind, batch.clip
    clear = batch.found & (batch.truth[:, HIDDEN].sum(1) == 0)
    return (kind[:-1] > 0) & (kind[:-1] == kind[1:]) & clear[:-1] & clear[1:] & (clip[:-1] == clip[1:])


def unlike(one: torch.Tensor, other: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """How much of what two answers (N, C) to one expression vary by is not the expression's: 0 where they agree, 1
    where they have nothing in common. Answering all less does not help: it is one less the intraclass correlation.

    counts  (N, 1): 1 for a pair, 0 for what is none
    """
    middle = ((one + other) * counts).sum(0) / (2 * counts.sum().clamp(min=1))
    apart = ((one - other) ** 2 * counts).sum(0)
    whole = (((one - middle) ** 2 + (other - middle) ** 2) * counts).sum(0)
    return (apart / (whole + 0.02 * counts.sum().clamp(min=1))).mean()


def train(
    faces: Faces,
    seconds: float,
    say: Callable[[str], None],
    seed: int = 1,
    rate: float = 2e-3,
    keep: Callable[[FaceNet], None] | None = None,
    start: dict[str, torch.Tensor] | None = None,
    worker: int = 0,
    workers: int = 1,
    device: str = "cpu",
    size: int = CLIPS,
    more: Callable[[], Faces | None] | None = None,
) -> FaceNet:
    """Learns for about `seconds`; `keep` is called now and then, and at the end, with the averaged network.

    rate    of learning, at first; start: the state to go on from
    worker  which of `workers` processes this is: each has its share of the clips and of every batch, and the first
            one tells and keeps. torch.distributed must know them.
    size    clips of a batch; more: gives faces that were made since it was asked before
    """
    torch.manual_seed(seed)
    batches = Batches(faces, seed + worker, max(size // workers, 1), device)
    known = np.isfinite(faces.points[:, :, 0, 0])
    net = FaceNet(len(OUTPUTS), torch.from_numpy(faces.points[known].mean(0, dtype=np.float32).ravel()))
    spread = np.concatenate([faces.truth[:, :-3].std(0), faces.turn[known].std(0)])
    net.spread[:] = torch.from_numpy(np.maximum(spread, 0.02).astype(np.float32))
    if start is not None:
        net.load_state_dict(start, strict=False)
    net.spread[HIDDEN] = 0.25
    net.to(device, memory_format=torch.channels_last)
    torch.manual_seed(seed + worker)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=DECAY)
    average = copy.deepcopy(net)
    began = time.monotonic()
    steps, share, kept = 0, 0.0, began
    total = torch.zeros((), device=device)
    while share < 1:
        learn = np.flatnonzero(np.arange(batches.clips) % HELD)
        for batch in batches.epoch(learn[: len(learn) // workers * workers][worker::workers]):
            net.train()
            for group in optimiser.param_groups:
                warm = min(1, (steps + 1) / 100)
                group["lr"] = rate * max(warm * 0.5 * (1 + np.cos(np.pi * min(share, 1))), 0.005)
            with torch.autocast(torch.device(device).type, torch.bfloat16):
                view = net.view(batch.frames.crops).float()
            value, log_variance = net(batch.frames, view, *rests(net, batch, view, True))
            loss = loss_of(value, log_variance, batch, net.spread)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            share = (time.monotonic() - began) / seconds
            if workers > 1:
                share = _together(net, share)
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            steps += 1
            _follow(average, net, 1 / min(steps / 4 + 2, LAST))
            total += loss.detach()
            if share >= 1 or time.monotonic() - kept > EVERY_S and workers == 1:
                break
        if worker == 0 and (share >= 1 or time.monotonic() - kept > EVERY_S):
            held = batches.of(torch.arange(0, batches.clips, HELD)[-JUDGED:], 0)
            gains(average, held)
            if keep is not None:
                keep(average)
            told = ", ".join(f"{name} {value:.3f}" for name, value in check(average, batches).items())
            say(f"{time.monotonic() - began:.0f} s, {steps} steps of {batches.clips} clips: "
                f"loss {float(total) / steps:.4f}; {told}")  # fmt: skip
            kept = time.monotonic()
            if more is not None and share < 1 and (new := more()) is not None:
                batches.add(new)
    return average


def _together(net: FaceNet, share: float) -> float:
    """Every worker goes on with the mean of all their gradients, and of their clocks."""
    gradients = [parameter.grad for parameter in net.parameters()]
    flat = torch.cat([*(g.flatten() for g in gradients), torch.tensor([share])])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for gradient, mean in zip(gradients, flat[:-1].split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
    return float(flat[-1])


@torch.no_grad()
def _follow(average: FaceNet, net: FaceNet, share: float) -> None:
    """The average over the last LAST steps or so."""
    into, current = average.state_dict(), net.state_dict()
    names = [name for name, value in into.items() if value.is_floating_point()]
    torch._foreach_lerp_([into[name] for name in names], [current[name] for name in names], share)


@torch.inference_mode()
def gains(net: FaceNet, batch: Batch) -> None:
    """Sets the coefficients' gains, by clips that were not learned from."""
    value, true = answers(net, batch, True)
    for c in range(LOOK.start):
        r = np.corrcoef(value[:, c], true[:, c])[0, 1] if np.ptp(true[:, c]) > 0 else 1.0
        net.gain[c] = 1 / max(r, 1 / MOST_GAIN)


@torch.inference_mode()
def check(net: FaceNet, batches: Batches) -> dict[str, float]:
    """Mean correlation over the coefficients and gaze, of clips that were not learned from: bundled without and with
    the face's rest, task with it; and the head's error in degrees."""
    out = {}
    held = torch.arange(0, batches.clips, HELD)[-JUDGED:]
    for name, which, rested in (("bundled", 0, False), ("rested", 0, True), ("task", 1, True)):
        value, true = answers(net, batches.of(held, which), rested)
        each = [np.corrcoef(value[:, c], true[:, c])[0, 1] for c in range(LOOK.stop) if np.ptp(true[:, c]) > 0]
        out[name] = float(np.mean(each[:-4]))
        out[f"gaze_{name}"] = float(np.mean(each[-4:]))
        out[f"head_{name}"] = float(np.degrees(np.linalg.norm(value[:, -3:] - true[:, -3:], axis=1).mean()))
    return out


@torch.inference_mode()
def answers(net: FaceNet, batch: Batch, rested: bool) -> tuple[np.ndarray, np.ndarray]:
    """What it answers, and the truth, where a face was found. rested: whether it is given the face's rest."""
    net.eval()
    view = torch.cat([net.view(part) for part in batch.frames.crops.split(1024)])
    points, seen, known = rests(net, batch, view, False)
    value, _ = net(batch.frames, view, points, seen, known * rested)
    return (value * net.spread)[batch.found].cpu().numpy(), batch.truth[batch.found].cpu().numpy()
