"""Phones on the timeline: as markers that are moved, renamed, deleted and added like any, and back into the Take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..errors import InputError
from .moods import origin
from .operators import _Reporting, absolute, bake_scene, read_take
from .panel import _button, _message, _Panel

if TYPE_CHECKING:
    from ..core.marks import Mark, Scale
    from ..core.take import Take

OURS = "\u00a0"
"""Ends the names of our markers: a blank that no key types. Blender lets markers have no properties of their own."""
EDITED = ".edited"
MOST = 4000
"""More markers than that make Blender's timeline slow."""


# markers and the scene --------------------------------------------------------------------------------------------


def show(scene: bpy.types.Scene, take: Take) -> int:
    """Puts markers for the phones of the scene's preview range, or of all; returns how many."""
    from ..core.marks import PAUSE, Scale, marks
    from . import bake

    settings = scene.faceanim
    scale = Scale(bake.scene_rate(scene), float(settings.frame_start))
    start, end = 0.0, take.seconds
    if scene.use_preview_range:
        start, end = scale.seconds(scene.frame_preview_start), scale.seconds(scene.frame_preview_end + 1)
    found, span = marks(take.phones, take.seconds, scale, start, end)
    if not found:
        where = "in the preview range" if scene.use_preview_range else "in the take"
        raise InputError(f"There are no phones {where}", "Analyze a recording of a voice, or choose another range")
    if len(found) > MOST:
        raise InputError(f"{len(found)} markers are too many", "Set a preview range (P in the timeline)")
    remove(scene)
    settings.marked = json.dumps({
        "span": span, "fps": scale.fps, "first": scale.first, "of": origin(take),
        "others": [[m.frame, m.name] for m in scene.timeline_markers],
    })  # fmt: skip
    for mark in found:
        add(scene, mark.frame, mark.ipa or PAUSE)
    return len(found)


def add(scene: bpy.types.Scene, frame: int, name: str) -> None:
    scene.timeline_markers.new(name + OURS, frame=frame)


def remove(scene: bpy.types.Scene) -> None:
    """Takes our markers away, renamed ones too; those of the user stay."""
    ours, _ = found_in(scene)
    for marker in ours:
        scene.timeline_markers.remove(marker)
    scene.faceanim.marked = ""


def found_in(scene: bpy.types.Scene) -> tuple[list[bpy.types.TimelineMarker], list[str]]:
    """Our markers, and names that new ones have which are no sound.

    Ours are those that bear our sign, and, where it was lost in renaming, or a marker was added by Blender's own means,
    those on the marked part that did not stand there before and whose name is a sound.
    """
    from ..core.marks import PAUSES, Scale
    from ..core.mood_marks import speaks
    from ..pipeline import read_visemes

    ours, strange, sounds = [], [], read_visemes()
    marked = json.loads(scene.faceanim.marked or "null")
    others = [tuple(other) for other in marked["others"]] if marked else []
    for marker in scene.timeline_markers:
        name = marker.name.strip()
        if marker.name.endswith(OURS):
            ours.append(marker)
        elif marked and (marker.frame, marker.name) not in others and not (marker.camera or speaks(name)):
            scale = Scale(marked["fps"], marked["first"])
            low, high = (scale.frame(t) for t in marked["span"])
            if low <= marker.frame <= high:
                ours.append(marker) if name in PAUSES or sounds.knows(name) else strange.append(marker.name)
    return ours, strange


def read(scene: bpy.types.Scene, take: Take) -> tuple[Take, tuple[tuple[float, float], ...], list[str]]:
    """The Take as our markers say, the spans (s) that are new, and names of markers that were passed over."""
    from ..core.edit import changes
    from ..core.marks import PAUSES, Mark, Scale, marked
    from ..pipeline import respoken

    state: dict[str, Any] = json.loads(scene.faceanim.marked)
    if state["of"] != origin(take):
        raise InputError("The markers are of another take", "Phones to Markers shows the phones of this one")
    scale: Scale = Scale(state["fps"], state["first"])
    ours, strange = found_in(scene)
    names = ((m.frame, m.name.strip()) for m in ours)
    found: list[Mark] = [Mark(frame, "" if name in PAUSES else name) for frame, name in names]
    phones, words = marked(take.phones, take.words, take.seconds, found, tuple(state["span"]), scale)
    spans = changes(take.phones, phones, take.seconds)
    return (respoken(take, phones, words) if spans else take), spans, strange


