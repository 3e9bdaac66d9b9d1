"""The panel's face in a video: its rest at the current frame, and the making of its actor preset."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ExportHelper

from .operators import _Reporting, missing_for_analysis, start_analysis
from .panel import _button, _Panel


class FACEANIM_OT_neutral_here(bpy.types.Operator):
    """The face is at rest at the current frame"""

    bl_idname = "faceanim.neutral_here"
    bl_label = "At the Current Frame"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        settings = scene.faceanim
        fps = scene.render.fps / scene.render.fps_base
        start = settings.span_start if settings.use_span else 0.0
        settings.face.use_neutral = True
        settings.face.neutral = max(0.0, start + (scene.frame_current - settings.frame_start) / fps)
        return {"FINISHED"}


class FACEANIM_OT_make_actor(_Reporting, ExportHelper, bpy.types.Operator):
    """Analyze the clip, and keep how its face rests as a preset for other videos of this person"""

    bl_idname = "faceanim.make_actor"
    bl_label = "Make Actor"
    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = missing_for_actor(context.scene.faceanim)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context, settings):
        start_analysis(context.scene, Path(self.filepath))


def missing_for_actor(settings) -> str:
    """Why no actor can be made, "" if one can."""
    if not settings.video:
        return "Choose a video of the face"
    return missing_for_analysis(settings)


class FACEANIM_PT_face(_Panel, bpy.types.Panel):
    bl_label = "Face in the Video"
    bl_parent_id = "FACEANIM_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.scene.faceanim.video)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.faceanim
        face = settings.face
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(face, "use_point")
        if face.use_point:
            column.prop(face, "point")
        column.prop(face, "actor")
        if not face.actor:
            column.prop(face, "use_neutral")
            if face.use_neutral:
                column.prop(face, "neutral")
            column.operator("faceanim.neutral_here", icon="KEYFRAME")
        _button(column, "faceanim.make_actor", missing_for_actor(settings), icon="USER")
        column.prop(face, "use_late")
        if face.use_late:
            column.prop(face, "late")


CLASSES = (FACEANIM_OT_neutral_here, FACEANIM_OT_make_actor, FACEANIM_PT_face)
