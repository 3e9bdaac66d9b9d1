"""The face as the emotion network sees it: a small grey picture; and what it says over time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.emotion import FACE_LABELS, LABELS
from ..core.face import PORTRAIT
from .affect import AFFECT
from .crops import Crop, cut

FRAME = {"face": Crop((168, 4, 61, 291), 0.416, 3.245, PORTRAIT, PORTRAIT)}
"""Cut as FER2013's pictures are: in 486 of 500 of them MediaPipe's face mesh finds the face; the median of a unit is
14.79 pixels, that of the middle of these landmarks 6.15 below the picture's."""
HZ = 8.0
"""Of what is said over time."""
LOOKS_HZ = 2.0
"""How often a video is looked at. Twice as often says much the same (in six videos another emotion is the likeliest in
3 % of the time), and takes a tenth of the time that landmarks take."""
DWELL_S = 1.5
"""How long a look stays on a face: half a second to four (Ekman 2003)."""
LOOK_S = 1.5
"""Pictures that are nearer to each other are not independent: together they count as one, or an error of the network
that lasts would become a certainty."""
NEAR_S, FAR_S = 0.3, 0.8
"""A picture speaks for so much time around it in full, and beyond the second not at all."""
RESTS = 0.7
"""How neutral a face at rest is; the other emotions share the rest of 1."""
DIMENSIONS = ("arousal", "valence")


Predictor = Callable[[np.ndarray], np.ndarray]
"""Pictures uint8 (n, PORTRAIT, PORTRAIT) to probabilities of FACE_LABELS float32 (n, labels), each row 1 in all."""


def portrait(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """uint8 (PORTRAIT, PORTRAIT), upright, of a picture uint8 (H, W, 3) RGB and the face's landmarks (478, 3) in it."""
    return cut(image, points, FRAME).reshape(PORTRAIT, PORTRAIT)


def against_rest(said: np.ndarray, rested: np.ndarray, sure: float) -> np.ndarray:
    """Probabilities (n, labels) less what this face is taken for when it does nothing: high brows are not surprise.

    rested  (m, labels): what its pictures at rest said; sure: 0..1 how much it was at rest then
    """
    if not len(rested):
        return said
    neutral = np.array([label == "neutral" for label in FACE_LABELS])
    over = np.log(np.maximum(rested, 1e-4)).mean(0) - np.log(np.where(neutral, RESTS, (1 - RESTS) / (~neutral).sum()))
    over = np.where(neutral, np.minimum(over, 0), np.maximum(over, 0))
    chances = said * np.exp(-sure * over)
    return chances / chances.sum(1, keepdims=True)


def followed(said: np.ndarray, times: np.ndarray, shot: np.ndarray | None = None) -> np.ndarray:
    """What is felt at each picture, given all of them: float64 (n, labels), each row 1 in all.

    said   (n, labels) probabilities by each picture alone; times (n,) seconds, rising; shot (n,): where its number
    changes another face may be seen
    A hidden Markov model (Rabiner 1989) whose state, the emotion, lasts DWELL_S in the mean, and then is any: the
    recursion forth and back. What a picture says is weighed by the time since the last one over LOOK_S. The constants
    are chosen, not learned: the network's pictures are single ones.
    """
    if not len(times):
        return np.zeros((0, len(FACE_LABELS)))
    since = np.diff(times)
    weight = np.clip(np.append(since[:1], since) / LOOK_S, 0, 1) if len(times) > 1 else np.ones(1)
    evidence = np.maximum(said, 1e-4) ** weight[:, None]
    stays = np.exp(-since / DWELL_S)
    if shot is not None:
        stays = stays * (np.diff(shot) == 0)
    forth = _recursion(evidence, stays)
    back = _recursion(evidence[::-1], stays[::-1])[::-1]
    # both count the picture itself
    felt = forth * back / evidence
    return felt / felt.sum(1, keepdims=True)


def _recursion(evidence: np.ndarray, stays: np.ndarray) -> np.ndarray:
    out = np.empty_like(evidence)
    now = evidence[0] / evidence[0].sum()
    out[0] = now
    for k, stay in enumerate(stays, 1):
        now = (stay * now + (1 - stay) / len(now)) * evidence[k]
        now = now / now.sum()
        out[k] = now
    return out


def over_time(
    said: np.ndarray, times: np.ndarray, seconds: float, shot: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of LABELS float32 (F, L) at HZ from 0 and how sure it is that a face was seen (F,) 0..1.

    said, times, shot  as in `followed`. Rows are 1 in all, or zeros where no face was seen near.
    """
    grid = np.arange(max(1, int(np.ceil(seconds * HZ - 1e-6)))) / HZ
    values = np.zeros((len(grid), len(LABELS)), np.float32)
    if not len(times):
        return values, np.zeros(len(grid), np.float32)
    felt = followed(said, times, shot)
    after = np.clip(np.searchsorted(times, grid), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    away = np.minimum(np.abs(times[after] - grid), np.abs(times[before] - grid))
    sure = np.clip((FAR_S - away) / (FAR_S - NEAR_S), 0, 1)
    for k, label in enumerate(FACE_LABELS):
        values[:, LABELS.index(label)] = np.interp(grid, times, felt[:, k]) * (sure > 0)
    return values, sure.astype(np.float32)


def affect(probabilities: np.ndarray) -> np.ndarray:
    """float32 (F, 2) arousal 0..1 and valence -1..1 of probabilities (F, L): by a table of the labels (see AFFECT), so
    that they say no more than these do."""
    table = np.array([AFFECT[label] for label in LABELS])
    arousal, valence = (np.asarray(probabilities, float) @ table).T
    return np.stack((0.5 + 0.5 * arousal, valence), 1).astype(np.float32)
