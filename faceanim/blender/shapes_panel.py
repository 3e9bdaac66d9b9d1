"""The part of the panel that makes face shapes: made, looked at, kept or discarded."""

from __future__ import annotations

import bpy

from . import jobs
from .operators import _Reporting
from .panel import _button, _message, _Panel
from .preferences import engine_python


def missing_for_shapes(context: bpy.types.Context) -> str:
    """Why Create Face Shapes cannot start, "" if it can."""
    if jobs.analysis.running:
        return "The engine is at work"
    if context.scene.faceanim.shapes_made:
        return "Keep or discard the last ones first"
    if context.active_object is None or context.active_object.type not in {"MESH", "ARMATURE"}:
        return "Make the head the active object"
    if engine_python() is None:
        return "The engine is not set up: see the add-on's preferences"
    return ""


class FACEANIM_OT_create_shapes(_Reporting, bpy.types.Operator):
    """Make ARKit's shape keys on a head that has none, from those of the demo head. The face looks along -Y. Where it
    is not found, or not well, pick landmarks: empties or vertex groups with names such as nose_tip, chin, mouth.L"""

    bl_idname = "faceanim.create_shapes"
    bl_label = "Create Face Shapes"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = missing_for_shapes(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context, settings):
        from . import face_shapes as shapes

        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        shapes.begin(context.active_object, engine_python(), context.scene.name)


class _Deciding(_Reporting, bpy.types.Operator):
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.scene.faceanim.shapes_made)


class FACEANIM_OT_keep_shapes(_Deciding):
    """Keep the shape keys that were made, and choose the head as the character"""

    bl_idname = "faceanim.keep_shapes"
    bl_label = "Keep"

    def work(self, context, settings):
        from . import face_shapes as shapes

        made = shapes.made_of(settings)["made"]
        shapes.show(made, "")
        settings.shapes_made = ""
        thing = next((bpy.data.objects[name] for name in made if name in bpy.data.objects), None)
        if thing is not None:
            settings.character = thing
        self.report({"INFO"}, f"Kept {len({key for keys in made.values() for key in keys})} face shapes")


class FACEANIM_OT_discard_shapes(_Deciding):
    """Take away the shape keys that were made"""

    bl_idname = "faceanim.discard_shapes"
    bl_label = "Discard"

    def work(self, context, settings):
        from . import face_shapes as shapes
        from . import heads

        heads.remove_keys(shapes.made_of(settings)["made"])
        settings.shapes_made = ""


class FACEANIM_PT_shapes(_Panel, bpy.types.Panel):
    bl_label = "Face Shapes"
    bl_parent_id = "FACEANIM_PT_main"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        from . import face_shapes as shapes

        layout = self.layout
        settings = context.scene.faceanim
        waiting = shapes.made_of(settings)
        if not waiting:
            _button(layout, "faceanim.create_shapes", missing_for_shapes(context), icon="SHAPEKEY_DATA")
            return
        report, made = waiting["report"], waiting["made"]
        count = len({key for keys in made.values() for key in keys})
        _message(layout, f"{count} shapes were made on {', '.join(made)}", "SHAPEKEY_DATA")
        for line in shapes.lines(report):
            _message(layout, line, "DOT")
        for note in report["notes"]:
            _message(layout, note, "ERROR")
        first = next((bpy.data.objects[name] for name in made if name in bpy.data.objects), None)
        if first is not None and first.data.shape_keys:
            layout.prop_search(settings, "shapes_shown", first.data.shape_keys, "key_blocks", text="Look At")
        row = layout.row(align=True)
        row.operator("faceanim.keep_shapes", icon="CHECKMARK")
        row.operator("faceanim.discard_shapes", icon="TRASH")


CLASSES = (FACEANIM_OT_create_shapes, FACEANIM_OT_keep_shapes, FACEANIM_OT_discard_shapes, FACEANIM_PT_shapes)
