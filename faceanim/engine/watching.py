"""The pictures of a Clip: its face is followed and read, against the rest that is found or given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from ..core.actor import Actor
from ..core.clip import Clip
from ..core.face import FaceTrack
from ..core.track import Track
from ..errors import FormatError, InputError, MediaError
from ..solve import learned, pose
from . import face_emotion, face_expression
from .provenance import face_measures, face_model

if TYPE_CHECKING:
    from .analysis import Made, Media

Progress = Callable[[float, str], None]

ASIDE = np.radians(45.0)
"""A face that is turned further shows little of one half."""
NO_FACE = 0.065
"""Rigid points of people's faces lie within 0.05 (in eye distances) of a face's shape."""
AGAIN_S = 0.1
"""So often a face is looked at to tell whether it rests: what it is taken for then lasts longer."""


_in_one_thread = threadpool_limits.wrap(limits=1, user_api="blas")
"""Numpy's products are small here: threads that share them wait for each other longer than they work."""


@_in_one_thread
def watch(
    clip: Clip, picture: Media, frames: int, fps: float, progress: Progress, made: Made,
    actor_output: Path | None = None,
) -> None:
    """Adds the layers that are seen, or a note why there are none; writes the Actor where that is wanted."""
    from ..features import face
    from ..solve import expression

    progress(0.0, "looking")
    try:
        # an hour of crops would fill the memory
        crops = actor_output is not None or clip.neutral is not None
        track, quality, notes = followed(clip, picture.seconds, progress, crops)
    except MediaError as error:
        made.nothing(error.message, error.hint)
        return
    actor = actor_of(clip, track)
    if actor_output is not None:
        from ..formats import actor as actors

        actors.write(replace(actor or resting(track), name=actor_output.stem), actor_output)
    seconds = frames / fps
    with ThreadPoolExecutor(1) as beside:
        felt = None if track.portraits is None else beside.submit(_felt, track, seconds)
        made.layers |= expression.solve(track, seconds, fps, face_expression.predictor(actor=actor))
        found, fitted = float(track.found.mean()), pose.fit(track.points[track.found])
        made.quality |= {**quality, "face_found": round(found, 4), "faces": track.faces}
        made.quality |= {"face_detector": track.detector, "face_fit": float(np.median(fitted.residual))}
        made.models |= face_model(face.TASK_VARIABLE)
        made.models |= face_expression.model_of() if face_expression.ready() else face_measures()
    if felt is not None:
        emotions, signals = felt.result()
        made.emotions, made.signals = made.emotions | emotions, made.signals | signals
        made.models |= face_emotion.model_of()
    made.quality |= {"shots": len(track.shots())}
    made.notes += [*notes, *on_face(track, fitted, clip)]


def _felt(track: FaceTrack, seconds: float) -> tuple[dict[str, Track], dict[str, Track]]:
    rests, step = {}, AGAIN_S * (track.frames - 1) / max(float(track.times[-1] - track.times[0]), AGAIN_S)
    for rows in track.shots() if face_expression.ready() else ():
        _, times, sure = learned.at_rest(face_expression.model(), track.of(rows[:: max(1, int(step))]))
        rests[int(track.shot[rows[0]])] = times, sure
    return face_emotion.tracks(track.portraits, seconds, rests)


def on_face(track: FaceTrack, fitted: pose.Pose, clip: Clip) -> Iterator[str]:
    """What the user should know of the face that was found."""
    found = float(track.found.mean())
    if found < 0.9:
        yield f"a face is seen in only {found:.0%} of the pictures; between them it is bridged"
    if track.faces > 1:
        which = "largest and most central one" if clip.face is None else "one at {:g},{:g}".format(*clip.face)
        hint = "; --face X,Y names another" if clip.face is None else ""
        yield f"there are {track.faces} faces; the {which} was followed{hint}"
    if (shots := len(track.shots())) > 1:
        yield f"the picture is cut, or goes over to another face: {shots} shots, each read by itself"
    yaw = float(np.median(np.abs(pose.angles(fitted.rotation)[:, 0])))
    if yaw > ASIDE:
        yield f"the face is seen from the side ({np.degrees(yaw):.0f} degrees): its far half is a guess"
    elif np.median(fitted.residual) > NO_FACE:
        yield "what was found hardly has the shape of a face: is it a person's?"


