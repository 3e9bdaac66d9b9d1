"""From landmarks of known faces to models/face_measures/weights.json."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...core.channels import ARKIT, mirrored
from ...solve import pose
from ...solve.face_model import FaceModel
from ...solve.measure import ACROSS, NAMES, measure
from .heads import rotation
from .landmarks import Seen
from .plan import GAZES, Truth
from .tables import BY_HAND, CHANNELS, GAIN, MIDLINE, OUTER_CORNERS, RELIABILITY, RIGID, SPREAD, TELLS

TAUGHT = (*CHANNELS, "leftEyeYaw", "leftEyePitch")
"""What moves the landmarks; of the eyes, which turn together, one stands for both."""
STIFFNESS = 0.3
"""Of the responses from isolated channels, in pictures."""
TRUST = 30.0
"""How many mixed pictures the responses from isolated ones outweigh."""
FOLDS = 5
SMALLEST = 2e-4
"""A weight that moves its channel by less, per standard deviation of the measure, is dropped."""
SHARES, CORRECTED, RAISED = np.arange(0.1, 0.71, 0.1), 0.01, 1.4
"""Of MediaPipe's coefficient: those tried, what each must add to the correlation, and about what GAIN does to ours."""

Picture = tuple[Truth, dict[str, Seen]]


@dataclass(frozen=True)
class Rows:
    """One row a picture, landmarker and side: every picture is there in the mirror too.

    change       (N, M) measures less those of the same face at rest
    truth        (N, C) of TAUGHT
    identity     (N,)
    blendshapes  (N, 52) MediaPipe's, NaN for the bundled landmarker and in the mirror
    """

    change: np.ndarray
    truth: np.ndarray
    identity: np.ndarray
    blendshapes: np.ndarray

    def of(self, name: str) -> np.ndarray:
        return self.truth[:, TAUGHT.index(name)]


def fit(isolated: Picture, mixed: Picture) -> dict:
    """What weights.json holds (see solve.face_model) from two sets of pictures that share no face."""
    shape = face_shape((isolated, mixed))
    measured = [(truth.resting, measures) for truth, measures in _measured((isolated, mixed), shape)]
    at_rest = np.concatenate([measures[resting & np.isfinite(measures).all(1)] for resting, measures in measured])
    usual, spread = _even(at_rest.mean(0)), at_rest.std(0)
    responses, together = _responses(rows(isolated, shape)), rows(mixed, shape)
    learned, guessed = _weights(together, responses), _held_out(together, responses)
    weights, reliability = {}, {}
    for name in (*TELLS, "leftEyeYaw", "leftEyePitch"):
        seen = _correlation(guessed[name].clip(0, 1), together.of(name)) if name in TELLS else 0.0
        gain = np.clip(1 / max(seen, 0.05), 1, GAIN)
        weights[name] = _by_hand(name, gain * learned[name] if name in TELLS else np.zeros(len(NAMES)))
        reliability[name] = RELIABILITY.get(name, max(seen, 0.0))
        weights.setdefault(mirrored(name), _flip(weights[name]) * (-1 if name == "leftEyeYaw" else 1))
        reliability.setdefault(mirrored(name), reliability[name])
    shares = {name: _share(name, together, guessed) for name in CHANNELS}
    enough = SMALLEST / (spread + 1e-3)
    return {
        "rigid": {str(i): [round(float(x), 4) for x in p] for i, p in zip(RIGID, shape.rigid_points, strict=True)},
        "mirror": shape.mirror.tolist(),
        "neutral": {
            name: [round(float(middle), 4), round(float(max(wide, _least_spread(name))), 4)]
            for name, middle, wide in zip(NAMES, usual, spread, strict=True)
        },
        "channels": {
            name: {
                "reliability": round(float(reliability[name]), 3),
                "mediapipe": round((shares.get(name, 0.0) + shares.get(mirrored(name), 0.0)) / 2, 2),
                "weights": {
                    NAMES[m]: float(f"{weights[name][m]:.4g}") for m in np.flatnonzero(np.abs(weights[name]) > enough)
                },
            }
            for name in (*CHANNELS, *GAZES)
        },
    }


