"""Key reduction: as few cubic Hermite pieces as keep every frame within the tolerance.

Segments are split where they err most, all channels at once and level by level (as Schneider's curve fitting, Graphics
Gems 1990, does one by one); then neighbours that fit one piece are joined, and slopes are made one where that costs
nothing, so that an animator finds smooth handles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.curve import Curve
from ..core.track import Track


def reduce(track: Track, tolerance: float = 0.005) -> list[Curve]:
    """One Curve a channel, keys on whole frames, the first and the last among them; one key where a channel is constant.

    On frames no curve is further than `tolerance` (in the channel's unit) from the track. Between two frames it stays as
    near to the straight line as a smooth curve through the frames would, within their range by the tolerance.
    """
    if not track.frames or not track.channels:
        return [Curve(name, np.zeros(0), np.zeros(0)) for name in track.channels]
    # float32 curves in the bake must still be inside
    tolerance = max(float(tolerance), 1e-6) * 0.98
    values = track.values.T.astype(float)
    low, high = values.min(1), values.max(1)
    moving = np.flatnonzero(high - low > tolerance)
    fit = _Samples.of(values[moving], tolerance)
    pieces = _smoothed(fit, _joined(fit, _split(fit)))
    curves: list[Curve] = []
    for c, name in enumerate(track.channels):
        row = np.searchsorted(moving, c)
        if row < len(moving) and moving[row] == c:
            curves.append(_curve(name, track, values[c], pieces, row))
        else:
            curves.append(Curve(name, np.array([track.start]), np.array([(low[c] + high[c]) / 2])))
    return curves


@dataclass(frozen=True)
class _Samples:
    """Curves on half frames, (C, 2F - 1): what a piece is fitted to, and what it may be off by and from what."""

    fitted: np.ndarray
    wanted: np.ndarray
    allowed: np.ndarray

    @staticmethod
    def of(values: np.ndarray, tolerance: float) -> _Samples:
        channels, frames = values.shape
        fitted = np.repeat(values, 2, axis=1)[:, : 2 * frames - 1]
        wanted = fitted.copy()
        allowed = np.full_like(fitted, tolerance)
        if frames > 1:
            left, right = values[:, :-1], values[:, 1:]
            bend = np.zeros_like(values)
            bend[:, 1:-1] = values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]
            between = (left + right) / 2
            wanted[:, 1::2] = between
            # a cubic through four frames passes the middle this far from the straight line
            fitted[:, 1::2] = between - (bend[:, :-1] + bend[:, 1:]) / 16
            smooth = (np.abs(bend[:, :-1]) + np.abs(bend[:, 1:])) / 8
            allowed[:, 1::2] += np.minimum(smooth, np.abs(right - left) / 2)
        return _Samples(fitted, wanted, allowed)


@dataclass(frozen=True)
class _Pieces:
    """Cubic pieces: row of the samples, first and last frame, and the slopes there in value per piece length."""

    row: np.ndarray
    first: np.ndarray
    last: np.ndarray
    leaving: np.ndarray
    arriving: np.ndarray

    def take(self, which: np.ndarray) -> _Pieces:
        return _Pieces(*(a[which] for a in (self.row, self.first, self.last, self.leaving, self.arriving)))

    def sorted(self) -> _Pieces:
        return self.take(np.lexsort((self.first, self.row)))

    @staticmethod
    def concatenated(parts: list[_Pieces]) -> _Pieces:
        return _Pieces(*(np.concatenate([getattr(p, n) for p in parts]) for n in _Pieces.__dataclass_fields__))


def _spread(row: np.ndarray, first: np.ndarray, last: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    """Every half frame inside the pieces, end to end: (piece, flat index into samples, u in 0..1, offsets of pieces)."""
    count = 2 * (last - first) - 1
    offsets = np.cumsum(count) - count
    piece = np.repeat(np.arange(len(row)), count)
    place = np.arange(1, len(piece) + 1) - offsets[piece]
    u = place * (1 / (count + 1.0))[piece]
    return piece, (row * width + 2 * first)[piece] + place, u, offsets


def _residual(fit: _Samples, row: np.ndarray, first: np.ndarray, last: np.ndarray, piece, at, u, samples) -> np.ndarray:
    """What the slopes must make of the samples: less the cubic through both ends with level slopes."""
    a, b = fit.wanted[row, 2 * first], fit.wanted[row, 2 * last]
    return samples.ravel()[at] - a[piece] - (b - a)[piece] * (u * u * (3 - 2 * u))


def _fitted(fit: _Samples, row: np.ndarray, first: np.ndarray, last: np.ndarray) -> _Pieces:
    """The pieces whose slopes fit best in the least squares; between neighbouring frames a straight line."""
    piece, at, u, offsets = _spread(row, first, last, fit.fitted.shape[1])
    r = _residual(fit, row, first, last, piece, at, u, fit.fitted)
    p, q = u * (1 - u) ** 2, u * u * (u - 1)
    pp, pq, qq, pr, qr = (np.add.reduceat(x, offsets) for x in (p * p, p * q, q * q, p * r, q * r))
    single = last - first == 1
    # with one half frame inside, the two slopes are not determined
    det = np.where(single, 1.0, pp * qq - pq * pq)
    rise = fit.wanted[row, 2 * last] - fit.wanted[row, 2 * first]
    leaving = np.where(single, rise, (pr * qq - qr * pq) / det)
    arriving = np.where(single, rise, (qr * pp - pr * pq) / det)
    return _Pieces(row, first, last, leaving, arriving)


def _error(fit: _Samples, pieces: _Pieces) -> tuple[np.ndarray, np.ndarray]:
    """Of each piece the largest error over what is allowed (1 is just allowed), and the inner frame nearest to it."""
    width = fit.fitted.shape[1]
    piece, at, u, offsets = _spread(pieces.row, pieces.first, pieces.last, width)
    r = _residual(fit, pieces.row, pieces.first, pieces.last, piece, at, u, fit.wanted)
    r -= pieces.leaving[piece] * (u * (1 - u) ** 2) + pieces.arriving[piece] * (u * u * (u - 1))
    over = np.abs(r) / fit.allowed.ravel()[at]
    worst = np.maximum.reduceat(over, offsets)
    place = np.where(over == worst[piece], at, np.iinfo(np.int64).max)
    half = np.minimum.reduceat(place, offsets) - pieces.row * width
    return worst, np.clip((half + 1) // 2, pieces.first + 1, np.maximum(pieces.last - 1, pieces.first + 1))


def _split(fit: _Samples) -> _Pieces:
    """Pieces that all hold the tolerance, from one a row by splitting where the error is largest."""
    rows, width = fit.fitted.shape
    row, last = np.arange(rows), np.full(rows, (width - 1) // 2)
    first = np.zeros(rows, int)
    done: list[_Pieces] = []
    while len(row) and width > 1:
        pieces = _fitted(fit, row, first, last)
        worst, at = _error(fit, pieces)
        good = (worst <= 1) | (last - first == 1)
        done.append(pieces.take(good))
        row, first, last, at = row[~good], first[~good], last[~good], at[~good]
        row, first, last = np.tile(row, 2), np.concatenate([first, at]), np.concatenate([at, last])
    empty = _Pieces(row, row, row, row * 1.0, row * 1.0)
    return _Pieces.concatenated([empty, *done]).sorted()


def _joined(fit: _Samples, pieces: _Pieces, rounds: int = 6) -> _Pieces:
    """The same with neighbours joined where one piece holds the tolerance too."""
    for k in range(rounds):
        n = len(pieces.row)
        order = np.arange(n)
        left = np.flatnonzero((order[:-1] % 2 == k % 2) & (pieces.row[:-1] == pieces.row[1:])) if n > 1 else order[:0]
        if not len(left):
            continue
        wide = _fitted(fit, pieces.row[left], pieces.first[left], pieces.last[left + 1])
        good = _error(fit, wide)[0] <= 1
        keep = np.ones(n, bool)
        keep[left[good]] = keep[left[good] + 1] = False
        pieces = _Pieces.concatenated([pieces.take(keep), wide.take(good)]).sorted()
    return pieces


def _smoothed(fit: _Samples, pieces: _Pieces) -> _Pieces:
    """The same with one slope on both sides of a key where the tolerance allows it."""
    length = (pieces.last - pieces.first).astype(float)
    meet = np.flatnonzero(pieces.row[:-1] == pieces.row[1:])
    mean = (pieces.arriving / length)[meet] * length[meet] + (pieces.leaving / length)[meet + 1] * length[meet + 1]
    mean /= length[meet] + length[meet + 1]
    shared = np.ones(len(meet), bool)
    for _ in range(8):
        leaving, arriving = pieces.leaving.copy(), pieces.arriving.copy()
        arriving[meet[shared]] = (mean * length[meet])[shared]
        leaving[meet[shared] + 1] = (mean * length[meet + 1])[shared]
        tried = _Pieces(pieces.row, pieces.first, pieces.last, leaving, arriving)
        good = _error(fit, tried)[0] <= 1 if len(meet) else np.ones(len(length), bool)
        fails = shared & ~(good[meet] & good[meet + 1])
        if not fails.any():
            return tried
        shared &= ~fails
    return pieces


def _curve(name: str, track: Track, values: np.ndarray, pieces: _Pieces, row: int) -> Curve:
    at = slice(*np.searchsorted(pieces.row, (row, row + 1)))
    first, last = pieces.first[at], pieces.last[at]
    frames = np.append(first, last[-1])
    per_second = track.fps / (last - first)
    leaving, arriving = pieces.leaving[at] * per_second, pieces.arriving[at] * per_second
    return Curve(
        name, track.start + frames / track.fps, values[frames],
        np.concatenate([leaving[:1], arriving]), np.concatenate([leaving, arriving[-1:]]),
    )
