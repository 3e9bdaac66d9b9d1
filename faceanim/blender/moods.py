"""Chosen emotions in the scene: a list in the panel, markers on the timeline that say the same, and into the Take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from .emotion import DRAWN
from .operators import absolute, read_take, rebake

if TYPE_CHECKING:
    from ..core.mood_marks import Mark
    from ..core.take import Mood, Take
    from ..core.track import Track
    from .emotion import FaceanimEmotion

OURS = "\u2007"
"""Ends the names of our markers: a blank that no key types, and another one than that of sounds."""
POLL_S = 0.5
_quiet = False
_made: list[tuple[Take, tuple, Take]] = []
"""The last Take that was changed as a scene asks, what was asked, and what it became."""


# the list ---------------------------------------------------------------------------------------------------------


def of(scene: bpy.types.Scene) -> tuple[Mood, ...]:
    """The scene's moods in order; those that are no span of time are left out."""
    from ..core.moods import SHORTEST_S
    from ..core.take import Mood

    rows = scene.faceanim.emotion.moods
    found = [Mood(*(round(t, 5) for t in (m.start, m.end)), m.label, round(m.strength, 4)) for m in rows]
    return tuple(sorted(mood for mood in found if mood.end - mood.start >= SHORTEST_S - 1e-4))


def put(scene: bpy.types.Scene, moods: Iterable[Mood]) -> None:
    """These moods in place of the scene's; nothing is baked and no marker changes."""
    emotion = scene.faceanim.emotion
    with _silence():
        emotion.moods.clear()
        for mood in moods:
            row = emotion.moods.add()
            row.label, row.strength, row.start, row.end = mood.label, mood.strength, mood.start, mood.end
    emotion.active = min(emotion.active, max(len(emotion.moods) - 1, 0))


def edited(scene: bpy.types.Scene) -> None:
    """After a change of the list: markers and animation follow."""
    if _quiet:
        return
    if scene.faceanim.emotion.marked:
        write_markers(scene)
    rebake(scene)


@contextmanager
def _silence() -> Iterator[None]:
    """Changes of the list by us call no `edited`."""
    global _quiet
    before, _quiet = _quiet, True
    try:
        yield
    finally:
        _quiet = before


# the take ---------------------------------------------------------------------------------------------------------


def take_of(scene: bpy.types.Scene) -> Take:
    """The scene's Take with the moods and the seeds of the scene. Raises errors of ours."""
    from ..core.moods import SHORTEST_S, fitted
    from ..pipeline import remade

    settings = scene.faceanim
    take = read_take(absolute(settings.take))
    inside = [m for m in of(scene) if m.start < take.seconds - SHORTEST_S and m.end > SHORTEST_S]
    asked = fitted(inside, take.seconds)[0], settings.emotion.seeds()
    if _made and _made[0][0] is take and _made[0][1] == asked:
        return _made[0][2]
    moods, seeds = asked
    made = take
    # drawn from the take alone: blinks stay where they are when an emotion is moved
    for layer, seed in seeds.items():
        if layer in drawn(take):
            made = remade(made, layer, seed=(take.seed(layer) or 0) + seed)
    made = made if moods == take.moods else replace(made, moods=moods)
    _made[:] = [(take, asked, made)]
    return made


def drawn(take: Take) -> list[str]:
    """The layers that are drawn by chance: those that no video shows."""
    return [name for name in DRAWN if take.seed(name) is not None or "expression" not in take.layers]


def chosen(settings: bpy.types.PropertyGroup) -> None:
    """After another take was chosen: what the panel shows of it; its moods, where it is of another recording."""
    emotion: FaceanimEmotion = settings.emotion
    path = absolute(settings.take)
    if path is None or not path.exists():
        emotion.facts = ""
        return
    take = read_take(path)
    emotion.facts = json.dumps(_facts(take))
    if emotion.taken != (of_take := origin(take)):
        emotion.taken = of_take
        if take.moods:
            put(settings.id_data, take.moods)
    if emotion.marked:
        write_markers(settings.id_data)


def _facts(take: Take) -> dict:
    """`heard`, `read`, `seen` [[label, share]] over what was said and seen, the strongest first; `drawn` layers;
    `seconds`; `restricted`: the models that do not allow commercial use."""
    names = {"heard": "speech_emotion", "read": "text_emotion", "seen": "face_emotion"}
    shares = {fact: _shares(take.emotions.get(name)) for fact, name in names.items()}
    models = take.provenance.get("models") or {}
    shares["restricted"] = [name for name, model in models.items() if model.get("commercial") != "yes"]
    return {**shares, "drawn": drawn(take), "seconds": take.seconds}


def _shares(track: Track | None) -> list[list]:
    import numpy as np

    if track is None or not track.frames:
        return []
    mean = (track.values * track.confidence).sum(0)
    mean = mean / max(float(mean.sum()), 1e-9)
    return [[track.channels[i], round(float(mean[i]), 3)] for i in np.argsort(-mean) if mean[i] > 0]


def facts(settings: bpy.types.PropertyGroup) -> dict:
    """What `chosen` found in the take: `heard`, `drawn`, `seconds`; empty before one was chosen."""
    return json.loads(settings.emotion.facts or "{}")


