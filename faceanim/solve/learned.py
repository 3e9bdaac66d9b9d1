"""The predictor with a network (models/face_expression): what goes in, what comes out, and the face's own rest.

The network is a callable that this module is given; see core.face for what they speak in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..core.actor import Actor
from ..core.channels import ARKIT
from ..core.face import FaceTrack, Reader, Rest, Seen
from . import gaze, pose
from .actors import joined
from .expression import BLINK, EXPRESSION, LOWER, REGIONS, Predictor, Reading, measured, possible
from .hidden import PART, filled
from .measure import NAMES, measure
from .mouth_opening import as_open
from .mouth_width import as_wide, width
from .neighbours import alike, lasting, step
from .turning import APART_S, unturned

EYES: tuple[str, ...] = ("leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch")
COVERED: tuple[str, ...] = ("hiddenEyeLeft", "hiddenEyeRight", "hiddenMouth")
"""0..1: how much of an eye with its brow, or of the mouth, something hides."""
OUTPUTS: tuple[str, ...] = (*EXPRESSION, *EYES, *COVERED, "turnX", "turnY", "turnZ")
"""The last three: a rotation vector in head space (radians) that follows the rotation which the points gave."""
FACE, TURN = slice(0, len(EXPRESSION)), slice(-3, None)
LOOK, HIDDEN = slice(len(EXPRESSION), len(EXPRESSION) + 4), slice(-6, -3)

LIDS = tuple(k for k, name in enumerate(EXPRESSION) if name.startswith("eye"))
BROWS = [k for k, name in enumerate(EXPRESSION) if name.startswith("brow")]
MEASURED = np.array([{"eyeB": 0.4, "brow": 0.4, "jawO": 0.4}.get(name[:4], 0.0) for name in EXPRESSION])
"""How much the measures of solve.expression count in a clip, at least: brows, jaws and lids of real faces move the
landmarks further than those of the rendered ones that the network learned from."""
GAP_BY = 0.2
"""How far off the lids' gap tells eyeBlink: it counts half where the network is as unsure, more where it is more
so, as of winks, of which it saw few."""
FULL, MOVED, WIDEST, MANY = 98, 0.25, 2.0, 8
"""The percentile that is a channel's range in a clip, from where on a channel has moved, the largest factor of a range,
and how many frames tell it."""
FACING = np.radians([12.0, 30.0])
"""All of that up to the first turn of the head, nothing beyond the second."""
RESTING, MOST, ALIKE = 0.15, 60, 0.25
"""The share of the frames that show the face at rest, how many at most, and by how much one may show more than the
stillest."""
USUAL_LIDS = 40
"""The percentile over a clip that is what lids do at rest. Eyes rest most of the time as they usually are; what shows
least are lids on their way in a blink, or above eyes that look down, which take the width of wide eyes away."""
UNREST, MOVED_BY = (0.7, 1.3), 0.25
"""The sum of a region's coefficients (of eyes none: large ones are no wide ones), read without knowing the rest, less
this share of what the region moves by, of a face that is at rest and of one that holds an expression. Who moves much
and comes back to it has his rest there, and who hardly moves may hold what is read."""
LASTS_S, LASTING, PARTED = 0.8, 0.5, 6.0
"""A mouth at rest lasts: the median over so long shows hardly more than anywhere; one on its way from one sound to the
next may show as little for a moment, and pursed lips less than the lips of a full face at rest do. And its lips are
together: how far they are apart (in eye distances) counts so much."""
MOVES = 90
"""The percentile of the frames' difference from rest that is what a region moves by."""
LEVEL = 0.15
"""What a coefficient may be at rest by the network's fault."""
AHEAD, ALONG, LOOKS = np.radians(8.0), np.radians(4.0), 30
"""How far eyes that are at rest in the middle of their sockets may be read from it, how near to each other such looks
are, and how many frames tell them."""
TAUGHT = 0.025
"""A channel whose truth never moved by as much was not taught."""
STILL = 1.0, 3.5
"""The sums of all coefficients, read so, of a face that certainly is at rest, and of one that certainly is not."""
TURNED = 1.0
"""What a radian of the head's turn counts in that sum: a face seen from the front is known best."""
SHUT = 0.6
"""A lid closed further hides the iris."""
OPEN = 0.3
"""A lid closed less does not hide where the iris is."""
CROSSES_BY = 0.5
"""What eyes turn to each other (radians) differs by as much from frame to frame."""
USUAL = np.log(0.2)
"""Seen.place's last, of a face that is near the camera but not all of the picture."""
LEAST = 0.05
"""The confidence of what is seen, however badly: 0 is left to what is not seen at all."""
UNSEEN = 10.0
"""The deviation (radians) of an eye that is hidden."""
WORST_FIT = 0.16
"""Landmarks whose rigid points lie further from a face's shape (in eye distances) are no face."""
DEAD = 0.06
"""Coefficients about as small are drawn to 0, so that a face at rest does not twitch."""
SMOOTH_S = {"lids": 0.045, "lower": 0.045, "look": 0.06, "other": 0.09}
SMOOTH_BY = {"lids": 0.07, "lower": 0.07, "look": 0.08, "other": 0.12}
"""Values nearer in time and in size than about this are averaged: a still face is still, and a blink stays sharp.
Lids are the fastest, speech moves the lower face fast, and eyes leap."""
WINK_S = 0.25
"""Lids that are apart for less are no wink."""
STILL_S = {"lids": 0.35, "lower": 0.25, "look": 0.4, "other": 0.4}
STILL_BY = {"lids": 0.07, "lower": 0.05, "look": 0.04, "other": 0.08}
"""And what is left of a face at rest, over longer; lips that speak move by little."""
TREMBLES = 0.02
"""Lips are apart by as much by their landmarks' trembling, in eye distances."""


