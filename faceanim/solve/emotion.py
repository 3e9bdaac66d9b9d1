"""The `emotion` layer: what is felt when becomes curves by poses, with the accents of speech and small movements.

Every episode rises, stays and falls in the times of its emotion, in one of its variants, a little more on the own left
side, where faces express more (Borod et al. 1997), its regions not quite at once. The same input gives the same curves.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.emotion import LABELS
from ..core.events import ease
from ..core.style import EmotionStyle
from ..core.take import Take
from ..core.track import Track
from ..errors import InputError
from . import accents, feelings, poses
from .feelings import Episode
from .poses import CHANNELS, REGIONS, Emotion, Emotions, Variant

MADE_BY = "emotion"
"""Where a Take's provenance tells what its layer was made by."""
HEARD = 0.5
"""The confidence of what was heard; what the animator chose has 1, a mixture lies between."""
LONG_S = 7.0
"""A longer episode changes its variant now and then, at a pause where there is one."""
SINK_S = 2.0
"""Seconds in which a long episode falls from its apex to what it keeps up."""
CHOSEN_SINKS = 0.5
"""How much less what was chosen falls, for somebody wants it there."""
APART_S = 0.05
"""Regions begin as much earlier or later."""
SIDE, SIDE_VARIES = 0.03, 0.03
"""How much stronger the left side is than the mean of both, and the standard deviation of that."""
WITH_SMILE = {"cheekSquint": 0.55, "eyeSquint": 0.15}
"""Of a smile: the eyes smile along (AU 6 with AU 12)."""
ACCENT = 0.55
"""The brows at the strongest accent."""
RAISED = {"browInnerUp": 0.7, "browOuterUp": 1.0, "eyeWide": 0.25}
LOWERED = {"browDown": 0.8, "eyeSquint": 0.3}
LIVELIER = 0.35
"""How much an accent strengthens what is felt."""
KNOT_S = 0.9
"""Small movements turn at about half of this rate (Hz): slower than a second."""
MICRO: tuple[tuple[float, dict[str, float], dict[str, float]], ...] = (
    (0.045, {"browOuterUpLeft": 1, "browOuterUpRight": 0.9, "browInnerUp": 0.7}, {"browDown": 1}),
    (0.03, {"browInnerUp": 1}, {"browOuterUpLeft": 0.6, "browOuterUpRight": 1}),
    (0.05, {"eyeSquint": 1}, {"eyeWide": 0.7}),
    (0.025, {"cheekSquintLeft": 1, "cheekSquintRight": 0.8}, {"noseSneer": 0.3}),
    (0.035, {"mouthSmileLeft": 1, "mouthSmileRight": 0.8}, {"mouthFrownLeft": 0.7, "mouthFrownRight": 0.8}),
    (0.03, {"mouthDimpleLeft": 1, "mouthDimpleRight": 0.5}, {"mouthPressLeft": 0.8, "mouthPressRight": 1}),
)
"""Movements by chance, each with its greatest size (usual: a third) and what moves to the one side and to the other."""

_COLUMN = {name: i for i, name in enumerate(CHANNELS)}
_REGIONS = [[i for i, name in enumerate(CHANNELS) if poses.region(name) == region] for region in REGIONS]
_SIDE = np.array([1.0 if name.endswith("Left") else -1.0 if name.endswith("Right") else 0.0 for name in CHANNELS])


def solve(take: Take, style: EmotionStyle | None = None, emotions: Emotions | None = None) -> Track:
    """The `emotion` layer (poses.CHANNELS, 0..1) of a Take at its rate, from its emotions, moods, signals and phones.

    Confidence is HEARD where a value comes from what was heard, 1 where it was chosen. Without anything heard or chosen
    only accents and small movements are left. Raises InputError for a variant that an emotion does not have.
    """
    style = style or EmotionStyle()
    emotions = emotions or poses.read()
    check(style, emotions)
    times = np.arange(take.frames) / take.fps
    beats = accents.raised(accents.accents(take, style.seed), times) * style.accents
    values = np.zeros((take.frames, len(CHANNELS)), np.float32)
    chosen = np.zeros_like(values)
    felt = np.zeros((take.frames, len(LABELS)), np.float32)
    count: dict[str, int] = {}
    gaps = np.array(list(feelings.speech_gaps(take)))
    for episode in feelings.episodes(take, style):
        emotion = emotions[episode.label]
        number = count[episode.label] = count.get(episode.label, 0) + 1
        for part in _parts(take.seconds, gaps, episode, emotion, style, number):
            rows, pose, level = part.pose(times, style.intensity, beats)
            values[rows] += pose
            felt[rows, LABELS.index(episode.label)] += level
            if episode.chosen:
                chosen[rows] += pose
    share = np.divide(chosen, values, out=np.zeros_like(values), where=values > 1e-6)
    _smiling_eyes(values)
    _accent(values, beats, felt)
    _micro(values, times, style)
    return Track.of(take.fps, CHANNELS, np.clip(values, 0, 1), HEARD + (1 - HEARD) * share)


