"""The layers of a Take become one Track: by region, by confidence, and never against a contact of the lips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..core.channels import CHANNELS, GROUP_OF, GROUPS, MOUTH_GROUPS, ROTATIONS
from ..core.events import LIPS, Event, aperture, ease, freedom, near, speech_events
from ..core.phones import BILABIAL, base
from ..core.style import Style
from ..core.take import Take
from ..core.track import Track
from . import gaze
from .glances import held, outside

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
"""Speech moves the mouth from this much before its first sound on; shorter pauses belong to it."""

KEEP_CORNERS, CORNERS_S = 0.7, 0.12
"""Of the mouth corners of an emotion, or of a video, at a contact, so that a smile does not twitch at every p; an
emotion's give way this early."""
ROUND = 0.7
"""How much of an emotion's mouth corners gives way to lips that are rounded in full."""
SPEAKING = {"jawOpen": 0.25, "mouthUpperUp": 0.7, "mouthLowerDown": 0.5, "jawForward": 0.5}
"""The share of an emotion that opens the mouth while somebody speaks; of the other lips nothing is left then: they are
pressed, puckered or sucked in between words alone."""
NOSE = 0.5
"""Of an emotion's nose at a contact, for a wrinkled one takes the upper lip along."""
QUIET_S = 0.12
"""The mouth leaves an emotion this early for the next sound."""

LEAST_SURE, SURE = 0.2, 0.6
"""The mouth that was seen gives way to the one that was heard where its confidence falls below the first; from the
second on a speaker's is taken as it was seen, but for lips that touch."""
TOUCH_S, TOLERANCE_S = 0.05, 0.04
"""So long before and after a contact the lips that were heard come and go; and a contact may be seen so far off it."""
MET, APART = 0.02, 0.2
"""Lips that are seen to be no further apart (events.aperture) meet: the character's own are made to then. Such as are
further apart than the second all the while did not make the p, b or m that was heard: 99 % of 207 that were heard are
seen at 0.07 or less, at 0.13 or less with 10 pictures a second."""

_MOUTH = np.array([GROUP_OF[name] in MOUTH_GROUPS for name in CHANNELS])
_TURN = np.array([name in ROTATIONS for name in CHANNELS])
_LIDS = np.array([GROUP_OF[name] == "lids" for name in CHANNELS])
_FROM_GAZE = np.array([GROUP_OF[name] == "gaze" for name in CHANNELS])
_FROM_HEAD = np.array([GROUP_OF[name] == "head" for name in CHANNELS])
_CORNER = np.array([name in CORNERS for name in CHANNELS])
_EMOTIVE_CORNER = _CORNER | np.array([name.startswith("mouthStretch") for name in CHANNELS])
_SPEAKING = np.array(
    [next((v for stem, v in SPEAKING.items() if name.startswith(stem)), 0.0) for name in CHANNELS], np.float32
)
_NOSE = np.array([GROUP_OF[name] == "nose" for name in CHANNELS])
_BLINKS = [CHANNELS.index("eyeBlinkLeft"), CHANNELS.index("eyeBlinkRight")]
_APART = [[CHANNELS.index(stem + side) for stem in ("eyeWide", "eyeSquint")] for side in ("Left", "Right")]
_ROUNDED = [CHANNELS.index("mouthPucker"), CHANNELS.index("mouthFunnel")]
_OPEN, _CLOSE = CHANNELS.index("jawOpen"), CHANNELS.index("mouthClose")
_HEAD = [CHANNELS.index(name) for name in GROUPS["head"]]
_EYES, _LOOK = ([CHANNELS.index(name) for name in names] for names in (gaze.CHANNELS[:4], gaze.CHANNELS[4:]))


