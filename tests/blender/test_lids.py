"""Lids that meet on the character's own mesh where the source's do."""

from argparse import Namespace
from dataclasses import replace

import bpy
import numpy as np
import pytest

from faceanim import pipeline
from faceanim.blender import bake as baking
from faceanim.blender import baked, commands, contacts, mappings, scene
from faceanim.core.files import PRESETS
from faceanim.core.mapping import Mapping
from faceanim.core.style import Style
from faceanim.core.take import Take
from faceanim.core.track import Track
from faceanim.formats import takes
from faceanim.retarget import lids
from faceanim.retarget.apply import apply

LEFT = {"eyeBlink": 1.0, "eyeLookDown": 0.5}, {"eyeBlink": 0.85}, {"eyeBlink": 1.0, "eyeWide": 0.5, "eyeSquint": 0.1}


@pytest.fixture(scope="module")
def head():
    scene.open_file(PRESETS / "character" / "head.blend")
    character = scene.character(bpy.context)
    mapping, _ = mappings.of(character)
    return mapping, contacts.surface(character, mapping)


def opening(surface, mapping, track):
    """How far the middle of the left eye is open, over what it is at rest, on every frame, on the mesh."""
    upper, lower = lids.find(surface, mapping)[0].pairs[3]
    gaps = []
    for values in track.values:
        moved = surface.points + lids.displacement(surface, dict(zip(track.channels, values, strict=True)))
        gaps.append(moved[upper, 1] - moved[lower, 1])
    return np.array(gaps) / (surface.points[upper, 1] - surface.points[lower, 1])


def test_both_eyes_are_found_and_shut(head):
    mapping, surface = head
    found = lids.find(surface, mapping)
    assert [eye.side for eye in found] == ["Left", "Right"]
    assert all(abs(eye.shut) < 0.05 and f"eyeBlink{eye.side}" in eye.controls for eye in found)


@pytest.mark.parametrize("shown", LEFT)
def test_shut_lids_meet_and_do_not_cross(head, shown):
    mapping, surface = head
    source = Track.from_columns(30, {f"{name}Left": np.array([value], np.float32) for name, value in shown.items()})
    out = lids.meet(apply(source, mapping), source, mapping, lids.find(surface, mapping))
    assert -0.12 < opening(surface, mapping, out)[0] < 0.06


def test_a_mapping_that_hardly_shuts_the_eye_does(head):
    mapping, surface = head
    target = replace(mapping.targets["eyeBlinkLeft"], gain=0.75)
    weak = Mapping(targets=dict(mapping.targets) | {"eyeBlinkLeft": target})
    source = Track.from_columns(30, {"eyeBlinkLeft": np.linspace(0, 1, 31, dtype=np.float32)})
    driven = apply(source, weak)
    out = lids.meet(driven, source, weak, lids.find(surface, weak))
    assert opening(surface, weak, driven)[-1] > 0.2 and abs(opening(surface, weak, out)[-1]) < 0.03
    blink = out.column("eyeBlinkLeft")
    # half shut is as it was, and it goes on without a jump
    assert np.allclose(blink[:19], driven.column("eyeBlinkLeft")[:19], atol=1e-6)
    assert (np.diff(blink) > -1e-6).all() and np.diff(blink).max() < 0.15


def test_a_face_whose_blink_shuts_nothing_has_none(head):
    mapping, surface = head
    other = Mapping(targets={"jawOpen": mapping.targets["jawOpen"]})
    assert lids.find(surface, other) == ()
    wrong = Mapping(targets={"mouthSmileLeft": replace(mapping.targets["mouthSmileLeft"], weights={"eyeBlinkLeft": 1})})
    assert lids.find(surface, wrong) == ()


# -- lids that bones move ---------------------------------------------------------------------------------------------

SHARE = 0.5
"""Of what the lids' bones do, the skin takes on no more."""
RIMS = {"lid.T": (0.0361, -0.0746, 0.2194), "lid.B": (0.0361, -0.0749, 0.2013)}


