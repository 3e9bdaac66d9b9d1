"""What the buttons of the Export panel do."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty
from bpy_extras.io_utils import ExportHelper

from . import moods
from .operators import _Reporting, absolute, missing_for_export, read_take, sound_of

PRESETS = [
    ("plain", "Plain", "As Blender writes it"),
    ("unreal", "Unreal", "In centimetres, so that no bone is scaled; with smoothing groups"),
    ("unity", "Unity", "In metres, so that no object is scaled"),
]
USD_KINDS = [
    (".usdc", "Binary", "One binary file"),
    (".usda", "Text", "One text file"),
    (".usdz", "Package", "One file with its textures"),
]


class _Export(_Reporting, ExportHelper):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = missing_for_export(context.scene.faceanim)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context, settings):
        from . import scene as scenes

        written = self.write(context, settings, scenes.character([settings.character]), Path(self.filepath))
        files = written if isinstance(written, list) else [self.filepath]
        self.report({"INFO"}, f"Wrote {', '.join(map(str, files))}")

    def write(self, context, settings, character, path):
        from . import export

        return export.WRITERS[self.filename_ext](path, character)


class FACEANIM_OT_export_fbx(_Export, bpy.types.Operator):
    """The character with its face animation as FBX, for Unreal, Unity and others"""

    bl_idname = "faceanim.export_fbx"
    bl_label = "Export FBX"
    filename_ext = ".fbx"

    preset: EnumProperty(name="For", items=PRESETS)

    def write(self, context, settings, character, path):
        from . import export

        export.fbx(path, character, preset=self.preset)


class FACEANIM_OT_export_glb(_Export, bpy.types.Operator):
    """The character with its face animation as glTF, for Godot, the web and others"""

    bl_idname = "faceanim.export_glb"
    bl_label = "Export glTF"
    filename_ext = ".glb"


class FACEANIM_OT_export_usd(_Export, bpy.types.Operator):
    """The character with its face animation as USD, a UsdSkel skeleton with blend shapes"""

    bl_idname = "faceanim.export_usd"
    bl_label = "Export USD"

    kind: EnumProperty(name="File", items=USD_KINDS)

    @property
    def filename_ext(self) -> str:
        return self.kind


class FACEANIM_OT_export_abc(_Export, bpy.types.Operator):
    """Every vertex at every frame as Alembic, where keys and bones are not all that moves the character"""

    bl_idname = "faceanim.export_abc"
    bl_label = "Export Alembic"
    filename_ext = ".abc"


class FACEANIM_OT_export_mdd(_Export, bpy.types.Operator):
    """Every vertex at every frame as MDD point caches, one file a mesh, for programs that do not read Alembic"""

    bl_idname = "faceanim.export_mdd"
    bl_label = "Export MDD"
    filename_ext = ".mdd"


class FACEANIM_OT_export_csv(_Export, bpy.types.Operator):
    """The mixed channels as Live Link Face CSV"""

    bl_idname = "faceanim.export_csv"
    bl_label = "Export Live Link CSV"
    filename_ext = ".csv"

    def write(self, context, settings, character, path):
        from .. import pipeline
        from ..formats import livelink

        livelink.write(pipeline.channels(moods.take_of(context.scene), settings.style()), path)


class FACEANIM_OT_preview(_Export, bpy.types.Operator):
    """Render the clip quickly as a video with sound"""

    bl_idname = "faceanim.preview"
    bl_label = "Render Preview"
    filename_ext = ".mp4"

    def write(self, context, settings, character, path):
        from . import preview

        preview.render(path, context.scene, sound_of(read_take(absolute(settings.take))))


CLASSES = (
    FACEANIM_OT_export_fbx,
    FACEANIM_OT_export_glb,
    FACEANIM_OT_export_usd,
    FACEANIM_OT_export_abc,
    FACEANIM_OT_export_mdd,
    FACEANIM_OT_export_csv,
    FACEANIM_OT_preview,
)
