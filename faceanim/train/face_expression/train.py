"""Teaches nets.face_expression from the shards of `make`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...core.channels import ARKIT, mirrored
from ...core.face import Seen
from ...errors import InputError
from ...nets.face_expression import LAYOUT, FaceNet
from ...solve import pose
from ...solve.face_model import face_model
from ...solve.learned import HIDDEN, LOOK, OUTPUTS
from ..face_measures.heads import rotation
from ..face_measures.plan import GAZES
from .make import PICTURES

CLIPS = 16
"""Of a batch."""
HELD = 0.02
"""The share of the clips that is not learned from."""
DECAY = 0.02
RENDERS = 3
MOST_GAIN = 1.5
LAST = 800.0
PAIRED = 0.4
"""How much two answers for one expression may not differ counts."""
BETA = 0.5
"""Of the heteroscedastic loss (Seitzer et al. 2022): 0 lets what is hard be given up, 1 weighs all alike."""


@dataclass(frozen=True)
class Faces:
    """N pictures of whole clips, PICTURES each; numpy arrays.

    points (N, 2, 478, 3) in head space by both landmarkers, NaN where none; pose (N, 2, 3); crops (N, PIXELS);
    scores (N, 52); kind (N,), see make; truth (N, O), but for its last three: turn (N, 2, 3), from the pose of either;
    person (N,), for each another number; place (N, 2, 4), see solve.pose.place, from the points of either
    """

    points: np.ndarray
    pose: np.ndarray
    crops: np.ndarray
    scores: np.ndarray
    kind: np.ndarray
    truth: np.ndarray
    turn: np.ndarray
    person: np.ndarray
    place: np.ndarray

    @property
    def clips(self) -> int:
        return len(self.kind) // PICTURES

    def of(self, clips: np.ndarray) -> Faces:
        rows = (clips[:, None] * PICTURES + np.arange(PICTURES)).ravel()
        return Faces(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def load(folder: Path, limit: int | None = None) -> Faces:
    """All shards of a folder, the renders by Cycles thrice. Raises InputError where there are none."""
    paths = sorted(folder.glob("[0-9]*.npz"))[:limit]
    if not paths:
        raise InputError(f"{folder} holds no faces", "make them first: python -m faceanim.train.face_expression make")
    paths += [folder / "renders.npz"] * RENDERS * (folder / "renders.npz").is_file()
    rows = [len(np.load(path)["kind"]) for path in paths]
    whole: dict[str, np.ndarray] = {}
    for k, path in enumerate(paths):
        part, start = _faces(np.load(path), k), sum(rows[:k])
        for name, array in part.items():
            # in place: all of it at once is larger than what two copies leave room for
            into = whole.setdefault(name, np.empty((sum(rows), *array.shape[1:]), array.dtype))
            into[start : start + rows[k]] = array
    return Faces(**whole)


def _faces(shard, number: int) -> dict[str, np.ndarray]:
    names = [str(name) for name in shard["names"]]
    n = len(shard["kind"])
    points = np.full((n, 2, 478, 3), np.nan, np.float16)
    turned, turn = np.zeros((n, 2, 3), np.float32), np.zeros((n, 2, 3), np.float32)
    place = np.zeros((n, 2, 4), np.float32)
    true = np.stack([rotation(*angles) for angles in shard["pose"]])
    for k, seen in enumerate((shard["bundled"], shard["task"])):
        found = np.isfinite(seen[:, 0, 0])
        if found.any():
            fitted = pose.fit(seen[found])
            points[found, k], turned[found, k] = fitted.points, pose.angles(fitted.rotation)
            place[found, k] = pose.place(fitted, shard["camera"][found, :2], shard["camera"][found, 2])
            turn[found, k] = vector(np.einsum("nji,njk->nik", fitted.rotation, true[found]))
    truth = np.zeros((n, len(OUTPUTS)), np.float32)
    for c, name in enumerate(OUTPUTS):
        if name in GAZES:
            truth[:, c] = shard["gaze"][:, GAZES.index(name)]
        elif (column := _column(shard["weights"], names, name)) is not None:
            truth[:, c] = column
    scores = np.nan_to_num(shard["scores"])
    person = shard["person"] if "person" in shard else number * 1000000 + np.arange(n) // PICTURES
    return {
        "points": points, "pose": turned, "crops": shard["crops"], "scores": scores, "kind": shard["kind"],
        "truth": truth, "turn": turn, "person": person, "place": place,
    }  # fmt: skip


def _column(weights: np.ndarray, names: list[str], name: str) -> np.ndarray | None:
    for side in ("Left", "Right"):
        if name.endswith(side) and name not in names:
            name = name[: -len(side)] + "_" + side[0]
    parts = [names.index(part) for part in (name, f"{name}_L", f"{name}_R") if part in names]
    return weights[:, parts].mean(1) if parts else None


def vector(rotations: np.ndarray) -> np.ndarray:
    """(N, 3) rotation vectors of small rotations (N, 3, 3)."""
    cosine = ((np.einsum("nii->n", rotations) - 1) / 2).clip(-1, 1)
    angle = np.arccos(cosine)
    axis = np.stack([rotations[:, 2, 1] - rotations[:, 1, 2], rotations[:, 0, 2] - rotations[:, 2, 0],
                     rotations[:, 1, 0] - rotations[:, 0, 1]], 1)  # fmt: skip
    return axis * (0.5 * angle / np.maximum(np.sin(angle), 1e-6))[:, None]


class Mirror:
    """A batch seen in the mirror."""

    def __init__(self) -> None:
        self.points = torch.from_numpy(face_model().mirror)
        self.flip = torch.tensor([-1.0, 1.0, 1.0])
        names = [mirrored(name) for name in OUTPUTS]
        self.outputs = torch.tensor([OUTPUTS.index(name) for name in names])
        # to the other side: yaw, and the turn about y and z
        signs = [-1.0 if name.endswith("EyeYaw") or name in ("turnY", "turnZ") else 1.0 for name in OUTPUTS]
        self.signs = torch.tensor(signs)
        self.scores = torch.tensor([ARKIT.index(mirrored(name)) for name in ARKIT])

    def crops(self, crops: torch.Tensor) -> torch.Tensor:
        left, right, *others = torch.split(crops, [c.width * c.height for c in LAYOUT], 1)
        out = [right, left]
        for layout, part in zip(LAYOUT[2:], others, strict=True):
            out.append(part.reshape(-1, layout.height, layout.width).flip(2).flatten(1))
        return torch.cat(out, 1)


class Batches:
    """Random batches of `size` whole clips as tensors; clips: those to draw from, all by default."""

    def __init__(self, faces: Faces, seed: int, clips: np.ndarray | None = None, size: int = CLIPS):
        self.faces, self.draw, self._size = faces, np.random.default_rng(seed), size
        self._clips = np.arange(faces.clips) if clips is None else clips
        self.mirror = Mirror()

    def epoch(self):
        """All clips once, each batch made while the one before is worked on."""
        order = self.draw.permutation(self._clips)
        with ThreadPoolExecutor(1) as maker:
            ahead = deque()
            for k in range(0, len(order) - self._size + 1, self._size):
                ahead.append(maker.submit(self.batch, self.faces.of(order[k : k + self._size]), True))
                if len(ahead) > 2:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def batch(self, faces: Faces, learning: bool, which: int | None = None):
        """(Seen, truth, kind, clip, found); which: 0 bundled, 1 task, None by chance."""
        n = len(faces.kind)
        there = np.isfinite(faces.points[:, :, 0, 0])
        # a clip is seen by one landmarker
        task = np.repeat(self.draw.random(n // PICTURES) < 0.5, PICTURES) if which is None else np.full(n, bool(which))
        pick = np.where(there[np.arange(n), task.astype(int)], task, ~task if which is None else task).astype(int)
        rows = np.arange(n)
        points = torch.from_numpy(np.nan_to_num(faces.points[rows, pick].astype(np.float32)))
        place = torch.from_numpy(faces.place[rows, pick])
        turned = torch.from_numpy(faces.pose[rows, pick])
        truth = faces.truth.copy()
        truth[:, -3:] = faces.turn[rows, pick]
        truth = torch.from_numpy(truth)
        crops = torch.from_numpy(faces.crops)
        kind = torch.from_numpy(pick.astype(np.float32))[:, None]
        scores = torch.from_numpy(faces.scores) * kind
        found = torch.from_numpy(there[rows, pick])
        rested = torch.from_numpy((faces.kind == 0) & there[rows, pick])
        if learning:
            points = self._others(points, rested)
            points, crops, hidden = covered(points, crops, self.draw)
            truth[:, HIDDEN] = hidden
            if self.draw.random() < 0.5:
                points = points[:, self.mirror.points] * self.mirror.flip
                turned = turned * torch.tensor([-1.0, 1.0, -1.0])
                place = place * torch.tensor([1.0, -1.0, -1.0, 1.0])
                truth = truth[:, self.mirror.outputs] * self.mirror.signs
                crops, scores = self.mirror.crops(crops), scores[:, self.mirror.scores]
            points = points + 0.005 * torch.randn_like(points)
            scores = scores * (torch.rand(n, 1) < 0.7)
            crops = self._spoiled(crops)
        clip = torch.from_numpy(np.unique(faces.person, return_inverse=True)[1].reshape(-1))
        return Seen(points, turned, crops, scores, kind, place), truth, torch.from_numpy(faces.kind), clip, found

    def _others(self, points: torch.Tensor, rested: torch.Tensor) -> torch.Tensor:
        """Points with most clips' faces at rest drawn toward those of other clips: more people than were rendered."""
        clips = points.reshape(-1, PICTURES, *points.shape[1:])
        share = rested.reshape(-1, PICTURES).float()
        rest = (clips * share[:, :, None, None]).sum(1) / share.sum(1).clamp(min=1)[:, None, None]
        known = share.sum(1) > 0
        other = torch.from_numpy(self.draw.permutation(len(clips)))
        part = torch.from_numpy(self.draw.uniform(-0.4, 1.0, len(clips)).astype(np.float32)) * (known & known[other])
        return (clips + (part[:, None, None] * (rest[other] - rest))[:, None]).reshape(points.shape)

    def _spoiled(self, crops: torch.Tensor) -> torch.Tensor:
        """Shifted by a pixel, darkened at one side, spotted. More than a pixel would hide where an eye looks."""
        out, start = [], 0
        for layout in LAYOUT:
            end = start + layout.width * layout.height
            part = crops[:, start:end].reshape(-1, layout.height, layout.width).float()
            start = end
            dy, dx = self.draw.integers(-1, 2, 2)
            part = torch.roll(part, (int(dy), int(dx)), (1, 2))
            slope = torch.linspace(-1, 1, layout.width)[None, None] * torch.randn(len(part), 1, 1) * 12
            part = part + slope + torch.randn_like(part) * 4 * torch.rand(len(part), 1, 1)
            if self.draw.random() < 0.3:
                y, x = self.draw.integers(0, layout.height), self.draw.integers(0, layout.width)
                some = torch.rand(len(part)) < 0.25
                part[some, y : y + 16, x : x + 16] = 255 * float(self.draw.random())
            out.append(part.flatten(1))
        return torch.cat(out, 1)