@pytest.fixture(scope="module")
def boned(tmp_path_factory):
    """The demo head as a file, with a bone a lid in place of the keys of its lids."""
    scene.open_file(PRESETS / "character" / "head.blend")
    mesh, rig = bpy.data.objects["Head"], bpy.data.objects["Rig"]
    keys = mesh.data.shape_keys.key_blocks
    basis = contacts.coordinates(keys["Basis"].data)
    bpy.context.view_layer.objects.active = rig
    for side, sign in (("Left", 1), ("Right", -1)):
        for lid, key, way in (("lid.T", f"eyeBlink{side}", -1), ("lid.B", f"eyeSquint{side}", 1)):
            moved = (way * (contacts.coordinates(keys[key].data) - basis)[:, 2]).clip(0)
            bone_name = f"{lid}.{side[0]}"
            group = mesh.vertex_groups.new(name=bone_name)
            for v, part in enumerate((SHARE * moved / moved.max()).tolist()):
                if part > 0.01:
                    group.add([v], part, "REPLACE")
                    mesh.vertex_groups["head"].add([v], part, "SUBTRACT")
            bpy.ops.object.mode_set(mode="EDIT")
            bone, (x, y, z) = rig.data.edit_bones.new(bone_name), RIMS[lid]
            bone.head, bone.tail = (sign * x, y, z), (sign * x, y - 0.01, z)
            bone.parent = rig.data.edit_bones["head"]
            bpy.ops.object.mode_set(mode="OBJECT")
        for name in ("eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown", "cheekSquint"):
            for part in (o for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys):
                if (key := part.data.shape_keys.key_blocks.get(name + side)) is not None:
                    part.shape_key_remove(key)
    path = tmp_path_factory.mktemp("boned") / "boned.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def test_bones_go_as_far_as_the_skin_of_the_lids_takes(boned, tmp_path):
    blink = np.array([0, 0, 0.5, 0.5, 1, 1, 1, 0, 0, 0, 0.9, 0.9, 0.3, 0, 0], np.float32).repeat(4)
    left = {"eyeBlinkLeft": blink, "eyeSquintLeft": 0.2 * blink}
    shown = Track.from_columns(60.0, {**left, "eyeBlinkRight": np.zeros_like(blink)})
    take = Take(60.0, shown.frames, {"expression": shown})
    takes.write(take, tmp_path / "a.faceanim")
    more = {"object": None, "mapping": None, "style": None}
    output = tmp_path / "out.blend"
    commands.bake(Namespace(take=tmp_path / "a.faceanim", character=boned, output=output, fps=30.0, **more))
    report = baked.verify(output, tmp_path / "a.faceanim")
    assert [(e["kind"], e["side"], e["passed"]) for e in report["events"]] == [("lids", "Left", True)] * 2
    assert report["lids_cross"] == 0 and report["failed"] == 0
    found = baked.measured(output)
    opening = dict(zip((eye.side for eye in found.eyes), (o.mean(1) for o in found.opening), strict=True))
    assert np.abs(opening["Right"] - opening["Right"][0]).max() < 0.03
    assert 0.35 < opening["Left"][6] < 0.65, "half shut is half shut"


def test_lids_that_bones_leave_open_are_missed(boned, tmp_path):
    blink = np.array([0, 0, 1, 1, 1, 0, 0], np.float32).repeat(6)
    shown = Track.from_columns(60.0, {f"eyeBlink{side}": blink for side in ("Left", "Right")})
    take = Take(60.0, shown.frames, {"expression": shown})
    takes.write(take, tmp_path / "a.faceanim")
    opened = scene.open_file(boned)
    character = scene.character(bpy.context)
    curves = pipeline.curves(take, mappings.of(character)[0], Style(), 30.0)
    baking.bake(character, curves, baking.set_rate(opened, 30.0), opened.frame_start)
    commands.save(tmp_path / "open.blend")
    report = baked.verify(tmp_path / "open.blend", tmp_path / "a.faceanim")
    assert report["failed"] == len(report["events"]) == 2 and all(e["value"] > 0.3 for e in report["events"])
