"""The left half of the way: a Clip becomes a Take. Sound and pictures are read in a stream, never whole."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..core.clip import Clip
from ..core.take import Take
from ..core.track import Track
from ..core.version import VERSION
from ..errors import InputError, MediaError
from ..solve import remake
from . import watching
from .device import check_name, choose
from .emotion import ear_for
from .hearing import phone_source
from .notes import on_sound
from .provenance import input_of, versions

Progress = Callable[[float, str], None]
"""(fraction 0..1, stage); raises errors.Cancelled to stop."""

SPEECH_RATE = 16000
SHORTEST_S = 0.1
"""Less than this holds no sound of speech that could be told apart."""
SILENT_DBFS = -66.0
"""A second of sound below this level is silence; a quiet voice in a bad recording is at -45, a sad one of RAVDESS at
-61."""
STEADY_DB = 0.5
"""A tone or a hum whose level stays within this (standard deviation) is no voice, whatever sound it resembles; even a
held vowel wavers by more."""
CLIPPED = 0.999
OFF_S = 0.06
"""Pictures less far from the sound stay: nobody sees it, and the mouth tells no finer."""
FPS_RANGE = (1.0, 1000.0)


def analyze(
    clip: Clip, fps: float = 60.0, progress: Progress = lambda fraction, stage: None, device: str = "auto",
    actor_output: Path | None = None,
) -> Take:
    """The Take of a Clip at `fps` frames a second: `lips` from sound, `expression`, `gaze`, `head` from pictures.

    actor_output  where the Actor goes whose rest was found in the pictures, if it is wanted

    Its length is the longer of the sound's and the picture's span. Raises MediaError where a file cannot be read or
    nothing in it can be animated, InputError for a wrong rate, device or span, Cancelled.
    """
    if not FPS_RANGE[0] <= fps <= FPS_RANGE[1]:
        raise InputError(f"{fps:g} frames a second is out of range", "--fps is between 1 and 1000; 60 is usual")
    check_name(device)
    began = time.monotonic()
    progress(0.0, "opening the files")
    sound, picture = open_sound(clip), open_picture(clip)
    if sound is None and picture is None:
        raise MediaError(f"{clip.video or clip.audio} holds neither sound nor pictures", "choose another file")
    seconds = max(media.seconds for media in (sound, picture) if media)
    frames = max(1, math.ceil(seconds * fps - 1e-6))
    named = {"audio": clip.audio, "video": clip.video, "timing": clip.timing, "actor": clip.actor}
    inputs = {name: input_of(path) for name, path in named.items() if path}

    made = Made()
    # pictures take about three times as long as sound
    split = (0.25 if sound and picture else 1.0 if sound else 0.0) * 0.95 + 0.02
    if sound is not None:
        hear(clip, sound, frames, fps, device, part(progress, 0.02, split), made)
    if picture is not None:
        watching.watch(clip, picture, frames, fps, part(progress, split, 0.97), made, actor_output)
    if sound is not None and picture is not None:
        bring_together(clip, made)
    for kind in named:
        tell_damage(kind, made)
    if not made.layers:
        raise MediaError(f"there is nothing to animate: {'; '.join(made.notes)}", made.hint)
    progress(0.98, "finishing")
    quality = {name: round(v, 3) if isinstance(v, float) else v for name, v in made.quality.items()}
    if made.notes:
        quality["notes"] = made.notes
    take = Take(
        fps, frames, made.layers, made.phones, made.words, made.emotions, made.signals, quality=quality,
        provenance={
            "faceanim": VERSION,
            "inputs": inputs,
            "span": [clip.start, clip.end],
            "settings": {
                "transcript": clip.transcript, "language": clip.language, "fps": fps, "device": device,
                "face": clip.face, "neutral": clip.neutral, "video_late": clip.late,
            },
            "models": made.models,
            "packages": versions(),
            "analysis_seconds": round(time.monotonic() - began, 2),
        },
    )  # fmt: skip
    return living(take)


def living(take: Take) -> Take:
    """The Take with the emotion of a voice, and, where no camera saw the face, with blinks, gaze and head motion."""
    if "lips" not in take.layers:
        return take
    take = remake.remade(take, "emotion")
    for layer in remake.DRAWN if "expression" not in take.layers else ():
        take = remake.remade(take, layer, seed=0)
    return take


@dataclass(frozen=True)
class Media:
    """The sound or the pictures of a Clip. seconds: where they end, counted from the Clip's start."""

    path: Path
    seconds: float


@dataclass
class Made:
    """What the solvers made so far, and what the user should know; hint: what to do where nothing was made."""

    layers: dict[str, Track] = field(default_factory=dict)
    phones: tuple = ()
    words: tuple = ()
    emotions: dict[str, Track] = field(default_factory=dict)
    signals: dict[str, Track] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    hint: str = ""

    def nothing(self, note: str, hint: str) -> None:
        self.notes.append(note)
        self.hint = self.hint or hint


def open_sound(clip: Clip) -> Media | None:
    """The Clip's sound: its audio file's, else its video's; None where the video has none that can be used."""
    from ..source import audio

    if clip.audio is None:
        try:
            return _heard_in(clip, clip.video, audio.probe(clip.video))
        except MediaError:
            return None  # a video that is no video at all is told by its pictures
    return _heard_in(clip, clip.audio, audio.probe(clip.audio))


def _heard_in(clip: Clip, path: Path, info: Any) -> Media:
    media = _span(clip, path, info)
    if media.seconds < SHORTEST_S:
        raise MediaError(
            f"the sound of {path} is too short: {media.seconds:.3f} s", f"it takes at least {SHORTEST_S:g} s of speech"
        )
    return media