def face_shape(sets: Iterable[Picture]) -> FaceModel:
    """The average face with the head's true rotation taken out: its rigid points and mirror, and no channels yet."""
    rigid = list(RIGID)
    upright = []
    for truth, seen in sets:
        turned = np.array([rotation(*angles) for angles in np.radians(truth.pose)])
        for landmarks in seen.values():
            points = landmarks.points * np.array([1, -1, -pose.DEPTH])
            heads = np.einsum("nji,npj->npi", turned, points)[np.isfinite(points).all((1, 2))]
            heads = heads - heads[:, rigid].mean(1, keepdims=True)
            upright.append(heads / np.sqrt((heads[:, rigid] ** 2).sum((1, 2)))[:, None, None])
    face = np.concatenate(upright).mean(0)
    face[:, 0] -= face[MIDLINE, 0].mean()
    flipped = face * [-1, 1, 1]
    distance = np.linalg.norm(face[:, None] - flipped[None], axis=2)
    mirror = linear_sum_assignment(distance + distance.T)[1]
    if (mirror[mirror] != np.arange(len(face))).any():
        raise ValueError("the average face has no two sides: too few pictures, or none with a face")
    face = (face + flipped[mirror]) / 2
    face /= np.linalg.norm(np.subtract(*face[list(OUTER_CORNERS)]))
    face -= face[rigid].mean(0)
    nothing = np.zeros(0)
    return FaceModel(
        np.array(rigid), face[rigid].round(4), mirror, (), nothing, nothing, (), np.zeros((0, 0)), nothing, nothing
    )


def _measured(sets: Iterable[Picture], shape: FaceModel) -> Iterable[tuple[Truth, np.ndarray]]:
    for truth, seen in sets:
        for landmarks in seen.values():
            found = np.isfinite(landmarks.points).all((1, 2))
            measures = np.full((len(found), len(NAMES)), np.nan)
            measures[found] = measure(pose.fit(landmarks.points[found], shape).points, shape)
            yield truth, measures


def rows(pictures: Picture, shape: FaceModel) -> Rows:
    """Those pictures whose face was found, at rest too."""
    truth, seen = pictures
    taught = np.stack([truth.channel(name) for name in TAUGHT], 1)
    change = np.concatenate([m - _own_rest(truth, m) for _, m in _measured([pictures], shape)])
    swap = [TAUGHT.index(name if name == "leftEyeYaw" else _taught(mirrored(name))) for name in TAUGHT]
    sides = np.where([name == "leftEyeYaw" for name in TAUGHT], -1, 1)
    nothing = np.full((len(truth.identity), 52), np.nan)
    scores = np.concatenate([nothing if s.blendshapes is None else s.blendshapes for s in seen.values()])
    taught, identity = np.concatenate([taught] * len(seen)), np.concatenate([truth.identity] * len(seen))
    known = np.isfinite(change).all(1)
    change, taught, identity, scores = change[known], taught[known], identity[known], scores[known]
    return Rows(
        np.concatenate([change, _flip(change)]), np.concatenate([taught, taught[:, swap] * sides]),
        np.concatenate([identity, identity]), np.concatenate([scores, np.full_like(scores, np.nan)]),
    )  # fmt: skip


def _taught(name: str) -> str:
    return name.replace("right", "left") if name in GAZES else name


def _own_rest(truth: Truth, measures: np.ndarray) -> np.ndarray:
    """(N, M) measures of each picture's face at rest, NaN where it has no such picture."""
    out = np.full_like(measures, np.nan)
    for identity in np.unique(truth.identity[truth.resting]):
        own = truth.identity == identity
        out[own] = measures[own & truth.resting].mean(0)
    return out


