"""Where a speaker looks whom no camera saw: the `gaze` layer from what is said.

The gaze rests on the other's face, going between eyes and mouth, and is averted now and then, mostly as an utterance
begins, and returns as it ends. It leaps from place to place in saccades of the main sequence; between them it is all
but still. What the layer holds is meant for a head at rest: whoever turns the head turns the eyes back in it
(`held`), so that they stay on what they look at, as the vestibulo-ocular reflex has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..core.take import Take
from ..core.track import Track
from . import gaze
from .phrasing import CONTOUR_HZ, Feeling, between, constants, cutoff_s, drawn, feeling, noise, phrases, smoothed, step

SURE = 0.5
"""Confidence of what is made up."""
SIDES = ((0, 1), (2, 3))
"""Yaw and pitch of the left and of the right eye among gaze.CHANNELS."""


class Plan(NamedTuple):
    """Where the gaze goes: (N,) each, in order.

    times     seconds at which a saccade begins; the first is 0, or before
    targets   (N, 2) radians: yaw to the own left, pitch down, of the body's straight ahead
    lasting   seconds of each saccade
    at        bool: the other's face is looked at
    large     bool: the saccade leads to or from the other's face, or to a new place: the head may follow
    """

    times: np.ndarray
    targets: np.ndarray
    lasting: np.ndarray
    at: np.ndarray
    large: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """(N,) radians: how far each saccade leads; the first leads nowhere."""
        return np.linalg.norm(np.diff(self.targets, axis=0, prepend=self.targets[:1]), axis=1)

    def gaze(self, times: np.ndarray) -> np.ndarray:
        """(T, 2) radians at times (T,)."""
        i = np.clip(np.searchsorted(self.times, times, "right") - 1, 0, None)
        part = step((times - self.times[i]) / self.lasting[i])[:, None]
        start = self.targets[np.maximum(i - 1, 0)]
        return start + part * (self.targets[i] - start)


def solve(take: Take, seed: int = 0) -> Track:
    """The `gaze` layer: gaze.CHANNELS over the whole Take, confidence SURE, for a head at rest (see `held`)."""
    settings = constants("gaze")
    route = plan(take, seed)
    rng = drawn(take, "drift", seed)
    times = np.arange(take.frames) / take.fps
    count = int(np.ceil(take.seconds * CONTOUR_HZ)) + 2
    drift = noise(rng, count, 2, CONTOUR_HZ, cutoff_s(settings["drift_hz"])) * np.radians(settings["drift_deg"])
    both = route.gaze(times) + between(drift, CONTOUR_HZ, times)
    slow = np.arange(count) / CONTOUR_HZ
    inward = _vergence(route, slow)
    inward = between(smoothed(inward[:, None], CONTOUR_HZ, cutoff_s(settings["vergence_hz"])), CONTOUR_HZ, times)
    eyes = np.concatenate([both, both], 1)
    eyes[:, :1] -= inward
    eyes[:, 2:3] += inward
    eyes = np.clip(eyes, -gaze.LIMIT, gaze.LIMIT)
    return Track.of(take.fps, gaze.CHANNELS, np.concatenate([eyes, gaze.look(eyes)], 1), SURE)


def outside(eyes: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The inverse of `held`: (F, 4) where eyes (F, 4) of a turned head (F, 3) look, as those of a head at rest."""
    yaw, pitch, roll = np.asarray(head, float).T
    out = np.empty(eyes.shape, np.float32)
    for a, b in SIDES:
        x, y, z = np.sin(eyes[:, a]) * np.cos(eyes[:, b]), -np.sin(eyes[:, b]), np.cos(eyes[:, a]) * np.cos(eyes[:, b])
        y, z = y * np.cos(pitch) - z * np.sin(pitch), z * np.cos(pitch) + y * np.sin(pitch)
        x, y = x * np.cos(roll) + y * np.sin(roll), y * np.cos(roll) - x * np.sin(roll)
        x, z = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
        out[:, a], out[:, b] = np.arctan2(x, z), np.arcsin(np.clip(-y, -1, 1))
    return out


