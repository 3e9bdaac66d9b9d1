"""Registration, in order, and unregistration in reverse."""

from __future__ import annotations

import bpy

from . import (
    emotion_panel,
    export_operators,
    face_panel,
    jobs,
    mapping_panel,
    mood_operators,
    moods,
    operators,
    panel,
    phones,
    preferences,
    properties,
    shapes_panel,
    transcripts,
)  # fmt: skip

CLASSES = (
    *properties.CLASSES,
    *preferences.CLASSES,
    *operators.CLASSES,
    *export_operators.CLASSES,
    *transcripts.CLASSES,
    *panel.CLASSES,
    *face_panel.CLASSES,
    *mapping_panel.CLASSES,
    *mood_operators.CLASSES,
    *emotion_panel.CLASSES,
    *phones.CLASSES,
    *shapes_panel.CLASSES,
)

_command = None


def register() -> None:
    global _command
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.faceanim = bpy.props.PointerProperty(type=properties.FaceanimScene)
    moods.register()
    _command = bpy.utils.register_cli_command("faceanim", _run_command)


def unregister() -> None:
    global _command
    if _command is not None:
        bpy.utils.unregister_cli_command(_command)
        _command = None
    moods.unregister()
    jobs.stop()
    del bpy.types.Scene.faceanim
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)


def _run_command(argv: list[str]) -> int:
    """`blender --background X.blend --command faceanim …`: the same commands as `python -m faceanim`."""
    import os

    from ..cli import main

    python = preferences.engine_python()
    if python is not None:
        os.environ["FACEANIM_PYTHON"] = str(python)
    return main(argv)