def origin(take: Take) -> str:
    """What tells one analysis from another, and is kept by edits."""
    import zlib

    kept = {name: value for name, value in take.provenance.items() if name not in ("remade", "emotion")}
    return f"{zlib.crc32(json.dumps(kept, sort_keys=True, default=str).encode()):08x}"


# markers ----------------------------------------------------------------------------------------------------------


def show_markers(scene: bpy.types.Scene) -> None:
    """Puts markers for the scene's moods; from now on they follow the list, and the list follows them."""
    emotion = scene.faceanim.emotion
    others = [[m.frame, m.name] for m in scene.timeline_markers if not m.name.endswith(OURS)]
    emotion.marked = json.dumps({"fps": 0, "first": 0, "others": others})
    write_markers(scene)
    watch()


def hide_markers(scene: bpy.types.Scene) -> None:
    """Takes our markers away, renamed ones too; those of the user stay."""
    for marker in markers(scene):
        scene.timeline_markers.remove(marker)
    scene.faceanim.emotion.marked = ""


def write_markers(scene: bpy.types.Scene) -> None:
    """Markers as the list says; those that are there are moved and renamed rather than made anew."""
    from ..core import mood_marks
    from ..core.marks import Scale
    from . import bake

    emotion = scene.faceanim.emotion
    scale = Scale(bake.scene_rate(scene), float(scene.faceanim.frame_start))
    emotion.marked = json.dumps({**json.loads(emotion.marked), "fps": scale.fps, "first": scale.first})
    wanted = mood_marks.marks(of(scene), scale)
    have = sorted(markers(scene), key=lambda m: m.frame)
    for marker in have[len(wanted) :]:
        scene.timeline_markers.remove(marker)
    for i, mark in enumerate(wanted):
        name = mark.name + OURS
        if i >= len(have):
            scene.timeline_markers.new(name, frame=mark.frame)
        elif (have[i].frame, have[i].name) != (mark.frame, name):
            have[i].frame, have[i].name = mark.frame, name
    _read[scene.name] = state(scene)


def markers(scene: bpy.types.Scene) -> list[bpy.types.TimelineMarker]:
    """Our markers: those that bear our sign, and, where it was lost in renaming, or a marker was added by Blender's own
    means, those that did not stand there before and bear the name of an emotion."""
    from ..core.mood_marks import speaks

    others = {tuple(other) for other in json.loads(scene.faceanim.emotion.marked or "{}").get("others", ())}
    return [
        m for m in scene.timeline_markers
        if m.name.endswith(OURS) or ((m.frame, m.name) not in others and m.camera is None and speaks(m.name))
    ]  # fmt: skip


def read_markers(scene: bpy.types.Scene) -> bool:
    """The list as our markers say; whether that changed it. No marker is touched. Raises InputError."""
    from ..core import mood_marks
    from ..core.marks import Scale

    told = json.loads(scene.faceanim.emotion.marked)
    found: list[Mark] = [mood_marks.Mark(m.frame, m.name) for m in markers(scene)]
    scale, before = Scale(told["fps"], told["first"]), of(scene)
    end = facts(scene.faceanim).get("seconds") or scale.seconds(scene.frame_end)
    _read[scene.name] = state(scene)
    now = mood_marks.moods(found, before, max([end, *(m.end for m in before)]), scale)
    if now == before:
        return False
    put(scene, now)
    return True


def state(scene: bpy.types.Scene) -> tuple:
    return tuple((m.frame, m.name) for m in scene.timeline_markers)


# markers that are moved take effect at once -----------------------------------------------------------------------

_read: dict[str, tuple] = {}
"""Scene to its markers as they were read or written last."""


def watch() -> None:
    """Looks at the markers from time to time, as long as any are shown."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_poll):
        bpy.app.timers.register(_poll, first_interval=POLL_S, persistent=True)


def _poll() -> float | None:
    shown = [scene for scene in bpy.data.scenes if scene.faceanim.emotion.marked]
    windows = bpy.context.window_manager.windows
    if not any(getattr(window, "modal_operators", ()) for window in windows):  # nothing is being dragged
        for scene in shown:
            if look(scene):
                bpy.ops.ed.undo_push(message="Emotion Markers")
    return POLL_S if shown else None


def look(scene: bpy.types.Scene) -> bool:
    """Reads the scene's markers where they were changed since they were read or written; whether that changed anything.

    What stands there at the first look, or after undo, is taken as read.
    """
    from ..errors import FaceanimError
    from .operators import told

    now = state(scene)
    if _read.setdefault(scene.name, now) == now or not scene.faceanim.live:
        return False
    try:
        changed = read_markers(scene)
    except FaceanimError as error:
        scene.faceanim.last_error = told(error)
        return False
    if changed:
        rebake(scene)
    return changed


@bpy.app.handlers.persistent
def _forget(*_) -> None:
    """After undo, redo and loading: what stands there goes together."""
    _read.clear()
    if any(scene.faceanim.emotion.marked for scene in bpy.data.scenes):
        watch()


HANDLERS = ("undo_post", "redo_post", "load_post")


def register() -> None:
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).append(_forget)


def unregister() -> None:
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).remove(_forget)
    if bpy.app.timers.is_registered(_poll):
        bpy.app.timers.unregister(_poll)
    _read.clear()
    _made.clear()