def seen(track: FaceTrack) -> tuple[Seen, pose.Pose]:
    """What the network sees of a FaceTrack, with crops or views, in which every frame has a face."""
    fitted = pose.fit(track.points)
    n = track.frames
    task = track.blendshapes is not None
    return Seen(
        points=fitted.points,
        pose=pose.angles(fitted.rotation).astype(np.float32),
        crops=np.zeros((n, 0), np.uint8) if track.crops is None else track.crops,
        scores=np.asarray(track.blendshapes, np.float32) if task else np.zeros((n, len(ARKIT)), np.float32),
        kind=np.full((n, 1), float(task), np.float32),
        place=pose.place(fitted, np.array(track.size) / 2, max(track.size)),
    ), fitted


def arranged(reader: Reader, outputs: Sequence[str]) -> Reader:
    """A Reader of OUTPUTS from one of these outputs; what that does not tell is 0."""
    if tuple(outputs) == OUTPUTS:
        return reader
    has = np.array([name in outputs for name in OUTPUTS])
    at = [outputs.index(name) for name in OUTPUTS if name in outputs]

    def wide(values: np.ndarray) -> np.ndarray:
        out = np.zeros((*values.shape[:-1], len(OUTPUTS)), values.dtype)
        out[..., has] = values[..., at]
        return out

    def read(frames: Seen, views: np.ndarray, rest: Rest | None) -> tuple[np.ndarray, np.ndarray]:
        values, deviation = reader.read(frames, views, rest)
        return wide(values), wide(deviation)

    return reader._replace(read=read, spread=wide(reader.spread) + ~has)


