"""Style: the user's settings for mixing, intensity, smoothing and timing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .channels import GROUPS

MOUTH_SOURCES = ("auto", "audio", "video")


@dataclass(frozen=True)
class Style:
    """A preset of the right half of the way: none of it needs a network.

    mouth_from   which layer drives lips, jaw and tongue: "audio", "video", or "auto": audio where there is speech
                 sound, video else
    intensity    group to gain, 1 is as solved
    cutoff_hz    group to the low-pass cutoff of layers made from video (-3 dB, zero phase); 0 leaves a group as it is
    layers       layer to strength 0..1; a layer not named counts 1
    lead_s       seconds by which the animation comes before the sound (negative: after)
    tolerance    the largest error that key reduction may make, in the control's unit
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
    lead_s: float = 0.0
    tolerance: float = 0.005
