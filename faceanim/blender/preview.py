"""A quick look at a clip: an MP4 with sound, by Workbench where a GL context can be had, else by Cycles."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Image, Node, NodeTree, Object, Scene
from mathutils import Matrix

from ..core.channels import GROUPS
from ..core.files import replacing
from ..core.rig import parse_control
from ..errors import CharacterError, OutputError
from . import animation, contacts, scene
from .bake import add_sound

SIZE = 480
"""Pixels of the longer side."""
CYCLES_SAMPLES = 4
_PROBE = (
    "import bpy; r = bpy.context.scene.render; r.engine = 'BLENDER_WORKBENCH'; r.resolution_x = r.resolution_y = 8; "
    "bpy.ops.render.render(); print('it renders', bpy.data.images['Render Result'].size[0] >= 0)"
)


@dataclass(frozen=True)
class Preview:
    """path, the engine that rendered, frames, and what would make it quicker, "" if nothing."""

    path: str
    engine: str
    frames: int
    hint: str = ""


def render(path: str | Path, scene_: Scene, sound: str | Path | None = None) -> Preview:
    """Render a scene's frame range as H.264 and AAC in an MP4.

    sound   a file that begins with the range, for a scene without sound strips
    The scene's own camera is used, else one before the face. Raises OutputError.
    """
    engine = "BLENDER_WORKBENCH" if has_gl() else "CYCLES"
    with _stage(scene_, engine, sound) as stage, replacing(path) as temporary:
        stage.render.filepath = str(temporary.resolve())
        try:
            bpy.ops.render.render(animation=True, scene=stage.name)
        except RuntimeError as error:
            raise OutputError(f"{path} was not rendered: {error}") from error
        if not temporary.stat().st_size:
            raise OutputError(f"{path} was not rendered", "see what Blender says in its console")
    hint = "" if engine != "CYCLES" else (
        "rendered by Cycles, as no GL context can be had: on Linux without a screen, Mesa's EGL makes it quicker "
        "(apt-get install libegl1 libgl1-mesa-dri libgles2)"
    )  # fmt: skip
    return Preview(str(path), engine, scene_.frame_end - scene_.frame_start + 1, hint)


@lru_cache(maxsize=1)
def has_gl() -> bool:
    """Whether Workbench renders here; asked of another process where there is no window, since it may crash."""
    if not bpy.app.background:
        return True
    if bpy.app.binary_path:
        command = [bpy.app.binary_path, "--background", "--factory-startup", "--python-expr", _PROBE]
    else:
        command = [sys.executable, "-c", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"it renders" in done.stdout


@contextmanager
def _stage(original: Scene, engine: str, sound: str | Path | None) -> Iterator[Scene]:
    """A copy of the scene with settings of its own; what it needs beside is removed afterwards."""
    kept = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "cameras", "worlds", "sounds")}
    stage = original.copy()
    try:
        _output(stage)
        stage.render.engine = engine
        stage.render.use_compositing = False
        if stage.camera is None:
            stage.camera = _camera(stage)
            stage.render.resolution_x = stage.render.resolution_y = SIZE
        _small(stage)
        if engine == "CYCLES":
            _cycles(stage)
        if sound is not None and not _sound_strips(stage):
            add_sound(stage, sound, stage.frame_start)
        with _workbench(stage) if engine == "BLENDER_WORKBENCH" else nullcontext():
            yield stage
    finally:
        bpy.data.scenes.remove(stage)
        for kind, blocks in kept.items():
            collection = getattr(bpy.data, kind)
            for block in [block for block in collection if block not in blocks]:
                collection.remove(block)


def _output(stage: Scene) -> None:
    image = stage.render.image_settings
    if hasattr(image, "media_type"):  # Blender 5
        image.media_type = "VIDEO"
    image.file_format = "FFMPEG"
    ffmpeg = stage.render.ffmpeg
    ffmpeg.format, ffmpeg.codec, ffmpeg.constant_rate_factor = "MPEG4", "H264", "MEDIUM"
    ffmpeg.audio_codec, ffmpeg.audio_bitrate = "AAC", 128
    ffmpeg.gopsize = 12
    stage.render.use_overwrite = True
    stage.frame_step = 1


def _small(stage: Scene) -> None:
    """At most SIZE pixels; H.264 wants even sides."""
    render = stage.render
    width, height = (side * render.resolution_percentage / 100 for side in (render.resolution_x, render.resolution_y))
    scale = min(1.0, SIZE / max(width, height))
    render.resolution_percentage = 100
    render.resolution_x, render.resolution_y = (max(4, 2 * round(side * scale / 2)) for side in (width, height))


@contextmanager
def _workbench(stage: Scene) -> Iterator[None]:
    """Materials show their colours meanwhile."""
    shading = stage.display.shading
    shading.light, shading.show_specular_highlight = "STUDIO", False
    if stage.world is None:
        _world(stage, 0.2)
    stage.display.render_aa = "5"
    stage.view_settings.view_transform = "Standard"
    # Workbench shows the active image of a material, which need not be its colour
    changed: dict[NodeTree, Node | None] = {}
    cut_out: set[Image] = set()
    for tree in (m.node_tree for o in stage.objects for m in getattr(o.data, "materials", ()) if m and m.node_tree):
        image = colour_image(tree)
        if image and tree.library is None:
            changed.setdefault(tree, tree.nodes.active)
            tree.nodes.active = image
            # nor does it cut out what glTF's importer has made see-through in the shader alone
            if image.outputs["Alpha"].is_linked and image.image.alpha_mode == "CHANNEL_PACKED":
                cut_out.add(image.image)
                image.image.alpha_mode = "STRAIGHT"
    shading.color_type = "TEXTURE" if changed else "MATERIAL"
    try:
        yield
    finally:
        for tree, node in changed.items():
            tree.nodes.active = node
        for image in cut_out:
            image.alpha_mode = "CHANNEL_PACKED"


def colour_image(tree: NodeTree) -> Node | None:
    """The image behind the base colour of a material, else any."""
    shaders = [n for n in tree.nodes if "Base Color" in n.inputs] or [n for n in tree.nodes if n.type == "EMISSION"]
    waiting = [link.from_node for n in shaders[:1] for link in n.inputs[0].links]
    for _ in range(len(tree.nodes)):
        if not waiting:
            break
        node = waiting.pop(0)
        if node.type == "TEX_IMAGE" and node.image:
            return node
        waiting += [link.from_node for socket in node.inputs for link in socket.links]
    return next((n for n in tree.nodes if n.type == "TEX_IMAGE" and n.image), None)


def _cycles(stage: Scene) -> None:
    stage.cycles.device = "CPU"
    stage.cycles.samples, stage.cycles.use_denoising = CYCLES_SAMPLES, False
    stage.render.use_persistent_data = True
    stage.cycles.max_bounces, stage.cycles.transparent_max_bounces = 1, 4
    if not any(o.type == "LIGHT" for o in stage.objects):
        _world(stage, 0.8)
        stage.view_settings.view_transform = "Standard"


def _world(stage: Scene, grey: float) -> None:
    stage.world = bpy.data.worlds.new("faceanim preview")
    stage.world.color = (grey, grey, grey)
    for node in stage.world.node_tree.nodes if stage.world.node_tree else ():
        if node.type == "BACKGROUND":
            node.inputs["Color"].default_value = (grey, grey, grey, 1.0)


def _sound_strips(stage: Scene) -> bool:
    editor = stage.sequence_editor
    strips = (editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all) if editor else ()
    return any(strip.type == "SOUND" for strip in strips)


def _camera(stage: Scene) -> Object:
    """A camera before the face: what shape keys, or else bones, move of it fills two thirds of the picture."""
    keyed = [o for o in stage.objects if o.type == "MESH" and o.data.shape_keys]
    baked = [o for o in keyed if animation.clip_span(o.data.shape_keys)]
    try:
        character = scene.character(baked or stage.objects)
    except CharacterError as error:
        raise OutputError("there is neither a camera nor a face to look at", "add a camera") from error
    points = np.concatenate([_moved_points(mesh) for mesh in character.keyed] or [_boned_points(character)])
    if not len(points):
        raise OutputError("there is neither a camera nor a face to look at", "add a camera")
    left, up, out = contacts.axes(character).T
    low, high = (np.percentile(points @ np.stack([left, up, out], 1), q, axis=0) for q in (0.5, 99.5))
    size = max(high[0] - low[0], high[1] - low[1], 1e-3)
    centre = np.stack([left, up, out], 1) @ ((low + high) / 2)
    data = bpy.data.cameras.new("faceanim preview")
    data.lens, data.sensor_width = 85.0, 36.0
    distance = 1.5 * size * data.lens / data.sensor_width + (high[2] - low[2]) / 2
    data.clip_start, data.clip_end = distance / 100, distance * 100
    camera = bpy.data.objects.new("faceanim preview", data)
    place = np.eye(4)
    # a camera looks along its own -Z, so seen from it the character's left is on the right
    place[:3, :3] = np.stack([left, up, out], 1)
    place[:3, 3] = centre + out * distance
    camera.matrix_world = Matrix(place)
    stage.collection.objects.link(camera)
    return camera


def _moved_points(mesh: Object) -> np.ndarray:
    """World positions (V, 3), as they are shown, of the vertices that any key moves."""
    base = _positions(mesh.data.vertices)
    moved = np.zeros(len(base), bool)
    for block in mesh.data.shape_keys.key_blocks[1:]:
        moved |= np.abs(_positions(block.data) - base).max(1) > 1e-5
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    shown = _positions(evaluated.data.vertices)
    points = shown[moved] if len(shown) == len(base) and moved.any() else shown
    world = np.array(evaluated.matrix_world)
    return points @ world[:3, :3].T + world[:3, 3]


def _boned_points(character: scene.Character) -> np.ndarray:
    """World positions (N, 3) at rest of what the mouth's bones move most, and of the other bones of the face."""
    mapping = contacts.propose(character).mapping
    face = contacts.surface(character, mapping, np.eye(3))
    points = [np.zeros((0, 3))]
    for which, delta in face.deltas.values():
        far = np.linalg.norm(delta, axis=1)
        points.append(face.points[which[far > 0.2 * far.max()]])
    for name, target in mapping.targets.items():
        control = parse_control(name)
        if control and not set(target.weights) <= set(GROUPS["head"]):
            armature = bpy.data.objects[character.rig.bone(control.bone).armature]
            place = armature.matrix_world @ armature.data.bones[control.bone].head_local
            points.append(np.array(place)[None])
    return np.concatenate(points)


def _positions(points: object) -> np.ndarray:
    flat = np.empty(3 * len(points), np.float32)
    points.foreach_get("co", flat)
    return flat.reshape(-1, 3)
