"""What is learned of an Actor from a clip, and what it does to a reading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.actor import Actor
from ..core.channels import mirrored
from ..core.face import EYE_PIXELS, FaceTrack
from ..errors import InputError
from . import pose
from .expression import EXPRESSION, Predictor, Reading, possible

NEAR_S = 0.1
"""A marked moment is the frames within this of it."""
MISSED_S = 0.5
"""A moment that is marked must show the face at least so near to it."""
FULL, LEAST, MOST = 99.5, 0.35, 2.0
"""Percentile of a channel that is its extreme in a clip of extremes; one that stays lower was not shown; the largest
gain."""


def at(track: FaceTrack, seconds: float) -> Actor:
    """The face as it is at a moment, counted from the clip's start. Raises InputError where it is not seen then."""
    away = np.where(track.found, np.abs(track.times - seconds), np.inf)
    if away.min() > MISSED_S:
        raise InputError(
            f"no face is seen {seconds:.2f} s into the clip", "name a moment at which the face is seen and at rest"
        )
    rows = np.flatnonzero(away <= max(NEAR_S, away.min()))
    return of(track, rows, rows)


def of(track: FaceTrack, upper: np.ndarray, lower: np.ndarray) -> Actor:
    """The mean of the frames in which the face rests: rows for brows and eyes, rows for the rest of it."""
    rows = np.concatenate([upper, lower])
    fitted = pose.fit(track.points[rows])
    n = len(upper)
    points = joined(fitted.points[:n].mean(0), fitted.points[n:].mean(0))
    crops = None
    if track.crops is not None:
        eyes, others = (track.crops[part].mean(0) for part in (upper, lower))
        crops = np.rint(np.concatenate([eyes[:EYE_PIXELS], others[EYE_PIXELS:]])).astype(np.uint8)
    return Actor(points, pose.angles(fitted.rotation).mean(0).astype(np.float32), crops)


def joined(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """float32 (478, 3): points of `upper` above the middle of the nose, of `lower` below."""
    share = np.clip(lower[:, 1:2] / 0.1 + 0.5, 0, 1)
    return (share * upper + (1 - share) * lower).astype(np.float32)


def with_range(actor: Actor, reading: Reading) -> Actor:
    """With gains by which the extremes of a clip that shows them all become 1; both sides alike."""
    tops = dict(zip(EXPRESSION, np.percentile(reading.expression, FULL, axis=0), strict=True))
    tops = {name: max(top, tops[mirrored(name)]) for name, top in tops.items()}
    return replace(actor, gains={n: float(np.clip(1 / top, 0.5, MOST)) for n, top in tops.items() if top >= LEAST})


def played(actor: Actor, predictor: Predictor) -> Predictor:
    """Another Predictor, times the actor's gains."""
    gains = np.array([actor.gains.get(name, 1.0) for name in EXPRESSION], np.float32)

    def read(track: FaceTrack) -> Reading:
        reading = predictor(track)
        return replace(reading, expression=possible(np.clip(reading.expression * gains, 0, 1)))

    return read
