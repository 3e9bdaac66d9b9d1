"""The part of the panel for emotions, and for what else is made from the voice."""

import bpy

from ..core.emotion import LABELS
from . import moods
from .emotion import STRENGTH_PREFIX
from .mood_operators import LAYERS
from .panel import _message, _Panel

SHOWN, LEAST = 3, 0.08
"""So many heard emotions are shown, if they have that share."""


class FACEANIM_UL_moods(bpy.types.UIList):
    """The chosen emotions, one a row."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):
        row = layout.split(factor=0.45)
        row.label(text=f"{item.label.capitalize()} {item.strength:.0%}")
        seconds = moods.facts(context.scene.faceanim).get("seconds", item.end)
        outside = item.start >= seconds or item.end <= item.start
        row.label(text=f"{item.start:.2f} - {item.end:.2f} s", icon="ERROR" if outside else "NONE")


class FACEANIM_PT_emotion(_Panel, bpy.types.Panel):
    bl_label = "Emotion"
    bl_parent_id = "FACEANIM_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.faceanim
        self._heard(layout, settings)
        self._models(layout, settings)
        column = layout.column()
        column.prop(settings.emotion, "heard")
        column.prop(settings.emotion, "intensity")
        self._chosen(layout, settings.emotion)
        self._markers(layout, settings)

    def _heard(self, layout: bpy.types.UILayout, settings) -> None:
        facts = moods.facts(settings)
        heard, read, seen = (
            [(label, share) for label, share in facts.get(name, ()) if share >= LEAST]
            for name in ("heard", "read", "seen")
        )
        if not heard and not seen:
            text = "No emotion was heard: choose one below" if settings.take else "Analyze a clip, or choose a take"
            _message(layout, text, "INFO")
            return
        for title, shares in (("Heard in the Voice", heard), ("Seen in the Face", seen)):
            if not shares:
                continue
            column = layout.column(align=True)
            column.label(text=title)
            for label, share in shares[:SHOWN]:
                column.progress(factor=share, text=f"{label.capitalize()} {share:.0%}")
        if read:
            layout.label(text="Words: " + ", ".join(f"{label} {share:.0%}" for label, share in read[:2]))

    def _models(self, layout: bpy.types.UILayout, settings) -> None:
        """Which networks the take was made with, of those that do not allow every use."""
        if names := moods.facts(settings).get("restricted"):
            _message(layout, f"Not free for commercial use: {', '.join(names)}", "INFO")

    def _chosen(self, layout: bpy.types.UILayout, emotion) -> None:
        layout.label(text="Chosen")
        row = layout.row()
        row.template_list("FACEANIM_UL_moods", "", emotion, "moods", emotion, "active", rows=3)
        buttons = row.column(align=True)
        buttons.operator("faceanim.add_mood", text="", icon="ADD")
        buttons.operator("faceanim.remove_mood", text="", icon="REMOVE")
        if emotion.active < len(emotion.moods):
            mood = emotion.moods[emotion.active]
            column = layout.column()
            for name in ("label", "strength", "start", "end"):
                column.prop(mood, name)

    def _markers(self, layout: bpy.types.UILayout, settings) -> None:
        column = layout.column(align=True)
        row = column.row(align=True)
        if settings.emotion.marked:
            row.operator("faceanim.hide_mood_markers", icon="HIDE_OFF")
            row.operator("faceanim.read_mood_markers", text="", icon="FILE_REFRESH")
        else:
            row.operator("faceanim.show_mood_markers", icon="MARKER")
        column.operator("faceanim.heard_to_moods", icon="SPEAKER")
        row = column.row(align=True)
        row.operator("faceanim.import_moods", icon="IMPORT")
        row.operator("faceanim.export_moods", icon="EXPORT")


class FACEANIM_PT_emotion_tune(_Panel, bpy.types.Panel):
    bl_label = "Tune Emotion"
    bl_parent_id = "FACEANIM_PT_emotion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        emotion = context.scene.faceanim.emotion
        column = layout.column(align=True)
        for label in LABELS:
            column.prop(emotion, STRENGTH_PREFIX + label)
        column = layout.column()
        for name in ("contrast", "at_most", "text_weight", "accents", "micro"):
            column.prop(emotion, name)


class FACEANIM_PT_anew(_Panel, bpy.types.Panel):
    bl_label = "Make Anew"
    bl_parent_id = "FACEANIM_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.faceanim
        drawn = moods.facts(settings).get("drawn")
        if drawn is None:
            _message(layout, "Analyze a clip, or choose a take", "INFO")
            return
        column = layout.column(align=True)
        for layer, name, _ in LAYERS:
            row = column.row(align=True)
            row.enabled = layer == "emotion" or layer in drawn
            row.prop(settings.emotion, f"seed_{layer}", text=name)
            row.operator("faceanim.remake", text="", icon="FILE_REFRESH").layer = layer
        if len(drawn) < len(LAYERS) - 1:
            _message(layout, "What the video shows is not made up", "INFO")


CLASSES = (
    FACEANIM_UL_moods,
    FACEANIM_PT_emotion,
    FACEANIM_PT_emotion_tune,
    FACEANIM_PT_anew,
)