def held(eyes: np.ndarray, head: np.ndarray) -> np.ndarray:
    """(F, 4) radians of both eyes in a head that is turned, looking where they (F, 4) look in a head at rest.

    head  (F, 3) yaw, pitch, roll in radians
    """
    yaw, pitch, roll = np.asarray(head, float).T
    out = np.empty(eyes.shape, np.float32)
    for a, b in SIDES:
        x, y, z = np.sin(eyes[:, a]) * np.cos(eyes[:, b]), -np.sin(eyes[:, b]), np.cos(eyes[:, a]) * np.cos(eyes[:, b])
        # the inverse of R = Ry(yaw) Rz(-roll) Rx(pitch), turn by turn
        x, z = x * np.cos(yaw) - z * np.sin(yaw), x * np.sin(yaw) + z * np.cos(yaw)
        x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
        y, z = y * np.cos(pitch) + z * np.sin(pitch), z * np.cos(pitch) - y * np.sin(pitch)
        out[:, a], out[:, b] = np.arctan2(x, z), np.arcsin(np.clip(-y, -1, 1))
    return np.clip(out, -gaze.LIMIT, gaze.LIMIT)


def _vergence(route: Plan, times: np.ndarray) -> np.ndarray:
    """(T,) radians by which each eye turns inward for the distance of what is looked at."""
    settings = constants("gaze")
    inward = [np.arctan(settings["pupils_m"] / 2 / settings["distance_m"][where]) for where in ("away", "at")]
    i = np.clip(np.searchsorted(route.times, times, "right") - 1, 0, None)
    return np.where(route.at[i], inward[1], inward[0])


# the plan ---------------------------------------------------------------------------------------------------------


def plan(take: Take, seed: int = 0) -> Plan:
    """Where the gaze goes over the whole Take. Others ask for it too: the head follows, the lids blink."""
    settings, rng = constants("gaze"), drawn(take, "gaze", seed)
    felt = feeling(take)
    rows: list[tuple[float, float, float, bool, bool]] = []
    lower = felt.at(np.arange(int(take.seconds) + 3.0), settings["feelings_down"], 0.0)
    for start, end, at, talking in _spells(take, felt, rng):
        places = _face(rng) if at else _elsewhere(rng, talking, float(lower[int(start)]))
        mean, deviation = settings["face_fixation_s" if at else "away_fixation_s"]
        first, now = True, start
        while now < end - (0 if first else 0.15):
            yaw, pitch = next(places)
            # nobody looks anywhere for an instant, nor on for one
            until = min(now + max(_length(rng, mean, deviation), settings["least_s"]), end)
            until = end if end - until < settings["least_s"] else until
            rows.append((now, yaw, pitch, at, first))
            rows += [(t, yaw + dx, pitch + dy, at, False) for t, dx, dy in _tiny(rng, now, until)]
            first, now = False, until
    times, yaw, pitch, at, large = (np.array(column) for column in zip(*rows, strict=True))
    targets = np.radians(np.stack([yaw, pitch], 1))
    sizes = np.degrees(np.linalg.norm(np.diff(targets, axis=0, prepend=targets[:1]), axis=1))
    base, per_degree = settings["saccade_s"]
    lasting = (base + per_degree * sizes) * np.exp(settings["saccade_spread"] * rng.normal(size=len(sizes)))
    return Plan(times.astype(float), targets, lasting, at.astype(bool), large.astype(bool))


