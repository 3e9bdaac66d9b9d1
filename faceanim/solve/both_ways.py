"""A face is read twice, as it is and as the mirror shows it: what a network gets wrong, it gets wrong another way."""

from __future__ import annotations

import numpy as np

from ..core.channels import ARKIT, mirrored
from ..core.face import Reader, Rest, Seen
from .face_model import face_model
from .learned import OUTPUTS

OUTPUTS_AT: tuple[int, ...] = tuple(OUTPUTS.index(mirrored(name)) for name in OUTPUTS)
OUTPUTS_BY: tuple[float, ...] = tuple(
    -1.0 if name.endswith("EyeYaw") or name in ("turnY", "turnZ") else 1.0 for name in OUTPUTS
)
"""A face's outputs are those of its mirror image in another order, times these: to the other side go yaw, and the turn
about y and z."""
SCORES_AT: tuple[int, ...] = tuple(ARKIT.index(mirrored(name)) for name in ARKIT)
POINTS_BY, POSE_BY, PLACE_BY = (-1.0, 1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, -1.0, -1.0, 1.0)


def both_ways(reader: Reader, mirror: np.ndarray, every: int = 1) -> Reader:
    """A Reader that answers the mean of both ways; where the rest is not known, which is how it is found, one does.

    reader  of OUTPUTS; both eyes look alike to it, one being seen in the mirror already
    mirror  int (P,): where the pixels of its crops are that the mirror shows
    every   one crop in so many is looked at in the mirror; what others would show there is NaN, and for these frames,
            which follow each other then, the answers' difference is drawn between those of their neighbours
    """
    at, by = list(OUTPUTS_AT), np.array(OUTPUTS_BY, np.float32)

    def others(crops: np.ndarray) -> np.ndarray:
        own = reader.others(crops)
        over = np.full_like(own, np.nan)
        over[::every] = reader.others(crops[::every, mirror])
        return np.concatenate([own, over], 1)

    def apart(view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What was seen as it is, and in the mirror."""
        left, right = np.split(view[..., : reader.split], 2, -1)
        others, over = np.split(view[..., reader.split :], 2, -1)
        return np.concatenate([left, right, others], -1), np.concatenate([right, left, over], -1)

    def read(frames: Seen, views: np.ndarray, rest: Rest | None) -> tuple[np.ndarray, np.ndarray]:
        own, over = apart(views)
        if rest is None:
            return reader.read(frames, own, None)
        own_view, over_view = apart(rest.view)
        values, deviation = reader.read(frames, own, Rest(rest.points, own_view))
        looked = np.flatnonzero(np.isfinite(over).all(1) & np.isfinite(over_view).all())
        if not len(looked):
            return values, deviation
        some = Seen(*(column[looked] for column in frames))
        other, less_sure = reader.read(in_mirror(some), over[looked], Rest(_in_mirror(rest.points), over_view))
        between = np.interp(np.arange(len(values)), looked, np.arange(len(looked)))
        values = values + _drawn(other[:, at] * by - values[looked], between) / 2
        return values, deviation + _drawn(less_sure[:, at] - deviation[looked], between) / 2

    return reader._replace(others=others, read=read)


def _drawn(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows (n, O) at places (N,) that lie at or between them."""
    before = at.astype(int)
    share = (at - before)[:, None].astype(rows.dtype)
    return rows[before] * (1 - share) + rows[np.minimum(before + 1, len(rows) - 1)] * share


def in_mirror(frames: Seen) -> Seen:
    """The frames as the mirror shows them, without their crops."""
    pose, place = (np.array(by, np.float32) for by in (POSE_BY, PLACE_BY))
    return Seen(
        _in_mirror(frames.points), frames.pose * pose, frames.crops[:, :0], frames.scores[:, list(SCORES_AT)],
        frames.kind, frames.place * place,
    )  # fmt: skip


def _in_mirror(points: np.ndarray) -> np.ndarray:
    return points[..., face_model().mirror, :] * np.array(POINTS_BY, np.float32)
