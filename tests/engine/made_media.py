"""Small sound and video files for the tests of the engine."""

import wave
from pathlib import Path

import av
import numpy as np


def wav(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def bursts(seconds: int) -> np.ndarray:
    """Noise that comes and goes four times a second: enough like speech to keep the phone recogniser busy."""
    second = np.random.default_rng(0).normal(0, 0.1, 16000) * np.repeat(np.arange(8) % 2, 2000)
    return np.tile(second, seconds)


def joined(large: Path, small: Path, path: Path, frames: int) -> Path:
    """The pictures of two videos side by side, the second at two thirds of its size; no sound."""
    with av.open(str(path), "w") as out, av.open(str(large)) as a, av.open(str(small)) as b:
        first = next(a.decode(video=0))
        height, width = first.height, first.width
        stream = out.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = 2 * width, height, "yuv420p"
        pairs = zip(a.decode(video=0), b.decode(video=0), strict=False)
        for _, (big, little) in zip(range(frames), pairs, strict=False):
            image = np.full((height, 2 * width, 3), 90, np.uint8)
            image[:, :width] = big.to_ndarray(format="rgb24")
            size = (2 * width // 3 // 2 * 2, 2 * height // 3 // 2 * 2)
            image[: size[1], width : width + size[0]] = little.reformat(*size, "rgb24").to_ndarray()
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        out.mux(stream.encode())
    return path


def pictures(images: list[np.ndarray], path: Path, fps: int = 25) -> Path:
    """A video of RGB pictures (H, W, 3), without sound."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=fps, options={"qscale": "2"})
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], "yuv420p"
        for image in images:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        out.mux(stream.encode())
    return path


def scenery(path: Path, seconds: float = 1.0, fps: int = 10) -> Path:
    """A video of drifting colours in which there is no face, and no sound."""
    y, x = np.mgrid[0:120, 0:160]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for frame in range(round(seconds * fps)):
            image = np.stack([(x + frame * 3) % 256, (y * 2) % 256, (x + y) % 256], -1).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path
