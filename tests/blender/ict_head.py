"""The ICT-FaceKit head as a character: one mesh of all its parts, every expression a shape key, as it comes."""

from pathlib import Path

import bpy
import numpy as np


def build(folder: Path) -> bpy.types.Object:
    """Into an empty scene, from the folder that holds ict_face.npz; z up, looking along -Y."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    data = np.load(folder / "ict_face.npz")
    points = upright(data["neutral"])
    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata(points.tolist(), [], [[int(i) for i in face if i >= 0] for face in data["quads"]])
    face = bpy.data.objects.new("Face", mesh)
    bpy.context.scene.collection.objects.link(face)
    face.shape_key_add(name="Basis")
    for name, delta in zip(data["expression_names"], data["expressions"], strict=True):
        block = face.shape_key_add(name=str(name))
        block.value = 0.0
        block.data.foreach_set("co", (points + upright(delta.astype(np.float32))).ravel())
    return face


def upright(points: np.ndarray) -> np.ndarray:
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


if __name__ == "__main__":
    import sys

    build(Path(sys.argv[1]))
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(sys.argv[2]).resolve()))
