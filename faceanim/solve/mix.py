"""The layers of a Take become one Track: by region, by confidence, and never against a contact of the lips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..core.channels import CHANNELS, GROUP_OF, GROUPS, MOUTH_GROUPS, ROTATIONS
from ..core.events import Event, ease, freedom, near
from ..core.style import Style
from ..core.take import Take
from ..core.track import Track

FROM_VIDEO = ("expression", "gaze", "head")
"""The layers that a camera saw: they have gaps where it saw no face, and noise."""

THROUGH = 0.6
"""How much of the video's mouth corners comes through speech from audio, where the phones leave the lips free."""
CORNERS = tuple(
    name for name in GROUPS["lips"] if name.startswith(("mouthSmile", "mouthFrown", "mouthDimple"))
) + ("mouthLeft", "mouthRight")

HOLD_S, FADE_S = 0.25, 0.5
"""A gap is bridged; what lies deeper in it than HOLD_S has relaxed to neutral after another FADE_S."""
SPEECH_FADE_S, PAUSE_S = 0.15, 0.5
"""Speech takes over the mouth this much before its first sound; shorter pauses belong to it."""

_MOUTH = np.array([GROUP_OF[name] in MOUTH_GROUPS for name in CHANNELS])
_TURN = np.array([name in ROTATIONS for name in CHANNELS])
_LIDS = np.array([GROUP_OF[name] == "lids" for name in CHANNELS])
_FROM_GAZE = np.array([GROUP_OF[name] == "gaze" for name in CHANNELS])
_FROM_HEAD = np.array([GROUP_OF[name] == "head" for name in CHANNELS])
_CORNER = np.array([name in CORNERS for name in CHANNELS])
_OPEN, _CLOSE = CHANNELS.index("jawOpen"), CHANNELS.index("mouthClose")


def mix(take: Take, style: Style) -> Track:
    """All CHANNELS at the take's rate, `style.lead_s` early (to the nearest frame of the take).

    Face channels lie in 0..1 with 0 <= mouthClose <= jawOpen; rotations are radians. Intensity acts where the lips are
    free: at p, b, m, f, v they stay as solved, so that no setting opens a closure. Where the video saw no face its
    channels are bridged over a short gap and relax to neutral in a long one.
    """
    take = led(take, style.lead_s)
    layers = {
        name: (bridged(track) if name in FROM_VIDEO else track).select(CHANNELS)
        for name, track in take.layers.items()
        if _strength(style, name) > 0
    }
    seen, sure = _seen(take, layers, style)
    times = np.arange(take.frames) / take.fps
    free = freedom(take.phones, times)[:, None]
    values, confidence = _with_speech(take, layers, style, seen, sure, free)
    if "blink" in layers:
        lids = layers["blink"].values * _strength(style, "blink")
        values = np.where(_LIDS, np.maximum(values, lids), values)
        confidence = np.where(_LIDS & (lids > 0), np.maximum(confidence, layers["blink"].confidence), confidence)
    if "emotion" in layers:
        values = _with_emotion(values, layers["emotion"].values * _strength(style, "emotion"), free)
    return Track.of(take.fps, CHANNELS, _limited(_intense(values, style.intensity, free)), np.clip(confidence, 0, 1))


def _strength(style: Style, layer: str) -> float:
    return float(np.clip(style.layers.get(layer, 1.0), 0.0, 1.0))


def led(take: Take, seconds: float) -> Take:
    """The take with everything that moves that much earlier, rounded to a frame; the ends are held."""
    shift = int(round(seconds * take.fps))
    if not shift or not take.frames:
        return take
    rows = np.clip(np.arange(take.frames) + shift, 0, take.frames - 1)
    by = shift / take.fps
    return replace(
        take,
        layers={n: replace(t, values=t.values[rows], confidence=t.confidence[rows]) for n, t in take.layers.items()},
        phones=tuple(p._replace(start=p.start - by, end=p.end - by) for p in take.phones),
        words=tuple(w._replace(start=w.start - by, end=w.end - by) for w in take.words),
        moods=tuple(m._replace(start=m.start - by, end=m.end - by) for m in take.moods),
    )


