"""Opening media, one clock for sound and picture, and decoding that survives damage. The rest of source/ stands on it.

The clock is the container's: time 0 is what a player shows as 0:00. libavformat has applied edit lists and encoder
priming to the timestamps by then; what is left is the origin (see there).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from ..core.files import input_file
from ..errors import MediaError

SEEKABLE = ("mov", "matroska", "wav", "w64", "flac", "ogg", "mpegts", "avi")
"""Formats in which a seek lands where it says; others are decoded from their start, which is quick for sound."""

LATE_S = 10.0
"""A file that begins later than this was cut from a live stream; its clock begins with it."""


@dataclass
class Damage:
    """What decoding met. packets: that could not be decoded; broken: reading ended with an error."""

    packets: int = 0
    broken: str = ""


@contextmanager
def opened(path: Path, what: str) -> Iterator[av.container.InputContainer]:
    """The open container. Raises MediaError with a hint: missing, empty, no media, truncated, protected."""
    path = input_file(path, what, MediaError)
    try:
        # "file:" lets a name begin with a dash or hold a colon; no other protocol: a playlist must not reach the net.
        # Not as `options`, which PyAV 16.1 also hands to streams that MPEG files have not found yet, and crashes.
        container = av.open(
            f"file:{path.absolute()}", container_options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except (FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, what, error) from error
    with container:
        if container.format.name == "tty":
            raise MediaError(f"{path} is text, not a {what}", "name an audio or video file")
        yield container


def _unreadable(path: Path, what: str, error: Exception) -> MediaError:
    if isinstance(error, PermissionError):
        return MediaError(f"{path} cannot be read: permission denied", "check who may read the file")
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free"):
        return MediaError(
            f"{path} is truncated: its index (moov) is missing",
            "the recording or copy was not finished: copy it again, or repair it with the program that recorded it",
        )
    return MediaError(f"{path} is not a readable {what}", "its content is of another kind, damaged or protected")


def origin(container: av.container.InputContainer) -> float:
    """The timestamp (s) that the clock's time 0 stands for.

    0 where timestamps mean themselves, so a sound that the container delays comes delayed. The first timestamp where
    they count from anywhere (MPEG streams, pieces of live streams) or only tell the encoder's priming (MP3).
    """
    start = (container.start_time or 0) / av.time_base
    anywhere = bool(container.format.flags & av.format.Flags.ts_discont.value) or container.format.name == "mp3"
    return start if anywhere or start > LATE_S else 0.0


def declared(container: av.container.InputContainer) -> bool:
    """Whether the file states how long it is; elsewhere it is guessed from its size."""
    return container.format.name.split(",")[0] in ("mov", "matroska", "wav", "w64", "flac", "ogg")


def seekable(container: av.container.InputContainer) -> bool:
    return container.format.name.split(",")[0] in SEEKABLE


def seek(container: av.container.InputContainer, stream: av.stream.Stream, time: float) -> None:
    """To the key frame at or before a time on the clock."""
    container.seek(int((time + origin(container)) / stream.time_base), stream=stream)


def seconds(container: av.container.InputContainer, stream: av.stream.Stream) -> float:
    """Where the stream ends on the clock; reads all packets where the file does not say."""
    zero = origin(container)
    if stream.duration:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - zero
    if container.duration:
        # Matroska tells the end, others the length
        first = 0 if container.format.name.startswith("matroska") else container.start_time or 0
        return (first + container.duration) / av.time_base - zero
    end, count = 0.0, 0
    try:
        for packet in container.demux(stream):
            count += packet.size > 0
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base) - zero)
    except (FFmpegError, OSError):
        pass
    if not end and stream.type == "video":  # bare H.264 has no timestamps
        end = count / float(stream.average_rate or 25)
    return end


def start(container: av.container.InputContainer, stream: av.stream.Stream) -> float:
    """When the stream begins on the clock (s); what lies before time 0 is not shown."""
    return max(0.0, float((stream.start_time or 0) * stream.time_base) - origin(container))


def frames(
    container: av.container.InputContainer, stream: av.stream.Stream, damage: Damage
) -> Iterator[av.frame.Frame]:
    """Decoded frames in order; what cannot be decoded is counted in `damage` and passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (FFmpegError, OSError) as error:
            damage.broken = str(error)
            return
        try:
            decoded = packet.decode()
        except (FFmpegError, OSError, ValueError):
            damage.packets += 1
            continue
        yield from decoded