def mix(take: Take, style: Style) -> Track:
    """All CHANNELS at the take's rate, `style.lead_s` early (to the nearest frame of the take).

    Face channels lie in 0..1 with 0 <= mouthClose <= jawOpen; rotations are radians. Intensity acts where the lips are
    free: at p, b, m, f, v they stay as solved, so that no setting opens a closure. Where the video saw no face its
    channels are bridged over a short gap and relax to neutral in a long one. Eyes that no camera saw stay on what they
    look at, however the head is turned.
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
        emotion = layers["emotion"]
        # what was heard (confidence up to a half) fills in what no camera saw; what was chosen acts in full
        share = np.clip(2 * emotion.confidence - 1, 0, 1)
        felt = emotion.values * (_strength(style, "emotion") * (share + (1 - share) * (1 - sure)))
        values = _with_emotion(values, felt, take, layers, free)
    values = _intense(values, style.intensity, free)
    values = _turned(values, take, layers, style)
    track = Track.of(take.fps, CHANNELS, _limited(values), np.clip(confidence, 0, 1))
    return track.mirrored().select(CHANNELS) if style.mirror else track


def believed(take: Take, style: Style) -> Take:
    """The take with those contacts of the lips in its phones that act in this style.

    Where the video moves the mouth, a p, b or m that was heard while the lips are seen apart is another sound; one that
    somebody set (confidence 1) stays. Where the video alone does ("video"), what is said counts while the mouth is
    hidden.
    """
    seen, sure = _camera(take, style)
    if style.mouth_from == "audio" or not sure.any():
        return take
    times = np.arange(take.frames) / take.fps
    if style.mouth_from == "video":
        shown = sure > LEAST_SURE / 2
        return replace(take, phones=tuple(p for p in take.phones if not _all(shown, times, p.start, p.end)))
    apart = (aperture(Track.of(take.fps, CHANNELS, seen), LIPS) > APART) & (sure >= SURE)
    wrong = [
        event for event in speech_events(take.phones)
        if event.kind == LIPS and _all(apart, times, event.start - TOLERANCE_S, event.end + TOLERANCE_S)
    ]  # fmt: skip
    if not wrong:
        return take
    # the tongue makes what is taken for them, with open lips
    denied = near(wrong, np.array([(p.start + p.end) / 2 for p in take.phones]), 0.0) > 0
    return replace(
        take,
        phones=tuple(
            p._replace(ipa="n" if base(p.ipa) == "m" else "t")
            if no and p.confidence < 1 and base(p.ipa) in BILABIAL
            else p
            for p, no in zip(take.phones, denied.tolist(), strict=True)
        ),
    )


def _camera(take: Take, style: Style) -> tuple[np.ndarray, np.ndarray]:
    """Values (F, C) of what the video saw, and how much (F,) of the mouth."""
    layers = {
        name: bridged(take.layers[name]).select(CHANNELS)
        for name in FROM_VIDEO
        if name in take.layers and _strength(style, name) > 0
    }
    seen, sure = _seen(take, layers, style)
    return seen, sure[:, _MOUTH].max(1, initial=0.0)


def _all(mask: np.ndarray, times: np.ndarray, start: float, end: float) -> bool:
    """Whether the mask (F,) holds on every frame from start to end, of which there is one at least."""
    first, last = np.searchsorted(times, (start - 1e-9, end + 1e-9))
    return bool(mask[first:last].all() and last > first)


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
    unseen = has & ~sure.any(0)
    part = _heard(take, style, seen, sure[:, _MOUTH].max(1), unseen) * _strength(style, "lips")
    other = 0 if style.mouth_from == "audio" else (1 - part) * seen
    values = np.where(_MOUTH | unseen, part * lips.values + other, seen)
    # 1 - (1-a)(1-b): in the room that speech leaves, without a kink
    values = 1 - (1 - values) * (1 - THROUGH * part * free * np.where(_CORNER, seen, 0))
    confidence = np.where(_MOUTH | unseen, part * lips.confidence + (1 - part) * sure, sure)
    return values, confidence


def _heard(take: Take, style: Style, seen: np.ndarray, sure: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """(F, C) 0..1: how far the mouth follows the audio.

    seen    (F, C) what the video saw; sure (F,): how much of the mouth
    unseen  (C,) bool: channels that no camera saw
    """
    # where the mouth is hidden, or the face not seen, the sound is all there is
    hidden = 1 - ease(sure / LEAST_SURE)
    speaks = _speaks(take, style, bool(sure.any()))
    lips = corners = speaks
    if style.mouth_from == "auto" and any(p.ipa for p in take.phones):
        touch = near(_missed(take, seen), np.arange(take.frames) / take.fps, TOUCH_S)
        doubt = 1 - ease((sure - LEAST_SURE) / (SURE - LEAST_SURE))
        lips, corners = (speaks * np.maximum(doubt, share * touch) for share in (1, 1 - KEEP_CORNERS))
    lips, corners, others = (np.maximum(hidden, part)[:, None] for part in (lips, corners, speaks))
    return np.where(unseen, others, np.where(_CORNER, corners, lips))


def _missed(take: Take, seen: np.ndarray) -> list[Event]:
    """The contacts of speech that the video (F, C) does not show; of lips on teeth it shows too little."""
    opening, found = aperture(Track.of(take.fps, CHANNELS, seen), LIPS), []
    for event in speech_events(take.phones):
        first, last = (int(round(t * take.fps)) for t in (event.start - TOLERANCE_S, event.end + TOLERANCE_S))
        if event.kind != LIPS or opening[max(first, 0) : max(last + 1, 0)].min(initial=1) > MET:
            found.append(event)
    return found


def _speaks(take: Take, style: Style, has_video: bool) -> np.ndarray:
    """(F,) 0..1: where the mouth may follow the audio."""
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


def _with_emotion(
    values: np.ndarray, felt: np.ndarray, take: Take, layers: Mapping[str, Track], free: np.ndarray
) -> np.ndarray:
    """Adds an emotion (F, C), region by region, in the room that speech and blinks leave.

    Mouth corners give way a little at contacts and to rounded lips. What opens the mouth is weakened by speech and gone
    at contacts; the jaw opens in proportion, so that the more open sound stays the more open one. What presses or
    gathers the lips acts between words alone. Lids that shut are not held open.
    """
    times = np.arange(take.frames) / take.fps
    quiet = 1 - _speaking(take, layers, times)[:, None]
    contact = near(speech_events(take.phones), times, CORNERS_S)[:, None]
    rounded = ease(1.5 * values[:, _ROUNDED].max(1, initial=0))[:, None]
    corner = (1 - (1 - KEEP_CORNERS) * contact) * (1 - ROUND * rounded)
    opening = free * (quiet + (1 - quiet) * _SPEAKING)
    share = np.where(_EMOTIVE_CORNER, corner, np.where(_MOUTH, opening, 1.0))
    share = np.where(_NOSE, NOSE + (1 - NOSE) * free, share)
    felt = felt * share
    for blink, others in zip(_BLINKS, _APART, strict=True):
        felt[:, others] *= 1 - np.clip(values[:, [blink]], 0, 1)
    closed = np.clip(values[:, _CLOSE] / np.maximum(values[:, _OPEN], 1e-6), 0, 1)
    room = np.where(_TURN, 1.0, 1 - np.clip(values, 0, 1))
    result = np.where(felt > 0, values + felt * room, np.where(_TURN, values + felt, values * (1 + felt)))
    spoken = values[:, _OPEN] * (1 + felt[:, _OPEN])
    still = quiet[:, 0]
    result[:, _OPEN] = np.clip(spoken + still * (result[:, _OPEN] - spoken), 0, 1)
    result[:, _CLOSE] = np.maximum(result[:, _CLOSE], closed * result[:, _OPEN])
    return result


def _speaking(take: Take, layers: Mapping[str, Track], times: np.ndarray) -> np.ndarray:
    """(F,) 0..1: whether a sound is spoken or near."""
    if "lips" not in layers:
        return np.zeros(len(times), np.float32)
    said = [Event("speech", p.start, p.end, p.start) for p in take.phones if p.ipa]
    return near(said, times, QUIET_S) if said else ease(layers["lips"].confidence.max(1, initial=0.0))


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


def _turned(values: np.ndarray, take: Take, layers: Mapping[str, Track], style: Style) -> np.ndarray:
    """Head and eyes within their limits. The eyes stay on what they look at: where the style turns the head less or
    further than it was seen, and where nobody saw the eyes, however it is turned."""
    head = _within(values[:, _HEAD], style.limit_deg.get("head", 90.0))
    eyes = values[:, _EYES]
    if "gaze" in layers:
        if take.seed("gaze") is not None:
            eyes = held(eyes, head)
        elif "head" in layers:
            before = layers["head"].values[:, _HEAD] * _strength(style, "head")
            if not np.allclose(head, before, atol=1e-3):
                eyes = held(outside(eyes, before), head)
    eyes = _within(eyes, style.limit_deg.get("gaze", 90.0))
    if not np.array_equal(eyes, values[:, _EYES]):
        values[:, _LOOK] = gaze.look(eyes)
    values[:, _HEAD], values[:, _EYES] = head, eyes
    return values


def _within(angles: np.ndarray, degrees: float) -> np.ndarray:
    """Radians that approach the limit (degrees) smoothly over its last quarter."""
    limit = np.radians(degrees)
    knee = 0.75 * limit
    beyond = np.maximum(np.abs(angles) - knee, 0)
    soft = knee + (limit - knee) * np.tanh(beyond / (limit - knee))
    return np.where(beyond > 0, np.sign(angles) * soft, angles)


def _limited(values: np.ndarray) -> np.ndarray:
    values = np.where(_TURN, values, np.clip(values, 0, 1)).astype(np.float32)
    values[:, _CLOSE] = np.minimum(values[:, _CLOSE], values[:, _OPEN])
    return values