def bridged(track: Track) -> Track:
    """The track with frames of confidence 0 led smoothly from their neighbours, and to neutral where a gap is long.

    What a layer holds where its confidence is 0 is a guess and not used; a channel that never has any is 0.
    """
    known = track.confidence > 0
    if known.all():
        return track
    values = track.values.copy()
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    which = np.asarray(which).reshape(-1)
    for k in range(patterns.shape[1]):
        rows = np.flatnonzero(patterns[:, k])
        columns = np.flatnonzero(which == k)
        if len(rows) == track.frames:
            continue
        if not len(rows):
            values[:, columns] = 0
            continue
        gap = np.flatnonzero(~patterns[:, k])
        after = np.searchsorted(rows, gap)
        left, right = rows[np.maximum(after - 1, 0)], rows[np.minimum(after, len(rows) - 1)]
        part = ease((gap - left) / np.maximum(right - left, 1))[:, None].astype(np.float32)
        depth = np.minimum(np.abs(gap - left), np.abs(right - gap)) / track.fps
        stay = ease(1 - (depth - HOLD_S) / FADE_S)[:, None].astype(np.float32)
        a, b = track.values[np.ix_(left, columns)], track.values[np.ix_(right, columns)]
        values[np.ix_(gap, columns)] = (a + part * (b - a)) * stay
    return track.with_values(values)


def _seen(take: Take, layers: Mapping[str, Track], style: Style) -> tuple[np.ndarray, np.ndarray]:
    """Values and confidence (F, C) of what the video saw: each region from its own layer, or from `expression`."""
    values = np.zeros((take.frames, len(CHANNELS)), np.float32)
    confidence = np.zeros_like(values)
    for name, region in (("expression", ~_FROM_HEAD), ("gaze", _FROM_GAZE), ("head", _FROM_HEAD)):
        if name in layers:
            has = np.array([c in take.layers[name].channels for c in CHANNELS]) & region
            values[:, has] = layers[name].values[:, has] * _strength(style, name)
            confidence[:, has] = layers[name].confidence[:, has]
    return values, confidence


def _with_speech(
    take: Take, layers: Mapping[str, Track], style: Style, seen: np.ndarray, sure: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What was seen, with the mouth from audio as far as the style and the sound say."""
    if "lips" not in layers:
        return seen, sure
    lips = layers["lips"]
    has = np.array([c in take.layers["lips"].channels for c in CHANNELS])
    mouth = _MOUTH | (has & ~sure.any(0))
    part = (_speech(take, style, bool(sure[:, _MOUTH].any())) * _strength(style, "lips"))[:, None]
    other = 0 if style.mouth_from == "audio" else (1 - part) * seen
    values = np.where(mouth, part * lips.values + other, seen)
    # 1 - (1-a)(1-b): in the room that speech leaves, without a kink
    values = 1 - (1 - values) * (1 - THROUGH * part * free * np.where(_CORNER, seen, 0))
    confidence = np.where(mouth, part * lips.confidence + (1 - part) * sure, sure)
    return values, confidence


def _speech(take: Take, style: Style, has_video: bool) -> np.ndarray:
    """(F,) 0..1: how far the mouth follows the audio."""
    if style.mouth_from == "audio" or not has_video:
        return np.ones(take.frames, np.float32)
    if style.mouth_from == "video":
        return np.zeros(take.frames, np.float32)
    said = [p for p in take.phones if p.ipa]
    if not said:
        # without phones (a layer read from elsewhere) the layer's own confidence says where it speaks
        return ease(take.layers["lips"].confidence.max(1, initial=0.0))
    runs: list[Event] = []
    for p in said:
        if runs and p.start - runs[-1].end < PAUSE_S:
            runs[-1] = runs[-1]._replace(end=p.end)
        else:
            runs.append(Event("speech", p.start, p.end, p.start))
    return near(runs, np.arange(take.frames) / take.fps, SPEECH_FADE_S)


def _with_emotion(values: np.ndarray, emotion: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Adds an emotion: on the mouth only in the room that is left there, and only where the lips are free."""
    mouth = free * emotion
    mouth = np.where(mouth > 0, values + mouth * (1 - values), values * (1 + mouth))
    return np.where(_MOUTH, mouth, values + emotion)


def _intense(values: np.ndarray, intensity: Mapping[str, float], free: np.ndarray) -> np.ndarray:
    """Values by the gain of their group; the mouth's gain falls to 1 at contacts, and mouthClose follows the jaw."""
    gain = np.array([max(intensity.get(GROUP_OF[name], 1.0), 0.0) for name in CHANNELS], np.float32)
    if (gain == 1).all():
        return values
    gains = np.where(_MOUTH, 1 + (gain - 1) * free, gain)
    closed = np.clip(values[:, _CLOSE] / np.maximum(values[:, _OPEN], 1e-6), 0, 1)
    values = values * gains
    values[:, _CLOSE] = closed * np.clip(values[:, _OPEN], 0, 1)
    return values


def _limited(values: np.ndarray) -> np.ndarray:
    values = np.where(_TURN, values, np.clip(values, 0, 1)).astype(np.float32)
    values[:, _CLOSE] = np.minimum(values[:, _CLOSE], values[:, _OPEN])
    return values
