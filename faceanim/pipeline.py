"""The right half of the way, on one page: a Take becomes curves of a character's controls. Numpy alone, no network.

Take ── smooth what the video saw ── mix ──▶ Track on channels ── resample ── retarget, limit ── contact ──▶ Track on
controls ── reduce ──▶ Curves. Smoothing comes before the retarget, which is linear, so that it knows the regions.
Before all, the emotion is made anew where the style or the moods ask for another.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import replace
from typing import Any

import numpy as np

from .core.channels import GROUPS, MOUTH_GROUPS
from .core.curve import Curve
from .core.edit import edit
from .core.events import LIDS, jaw_events, lid_events, lip_events, near
from .core.mapping import Mapping
from .core.moods import fitted
from .core.rig import parse_control
from .core.style import EmotionStyle, Style
from .core.take import Mood, Take
from .core.track import Track
from .curves.reduce import reduce
from .curves.resample import resample
from .curves.smooth import smooth
from .retarget.apply import apply
from .retarget.contact import hold
from .retarget.lids import Lids, meet
from .retarget.lips import Mouth
from .retarget.opening import follow, wanted
from .solve import emotion, feelings, remake, speech
from .solve.mix import FROM_VIDEO, believed, bridged, led, mix
from .solve.remake import remade
from .solve.speech import respoken
from .solve.visemes import read as read_visemes

__all__ = [
    "believed", "channels", "chosen", "controls", "curves", "edited", "heard", "read_visemes", "remade", "remake",
    "respoken",
]  # fmt: skip

WAY = 0.2
"""A slider's whole range is 1, a bone of a face goes a part of the distance between the eyes."""


def channels(take: Take, style: Style) -> Track:
    """The layers smoothed and mixed: all channels (core.channels) at the take's rate."""
    take = believed(speech.made(emotion.made(take, style.emotion), style.speech), style)
    for name in FROM_VIDEO:
        if name in take.layers and take.seed(name) is None:
            take = take.with_layer(name, _smoothed(bridged(take.layers[name]), take, style))
    return mix(take, style)


def _smoothed(layer: Track, take: Take, style: Style) -> Track:
    """A layer from video by the style's cutoffs; contacts of lips and lids pass as they were seen."""
    fade = 2.5 / layer.fps
    lids = near(lid_events(layer), layer.times, fade)
    mouth = near(lip_events(take.phones, layer), layer.times, fade)
    return smooth(layer, style.cutoff_hz, {LIDS: lids, **dict.fromkeys(MOUTH_GROUPS, mouth)})


def controls(
    take: Take, mapping: Mapping, style: Style, fps: float, mouth: Mouth | None = None,
    eyes: tuple[Lids, ...] = (),
) -> Track:
    """The character's controls on whole frames of `fps` (Hz), every contact fully held on at least one of them.

    mouth   the character's own lips (retarget.lips): contacts are corrected until they hold there; without it they
            hold as far as the mapping's channels mean what their names say
    eyes    and its own lids (retarget.lids), likewise
    """
    track = channels(take, style)
    phones = led(believed(take, style), style.lead_s).phones
    mouths = lip_events(phones, track)
    # a saccade is over in a frame or two; what a camera saw is noisy instead
    leaping = GROUPS["gaze"] if take.seed("gaze") is not None else ()
    track = resample(track, fps, [*mouths, *lid_events(track)], leaping)
    result = apply(track, mapping)
    if mouth is not None:
        result = hold(follow(result, mapping, mouth, wanted(track)), mapping, mouth, [*mouths, *jaw_events(phones)])
    return meet(result, track, mapping, eyes)


def curves(
    take: Take, mapping: Mapping, style: Style, fps: float, mouth: Mouth | None = None,
    eyes: tuple[Lids, ...] = (),
) -> list[Curve]:
    """The same as sparse keys, off by `style.tolerance` at most on any frame, ways of bones by WAY of it."""
    track = controls(take, mapping, style, fps, mouth, eyes)
    ways = [(parsed := parse_control(name)) and parsed.kind == "loc" for name in track.channels]
    return reduce(track, style.tolerance * np.where(np.array(ways, bool), WAY, 1.0))


def edited(take: Take, edits: Iterable[Table[str, Any]]) -> tuple[Take, tuple[tuple[float, float], ...]]:
    """The Take after edits of its phones and words (core.edit), and the spans (s) in which the lips are new."""
    phones, words, spans = edit(take, edits)
    return respoken(take, phones, words), spans


def chosen(
    take: Take, moods: Iterable[Mood], style: Style, leave_out: bool = False
) -> tuple[Take, list[str]]:
    """The Take with these moods in place of its own and its emotion made anew, and what was cut off, in words.

    A mood that lies beyond the clip raises InputError, or is left out where that is asked for.
    """
    moods, notes = fitted(moods, take.seconds, leave_out)
    return remade(replace(take, moods=moods), "emotion", style), notes


def heard(take: Take) -> tuple[Mood, ...]:
    """What is heard and read in the words, as moods to go on from; neutral is left out."""
    episodes = feelings.episodes(replace(take, moods=()), replace(emotion.own(take, EmotionStyle()), strength={}))
    return tuple(
        Mood(round(e.start, 3), round(min(e.end, take.seconds), 3), e.label, round(float(min(e.levels.max(), 1)), 2))
        for e in episodes
        if e.label != "neutral"
    )
