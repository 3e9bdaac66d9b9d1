"""Take: what the engine makes of a Clip and what is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..errors import FormatError
from .track import Track


class Phone(NamedTuple):
    """One sound: seconds from the clip's start, IPA, confidence 0..1. Silence is the empty string."""

    start: float
    end: float
    ipa: str
    confidence: float


class Word(NamedTuple):
    start: float
    end: float
    text: str


class Mood(NamedTuple):
    """An emotion that the animator chose: seconds from the clip's start, one of emotion.LABELS, strength 0..1."""

    start: float
    end: float
    label: str
    strength: float


@dataclass(frozen=True)
class Take:
    """The layers of one Clip, each a Track at the Take's rate from time 0 with the same number of frames.

    fps         frames a second of every layer
    frames      frames of every layer
    layers      name to Track; any may be missing, and each may be made anew without touching another
    phones      timed sounds, in order, not overlapping
    words       timed words, in order
    emotions    "speech_emotion", "face_emotion": Tracks whose channels are the labels and whose values are
                probabilities, each at a rate of its own
    signals     what was measured of the sound, each at a rate of its own: "loudness", channel "level" in dB of full
                scale; with it the lips can be solved anew without the sound. "face_affect" is of the pictures
    moods       what the animator chose to be felt when, in order of their starts; they may overlap
    quality     what the user should know of the input: name to number or text
    provenance  inputs and their hashes, models {name: {hash, commercial}}, settings
    """

    fps: float
    frames: int
    layers: Mapping[str, Track] = field(default_factory=dict)
    phones: tuple[Phone, ...] = ()
    words: tuple[Word, ...] = ()
    emotions: Mapping[str, Track] = field(default_factory=dict)
    signals: Mapping[str, Track] = field(default_factory=dict)
    moods: tuple[Mood, ...] = ()
    quality: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, track in self.layers.items():
            if (track.fps, track.frames, track.start) != (self.fps, self.frames, 0.0):
                raise FormatError(
                    f"layer '{name}' has {track.frames} frames at {track.fps} Hz from {track.start} s, "
                    f"the take has {self.frames} at {self.fps} Hz from 0 s"
                )

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    def seed(self, layer: str) -> int | None:
        """What chance a layer was drawn with that was made from the voice alone; None for any other layer."""
        entry = (self.provenance.get("remade") or {}).get(layer)
        return None if entry is None else int(entry.get("seed", 0))

    def with_layer(self, name: str, track: Track | None) -> Take:
        """The same Take with one layer made anew, or removed where track is None."""
        layers = {**self.layers, name: track}
        return replace(self, layers={k: v for k, v in layers.items() if v is not None})