def open_picture(clip: Clip) -> Media | None:
    if clip.video is None:
        return None
    from ..source import video

    media = _span(clip, clip.video, video.probe(clip.video))
    if abs(clip.late or 0.0) >= media.seconds:
        raise InputError(
            f"moved by {clip.late:g} s, nothing of {media.seconds:.2f} s of pictures is left",
            "choose a smaller --video-late",
        )
    return media


def _span(clip: Clip, path: Path, info: Any) -> Media:
    if clip.start >= info.seconds:
        raise MediaError(
            f"the clip starts at {clip.start:g} s, but {path} ends at {info.seconds:.2f} s", "choose an earlier --start"
        )
    return Media(path, min(info.seconds, math.inf if clip.end is None else clip.end) - clip.start)


def hear(
    clip: Clip, sound: Media, frames: int, fps: float, device: str, progress: Progress, made: Made
) -> None:
    """Adds phones, words and the `lips` layer, or a note why there are none."""
    from ..solve import speech
    from ..source import audio

    progress(0.0, "listening")
    stream = audio.stream(sound.path, SPEECH_RATE, clip.start, clip.end)
    meter = Meter()
    # many videos have a silent track: nothing is loaded for them
    blocks = meter.from_first_sound(stream)
    if meter.silent:
        made.quality |= {**stream.quality, "speech": "none"}
        made.nothing(f"the sound of {sound.path.name} is silent", "record it again, or add a video of the face")
        return
    source, model = phone_source(clip, choose(device))
    ear, emotion_model = ear_for(choose(device))
    blocks = ear.through(blocks)
    heard = source(blocks, clip.transcript, progress, sound.seconds)
    for _ in blocks:
        pass  # the ear wants what the source left
    made.quality |= {**stream.quality, "audio_clipped": round(meter.clipped, 5), **heard.quality}
    if not any(phone.ipa for phone in heard.phones) or float(np.std(heard.loudness)) < STEADY_DB:
        made.nothing(
            f"no speech was heard in {sound.path.name}", "choose a recording of a voice, or add a video of the face"
        )
    else:
        made.phones, made.words = tuple(heard.phones), tuple(heard.words)
        made.layers["lips"] = speech.solve(heard, frames / fps, fps)
        made.signals["loudness"] = Track.of(heard.loudness_hz, ("level",), heard.loudness[:, None])
        made.emotions, signals = ear.tracks(heard.loudness)
        made.signals |= signals
        made.models |= model | emotion_model
        read(clip, frames / fps, made)
    made.notes += on_sound(heard, meter.clipped, stream.info.rate)


def read(clip: Clip, seconds: float, made: Made) -> None:
    """Adds what the words say of feelings, and to the quality whether they could be read."""
    from ..features import sentiment

    if not made.words:
        made.quality["words_sentiment"] = "not read: no words are known (a transcript names them)"
        return
    # words without a text were heard by a recogniser of English
    given = clip.language if clip.transcript or clip.timing else "en"
    known, why = sentiment.covered(made.words, made.quality.get("transcript_language") or given)
    made.quality["words_sentiment"] = why
    if known:
        made.emotions["text_emotion"] = sentiment.sentiment(made.words, seconds, made.signals.get("affect"))


def bring_together(clip: Clip, made: Made) -> None:
    """Moves what was seen to what was heard, by what the Clip says or else by what the mouth tells."""
    from ..solve import sync
    from ..solve.mix import FROM_VIDEO

    late = clip.late
    if late is None and {"lips", "expression"} <= set(made.layers):
        late = sync.lateness(made.layers["lips"], made.layers["expression"], made.phones)
        if late is None or abs(late) < OFF_S:
            return
        made.quality["video_late_s"] = late
        way = "behind" if late > 0 else "ahead of"
        made.notes.append(
            f"the mouth is seen {abs(late):.2f} s {way} the sound: the pictures were moved (--video-late 0 leaves them)"
        )
    if not late:
        return
    for tracks, names in (
        (made.layers, FROM_VIDEO), (made.emotions, ("face_emotion",)), (made.signals, ("face_affect",)),
    ):  # fmt: skip
        for name in set(names) & set(tracks):
            tracks[name] = sync.earlier(tracks[name], late)


def tell_damage(kind: str, made: Made) -> None:
    """A note where a file is broken or ends before it says: what could be read of it was used."""
    missing, packets = made.quality.get(f"{kind}_missing_s", 0), made.quality.get(f"{kind}_damaged_packets", 0)
    if missing:
        made.notes.append(f"the {kind} ends {missing:.2f} s before the file says it does: it is cut off")
    if packets:
        made.notes.append(f"the {kind} has {packets} damaged pieces; they are bridged")


class Meter:
    """Measures the sound that flows through, in constant memory.

    loudest  the greatest mean power of a block (a second)
    """

    def __init__(self) -> None:
        self.samples = self.overdriven = 0
        self.loudest = 0.0

    def through(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            power = np.square(block)
            self.samples += len(block)
            self.loudest = max(self.loudest, float(power.mean()))
            self.overdriven += int((power >= CLIPPED**2).sum())
            yield block

    def from_first_sound(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same stream, read up to the first block that is not silent; `silent` says whether there is one."""
        flow, before = self.through(blocks), []
        for block in flow:
            before.append(block)
            if not self.silent:
                break
        return chain(before, flow)

    @property
    def silent(self) -> bool:
        return 10 * math.log10(max(self.loudest, 1e-12)) < SILENT_DBFS

    @property
    def clipped(self) -> float:
        return self.overdriven / max(self.samples, 1)


def part(progress: Progress, low: float, high: float) -> Progress:
    """A Progress whose 0..1 is low..high of another."""
    return lambda fraction, stage: progress(low + (high - low) * min(max(fraction, 0.0), 1.0), stage)