def followed(
    clip: Clip, seconds: float, progress: Progress, crops: bool = True
) -> tuple[FaceTrack, dict, list[str]]:
    """The face through the Clip's video, its crops if they are wanted, and what is to be told of the file. Raises
    MediaError where there is none."""
    from .upright import quarters

    track, nothing, quality = None, None, {}
    try:
        track, quality = _follow(clip, seconds, progress, crops)
    except MediaError as error:
        nothing = error
    turns = quarters(clip.video, clip.start, clip.start + seconds, track)
    if turns:
        track, quality = _follow(clip, seconds, progress, crops, turns)
        return track, quality | {"turned_degrees": 90 * turns}, [TURNED[turns]]
    if track is None:
        raise nothing
    return track, quality, []


TURNED = {
    1: "the pictures lie on their right side: they were turned upright",
    2: "the pictures stand upside down: they were turned upright",
    3: "the pictures lie on their left side: they were turned upright",
}


def _follow(clip: Clip, seconds: float, progress: Progress, crops: bool, turns: int = 0) -> tuple[FaceTrack, dict]:
    """turns  quarter turns to the left that every picture is given"""
    from ..features import face
    from ..source import video
    from .upright import turned_point

    stream = video.stream(clip.video, clip.start, clip.end)
    frames = (frame._replace(image=np.rot90(frame.image, turns)) for frame in stream) if turns else stream
    point = None if clip.face is None else turned_point(clip.face, turns)
    with face.open_landmarker(point=point) as landmarker:
        track = face.follow(
            frames, landmarker, seconds, progress, crops, portraits=face_emotion.ready(),
            look=partial(face_expression.look, fps=stream.info.fps) if face_expression.ready() else None,
        )  # fmt: skip
    return track, dict(stream.quality)


def actor_of(clip: Clip, track: FaceTrack) -> Actor | None:
    """Whose rest is given, by a file or by a moment of the video; None where it is to be found."""
    from ..features import crops
    from ..formats import actor as actors
    from ..solve.actors import at

    if clip.actor is not None:
        actor = actors.read(clip.actor)
        if actor.crops is not None and actor.crops.size != crops.PIXELS:
            raise FormatError(f"{clip.actor} was made by another version of faceanim", "make the actor again")
        return actor
    return None if clip.neutral is None else at(track, clip.neutral - clip.start)


def resting(track: FaceTrack) -> Actor:
    """The Actor of a video whose face rests now and then. Raises InputError where it does not, or has no network."""
    from ..solve import actors

    shown = track.of(max(track.shots(), key=len))
    found = learned.at_rest(face_expression.model(), shown)[0] if face_expression.ready() else None
    if found is None or min(found.sure.values()) < 0.5:
        raise InputError("the face is not found at rest", "name a second at which it is: --neutral S")
    return actors.of(shown, found.rows["upper"], found.rows["lower"])


@_in_one_thread
def learned_from(clip: Clip, progress: Progress, extremes: bool = False) -> Actor:
    """The Actor that a calibration clip shows; extremes: it holds every expression, as far as it goes.

    Raises MediaError where no face is seen, InputError where it does not rest.
    """
    from ..solve import actors, expression
    from .analysis import open_picture

    track, *_ = followed(clip, open_picture(clip).seconds, progress)
    actor = actor_of(clip, track) or resting(track)
    if not extremes:
        return actor
    return actors.with_range(actor, expression.by_shot(track, face_expression.predictor(actor=actor)))
