"""The instants that no later step may lose: the lips meet, the lip touches the teeth, the lids meet.

Mixing keeps other layers away from them, smoothing leaves them sharp, resampling gives each a whole frame, and a check
of the baked mesh looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .phones import BILABIAL, LABIODENTAL, SIBILANT, base
from .take import Phone
from .track import Track

LIPS, TEETH, LIDS = "lips", "teeth", "lids"
JAW = "jaw"
"""No contact, but an instant as well: the jaw is nearly closed."""

ROUNDED = frozenset((*"uʊoɔɒyʏøœɞɵʉwʍɥʃʒɹ", "t͡ʃ", "d͡ʒ"))
"""The lips are busy, though they do not touch: half as free to smile."""

JOINED_S = 0.01
"""Phones closer than this follow at once."""

# What the eye sees of an opening, in channels: larger is more open. Only its least value within a phone is sought.
_APERTURE = {
    LIPS: {
        "jawOpen": 1.0, "mouthClose": -1.0, "mouthFunnel": 0.2, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3,
        "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3, "mouthPressLeft": -0.1, "mouthPressRight": -0.1,
        "mouthRollLower": -0.1, "mouthRollUpper": -0.1,
    },
    TEETH: {
        "jawOpen": 1.0, "mouthRollLower": -0.6, "mouthLowerDownLeft": 0.4, "mouthLowerDownRight": 0.4,
        "mouthFunnel": 0.2,
    },
    LIDS: {"eyeBlinkLeft": -0.5, "eyeBlinkRight": -0.5},
}


class Event(NamedTuple):
    """A contact: kind LIPS, TEETH or LIDS; seconds from the clip's start; `peak` is the instant of firmest contact."""

    kind: str
    start: float
    end: float
    peak: float


def aperture(track: Track, kind: str) -> np.ndarray:
    """float32 (F,): how open that contact is on every frame, unitless; the least is the most closed."""
    return sum(
        (weight * track.column(name) for name, weight in _APERTURE[kind].items()), np.zeros(track.frames, np.float32)
    )


def speech_events(phones: Iterable[Phone], track: Track | None = None) -> list[Event]:
    """LIPS and TEETH events of the phones; the peak is where `track` is most closed (without one: the middle).

    Phones of one kind without a pause between are one contact: the lips do not part within "lamp-post".
    """
    kinds = {**dict.fromkeys(BILABIAL, LIPS), **dict.fromkeys(LABIODENTAL, TEETH)}
    found: list[Event] = []
    for phone in phones:
        kind = kinds.get(base(phone.ipa))
        if kind and found and found[-1].kind == kind and phone.start - found[-1].end < JOINED_S:
            found[-1] = found[-1]._replace(end=phone.end)
        elif kind:
            found.append(Event(kind, phone.start, phone.end, phone.start))
    if track is None or not track.frames:
        return [e._replace(peak=(e.start + e.end) / 2) for e in found]
    opening = {kind: aperture(track, kind) for kind in (LIPS, TEETH)}
    return [e._replace(peak=_least(opening[e.kind], track, e.start, e.end)) for e in found]


def jaw_events(phones: Iterable[Phone]) -> list[Event]:
    """JAW events: the sibilants among the phones."""
    return [Event(JAW, p.start, p.end, (p.start + p.end) / 2) for p in phones if base(p.ipa) in SIBILANT]


def _least(opening: np.ndarray, track: Track, start: float, end: float) -> float:
    """The time of the least opening from `start` to `end`: the middle of the run of least frames."""
    first = int(np.clip(np.ceil((start - track.start) * track.fps - 1e-6), 0, len(opening) - 1))
    last = int(np.clip(np.floor((end - track.start) * track.fps + 1e-6), first, len(opening) - 1))
    part = opening[first : last + 1]
    least = np.flatnonzero(part <= part.min() + 1e-3)
    return track.start + (first + int(least[len(least) // 2])) / track.fps


def _dips(opening: np.ndarray, depth: float) -> list[tuple[int, int, int]]:
    """(start, end, bottom) frames of valleys at least `depth` below the highest point between them and the next."""
    dips, high, low, at = [], -np.inf, np.inf, 0
    falling = False
    for i, value in enumerate(opening.tolist()):
        if not falling:
            high = max(high, value)
            if value <= high - depth:
                falling, low, at = True, value, i
        elif value < low:
            low, at = value, i
        elif value >= low + depth:
            dips.append((at, low))
            falling, high = False, value
    if falling:
        dips.append((at, low))
    result = []
    for at, low in dips:
        start = end = at
        while start > 0 and opening[start - 1] <= low + 0.1 * depth:
            start -= 1
        while end + 1 < len(opening) and opening[end + 1] <= low + 0.1 * depth:
            end += 1
        result.append((start, end, (start + end) // 2))
    return result


def seen_events(track: Track, kind: str, depth: float, below: float) -> list[Event]:
    """Contacts read off the curves: valleys of the aperture, `depth` deep, whose bottom is at most `below`."""
    opening = aperture(track, kind)
    return [
        Event(kind, track.start + a / track.fps, track.start + b / track.fps, track.start + c / track.fps)
        for a, b, c in _dips(opening, depth)
        if opening[c] <= below
    ]


def lid_events(track: Track) -> list[Event]:
    """Blinks and other closings of the lids, whatever layer they come from."""
    return seen_events(track, LIDS, depth=0.3, below=-0.4)


def lip_events(phones: Iterable[Phone], track: Track) -> list[Event]:
    """LIPS and TEETH events: by the phones where there are any, else closings of the lips seen in the curves."""
    phones = [p for p in phones if p.ipa]
    return speech_events(phones, track) if phones else seen_events(track, LIPS, depth=0.08, below=0.05)


def near(events: Iterable[Event], times: np.ndarray, fade: float) -> np.ndarray:
    """float32 (T,): 1 inside any of the events, 0 further than `fade` seconds from all, smooth between."""
    mask = np.zeros(len(times), np.float32)
    for event in events:
        # a window, for an hour holds tens of thousands of events
        i, j = np.searchsorted(times, (event.start - fade, event.end + fade))
        t = times[i:j]
        distance = np.maximum(np.maximum(event.start - t, t - event.end), 0.0)
        mask[i:j] = np.maximum(mask[i:j], ease(1 - distance / max(fade, 1e-9)))
    return mask


def freedom(phones: Iterable[Phone], times: np.ndarray, fade: float = 0.08) -> np.ndarray:
    """float32 (T,): how far the phones leave the lips free: 0 at contacts, 0.5 where rounded, 1 elsewhere."""
    phones = list(phones)
    rounded = [Event(LIPS, p.start, p.end, p.start) for p in phones if base(p.ipa) in ROUNDED]
    return (1 - near(speech_events(phones), times, fade)) * (1 - 0.5 * near(rounded, times, fade))


def ease(x: np.ndarray) -> np.ndarray:
    """0..1 to 0..1 with level ends (smoothstep), clipped beyond."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)