def _length(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """A duration from a gamma distribution."""
    shape = (mean / deviation) ** 2
    return float(rng.gamma(shape, mean / shape))


def _spells(take: Take, felt: Feeling, rng: np.random.Generator) -> Iterator[tuple[float, float, bool, bool]]:
    """(start, end, at the other's face, while talking), end to end over the clip."""
    settings, speech = constants("gaze"), constants("speech")
    turns = phrases(take.phones, take.seconds, speech["turn_s"])
    edges, at = [0.0], [True]
    longer = felt.at(np.arange(int(take.seconds) + 2.0), settings["feelings_at"], 1.0)
    now, looks = 0.0, bool(rng.random() < 0.7)
    forced = _forced(turns, rng)
    ends = np.array([turn.end for turn in turns] or [0.0])
    starts = np.array([turn.start for turn in turns] or [np.inf])

    def talking(t: float) -> bool:
        i = int(np.searchsorted(starts, t, "right")) - 1
        return i >= 0 and t < ends[i]

    spells: list[tuple[float, float, bool]] = []
    while now < take.seconds:
        mode = "speaking" if talking(now) else "silent"
        length = _length(rng, *settings[f"{mode}_{'at' if looks else 'away'}_s"])
        length *= float(longer[int(now)]) if looks else 1.0
        length = max(length, settings["least_s"])
        spells.append((now, now + length, looks))
        now, looks = now + length, not looks
    # what turns demand comes before what chance had
    grid = np.arange(int(np.ceil(take.seconds * CONTOUR_HZ)) + 1) / CONTOUR_HZ
    state = np.zeros(len(grid), bool)
    for start, end, value in (*spells, *forced):
        state[slice(*np.searchsorted(grid, (start, end)))] = value
    edges = [0, *(np.flatnonzero(np.diff(state)) + 1), len(grid)]
    start = 0.0
    for a, b in zip(edges, edges[1:], strict=False):
        end = take.seconds + 1 if b == len(grid) else b / CONTOUR_HZ + float(rng.uniform(0, 1 / CONTOUR_HZ))
        if end - start >= settings["least_s"] / 2 or b == len(grid):
            at = bool(state[a])
            yield start, end, at, talking(a / CONTOUR_HZ)
            start = end


def _forced(turns, rng: np.random.Generator) -> list[tuple[float, float, bool]]:
    settings = constants("gaze")
    found = []
    for turn in turns:
        if rng.random() < settings["start_away_share"]:
            lead, length = (_length(rng, *settings[name]) for name in ("start_lead_s", "start_away_s"))
            begins = turn.start - min(lead, turn.before)
            found.append((begins, begins + min(length, 0.6 * (turn.end - begins)), False))
        if rng.random() < settings["end_at_share"]:
            begins = max(turn.end - _length(rng, *settings["end_lead_s"]), turn.start)
            found.append((begins, turn.end + min(settings["end_at_s"], turn.after), True))
    return found


def _face(rng: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Degrees: places on the other's face, each another than the one before."""
    settings = constants("gaze")
    places, share = np.array(settings["face_deg"]), np.cumsum(settings["face_share"])
    last = -1
    while True:
        k = min(int(np.searchsorted(share, rng.random())), len(places) - 1)
        if k == last:
            k = (k + 1 + int(rng.random() < 0.5)) % len(places)
        last = k
        dx, dy = rng.normal(size=2) * 0.35
        yield float(places[k, 0] + dx), float(places[k, 1] + dy)


def _elsewhere(rng: np.random.Generator, talking: bool, lower: float) -> Iterator[tuple[float, float]]:
    """Degrees: a place away from the other, so much lower, and places around it."""
    settings = constants("gaze")
    least, most = settings["away_least_deg"], settings["away_most_deg"]["speaking" if talking else "silent"]
    size = least + rng.exponential(settings["away_deg"])
    while size > most:
        size = least + rng.exponential(settings["away_deg"])
    share = np.cumsum(settings["directions"]) / sum(settings["directions"])
    angle = np.radians(45.0 * np.searchsorted(share, rng.random()) + rng.uniform(-22.5, 22.5))
    yaw, pitch = size * np.cos(angle), lower - size * np.sin(angle)
    reach = settings["reach_deg"]
    while True:
        yaw = float(np.clip(yaw, -reach["side"], reach["side"]))
        pitch = float(np.clip(pitch, -reach["up"], reach["down"]))
        yield yaw, pitch
        dx, dy = rng.normal(size=2) * settings["away_step_deg"]
        yaw, pitch = yaw + dx, pitch + 0.6 * dy


def _tiny(rng: np.random.Generator, start: float, end: float) -> Iterator[tuple[float, float, float]]:
    """(time, degrees to the left, down) of microsaccades about a fixation."""
    settings = constants("gaze")
    now = start + 0.15 + rng.exponential(1 / settings["micro_per_s"])
    while now < end - 0.15:
        dx, dy = rng.normal(size=2) * settings["micro_deg"]
        yield now, float(dx), float(dy)
        now += 0.15 + rng.exponential(1 / settings["micro_per_s"])
