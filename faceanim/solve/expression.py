"""Landmarks of a face to the layers `expression`, `gaze` and `head`.

The predictor that reads a face is a callable, so that another may take its place; `measured` needs landmarks alone: it
takes the head's pose out, measures distances that expressions change, compares them with the face's own rest and
weighs them (models/face_measures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.actor import Actor
from ..core.channels import ARKIT, GROUP_OF, GROUPS
from ..core.face import FaceTrack
from ..core.track import Track
from . import gaze, pose
from .bridge import resample, without_spikes
from .face_model import FaceModel, face_model
from .lids import lids
from .measure import measure
from .rest import rest

EXPRESSION: tuple[str, ...] = tuple(name for name in ARKIT if GROUP_OF[name] != "gaze")
BLINK = [EXPRESSION.index("eyeBlinkLeft"), EXPRESSION.index("eyeBlinkRight")]
UPPER = [k for k, name in enumerate(EXPRESSION) if name.startswith(("brow", "eye"))]
LOWER = [k for k in range(len(EXPRESSION)) if k not in UPPER]
REGIONS = {"upper": UPPER, "lower": LOWER}
"""Brows and eyes, and the rest of the face."""
HEAD: tuple[str, ...] = GROUPS["head"]

DEAD = 0.04
"""Less than this of a coefficient is the landmarks' noise."""
SHUT = 0.6
"""A lid closed further hides the iris."""
TOUCHING, PARTED = 0.008, 0.02
"""Lips further apart than at rest by no more than the first (in eye distances) touch, by the second they do not."""
PARTING = {
    "mouthUpperUpLeft": "mouthRollUpper", "mouthUpperUpRight": "mouthRollUpper", "mouthShrugUpper": "mouthRollUpper",
    "mouthLowerDownLeft": "mouthRollLower", "mouthLowerDownRight": "mouthRollLower", "mouthFunnel": "",
}  # fmt: skip
"""What parts the lips, and what lets them meet all the same."""
UNSEEN_PARTING = 0.03
"""As much of what parts the lips is in lips that meet."""
WORST_FIT = 0.12
"""Landmarks whose rigid points lie further from a face's shape (in eye distances) are no face."""


@dataclass(frozen=True)
class Reading:
    """What a predictor reads from the frames that show a face.

    expression   float32 (N, len(EXPRESSION)) 0..1
    eyes         float32 (N, 4) radians: left yaw, pitch, right yaw, pitch, relative to the head
    head         float32 (N, 3) radians: yaw, pitch, roll
    each with a confidence 0..1 of the same shape
    together     float32 (N,) 1 where the landmarks of the lips meet, 0 where they part
    """

    expression: np.ndarray
    eyes: np.ndarray
    head: np.ndarray
    expression_confidence: np.ndarray
    eyes_confidence: np.ndarray
    head_confidence: np.ndarray
    together: np.ndarray


Predictor = Callable[[FaceTrack], Reading]
"""Reads a FaceTrack in which every frame has a face."""


def measured(
    track: FaceTrack, actor: Actor | None = None, fitted: pose.Pose | None = None, measures: np.ndarray | None = None
) -> Reading:
    """The predictor without a network: measures of landmarks, and MediaPipe's coefficients where they are better.

    actor             whose rest is known; else it is found among the frames
    fitted, measures  pose.fit of the track's points, and measure of those in head space, where they are known
    """
    model = face_model()
    fitted = fitted or pose.fit(track.points)
    head = pose.angles(fitted.rotation)
    measures = measure(fitted.points) if measures is None else measures
    neutral = rest(measures, model) if actor is None else measure(actor.points[None])[0]
    raw = (measures - neutral) @ model.weights
    column = {name: raw[:, c] for c, name in enumerate(model.channels)}
    sides = [np.stack([column[f"{side}EyeYaw"], column[f"{side}EyePitch"]], 1) for side in ("left", "right")]
    eyes = gaze.together(*sides, head, track.blendshapes is not None)
    column |= _lids(measures, neutral, eyes, model)
    reliable = dict(zip(model.channels, model.reliability, strict=True))

    values = np.stack([_coefficient(name, column, track, model) for name in EXPRESSION], 1)
    gap = model.measures.index("gap")
    together = np.clip((PARTED - measures[:, gap] + neutral[gap]) / (PARTED - TOUCHING), 0, 1)
    values = possible(values, together)
    front = _frontal(head)
    sure = np.array([reliable.get(name, 0.0) for name in EXPRESSION])[None] * _visible(head)
    if track.blendshapes is None:
        sure[:, EXPRESSION.index("tongueOut")] = 0.0

    blink = values[:, BLINK].max(1)
    open_eyes = np.where(blink < SHUT, 1.0, 0.0)[:, None]
    eyes_sure = np.array([reliable["leftEyeYaw"], reliable["leftEyePitch"]] * 2)[None] * front[:, None] * open_eyes
    head_sure = np.repeat(np.clip(1.3 - fitted.residual / WORST_FIT, 0, 1)[:, None], 3, 1)
    return Reading(*(a.astype(np.float32) for a in (values, eyes, head, sure, eyes_sure, head_sure, together)))


def by_shot(track: FaceTrack, predictor: Predictor) -> Reading:
    """Of the frames that show a face, each shot read by itself: another's rest is none of its own."""
    parts = [predictor(track.of(rows)) for rows in track.shots()]
    return Reading(*(np.concatenate([getattr(part, name) for part in parts]) for name in Reading.__dataclass_fields__))


