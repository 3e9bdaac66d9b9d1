"""What the networks of faces answer, by numpy alone: to load torch takes as long as to look at some hundred pictures.

The networks are those of face_expression and face_emotion, known by the names and shapes of their arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..core.emotion import FACE_LABELS
from ..core.face import PORTRAIT, Reader, Rest, Seen
from . import winograd

Arrays = Mapping[str, np.ndarray]
Layer = Callable[[np.ndarray], np.ndarray]

CROPS = (("eye", 48, 48), ("eye", 48, 48), ("mouth", 64, 48), ("face", 96, 96))
"""The crops in a row of pixels, (encoder, width, height) in their order."""
PIXELS = sum(width * height for _, width, height in CROPS)
EYES, OTHERS = slice(0, 2), slice(2, None)
CONTRAST, DARK = 6.0, 8.0
"""Grey levels added to the contrast of a crop and of a portrait."""
POINT_SCALE = 20.0
"""Points are in eye distances, and differ by some hundredths."""
SEEN, WIDE = 48, 44.0
"""Pixels in which a portrait's middle part is looked at, and how wide it is in the portrait's own."""
TOGETHER, PORTRAITS, ROWS = 16, 16, 256
"""Crops, portraits and frames at a time: more of them leave the processor's cache."""
EPSILON = 1e-5


def reader(arrays: Arrays) -> Reader:
    """A Reader of the arrays (float16 or float32) of a FaceNet. Raises KeyError or ValueError where they are not."""
    arrays = _floats(arrays)
    encoders = {name: _encoder(arrays, f"encoders.{name}.") for name, _, _ in CROPS}
    forward = _forward(arrays)
    spread, gain = arrays["spread"], arrays["gain"]

    def eyes(crops: np.ndarray) -> np.ndarray:
        return np.concatenate([_view(encoders, some, EYES) for some in _split(crops, TOGETHER)])

    def others(crops: np.ndarray) -> np.ndarray:
        return np.concatenate([_view(encoders, some, OTHERS) for some in _split(crops, TOGETHER)])

    def read(frames: Seen, views: np.ndarray, rest: Rest | None) -> tuple[np.ndarray, np.ndarray]:
        columns = [_split(column, ROWS) for column in (*frames, views)]
        parts = [forward(Seen(*some), seen, rest) for *some, seen in zip(*columns, strict=True)]
        values, log_variance = (np.concatenate(part) for part in zip(*parts, strict=True))
        return values * spread * gain, np.exp(0.5 * log_variance) * spread

    return Reader(eyes, others, eyes(np.zeros((1, PIXELS), np.uint8)).shape[1], read, spread)


def glance(arrays: Arrays) -> Callable[[np.ndarray], np.ndarray]:
    """What a FaceEmotionNet of these arrays (float16 or float32) says at one look at each picture, every other one in
    the mirror: uint8 (n, PORTRAIT, PORTRAIT) to probabilities of FACE_LABELS float32 (n, labels).

    Raises KeyError or ValueError where they are not this network's.
    """
    arrays = _floats(arrays)
    first = _convolution(arrays, "first.0", "first.1", 1)
    blocks = [_block(arrays, f"blocks.{k}.") for k in range(_count(arrays, "blocks.{}.a.0.weight"))]
    last = _linear(arrays, "emotion")
    temperature = arrays.get("temperature", np.ones(1, np.float32))
    middle = _middle(PORTRAIT, SEEN, WIDE)

    def look(pictures: np.ndarray) -> np.ndarray:
        x = middle @ pictures.astype(np.float32) @ middle.T
        x[1::2] = x[1::2, :, ::-1]
        x = np.maximum(first(_contrasted(x[..., None], DARK)), 0)
        for block in blocks:
            x = block(x)
        return _softmax(last(x.mean((1, 2))) / temperature)

    def said(pictures: np.ndarray) -> np.ndarray:
        if not len(pictures):
            return np.zeros((0, len(FACE_LABELS)), np.float32)
        return np.concatenate([look(some) for some in _split(pictures, PORTRAITS)])

    return said


