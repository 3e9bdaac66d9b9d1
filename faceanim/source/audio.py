"""Sound of any audio or video file as mono float32, in a stream: an hour needs no more memory than a second."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from ..errors import MediaError
from . import container as media

PREROLL_S = 0.5
"""Decoded before `start` and thrown away, so that codecs and filters have settled."""

GAP_S = 0.02
"""Timestamps may differ from the count of samples by this much (containers round them to 1 ms) before it is a gap."""

JUMP_S = 3600.0
"""A longer jump of the timestamps is a fault of the file, not a pause."""

MISSING_S = 1.0
"""A file may end this much before the length that it states; more is told."""

_MIX_S = 0.25
_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True)
class AudioInfo:
    """rate: Hz; channels; seconds: where the sound ends on the file's clock; start: where it begins."""

    rate: int
    channels: int
    seconds: float
    start: float


def probe(path: str | Path) -> AudioInfo:
    """Without decoding. Raises MediaError: missing, empty, no media, no sound in it."""
    path = Path(path)
    with media.opened(path, "audio or video file") as container:
        return _info(container, _sound(path, container))


def stream(
    path: str | Path, rate: int = 16000, start: float = 0.0, end: float | None = None, block_s: float = 1.0
) -> AudioStream:
    """Blocks of float32 (n,), about -1..1, n = block_s * rate but for the last; sample 0 is at `start` seconds.

    Silence stands where the file has none: before a delayed sound and in gaps; what lies before time 0 is left out. The
    stream ends with `end` or with the sound. Raises MediaError, here or while it is read.
    """
    return AudioStream(Path(path), rate, start, end, block_s)


def read(
    path: str | Path, rate: int = 16000, start: float = 0.0, end: float | None = None, block_s: float = 1.0
) -> np.ndarray:
    """float32 (n,): the whole span at once; see stream."""
    blocks = list(stream(path, rate, start, end, block_s))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


class AudioStream:
    """An iterator of blocks (see stream). `info` is the probe's; `quality` is complete once the stream has ended:

    audio_seconds, audio_peak_dbfs, audio_rms_dbfs (-120 at least); and where they happened audio_damaged_packets,
    audio_missing_s (the file says that it is longer) and audio_time_jumps.
    """

    def __init__(self, path: Path, rate: int, start: float, end: float | None, block_s: float):
        self.path, self.rate, self.start, self.end = path, int(rate), float(start), end
        self.info = probe(path)
        self.quality: dict[str, float] = {}
        self._total = None if end is None else max(0, round((end - start) * self.rate))
        self._blocks = self._run(max(1, round(block_s * self.rate)))

    def __iter__(self) -> Iterator[np.ndarray]:
        return self

    def __next__(self) -> np.ndarray:
        return next(self._blocks)

    def close(self) -> None:
        """Lets go of the file before the end."""
        self._blocks.close()

    def _run(self, size: int) -> Iterator[np.ndarray]:
        """The pieces cut into blocks, and the quality."""
        held: list[np.ndarray] = []
        count = total = 0
        peak = power = 0.0
        for piece in self._pieces():
            if self._total is not None:
                piece = piece[: self._total - total]
            held.append(piece)
            count += len(piece)
            total += len(piece)
            peak = max(peak, float(np.abs(piece).max(initial=0.0)))
            power += float(np.dot(piece, piece))
            if count >= size:
                whole = np.concatenate(held)
                count %= size
                yield from whole[: len(whole) - count].reshape(-1, size)
                held = [whole[len(whole) - count :]]
            if total == self._total:
                break
        if count:
            yield np.concatenate(held)
        if not total and self._total != 0:
            message = f"the sound of {self.path} ends at {self.info.seconds:.2f} s"
            raise MediaError(f"{message}, there is nothing from {self.start:.2f} s on", "choose an earlier start")
        self.quality["audio_seconds"] = total / self.rate
        self.quality["audio_peak_dbfs"] = _decibels(peak * peak)
        self.quality["audio_rms_dbfs"] = _decibels(power / max(1, total))

    def _pieces(self) -> Iterator[np.ndarray]:
        """Mono pieces of any length without a hole, the first sample at `start`: holes are filled, overlaps cut."""
        place = round(self.start * self.rate)
        with media.opened(self.path, "audio or video file") as container:
            for position, piece in self._placed(container):
                while position > place:
                    hole = np.zeros(min(position - place, self.rate), np.float32)
                    place += len(hole)
                    yield hole
                piece = piece[place - position :]
                place += len(piece)
                yield piece

    def _placed(self, container: av.container.InputContainer) -> Iterator[tuple[int, np.ndarray]]:
        """Mono pieces at the asked rate, each with the place of its first sample, counted from time 0."""
        damage = media.Damage()
        mixer = _Mixer(round(_MIX_S * self.rate))
        segment: _Segment | None = None
        jumps, shift = 0, 0.0
        for frame, time in self._frames(container, damage):
            if segment and not -JUMP_S < time + shift - segment.now < JUMP_S:
                jumps += 1
                shift = segment.now - time
            if segment is None or not segment.continues(frame, time + shift):
                if segment is not None:
                    yield from segment.drain()
                segment = _Segment(frame, time + shift, self.rate, mixer)
            yield from segment.push(frame)
        if segment is None:
            if damage.packets or damage.broken or not self.start:
                raise MediaError(f"no sound of {self.path} can be decoded", "it is damaged: copy or record it again")
            return
        yield from segment.drain()
        if damage.packets:
            self.quality["audio_damaged_packets"] = damage.packets
        if media.declared(container) and self.info.seconds - segment.now > MISSING_S:
            self.quality["audio_missing_s"] = self.info.seconds - segment.now
        if jumps:
            self.quality["audio_time_jumps"] = jumps

    def _frames(
        self, container: av.container.InputContainer, damage: media.Damage, seek: bool = True
    ) -> Iterator[tuple[av.AudioFrame, float]]:
        """Decoded frames and their times on the clock; one without a timestamp follows the one before it."""
        sound = _sound(self.path, container)
        sought = seek and self.start > 10 * PREROLL_S and media.seekable(container)
        if sought:
            media.seek(container, sound, self.start - PREROLL_S)
        now, zero = 0.0, media.origin(container)
        for frame in media.frames(container, sound, damage):
            if frame.pts is not None:
                now = float(frame.pts * frame.time_base) - zero
            if sought and now > max(self.start, self.info.start + GAP_S):
                media.seek(container, sound, 0.0)  # the file's index is wrong
                yield from self._frames(container, damage, seek=False)
                return
            sought = False
            if frame.samples:
                yield frame, now
                now += frame.samples / frame.sample_rate


