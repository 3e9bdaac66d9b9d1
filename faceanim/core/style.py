"""Style: the user's settings for mixing, intensity, smoothing and timing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .channels import GROUPS

MOUTH_SOURCES = ("auto", "audio", "video")


@dataclass(frozen=True)
class EmotionStyle:
    """How the `emotion` layer is made: from what is heard, what is read in the words, and what the animator chose.

    strength     label (core.emotion) to gain, of what is heard, read and chosen alike; a label not named counts 1
    intensity    gain of the whole layer's poses
    contrast     exponent of the heard probabilities: above 1 the strongest emotion stands out more, below 1 less
    at_most      how many emotions are on the face at once
    heard        0..1: how much what is heard and read counts; 0: only what is chosen
    text_weight  0..1: how much the words count against the voice
    seed         chooses among the variants of an emotion, the side that leads, the micro-movements
    variant      label to the variant that is always taken (presets/emotions); a label not named takes a drawn one
    accents      gain of the brows that rise with loudness and pitch
    micro        gain of the small movements that keep a still face alive
    """

    strength: Mapping[str, float] = field(default_factory=dict)
    intensity: float = 1.0
    contrast: float = 1.0
    at_most: int = 2
    heard: float = 1.0
    text_weight: float = 0.3
    seed: int = 0
    variant: Mapping[str, str] = field(default_factory=dict)
    accents: float = 1.0
    micro: float = 1.0


@dataclass(frozen=True)
class SpeechStyle:
    """How the `lips` layer speaks; closed lips close and teeth touch in every style.

    enunciation  -1 mumbled (small, blurred into each other) .. 0 as people speak .. 1 over-enunciated (large, distinct)
    jaw, lips    gains of the two that speak, each for itself: jaw alone shouts, lips alone are a ventriloquist's
    """

    enunciation: float = 0.0
    jaw: float = 1.0
    lips: float = 1.0


@dataclass(frozen=True)
class Style:
    """A preset of the right half of the way: none of it needs a network.

    mouth_from   which layer drives lips, jaw and tongue: "audio", "video", or "auto": video where it sees the mouth,
                 with the contacts of speech that it misses, audio else
    intensity    group to gain, 1 is as solved
    cutoff_hz    group to the low-pass cutoff of layers made from video (-3 dB, zero phase); 0 leaves a group as it is
    layers       layer to strength 0..1; a layer not named counts 1
    mirror       left and right exchanged, as one sees oneself in a mirror
    limit_deg    "head" and "gaze" to the angle in degrees that none of their rotations passes; nearer than a quarter to
                 it they slow down
    lead_s       seconds by which the animation comes before the sound (negative: after)
    tolerance    the largest error that key reduction may make, in the control's unit (see pipeline.WAY)
    emotion      how the `emotion` layer is made
    speech       how the `lips` layer speaks
    """

    name: str = "default"
    mouth_from: str = "auto"
    intensity: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(GROUPS, 1.0))
    cutoff_hz: Mapping[str, float] = field(
        default_factory=lambda: {
            "lips": 12.0, "jaw": 12.0, "tongue": 0.0, "cheeks": 6.0, "nose": 6.0,
            "brows": 5.0, "lids": 12.0, "gaze": 10.0, "head": 4.0,
        }
    )
    layers: Mapping[str, float] = field(default_factory=dict)
    mirror: bool = False
    limit_deg: Mapping[str, float] = field(default_factory=lambda: {"head": 75.0, "gaze": 54.0})
    lead_s: float = 0.0
    tolerance: float = 0.005
    emotion: EmotionStyle = field(default_factory=EmotionStyle)
    speech: SpeechStyle = field(default_factory=SpeechStyle)