REGIONS = {
    # of the points: x from, x to, y from, y to in head space; the crop; its place in the crop of the whole face
    "left": ((0.06, 0.9, -0.25, 0.4), 0, (6, 32, 50, 88)),
    "right": ((-0.9, -0.06, -0.25, 0.4), 1, (6, 32, 8, 46)),
    "mouth": ((-0.55, 0.55, -1.3, -0.62), 2, (50, 84, 18, 78)),
}
HIDE = 0.07
"""How often each is hidden."""


def covered(
    points: torch.Tensor, crops: torch.Tensor, draw: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points, crops and (N, 3) how much of each region is hidden: some regions of some pictures lie behind something,
    and the landmarker has put there what it sees elsewhere."""
    n = len(points)
    hidden = torch.zeros(n, len(REGIONS))
    points, crops = points.clone(), crops.clone()
    ends = np.cumsum([0, *(c.width * c.height for c in LAYOUT)])
    shape = points.mean(0)
    for k, ((left, right, low, high), which, (top, bottom, first, last)) in enumerate(REGIONS.values()):
        x, y = shape[:, 0], shape[:, 1]
        inside = (x > left) & (x < right) & (y > low) & (y < high)
        layout, face = LAYOUT[which], LAYOUT[-1]
        crop = crops[:, ends[which] : ends[which + 1]].reshape(n, layout.height, layout.width)
        whole = crops[:, ends[-2] : ends[-1]].reshape(n, face.height, face.width)
        for row in np.flatnonzero(draw.random(n) < HIDE):
            share = float(draw.uniform(0.3, 1.3))
            along = draw.random() < 0.5
            sizes = (layout.height, layout.width, bottom - top, last - first)
            reach = [round(min(share, 1.0) * size) for size in sizes]
            cut = [slice(-e, None) if draw.random() < 0.5 and e else slice(0, e) for e in reach]
            spot = crop[row, cut[0] if along else slice(None), slice(None) if along else cut[1]]
            spot[:] = _stuff(spot.shape, draw)
            spot = whole[row, top:bottom, first:last]
            spot = spot[cut[2] if along else slice(None), slice(None) if along else cut[3]]
            spot[:] = _stuff(spot.shape, draw)
            hidden[row, k] = min(share, 1.0)
            other = int(draw.integers(n))
            points[row, inside] += min(share, 1.0) * (points[other, inside] - points[row, inside])
    return points, crops, hidden


def _stuff(shape: tuple[int, ...], draw: np.random.Generator) -> torch.Tensor:
    """uint8: a hand, a cup, hair: even, shaded, striped or rough."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / 16.0
    waves = np.sin(draw.normal(0, 2, 2) @ np.stack([x.ravel(), y.ravel()]) + draw.uniform(0, 6)).reshape(shape)
    grey = draw.uniform(5, 250) + draw.normal(0, 25) * (x - x.mean()) + draw.normal(0, 15) * waves
    return torch.from_numpy((grey + draw.normal(0, draw.uniform(0, 8), shape)).clip(0, 255).astype(np.uint8))


def rests(net: FaceNet, frames: Seen, view: torch.Tensor, kind, clip, found, draw: np.random.Generator | None):
    """(rest_points, rest_view, known) for every picture, from its clip's pictures at rest: some of them, or none."""
    count = int(clip.max()) + 1
    resting = ((kind == 0) & found).float()
    if draw is not None:
        keep = torch.from_numpy((draw.random(len(kind)) < 0.6).astype(np.float32))
        some = torch.zeros(count).index_add(0, clip, resting * keep)[clip] > 0
        resting = torch.where(some, resting * keep, resting)
    total = torch.zeros(count).index_add(0, clip, resting)
    share = resting / total.clamp(min=1)[clip]
    points = torch.zeros(count, *frames.points.shape[1:]).index_add(0, clip, frames.points * share[:, None, None])
    seen = torch.zeros(count, view.shape[1]).index_add(0, clip, view * share[:, None])
    known = (total > 0).float()
    if draw is not None:
        known = known * torch.from_numpy((draw.random(count) < 0.5).astype(np.float32))
    return points[clip], seen[clip], known[clip][:, None]


def loss_of(value, log_variance, truth, kind, clip, found, spread) -> torch.Tensor:
    truth = truth / spread
    variance = log_variance.exp()
    nll = 0.5 * ((value - truth) ** 2 / variance + log_variance) * variance.detach() ** BETA
    out = nll[found].mean() + 0.3 * ((value - truth) ** 2)[found].mean()
    # two poses of one expression stand side by side
    first = torch.arange(0, len(kind) - 1)
    clear = found & (truth[:, HIDDEN].sum(1) == 0)
    pair = (kind[:-1] > 0) & (kind[:-1] == kind[1:]) & clear[:-1] & clear[1:] & (clip[:-1] == clip[1:])
    a, b = value[first[pair], : LOOK.stop], value[first[pair] + 1, : LOOK.stop]
    return out + PAIRED * ((a - b) ** 2).sum() / max(a.numel(), 1)


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
) -> FaceNet:
    """Learns for about `seconds`, epochs until then; `keep` is called after each with the averaged network.

    rate    of learning, at first; start: the state to go on from
    worker  which of `workers` processes this is: each has its share of the clips and of every batch, and the first
            one tells and keeps. torch.distributed must know them.
    """
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    held = draw.permutation(faces.clips)[: max(2, int(HELD * faces.clips))]
    learn = np.setdiff1d(np.arange(faces.clips), held)
    learn = learn[: len(learn) // workers * workers][worker::workers]
    batches, draw = Batches(faces, seed + worker, learn, CLIPS // workers), np.random.default_rng([seed, worker])
    known = np.isfinite(faces.points[:, :, 0, 0])
    net = FaceNet(len(OUTPUTS), torch.from_numpy(faces.points[known].mean(0, dtype=np.float32).ravel()))
    spread = np.concatenate([faces.truth[:, :-3].std(0), faces.turn[known].std(0)])
    net.spread[:] = torch.from_numpy(np.maximum(spread, 0.02).astype(np.float32))
    if start is not None:
        net.load_state_dict(start, strict=False)
    net.spread[HIDDEN] = 0.25
    net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=DECAY)
    average = torch.optim.swa_utils.AveragedModel(net, avg_fn=_averaged, use_buffers=True)
    began, epoch, share = time.monotonic(), 0, 0.0
    while share < 1:
        net.train()
        losses = []
        for frames, truth, kind, clip, found in batches.epoch():
            warm = min(1, (len(losses) + 1 + 1000 * epoch) / 100)
            for group in optimiser.param_groups:
                group["lr"] = rate * max(warm * 0.5 * (1 + np.cos(np.pi * min(share, 1))), 0.005)
            with torch.autocast("cpu", torch.bfloat16):
                view = net.view(frames.crops).float()
            rest = rests(net, frames, view, kind, clip, found, draw)
            value, log_variance = net(frames, view, *rest)
            loss = loss_of(value, log_variance, truth, kind, clip, found, net.spread)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            share = (time.monotonic() - began) / seconds
            if workers > 1:
                share = _together(net, share)
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            average.update_parameters(net)
            losses.append(float(loss.detach()))
            if share >= 1:
                break
        epoch += 1
        if worker > 0:
            continue
        gains(average.module, faces.of(held))
        if keep is not None:
            keep(average.module)
        found = ", ".join(f"{name} {value:.3f}" for name, value in check(average.module, faces.of(held)).items())
        say(f"epoch {epoch}, {time.monotonic() - began:.0f} s: loss {np.mean(losses):.4f}; {found}")
    return average.module


def _together(net: FaceNet, share: float) -> float:
    """Every worker goes on with the mean of all their gradients, and of their clocks."""
    gradients = [parameter.grad for parameter in net.parameters()]
    flat = torch.cat([*(g.flatten() for g in gradients), torch.tensor([share])])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for gradient, mean in zip(gradients, flat[:-1].split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
    return float(flat[-1])


def _averaged(average: torch.Tensor, current: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
    """Over the last LAST steps or so."""
    share = 1 / min(float(count) / 4 + 2, LAST)
    return average + (share * (current - average)).to(average.dtype)


@torch.inference_mode()
def gains(net: FaceNet, faces: Faces) -> None:
    """Sets the coefficients' gains, by clips that were not learned from."""
    net.eval()
    batches = Batches(faces, 0)
    frames, truth, kind, clip, found = batches.batch(faces, False, 0)
    view = net.view(frames.crops)
    value, _ = net(frames, view, *rests(net, frames, view, kind, clip, found, None))
    told, true = value[found].numpy(), truth[found].numpy()
    for c in range(LOOK.start):
        r = np.corrcoef(told[:, c], true[:, c])[0, 1] if np.ptp(true[:, c]) > 0 else 1.0
        net.gain[c] = 1 / max(r, 1 / MOST_GAIN)


@torch.inference_mode()
def check(net: FaceNet, faces: Faces) -> dict[str, float]:
    """Mean correlation over the coefficients and gaze, of clips that were not learned from: bundled without and with
    the face's rest, task with it; and the head's error in degrees."""
    net.eval()
    batches = Batches(faces, 0)
    out = {}
    for name, which, rested in (("bundled", 0, False), ("rested", 0, True), ("task", 1, True)):
        frames, truth, kind, clip, found = batches.batch(faces, False, which)
        view = net.view(frames.crops)
        points, seen, known = rests(net, frames, view, kind, clip, found, None)
        value, _ = net(frames, view, points, seen, known * rested)
        value = (value * net.spread)[found].numpy()
        true = truth[found].numpy()
        each = [np.corrcoef(value[:, c], true[:, c])[0, 1] for c in range(LOOK.stop) if np.ptp(true[:, c]) > 0]
        out[name] = float(np.mean(each[:-4]))
        out[f"gaze_{name}"] = float(np.mean(each[-4:]))
        out[f"head_{name}"] = float(np.degrees(np.linalg.norm(value[:, -3:] - true[:, -3:], axis=1).mean()))
    return out
