"""Key reduction: as few cubic Hermite pieces as keep every frame within the tolerance.

Pieces are split where they err most, all channels at once and level by level (as Schneider's curve fitting, Graphics
Gems 1990, does one by one); neighbours that fit one piece are joined; then slopes are made one on both sides of a key
where the tolerance allows it, so that an animator finds smooth handles.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from ..core.curve import Curve
from ..core.track import Track
from ..core.tridiagonal import solved

BLOCK = 20_000
"""Values that are worked on at once: what fits the processor's cache is twice as fast, and an hour fits in memory."""
SPARE = 0.75
"""Pieces are found for this part of the tolerance; the rest buys common slopes: 10 % more keys, most of them smooth."""
LONGEST = 128
"""Frames of the pieces that splitting begins with; joining makes longer ones again."""


def reduce(track: Track, tolerance: float | np.ndarray = 0.005) -> list[Curve]:
    """One Curve a channel, keys on whole frames, the first and the last among them; one key where it is constant.

    On frames no curve is further than `tolerance` (in the channel's unit; one, or each its own (C,)) from the track.
    Between two frames it stays as near to the straight line as a smooth curve through the frames would, and it never
    leaves the channel's own range by more than the tolerance.
    """
    if not track.frames or not track.channels:
        return [Curve(name, np.zeros(0), np.zeros(0)) for name in track.channels]
    # whoever stores keys as float32 must still be inside
    tolerance = np.maximum(np.broadcast_to(tolerance, len(track.channels)), 1e-6) * 0.98
    low, high = track.values.min(0), track.values.max(0)
    moving = np.flatnonzero(high - low > tolerance)
    middle = (low.astype(float) + high) / 2
    curves = [Curve(name, np.array([track.start]), middle[c : c + 1]) for c, name in enumerate(track.channels)]
    blocks = min(len(moving), 1 + len(moving) * track.frames // BLOCK)
    for block in np.array_split(moving, blocks) if blocks else ():
        values = track.values.T[block].astype(float)
        samples = _Samples.of(values, tolerance[block])
        pieces = _even(samples, _joined(samples, _split(samples)))
        for row, c in enumerate(block):
            curves[c] = _curve(track.channels[c], track, values[row], pieces, row)
    return curves


@dataclass(frozen=True)
class _Samples:
    """Curves on half frames, (C, 2F - 1): what a piece is fitted to, what it is held against, how far it may be off.

    Between frames it is held against the straight line. low, high: (C,) what no piece may leave.
    """

    fitted: np.ndarray
    wanted: np.ndarray
    allowed: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(values: np.ndarray, tolerance: np.ndarray) -> _Samples:
        frames = values.shape[1]
        fitted = np.repeat(values, 2, axis=1)[:, : 2 * frames - 1]
        wanted, allowed = fitted.copy(), np.zeros_like(fitted) + tolerance[:, None]
        left, right = values[:, :-1], values[:, 1:]
        bend = np.zeros_like(values)
        bend[:, 1:-1] = values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]
        between = (left + right) / 2
        wanted[:, 1::2] = between
        # the cubic through four frames passes the middle this far from the straight line
        fitted[:, 1::2] = between - (bend[:, :-1] + bend[:, 1:]) / 16
        allowed[:, 1::2] += np.minimum((np.abs(bend[:, :-1]) + np.abs(bend[:, 1:])) / 8, np.abs(right - left) / 2)
        return _Samples(fitted, wanted, allowed, values.min(1) - tolerance, values.max(1) + tolerance)


@dataclass(frozen=True)
class _Pieces:
    """Cubic pieces: row of the samples, first and last frame, and the slopes there in value per piece."""

    row: np.ndarray
    first: np.ndarray
    last: np.ndarray
    leaving: np.ndarray
    arriving: np.ndarray

    def take(self, which: np.ndarray) -> _Pieces:
        return _Pieces(*(getattr(self, f.name)[which] for f in fields(self)))

    @staticmethod
    def of(parts: list[_Pieces]) -> _Pieces:
        """All of them, in order of row and time."""
        pieces = _Pieces(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(_Pieces)))
        return pieces.take(np.lexsort((pieces.first, pieces.row)))


