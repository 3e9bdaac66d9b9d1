"""Timed phones to the `lips` layer: visemes that blend into each other, and contacts that nothing undoes.

Lips, jaw and tongue are three contributions. In each, every sound has a weight over time that is full in its middle and
falls off smoothly to both sides (dominance functions: Cohen, Massaro 1993), and the part is where the weighted mean of
the sounds' shapes is. Over that lie the contacts (closed lips, lip to teeth, a narrow jaw), each a gate that opens
before the sound, is full while it is held and closes after it: bilabials close fully, and no vowel reopens them (JALI,
Edwards et al. 2016). Everything is a smooth function of time sampled at the frames, so there is neither step nor lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..core.edit import changes
from ..core.events import Event, ease, near
from ..core.speech import PhoneSource, Speech
from ..core.style import SpeechStyle
from ..core.take import Phone, Take, Word
from ..core.track import Track
from .visemes import KINDS, PARTS, Visemes, part
from .visemes import read as read_visemes

__all__ = [
    "PhoneSource", "Signs", "Speech", "made", "read_visemes", "resolve", "respoken", "said", "shapes", "signs", "solve",
]  # fmt: skip

_REACH = 9.0
"""Dominance is cut off at this many times its lead or follow, where it has fallen to a few thousandths of a percent."""
_BACKGROUND = 1e-4
"""The weight with which the mouth at rest is always there."""
MARGIN_S, FADE_S = 0.35, 0.2
"""Sounds are seen this far before and after them; beyond, what is solved anew fades into what was there."""
_FAR = 1e6
"""Seconds: the pauses before the first and after the last sound have no other end."""


def solve(speech: Speech, seconds: float, fps: float, visemes: Visemes | None = None) -> Track:
    """The `lips` layer: lips, jaw, tongue and cheekPuff over `seconds` at `fps`, max(1, round(seconds * fps)) frames.

    0 <= mouthClose <= jawOpen. Where there is no speech the mouth is at rest: with low confidence in pauses, with
    confidence 0 where nothing was said at all.
    """
    visemes = visemes or read_visemes()
    times = np.arange(max(1, int(round(seconds * fps)))) / fps
    return Track.of(fps, visemes.channels, *_solved(signs(speech, visemes), visemes, times, fps))


def resolve(
    lips: Track, speech: Speech, spans: Iterable[tuple[float, float]], visemes: Visemes | None = None
) -> Track:
    """The `lips` layer with only `spans` (start, end in s) solved anew from `speech`.

    In the spans and MARGIN_S around them it is what `solve` gives, to the bit; over another FADE_S it goes over into
    `lips`, which stays to the bit beyond. Costs what the spans cost.
    """
    visemes = visemes or read_visemes()
    spans = [Event("lips", start - MARGIN_S, end + MARGIN_S, start) for start, end in spans]
    weight = near(spans, lips.times, FADE_S)
    channels = (*lips.channels, *(c for c in visemes.channels if c not in lips.channels))
    track = lips.select(channels) if channels != lips.channels else lips
    values, confidence = track.values.copy(), track.confidence.copy()
    row = signs(speech, visemes)
    edges = np.flatnonzero(np.diff(weight > 0, prepend=False, append=False))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        rows = slice(first, last)
        part = Track.of(lips.fps, visemes.channels, *_solved(row, visemes, lips.times[rows], lips.fps))
        part = part.select(channels)
        share = weight[rows, None]
        for whole, new in ((values, part.values), (confidence, part.confidence)):
            whole[rows] = np.where(share >= 1, new, whole[rows] + share * (new - whole[rows]))
    close, jaw = channels.index("mouthClose"), channels.index("jawOpen")
    values[:, close] = np.where(weight > 0, np.minimum(values[:, close], values[:, jaw]), values[:, close])
    return Track.of(lips.fps, channels, values, confidence, lips.start)


def respoken(take: Take, phones: Sequence[Phone], words: Sequence[Word], visemes: Visemes | None = None) -> Take:
    """The Take with other phones and words: where phones differ its lips are solved anew, all else is as it was.

    A Take that nobody spoke in gets lips. Raises InputError for a new phone that no viseme knows.
    """
    visemes = visemes or read_visemes()
    for ipa in {phone.ipa for phone in phones} - {phone.ipa for phone in take.phones}:
        visemes.check(ipa)
    speech = said(replace(take, phones=tuple(phones), words=tuple(words)))
    spans = changes(take.phones, phones, take.seconds)
    if "lips" in take.layers:
        lips = resolve(take.layers["lips"], speech, spans, visemes)
    else:
        lips = solve(speech, take.seconds, take.fps, visemes) if spans else None
    return replace(take, phones=speech.phones, words=speech.words).with_layer("lips", lips)


def made(take: Take, style: SpeechStyle) -> Take:
    """The Take with its lips as a style speaks; as it is in the default style, and where no phones are known."""
    if style == SpeechStyle() or "lips" not in take.layers or not any(phone.ipa for phone in take.phones):
        return take
    visemes = read_visemes().spoken(style)
    return take.with_layer("lips", solve(said(take), take.seconds, take.fps, visemes))


def said(take: Take) -> Speech:
    """The Speech that a Take keeps: its phones, words and loudness."""
    level = take.signals.get("loudness")
    speech = Speech(take.phones, take.words)
    return speech if level is None else replace(speech, loudness=level.values[:, 0], loudness_hz=level.fps)


class Signs(NamedTuple):
    """Sounds in a row without gaps: start, end float64 (N,) in s, viseme int (N,), -1 for a pause, jaw gain (N,)."""

    start: np.ndarray
    end: np.ndarray
    viseme: np.ndarray
    gain: np.ndarray


def signs(speech: Speech, visemes: Visemes) -> Signs:
    """What the mouth is to do, in order: the looks of the sounds, pauses, and a breath at the end of long pauses."""
    timing = visemes.timing
    start, end, kind = [-_FAR], [-_FAR], [-1]

    def add(a: float, b: float, k: int) -> None:
        # what looks the same and follows at once is one
        if k == kind[-1]:
            end[-1] = b
        else:
            start.append(a), end.append(b), kind.append(k)

    for phone in _clean(speech.phones):
        if (pause := phone.start - end[-1]) > 1e-3:
            breath = timing["breath"]["lead_s"] if pause > timing["breath"]["pause_s"] else 0.0
            add(end[-1], phone.start - breath, -1)
            if breath:
                add(phone.start - breath, phone.start, visemes.breath)
        indices = visemes.signs(phone.ipa)
        length = phone.end - phone.start
        cuts = [0.0, 1.0] if len(indices) == 1 else [0.0, *np.linspace(timing["first_part"]["value"], 1, len(indices))]
        for k, a, b in zip(indices, cuts[:-1], cuts[1:], strict=True):
            add(phone.start + a * length, phone.start + b * length, k)
    add(end[-1], _FAR, -1)
    row = Signs(np.array(start, float), np.array(end, float), np.array(kind, int), np.ones(len(kind)))
    return row._replace(gain=_gains(row, speech, visemes))


def shapes(signs: Signs, visemes: Visemes, times: np.ndarray, frame_s: float) -> np.ndarray:
    """Values (T, C) of the preset's channels at times (T,) in s, rising; contacts are held for `frame_s` at least."""
    return np.clip(_touch(_blend(signs, visemes, times), signs, visemes, times, frame_s), 0, 1)


