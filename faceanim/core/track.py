"""Track: named channels over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import FormatError
from .channels import TURNED, mirrored


@dataclass(frozen=True)
class Track:
    """Channels sampled at a constant rate.

    fps         frames a second (Hz), above 0
    start       time of frame 0 in seconds
    channels    C names, each once
    values      float32 (F, C): 0..1 for face channels, radians for rotations
    confidence  float32 (F, C): 0..1, 0 where a value is only a guess
    """

    fps: float
    start: float
    channels: tuple[str, ...]
    values: np.ndarray
    confidence: np.ndarray

    def __post_init__(self) -> None:
        shape = (len(self.values), len(self.channels))
        if not (self.fps > 0 and np.isfinite(self.fps) and np.isfinite(self.start)):
            raise FormatError(f"a track needs a positive rate and a finite start, not {self.fps} Hz, {self.start} s")
        if len(set(self.channels)) != len(self.channels):
            raise FormatError("a track names a channel twice")
        if self.values.shape != shape or self.confidence.shape != shape:
            raise FormatError(
                f"a track of {shape[1]} channels has values {self.values.shape} and confidence {self.confidence.shape}"
            )
        if not (np.isfinite(self.values).all() and np.isfinite(self.confidence).all()):
            raise FormatError("a track holds values that are not finite")

    @staticmethod
    def of(
        fps: float,
        channels: Iterable[str],
        values: np.ndarray,
        confidence: np.ndarray | float = 1.0,
        start: float = 0.0,
    ) -> Track:
        """A Track from anything array-like; a scalar or (F,) or (F, 1) confidence holds for every channel."""
        values = np.ascontiguousarray(values, np.float32)
        confidence = np.asarray(confidence, np.float32)
        if confidence.ndim == 1:
            confidence = confidence[:, None]
        confidence = np.ascontiguousarray(np.broadcast_to(confidence, values.shape))
        return Track(float(fps), float(start), tuple(channels), values, confidence)

    @staticmethod
    def from_columns(fps: float, columns: Mapping[str, np.ndarray], confidence: np.ndarray | float = 1.0) -> Track:
        return Track.of(fps, columns, np.stack([np.asarray(c, np.float32) for c in columns.values()], 1), confidence)

    @property
    def frames(self) -> int:
        return len(self.values)

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    @property
    def times(self) -> np.ndarray:
        """float64 (F,): the time of each frame in seconds."""
        return self.start + np.arange(self.frames) / self.fps

    def index(self, channel: str) -> int:
        return self.channels.index(channel)

    def column(self, channel: str) -> np.ndarray:
        """float32 (F,) of one channel; zeros where the track does not have it."""
        if channel not in self.channels:
            return np.zeros(self.frames, np.float32)
        return self.values[:, self.index(channel)]

    def select(self, channels: Iterable[str]) -> Track:
        """The named channels in the given order; one that is missing becomes 0 with confidence 0."""
        channels = tuple(channels)
        values = np.zeros((self.frames, len(channels)), np.float32)
        confidence = np.zeros_like(values)
        for i, name in enumerate(channels):
            if name in self.channels:
                values[:, i] = self.values[:, self.index(name)]
                confidence[:, i] = self.confidence[:, self.index(name)]
        return replace(self, channels=channels, values=values, confidence=confidence)

    def mirrored(self) -> Track:
        """Left and right exchanged, yaw and roll negated; the channels are those of the other side, in this order."""
        signs = np.array([-1.0 if name in TURNED else 1.0 for name in self.channels], np.float32)
        return replace(self, channels=tuple(map(mirrored, self.channels)), values=self.values * signs)

    def with_values(self, values: np.ndarray) -> Track:
        return replace(self, values=np.ascontiguousarray(values, np.float32))

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and confidence at times (T,) in seconds, (T, C) each: linear between frames, held beyond the ends."""
        times = np.asarray(times, float)
        if not self.frames:
            empty = np.zeros((len(times), len(self.channels)), np.float32)
            return empty, empty.copy()
        position = np.clip((times - self.start) * self.fps, 0, self.frames - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, self.frames - 1)
        part = (position - low)[:, None].astype(np.float32)
        values = self.values[low] + part * (self.values[high] - self.values[low])
        confidence = self.confidence[low] + part * (self.confidence[high] - self.confidence[low])
        return values, confidence

    def resample(self, fps: float, frames: int | None = None, start: float | None = None) -> Track:
        """The same curves at another rate, from `start` (default: this track's), `frames` of them (default: as long).

        Linear between frames. Going down in rate this does not low-pass: smooth first.
        """
        start = self.start if start is None else start
        if frames is None:
            frames = max(1, int(round(self.seconds * fps))) if self.frames else 0
        if fps == self.fps and start == self.start and frames == self.frames:
            return self
        values, confidence = self.at(start + np.arange(frames) / fps)
        return Track(float(fps), float(start), self.channels, values, confidence)
