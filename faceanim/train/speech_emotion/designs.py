"""Other fronts than the one that ships, for comparison: (batch, n, features) to (batch, n / STRIDE, width)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ...nets.speech_emotion import BANDS, EXTRAS, MEMBERS, STRIDE

CHANNELS = (24, 48, 72, 96)
HIDDEN = 64


class Block(nn.Module):
    """Two 3x3 convolutions with a way around them, the first with a stride; its channels weighted by their means."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)])
        self.around = nn.Sequential(
            nn.AvgPool2d(stride, stride, ceil_mode=True) if stride != (1, 1) else nn.Identity(),
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )
        self.drop = nn.Dropout2d(0.1)

    def forward(self, x):
        y = F.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(self.drop(y)))
        return F.relu(y + self.around(x))


class Front(nn.Module):
    def __init__(self):
        super().__init__()
        a, b, c, d = CHANNELS
        self.first = nn.Sequential(nn.Conv2d(1, a, 5, (2, 2), 2, bias=False), nn.BatchNorm2d(a), nn.ReLU())
        self.blocks = nn.Sequential(Block(a, b, (2, 2)), Block(b, c, (1, 2)), Block(c, d, (1, 2)))
        self.extra = nn.Sequential(nn.Conv1d(EXTRAS, 24, 8, STRIDE, 2, bias=False), nn.BatchNorm1d(24), nn.ReLU(),
                                   nn.Conv1d(24, 24, 3, 1, 1), nn.ReLU())
        self.width = d * 4 + 24

    def forward(self, x):
        image = x[..., :BANDS].unsqueeze(1).contiguous(memory_format=torch.channels_last)
        y = self.blocks(self.first(image))
        y = y.permute(0, 2, 1, 3).flatten(2)
        e = self.extra(x[..., BANDS:].transpose(1, 2)).transpose(1, 2)
        return torch.cat((y, e), 2)


class Recurrent(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.drop = nn.Dropout(0.3)
        self.squeeze = nn.Linear(inputs, 128)
        self.gru = nn.GRU(128, HIDDEN, batch_first=True, bidirectional=True)
        self.width = 2 * HIDDEN

    def forward(self, x):
        x = F.relu(self.squeeze(self.drop(x)))
        return self.gru(x)[0] + x


class Attention(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.drop = nn.Dropout(0.3)
        self.squeeze = nn.Linear(inputs, 128)
        self.layers = nn.ModuleList(Conformer(128) for _ in range(2))
        self.width = 128

    def forward(self, x):
        x = self.squeeze(self.drop(x))
        for layer in self.layers:
            x = layer(x)
        return x


class Conformer(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.n1, self.n2, self.n3 = nn.LayerNorm(w), nn.LayerNorm(w), nn.LayerNorm(w)
        self.qkv, self.out = nn.Linear(w, 3 * w), nn.Linear(w, w)
        self.glu, self.deep, self.mix = nn.Linear(w, 2 * w), nn.Conv1d(w, w, 9, padding=4, groups=w), nn.Linear(w, w)
        self.up, self.down = nn.Linear(w, 2 * w), nn.Linear(2 * w, w)
        self.drop = nn.Dropout(0.15)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (part.reshape(b, t, 4, -1).transpose(1, 2) for part in self.qkv(self.n1(x)).chunk(3, 2))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, w)
        x = x + self.drop(self.out(y))
        y = self.deep(F.glu(self.glu(self.n2(x)), 2).transpose(1, 2)).transpose(1, 2)
        x = x + self.drop(self.mix(F.silu(y)))
        return x + self.drop(self.down(F.silu(self.up(self.n3(x)))))


class Chain(nn.Module):
    """A front and what follows it."""

    def __init__(self, front: nn.Module, then: nn.Module):
        super().__init__()
        self.front, self.then, self.width = front, then, then.width

    def forward(self, x):
        return self.then(self.front(x))


def convolutions_gru() -> nn.Module:
    front = Front()
    return Chain(front, Recurrent(front.width))


def convolutions_attention() -> nn.Module:
    front = Front()
    return Chain(front, Attention(front.width))


DESIGNS = {**MEMBERS, "gru": convolutions_gru, "attention": convolutions_attention}
