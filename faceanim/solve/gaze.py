"""Where the eyes look: both eyes together, relative to the head, in radians; and Apple's eyeLook channels."""

from __future__ import annotations

import numpy as np

from .face_model import face_model

LOOK = np.radians(30.0)
"""The turn of the eyeball at which an eyeLook channel is 1."""
LIMIT = np.radians(40.0)

CHANNELS: tuple[str, ...] = (
    "leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch",
    "eyeLookUpLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft",
    "eyeLookUpRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight",
)  # fmt: skip


STRAIGHT, CROSSED = np.radians(2.0), np.radians([12.0, 22.0])
"""How far the irises of eyes that look straight ahead seem to be turned to each other. In nine of ten videos of real
faces they seem turned apart, by 6 to 24 degrees in the median, in one to each other, by 8. From the first angle beyond
it on eyes may be crossed, from the second they are; what differs less is how faces differ."""
AHEAD = np.radians(15.0)
"""Eyes that look further to a side do not tell."""
LEAK = {False: (0.15, 0.13), True: (0.30, 0.20)}
"""How much of the head's yaw and pitch the irises seem to follow (rendered faces), without and with the task file."""


def together(left: np.ndarray, right: np.ndarray, head: np.ndarray, task: bool) -> np.ndarray:
    """(N, 4) yaw and pitch of the left eye, then of the right, from each eye's own (N, 2).

    Eyes move together, so noise is halved by their mean; of a turned head the nearer eye counts more. What sets the two
    apart (vergence) is below what landmarks can tell, but where they are crossed, see below.

    head  (N, 3) its yaw, pitch, roll; task: the landmarks came by the task file
    """
    # turned to its own left, the face shows its right eye
    nearer = 0.5 - 0.5 * np.clip(head[:, 0] / np.radians(30.0), -1, 1)[:, None]
    both = nearer * left + (1 - nearer) * right - np.array(LEAK[task]) * (head[:, :2] - np.median(head[:, :2], 0))
    both = np.clip(both, -LIMIT, LIMIT)
    return np.concatenate([both, both], 1)


def crossing(measures: np.ndarray) -> np.ndarray:
    """(N,) radians by which the eyes of a face's measures (N, M) are turned to each other, 0 of most."""
    model = face_model()
    yaw = [model.channels.index(f"{side}EyeYaw") for side in ("left", "right")]
    left, right = ((measures - model.neutral) @ model.weights[:, yaw]).T
    inward = np.maximum(right - left - STRAIGHT, 0)
    return inward * np.clip((inward - CROSSED[0]) / (CROSSED[1] - CROSSED[0]), 0, 1)


def look(eyes: np.ndarray) -> np.ndarray:
    """(N, 8) the eyeLook channels in the order of CHANNELS, 0..1, from (N, 4) radians."""
    yaw_left, pitch_left, yaw_right, pitch_right = (eyes / LOOK).T
    columns = [-pitch_left, pitch_left, -yaw_left, yaw_left, -pitch_right, pitch_right, yaw_right, -yaw_right]
    return np.clip(np.stack(columns, 1), 0, 1)