def predictor(reader: Reader, clip: bool = True, actor: Actor | None = None) -> Predictor:
    """A Predictor that reads faces by the network.

    clip   the frames follow each other and are of one person, whose rest is found among them; else each stands alone
    actor  the person, whose rest is known
    """
    known = None if actor is None or actor.crops is None else _known(reader, actor)

    def read(track: FaceTrack) -> Reading:
        frames, fitted = seen(track)
        views = reader.view(frames.crops) if track.views is None else track.views
        if known is not None:
            rest, level = known
            values, deviation = reader.read(frames, views, rest)
            values = levelled(values, level)
        else:
            values, deviation = reader.read(frames, views, None)
        together, inward = np.zeros((2, len(values)), np.float32)
        if clip:
            measures = measure(fitted.points)
            parted = measures[:, NAMES.index("gap")]
            found = resting(values, frames, parted, track.times) if known is None else None
            if found is not None and any(found.sure.values()):
                alone = values
                values, deviation = reader.read(frames, views, own_rest(found.rows, frames, views, reader.split))
                values = levelled(values, levels(values, found.rows))
                values[:, LOOK] -= looking_ahead(values[:, LOOK])
                for region, columns in REGIONS.items():
                    values[:, columns] += (1 - found.sure[region]) * (alone - values)[:, columns]
            turn = np.abs(frames.pose[:, :2]).max(1, keepdims=True)
            landmarks = measured(track, actor, fitted, measures)
            told = landmarks.expression
            told[:, BLINK] = winking(told[:, BLINK], track.times)
            values[:, FACE] += measures_count(deviation[:, FACE], turn) * (told - values[:, FACE])
            values[:, BROWS] *= ranging(values[:, BROWS], told[:, BROWS], turn[:, 0] < FACING[1])
            wider, sure = widened(fitted.points, actor, found)
            seen_well = facing(turn[:, 0]) * (values[:, HIDDEN][:, 2] <= PART)
            correct(values, lambda shown: as_wide(shown, wider, sure * seen_well))
            together = landmarks.together[:, None] * facing(turn)
            together = alike(together, track.times, np.array([SMOOTH_S["lower"]]), np.ones_like(together))[:, 0]
            inward = crossed(values, gaze.crossing(measures), turn[:, 0], track.times)
            values = steady(values, deviation, track.times)
            # after the average, which takes from the openings of fast speech
            correct(values, lambda shown: as_open(shown, still(parted, track.times), seen_well))
            values[:, FACE] = unturned(values[:, FACE], frames.pose[:, :2], track.times)
            values[:, LOOK] = behind_lids(values[:, LOOK], calmed(values[:, BLINK]).max(1), track.times)
        return reading(values, deviation, reader.spread, fitted, together, inward)

    return read


def reading(
    values: np.ndarray, deviation: np.ndarray, spread: np.ndarray, fitted: pose.Pose, together: np.ndarray,
    inward: np.ndarray | float = 0.0,
) -> Reading:  # fmt: skip
    """From the network's outputs (N, len(OUTPUTS)), their deviations, and the truth's own spread (len(OUTPUTS),).

    together  (N,) 1 where the lips are seen to meet: nothing parts them then
    inward    (N,) radians by which the eyes are turned to each other
    """
    sure = np.sqrt(np.clip(1 - (deviation / spread) ** 2, LEAST**2, 1)) * (spread > TAUGHT)
    face = np.clip(values[:, FACE], 0, 1)
    hidden = values[:, HIDDEN][:, 2] > PART
    face = possible(calmed(face), np.where(hidden, 0, together))
    face, face_sure = filled(face, sure[:, FACE], values[:, HIDDEN])
    blink = face[:, BLINK].max(1)
    unseen = np.repeat(values[:, HIDDEN][:, :2] > PART, 2, 1)
    look_deviation = np.where(unseen, UNSEEN, deviation[:, LOOK])
    eyes, eyes_sure = both_eyes(values[:, LOOK], look_deviation, np.where(unseen, 0, sure[:, LOOK]))
    eyes[:, 0] -= inward / 2
    eyes[:, 2] += inward / 2
    eyes = eyes.clip(-gaze.LIMIT, gaze.LIMIT)
    eyes_sure = eyes_sure * (blink < SHUT)[:, None]
    head = pose.angles(fitted.rotation @ turned(values[:, TURN]))
    head_sure = np.repeat(np.clip(1.3 - fitted.residual / WORST_FIT, 0, 1)[:, None], 3, 1)
    return Reading(*(a.astype(np.float32) for a in (face, eyes, head, face_sure, eyes_sure, head_sure, together)))


