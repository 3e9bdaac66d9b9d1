"""When the lids close, and how: the `blink` layer from what is said and where the eyes go.

Blinks come as often as people blink who talk or listen, at intervals that scatter as theirs do, more at the ends of
phrases and in pauses than within them, and with large shifts of gaze. The lids close fast and open slowly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.take import Take
from ..core.track import Track
from . import glances
from .phrasing import Feeling, constants, drawn, feeling, phrases, step, within

CHANNELS = ("eyeBlinkLeft", "eyeBlinkRight")
RATE_HZ = 50.0
WHOLE = 1.02
"""Frames that shut lids stay shut at least, so that one of them shows it."""


class Blinks(NamedTuple):
    """(N,) each, in order: seconds of the beginning, of closing, staying shut and opening; how far (1: fully shut).

    ahead     seconds by which the left lid is ahead of the right
    uneven    how much further the left closes than the right, where neither closes fully
    """

    start: np.ndarray
    closing: np.ndarray
    shut: np.ndarray
    opening: np.ndarray
    depth: np.ndarray
    ahead: np.ndarray
    uneven: np.ndarray


def solve(take: Take, seed: int = 0) -> Track:
    """The `blink` layer: both lids over the whole Take, 0..1; fully shut on at least one frame in most blinks."""
    found = blinks(take, seed)
    values = np.zeros((take.frames, 2), np.float32)
    frame = 1 / take.fps
    for k in range(len(found.start)):
        start, closing, shut, opening, depth = (float(part[k]) for part in found[:5])
        shut = max(shut, WHOLE * frame + abs(float(found.ahead[k])))
        first = max(int((start - 0.05) * take.fps), 0)
        last = min(int((start + closing + shut + opening + 0.05) * take.fps) + 2, take.frames)
        times = np.arange(first, last) * frame
        for side, sign in enumerate((-0.5, 0.5)):
            height = depth if depth >= 1 else float(np.clip(depth - sign * found.uneven[k], 0, 1))
            curve = height * lid(times - start - sign * float(found.ahead[k]), closing, shut, opening)
            rows = values[first : first + len(times), side]
            np.maximum(rows, curve, out=rows)
    return Track.of(take.fps, CHANNELS, values, glances.SURE)


def lid(times: np.ndarray, closing: float, shut: float, opening: float) -> np.ndarray:
    """(T,) 0..1: one blink that begins at 0."""
    settings = constants("blink")
    down = step(np.clip(times / closing, 0, 1) ** settings["closing_skew"])
    up = step(np.clip((times - closing - shut) / opening, 0, 1) ** settings["opening_skew"])
    return down - up


def blinks(take: Take, seed: int = 0) -> Blinks:
    settings, rng = constants("blink"), drawn(take, "blink", seed)
    felt = feeling(take)
    forced = _with_shifts(take, rng)
    start = _times(take, felt, forced, rng)
    count = len(start)
    slow = felt.at(start, settings["slow"], 1.0)
    spread = np.exp(settings["duration_spread"] * rng.normal(size=(3, count)))
    full = rng.random(count) < settings["full_share"]
    low, high = settings["partial"]
    depth = np.where(full, 1.0, rng.uniform(low, high, count))
    ahead, uneven = rng.normal(size=(2, count))
    # duration hardly depends on how far the lids go
    closing, opening = (settings[name] * slow * (0.75 + 0.25 * depth) for name in ("closing_s", "opening_s"))
    return Blinks(
        start, closing * spread[0], settings["closed_s"] * slow * spread[1] * np.where(full, 1, 0.4),
        opening * spread[2], depth, ahead * settings["sides_s"], uneven * settings["sides_amplitude"],
    )  # fmt: skip


def _with_shifts(take: Take, rng: np.random.Generator) -> np.ndarray:
    """(M,) seconds of the large gaze shifts that a blink comes with."""
    settings = constants("blink")
    route = glances.plan(take, take.seed("gaze") or 0)
    share = np.interp(np.degrees(route.sizes), settings["shift_deg"], settings["shift_share"])
    return route.times[rng.random(len(share)) < share]


def _times(take: Take, felt: Feeling, forced: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) seconds at which blinks begin.

    Intervals are drawn in the time of an inner clock that runs as fast as blinks are wanted, so that they scatter as
    published whatever pulls at them; blinks that gaze shifts demand start the clock anew.
    """
    settings = constants("blink")
    edge, least = settings["edge_s"], settings["least_s"]
    last = take.seconds - edge - settings["closing_s"]
    forced = forced[(forced > edge) & (forced < last)]
    grid = np.arange(int(np.ceil(take.seconds * RATE_HZ)) + 1) / RATE_HZ
    clock = np.concatenate([[0.0], np.cumsum(_rates(take, felt, grid) / 60 / RATE_HZ)])[:-1]
    # most blinks that gaze shifts demand are among those of the published rates
    clock *= np.clip(1 - settings["shift_counts"] * len(forced) / max(clock[-1], 1.0), 0.4, 1)
    spread = np.sqrt(np.log(1 + settings["interval_cv"] ** 2))
    found: list[float] = []
    # the clip begins anywhere between two blinks
    inner, earliest = float(rng.random()) * _interval(rng, spread), edge
    while True:
        now = max(_at(inner, clock, grid), earliest)
        next_forced = int(np.searchsorted(forced, earliest))
        if next_forced < len(forced) and forced[next_forced] <= now + least:
            now = float(forced[next_forced])
        if now >= last:
            return np.array(found)
        found.append(now)
        inner, earliest = _at(now, grid, clock) + _interval(rng, spread), now + least


def _at(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
    """np.interp of one value, which does not go through all of them."""
    i = min(max(int(np.searchsorted(xs, x)), 1), len(xs) - 1)
    part = (x - xs[i - 1]) / max(xs[i] - xs[i - 1], 1e-12)
    return float(ys[i - 1] + max(part, 0.0) * (ys[i] - ys[i - 1]))


def _interval(rng: np.random.Generator, spread: float) -> float:
    """Log-normal with mean 1."""
    return float(np.exp(spread * rng.normal() - spread**2 / 2))


def _rates(take: Take, felt: Feeling, grid: np.ndarray) -> np.ndarray:
    """(G,) blinks a minute that are wanted at each time."""
    settings, speech = constants("blink"), constants("speech")
    spoken = phrases(take.phones, take.seconds, speech["pause_s"])
    talks = within(phrases(take.phones, take.seconds, speech["turn_s"]), grid)
    pulls = settings["pulls"]
    pull = np.where(within(spoken, grid), pulls["within"], pulls["pause"])
    for name, edge in (("start", 0), ("end", 1)):
        low, high = settings[f"{name}_s"]
        pull[within([(p[edge] + low, p[edge] + high) for p in spoken], grid)] = pulls[name]
    near = talks | (pull == pulls["end"])
    pull = np.where(near, pull / max(float(pull[near].mean()), 1e-9) if near.any() else 1.0, 1.0)
    rate = np.where(near, settings["speaking_per_min"], settings["silent_per_min"]) * pull
    rate = rate * felt.at(grid, settings["feelings"], 1.0)
    return rate * np.clip(1 + settings["arousal"] * (felt.aroused(grid) - 0.4), 0.5, 2)