class _Inside:
    """The half frames inside some pieces, end to end, and what the slopes must make of the samples there.

    piece  which piece; at: flat index into the samples; offsets: of the pieces; p, q: the Hermite basis of the slopes;
    base   the cubic through both ends with level slopes
    """

    def __init__(self, samples: _Samples, row: np.ndarray, first: np.ndarray, last: np.ndarray):
        self.samples, self.row, self.first, self.last = samples, row, first, last
        width = samples.wanted.shape[1]
        count = 2 * (last - first) - 1
        self.offsets = np.cumsum(count) - count
        self.piece = np.repeat(np.arange(len(row)), count)
        place = np.arange(1, len(self.piece) + 1) - self.offsets[self.piece]
        self.start = row * width + 2 * first
        self.at = self.start[self.piece] + place
        u = place * (1 / (count + 1.0))[self.piece]
        v = 1 - u
        self.p, self.q = u * v * v, -u * u * v
        self.begin = samples.wanted[row, 2 * first]
        self.rise = samples.wanted[row, 2 * last] - self.begin
        self.base = self.begin[self.piece] + self.rise[self.piece] * (u * u * (3 - 2 * u))

    def normal(self) -> tuple[np.ndarray, ...]:
        """The sums pp, pq, qq, pr, qr of the least squares, (N,) each."""
        r = self.samples.fitted.ravel()[self.at] - self.base
        p, q = self.p, self.q
        return tuple(np.add.reduceat(x, self.offsets) for x in (p * p, p * q, q * q, p * r, q * r))

    def fitted(self) -> _Pieces:
        """The pieces with the slopes that fit best; between neighbouring frames a straight line."""
        pp, pq, qq, pr, qr = self.normal()
        single = self.last - self.first == 1
        # with one half frame inside, the two slopes are not determined
        det = np.where(single, 1.0, pp * qq - pq * pq)
        leaving = np.where(single, self.rise, (pr * qq - qr * pq) / det)
        arriving = np.where(single, self.rise, (qr * pp - pr * pq) / det)
        return _Pieces(self.row, self.first, self.last, leaving, arriving)

    def error(self, pieces: _Pieces) -> tuple[np.ndarray, np.ndarray]:
        """(N,) largest error over what is allowed, 1 being just allowed, and the inner frame nearest to it."""
        r = self.samples.wanted.ravel()[self.at] - self.base
        r -= pieces.leaving[self.piece] * self.p + pieces.arriving[self.piece] * self.q
        over = np.abs(r) / self.samples.allowed.ravel()[self.at]
        worst = np.maximum.reduceat(over, self.offsets)
        hits = np.flatnonzero(over == worst[self.piece])[::-1]
        half = np.empty(len(worst), int)
        half[self.piece[hits]] = self.at[hits] - self.start[self.piece[hits]]
        worst = np.maximum(worst, 2.0 * self.leaves(pieces))
        inner = np.clip((half + 1) // 2, 1, np.maximum(self.last - self.first - 1, 1))
        return worst, self.first + inner

    def leaves(self, pieces: _Pieces) -> np.ndarray:
        """(N,) bool: the cubic has an extreme outside the range of its row."""
        a, b, c = (
            3 * (pieces.leaving + pieces.arriving - 2 * self.rise),
            2 * (3 * self.rise - 2 * pieces.leaving - pieces.arriving),
            pieces.leaving,
        )
        # of the derivative a u^2 + b u + c, in the form that stands a vanishing a
        root = np.sqrt(np.maximum(b * b - 4 * a * c, 0))
        half = -(b + np.where(b < 0, -root, root)) / 2
        result = np.zeros(len(a), bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            for u in (half / a, c / half):
                u = np.where((u > 0) & (u < 1) & (b * b > 4 * a * c), u, 0)
                x = self.begin + u * (c + u * (b / 2 + u * a / 3))
                result |= (x < self.samples.low[self.row]) | (x > self.samples.high[self.row])
        return result


def _split(samples: _Samples) -> _Pieces:
    """Pieces that all hold the tolerance, by splitting long ones where the error is largest."""
    rows, frames = samples.wanted.shape[0], (samples.wanted.shape[1] + 1) // 2
    starts = np.arange(0, frames - 1, LONGEST)
    row, first = np.repeat(np.arange(rows), len(starts)), np.tile(starts, rows)
    last = np.minimum(first + LONGEST, frames - 1)
    done = [_Pieces(row[:0], row[:0], row[:0], np.zeros(0), np.zeros(0))]
    while len(row):
        inside = _Inside(samples, row, first, last)
        pieces = inside.fitted()
        worst, at = inside.error(pieces)
        good = (worst <= SPARE) | (last - first == 1)
        done.append(pieces.take(good))
        row, first, last, at = row[~good], first[~good], last[~good], at[~good]
        row, first, last = np.tile(row, 2), np.concatenate([first, at]), np.concatenate([at, last])
    return _Pieces.of(done)


def _joined(samples: _Samples, pieces: _Pieces, rounds: int = 12) -> _Pieces:
    """The same with neighbours joined where one piece holds the tolerance too."""
    idle = 0
    for k in range(rounds):
        even = np.arange(len(pieces.row))[:-1] % 2 == k % 2
        left = np.flatnonzero(even & (pieces.row[:-1] == pieces.row[1:]))
        good = np.zeros(0, bool)
        if len(left):
            inside = _Inside(samples, pieces.row[left], pieces.first[left], pieces.last[left + 1])
            wide = inside.fitted()
            good = inside.error(wide)[0] <= SPARE
            keep = np.ones(len(pieces.row), bool)
            keep[left[good]] = keep[left[good] + 1] = False
            pieces = _Pieces.of([pieces.take(keep), wide.take(good)])
        idle = 0 if good.any() else idle + 1
        if idle == 2:
            break
    return pieces


def _even(samples: _Samples, pieces: _Pieces) -> _Pieces:
    """The same with one slope on both sides of a key, as far as the tolerance allows it.

    The slopes that fit all pieces best together; a piece that does not stand them keeps its own two.
    """
    if len(pieces.row) < 2:
        return pieces
    inside = _Inside(samples, pieces.row, pieces.first, pieces.last)
    pp, pq, qq, pr, qr = inside.normal()
    length = (pieces.last - pieces.first).astype(float)
    meets = np.append(pieces.row[:-1] == pieces.row[1:], False)
    # one unknown a key: the slope per frame where piece k leaves; the last key of a row is one more
    key = np.arange(len(length)) + np.cumsum(np.append(0, ~meets[:-1]))
    size = key[-1] + 2
    diagonal, off, right = np.full(size, 1e-9), np.zeros(size), np.zeros(size)
    np.add.at(diagonal, key, pp * length**2)
    np.add.at(diagonal, key + 1, qq * length**2)
    np.add.at(off, key, pq * length**2)
    np.add.at(right, key, pr * length)
    np.add.at(right, key + 1, qr * length)
    slope = solved(diagonal, off, right)
    shared = _Pieces(pieces.row, pieces.first, pieces.last, slope[key] * length, slope[key + 1] * length)
    # what holds with both shared slopes, with one of them and the best other, else with its own
    best = pieces
    for tried in (
        replace(shared, leaving=(pr - shared.arriving * pq) / pp),
        replace(shared, arriving=(qr - shared.leaving * pq) / qq),
        shared,
    ):
        good = inside.error(tried)[0] <= 1
        leaving = np.where(good, tried.leaving, best.leaving)
        best = replace(best, leaving=leaving, arriving=np.where(good, tried.arriving, best.arriving))
    return best


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
