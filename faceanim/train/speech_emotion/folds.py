"""Who is left out of which training: no speaker stands on both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .corpora import CORPORA, Clip

COUNT = 5
EMODB = (("03", "08"), ("09", "10"), ("11", "12"), ("13",), ("14",))
"""Men and women as far as eight speakers in five folds allow."""
ACTORS = 4
"""RAVDESS actors in a fold, in the order of their numbers: two men, two women."""


def folds(clips: Sequence[Clip]) -> dict[tuple[str, str], int]:
    """(corpus, speaker) to the fold in which it is tested; URDU's speakers go one by one, the most talkative first, to
    the fold that has the fewest recordings."""
    found: dict[tuple[str, str], int] = {}
    load = [0] * COUNT
    counts: dict[str, int] = {}
    for clip in clips:
        if clip.corpus == "ravdess":
            found["ravdess", clip.speaker] = (int(clip.speaker) - 1) // ACTORS
        elif clip.corpus == "emodb":
            found["emodb", clip.speaker] = next(k for k, names in enumerate(EMODB) if clip.speaker in names)
        elif clip.corpus == "urdu":
            counts[clip.speaker] = counts.get(clip.speaker, 0) + 1
    for speaker, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        fold = load.index(min(load))
        found["urdu", speaker] = fold
        load[fold] += count
    return found


def without(fold: int, assigned: dict[tuple[str, str], int]) -> Callable[[Clip], bool]:
    """Whether a clip may be heard in the training of a fold."""
    return lambda clip: clip.corpus not in CORPORA or assigned[clip.corpus, clip.speaker] != fold
