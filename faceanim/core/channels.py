"""The one list of channels that a character may be driven by, in groups.

The 52 face channels are Apple's ARFaceAnchor.BlendShapeLocation names, values 0..1; Left and Right are the character's
own. Rotations are radians in head space: x to the character's own left, y up, z out of the face; R = Ry(yaw) Rz(-roll)
Rx(pitch), so positive yaw turns to the own left, positive pitch nods down, positive roll brings the own left ear down.
Eyes likewise, relative to the head, without roll.
"""

GROUPS: dict[str, tuple[str, ...]] = {
    "lips": (
        "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
        "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
        "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
        "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
        "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
        "mouthUpperUpLeft", "mouthUpperUpRight",
    ),
    "jaw": ("jawOpen", "jawForward", "jawLeft", "jawRight"),
    # tongueOut is Apple's; the others are ours: tip to the alveolar ridge, back to the velum, tip between the teeth,
    # tip curled back (retroflex).
    "tongue": ("tongueOut", "tongueTipUp", "tongueBackUp", "tongueForward", "tongueCurl"),
    "cheeks": ("cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    "nose": ("noseSneerLeft", "noseSneerRight"),
    "brows": ("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "lids": (
        "eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    ),
    "gaze": (
        "eyeLookUpLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft",
        "eyeLookUpRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight",
        "leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch",
    ),
    "head": ("headYaw", "headPitch", "headRoll"),
}

CHANNELS: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
GROUP_OF: dict[str, str] = {name: group for group, names in GROUPS.items() for name in names}

ROTATIONS: tuple[str, ...] = (
    "headYaw", "headPitch", "headRoll", "leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch",
)
TURNED = ("headYaw", "headRoll", "leftEyeYaw", "rightEyeYaw")
"""Rotations whose sign changes in a mirror."""
TONGUE_EXTRA: tuple[str, ...] = GROUPS["tongue"][1:]
ARKIT: tuple[str, ...] = tuple(name for name in CHANNELS if name not in ROTATIONS and name not in TONGUE_EXTRA)

MOUTH_GROUPS = ("lips", "jaw", "tongue")


def mirrored(name: str) -> str:
    """The channel of the other side: Left and Right (left and right) swapped; the name itself where it has no side."""
    for a, b in (("Left", "Right"), ("Right", "Left"), ("left", "right"), ("right", "left")):
        if a in name:
            return name.replace(a, b)
    return name