# the networks' parts ----------------------------------------------------------------------------------------------


def _view(encoders: Mapping[str, Layer], crops: np.ndarray, which: slice) -> np.ndarray:
    """What is seen in some of CROPS, float32 (n, columns), of uint8 crops (n, PIXELS)."""
    seen = []
    ends = np.cumsum([width * height for _, width, height in CROPS])
    for (name, width, height), end in zip(CROPS[which], ends[which].tolist(), strict=True):
        picture = crops[:, end - width * height : end].reshape(-1, height, width, 1).astype(np.float32)
        seen.append(encoders[name](_contrasted(picture, CONTRAST)))
    return np.concatenate(seen, 1)


def _encoder(arrays: Arrays, name: str) -> Layer:
    count = _count(arrays, name + "{}.running_mean", 1, 3)
    layers = [_convolution(arrays, f"{name}{3 * k}", f"{name}{3 * k + 1}", 2) for k in range(count)]
    # the columns of the last layer are ordered by channels first
    weight, bias = (arrays[f"{name}{3 * count + 2}.{kind}"] for kind in ("weight", "bias"))
    channels = len(arrays[f"{name}{3 * count - 2}.bias"])
    weight = weight.reshape(len(weight), channels, -1).transpose(2, 1, 0).reshape(-1, len(weight))

    def encode(x: np.ndarray) -> np.ndarray:
        for layer in layers:
            x = layer(x)
            np.maximum(x, 0, out=x)
        return x.reshape(-1, len(weight)) @ weight + bias

    return encode


def _forward(arrays: Arrays) -> Callable[[Seen, np.ndarray, Rest | None], tuple[np.ndarray, np.ndarray]]:
    """FaceNet.forward for one rest, or none."""
    shape, change, first, last = (_linear(arrays, name) for name in ("shape", "change", "first", "last"))
    turned, film = _linear(arrays, "condition.0"), _linear(arrays, "condition.2")
    blocks = _count(arrays, "blocks.{}.wide.weight")
    wide, back = ([_linear(arrays, f"blocks.{k}.{name}") for k in range(blocks)] for name in ("wide", "back"))
    direct = arrays["direct.weight"].T

    def forward(frames: Seen, view: np.ndarray, rest: Rest | None) -> tuple[np.ndarray, np.ndarray]:
        points, one = frames.points.reshape(len(view), -1), np.ones((len(view), 1), np.float32)
        known, rest_points = (0 * one, 0 * points) if rest is None else (one, rest.points.reshape(1, -1))
        rest_view = 0 if rest is None else rest.view
        pose, place = frames.pose, frames.place
        films = film(_gelu(turned(np.concatenate([pose, np.abs(pose), frames.kind, known, place], 1))))
        films = np.split(films, 2 * blocks, 1)
        seen = np.concatenate(
            [shape((points - arrays["mean"]) * POINT_SCALE), change((points - rest_points) * known * POINT_SCALE),
             view, (view - rest_view) * known, frames.scores * 2, frames.kind, known, pose, place], 1
        )  # fmt: skip
        x = first(seen)
        for k in range(blocks):
            x = x + back[k](_gelu(wide[k](_normal(x) * (1 + films[2 * k]) + films[2 * k + 1])))
        value, log_variance = np.split(last(x), 2, 1)
        return value + seen @ direct, log_variance.clip(-6, 3)

    return forward


def _block(arrays: Arrays, name: str) -> Layer:
    """A residual block; the first of a stage halves the picture and has other channels."""
    halved = f"{name}past.1.0.weight" in arrays
    a = _convolution(arrays, f"{name}a.0", f"{name}a.1", 1 + halved)
    b = _convolution(arrays, f"{name}b.0", f"{name}b.1", 1)
    past = _convolution(arrays, f"{name}past.1.0", f"{name}past.1.1", 1) if halved else None

    def block(x: np.ndarray) -> np.ndarray:
        inner = b(np.maximum(a(x), 0))
        if past is not None:
            n, height, width, channels = x.shape
            x = past(x.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4)))
        inner += x
        return np.maximum(inner, 0, out=inner)

    return block


