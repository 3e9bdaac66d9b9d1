"""Lids that meet where the source's do: a character's own lids are found by what its blink brings together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..core.mapping import Mapping
from ..core.track import Track
from .lips import Surface, displacement, linked, one_head, pose

UPPER, LOWER = 0.5, 0.15
"""What sinks by at least, and at most, this share of the largest drop of a blink is of the upper, and the lower lid."""
COLUMNS, MIDDLE = 7, 0.5
"""Places across the eye where lids are measured, in this part of its width: at the corners they meet anyway."""
BELOW, MET = 0.3, 0.35
"""The lower lid lies below the upper one by at least the first, over the largest drop of a blink, which leaves at most
the second of the way between them."""
MADE = 0.12
"""A blink that leaves this share of the gap, or goes past the lower lid by it, was made so: that is shut."""
PAST = 0.08
"""How far shut lids may go through each other, over the gap at rest: a blink with a squint or eyes that look down."""
SHUTTING = 0.65, 0.85
"""The source's eyeBlink from which on its lids touch is the second; below the first they do not."""
OPENS = 0.1
"""A control that opens the eye by as much is what gives way where a whole blink does not shut it."""


@dataclass(frozen=True)
class Lids:
    """One eye's lids, whose opening is 1 at rest and, by keys, a linear function of the controls.

    side      Left or Right
    controls  K names
    opening   float64 (K,): what each control's value 1 adds to the opening
    blink     float64 (K,): the controls of a blink
    shut      the opening of shut lids
    """

    side: str
    controls: tuple[str, ...]
    opening: np.ndarray
    blink: np.ndarray
    shut: float


def find(surface: Surface, mapping: Mapping) -> tuple[Lids, ...]:
    """The eyes whose lids a blink brings together, by keys; lids that bones move are left to the mapping."""
    return tuple(lids for side in ("Left", "Right") if (lids := _eye(surface, mapping, side)) is not None)


def meet(track: Track, source: Track, mapping: Mapping, eyes: Iterable[Lids]) -> Track:
    """The track of controls with lids that meet, and do not cross, where the source's channels shut the eye."""
    values = track.values.astype(np.float64)
    for eye in eyes:
        columns = [track.index(name) for name in eye.controls]
        part = values[:, columns]
        share = np.clip((source.column(f"eyeBlink{eye.side}") - SHUTTING[0]) / (SHUTTING[1] - SHUTTING[0]), 0, 1)
        share = share**2 * (3 - 2 * share)
        opening = 1 + part @ eye.opening
        off = share * (opening - opening.clip(eye.shut - PAST, eye.shut))
        low, high = (
            np.array([getattr(mapping.targets[name], end) for name in eye.controls]) for end in ("minimum", "maximum")
        )
        further = off[:, None] * eye.blink / -(eye.opening @ eye.blink)
        part = np.clip(part + further, np.minimum(low, part), np.maximum(high, part))
        opened = np.where(eye.opening > OPENS, part * eye.opening, 0).clip(0)
        still = share * (1 + part @ eye.opening - eye.shut).clip(0)
        part -= np.where(opened > 0, part, 0) * (still / opened.sum(1).clip(1e-6)).clip(0, 1)[:, None]
        values[:, columns] = part
    return track.with_values(values.astype(np.float32))


def _eye(surface: Surface, mapping: Mapping, side: str) -> Lids | None:
    made = {name: v for name, v in pose(mapping, **{f"eyeBlink{side}": 1.0}).items() if name in surface.deltas}
    closing = displacement(surface, made)
    drop = -closing[:, 1]
    most = float(drop.max(initial=0.0))
    moved = drop > UPPER * most
    if most <= 0 or moved.sum() < 4:
        return None
    moved = one_head(surface.points, moved)
    pairs = _pairs(surface, closing, moved, most)
    if len(pairs) < COLUMNS // 2:
        return None
    upper, lower = pairs.T
    gap = surface.points[upper, 1] - surface.points[lower, 1]
    controls = tuple(name for name in mapping.controls if name in surface.deltas)
    effect = np.zeros(len(controls))
    for k, name in enumerate(controls):
        delta = displacement(surface, {name: 1.0})[:, 1]
        effect[k] = np.mean((delta[upper] - delta[lower]) / gap)
    moving = np.abs(effect) > 1e-3
    names = tuple(np.array(controls, object)[moving])
    blink = np.array([made.get(name, 0.0) for name in names])
    left = 1 + float(effect[moving] @ blink)
    return Lids(side, names, effect[moving], blink, left if abs(left) <= MADE else 0.0)


def _pairs(surface: Surface, closing: np.ndarray, moved: np.ndarray, most: float) -> np.ndarray:
    """int (C, 2): points of the upper and of the lower lid that a blink brings together, at places across the eye."""
    points = surface.points
    low, high = points[moved].min(0), points[moved].max(0)
    near = ((points > low - 2 * most) & (points < high + 2 * most)).all(1)
    links = linked(surface, closing, near, 1e-3 * most)
    # eyeballs hang from no lid, and lashes from no skin that stays
    lower = near & (-closing[:, 1] < LOWER * most)
    lower &= np.isfinite(links.distance(np.flatnonzero(moved), np.inf))
    upper = moved & near & np.isfinite(links.distance(np.flatnonzero(lower), np.inf)) if lower.any() else lower
    if not upper.any():
        return np.zeros((0, 2), int)
    x = points[upper, 0]
    places = (x.min() + x.max()) / 2 + np.linspace(-0.5, 0.5, COLUMNS) * MIDDLE * np.ptp(x)
    reach = max(np.ptp(x) * MIDDLE / COLUMNS, 1e-9)
    found = []
    for place in places:
        above, below = (np.flatnonzero(part & (np.abs(points[:, 0] - place) < reach)) for part in (upper, lower))
        if not len(above) or not len(below):
            continue
        under = points[above, None, 1] - points[None, below, 1] > BELOW * most
        apart = np.linalg.norm((points + closing)[above, None] - (points + closing)[None, below], axis=2)
        apart = np.where(under, apart, np.inf)
        i, j = np.unravel_index(apart.argmin(), apart.shape)
        if apart[i, j] < MET * (points[above[i], 1] - points[below[j], 1]):
            found.append((above[i], below[j]))
    return np.array(found, int).reshape(-1, 2)
