"""Pictures of any video file with their own times, upright, in a stream: one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import av.video.reformatter
import numpy as np
from av.sidedata.sidedata import Type

from ..errors import MediaError
from . import container as media

SEEK_FROM_S = 2.0
"""A span that begins earlier is reached by decoding."""

SMALL = 1280 * 720
"""Pictures of so many pixels are decoded by one thread."""

MISSING_S = 1.0
"""A file may end this much before the length that it states; more is told."""


class VideoInfo(NamedTuple):
    """What the file says of its pictures.

    width, height    upright, with square pixels
    fps              mean frames a second; frames keep their own times
    seconds, start   where the pictures end and begin on the file's clock
    frames_estimate  how many frames to expect
    """

    width: int
    height: int
    fps: float
    seconds: float
    start: float
    frames_estimate: int


class Frame(NamedTuple):
    """time: seconds from the asked start; image: uint8 (H, W, 3), RGB, upright, square pixels."""

    time: float
    image: np.ndarray


def probe(path: str | Path) -> VideoInfo:
    """Decodes one frame. Raises MediaError: missing, empty, no media, no pictures, none that can be decoded."""
    path = Path(path)
    with media.opened(path, "video file") as container:
        stream = _pictures(path, container)
        first = next(media.frames(container, stream, media.Damage()), None)
        if first is None:
            raise _without_frames(path)
        height, width = _Upright(stream)(first).shape[:2]
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        fps = float(rate) if rate and 0 < rate < 1000 else 25.0
    with media.opened(path, "video file") as container:  # from the beginning: the length may have to be counted
        stream = _pictures(path, container)
        seconds = media.seconds(container, stream)
        start = media.start(container, stream)
    frames = max(1, round((seconds - start) * fps))
    if 0.5 * frames < stream.frames < 2 * frames:  # MPEG files claim anything
        frames = stream.frames
    return VideoInfo(width, height, fps, seconds, start, frames)


def stream(path: str | Path, start: float = 0.0, end: float | None = None) -> VideoStream:
    """Frames that are shown first at or after `start` and before `end` (seconds), in order, their times rising.

    Raises MediaError, here or while it is read.
    """
    return VideoStream(Path(path), start, end)


class VideoStream:
    """An iterator of Frames (see stream). `info` is the probe's; `quality` is complete once the stream has ended:

    video_frames; and where they happened video_damaged_packets and video_missing_s (the file says that it is longer).
    """

    def __init__(self, path: Path, start: float, end: float | None):
        self.path, self.start, self.end = path, float(start), end
        self.info = probe(path)
        self.quality: dict[str, float] = {}
        self._frames = self._run()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def close(self) -> None:
        """Lets go of the file before the end."""
        self._frames.close()

    def _run(self) -> Iterator[Frame]:
        damage = media.Damage()
        count, last, time = 0, -1.0, None
        with media.opened(self.path, "video file") as container:
            pictures = _pictures(self.path, container)
            # threads share small pictures at a cost of half as much again
            pictures.thread_type = "AUTO" if pictures.width * pictures.height > SMALL else "NONE"
            upright = _Upright(pictures)
            for frame, time in self._timed(container, pictures, damage):
                if self.end is not None and time >= self.end - 1e-6:
                    break
                # a frame that would stand still or go back in time is a fault of the file
                if time < self.start - 1e-6 or (count and time - self.start <= last):
                    continue
                last = max(0.0, time - self.start)
                count += 1
                yield Frame(last, upright(frame))
            else:
                if time is None:
                    raise _without_frames(self.path)
                if media.declared(container) and self.info.seconds - time > MISSING_S + 2 / self.info.fps:
                    self.quality["video_missing_s"] = self.info.seconds - time
        if damage.packets:
            self.quality["video_damaged_packets"] = damage.packets
        self.quality["video_frames"] = count
        if not count:
            message = f"the pictures of {self.path} end at {self.info.seconds:.2f} s"
            raise MediaError(f"{message}, there are none from {self.start:.2f} s on", "choose another span")

    def _timed(
        self, container: av.container.InputContainer, pictures: av.VideoStream, damage: media.Damage, seek: bool = True
    ) -> Iterator[tuple[av.VideoFrame, float]]:
        """Decoded frames and their times on the clock; one without a timestamp follows the one before it."""
        zero = media.origin(container)
        sought = seek and self.start > SEEK_FROM_S and media.seekable(container)
        if sought:
            media.seek(container, pictures, self.start)
        now = 0.0
        for frame in media.frames(container, pictures, damage):
            stamp = frame.pts if frame.pts is not None else frame.dts
            if stamp is not None:
                now = float(stamp * frame.time_base) - zero
            if sought and now > max(self.start, self.info.start) + 1e-6:
                media.seek(container, pictures, 0.0)  # the file's index is wrong
                yield from self._timed(container, pictures, damage, seek=False)
                return
            sought = False
            yield frame, now
            now += 1 / self.info.fps


def _pictures(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    """The first video stream that is no cover picture."""
    cover = av.stream.Disposition.attached_pic.value
    for stream in container.streams.video:
        if not _bits(stream.disposition) & cover:
            return stream
    if container.streams.video:
        raise MediaError(f"{path} has a cover picture but no video", "give it as audio")
    raise MediaError(f"{path} has no pictures", "give a video file, or this one as audio")


def _bits(flags: object) -> int:
    return int(getattr(flags, "value", flags))  # a Flag or a number, by PyAV's version


def _without_frames(path: Path) -> MediaError:
    return MediaError(f"{path} has a video track without a frame that can be decoded", "copy or record it again")


class _Upright:
    """Decoded frames to uint8 (H, W, 3): square pixels, turned and flipped as the file's display matrix says."""

    def __init__(self, stream: av.VideoStream):
        # one for all: a frame's own reformat() leaves its threads behind until the garbage is collected
        self.reformatter = av.video.reformatter.VideoReformatter()
        self.pixel = stream.sample_aspect_ratio or 1
        self.rotation: int | None = None
        self.matrix = (1, 0, 0, 1)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        width = max(1, round(frame.width * self.pixel)) if 0.1 < self.pixel < 10 else frame.width
        image = self.reformatter.reformat(frame, width, frame.height, "rgb24").to_ndarray()
        if frame.rotation != self.rotation:
            # seldom, since a frame that was asked for its side data stays in memory until the garbage is collected
            self.rotation = frame.rotation
            data = frame.side_data.get(Type.DISPLAYMATRIX)
            # row-major 3x3: (x, y) is shown at (x a + y c, x b + y d)
            self.matrix = (1, 0, 0, 1) if data is None else tuple(np.frombuffer(data, np.int32)[[0, 1, 3, 4]].tolist())
        a, b, c, d = self.matrix
        if abs(c) > abs(a):  # a quarter turn: columns become rows
            image = image.transpose(1, 0, 2)
            a, d = c, b
        return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