class _Segment:
    """Frames of one kind without a gap, on their way through one resampler."""

    def __init__(self, frame: av.AudioFrame, time: float, rate: int, mixer: _Mixer):
        self.kind = _kind(frame)
        self.now = time
        self.position = round(time * rate)
        self.channels = frame.layout.nb_channels
        # samples of a frame side by side: PyAV crashes on more than 8 channels one after the other
        self.resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=rate)
        self.mixer = mixer

    def continues(self, frame: av.AudioFrame, time: float) -> bool:
        return _kind(frame) == self.kind and abs(time - self.now) <= GAP_S

    def push(self, frame: av.AudioFrame) -> Iterator[tuple[int, np.ndarray]]:
        self.now += frame.samples / frame.sample_rate
        frame.pts = None
        yield from self._mixed(self.resampler.resample(frame))

    def drain(self) -> Iterator[tuple[int, np.ndarray]]:
        yield from self._mixed(self.resampler.resample(None))
        yield from self._placed(self.mixer.drain())

    def _mixed(self, pieces: list[av.AudioFrame | None]) -> Iterator[tuple[int, np.ndarray]]:
        for piece in pieces:
            if piece is not None:  # PyAV's last answer where nothing had to be converted
                yield from self._placed(self.mixer.push(piece.to_ndarray().reshape(-1, self.channels).T))

    def _placed(self, piece: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        if len(piece):
            yield self.position, piece
            self.position += len(piece)


class _Mixer:
    """Channels to one, each weighted by its level so far: the mean of equal ones, all of one beside empty ones.

    A channel that is the inverse of the loudest one (a balanced cable on a stereo input) is turned over first.
    """

    def __init__(self, size: int):
        self.size = size
        self.held: list[np.ndarray] = []
        self.count = 0
        self.power = np.zeros((0, 0))
        self.weights: np.ndarray | None = None

    def push(self, samples: np.ndarray) -> np.ndarray:
        """(C, n) in, mono (m,) out: m is 0 until enough is there to tell the levels."""
        self.held.append(samples)
        self.count += samples.shape[1]
        return self.drain() if self.count >= self.size else _NOTHING

    def drain(self) -> np.ndarray:
        if not self.held:
            return _NOTHING
        samples = np.concatenate(self.held, 1)
        self.held, self.count = [], 0
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, posinf=0.0, neginf=0.0)
        if len(samples) == 1:
            return np.ascontiguousarray(samples[0])
        if len(self.power) != len(samples):
            self.power, self.weights = np.zeros((len(samples), len(samples))), None
        self.power += samples @ samples.T
        weights = _weights(self.power)
        mono = weights @ samples
        if self.weights is not None and not np.allclose(weights, self.weights, atol=1e-4):
            ramp = np.linspace(0.0, 1.0, samples.shape[1], dtype=np.float32)
            mono = mono * ramp + (self.weights @ samples) * (1 - ramp)
        self.weights = weights
        return mono


def _weights(power: np.ndarray) -> np.ndarray:
    """Weights (C,) whose sizes add up to 1, from the channels' summed products (C, C)."""
    level = np.sqrt(np.diag(power))
    if not level.max() > 0:
        return np.full(len(level), 1 / len(level), np.float32)
    first = int(level.argmax())
    turned = power[first] < -0.5 * level[first] * level
    return (np.where(turned, -level, level) / level.sum()).astype(np.float32)


def _kind(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _sound(path: Path, container: av.container.InputContainer) -> av.AudioStream:
    stream = container.streams.best("audio")
    if stream is None:
        raise MediaError(f"{path} has no sound", "give a file with an audio track")
    return stream


def _info(container: av.container.InputContainer, stream: av.AudioStream) -> AudioInfo:
    return AudioInfo(
        stream.codec_context.sample_rate,
        stream.codec_context.channels,
        media.seconds(container, stream),
        media.start(container, stream),
    )


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-12))
