"""Which landmarks hold still, which measures tell of which channel, and what was set by hand."""

from __future__ import annotations

from ...core.channels import ARKIT
from ...solve.measure import ACROSS, MIDDLE

OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 127, 162, 21, 54, 103, 67, 109, 234, 93)
NOSE = (6, 168, 197, 122, 351, 193, 417, 245, 465, 188, 412, 114, 343, 217, 437, 126, 355)
"""Its bridge: the tip moves with the upper lip."""
EYES = (33, 133, 362, 263, 130, 359, 243, 463)
FOREHEAD = (9, 8, 151, 108, 337, 69, 299, 104, 333, 68, 298, 71, 301)
CHEEKS = (116, 345, 123, 352, 111, 340, 117, 346, 227, 447, 34, 264, 143, 372, 139, 368, 156, 383)
RIGID = tuple(sorted({*OVAL, *NOSE, *EYES, *FOREHEAD, *CHEEKS}))
MIDLINE = (10, 152, 1, 6, 168, 4)
OUTER_CORNERS = (263, 33)
"""Of the eyes, left and right; their distance is the unit."""

SPREAD = {"brow": 0.045, "lid": 0.02, "iris": 0.012}
"""Real faces at rest differ by at least this (standard deviation); the rendered ones are more alike."""
GAIN = 1.6
"""A channel of which little is seen is estimated too small; it is raised by 1/reliability, up to this."""


def left(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}Left" for name in names)


def both(*names: str) -> tuple[str, ...]:
    return left(*names) + tuple(f"{name}Right" for name in names)


_MOUTH = (
    "cornerSide", "cornerUp", "cornerOut", "cornerFromMiddle", "upperOuter", "upperInner", "upperThick",
    "lowerInner", "lowerOuter", "lowerThick", "gapSide", "fold", "chinSide", "cheekLow", "cheekSide", "cheekOut",
    "wingUp", "wingSide",
)  # fmt: skip
_MIDDLE = tuple(name for name in MIDDLE if name != "browsBetween")
_LIDS = left("lidGap", "lidUpper", "lidLower", "lidFold", "lidCrease", "irisY", "bag")
_BROWS = ("browInner", "browMiddle", "browOuter", "browIn", "browOut", "lidCrease")
_BROW = left(*_BROWS, "lidFold") + ("browsBetween",)
_SIDEWAYS = tuple(ACROSS) + both("cornerSide", "cornerUp", "fold", "chinSide", "cheekSide")

TELLS: dict[str, tuple[str, ...]] = {
    # channel: the measures that it may be read from; the right side's are the mirror images
    "eyeBlinkLeft": _LIDS,
    "eyeWideLeft": _LIDS,
    "eyeSquintLeft": _LIDS + left("cheekUp"),
    "browDownLeft": _BROW,
    "browOuterUpLeft": _BROW,
    "browInnerUp": both(*_BROWS) + ("browsBetween",),
    "cheekSquintLeft": left("bag", "lidLower", "cheekUp", "lidGap", "cornerUp", "wingUp", "lidUpper"),
    "noseSneerLeft": left("wingUp", "wingSide", "bridge", "upperOuter", "browInner", "cheekUp", "browIn", "fold")
    + left("lidLower") + ("browsBetween",),
    "jawOpen": ("gap", "chinUp", "lowerUp", "upperUp", "lowerToChin", "chinForward", "chinCrease", "lowerForward")
    + ("mouthWidth",) + both("cheekLow", "cheekSide"),
    "jawLeft": _SIDEWAYS,
    "mouthLeft": _SIDEWAYS,
    **{
        name: (left(*_MOUTH) if name.endswith("Left") else both(*_MOUTH)) + _MIDDLE
        for name in ARKIT
        if name.startswith(("mouth", "jawForward", "cheekPuff")) and not name.endswith("Right") and name != "mouthLeft"
    },
}  # fmt: skip
CHANNELS = tuple(name for name in ARKIT if name != "tongueOut" and not name.startswith("eyeLook"))

# Landmarks follow the brows and lip corners of real faces much further than those of rendered ones, so these were set
# by eye on videos: {channel: (share of what was learned, {measure: weight})}
BY_HAND: dict[str, tuple[float, dict[str, float]]] = {
    "browDownLeft": (0.0, {"browInnerLeft": -16.0, "browInLeft": -6.0}),
    "browInnerUp": (0.0, {"browInnerLeft": 5.5, "browInnerRight": 5.5}),
    "browOuterUpLeft": (0.0, {"browOuterLeft": 8.0, "browMiddleLeft": 4.0}),
    "mouthFrownLeft": (0.5, {"cornerUpLeft": -5.0, "gap": -2.0}),
    "mouthPucker": (0.5, {"mouthWidth": -4.5, "gap": -1.1}),
    # solve.lids reads these
    "eyeBlinkLeft": (0.0, {}),
    "eyeWideLeft": (0.0, {}),
    "eyeSquintLeft": (0.0, {}),
    # the slope that frontal renders with open eyes show
    "leftEyeYaw": (0.0, {"irisXLeft": 8.5}),
    "leftEyePitch": (0.0, {"irisYLeft": -12.0, "lidUpperLeft": -1.5}),
}
RELIABILITY: dict[str, float] = {
    # where hand and not fit made the weights
    "browDownLeft": 0.5, "browInnerUp": 0.5, "browOuterUpLeft": 0.5,
    "eyeBlinkLeft": 0.8, "eyeWideLeft": 0.5, "eyeSquintLeft": 0.4, "leftEyeYaw": 0.8, "leftEyePitch": 0.6,
}  # fmt: skip
