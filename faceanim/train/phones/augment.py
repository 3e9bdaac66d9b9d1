"""Other voices, rooms, microphones and noises, made of a batch of log-mel."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = -23.0
"""ln(1e-10): see features.mel."""
CODEC_LOWEST = 3
"""Bands below a telephone's 300 Hz; those above 3400 Hz begin at CODEC_HIGHEST."""
CODEC_HIGHEST = 42


def augment(mel: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
    """mel (batch, n, bands) as somebody else might have said and recorded it; noise: as much other speech, for babble.

    What is added is added as power, where it is nearly exact: reverberation as a decay of every band's power.
    """
    chance = torch.rand(len(mel), 8, 1, generator=generator)
    out = _warp(mel, generator)
    out = torch.where(chance[:, 6, :, None] < 0.3, _blurred(out), out)
    out = torch.where(chance[:, 0, :, None] < 0.35, _room(out, generator), out)
    out = out + _colour(out, generator)
    level = out.logsumexp(2).quantile(0.95, 1)[:, None, None]
    babble = torch.logaddexp(noise, noise.roll(1, 0)).logaddexp(noise.roll(2, 0))
    babble = torch.where(chance[:, 1, :, None] < 0.5, babble, noise.mean((1, 2), keepdim=True).expand_as(mel))
    babble = babble + 2 * _colour(babble, generator)
    # a hiss is as rough as the power of noise is in so short a window
    babble = babble + 0.5 * torch.randn(mel.shape, generator=generator)
    below = _uniform(len(mel), 2.0, 55.0, generator) / 4.343
    babble = babble - babble.logsumexp(2).quantile(0.95, 1)[:, None, None] + level - below
    out = torch.where(chance[:, 2, :, None] < 0.6, out.logaddexp(babble), out)
    narrow = torch.full_like(out[:, :1], 0.0)
    narrow[..., :CODEC_LOWEST] = narrow[..., CODEC_HIGHEST:] = -8.0
    out = torch.where(chance[:, 3, :, None] < 0.12, out + narrow, out)
    out = torch.where(chance[:, 4, :, None] < 0.12, _coded(out, generator), out)
    out = torch.where(chance[:, 5, :, None] < 0.3, _masked(out, generator), out)
    return out.clamp(min=FLOOR)


def normalised(mel: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """mel at the level that features.phones gives it, about 4 dB off where there is a generator."""
    from ...features.phones import LEVEL

    level = mel.logsumexp(2).quantile(0.95, 1)[:, None, None]
    if generator is not None:
        level = level + torch.randn(len(mel), 1, 1, generator=generator)
    return (mel - level + LEVEL).clamp(min=FLOOR)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, 1, 1, generator=generator)


def _warp(mel: Tensor, generator: torch.Generator) -> Tensor:
    """A longer or shorter vocal tract: the bands stretched or squeezed, least at both ends."""
    bands = mel.shape[2]
    factor = _uniform(len(mel), 0.8, 1.22, generator)[:, 0]
    at = torch.linspace(0, 1, bands)[None]
    position = (at * factor + (at**4) * (1 - factor)).clamp(0, 1) * (bands - 1)
    low = position.long().clamp(max=bands - 2)
    part = (position - low)[:, None]
    index = low[:, None].expand(-1, mel.shape[1], -1)
    return mel.gather(2, index) * (1 - part) + mel.gather(2, index + 1) * part


def _blurred(mel: Tensor) -> Tensor:
    """Without the harmonics of a high voice: the mean of three neighbouring bands, of power."""
    power = torch.nn.functional.pad(mel.exp(), (1, 1), mode="replicate")
    return ((power[..., :-2] + power[..., 1:-1] + power[..., 2:]) / 3).clamp(min=1e-10).log()


def _room(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Late reverberation: the power of all that was before, decaying by 60 dB in 0.15 to 0.9 s."""
    seconds = _uniform(len(mel), 0.15, 0.9, generator)[:, 0]
    share = _uniform(len(mel), 0.02, 0.25, generator)[:, 0]
    decay = torch.exp(-13.8 * torch.arange(40)[None] * 0.01 / seconds) * share
    decay[:, 0] = 1.0
    power = mel.exp().transpose(1, 2)
    taps = decay.flip(1)[:, None]
    padded = torch.nn.functional.pad(power, (39, 0)).transpose(0, 1)
    echoed = torch.nn.functional.conv1d(padded, taps, groups=len(mel)).transpose(0, 1)
    return echoed.clamp(min=1e-10).log().transpose(1, 2)


def _colour(mel: Tensor, generator: torch.Generator) -> Tensor:
    """A smooth gain over the bands, some 4 dB: microphones differ."""
    knots = torch.randn(len(mel), 1, 6, generator=generator) * 0.9
    return torch.nn.functional.interpolate(knots, mel.shape[2], mode="linear", align_corners=True)


def _coded(mel: Tensor, generator: torch.Generator) -> Tensor:
    """A codec at few bits: what is far below its frame's loudest band is lost."""
    keep = _uniform(len(mel), 4.0, 9.0, generator)
    return torch.where(mel < mel.amax(2, keepdim=True) - keep, torch.full_like(mel, FLOOR + 2), mel)


def _masked(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Some bands and a short time lost (SpecAugment: Park et al. 2019)."""
    band = torch.arange(mel.shape[2])[None, None]
    low = _uniform(len(mel), 0, mel.shape[2] - 10, generator)
    lost = (band >= low) & (band < low + _uniform(len(mel), 0, 10, generator))
    return torch.where(lost, mel.mean((1, 2), keepdim=True).expand_as(mel), mel)
