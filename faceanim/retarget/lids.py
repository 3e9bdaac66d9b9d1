"""Lids that meet where the source's do: a character's own lids are found by what its blink brings together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..core.events import LIDS, Event
from ..core.mapping import Mapping
from ..core.rig import parse_control
from ..core.track import Track
from .gaps import Contact, nearest
from .lips import Surface, displacement, linked, one_head, pose

UPPER, LOWER = 0.5, 0.15
"""What sinks by at least, and at most, this share of the largest drop of a blink is of the upper, and the lower lid."""
UNEVEN = 0.2
"""In place of the first for bones, whose skin may sink very unevenly."""
COLUMNS, MIDDLE, WHOLE = 7, 0.5, 1.0
"""Places across the eye where lids are measured, in this part of its width: at the corners they meet anyway. Bones are
looked at along the whole of what they lower."""
BELOW, MET = 0.3, 0.35
"""The lower lid lies below the upper one by at least the first, over the largest drop of a blink, which leaves at most
the second of the way between them."""
SKIN, FURTHER = 4.0, 0.25
"""Skin may take on as little as one part in so many of what bones do: their blink is looked at as many times as far. Of
what goes further, this part counts as apart: folds of the skin above the lid come down last."""
LIKE, WEAKEST = 0.01, 0.25
"""How much it weighs that bones shut an eye as the mapping has them do, each for its share, against that the lids meet;
bones that move lids less than the second, over what moves them most, go no further for it."""
OVERLAP = 0.2
"""What it weighs that lids overlap where bones shut an eye unevenly, which is hardly seen, against that they gape."""
MADE = 0.12
"""A blink by keys that leaves this share of the gap, or goes past the lower lid by it, was made so: that is shut."""
PAST = 0.08
"""How far shut lids may go through each other, over the gap at rest: a blink with a squint or eyes that look down."""
SHUTTING = 0.65, 0.85
"""The source's eyeBlink from which on its lids touch is the second; below the first they do not."""
CLOSED, CROSSED = 0.1, 0.15
"""Lids that are open by the first in the mean across the eye, over its opening at rest, are shut; such as go further
than the second through each other cross."""
OPENS = 0.1
"""A control that opens the eye by as much is what gives way where a whole blink does not shut it."""


@dataclass(frozen=True)
class Lids:
    """One eye's lids, whose opening is 1 at rest and, near it, a linear function of the controls.

    side      Left or Right
    controls  K names
    opening   float64 (K,): what each control's value 1 adds to the opening
    blink     float64 (K,): the controls of a blink
    added     float64 (K,): what shuts the eye, less what the mapping's blink makes of it: 0 for keys. How much of what
              bones do the skin of the lids takes on, and where, is a matter of its weights
    shut      the opening of shut lids
    pairs     int (C, 2): points of the Surface on the upper and the lower lid, at places across the middle of the eye
    points    float32 (2 C, 3): where those of the upper, then those of the lower lid are at rest
    """

    side: str
    controls: tuple[str, ...]
    opening: np.ndarray
    blink: np.ndarray
    added: np.ndarray
    shut: float
    pairs: np.ndarray
    points: np.ndarray


def find(surface: Surface, mapping: Mapping) -> tuple[Lids, ...]:
    """The eyes whose lids a blink brings together, or would if bones went as far as it takes."""
    return tuple(lids for side in ("Left", "Right") if (lids := _eye(surface, mapping, side)) is not None)


def meet(track: Track, source: Track, mapping: Mapping, eyes: Iterable[Lids]) -> Track:
    """The track of controls with lids that meet, and do not cross, where the source's channels shut the eye."""
    values = track.values.astype(np.float64)
    for eye in eyes:
        columns = [track.index(name) for name in eye.controls]
        part = values[:, columns]
        low, high = _limits(mapping, eye.controls)
        mapped = eye.blink - eye.added
        whole = part + (part @ mapped / max(mapped @ mapped, 1e-12))[:, None] * eye.added
        part = np.clip(whole, np.minimum(low, part), np.maximum(high, part))
        share = np.clip((source.column(f"eyeBlink{eye.side}") - SHUTTING[0]) / (SHUTTING[1] - SHUTTING[0]), 0, 1)
        share = share**2 * (3 - 2 * share)
        opening = 1 + part @ eye.opening
        off = share * (opening - opening.clip(eye.shut - PAST, eye.shut))
        further = off[:, None] * eye.blink / -(eye.opening @ eye.blink)
        part = np.clip(part + further, np.minimum(low, part), np.maximum(high, part))
        opened = np.where(eye.opening > OPENS, part * eye.opening, 0).clip(0)
        still = share * (1 + part @ eye.opening - eye.shut).clip(0)
        part -= np.where(opened > 0, part, 0) * (still / opened.sum(1).clip(1e-6)).clip(0, 1)[:, None]
        values[:, columns] = part
    return track.with_values(values.astype(np.float32))


