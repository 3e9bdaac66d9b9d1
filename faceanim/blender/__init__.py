"""The add-on: what Blender shows and calls. bpy lives here alone; of the rest it imports what needs numpy only."""

from __future__ import annotations


def register() -> None:
    from . import addon

    addon.register()


def unregister() -> None:
    from . import addon

    addon.unregister()
