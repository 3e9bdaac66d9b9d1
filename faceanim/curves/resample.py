"""A Track at another rate, with every contact on a whole frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.channels import GROUP_OF, MOUTH_GROUPS
from ..core.events import LIDS, LIPS, TEETH, Event, aperture
from ..core.track import Track
from .smooth import lowpass

CUTOFF = 0.4
"""Going down in rate, what is faster than this part of the new rate is taken away (half of it is the limit)."""
AWAY = 0.75
"""A contact is shown at most this many frames from its time; closer ones than there are frames share one."""
CLOSE = 8.0
"""Contacts further apart than this many frames leave the opening between them its frames by themselves."""
FIRM = 4.0
"""A contact insists on its time this many times as strongly as an opening."""
OPENS = 0.06
"""Contacts with at least so much aperture between them are two, with an opening to be seen between."""


def resample(track: Track, fps: float, events: Sequence[Event] = (), leaping: Sequence[str] = ()) -> Track:
    """The track on whole frames of `fps` (Hz) from its start, as long as before.

    The frame nearest to an event's peak shows the track as it is at the peak, in the channels that the event is about
    (mouth groups, or lids), and the widest opening between two contacts gets a frame likewise where there is one.
    Everything else is low-passed to what the new rate can show, and read off at its own time; channels that are
    `leaping` are only read off, so that they do not come to rest later than they do.
    """
    frames = max(1, int(round(track.seconds * fps))) if track.frames else 0
    base = track
    if fps < track.fps:
        cutoffs = np.array([0.0 if name in leaping else CUTOFF * fps for name in track.channels])
        base = track.with_values(lowpass(track.values, track.fps, cutoffs))
    result = base.resample(fps, frames)
    if not frames or not track.frames:
        return result
    values = result.values.copy()
    regions = (({LIPS, TEETH}, MOUTH_GROUPS), ({LIDS}, ("lids",)))
    for kinds, groups in regions:
        columns = [i for i, name in enumerate(track.channels) if GROUP_OF.get(name) in groups]
        chosen = sorted((e for e in events if e.kind in kinds), key=lambda e: e.peak)
        if not chosen or not columns:
            continue
        times, contact = _instants(track, chosen, fps)
        rows, at = placed((times - track.start) * fps, contact, frames)
        values[np.ix_(rows, columns)] = track.at(times[at])[0][:, columns]
    return result.with_values(values)


def _instants(track: Track, events: list[Event], fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (N,) of the contacts and of the widest openings between close ones, in order; (N,) which are contacts."""
    opening = {kind: aperture(track, kind) for kind in {e.kind for e in events}}
    times, contact = [], []
    last = None
    for event in events:
        frame = int(np.clip(round((event.peak - track.start) * track.fps), 0, track.frames - 1))
        if last is not None and 1 < frame - last < CLOSE / fps * track.fps:
            between = opening[event.kind][last + 1 : frame]
            widest = np.flatnonzero(between >= between.max() - 1e-3)
            widest = int(widest[len(widest) // 2])
            edge = max(opening[event.kind][last], opening[event.kind][frame])
            if between[widest] > edge + OPENS:
                times.append(track.start + (last + 1 + widest) / track.fps)
                contact.append(False)
        times.append(event.peak)
        contact.append(True)
        last = frame
    return np.array(times), np.array(contact)


def placed(positions: np.ndarray, contact: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole frames for instants at fractional frames `positions` (N,), rising: (rows, which instants they show).

    Each instant gets a frame of its own, in order and as near as can be (least squares under that order: isotonic
    regression of position minus rank). Where that would move one further than AWAY, openings give way first, then
    contacts share a frame.
    """
    weights = np.where(contact, FIRM, 1.0)
    order = np.arange(len(positions))
    while True:
        rank = np.arange(len(order))
        rows = np.clip(np.rint(_isotonic(positions[order] - rank, weights[order])) + rank, 0, frames - 1).astype(int)
        off = np.abs(rows - positions[order])
        # rounding alone costs half a frame; at the last frame a position may lie beyond it
        crowded = (off > AWAY) & (off > np.abs(np.clip(np.rint(positions[order]), 0, frames - 1) - positions[order]))
        openings = ~contact[order]
        if not crowded.any() or not openings.any():
            break
        near = np.zeros(len(order), bool)
        for i in np.flatnonzero(crowded):
            # the nearest opening gives way
            candidates = np.flatnonzero(openings)
            near[candidates[np.abs(candidates - i).argmin()]] = True
        order = order[~near]
    nearest = np.clip(np.rint(positions[order]), 0, frames - 1).astype(int)
    rows = np.where(crowded, nearest, rows)
    # a shared frame shows a contact rather than an opening: contacts are written last
    last = {int(row): int(i) for row, i in sorted(zip(rows, order, strict=True), key=lambda x: contact[x[1]])}
    return np.array(list(last), int), np.array(list(last.values()), int)


def _isotonic(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The non-decreasing sequence nearest to x (N,) in the weighted least squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for mean, weight in zip(x.tolist(), weights.tolist(), strict=True):
        count = 1
        while pools and pools[-1][0] > mean:
            before, its, n = pools.pop()
            mean, weight, count = (before * its + mean * weight) / (its + weight), its + weight, count + n
        pools.append((mean, weight, count))
    return np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
