"""How far a picture is behind its sound, by the mouth that is heard and the one that is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import correlate

from ..core.channels import GROUP_OF, MOUTH_GROUPS
from ..core.events import LIPS, aperture
from ..core.take import Phone
from ..core.track import Track

REACH_S = 2.0
"""Sound and picture are looked for so far apart; in a short clip by a quarter of its length."""
NOISE_S, SLOW_S = 0.1, 1.0
"""Openings are compared as they change between these: neither frame by frame, nor with the mood or the loudness."""
SPOKEN_S = 4.0
"""Of less speech than this two sentences may go together by chance."""
ALIKE, ALONE, ELSEWHERE_S = 0.45, 0.2, 0.25
"""How well the two have to go together (Pearson r), and by how much better than at any shift further away. People's
mouths have 0.7 with what is heard of their voices, those of dubbed films and of songs 0.1 to 0.3."""


def lateness(heard: Track, seen: Track, phones: Iterable[Phone]) -> float | None:
    """Seconds by which the mouth that is seen is behind the one that is heard; None where they do not tell.

    heard, seen  of one rate and length, from time 0; where `seen` has no confidence it is not looked at
    """
    fps, frames = heard.fps, heard.frames
    mouth = [GROUP_OF[name] in MOUTH_GROUPS for name in seen.channels]
    shown = (seen.confidence[:, mouth].max(1, initial=0.0) > 0).astype(float)
    spans = np.array([(p.start, p.end) for p in phones if p.ipa]).reshape(-1, 2)
    first, last = np.ceil(spans.T * fps - 1e-6).clip(0, frames).astype(int)
    until = np.concatenate([[0.0], np.cumsum(shown)])
    if (until[last] - until[first]).sum() / fps < SPOKEN_S:
        return None
    voice, lips = (_changes(aperture(track, LIPS).astype(float), fps) for track in (heard, seen))
    lips = lips * shown
    reach = int(min(REACH_S, frames / fps / 4) * fps)
    both, voices, mouths = (
        _products(a, b, reach) for a, b in ((voice, lips), (voice**2, shown), (np.ones(frames), lips**2))
    )
    alike = both / np.sqrt(np.maximum(voices * mouths, 1e-12))
    best = int(alike.argmax())
    lags = np.arange(-reach, reach + 1) / fps
    elsewhere = alike[np.abs(lags - lags[best]) > ELSEWHERE_S].max(initial=0.0)
    if alike[best] < ALIKE or alike[best] - elsewhere < ALONE:
        return None
    return float(lags[best])


def earlier(track: Track, seconds: float) -> Track:
    """The track with everything that much earlier; past its ends it is held, with confidence 0."""
    times = track.times + seconds
    values, confidence = track.at(times)
    within = (times >= track.start - 0.5 / track.fps) & (times <= track.start + track.seconds - 0.5 / track.fps)
    return replace(track, values=values, confidence=confidence * within[:, None].astype(np.float32))


def _changes(values: np.ndarray, fps: float) -> np.ndarray:
    fast, slow = (uniform_filter1d(values, max(1, round(seconds * fps))) for seconds in (NOISE_S, SLOW_S))
    return fast - slow


def _products(a: np.ndarray, b: np.ndarray, reach: int) -> np.ndarray:
    """(2 reach + 1,): the sum of a[t] b[t + k] for k from -reach to reach."""
    return correlate(b, a, method="fft")[len(a) - 1 - reach : len(a) + reach]
