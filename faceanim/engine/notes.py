"""What the user should know of a sound that was heard: what is wrong with it, and with its text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.speech import Speech

OVERDRIVEN = 0.001
"""Share of samples at full scale that is worth a word."""
NARROW_HZ = 12000
"""Below this rate the hiss of s and f is not in the sound."""
SOUNDING_DB = 30.0
"""What is softer than the loudest hops (their 95th percentile) by more is a pause."""
HARDLY_SPEECH = 0.25
"""Share of the sounding time. Speech has 0.28 and more even in talk shows; music, which has some sounds like a voice's,
0.2 and less."""
MENTIONED = 60
"""Letters of a disagreement in a note; all of it is in the take's quality."""


def on_sound(heard: Speech, overdriven: float, rate: int) -> list[str]:
    """Notes on what was heard. overdriven: share of samples at full scale; rate: of the file, Hz."""
    notes = []
    if why := heard.quality.get("stand_in"):
        notes.append(f"{why}: PocketSphinx, which knows English, heard the phones instead, and less exactly")
    if text := heard.quality.get("transcript"):
        notes.append(f"the transcript: {text}")
    if read := heard.quality.get("transcript_read_as"):
        notes.append(f"the transcript: {read}")
    if differences := heard.quality.get("disagreements"):
        notes.append(_differs(differences))
    share = speech_share(heard)
    if heard.phones and share < HARDLY_SPEECH and heard.quality.get("speech") != "given":
        notes.append(f"only {share:.0%} of what sounds is heard as speech (is it music or noise?); the mouth rests in "
                     "the remainder")  # fmt: skip
    if rate < NARROW_HZ:
        notes.append(f"the sound has only {rate} samples a second, as a telephone's: s, f and the like are heard less "
                     "surely; a transcript helps")  # fmt: skip
    if overdriven > OVERDRIVEN:
        notes.append(f"the sound is overdriven in {overdriven:.1%} of its samples")
    return notes


def speech_share(heard: Speech) -> float:
    """Share 0..1 of the sounding time that is phones; 1 where nothing sounds."""
    if not len(heard.loudness):
        return 1.0
    sounding = heard.loudness > np.quantile(heard.loudness, 0.95) - SOUNDING_DB
    seconds = float(sounding.sum()) / heard.loudness_hz
    spoken = sum(phone.end - phone.start for phone in heard.phones)
    return min(spoken / seconds, 1.0) if seconds else 1.0


def _differs(differences: list[dict[str, Any]]) -> str:
    first, places = differences[0], len(differences)
    what = first["word"] or "a sound"
    if len(what) > MENTIONED:
        what = what[:MENTIONED].rsplit(" ", 1)[0].rstrip(" …/") + " …"
    return (
        f"the text and the sound differ in {places} place{'s' if places > 1 else ''}, the first at "
        f"{first['time']:.2f} s ({what} is {first['kind']}); the sound is followed"
    )
