"""How long registering, baking and transfer with contacts take: `python -m faceanim.blender.timing [TAKE]` prints one
line of JSON, seconds each; those of the transfer are the processor's.

A process of its own whose top imports nothing of ours, so that registering counts every import that Blender would make
at its start.
"""

from __future__ import annotations

import json
import sys
import time

import bpy
import numpy as np

FRAMES = 3600
FPS = 60.0


def register_seconds() -> float:
    from . import register, unregister

    started = time.perf_counter()
    register()
    seconds = time.perf_counter() - started
    unregister()
    return seconds


def mesh_with_keys() -> bpy.types.Object:
    """One mesh with the 52 face keys, each of which moves it."""
    from ..core.channels import ARKIT

    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    thing = bpy.data.objects.new("Face", mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.shape_key_add(name="Basis")
    for name in ARKIT:
        thing.shape_key_add(name=name).data[0].co = (0, 0, 1)
    return thing


def face_curves() -> list:
    """Curves with a key on every frame of every face channel, with slopes."""
    from ..core.channels import ARKIT
    from ..core.curve import Curve

    times = np.arange(FRAMES) / FPS
    angles = 2 * np.pi * times * np.linspace(0.5, 3.0, len(ARKIT))[:, None]
    slopes = np.gradient(0.5 + 0.5 * np.sin(angles), times, axis=1)
    values = 0.5 + 0.5 * np.sin(angles)
    return [Curve(name, times, v, s, s) for name, v, s in zip(ARKIT, values, slopes, strict=True)]


def bake_seconds(tries: int = 3) -> tuple[float, int]:
    """The fastest bake of the open scene's character, and how many keys it wrote."""
    from . import bake, scene

    character, curves, seconds = scene.character(bpy.context), face_curves(), []
    for _ in range(tries):
        bake.clear(character)
        started = time.perf_counter()
        report = bake.bake(character, curves, FPS, 1)
        seconds.append(time.perf_counter() - started)
    return min(seconds), report.keys


def transfer_seconds(take: str, tries: int = 3) -> float:
    """The fastest way of a take to the controls of the open scene's character at FPS, contacts held on its mesh."""
    from .. import pipeline
    from ..core.style import Style
    from ..formats import takes
    from . import contacts, mappings, scene

    character = scene.character(bpy.context)
    mapping, _ = mappings.of(character)
    touching, known, seconds = contacts.touching(character, mapping), takes.read(take), []
    for _ in range(tries):
        started = time.process_time()
        pipeline.controls(known, mapping, Style(), FPS, *touching)
        seconds.append(time.process_time() - started)
    return min(seconds)


def main(take: str | None = None) -> None:
    result: dict[str, float] = {"register": register_seconds()}
    from ..core.files import PRESETS

    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh_with_keys()
    result["bake"], result["keys"] = bake_seconds()
    head = PRESETS / "character" / "head.blend"
    if head.exists():
        bpy.ops.wm.open_mainfile(filepath=str(head))
        result["bake_head"], result["keys_head"] = bake_seconds()
        if take:
            result["transfer_head"] = transfer_seconds(take)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
