"""The part of the panel that shows and edits what drives what."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from .operators import _Reporting, rebake
from .panel import _message, _Panel

SHOWN = 8
"""So many reasons are shown in the panel; the rest are counted."""


def edited(scene: bpy.types.Scene) -> None:
    """After a row was changed: it is the character's own mapping from now on, and baked."""
    from . import mappings
    from . import scene as scenes

    settings = scene.faceanim
    if settings.get("mapping_quiet") or settings.character is None:
        return
    character = scenes.character([settings.character])
    mappings.keep(character, mappings.shown(settings, mappings.of(character)[0]))
    _rebaked(scene)


def refresh(settings) -> None:
    """The rows and the reasons of the chosen character."""
    from ..errors import FaceanimError
    from . import contacts, mappings
    from . import scene as scenes

    settings.mapping_reasons = ""
    try:
        character = scenes.character([settings.character]) if settings.character else None
        mappings.show(settings, mappings.of(character)[0] if character else None)
        if character:
            proposal = contacts.propose(character)
            driven = {row.channel for row in settings.mapping_rows}
            controls = {row.control for row in settings.mapping_rows}
            settings.mapping_reasons = json.dumps({
                "channels": {c: why for c, why in proposal.unmapped.items() if c not in driven},
                "keys": {k: why for k, why in proposal.unused.items() if k not in controls},
            })  # fmt: skip
    except FaceanimError:
        mappings.show(settings, None)  # character_note says why


def _rebaked(scene: bpy.types.Scene) -> None:
    from . import operators

    operators.forget()
    rebake(scene)


class _OfCharacter(_Reporting):
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene.faceanim.character is None:
            cls.poll_message_set("Choose a character")
            return False
        return True

    def character(self, settings):
        from . import scene as scenes

        return scenes.character([settings.character])

    def kept(self, context, settings, character, mapping) -> None:
        from . import mappings

        mappings.keep(character, mapping)
        refresh(settings)
        _rebaked(context.scene)


class FACEANIM_OT_mapping_load(_OfCharacter, ImportHelper, bpy.types.Operator):
    """Drive this character by a mapping from a file"""

    bl_idname = "faceanim.mapping_load"
    bl_label = "Load Mapping"
    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def work(self, context, settings):
        from ..core.files import input_file
        from ..formats import mapping as files
        from . import mappings

        character = self.character(settings)
        mapping, notes = mappings.fitted(files.read(input_file(Path(self.filepath), "mapping")), character.rig)
        self.kept(context, settings, character, mapping)
        self.report({"INFO"}, "; ".join([f"{len(mapping.targets)} controls driven", *notes[:3]]))


class FACEANIM_OT_mapping_save(_OfCharacter, ExportHelper, bpy.types.Operator):
    """Write this character's mapping to a file, to keep or to share"""

    bl_idname = "faceanim.mapping_save"
    bl_label = "Save Mapping"
    bl_options = {"REGISTER"}
    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def work(self, context, settings):
        from ..formats import mapping as files
        from . import mappings

        files.write(mappings.of(self.character(settings))[0], Path(self.filepath))
        self.report({"INFO"}, f"Wrote {self.filepath}")


class FACEANIM_OT_mapping_copy(_OfCharacter, bpy.types.Operator):
    """Drive this character by the mapping of another one, as far as it has the same controls"""

    bl_idname = "faceanim.mapping_copy"
    bl_label = "Copy Mapping From"
    bl_property = "source"
    source: bpy.props.StringProperty(name="From", description="An object of the other character")

    def invoke(self, context, event):
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context):
        self.layout.prop_search(self, "source", context.scene, "objects")

    def work(self, context, settings):
        from ..errors import CharacterError
        from . import mappings
        from . import scene as scenes

        other = bpy.data.objects.get(self.source)
        if other is None:
            raise CharacterError(f"there is no object '{self.source}'", "choose an object of the other character")
        mapping, _ = mappings.of(scenes.character([other]))
        character = self.character(settings)
        mapping, notes = mappings.fitted(mapping, character.rig)
        self.kept(context, settings, character, mapping)
        self.report({"INFO"}, "; ".join([f"{len(mapping.targets)} controls driven", *notes[:3]]))


