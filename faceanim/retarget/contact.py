"""Makes contacts hold on a character's own mesh: corrects controls over a whole clip, with numpy alone.

First what closes the lips is scaled so that it undoes what the jaw opens on this mesh, everywhere alike. Then each
instant that still misses is corrected: the least step along a path of controls that makes its measure hold, faded in
and out around it, so that nothing flickers. Frames in which the lips cross give way in the same manner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..core.events import JAW, LIPS, TEETH, Event, ease
from ..core.mapping import Mapping
from ..core.track import Track
from . import gaps
from .lips import OPEN, Mouth, pose

SHUT, MEET = -0.004, 0.0
"""What a correction of the lips aims at, a little pressed, and what will do: lips as at rest. Key reduction comes after
it, and teeth show through the least slit."""
APART = 0.03
"""Crossing lips are corrected from here on."""
AIM = 0.85
"""The part of the other limits that is aimed at."""
FADE_S = 0.07
"""A correction comes and goes within this time (lips close within 60 to 120 ms: Lofqvist 1990)."""
ROLL = 0.6
"""The lower lip is rolled in by no more than this to reach the teeth."""
NEAR = 0.001
EFFECT = 0.005
"""A control that opens or closes the mouth by less than this, in widths of it, does neither."""
HALVINGS = 8
MARKS, STEPS = 4, 5
"""A path is looked at in so many places, then halved so often: 2^-7 of it is nothing to be seen."""
JAWS = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 1.0])

Path = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(values (N, K), how far (N,) 0..1) to values (N, K)."""
Measure = Callable[[Mouth, np.ndarray], np.ndarray]
"""One of the measures in `gaps`: points (N, P, 3) to (N,)."""