def spans(track: FaceTrack) -> list[tuple[int, int]]:
    """Where each shot begins and ends among the frames that show a face."""
    ends = np.cumsum([0, *(len(rows) for rows in track.shots())])
    return list(zip(ends[:-1], ends[1:], strict=True))


def solve(track: FaceTrack, seconds: float, fps: float, predictor: Predictor = measured) -> dict[str, Track]:
    """Layer to Track, each of `seconds` at `fps` from time 0: `expression`, `gaze`, `head`.

    Frames without a face, and those whose landmarks leap away and back, have confidence 0 and are bridged.
    """
    frames = max(1, int(round(seconds * fps)))
    rows = np.flatnonzero(track.found)
    if not len(rows):
        layers = {"expression": EXPRESSION, "gaze": gaze.CHANNELS, "head": HEAD}
        return {k: Track.of(fps, names, np.zeros((frames, len(names))), 0.0) for k, names in layers.items()}
    reading = by_shot(track, predictor)
    steady = np.concatenate(
        [without_spikes(reading.head[a:b], track.times[rows[a:b]], np.radians(12.0)) for a, b in spans(track)]
    )[:, None]
    look = gaze.look(reading.eyes)
    look_sure = np.repeat(reading.eyes_confidence[:, :2].mean(1, keepdims=True), look.shape[1], 1)
    parts = {
        "expression": (EXPRESSION, reading.expression, reading.expression_confidence),
        "gaze": (
            gaze.CHANNELS,
            np.concatenate([reading.eyes, look], 1),
            np.concatenate([reading.eyes_confidence, look_sure], 1),
        ),
        "head": (HEAD, np.unwrap(reading.head, axis=0), reading.head_confidence),
    }
    out = {}
    for name, (channels, values, confidence) in parts.items():
        # every frame of the video has its place, so that a gap is seen as one
        all_values = np.zeros((track.frames, len(channels)), np.float32)
        all_confidence = np.zeros_like(all_values)
        all_values[rows], all_confidence[rows] = values, confidence * steady
        out[name] = resample(track.times, channels, all_values, all_confidence, fps, frames)
    return out


def _lids(measures: np.ndarray, neutral: np.ndarray, eyes: np.ndarray, model: FaceModel) -> dict[str, np.ndarray]:
    down = np.clip(eyes[:, 1] / gaze.LOOK, 0, 1)
    columns = {}
    for side in ("Left", "Right"):
        at = [model.measures.index(f"{name}{side}") for name in ("lidGap", "lidUpper", "lidLower")]
        three = lids(*measures[:, at].T, tuple(neutral[at]), down)
        columns |= dict(zip((f"eyeBlink{side}", f"eyeWide{side}", f"eyeSquint{side}"), three, strict=True))
    return columns


def _coefficient(name: str, column: dict[str, np.ndarray], track: FaceTrack, model: FaceModel) -> np.ndarray:
    """(N,) one channel, 0..1, from our own weights and MediaPipe's coefficient."""
    own = np.clip((column[name] - DEAD) / (1 - DEAD), 0, 1) if name in column else np.zeros(track.frames)
    if track.blendshapes is None or name not in model.channels:
        return own
    theirs = track.blendshapes[:, ARKIT.index(name)]
    # what a face shows in most frames is its rest, not an expression, as far as faces at rest differ
    theirs = theirs - min(float(np.percentile(theirs, 20)), 0.3)
    share = model.mediapipe[model.channels.index(name)]
    return (1 - share) * own + share * np.clip(theirs / 0.9, 0, 1)


def possible(values: np.ndarray, together: np.ndarray | None = None) -> np.ndarray:
    """What a face can do: mouthClose closes what jawOpen opens, one side at a time, wide or shut.

    together  (N,) 1 where the lips are seen to meet: nothing parts them then
    """
    values = values.copy()
    at = EXPRESSION.index
    jaw, close = at("jawOpen"), at("mouthClose")
    if together is not None:
        for name, roll in PARTING.items():
            hidden = UNSEEN_PARTING + (values[:, at(roll)] if roll else 0.0)
            values[:, at(name)] -= together * (values[:, at(name)] - hidden).clip(0)
        values[:, close] = np.maximum(values[:, close], values[:, jaw] * together)
    values[:, close] = np.minimum(values[:, close], values[:, jaw])
    for a, b in (("mouthLeft", "mouthRight"), ("jawLeft", "jawRight"), *(
        (f"eyeWide{side}", f"eyeBlink{side}") for side in ("Left", "Right")
    )):
        both = np.minimum(values[:, at(a)], values[:, at(b)])
        values[:, at(a)] -= both
        values[:, at(b)] -= both
    return values


def _frontal(head: np.ndarray) -> np.ndarray:
    """(N,) 1 for a face that looks into the camera, falling to 0.1 at 60 degrees."""
    turned = np.hypot(head[:, 0], head[:, 1])
    return np.clip(1 - (turned - np.radians(20)) / np.radians(45), 0.1, 1)


def _visible(head: np.ndarray) -> np.ndarray:
    """(N, len(EXPRESSION)): how well a channel is seen; the far side of a turned head vanishes first."""
    front = _frontal(head)[:, None]
    turned = np.clip(np.abs(head[:, 0]) / np.radians(45), 0, 1)[:, None] * 0.8
    left = np.array([name.endswith("Left") and name not in ("mouthLeft", "jawLeft") for name in EXPRESSION])
    right = np.array([name.endswith("Right") and name not in ("mouthRight", "jawRight") for name in EXPRESSION])
    far = np.where(head[:, :1] > 0, left[None], right[None])
    return front * np.where(far, 1 - turned, 1.0)