def calmed(values: np.ndarray) -> np.ndarray:
    """Coefficients of which those about as small as DEAD are drawn to 0."""
    values = np.clip(values, 0, 1)
    return values**2 * (1 + DEAD) / (values + DEAD)


def roused(values: np.ndarray) -> np.ndarray:
    """The coefficients that `calmed` makes these of."""
    return (values + np.sqrt(values**2 + 4 * DEAD * (1 + DEAD) * values)) / (2 + 2 * DEAD)


def correct(values: np.ndarray, how: Callable[[np.ndarray], np.ndarray]) -> None:
    """Changes the coefficients in outputs (N, len(OUTPUTS)) by how they are shown once they are calmed."""
    shown = calmed(values[:, FACE])
    corrected = how(shown)
    values[:, FACE] = np.where(corrected == shown, values[:, FACE], roused(corrected))


def both_eyes(look: np.ndarray, deviation: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 4) eyes that move together, the better seen one counting more, and their confidence."""
    weight = 1 / np.square(deviation).clip(1e-6)
    weight = weight.reshape(-1, 2, 2)
    both = (look.reshape(-1, 2, 2) * weight).sum(1) / weight.sum(1)
    both = np.clip(both, -gaze.LIMIT, gaze.LIMIT)
    return np.concatenate([both, both], 1), np.tile(sure.reshape(-1, 2, 2).max(1), (1, 2))


def behind_lids(look: np.ndarray, blink: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Eyes (N, 4) that lids (N,) hide: on the straight way from where they were to where they come out."""
    open_ = blink < SHUT
    if open_.all() or not open_.any() or step(times) > APART_S:
        return look
    return np.stack([np.interp(times, times[open_], column[open_]) for column in look.T], 1).astype(look.dtype)


