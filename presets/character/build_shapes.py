"""The demo head as the reference that face shapes are made from: shapes.npz beside this file.

    python presets/character/build_shapes.py      # needs the bpy wheel and mediapipe

Run it after head.blend was built anew. Skin, eyes, lashes, brows, teeth and tongue with ARKit's keys, in head space,
and the landmarks that the face landmarker finds on it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy

from faceanim.blender import heads, scene
from faceanim.core.channels import ARKIT
from faceanim.engine.shapes import landmarker
from faceanim.formats import heads as files
from faceanim.shapes.head import Solid
from faceanim.shapes.landmarks import seen

HERE = Path(__file__).parent
LEFT_OUT = ("Hair", "Shirt")


def main() -> None:
    scene.open_file(HERE / "head.blend")
    meshes = [m for m in scene.character(bpy.context).meshes if m.name not in LEFT_OUT]
    head = heads.read(meshes, {name: name for name in ARKIT})
    with landmarker() as find:
        head = replace(head, landmarks=seen(Solid(head), find))
    files.write(head, HERE / "shapes.npz", half=True)


if __name__ == "__main__":
    main()