class FACEANIM_OT_mapping_reset(_OfCharacter, bpy.types.Operator):
    """Drive this character as it is proposed"""

    bl_idname = "faceanim.mapping_reset"
    bl_label = "Reset Mapping"

    def work(self, context, settings):
        self.kept(context, settings, self.character(settings), None)


class FACEANIM_OT_mapping_row(_OfCharacter, bpy.types.Operator):
    """Add a row, or remove the active one"""

    bl_idname = "faceanim.mapping_row"
    bl_label = "Add or Remove a Row"
    remove: bpy.props.BoolProperty(options={"HIDDEN"})

    def work(self, context, settings):
        if self.remove:
            settings.mapping_rows.remove(settings.mapping_active)
            settings.mapping_active = max(0, settings.mapping_active - 1)
            edited(context.scene)
        else:
            settings.mapping_rows.add()
            settings.mapping_active = len(settings.mapping_rows) - 1


class FACEANIM_UL_mapping(bpy.types.UIList):
    """A row a weight; the active one is edited beneath, for the sidebar is narrow."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):
        same = item.control == item.channel
        shown = item.control if same else f"{item.control}: {item.channel}"
        layout.label(text=shown if same and item.weight == 1 else f"{shown} {item.weight:.3g}")


class FACEANIM_PT_mapping(_Panel, bpy.types.Panel):
    bl_label = "Mapping"
    bl_parent_id = "FACEANIM_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.faceanim
        if settings.character is None:
            _message(layout, "Choose a character", "INFO")
            return
        row = layout.row()
        row.template_list("FACEANIM_UL_mapping", "", settings, "mapping_rows", settings, "mapping_active", rows=6)
        column = row.column(align=True)
        column.operator("faceanim.mapping_row", text="", icon="ADD").remove = False
        column.operator("faceanim.mapping_row", text="", icon="REMOVE").remove = True
        if 0 <= settings.mapping_active < len(settings.mapping_rows):
            active = settings.mapping_rows[settings.mapping_active]
            column = layout.column(align=True)
            column.use_property_split, column.use_property_decorate = True, False
            for name in ("control", "channel", "weight"):
                column.prop(active, name)
        row = layout.row(align=True)
        row.operator("faceanim.mapping_load", text="Load", icon="IMPORT")
        row.operator("faceanim.mapping_save", text="Save", icon="EXPORT")
        row = layout.row(align=True)
        row.operator("faceanim.mapping_copy", text="Copy From", icon="COPYDOWN")
        row.operator("faceanim.mapping_reset", text="Reset", icon="LOOP_BACK")
        reasons = json.loads(settings.mapping_reasons or "{}")
        for title, table in (("Channels That Nothing Follows", "channels"), ("Keys Left Alone", "keys")):
            self._reasons(layout, title, reasons.get(table, {}))

    def _reasons(self, layout: bpy.types.UILayout, title: str, reasons: dict[str, str]) -> None:
        if not reasons:
            return
        box = layout.box()
        box.label(text=f"{title}: {len(reasons)}")
        column = box.column(align=True)
        for name, why in list(reasons.items())[:SHOWN]:
            column.label(text=f"{name}: {why}")
        if len(reasons) > SHOWN:
            column.label(text=f"and {len(reasons) - SHOWN} more: see `faceanim rig`")


CLASSES = (
    FACEANIM_OT_mapping_load,
    FACEANIM_OT_mapping_save,
    FACEANIM_OT_mapping_copy,
    FACEANIM_OT_mapping_reset,
    FACEANIM_OT_mapping_row,
    FACEANIM_UL_mapping,
    FACEANIM_PT_mapping,
)
