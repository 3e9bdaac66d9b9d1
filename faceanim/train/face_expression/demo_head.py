"""Pictures of the demo head, whose mesh and expressions no training saw, for `faceanim evaluate faces`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.channels import ARKIT
from ...core.files import PRESETS, replacing
from ..face_measures.heads import rotation
from .expressions import Expressions

PICTURES, PIXELS, SAMPLES = 96, 288, 6
TURN = np.array([40.0, 20.0, 15.0])
TO_WORLD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Head space (x left, y up, z out) in Blender's (the character looks along -Y)."""


def render(folder: Path, progress) -> None:
    """0000.jpg ... and truth.npz, of one person."""
    import bpy

    folder.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.open_mainfile(filepath=str(PRESETS / "character" / "head.blend"))
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.max_bounces = "CPU", SAMPLES, 3
    scene.cycles.use_denoising = scene.render.use_persistent_data = True
    scene.render.resolution_x = scene.render.resolution_y = PIXELS
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format, scene.render.image_settings.quality = "JPEG", 92
    draw = np.random.default_rng(21)
    sided = tuple(name.replace("Left", "_L").replace("Right", "_R") if _has_side(name) else name for name in ARKIT)
    doubled = tuple(n for name in sided for n in ((f"{name}_L", f"{name}_R") if name in BOTH else (name,)))
    expressions = Expressions(tuple(n for n in doubled if n != "tongueOut"))
    rows = []
    for k in range(PICTURES):
        pose = np.radians(draw.uniform(-1, 1, 3) * TURN)
        gaze = np.tile(draw.normal(0, [0.2, 0.14]).clip(-0.4, 0.4), 2)
        weights = expressions.rest(draw) if k % 12 == 0 else expressions.one(draw)
        if k % 12 == 0:
            pose, gaze, weights = 0.2 * pose, 0 * gaze, 0 * weights
        rows.append((expressions.look(weights, gaze, draw), gaze, pose))
    names = expressions.names
    with replacing(folder / "truth.npz") as temporary:
        weights, gazes, poses = (np.array(column) for column in zip(*rows, strict=True))
        np.savez(temporary, names=np.array(names), weights=weights, gaze=gazes, pose=np.degrees(poses),
                 identity=np.zeros(PICTURES, int))  # fmt: skip
    for k, (weights, gaze, pose) in enumerate(rows):
        path = folder / f"{k:04d}.jpg"
        if path.exists():
            continue
        progress(k, PICTURES)
        _show(dict(zip(names, weights, strict=True)), gaze, pose)
        with replacing(path) as temporary:
            scene.render.filepath = str(temporary)
            bpy.ops.render.render(write_still=True)


BOTH = ("browInnerUp", "cheekPuff")


def _has_side(name: str) -> bool:
    return name.endswith(("Left", "Right")) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")


def _show(weights: dict[str, float], gaze: np.ndarray, pose: np.ndarray) -> None:
    import bpy
    from mathutils import Matrix

    for mesh in (o.data for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys):
        for key in mesh.shape_keys.key_blocks:
            name = key.name
            if name in BOTH:
                key.value = float(weights[f"{name}_L"])
            elif name in ARKIT and name != "tongueOut":
                short = name.replace("Left", "_L").replace("Right", "_R") if _has_side(name) else name
                key.value = float(weights[short])
    rig = bpy.data.objects["Rig"]
    head = rotation(*pose)
    for bone, turn in (
        ("head", head), ("eye.L", head @ rotation(*gaze[:2], 0.0)), ("eye.R", head @ rotation(*gaze[2:], 0.0))
    ):  # fmt: skip
        pose_bone = rig.pose.bones[bone]
        world = TO_WORLD @ turn @ TO_WORLD.T
        rest = pose_bone.bone.matrix_local
        bpy.context.view_layer.update()
        place = Matrix.Translation(pose_bone.matrix.to_translation())
        pose_bone.matrix = place @ Matrix(world.tolist()).to_4x4() @ rest.to_3x3().to_4x4()
        bpy.context.view_layer.update()
