"""The engine's Python: chosen by the user, or an environment made with a button."""

import os
from pathlib import Path

import bpy
from bpy.props import StringProperty

from . import jobs
from .package import BASE


class FaceanimPreferences(bpy.types.AddonPreferences):
    bl_idname = BASE

    python: StringProperty(
        name="Python",
        subtype="FILE_PATH",
        description="A Python 3.10 to 3.13 that has faceanim's packages. Leave empty to use the environment made here",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text="Analysis runs in a process of its own, with its own Python.")
        column = layout.column(align=True)
        found = engine_python()
        column.label(
            text=f"Engine: {found}" if found else "There is no engine yet: make its environment, or choose a Python",
            icon="CHECKMARK" if found else "ERROR",
        )
        layout.prop(self, "python")
        job = jobs.setup
        if job.running:
            row = layout.row()
            row.progress(factor=job.fraction, text=job.stage)
            row.operator("faceanim.cancel_setup", text="", icon="X")
        else:
            row = layout.row()
            row.operator("faceanim.create_environment", icon="IMPORT")
            row.operator("faceanim.check_engine", icon="VIEWZOOM")
        if not bpy.app.online_access:
            text = "Making it downloads packages: allow online access in Preferences, System"
            layout.label(text=text, icon="INTERNET_OFFLINE")
        for line in filter(None, (job.error, job.hint, job.note)):
            layout.label(text=line, icon="ERROR" if line == job.error else "INFO")


def preferences() -> "FaceanimPreferences | None":
    addon = bpy.context.preferences.addons.get(BASE)
    return addon.preferences if addon else None


def environment_folder() -> Path | None:
    """Where the engine's environment and the caches live: an update of the extension leaves it alone."""
    try:
        return Path(bpy.utils.extension_path_user(BASE, path="engine", create=False))
    except (ValueError, AttributeError):  # not installed as an extension: a checkout or a test
        return None


def engine_python() -> Path | None:
    """The Python that analysis runs in: $FACEANIM_PYTHON, else the choice, else the environment made here."""
    named = os.environ.get("FACEANIM_PYTHON")
    if named:
        return Path(named)
    chosen = preferences()
    if chosen is not None and chosen.python:
        return Path(bpy.path.abspath(chosen.python))
    folder = environment_folder()
    if folder is None:
        return None
    from ..engine import environment

    return environment.python_in(folder)


CLASSES = (FaceanimPreferences,)
