"""The panel in the 3D viewport's sidebar."""

from __future__ import annotations

import textwrap

import bpy

from ..core.channels import GROUPS
from . import jobs
from .operators import missing_for_analysis, missing_for_bake, missing_for_export
from .properties import INTENSITY_PREFIX

WRAP = 36
"""Letters that fit the sidebar at its usual width."""


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "FaceAnim"


def _button(layout: bpy.types.UILayout, operator: str, missing: str, **options: object) -> None:
    """A button and, where it is disabled, what is missing beneath it."""
    row = layout.row()
    row.enabled = not missing
    row.operator(operator, **options)
    if missing:
        _message(layout, missing, "INFO")


def _message(layout: bpy.types.UILayout, text: str, icon: str) -> None:
    column = layout.column(align=True)
    for i, line in enumerate(textwrap.wrap(text, WRAP)):
        column.label(text=line, icon=icon if i == 0 else "BLANK1")


class FACEANIM_PT_main(_Panel, bpy.types.Panel):
    bl_label = "FaceAnim"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.faceanim
        layout.use_property_split = True
        layout.use_property_decorate = False

        column = layout.column()
        column.prop(settings, "character", icon="OUTLINER_OB_ARMATURE")
        if settings.character_note:
            _message(column, settings.character_note, "INFO")
        column.separator()
        column.prop(settings, "audio")
        column.prop(settings, "video")
        row = column.row(align=True)
        row.prop(settings, "transcript")
        row.operator("faceanim.choose_transcript", text="", icon="FILEBROWSER")
        if settings.transcript:
            column.prop(settings, "language")
        column.prop(settings, "use_span")
        if settings.use_span:
            column.prop(settings, "span_start")
            column.prop(settings, "span_end")

        self._analysis(layout.column(), settings)
        self._bake(layout.column(), settings)
        self._errors(layout, settings)

    def _analysis(self, column: bpy.types.UILayout, settings) -> None:
        job = jobs.analysis
        if job.running:
            row = column.row(align=True)
            row.progress(factor=job.fraction, text=f"{job.stage} {job.fraction:.0%}")
            row.operator("faceanim.cancel", text="", icon="X")
            return
        _button(column, "faceanim.analyze", missing_for_analysis(settings), icon="PLAY")
        column.prop(settings, "bake_when_done")

    def _bake(self, column: bpy.types.UILayout, settings) -> None:
        column.separator()
        column.prop(settings, "take")
        column.prop(settings, "frame_start")
        row = column.row(heading="With")
        row.prop(settings, "set_sound", text="Sound")
        row.prop(settings, "set_range", text="Range")
        _button(column, "faceanim.bake", missing_for_bake(settings), icon="KEYFRAME_HLT")

    def _errors(self, layout: bpy.types.UILayout, settings) -> None:
        job = jobs.analysis
        error, _, hint = settings.last_error.partition("\n") if settings.last_error else (job.error, "", job.hint)
        if error:
            box = layout.box()
            _message(box, error, "ERROR")
            if hint:
                _message(box, hint, "INFO")
            box.operator("faceanim.copy_error", icon="COPYDOWN")
        elif job.note:
            _message(layout, job.note, "INFO")


class FACEANIM_PT_tune(_Panel, bpy.types.Panel):
    bl_label = "Tune"
    bl_parent_id = "FACEANIM_PT_main"

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.faceanim, "live", text="", icon="FILE_REFRESH")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.faceanim
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "mouth_from")
        column = layout.column(align=True)
        column.prop(settings, "enunciation", slider=True)
        column.prop(settings, "speech_jaw", slider=True)
        column.prop(settings, "speech_lips", slider=True)
        layout.prop(settings, "intensity", slider=True)
        column = layout.column(align=True)
        for group in GROUPS:
            column.prop(settings, INTENSITY_PREFIX + group, slider=True)
        column = layout.column()
        column.prop(settings, "mirror")
        column.prop(settings, "head_limit")
        column.prop(settings, "smoothing")
        column.prop(settings, "lead")
        column.prop(settings, "tolerance")


class FACEANIM_PT_export(_Panel, bpy.types.Panel):
    bl_label = "Export"
    bl_parent_id = "FACEANIM_PT_main"
    bl_order = 1  # after the phones, which are registered later
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        missing = missing_for_export(context.scene.faceanim)
        column = layout.column(align=True)
        column.enabled = not missing
        column.operator("faceanim.export_fbx", icon="EXPORT")
        column.operator("faceanim.export_glb", icon="EXPORT")
        column.operator("faceanim.export_usd", icon="EXPORT")
        column.operator("faceanim.export_abc", icon="EXPORT")
        column.operator("faceanim.export_mdd", icon="EXPORT")
        column.operator("faceanim.export_csv", icon="EXPORT")
        column.operator("faceanim.preview", icon="RENDER_ANIMATION")
        if missing:
            layout.label(text=missing, icon="INFO")


CLASSES = (FACEANIM_PT_main, FACEANIM_PT_tune, FACEANIM_PT_export)
