"""Random batches of the faces to learn from, on the processor or a GPU, changed a little each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from ...core.face import Seen
from ...features.crops import MIRROR
from ...nets.face_expression import LAYOUT
from ...solve.both_ways import OUTPUTS_AT, OUTPUTS_BY, PLACE_BY, POINTS_BY, POSE_BY, SCORES_AT
from ...solve.face_model import face_model
from ...solve.learned import HIDDEN
from .shards import PICTURES, Faces


class Mirror:
    """A batch seen in the mirror."""

    def __init__(self, device: str = "cpu") -> None:
        self.points, self.crops = (torch.from_numpy(at).to(device) for at in (face_model().mirror, MIRROR))
        self.outputs = torch.tensor(OUTPUTS_AT, device=device)
        self.scores = torch.tensor(SCORES_AT, device=device)
        self.flip, self.turned, self.placed, self.signs = (
            torch.tensor(by, device=device) for by in (POINTS_BY, POSE_BY, PLACE_BY, OUTPUTS_BY)
        )

    def seen(self, batch: Batch) -> Batch:
        points, turned, crops, scores, kind, place = batch.frames
        frames = Seen(
            points[:, self.points] * self.flip, turned * self.turned, crops[:, self.crops], scores[:, self.scores],
            kind, place * self.placed,
        )  # fmt: skip
        return batch._replace(frames=frames, truth=batch.truth[:, self.outputs] * self.signs)


CLIPS = 16
"""Of a batch."""
SHADE, TONE, SOFT = 0.25, 0.25, 0.35
"""How unevenly light falls on a crop, how far its tones are bent, and the share of crops that are blurred."""
REGIONS = {
    # of the points: x from, x to, y from, y to in head space; the crop; its place in the crop of the whole face
    "left": ((0.06, 0.9, -0.25, 0.4), 0, (6, 32, 50, 88)),
    "right": ((-0.9, -0.06, -0.25, 0.4), 1, (6, 32, 8, 46)),
    "mouth": ((-0.55, 0.55, -1.3, -0.62), 2, (50, 84, 18, 78)),
}
HIDE = 0.07
"""How often each is hidden."""


class Batch(NamedTuple):
    """N pictures of whole clips: frames, truth (N, O), kind (N,), clip (N,): a number for each person from 0,
    found (N,): whether the landmarker saw a face; clips: how many."""

    frames: Seen
    truth: torch.Tensor
    kind: torch.Tensor
    clip: torch.Tensor
    found: torch.Tensor
    clips: int


class Batches:
    """Batches of `size` whole clips, on `device`, where all of `faces` is kept."""

    def __init__(self, faces: Faces, seed: int = 0, size: int = CLIPS, device: str = "cpu"):
        self.size, self.device = size, device
        self._draw = torch.Generator().manual_seed(seed)
        self.mirror = Mirror(device)
        self._faces = {name: self._there(getattr(faces, name)) for name in Faces.__dataclass_fields__}

    def add(self, faces: Faces) -> None:
        for name, before in self._faces.items():
            self._faces[name] = torch.cat([before, self._there(getattr(faces, name))])

    @property
    def clips(self) -> int:
        return len(self._faces["kind"]) // PICTURES

    def epoch(self, clips: np.ndarray) -> Iterator[Batch]:
        """All of these clips once, by chance, changed."""
        order = torch.from_numpy(clips)[torch.randperm(len(clips), generator=self._draw)]
        for k in range(0, len(order) - self.size + 1, self.size):
            yield self.changed(self.of(order[k : k + self.size], None))

    def of(self, clips: torch.Tensor, which: int | None) -> Batch:
        """Some clips as they are. which: seen by the landmarker 0 bundled, 1 task, None by chance."""
        rows = (clips[:, None] * PICTURES + torch.arange(PICTURES)).flatten().to(self.device)
        faces = {name: values[rows] for name, values in self._faces.items()}
        n = len(rows)
        there = faces["points"][:, :, 0, 0].isfinite()
        # a clip is seen by one landmarker
        by_task = (torch.rand(len(clips), generator=self._draw) < 0.5) if which is None else torch.ones(1) * which
        by_task = by_task.to(self.device, torch.bool).expand(len(clips)).repeat_interleave(PICTURES)
        each = torch.arange(n, device=self.device)
        if which is None:  # or by the other, where that alone saw it
            by_task = by_task ^ ~there[each, by_task.long()]
        pick = by_task.long()
        kind = by_task.float()[:, None]
        truth = torch.cat([faces["truth"][:, :-3], faces["turn"][each, pick]], 1)
        frames = Seen(
            points=faces["points"][each, pick].float().nan_to_num(), pose=faces["pose"][each, pick],
            crops=faces["crops"], scores=faces["scores"] * kind, kind=kind, place=faces["place"][each, pick],
        )  # fmt: skip
        return Batch(frames, truth, faces["kind"], each // PICTURES, there[each, pick], len(clips))

    def changed(self, batch: Batch) -> Batch:
        """Other people, something before the face, the mirror, other light, noise."""
        points, turned, crops, scores, kind, place = batch.frames
        points = self._others(points, (batch.kind == 0) & batch.found, batch.clips)
        points, crops, hidden = covered(points, crops)
        truth = batch.truth.clone()
        truth[:, HIDDEN] = hidden
        batch = batch._replace(frames=Seen(points, turned, crops, scores, kind, place), truth=truth)
        if torch.rand((), generator=self._draw) < 0.5:
            batch = self.mirror.seen(batch)
        points, turned, crops, scores, kind, place = batch.frames
        points = points + 0.005 * torch.randn_like(points)
        scores = scores * (torch.rand(len(kind), 1, device=self.device) < 0.7)
        return batch._replace(frames=Seen(points, turned, spoiled(crops), scores, kind, place))

    def _others(self, points: torch.Tensor, rested: torch.Tensor, count: int) -> torch.Tensor:
        """Points with most clips' faces at rest drawn toward those of other clips: more people than were rendered."""
        clips = points.reshape(count, PICTURES, *points.shape[1:])
        share = rested.reshape(count, PICTURES).float()
        rest = (clips * share[:, :, None, None]).sum(1) / share.sum(1).clamp(min=1)[:, None, None]
        known = share.sum(1) > 0
        other = torch.randperm(count, device=self.device)
        part = (torch.rand(count, device=self.device) * 1.4 - 0.4) * (known & known[other])
        return (clips + (part[:, None, None] * (rest[other] - rest))[:, None]).reshape(points.shape)

    def _there(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def spoiled(crops: torch.Tensor) -> torch.Tensor:
    """float32 (N, PIXELS): shifted by a pixel at most (more would hide where an eye looks), in other light, blurred,
    noisy, spotted."""
    out, n, device = [], len(crops), crops.device

    def chance(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, device=device)

    for layout, part in zip(LAYOUT, split(crops), strict=True):
        height, width = layout.height, layout.width
        down = (torch.arange(height, device=device) + torch.randint(-1, 2, (n, 1), device=device)).clamp(0, height - 1)
        across = (torch.arange(width, device=device) + torch.randint(-1, 2, (n, 1), device=device)).clamp(0, width - 1)
        part = part[torch.arange(n, device=device)[:, None, None], down[:, :, None], across[:, None]].float()
        part = 255 * (part / 255) ** torch.exp(TONE * torch.randn(n, 1, 1, device=device))
        light = SHADE * chance(n, 1, 1, 1) * torch.randn(n, 1, 3, 3, device=device)
        light = F.interpolate(light, (height, width), mode="bilinear", align_corners=True)[:, 0]
        part = part * torch.exp(light) + torch.randn(n, 1, 1, device=device) * 12 * torch.linspace(
            -1, 1, width, device=device
        )
        soft = F.avg_pool2d(part[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
        part = part + (chance(n, 1, 1) * (chance(n, 1, 1) < SOFT)) * (soft - part)
        part = part + torch.randn_like(part) * 6 * chance(n, 1, 1) ** 2
        y, x = (torch.arange(size, device=device) for size in (height, width))
        top, left = (torch.randint(-8, size, (n, 1), device=device) for size in (height, width))
        spot = ((y >= top) & (y < top + 16))[:, :, None] & ((x >= left) & (x < left + 16))[:, None]
        part = torch.where(spot & (chance(n, 1, 1) < 0.08), 255 * chance(n, 1, 1), part)
        out.append(part.flatten(1))
    return torch.cat(out, 1)


def split(crops: torch.Tensor) -> list[torch.Tensor]:
    """The crops of a batch, each (N, height, width)."""
    parts = torch.split(crops, [c.width * c.height for c in LAYOUT], 1)
    return [part.reshape(-1, c.height, c.width) for c, part in zip(LAYOUT, parts, strict=True)]


def covered(points: torch.Tensor, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points, crops and (N, 3) how much of each region is hidden: some regions of some pictures lie behind something,
    and the landmarker has put there what it sees elsewhere."""
    n, device = len(points), points.device
    hidden = torch.zeros(n, len(REGIONS), device=device)
    points = points.clone()
    parts = [part.clone() for part in split(crops)]
    x, y = points.mean(0)[:, :2].T
    for k, ((left, right, low, high), which, (top, bottom, first, last)) in enumerate(REGIONS.values()):
        inside = (x > left) & (x < right) & (y > low) & (y < high)
        rows = torch.nonzero(torch.rand(n, device=device) < HIDE)[:, 0]
        share = torch.rand(len(rows), device=device) + 0.3
        along, late = torch.rand(2, len(rows), device=device) < 0.5
        for part, box in ((parts[which], None), (parts[-1], (top, bottom, first, last))):
            spot = part[rows]
            window = spot if box is None else spot[:, top:bottom, first:last]
            window[:] = torch.where(_part(window, share, along, late), _stuff(window), window)
            part[rows] = spot
        share = share.clamp(max=1)
        hidden[rows, k] = share
        other = points[torch.randint(n, (len(rows),), device=device)]
        points[rows] += (share[:, None] * inside)[:, :, None] * (other - points[rows])
    return points, torch.cat([part.flatten(1) for part in parts], 1), hidden


def _part(window: torch.Tensor, share: torch.Tensor, along: torch.Tensor, late: torch.Tensor) -> torch.Tensor:
    """bool (N, H, W): a share of a window from one of its edges on."""
    _, height, width = window.shape
    y, x = (torch.linspace(0.5 / size, 1 - 0.5 / size, size, device=window.device) for size in (height, width))
    at = torch.where(along[:, None, None], y[None, :, None], x[None, None])
    return torch.where(late[:, None, None], 1 - at, at) < share[:, None, None]


def _stuff(window: torch.Tensor) -> torch.Tensor:
    """uint8 like window: a hand, a cup, hair: even, shaded, striped or rough."""
    n, height, width = window.shape
    device = window.device

    def normal(scale: float) -> torch.Tensor:
        return scale * torch.randn(n, 1, 1, device=device)

    y, x = (torch.arange(size, device=device) / 16.0 for size in (height, width))
    y, x = y[None, :, None], x[None, None]
    waves = torch.sin(normal(2) * x + normal(2) * y + normal(3))
    grey = 5 + 245 * torch.rand(n, 1, 1, device=device) + normal(25) * (x - x.mean()) + normal(15) * waves
    grey = grey + torch.randn(n, height, width, device=device) * 8 * torch.rand(n, 1, 1, device=device)
    return grey.clamp(0, 255).to(torch.uint8)