def _responses(alone: Rows) -> np.ndarray:
    """(C, M): how far each channel at 1 moves the measures."""
    gram = alone.truth.T @ alone.truth + STIFFNESS * np.eye(len(TAUGHT))
    return np.linalg.solve(gram, alone.truth.T @ alone.change)


def _weights(together: Rows, responses: np.ndarray) -> dict[str, np.ndarray]:
    """Channel to weights (M,), zero but for the measures that tell of it: the linear estimate of least expected error.

    The measures are responses * channels + noise; the mixed pictures refine the responses, and give the second moments
    of the channels and of the noise.
    """
    truth, change = together.truth, together.change
    responses = responses + np.linalg.solve(
        truth.T @ truth + TRUST * np.eye(len(TAUGHT)), truth.T @ (change - truth @ responses)
    )
    left_over = change - truth @ responses
    noise = left_over.T @ left_over / max(len(change) - len(TAUGHT), 20)
    noise = 0.85 * noise + 0.15 * np.diag(np.diag(noise)) + 1e-6 * np.eye(len(noise))
    moments = truth.T @ truth / max(len(truth), 1)
    moments = 0.9 * moments + 0.1 * np.diag(np.diag(moments)) + 1e-5 * np.eye(len(moments))
    out = {}
    for name, measures in TELLS.items():
        at = [NAMES.index(measure) for measure in measures]
        response = responses[:, at]
        out[name] = np.zeros(len(NAMES))
        out[name][at] = np.linalg.solve(
            response.T @ moments @ response + noise[np.ix_(at, at)], response.T @ moments[:, TAUGHT.index(name)]
        )
        if mirrored(name) == name:
            out[name] = _even(out[name])
    return out


def _held_out(together: Rows, responses: np.ndarray) -> dict[str, np.ndarray]:
    """Channel to (N,), each person read by what the others taught."""
    fold = np.unique(together.identity, return_inverse=True)[1] % FOLDS
    out = {name: np.zeros(len(fold)) for name in TELLS}
    for k in range(FOLDS):
        rest, own = fold != k, fold == k
        others = Rows(together.change[rest], together.truth[rest], together.identity[rest], together.blendshapes[rest])
        for name, weights in _weights(others, responses).items():
            out[name][own] = together.change[own] @ weights
    return out


def _share(name: str, together: Rows, guessed: dict[str, np.ndarray]) -> float:
    """How much of MediaPipe's coefficient makes the channel better, 0..0.7, judged by people held out."""
    straight = np.arange(len(together.truth)) < len(together.truth) // 2
    theirs = together.blendshapes[straight, ARKIT.index(name)].clip(0, 1)
    # the right side is the left one of the picture in the mirror
    own = (guessed[name][straight] if name in TELLS else guessed[mirrored(name)][~straight]).clip(0, 1)
    there = np.isfinite(theirs)
    theirs, own, truth = theirs[there], own[there], together.of(name)[straight][there]
    share, best = 0.0, _correlation(own, truth)
    for tried in SHARES:
        reached = _correlation((1 - tried) * RAISED * own + tried * theirs, truth)
        if reached > best + CORRECTED:
            share, best = float(tried), reached
    return share


def _by_hand(name: str, weights: np.ndarray) -> np.ndarray:
    share, set_by_hand = BY_HAND.get(name, (1.0, {}))
    weights = share * weights
    for measure_name, weight in set_by_hand.items():
        weights[NAMES.index(measure_name)] += weight
    return weights


def _flip(measures: np.ndarray) -> np.ndarray:
    """(..., M) of the face in the mirror."""
    swap = [NAMES.index(name if name in ACROSS else mirrored(name)) for name in NAMES]
    return measures[..., swap] * np.where(np.isin(NAMES, list(ACROSS)), -1, 1)


def _even(measures: np.ndarray) -> np.ndarray:
    return (measures + _flip(measures)) / 2


def _least_spread(name: str) -> float:
    return next((least for start, least in SPREAD.items() if name.startswith(start)), 0.0)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, 0 where one is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0