def made(take: Take, style: EmotionStyle) -> Take:
    """The Take with its `emotion` layer as the style and its moods ask: made anew only where it is not so already.

    What a layer was made by stands in the provenance. A Take without the layer gets one only where a style or moods ask
    for something, so that nothing moves by itself in a Take from elsewhere.
    """
    have = take.provenance.get(MADE_BY) if "emotion" in take.layers else None
    style = own(take, style)
    # a layer from elsewhere, or none, is kept until something is asked for
    have = have or recipe(replace(take, moods=()), EmotionStyle())
    return take if have == recipe(take, style) else _kept(take, style)


def remade(take: Take, style: EmotionStyle) -> Take:
    """The Take with its `emotion` layer made anew."""
    made = take.with_layer("emotion", solve(take, style))
    return replace(made, provenance={**take.provenance, MADE_BY: recipe(take, style)})


def own(take: Take, style: EmotionStyle) -> EmotionStyle:
    """The style, or, where it asks for nothing, the one of the Take's layer; with seed 0 the layer's seed stays."""
    have = take.provenance.get(MADE_BY) if "emotion" in take.layers else None
    if not have:
        return style
    before = EmotionStyle(**have["style"])
    return before if style == EmotionStyle() else replace(style, seed=style.seed or before.seed)


def recipe(take: Take, style: EmotionStyle) -> dict[str, Any]:
    """What a layer is made by, for the provenance: the style and the moods."""
    plain = {k: dict(v) if isinstance(v, Mapping) else v for k, v in vars(style).items()}
    return {"style": plain, "moods": [list(mood) for mood in take.moods]}


_last: list[tuple[weakref.ref[Take], EmotionStyle, Take]] = []


def _kept(take: Take, style: EmotionStyle) -> Take:
    """`remade`, once for the same take and style: the panel asks at every move of another slider."""
    for known, by, result in _last:
        if known() is take and by == style:
            return result
    result = remade(take, style)
    _last[:] = [(weakref.ref(take), style, result)]
    return result


def variants(emotions: Emotions | None = None) -> dict[str, tuple[str, ...]]:
    """The names of the variants of every emotion."""
    return {label: tuple(v.name for v in e.variants) for label, e in (emotions or poses.read()).items()}


def check(style: EmotionStyle, emotions: Emotions | None = None) -> None:
    """Raises InputError where the style names a variant or an emotion that there is not."""
    known = variants(emotions)
    for label, name in style.variant.items():
        if name and name not in known.get(label, ()):
            names = ", ".join(known.get(label, LABELS))
            raise InputError(f"the style names '{name}', which is no variant of '{label}'", f"it may be: {names}")


# -- episodes -------------------------------------------------------------------------------------------------------


class _Part:
    """A stretch of an episode in one variant."""

    def __init__(self, episode: Episode, emotion: Emotion, variant: Variant, span: tuple[float, float],
                 fades: tuple[float, float], noise: np.random.Generator):  # fmt: skip
        self.episode, self.emotion, self.variant = episode, emotion, variant
        self.start, self.end = span
        self.rise, self.fall = fades
        self.delay = noise.uniform(-APART_S, APART_S, len(REGIONS))
        side = np.clip(noise.normal(SIDE, SIDE_VARIES), -0.06, 0.09)
        self.side = (1 + side * _SIDE).astype(np.float32)

    def pose(self, times: np.ndarray, gain: float, beats: np.ndarray) -> tuple[slice, np.ndarray, np.ndarray]:
        """Frames, what the part adds to them (F, C), and how strongly it is felt there (F,)."""
        margin = APART_S + 1e-9
        first, last = np.searchsorted(
            times, (self.start - self.rise / 2 - margin, self.end + self.fall / 2 + margin)
        ) if len(times) else (0, 0)  # fmt: skip
        rows = slice(int(first), int(last))
        t = times[rows]
        pose = np.zeros((len(t), len(CHANNELS)), np.float32)
        lively = 1 + LIVELIER * beats[rows]
        level = np.zeros(len(t))
        for region, delay in enumerate(self.delay):
            level = self.envelope(t - delay) * gain * lively
            columns = _REGIONS[region]
            pose[:, columns] = self.variant.at(level, columns) * np.maximum(level, 1)[:, None] * self.side[columns]
        return rows, pose, level

    def envelope(self, t: np.ndarray) -> np.ndarray:
        """(F,): rising about the start, falling about the end; no longer in full after the apex."""
        rise = ease((t - self.start) / self.rise + 0.5) if self.rise else 1.0
        fall = ease((self.end - t) / self.fall + 0.5) if self.fall else 1.0
        late = ease((t - self.start - self.rise / 2 - self.emotion.apex_s) / SINK_S)
        sinks = (1 - self.emotion.sustain) * (CHOSEN_SINKS if self.episode.chosen else 1)
        return self.episode.at(t) * rise * fall * (1 - sinks * late)