@dataclass(frozen=True)
class Solver:
    """What the controls of one mouth do to it.

    opens    bool (K,): what opens the lips
    closes   bool (K,): what closes what the jaw opens
    presses  bool (K,): what else brings the lips together
    rolls    bool (K,): what brings the lower lip to the teeth
    leaves   bool (K,): what takes the lower lip off the upper teeth (off the upper lip, without teeth)
    jaws     bool (K,): what lowers the jaw
    most     float32 (K,): the controls' upper limits
    blended  bool (K,): whole shapes of the mouth, as visemes are
    lean     float32 (K,): the one of these that opens the lips with the least of the jaw, 0 where there is none
    """

    mouth: Mouth
    opens: np.ndarray
    closes: np.ndarray
    presses: np.ndarray
    rolls: np.ndarray
    leaves: np.ndarray
    jaws: np.ndarray
    most: np.ndarray
    blended: np.ndarray
    lean: np.ndarray

    @staticmethod
    def of(mouth: Mouth, mapping: Mapping) -> Solver:
        targets = [mapping.targets[name] for name in mouth.controls]
        most = np.array([t.maximum for t in targets], np.float32)
        least = np.array([t.minimum for t in targets], np.float32)
        edge = _edges(mouth)
        effect = np.array([edge(delta) for delta in mouth.deltas], np.float32) * np.maximum(most, -least)

        def driven(channel: str) -> np.ndarray:
            return np.array([t.gain * t.weights.get(channel, 0.0) > 0 for t in targets])

        closes = driven("mouthClose") & (effect < -4 * EFFECT)
        opens = effect > EFFECT
        alone = gaps.measure(mouth, mouth.posed(np.diag(most)))
        off = alone.teeth - gaps.rest(mouth).teeth
        rolls = driven("mouthRollLower")
        leaves = off > 0.25 * gaps.TOUCHED if np.isfinite(off).all() else opens
        blended = np.array([any(name in blend for blend in mapping.blends) for name in mouth.controls])
        able = blended & (alone.lips > 0.5 * alone.lips[blended].max(initial=gaps.CLOSED))
        spared = np.where(able, alone.lips / np.maximum(alone.jaw, 1e-3), -np.inf)
        lean = most * (np.arange(len(most)) == spared.argmax()) if able.any() else np.zeros_like(most)
        return Solver(
            mouth, opens, closes, (effect < -EFFECT) & ~closes, rolls, leaves & ~rolls,
            driven("jawOpen"), most, blended, lean,
        )  # fmt: skip

    def at(self, measure: Measure, values: np.ndarray) -> np.ndarray:
        """(N,): a measure at the controls' values (N, K)."""
        return measure(self.mouth, self.mouth.posed(values))

    def least(
        self, values: np.ndarray, path: Path, measure: Measure, most: float, enough: float = np.inf
    ) -> np.ndarray:
        """How far (N,) 0..1 to go along a path for a measure to be `most` at most, or about as near as the path comes,
        as long as `enough` holds there."""
        start = self.at(measure, values)
        far = np.zeros(len(values), np.float32)
        rows = np.flatnonzero(start > most)
        if not len(rows):
            return far
        marks = np.arange(1, MARKS + 1, dtype=np.float32) / MARKS
        seen = np.array([self.at(measure, path(values[rows], np.full(len(rows), m, np.float32))) for m in marks])
        best = seen.min(0)
        wanted = np.maximum(most, np.minimum(best + NEAR, np.maximum(best, enough)))
        high = marks[(seen <= wanted).argmax(0)]
        low = high - 1 / MARKS
        for _ in range(STEPS):
            middle = (low + high) / 2
            good = self.at(measure, path(values[rows], middle)) <= wanted
            low, high = np.where(good, low, middle), np.where(good, middle, high)
        far[rows] = np.where(start[rows] <= wanted, 0, high)
        return far

    # -- paths ----------------------------------------------------------------------------------------------------

    def shut(self, values: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Close what the jaw opens; where that is not enough take away what opens."""
        first, second = _halves(part)
        jaw = np.where(self.jaws & self.opens, values / np.maximum(self.most, 1e-6), 0).max(1, initial=0)[:, None]
        room = np.maximum(np.minimum(1.5 * jaw, 1.0) * self.most - values, 0)
        closed = values + np.where(self.closes, first * room, 0)
        keep = 1 - (second if self.closes.any() else part[:, None])
        return np.where(self.opens, closed * keep, closed).astype(np.float32)

    def part(self, values: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Take back what closes, then what presses."""
        first, second = _halves(part)
        values = np.where(self.closes, values * (1 - first), values)
        keep = 1 - (second if self.closes.any() else part[:, None])
        return np.where(self.presses, values * keep, values).astype(np.float32)

    def touch(self, values: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Bring the lower lip to the teeth: take away what holds it off them, then roll it in."""
        first, second = _halves(part)
        values = np.where(self.leaves | self.closes, values * (1 - first), values)
        room = np.maximum(ROLL * self.most - values, 0)
        return np.where(self.rolls, values + second * room, values).astype(np.float32)

    def unroll(self, values: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Take back what rolls the lower lip in: where little holds it off the teeth it may go past their edge."""
        return np.where(self.rolls, values * (1 - part[:, None]), values).astype(np.float32)

    def raise_jaw(self, values: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Raise the jaw, and with it what closes what it opens; then take away what opens else."""
        first, second = _halves(part)
        values = np.where(self.jaws | self.closes, values * (1 - first), values)
        return np.where(self.opens, values * (1 - second), values).astype(np.float32)

    def exchange(self, values: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Of whole shapes of the mouth take the one that spares the jaw, with the lips as far apart as before."""
        asked = self.at(gaps.apart, values)
        start = np.where(self.blended, values * (1 - part[:, None]), values)
        end = np.where(self.blended, np.maximum(start, self.lean), start)
        return self.parted(start, end, asked)

    def parted(self, start: np.ndarray, end: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Values (N, K) between `start` and `end`, which opens the lips further, where they are `asked` (N,) apart."""
        low, high = np.zeros(len(start), np.float32), np.ones(len(start), np.float32)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = self.at(gaps.apart, start + middle[:, None] * (end - start)) > asked
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return (start + high[:, None] * (end - start)).astype(np.float32)

    def calm(self, values: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Take away all that moves the lips."""
        lips = self.opens | self.closes | self.presses | self.leaves
        return np.where(lips, values * (1 - part[:, None]), values).astype(np.float32)


def _meeting(mouth: Mouth, points: np.ndarray) -> np.ndarray:
    """(N,): at most 0 where the lips meet and do not cross."""
    return np.maximum(gaps.apart(mouth, points) - 0.5 * gaps.CLOSED, gaps.crossing(mouth, points) - APART)


def _halves(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A path of two stages: (N, 1) each, the second begins where the first is done."""
    part = part[:, None]
    return np.minimum(2 * part, 1), np.maximum(2 * part - 1, 0)


def _edges(mouth: Mouth) -> Callable[[np.ndarray], float]:
    """How much displacements (P, 3) open the mouth: of the points that face each other at rest, in widths."""
    upper, lower = mouth.points[mouth.upper], mouth.points[mouth.lower]
    facing = []
    for above, below in zip(*mouth.columns, strict=True):
        a, b = np.flatnonzero(above), np.flatnonzero(below)
        off = np.linalg.norm(upper[a][:, None] - lower[b][None], axis=2)
        i, j = np.unravel_index(off.argmin(), off.shape)
        facing.append((a[i], b[j]))
    at, under = np.array(facing).T
    under = under + mouth.lower.start

    def opened(delta: np.ndarray) -> float:
        return float((delta[at, 1] - delta[under, 1]).mean() / mouth.width)

    return opened


def hold(track: Track, mapping: Mapping, mouth: Mouth, events: Iterable[Event]) -> Track:
    """The track of controls with LIPS, TEETH and JAW events held on the mouth, and without lips that cross."""
    if not track.frames or not set(mouth.controls) <= set(track.channels):
        return track
    events = list(events)
    columns = [track.index(name) for name in mouth.controls]
    solver = Solver.of(mouth, mapping)
    values = track.values[:, columns]
    values = calibrated(solver, mapping, values)
    at_rest = gaps.rest(mouth)
    if np.isfinite(at_rest.teeth[0]):
        measure, limit = gaps.to_teeth, gaps.teeth_limit(at_rest)
    else:
        measure, limit = gaps.apart, gaps.NO_TEETH
    teeth = measure, AIM * limit, limit - gaps.SAME
    lips, touches, narrow = ([e for e in events if e.kind == kind] for kind in (LIPS, TEETH, JAW))
    if solver.lean.any():
        values = _held(solver, values, track, narrow, solver.exchange, gaps.jaw_down, AIM * gaps.NARROW)
    values = _held(solver, values, track, narrow, solver.raise_jaw, gaps.jaw_down, AIM * gaps.NARROW)
    values = _touching(solver, values, track, touches, *teeth)
    values = _held(solver, values, track, lips, solver.shut, gaps.apart, SHUT)
    values = _uncrossed(solver, values, track)
    # that may have taken a lip off the teeth; and bent lips may meet here and cross there, which they do not at rest
    values = _touching(solver, values, track, touches, *teeth)
    values = _held(solver, values, track, lips, solver.calm, _meeting, 0.0)
    result = track.values.copy()
    result[:, columns] = values
    return track.with_values(result)


def calibrated(solver: Solver, mapping: Mapping, values: np.ndarray) -> np.ndarray:
    """The values (F, K) with what closes the lips scaled to what the jaw opens on this mesh."""
    if not solver.closes.any():
        return values
    poses = np.zeros((len(JAWS), len(solver.mouth.controls)), np.float32)
    for row, jaw in enumerate(JAWS):
        made = pose(mapping, **dict.fromkeys(OPEN, float(jaw)), mouthClose=float(jaw))
        poses[row] = [made.get(name, 0.0) for name in solver.mouth.controls]

    # from none up to twice as much as is mapped
    def scaled(rows: np.ndarray, part: np.ndarray) -> np.ndarray:
        return np.where(solver.closes, rows * 2 * part[:, None], rows).astype(np.float32)

    fits = (solver.at(gaps.apart, poses) <= NEAR) & (solver.at(gaps.crossing, poses) <= 2 * abs(SHUT))
    scale = np.ones(len(poses))
    for row in np.flatnonzero(~fits):
        one = poses[[row]]
        none = scaled(one, np.zeros(1, np.float32))
        part = solver.least(none, lambda _, part, one=one: scaled(one, part), gaps.apart, SHUT)[0]
        scale[row] = 2 * part if part < 1 else 1  # what cannot close is left alone
    given = np.where(solver.closes, poses, 0).max(1)
    used = np.where(solver.closes, values, 0).max(1)
    factor = np.interp(used, given, scale)[:, None]
    return np.where(solver.closes, np.minimum(values * factor, solver.most), values).astype(np.float32)


def _held(
    solver: Solver, values: np.ndarray, track: Track, events: list[Event], path: Path, measure: Measure, most: float,
    enough: float = np.inf,
) -> np.ndarray:
    """Values with a path followed, around every event that does not hold, as far as it needs to be (Solver.least)."""
    if not events:
        return values
    rows = np.unique(np.concatenate([_rows(track, event) for event in events]))
    least = np.full(track.frames, np.inf, np.float32)
    least[rows] = solver.at(measure, values[rows])
    shown = np.unique([(own := _rows(track, event))[least[own].argmin()] for event in events])
    shown = shown[least[shown] > (MEET if most == SHUT else most)]
    if not len(shown):
        return values
    need, own = np.zeros(track.frames, np.float32), np.zeros_like(values)
    need[shown] = solver.least(values[shown], path, measure, most, enough)
    own[shown] = np.abs(path(values[shown], need[shown]) - values[shown])
    frames = FADE_S * track.fps
    if path == solver.shut:
        # no further than it takes, else the lips would cross
        wide = _spread(need, frames)
        around = np.flatnonzero(wide > 0)
        far = np.minimum(wide[around], np.maximum(solver.least(values[around], path, measure, most), need[around]))
        step = np.zeros_like(values)
        step[around] = path(values[around], far) - values[around]
    else:
        step = _faded(values, shown, need[shown], path, frames)
    # what is wide open beside a contact that lacks little goes the way that this takes, not a share of its own
    own = _spread(own, frames)
    return values + np.clip(step, -own, own)


def _faded(values: np.ndarray, peaks: np.ndarray, need: np.ndarray, path: Path, frames: float) -> np.ndarray:
    """What is added to values (F, K) where a path is followed as far as `need` (N,) at the peaks, and less and less
    within so many frames.

    What it does to the controls fades, not how far it is followed: of a path of two stages the first would be whole
    from afar. Of peaks that are close each control follows the one that moves it most.
    """
    more, less = np.zeros_like(values), np.zeros_like(values)
    reach = max(1, int(np.ceil(frames)))
    for k in range(1 - reach, reach):
        inside = (peaks + k >= 0) & (peaks + k < len(values))
        rows = peaks[inside] + k
        step = float(ease(np.array(1 - abs(k) / reach))) * (path(values[rows], need[inside]) - values[rows])
        more[rows], less[rows] = np.maximum(more[rows], step), np.minimum(less[rows], step)
    return more + less


def _touching(
    solver: Solver, values: np.ndarray, track: Track, events: list[Event], measure: Measure, most: float,
    enough: float,
) -> np.ndarray:
    """Values with the lower lip brought to the teeth, and let out again where it went past them."""
    for path in (solver.touch, solver.unroll):
        values = _held(solver, values, track, events, path, measure, most, enough)
    return values


def _rows(track: Track, event: Event) -> np.ndarray:
    """An event's peak and the frames next to it, as far as they lie within the event: one of them shows it."""
    low, peak, high = ((t - track.start) * track.fps for t in (event.start, event.peak, event.end))
    rows = np.rint(peak) + np.array([0, -1, 1])
    rows = rows[(rows >= low - 0.5) & (rows <= high + 0.5)]
    if not len(rows):
        rows = np.rint([peak])
    return np.clip(rows, 0, track.frames - 1).astype(int)


def _uncrossed(solver: Solver, values: np.ndarray, track: Track) -> np.ndarray:
    """Values in which no lips cross; closures stay shut, for what parts the lips goes no further than it must there."""
    crossed = np.flatnonzero(gaps.may_cross(solver.mouth, values, APART))
    crossed = crossed[solver.at(gaps.crossing, values[crossed]) > APART]
    if not len(crossed):
        return values
    need = np.zeros(track.frames, np.float32)
    need[crossed] = solver.least(values[crossed], solver.part, gaps.crossing, AIM * APART)
    wide = _spread(need, FADE_S * track.fps)
    around = np.flatnonzero(wide > 0)
    # lips that meet stay together: the furthest that keeps them so
    shut = solver.at(gaps.apart, values[around]) <= MEET
    most = solver.least(values[around], solver.part, lambda mouth, points: -gaps.apart(mouth, points), -MEET)
    far = np.where(shut, np.maximum(np.minimum(wide[around], most), need[around]), wide[around])
    result = values.copy()
    result[around] = solver.part(values[around], far.astype(np.float32))
    return result


def _spread(need: np.ndarray, frames: float) -> np.ndarray:
    """(F, ...): at least `need` everywhere, falling to 0 smoothly within so many frames."""
    reach = max(1, int(np.ceil(frames)))
    padded = np.pad(need, [(reach, reach), *[(0, 0)] * (need.ndim - 1)])
    wide = need.copy()
    for k in range(1, reach):
        part = float(ease(np.array(1 - k / reach)))
        for side in (reach - k, reach + k):
            wide = np.maximum(wide, part * padded[side : side + len(need)])
    return wide
