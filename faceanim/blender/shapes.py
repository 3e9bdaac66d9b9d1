"""What a character's keys do, as arrays in a file: `python -m faceanim.blender.shapes FILE OUT.npz`.

For measurements outside Blender: `points`, `edges`, `names`, and of the key NUMBER `which_NUMBER`, `delta_NUMBER`
(retarget.lips.Surface).
"""

from __future__ import annotations

import sys

import bpy
import numpy as np

from . import contacts, scene


def main(path: str, output: str) -> None:
    scene.open_file(path)
    surface = contacts.shapes(scene.character(bpy.context))
    parts = {}
    for number, (which, delta) in enumerate(surface.deltas.values()):
        parts[f"which_{number}"], parts[f"delta_{number}"] = which, delta
    names = np.array(list(surface.deltas))
    np.savez(output, points=surface.points, edges=surface.edges, names=names, **parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