def _middle(pixels: int, seen: int, wide: float) -> np.ndarray:
    """(seen, pixels): rows of weights that make of the middle `wide` of `pixels` in a row `seen` ones, bilinear."""
    at = ((np.arange(seen) - (seen - 1) / 2) * wide / seen + (pixels - 1) / 2).clip(0, pixels - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(pixels)), 0).astype(np.float32)


# layers -----------------------------------------------------------------------------------------------------------


def _convolution(arrays: Arrays, name: str, norm: str, stride: int) -> Layer:
    """A convolution and its batch norm, of pictures (n, height, width, channels)."""
    weight = arrays[f"{name}.weight"]
    gain = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + EPSILON)
    bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * gain
    weight = weight * gain[:, None, None, None]
    out, channels, size, _ = weight.shape
    if stride == 1 and size == 3 and channels > 1:
        return winograd.convolution(weight, bias)
    matrix = np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, out))
    pad = size // 2

    def convolve(x: np.ndarray) -> np.ndarray:
        n, height, width, _ = x.shape
        padded = np.zeros((n, height + 2 * pad, width + 2 * pad, channels), np.float32)
        padded[:, pad : pad + height, pad : pad + width] = x
        shape = (n, (height - 1) // stride + 1, (width - 1) // stride + 1)
        if channels == 1:  # a window of single numbers is copied slowly, and a shifted picture fast
            last = stride * (shape[1] - 1), stride * (shape[2] - 1)
            shifts = [
                padded[:, i : i + last[0] + 1 : stride, k : k + last[1] + 1 : stride, 0]
                for i in range(size) for k in range(size)
            ]  # fmt: skip
            y = np.stack(shifts).reshape(len(matrix), -1).T @ matrix
            y += bias
            return y.reshape(*shape, out)
        picture, row, column, channel = padded.strides
        windows = np.lib.stride_tricks.as_strided(
            padded, (*shape, size, size * channels), (picture, stride * row, stride * column, row, channel)
        )
        y = windows.reshape(-1, len(matrix)) @ matrix
        y += bias
        return y.reshape(*shape, out)

    return convolve


def _linear(arrays: Arrays, name: str) -> Layer:
    weight, bias = arrays[f"{name}.weight"].T, arrays[f"{name}.bias"]
    return lambda x: x @ weight + bias


def _contrasted(pictures: np.ndarray, more: float) -> np.ndarray:
    """(n, height, width, 1) with their own light and contrast taken out."""
    pictures = pictures - pictures.mean((1, 2, 3), keepdims=True)
    return pictures / (pictures.std((1, 2, 3), ddof=1, keepdims=True) + np.float32(more))


def _normal(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(1, keepdims=True)
    return x / np.sqrt(np.square(x).mean(1, keepdims=True) + np.float32(EPSILON))


def _gelu(x: np.ndarray) -> np.ndarray:
    """x times the normal distribution's share below it, by formula 7.1.26 of Abramowitz and Stegun."""
    t = 1 / (1 + np.float32(0.3275911 / np.sqrt(2)) * np.abs(x))
    series = np.zeros_like(x)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    above = 0.5 * series * np.exp(-0.5 * np.square(x))
    return x * np.where(x < 0, above, 1 - above)


def _softmax(logits: np.ndarray) -> np.ndarray:
    chances = np.exp(logits - logits.max(1, keepdims=True))
    return chances / chances.sum(1, keepdims=True)


def _floats(arrays: Arrays) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()}


def _count(arrays: Arrays, name: str, first: int = 0, step: int = 1) -> int:
    """How many arrays there are of a name with a number, from `first` on."""
    count = 0
    while name.format(first + step * count) in arrays:
        count += 1
    return count


def _split(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Pieces of so many rows; of none an empty one."""
    return [rows[k : k + size] for k in range(0, max(len(rows), 1), size)]
