"""Create Face Shapes: keys on a head that has none. The engine makes them; here they are shown, kept or taken away."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from bpy.types import Object

from ..core.channels import CHANNELS
from ..core.files import input_file
from ..errors import CharacterError, FormatError
from ..formats import heads as files
from . import heads, scene

if TYPE_CHECKING:
    import argparse

PLAIN = "ict_face.npz"
"""References that are no character files end in this one's suffix."""


def reference_file(path: Path, folder: Path) -> Path:
    """The file of a reference head for the engine: an .npz as it is, of a character file what its keys are.

    It replaces what is open. Raises CharacterError where no key of it is known.
    """
    if path.suffix.lower() == Path(PLAIN).suffix:
        return input_file(path, "reference head", FormatError)
    from . import contacts

    scene.open_file(path)
    character = scene.character(bpy.context)
    targets = contacts.propose(character).mapping.targets
    channels = {name: next(iter(t.weights)) for name, t in targets.items() if len(t.weights) == 1}
    head = heads.read(character.meshes, {n: c for n, c in channels.items() if c in CHANNELS})
    if not head.keys:
        raise CharacterError(f"{path.name} has no face shape keys", "give a character that has ARKit's keys")
    output = folder / "reference.npz"
    files.write(replace(head, landmarks={}), output)
    return output


def picked(path: Path, turn: np.ndarray) -> dict[str, np.ndarray]:
    """Landmarks of a JSON file, {name: [x, y, z]} in Blender's world, in head space. Raises FormatError."""
    try:
        found = json.loads(input_file(path, "landmarks", FormatError).read_text("utf-8"))
        points = {str(name): np.array(place, float) for name, place in found.items()}
        if any(p.shape != (3,) or not np.isfinite(p).all() for p in points.values()):
            raise ValueError("a point has three numbers")
    except (ValueError, AttributeError, TypeError) as error:
        form = '{"nose_tip": [0.0, -0.1, 1.6], ...}'
        raise FormatError(f"{path} holds no landmarks: {error}", f"it is JSON such as {form} in world space") from error
    return {name: point @ turn for name, point in points.items()}


def command(args: argparse.Namespace) -> dict[str, Any]:
    """`faceanim shapes`: open a character, make its keys, save it."""
    from ..engine.client import run_blocking
    from ..engine.messages import Shapes
    from .commands import save

    with tempfile.TemporaryDirectory(prefix="faceanim-") as name:
        folder = Path(name)
        reference = reference_file(args.reference, folder) if args.reference else None
        opened = scene.open_file(args.character)
        meshes = heads.meshes_of(_chosen(opened, args.object))
        head = heads.read(meshes)
        if args.landmarks:
            turn = scene.axes(scene.armature_of(meshes[0]))
            head = replace(head, landmarks={**head.landmarks, **picked(args.landmarks, turn)})
        files.write(head, folder / "head.npz")
        job = Shapes(str(folder / "head.npz"), str(folder / "made.npz"), reference and str(reference.absolute()))
        result = run_blocking(job, args.progress)
        made = heads.add_keys(meshes, files.read(result["path"]))
    save(args.output)
    report = dict(result["report"])
    return {"path": str(args.output), "made": made, "landmarks": sorted(head.landmarks), **report,
            "told": lines(report)}  # fmt: skip


def _chosen(opened: bpy.types.Scene, name: str | None) -> Object:
    """The object of that name, else the mesh that is named like a face or a head, else the one with most vertices."""
    meshes = [o for o in opened.objects if o.type == "MESH" and len(o.data.polygons)]
    if name is not None:
        thing = opened.objects.get(name)
        if thing is None:
            raise CharacterError(f"there is no object '{name}'", f"there are: {', '.join(m.name for m in meshes)}")
        return thing
    if not meshes:
        raise CharacterError("the file has no mesh", "choose a file with a head")
    return max(meshes, key=lambda m: (any(w in m.name.lower() for w in ("face", "head")), len(m.data.vertices)))


# -- the panel's buttons ----------------------------------------------------------------------------------------------


def begin(thing: Object, python: Path, scene_name: str) -> None:
    """Read the head and hand it to the engine; when it is done the keys are added and the report is shown."""
    from ..engine.messages import Shapes
    from . import jobs

    folder = Path(tempfile.mkdtemp(prefix="faceanim-", dir=bpy.app.tempdir or None))
    meshes = heads.meshes_of(thing)
    names = [mesh.name for mesh in meshes]
    files.write(heads.read(meshes), folder / "head.npz")

    def done(result: dict) -> None:
        opened = bpy.data.scenes.get(scene_name)
        there = [bpy.data.objects.get(name) for name in names]
        if opened is None or None in there:
            raise CharacterError("the meshes have changed meanwhile", "create the face shapes again")
        made = heads.add_keys(there, files.read(result["path"]))
        report = {key: value for key, value in result["report"].items() if key != "keys"}
        opened.faceanim.shapes_made = json.dumps({"made": made, "report": report})
        opened.faceanim.shapes_shown = ""
        if not bpy.app.background:
            bpy.ops.ed.undo_push(message="Create Face Shapes")

    jobs.run(Shapes(str(folder / "head.npz"), str(folder / "made.npz")), python, done)


def made_of(settings: Any) -> dict[str, Any]:
    """What waits to be kept: {"made": mesh to keys, "report": see shapes.measure.report}, {} where nothing does."""
    return json.loads(settings.shapes_made) if settings.shapes_made else {}


def show(made: Mapping[str, list[str]], name: str) -> None:
    """One key at its full value, the others at rest; "": all at rest. mouthClose closes an open jaw."""
    together = {name, "jawOpen"} if name == "mouthClose" else {name}
    for mesh, keys in made.items():
        thing = bpy.data.objects.get(mesh)
        shapes = thing.data.shape_keys if thing else None
        for key in keys:
            if shapes and key in shapes.key_blocks:
                shapes.key_blocks[key].value = float(key in together)


def lines(report: Mapping[str, Any]) -> list[str]:
    """A report in words, for the panel and the command."""
    found = [f"the reference lies {report['fit_percent']:.1f} % of the eyes' distance off the face on average"]
    found += [f"eyeBlink{side} leaves {gap:.1%} of the eye open" for side, gap in report["lids"].items()]
    if report["lips"] is not None:
        found.append(f"mouthClose on jawOpen leaves {report['lips']:.1%} of the mouth open")
    return found