def _solved(signs: Signs, visemes: Visemes, times: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray | float]:
    """Values (T, C) and confidence (T,) at any run of frames: each frame depends on its own time alone."""
    if not (signs.viseme >= 0).any():
        return np.zeros((len(times), len(visemes.channels))), 0.0
    return shapes(signs, visemes, times, 1 / fps), _confidence(signs, times)


def _clean(phones: Iterable[Phone]) -> Iterable[Phone]:
    """The sounding phones in order; one that begins before the end of the last is cut."""
    last = -_FAR
    for p in sorted((p for p in phones if p.ipa), key=lambda p: p.start):
        p = p._replace(start=max(p.start, last))
        if p.end - p.start > 1e-3:
            last = p.end
            yield p


def _gains(signs: Signs, speech: Speech, visemes: Visemes) -> np.ndarray:
    """The jaw's gain (N,) of every sound by its level against that of the vowels around it."""
    gain = np.ones(len(signs.start))
    vowel = np.array([k >= 0 and visemes.visemes[k].vowel for k in signs.viseme])
    if not vowel.any() or not len(speech.loudness):
        return gain
    timing = visemes.timing["loud_gain"]
    last = len(speech.loudness) - 1
    low = np.clip((signs.start[vowel] * speech.loudness_hz).astype(int), 0, last)
    high = np.clip((signs.end[vowel] * speech.loudness_hz).astype(int), low + 1, last + 1)
    total = np.concatenate(([0.0], np.cumsum(speech.loudness, dtype=float)))
    level = (total[high] - total[low]) / (high - low)
    sums = np.concatenate(([0.0], np.cumsum(level)))
    left = np.maximum(np.arange(len(level)) - timing["vowels_around"], 0)
    right = np.minimum(np.arange(len(level)) + timing["vowels_around"] + 1, len(level))
    around = (sums[right] - sums[left]) / (right - left)
    gain[vowel] = np.clip(1 + (level - around) * timing["per_db"], timing["least"], timing["most"])
    return gain


