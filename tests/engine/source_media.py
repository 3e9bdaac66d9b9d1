"""Small media files with known content, made with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def click(seconds: float, at: float, rate: int, channels: int = 2) -> np.ndarray:
    """float32 (channels, n): silence with a click of 2 ms."""
    samples = np.zeros((channels, round(seconds * rate)), np.float32)
    samples[:, round(at * rate) : round((at + 0.002) * rate)] = 0.8
    return samples


def speechlike(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """float32 (n,): low-passed noise with syllables, so that every place of it is unlike any other."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    smooth = np.convolve(noise, np.hanning(max(3, rate // 2000)), "same")
    time = np.arange(len(noise)) / rate
    return (0.1 * smooth / smooth.std() * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def onset(sound: np.ndarray, rate: int = 16000) -> float:
    """When a click begins (s)."""
    level = np.abs(sound)
    return float(np.argmax(level > 0.4 * level.max())) / rate


def add_sound(container, codec: str, samples: np.ndarray, rate: int, delay: float = 0.0, layout: str | None = None):
    layout = layout or {1: "mono", 2: "stereo"}[len(samples)]
    stream = container.add_stream(codec, rate=rate)
    stream.layout = layout

    def feed():
        kind = stream.codec_context.format.name if codec.startswith("pcm") else "fltp"
        for i in range(0, samples.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, i : i + 1024]), "fltp", layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = i + round(delay * rate)
            if kind != "fltp":
                frame = av.AudioResampler(format=kind, layout=layout, rate=rate).resample(frame)[0]
                frame.pts = i + round(delay * rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    return feed


def add_pictures(
    container, images: list[np.ndarray], times: list[float], codec: str = "libx264", pix_fmt: str = "yuv420p", **extra
):
    height, width = images[0].shape[:2]
    stream = container.add_stream(codec, rate=30)
    stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
    stream.time_base = stream.codec_context.time_base = Fraction(1, 90000)
    for name, value in extra.items():
        setattr(stream.codec_context, name, value)

    def feed():
        for image, time in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base = round(time * 90000), Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    return feed


def sound_file(path: Path, codec: str, samples: np.ndarray, rate: int, delay: float = 0.0, **extra) -> Path:
    with av.open(f"file:{path}", "w") as container:
        add_sound(container, codec, np.atleast_2d(samples), rate, delay, **extra)()
    return path


def video_file(path: Path, images: list[np.ndarray], times: list[float], sound=None, **extra) -> Path:
    """sound: (codec, samples, rate, delay)."""
    with av.open(f"file:{path}", "w") as container:
        feeds = [add_pictures(container, images, times, **extra)]
        if sound is not None:
            feeds.append(add_sound(container, *sound))
        for feed in feeds:
            feed()
    return path


def quadrants(width: int, height: int, level: int = 0) -> np.ndarray:
    """uint8 (H, W, 3): red, green, blue and white quarters (top left, top right, bottom left, bottom right)."""
    image = np.zeros((height, width, 3), np.uint8)
    h, w = height // 2, width // 2
    image[:h, :w], image[:h, w:] = (230, level, 20), (20, 230, 20)
    image[h:, :w], image[h:, w:] = (20, 20, 230), (230, 230, 230)
    return image


def corners(image: np.ndarray) -> str:
    """The colours of the quarters' middles as letters, top left, top right, bottom left, bottom right."""
    h, w = image.shape[0] // 4, image.shape[1] // 4
    letters = ""
    for y, x in ((h, w), (h, 3 * w), (3 * h, w), (3 * h, 3 * w)):
        colour = image[y, x].astype(int)
        letters += "w" if colour.min() > 140 else "rgb"[int(colour.argmax())]
    return letters


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Turns the first video track of an MP4: (a, b, c, d) of its matrix, as phones write it."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    while int.from_bytes(data[at + 76 : at + 80], "big") == 0:  # a sound track has no width
        at = data.index(b"tkhd", at) + 4
    a, b, c, d = (int(v * 65536).to_bytes(4, "big", signed=True) for v in matrix)
    zero = bytes(4)
    data[at + 40 : at + 76] = a + b + zero + c + d + zero + zero + zero + (1 << 30).to_bytes(4, "big")
    path.write_bytes(data)