def _parts(
    seconds: float, gaps: np.ndarray, episode: Episode, emotion: Emotion, style: EmotionStyle, number: int
) -> list[_Part]:
    """The episode in one variant, or, where it is long, in several that go over into each other in gaps (s)."""
    noise = np.random.default_rng([style.seed, 23, LABELS.index(episode.label), number])
    cuts = [episode.start, *_cuts(gaps, episode, noise), episode.end]
    # what begins with the clip or ends with it has neither rise nor fall
    length = episode.end - episode.start
    onset, offset = (min(s, length) for s in (emotion.onset_s, emotion.offset_s))
    onset = 0.0 if episode.start - onset / 2 <= 0 else onset
    offset = 0.0 if episode.end + offset / 2 >= seconds else offset
    change = min(max(emotion.onset_s, emotion.offset_s), 0.8)
    parts, last = [], None
    for k, span in enumerate(zip(cuts, cuts[1:], strict=False)):
        variant = _variant(emotion, episode, style, noise, last)
        fades = (onset if k == 0 else change, offset if k == len(cuts) - 2 else change)
        parts.append(_Part(episode, emotion, variant, span, fades, noise))
        last = variant
    return parts


def _cuts(gaps: np.ndarray, episode: Episode, noise: np.random.Generator) -> list[float]:
    if episode.end - episode.start <= LONG_S:
        return []
    cuts, now = [], episode.start
    while True:
        now += noise.uniform(0.55, 0.95) * LONG_S
        if now > episode.end - 0.4 * LONG_S:
            return cuts
        near = gaps[np.abs(gaps - now) < 0.2 * LONG_S]
        now = float(near[np.abs(near - now).argmin()]) if len(near) else now
        cuts.append(now)


def _variant(
    emotion: Emotion, episode: Episode, style: EmotionStyle, noise: np.random.Generator, last: Variant | None
) -> Variant:
    """The style's, or one by chance: rather one that fits the voice's arousal, and not the same again."""
    draw = noise.random()
    if name := style.variant.get(emotion.label):
        return next(v for v in emotion.variants if v.name == name)
    weight = np.ones(len(emotion.variants))
    if episode.arousal is not None:
        weight = np.exp(-(((episode.arousal - np.array([v.arousal for v in emotion.variants])) / 0.25) ** 2)) + 1e-6
    if last is not None and len(weight) > 1:
        weight[emotion.variants.index(last)] *= 0.2
    return emotion.variants[int(np.searchsorted(np.cumsum(weight / weight.sum()), draw).clip(0, len(weight) - 1))]


# -- what goes with it ----------------------------------------------------------------------------------------------


def _smiling_eyes(values: np.ndarray) -> None:
    for side in ("Left", "Right"):
        smile = values[:, _COLUMN["mouthSmile" + side]]
        for stem, share in WITH_SMILE.items():
            column = _COLUMN[stem + side]
            values[:, column] = np.maximum(values[:, column], share * smile)


def _accent(values: np.ndarray, beats: np.ndarray, felt: np.ndarray) -> None:
    """Brows rise with the accents; with anger and disgust they lower, with grief and fear the inner ends rise alone."""
    strength = dict(zip(LABELS, np.clip(felt, 0, 1).T, strict=True))
    against = np.clip(strength["angry"] + strength["disgust"], 0, 1)
    pained = np.clip(strength["sad"] + 0.5 * strength["fearful"], 0, 1)
    for table, share in ((RAISED, 1 - against), (LOWERED, against)):
        for column, weight in _columns(table):
            part = share * (1 - pained) if CHANNELS[column].startswith("browOuterUp") else share
            values[:, column] += ACCENT * weight * beats * part * (1 - np.clip(values[:, column], 0, 1))


def _micro(values: np.ndarray, times: np.ndarray, style: EmotionStyle) -> None:
    if style.micro <= 0 or not len(times):
        return
    for number, (size, up, down) in enumerate(MICRO):
        wander = _wander(times, [style.seed, 37, number]) * size * style.micro
        for table, part in ((up, np.maximum(wander, 0)), (down, np.maximum(-wander, 0))):
            for column, weight in _columns(table):
                values[:, column] += weight * part


def _columns(table: dict[str, float]) -> list[tuple[int, float]]:
    """(column, weight) of each channel; a name without a side is both."""
    return [(i, weight) for name, weight in table.items() for i in poses.sided(name)]


def _wander(times: np.ndarray, seed: list[int]) -> np.ndarray:
    """(F,) a smooth random walk about 0, mostly within -1..1: cubic between random knots, the same however long."""
    place = times / KNOT_S
    knots = np.clip(np.random.default_rng(seed).standard_normal(int(place[-1]) + 4) / 2, -1, 1)
    low = place.astype(int)
    u = place - low
    a, b, c, d = (knots[low + i] for i in range(4))
    return b + u / 2 * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
