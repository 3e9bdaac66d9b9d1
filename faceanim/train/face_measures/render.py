"""Pictures of the planned faces by Cycles, on the processor, without a window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...core.files import replacing
from ...errors import InputError
from .heads import Head
from .plan import Truth

PIXELS, SAMPLES = 320, 6
SHADES = (1.0, 0.85, 0.55, 0.35, 1.15)
"""Of the skin, by identity."""
SKIN, NECK = (0.72, 0.45, 0.34), (0.5, 0.32, 0.25)
COLOURS = {
    "M_Face": SKIN, "M_BackHead": NECK, "M_GumsTongue": (0.5, 0.15, 0.15), "M_Teeth": (0.85, 0.82, 0.75),
    "M_ScleraLeft": (0.9, 0.88, 0.86), "M_IrisLeft": (0.13, 0.08, 0.04), "pupil": (0.04, 0.03, 0.02),
    "M_EyeLashes": (0.04, 0.03, 0.02), "brow": (0.1, 0.06, 0.04), "lip": (0.6, 0.22, 0.2),
}  # fmt: skip
OTHER = (0.5, 0.5, 0.5)
LIGHTS = (((60, 60, 80), 90000), ((-70, 20, 60), 40000))
"""Where they stand (cm) and their power."""


def render(head: Head, truth: Truth, folder: Path, progress: Callable[[int, int], None]) -> list[Path]:
    """0000.jpg ... in `folder`, one a row of `truth`, which stands beside them as truth.npz.

    Pictures that are there already stay, so that a stopped run goes on; InputError where they are of another plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _keep(truth, folder / "truth.npz")
    paths = [folder / f"{k:04d}.jpg" for k in range(len(truth.identity))]
    missing = [k for k, path in enumerate(paths) if not path.exists()]
    if missing:
        studio = Studio(head)
        for done, k in enumerate(missing):
            progress(done, len(missing))
            with replacing(paths[k]) as temporary:
                studio.picture(truth.identity[k], truth.weights[k], truth.gaze[k], truth.pose[k], temporary)
    return paths


def _keep(truth: Truth, path: Path) -> None:
    arrays = {"identity": truth.identity, "weights": truth.weights, "gaze": truth.gaze, "pose": truth.pose}
    if truth.times is not None:
        arrays["times"] = truth.times
    if path.exists():
        old = np.load(path)
        rows = min(len(old["identity"]), len(truth.identity))
        if not all(np.allclose(old[name][:rows], values[:rows], atol=1e-6) for name, values in arrays.items()):
            raise InputError(f"{path.parent} holds renders of another plan", "name an empty folder with --renders")
        if rows == len(truth.identity):
            return
    with replacing(path) as temporary:
        np.savez(temporary, names=np.array(truth.names), **arrays)


class Studio:
    """A scene with one head, two lights and a camera."""

    def __init__(self, head: Head):
        import bpy
        from mathutils import Vector

        self._head = head
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device, scene.cycles.samples, scene.cycles.max_bounces = "CPU", SAMPLES, 2
        scene.cycles.use_denoising = scene.render.use_persistent_data = True
        scene.render.resolution_x = scene.render.resolution_y = PIXELS
        scene.render.image_settings.file_format, scene.render.image_settings.quality = "JPEG", 90
        scene.view_settings.view_transform = "Standard"

        self._mesh = mesh = bpy.data.meshes.new("Head")
        mesh.from_pydata(head.neutral.tolist(), [], head.triangles.tolist())
        mesh.polygons.foreach_set("material_index", head.material.astype(np.int32))
        mesh.polygons.foreach_set("use_smooth", np.ones(len(head.triangles), bool))
        self._colours = {name: self._material(name) for name in head.materials}
        self._object = bpy.data.objects.new("Head", mesh)

        lens = bpy.data.cameras.new("Camera")
        lens.sensor_width, lens.clip_end = 36, 1000
        self._camera = scene.camera = bpy.data.objects.new("Camera", lens)
        lamps = []
        for place, watts in LIGHTS:
            light = bpy.data.lights.new("Light", "AREA")
            light.energy, light.size = watts, 40
            lamps.append(bpy.data.objects.new("Light", light))
            lamps[-1].location = place
            lamps[-1].rotation_euler = Vector(place).to_track_quat("Z", "Y").to_euler()
        for made in (self._object, self._camera, *lamps):
            scene.collection.objects.link(made)
        scene.world = bpy.data.worlds.new("World")
        scene.world.use_nodes = True
        self._backdrop, strength = scene.world.node_tree.nodes["Background"].inputs[:2]
        strength.default_value = 0.6

    def _material(self, name: str):
        import bpy

        material = bpy.data.materials.new(name)
        material.use_nodes = True
        inputs = material.node_tree.nodes["Principled BSDF"].inputs
        inputs["Base Color"].default_value = (*COLOURS.get(name, OTHER), 1)
        inputs["Roughness"].default_value = 0.55
        self._mesh.materials.append(material)
        return inputs["Base Color"]

    def picture(self, identity: int, weights: np.ndarray, gaze: np.ndarray, pose: np.ndarray, path: Path) -> None:
        """One row of a Truth; its camera, skin and backdrop go with the identity."""
        import bpy

        points = self._head.vertices(int(identity), weights, gaze, pose)
        self._mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
        self._mesh.update()
        self._object.update_tag()
        draw = np.random.default_rng(int(identity))
        focal = draw.uniform(28, 60)
        self._camera.data.lens = focal
        self._camera.location = (draw.uniform(-3, 3), draw.uniform(-2, 2), 34 * focal / 36 * 1.05 * 1.1)
        skin = tuple(SHADES[identity % len(SHADES)] * np.array(SKIN))
        for name in ("M_Face", "M_BackHead"):
            self._colours[name].default_value = (*skin, 1)
        self._backdrop.default_value = (*draw.uniform(0.2, 0.8, 3), 1)
        self._scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
