"""Other voices, rooms and microphones, of a batch of log-mel and pitch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..phones.augment import augment as recorded_elsewhere


def augment(
    mel: Tensor, pitch: Tensor, noise: Tensor, generator: torch.Generator, often: float
) -> tuple[Tensor, Tensor]:
    """Log-mel (batch, n, bands) and pitch (batch, n, 2) of other voices; a share `often` of them in other rooms
    and through other microphones, in noise, for which other sound (batch, n, bands) is taken."""
    chance = torch.rand(len(mel), 4, generator=generator)
    mel = warp(mel, generator)
    chosen = torch.nonzero(chance[:, 0] < often)[:, 0]
    if len(chosen):
        mel[chosen] = recorded_elsewhere(mel[chosen], noise[chosen], generator)
    pitch = pitch.clone()
    shift = 2 ** (torch.randn(len(mel), 1, generator=generator) * 0.08)
    pitch[..., 0] *= shift
    lost = chosen[chance[chosen, 1] < 0.5]
    # noise hides the pitch
    share = 0.3 * torch.rand(len(lost), 1, generator=generator)
    holes = torch.rand(len(lost), mel.shape[1], generator=generator) < share
    pitch[lost] = torch.where(holes[..., None], torch.zeros(()), pitch[lost])
    return masked(mel, generator), pitch


def warp(mel: Tensor, generator: torch.Generator, widest: float = 0.1) -> Tensor:
    """A longer or shorter vocal tract: the bands stretched or squeezed, least at both ends."""
    bands = mel.shape[2]
    factor = torch.exp(torch.randn(len(mel), 1, generator=generator).clamp(-2, 2) * widest / 1.5)
    at = torch.linspace(0, 1, bands)[None]
    position = (at * factor + (at**4) * (1 - factor)).clamp(0, 1) * (bands - 1)
    # a product of matrices, faster than to gather
    weight = (1 - (torch.arange(bands)[None, :, None] - position[:, None]).abs()).clamp(min=0)
    return mel @ weight


def masked(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Two stretches of bands and one of time lost (SpecAugment: Park et al. 2019)."""
    b, n, bands = mel.shape
    mean = mel.mean((1, 2), keepdim=True)
    lost = torch.zeros(b, 1, 1, dtype=torch.bool)
    for widest, axis, count in ((10, 2, 2), (n // 6, 1, 2)):
        at = torch.arange(mel.shape[axis]).reshape((1, 1, -1) if axis == 2 else (1, -1, 1))
        for _ in range(count):
            width = widest * torch.rand(b, 1, 1, generator=generator)
            low = (mel.shape[axis] - width) * torch.rand(b, 1, 1, generator=generator)
            lost = lost | ((at >= low) & (at < low + width))
    return torch.where(lost, mean, mel)