def crossed(values: np.ndarray, inward: np.ndarray, turn: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(N,) how far the eyes are turned to each other: as seen in frames whose open eyes look ahead into the camera, and
    as in those around in the others."""
    unhidden = values[:, HIDDEN][:, :2].max(1) <= PART
    ahead = np.abs(values[:, LOOK][:, [0, 2]]).max(1) < gaze.AHEAD
    seen_well = unhidden & ahead & (turn < FACING.mean()) & (values[:, BLINK].max(1) < OPEN)
    if seen_well.sum() < MANY:
        return np.zeros(len(values), np.float32)
    inward = np.interp(times, times[seen_well], inward[seen_well])[:, None]
    return alike(inward, times, np.array([STILL_S["look"]]), np.full_like(inward, CROSSES_BY))[:, 0]


class Resting(NamedTuple):
    """Of every region of REGIONS the rows of the frames in which it shows least, and 0..1 whether that is its rest."""

    rows: dict[str, np.ndarray]
    sure: dict[str, float]


def resting(values: np.ndarray, frames: Seen, parted: np.ndarray, times: np.ndarray) -> Resting:
    """Where a face rests whose outputs (N, len(OUTPUTS)) were read without knowing its rest.

    parted  (N,) how far its lips are apart, in eye distances; times (N,) seconds
    """
    away = TURNED * np.abs(frames.pose[:, :2]).sum(1)
    count = int(np.clip(np.ceil(RESTING * len(values)), 1, MOST))
    shown = values[:, FACE].clip(0)
    usual = np.percentile(shown[:, LIDS], USUAL_LIDS, axis=0)
    shown[:, LIDS] = usual + np.abs(shown[:, LIDS] - usual)
    look = values[:, LOOK] - np.median(values[:, LOOK], 0)
    rows, sure = {}, {}
    for region, columns in REGIONS.items():
        unrest = shown[:, columns].sum(1) + away
        if region == "upper":
            lasts = unrest = unrest + np.abs(look).mean(1)
        else:
            unrest = unrest + PARTED * parted.clip(0)
            lasts = lasting(unrest[:, None], times, LASTS_S)[:, 0]
        order = np.argsort(unrest, kind="stable")
        least = order[lasts[order] <= lasts.min() + LASTING][:count]
        rows[region] = least = least[unrest[least] <= unrest[least[0]] + ALIKE]
        told = shown[:, [c for c in columns if c not in LIDS]]
        moves = np.percentile(np.abs(told - np.median(told[least], 0)).sum(1), MOVES)
        held = np.median(told[least].sum(1)) - MOVED_BY * moves
        sure[region] = float(np.clip((UNREST[1] - held) / (UNREST[1] - UNREST[0]), 0, 1))
    return Resting(rows, sure)


def at_rest(reader: Reader, track: FaceTrack) -> tuple[Resting, np.ndarray, float]:
    """(where it rests, the times at which either region does, 0..1 how much the face is at rest then) of a FaceTrack as
    a Predictor takes it."""
    frames, fitted = seen(track)
    values, _ = reader.read(frames, reader.view(frames.crops) if track.views is None else track.views, None)
    found = resting(values, frames, measure(fitted.points)[:, NAMES.index("gap")], track.times)
    shown = sum(values[np.ix_(found.rows[region], c)].clip(0).sum(1).mean() for region, c in REGIONS.items())
    sure = float(np.clip((STILL[1] - shown) / (STILL[1] - STILL[0]), 0, 1))
    return found, track.times[np.union1d(*found.rows.values())], sure


def _known(reader: Reader, actor: Actor) -> tuple[Rest, np.ndarray]:
    """The actor's rest, and what the network reads from it all the same."""
    view = reader.view(actor.crops[None])
    frames = Seen(
        actor.points[None], actor.pose[None], actor.crops[None], np.zeros((1, len(ARKIT)), np.float32),
        np.zeros((1, 1), np.float32), np.array([[0, 0, 0, USUAL]], np.float32),
    )  # fmt: skip
    rest = Rest(actor.points, view[0])
    values, _ = reader.read(frames, view, rest)
    return rest, values[0, FACE]


def own_rest(rows: dict[str, np.ndarray], frames: Seen, views: np.ndarray, split: int) -> Rest:
    """The face at rest: the mean of those frames, above the middle of the nose of `upper`, below of `lower`; split: of
    a Reader."""
    points = joined(*(frames.points[rows[region]].mean(0) for region in REGIONS))
    view = np.concatenate([_mean_seen(views[rows["upper"], :split]), _mean_seen(views[rows["lower"], split:])])
    return Rest(points, view.astype(np.float32))


def _mean_seen(views: np.ndarray) -> np.ndarray:
    """Of the rows that are not NaN, column by column."""
    there = np.isfinite(views)
    with np.errstate(invalid="ignore"):
        return np.where(there, views, 0).sum(0) / there.sum(0)


def ranging(values: np.ndarray, measures: np.ndarray, facing: np.ndarray) -> np.ndarray:
    """(C,) factors that bring the range of values (N, C) half the way to that of the measures, where that is larger.

    facing  (N,) bool: the frames in which the measures can be trusted
    """
    if facing.sum() < MANY:
        return np.ones(values.shape[1])
    own, told = (np.percentile(a[facing], FULL, axis=0) for a in (values, measures))
    return np.where(told > MOVED, np.sqrt(told / own.clip(0.01)).clip(1, WIDEST), 1)


def measures_count(deviation: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """(N, len(EXPRESSION)) 0..1: how much the measures of solve.expression count beside what was read with a deviation
    (N, len(EXPRESSION)) of a head that is turned by `turn` (N, 1) radians."""
    share = np.broadcast_to(MEASURED, deviation.shape).copy()
    unsure = deviation[:, BLINK] ** 2
    share[:, BLINK] = np.maximum(share[:, BLINK], unsure / (unsure + GAP_BY**2))
    return share * facing(turn)


def facing(turn: np.ndarray) -> np.ndarray:
    """1 for heads turned by (...) radians that face the camera, 0 for such as are turned away (FACING)."""
    return np.clip((FACING[1] - turn) / (FACING[1] - FACING[0]), 0, 1)


def widened(points: np.ndarray, actor: Actor | None, found: Resting | None) -> tuple[np.ndarray, float]:
    """(N,) by what share of its width at rest the mouth of points (N, 478, 3) is wider, and 0..1 whether that is known;
    one of the others tells the rest."""
    wide = width(points)
    if actor is not None:
        return wide / width(actor.points[None]) - 1, 1.0
    return wide / np.median(wide[found.rows["lower"]]) - 1, found.sure["lower"]


def levels(values: np.ndarray, rows: dict[str, np.ndarray]) -> np.ndarray:
    """(len(EXPRESSION),) what the coefficients are in the frames at rest."""
    level = np.zeros(len(EXPRESSION), values.dtype)
    for region, columns in REGIONS.items():
        level[columns] = np.median(values[np.ix_(rows[region], columns)], 0)
    return level


def looking_ahead(look: np.ndarray) -> np.ndarray:
    """(4,) what is told of eyes (N, 4) that look ahead: what most frames agree in, up to AHEAD, or nothing."""
    usual = np.median(look, 0)
    most = (np.abs(look - usual) < ALONG).mean(0) > 0.5
    return (len(look) >= LOOKS) * most * usual.clip(-AHEAD, AHEAD)


def levelled(values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """With the coefficients 0 where they are as at rest, as far as they may be off: up to LEVEL."""
    values, level = values.copy(), level.clip(-LEVEL, LEVEL)
    values[:, FACE] = (values[:, FACE] - level) / (1 - level)
    return values


def steady(values: np.ndarray, deviation: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Averaged over neighbours in time that differ little, so that nothing lags and noise is halved or better.

    values, deviation  (N, O); what is less sure is averaged over larger differences
    """
    kind = np.full(values.shape[1], "other")
    kind[LOWER], kind[BLINK], kind[LOOK] = "lower", "lids", "look"
    smooth, size, longer, less = (
        np.array([of[name] for name in kind]) for of in (SMOOTH_S, SMOOTH_BY, STILL_S, STILL_BY)
    )
    unsure = 0.5 + deviation / np.median(deviation, 0).clip(1e-6)
    unsure[:, kind == "lids"] = 1  # nothing is less sure than a lid on its way
    near = alike(values, times, smooth, size * unsure)
    return alike(near, times, longer, np.broadcast_to(less, deviation.shape))


def still(parted: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How far lips are apart (N,) without the trembling of their landmarks."""
    by = np.full((len(parted), 1), TREMBLES)
    near = alike(parted[:, None], times, np.array([SMOOTH_S["lower"]]), by)
    return alike(near, times, np.array([STILL_S["lower"]]), by / 2)[:, 0]


def winking(lids: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Two lids (N, 2) that differ as much as they do over WINK_S: landmarks of lids on their way part for a frame or
    two, and winks last."""
    apart = lasting((lids[:, :1] - lids[:, 1:]) / 2, times, WINK_S)
    return np.clip(lids.mean(1, keepdims=True) + apart * [1, -1], 0, 1)


def turned(vector: np.ndarray) -> np.ndarray:
    """(N, 3, 3) rotations of rotation vectors (N, 3)."""
    angle = np.linalg.norm(vector, axis=1)
    axis = vector / np.maximum(angle, 1e-9)[:, None]
    cross = np.zeros((len(vector), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross = cross - cross.transpose(0, 2, 1)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sine * cross + (1 - cosine) * cross @ cross
