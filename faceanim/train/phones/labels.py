"""Timed phones to a class for every frame; plosives are parted at their burst."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...features.mel import FRAME_HZ
from ...features.phone_classes import INDEX, NAMES, RELEASE, classes

IGNORED = -1
FIRST_SHARE = 0.6
"""Share of a diphthong that is its first sound."""
LOUD_BAND = 16
"""Bands from here on (about 650 Hz) fall silent in a closure, with voice too."""
LONGEST_CLOSURE, LONGEST_INITIAL = 14, 5
"""Frames before its burst beyond which a plosive is called silence: in speech, and after silence (a guess)."""


class Utterance(NamedTuple):
    """One clip: log-mel float (n, bands), classes int8 (n,), voice int8 (n,): 0 or 1; IGNORED where it is not known."""

    name: str
    mel: np.ndarray
    sound: np.ndarray
    voice: np.ndarray


def frames(count: int, spans: list[tuple[float, float, list[tuple[int, bool]]]]) -> tuple[np.ndarray, np.ndarray]:
    """Classes and voice int8 (count,) from spans (start s, end s, classes in order); silence elsewhere.

    Frame i stands for its middle, (i + 0.5) / FRAME_HZ.
    """
    sound, voice = np.full(count, INDEX["sil"], np.int8), np.zeros(count, np.int8)
    for start, end, parts in spans:
        shares = [0.0, 1.0] if len(parts) == 1 else [0.0, *np.linspace(FIRST_SHARE, 1.0, len(parts))]
        for (index, voiced), low, high in zip(parts, shares[:-1], shares[1:], strict=True):
            span = slice(_frame(start + low * (end - start)), _frame(start + high * (end - start)))
            sound[span], voice[span] = index, voiced
    return sound, voice


def _frame(seconds: float) -> int:
    """The first frame whose middle is not before `seconds`."""
    return max(0, int(np.ceil(seconds * FRAME_HZ - 0.5 - 1e-6)))


def utterance(name: str, mel: np.ndarray, phones: list[tuple[float, float, str]], early: float = 0.0) -> Utterance:
    """An Utterance of phones (start s, end s, IPA) of an aligner or synthesiser, which give a plosive as a whole.

    early: seconds by which a plosive's closure may begin before its time
    """
    spans = [(a, b, found) for a, b, ipa in phones if (found := classes(ipa)) and b > a]
    sound, voice = frames(len(mel), spans)
    part_plosives(sound, voice, mel, int(round(early * FRAME_HZ)))
    return Utterance(name, mel.astype(np.float32), sound, voice)


def part_plosives(sound: np.ndarray, voice: np.ndarray, mel: np.ndarray, early: int) -> None:
    """In place: from its burst on, a plosive is its release; where early > 0, its closure reaches back over silence."""
    level = np.log(np.exp(mel[:, LOUD_BAND:].astype(float)).mean(1) + 1e-9)
    edges = np.flatnonzero(np.diff(sound)) + 1
    for first, last in zip(np.r_[0, edges], np.r_[edges, len(sound)], strict=True):
        release = RELEASE.get(NAMES[sound[first]])
        if release is None:
            continue
        burst = _burst(level, first, last, early)
        closure = sound[first]
        sound[burst:last] = INDEX[release]
        begin = first
        if early:
            quiet = level[max(first - early, 0) : burst + 1].min() + 1.5
            begin = min(first, burst)
            while begin > max(first - early, 0) and level[begin - 1] < quiet:
                begin -= 1
        longest = LONGEST_INITIAL if sound[max(begin - 1, 0)] == INDEX["sil"] else LONGEST_CLOSURE
        sound[begin : max(burst - longest, begin)] = INDEX["sil"]
        sound[max(burst - longest, begin) : burst] = closure
        voice[begin:burst] = voice[last - 1]


def _burst(level: np.ndarray, first: int, last: int, early: int) -> int:
    """The frame in which the sound comes back most suddenly."""
    low, high = max(first - (1 if early else -1), 1), min(last, len(level) - 1)
    if high <= low:
        return last
    rise = level[low : high + 1] - level[low - 1 : high]
    return low + int(np.argmax(rise)) if rise.max() > 0.7 else last