def shortcomings(eye: Lids, mapping: Mapping) -> list[str]:
    """What these lids cannot show, in words for the user."""
    low, high = _limits(mapping, eye.controls)
    closing = eye.opening * eye.blink < 0
    left = 1 + float(np.where(closing, eye.opening * np.where(eye.blink > 0, high, low), 0).sum())
    if left <= MADE:
        return []
    return [f"the {eye.side.lower()} eye's lids cannot meet: all that shuts them leaves {left:.0%} of the eye open"]


def opened(eye: Lids, points: np.ndarray) -> np.ndarray:
    """float (F, C): how far the eye is open at each place across it, over its opening at rest, 0 where it is shut;
    points (F, 2 C, 3) as Lids.points has them."""
    count = len(eye.pairs)
    rest = eye.points[:count, 1] - eye.points[count:, 1]
    return (points[:, :count, 1] - points[:, count:, 1]) / rest - eye.shut


def crossing(opening: np.ndarray) -> np.ndarray:
    """(F,): how far lids go through each other in the mean, of their `opened` (F, C)."""
    return -opening.clip(max=0).mean(1)


def check(eye: Lids, opening: np.ndarray, times: np.ndarray, source: Track) -> list[Contact]:
    """How the closings of an eye come out, of its `opened` (F, C) at times (F,): each at the frame, of those within it
    widened by TOLERANCE_S, on which it is open least, in the mean across it."""
    shut = np.flatnonzero(source.column(f"eyeBlink{eye.side}") >= SHUTTING[1])
    events = [
        Event(LIDS, float(source.times[run[0]]), float(source.times[run[-1]]), float(source.times[run[len(run) // 2]]))
        for run in np.split(shut, np.flatnonzero(np.diff(shut) > 1) + 1) if len(run)
    ]  # fmt: skip
    open_still = opening.clip(min=0).mean(1)
    return [contact for event in events if (contact := nearest(event, open_still, CLOSED, times)) is not None]


def _limits(mapping: Mapping, controls: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """float64 (K,), (K,): the least and the greatest that controls may be."""
    targets = [mapping.targets[name] for name in controls]
    return np.array([t.minimum for t in targets], float), np.array([t.maximum for t in targets], float)


def _eye(surface: Surface, mapping: Mapping, side: str) -> Lids | None:
    made = {name: v for name, v in pose(mapping, **{f"eyeBlink{side}": 1.0}).items() if name in surface.deltas}
    closing = displacement(surface, made)
    most = float(-closing[:, 1].min(initial=0.0))
    bones = {name for name in made if parse_control(name)}
    moved = -closing[:, 1] > (UNEVEN if bones else UPPER) * most
    if most <= 0 or moved.sum() < 4:
        return None
    moved = one_head(surface.points, moved)
    reach = SKIN if bones else 1.0
    pairs = _pairs(surface, closing, moved, most, reach, MIDDLE)
    if len(pairs) < COLUMNS // 2:
        return None
    controls = tuple(name for name in mapping.controls if name in surface.deltas)
    gap, effects = _effects(surface, pairs, controls)
    effect = (effects / gap[:, None]).mean(0)
    moving = (np.abs(effect) > 1e-3) | np.array([name in bones for name in controls], bool)
    names, effect = tuple(np.array(controls, object)[moving]), effect[moving]
    mapped = np.array([made.get(name, 0.0) for name in names])
    free = np.array([name in bones for name in names], bool) & (np.abs(effect) > 1e-3)
    blink = mapped.copy()
    if free.any():
        along = _effects(surface, _pairs(surface, closing, moved, most, reach, WHOLE), names)
        blink[free] = _shutting(*along, mapped, free, *_limits(mapping, names))
        # what takes a lid over the ball goes as much further as what lowers it
        bone = np.array([parse_control(name).bone if name in bones else "" for name in names])
        for k in np.flatnonzero(~free & (bone != "")):
            own = free & (bone == bone[k])
            blink[k] *= blink[own].sum() / mapped[own].sum() if own.any() else 1.0
    left = 1 + effects[:, moving] @ blink / gap
    # lids whose edges are uneven are shut where the widest place is, as their overlap is not seen
    shut = max(-MADE, left.mean() - left.max()) if bones else left.mean()
    shut = float(shut) if abs(shut) <= MADE else 0.0
    return Lids(side, names, effect, blink, blink - mapped, shut, pairs, surface.points[pairs.T.ravel()])


def _effects(surface: Surface, pairs: np.ndarray, controls: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(C,) how far pairs of points are apart at rest, upward, and (C, K) what each control's value 1 adds to that."""
    upper, lower = pairs.T
    effects = np.zeros((len(pairs), len(controls)))
    for k, name in enumerate(controls):
        delta = displacement(surface, {name: 1.0})[:, 1]
        effects[:, k] = delta[upper] - delta[lower]
    return (surface.points[upper, 1] - surface.points[lower, 1]).astype(float), effects


def _shutting(
    gap: np.ndarray, effects: np.ndarray, blink: np.ndarray, free: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The values of the `free` (K,) controls that shut the lids all along best, as like the blink (K,) as may be.

    gap (C,) and effects (C, K) as `_effects` gives them; low and high (K,): the controls' limits. Each goes on from
    where the blink has it, and none back. Bounded least squares, by coordinates, in which lids that overlap weigh less
    than such that gape.
    """
    size = np.sqrt((gap**2).mean())
    along, rest = effects[:, free] / size, (gap + effects @ np.where(free, 0, blink)) / size
    start, low, high = blink[free], low[free], high[free]
    strength = np.sqrt((along**2).mean(0))
    strength = np.maximum(strength, WEAKEST * strength.max())
    share = np.abs(strength * start)
    like = LIKE * strength**2 / np.maximum(share / max(share.sum(), 1e-12), WEAKEST)
    opens = along.mean(0) > 0
    low, high = np.where(opens, np.minimum(low, start), start), np.where(opens, start, np.maximum(high, start))
    values = start.copy()
    for _ in range(300):
        weight = np.where(rest + along @ values > 0, 1.0, OVERLAP) / len(gap)
        square = (along.T * weight) @ along + np.diag(like)
        pull = like * start - (along.T * weight) @ rest
        for k in range(len(values)):
            values[k] += (pull[k] - square[k] @ values) / square[k, k]
            values[k] = np.clip(values[k], low[k], high[k])
    return values


def _pairs(
    surface: Surface, closing: np.ndarray, moved: np.ndarray, most: float, reach: float, part: float
) -> np.ndarray:
    """int (C, 2): points of the upper and of the lower lid that a blink, or up to `reach` times as much, brings
    together, at places across this part of the eye's width."""
    points = surface.points
    low, high = points[moved].min(0), points[moved].max(0)
    near = ((points > low - 2 * reach * most) & (points < high + 2 * reach * most)).all(1)
    links = linked(surface, closing, near, 1e-3 * most)
    # eyeballs hang from no lid, and lashes from no skin that stays
    lower = near & (-closing[:, 1] < LOWER * most)
    lower &= np.isfinite(links.distance(np.flatnonzero(moved), np.inf))
    upper = moved & near & np.isfinite(links.distance(np.flatnonzero(lower), np.inf)) if lower.any() else lower
    if not upper.any():
        return np.zeros((0, 2), int)
    x = points[upper, 0]
    places = (x.min() + x.max()) / 2 + np.linspace(-0.5, 0.5, COLUMNS) * part * np.ptp(x)
    beside = max(np.ptp(x) * MIDDLE / COLUMNS, 1e-9)
    found = []
    for place in places:
        above, below = (np.flatnonzero(lid & (np.abs(points[:, 0] - place) < beside)) for lid in (upper, lower))
        if not len(above) or not len(below):
            continue
        between = points[above, None] - points[None, below]
        way = closing[above, None] - closing[None, below]
        far = np.clip(-(between * way).sum(2) / np.maximum((way**2).sum(2), 1e-12), 1, reach)
        apart = np.linalg.norm(between + far[..., None] * way, axis=2)
        apart += FURTHER * (far - 1) * np.linalg.norm(way, axis=2)
        apart = np.where(between[..., 1] > BELOW * most, apart, np.inf)
        i, j = np.unravel_index(apart.argmin(), apart.shape)
        if apart[i, j] < MET * (points[above[i], 1] - points[below[j], 1]):
            found.append((above[i], below[j]))
    return np.array(found, int).reshape(-1, 2)