def _blend(signs: Signs, visemes: Visemes, times: np.ndarray) -> np.ndarray:
    """The weighted mean of the shapes (F, C), part by part."""
    channels, t = visemes.channels, visemes.timing
    shape = np.array([[v.shape.get(c, 0.0) for c in channels] for v in visemes.visemes] + [[0.0] * len(channels)])
    pause = signs.viseme < 0
    length = np.minimum(signs.end - signs.start, 10.0)
    edge = np.minimum(length * t["edge"]["value"], t["edge"]["most_s"])
    # a pause gives way long before the next sound, for the mouth opens before the voice
    before = np.where(pause, np.minimum(0.4 * length, t["rest_follow_s"]["value"]), edge)
    after = np.where(pause, np.minimum(0.4 * length, t["rest_lead_s"]["value"]), edge)
    start, end = signs.start + before, signs.end - after
    rest = np.minimum(t["pause_weight"]["value"] + t["pause_weight"]["per_s"] * length, t["pause_weight"]["most"])
    values = np.zeros((len(times), len(channels)))
    for one in PARTS:
        columns = [i for i, c in enumerate(channels) if part(c) == one]
        if not columns:
            continue
        weight = np.where(pause, rest, np.array([v.weight[one] for v in visemes.visemes] + [0.0])[signs.viseme])
        lead = np.array([v.lead_s[one] for v in visemes.visemes] + [t["rest_fade_s"]["value"]])[signs.viseme]
        follow = np.array([v.follow_s[one] for v in visemes.visemes] + [t["rest_fade_s"]["value"]])[signs.viseme]
        sound, frame = _near(start - _REACH * lead, end + _REACH * follow, times)
        dominance = weight[sound] * _fall(times[frame], start[sound], end[sound], lead[sound], follow[sound])
        total = np.bincount(frame, dominance, len(times)) + _BACKGROUND
        for i in columns:
            target = shape[signs.viseme, i] * (signs.gain if channels[i] == "jawOpen" else 1.0)
            values[:, i] = np.bincount(frame, dominance * target[sound], len(times)) / total
    return values


def _touch(values: np.ndarray, signs: Signs, visemes: Visemes, times: np.ndarray, frame_s: float) -> np.ndarray:
    """Values (F, C) with the contacts laid over them; mouthClose closes what the jaw leaves open."""
    channels, t = visemes.channels, visemes.timing
    seal = np.zeros(len(times))
    order = sorted((v.contact.kind, k) for k, v in enumerate(visemes.visemes) if v.contact)
    for kind, k in sorted(order, key=lambda entry: KINDS.index(entry[0])):
        viseme = visemes.visemes[k]
        at = signs.viseme == k
        gate = _gate(signs.start[at], signs.end[at], viseme.contact.hold, t, times, frame_s)
        strength = np.array([viseme.contact.strength.get(part(c), 0.0) for c in channels])
        target = np.array([viseme.shape.get(c, 0.0) for c in channels])
        keep = np.array([viseme.contact.keep.get(c, 0.0) for c in channels])
        values = values + gate[:, None] * strength * (target + (keep - 1) * values)
        seal = 1 - (1 - seal) * (1 - gate) if kind == "close" else seal
    values[:, channels.index("mouthClose")] = seal * values[:, channels.index("jawOpen")]
    return values


def _gate(start, end, hold, timing, times: np.ndarray, frame_s: float) -> np.ndarray:
    """(F,) 0..1: full while any of the contacts is held, which is for one frame at least; smooth to both sides."""
    first, last = start + hold[0] * (end - start), start + hold[1] * (end - start)
    short = np.maximum(frame_s * 1.01 - (last - first), 0) / 2
    first, last = first - short, last + short
    lead, follow = timing["contact_lead_s"]["value"], timing["contact_follow_s"]["value"]
    contact, frame = _near(first - lead, last + follow, times)
    t = times[frame]
    away = np.maximum((first[contact] - t) / lead, (t - last[contact]) / follow)
    open_ = np.maximum(1 - _smooth(1 - away), 0.0)
    with np.errstate(divide="ignore"):
        return 1 - np.exp(np.bincount(frame, np.log(open_), len(times)))


def _confidence(signs: Signs, times: np.ndarray) -> np.ndarray:
    """(F,): 1 in speech, 0.2 where the mouth only rests."""
    away = np.full(len(times), np.inf)
    sounding = signs.viseme >= 0
    i = np.clip(np.searchsorted(signs.start[sounding], times, "right") - 1, 0, sounding.sum() - 1)
    for j in (i, np.minimum(i + 1, sounding.sum() - 1)):
        outside = np.maximum(signs.start[sounding][j] - times, times - signs.end[sounding][j])
        away = np.minimum(away, np.maximum(outside, 0))
    return 0.2 + 0.8 * ease(1 - (away - 0.15) / 0.25)


def _fall(t, start, end, lead, follow) -> np.ndarray:
    """Dominance 0..1: 1 from start to end, falling to both sides, first level and then exponentially by these times.

    Exponential tails (Cohen, Massaro 1993) bound how fast one sound gives way to another, however far they are.
    """
    away = np.where(t < start, (start - t) / lead, np.maximum(t - end, 0) / follow)
    return np.exp(1 - np.sqrt(1 + away**2))


def _smooth(x: np.ndarray) -> np.ndarray:
    """0..1 to 0..1 with speed and acceleration 0 at both ends, clipped beyond."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6 * x - 15) + 10)


def _near(low: np.ndarray, high: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(span, frame): all pairs of a span from low to high (N,) and a frame in it, flat."""
    first, last = np.searchsorted(times, low), np.searchsorted(times, high, "right")
    count = np.maximum(last - first, 0)
    span = np.repeat(np.arange(len(low)), count)
    frame = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    return span, frame