def edited_path(path: str) -> str:
    """Where the edited take goes: beside the one that the analysis made, which stays."""
    stem = Path(path).stem.removesuffix(EDITED)
    return path[: len(path) - len(Path(path).name)] + f"{stem}{EDITED}.faceanim"


def missing_for_phones(settings) -> str:
    return "" if settings.take else "Analyze a clip, or choose a take"


def missing_for_markers(settings) -> str:
    return missing_for_phones(settings) or ("" if settings.marked else "Phones to Markers first")


# what the buttons do ----------------------------------------------------------------------------------------------


class _PhoneOperator(_Reporting):
    bl_options = {"REGISTER", "UNDO"}
    missing = staticmethod(missing_for_markers)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = cls.missing(context.scene.faceanim)
        if reason:
            cls.poll_message_set(reason)
        return not reason


class FACEANIM_OT_phones_to_markers(_PhoneOperator, bpy.types.Operator):
    """Show every sound, or those of the preview range, as a marker on the timeline where it begins"""

    bl_idname = "faceanim.phones_to_markers"
    bl_label = "Phones to Markers"
    missing = staticmethod(missing_for_phones)

    def work(self, context, settings):
        count = show(context.scene, read_take(absolute(settings.take)))
        self.report({"INFO"}, f"{count} markers; a sound lasts to the next one, _ is a pause")


class FACEANIM_OT_markers_to_phones(_PhoneOperator, bpy.types.Operator):
    """Solve the lips anew where markers were moved, renamed, deleted or added, and bake; all else stays as it is"""

    bl_idname = "faceanim.markers_to_phones"
    bl_label = "Markers to Phones"

    def work(self, context, settings):
        from ..formats import takes

        scene = context.scene
        take, spans, strange = read(scene, read_take(absolute(settings.take)))
        passed = f"; passed over, no sound in IPA: {', '.join(strange[:5])}" if strange else ""
        if not spans:
            self.report({"INFO"}, f"No marker was changed{passed}")
            return
        path = edited_path(settings.take)
        takes.write(take, absolute(path))
        settings.take = path  # a live scene bakes on that
        if settings.baked and not settings.live:
            bake_scene(scene)
        seconds = sum(end - start for start, end in spans)
        self.report({"WARNING" if strange else "INFO"}, f"{seconds:.2f} s are solved anew{passed}")


class FACEANIM_OT_add_phone_marker(_PhoneOperator, bpy.types.Operator):
    """Put a marker for a sound on the current frame"""

    bl_idname = "faceanim.add_phone_marker"
    bl_label = "Add Sound"

    ipa: bpy.props.StringProperty(name="Sound", default="m", description="In IPA, as b, ʃ, aɪ; _ is a pause")

    def invoke(self, context, event):
        return context.window_manager.invoke_props_dialog(self)

    def work(self, context, settings):
        from ..core.marks import PAUSE, PAUSES
        from ..pipeline import read_visemes

        name = self.ipa.strip()
        if name not in PAUSES:
            read_visemes().check(name)
        add(context.scene, context.scene.frame_current, PAUSE if name in PAUSES else name)


class FACEANIM_OT_remove_phone_markers(_PhoneOperator, bpy.types.Operator):
    """Take the markers of sounds away; other markers stay"""

    bl_idname = "faceanim.remove_phone_markers"
    bl_label = "Remove Markers"

    def work(self, context, settings):
        remove(context.scene)


class FACEANIM_PT_phones(_Panel, bpy.types.Panel):
    bl_label = "Phones"
    bl_parent_id = "FACEANIM_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.faceanim
        _button(layout, "faceanim.phones_to_markers", missing_for_phones(settings), icon="MARKER")
        if not settings.marked:
            return
        _message(layout, "Move, rename (F2), delete or add markers, then:", "INFO")
        layout.operator("faceanim.markers_to_phones", icon="FILE_REFRESH")
        row = layout.row(align=True)
        row.operator("faceanim.add_phone_marker", icon="ADD")
        row.operator("faceanim.remove_phone_markers", icon="TRASH")


CLASSES = (
    FACEANIM_OT_phones_to_markers,
    FACEANIM_OT_markers_to_phones,
    FACEANIM_OT_add_phone_marker,
    FACEANIM_OT_remove_phone_markers,
    FACEANIM_PT_phones,
)
