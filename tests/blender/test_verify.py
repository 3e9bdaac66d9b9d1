"""Contacts on the baked mesh: they hold on characters of every kind, and what does not is told."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import bpy
import ict_head
import numpy as np
import pytest

from faceanim import pipeline
from faceanim.blender import bake as baking
from faceanim.blender import baked as contacts_baked
from faceanim.blender import commands, contacts
from faceanim.blender import scene as scenes
from faceanim.core.mapping import Mapping, Target
from faceanim.core.speech import Speech
from faceanim.core.style import Style
from faceanim.core.take import Phone, Take
from faceanim.errors import CharacterError, InputError
from faceanim.formats import takes
from faceanim.retarget import gaps, names
from faceanim.solve.speech import solve

FPS = 30.0


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    """Three seconds of "pabama fova sisha", and quicker."""
    phones, now = [], 0.3
    for ipa, length in zip("pabamɑfovaʃisabimufepaza" * 2, np.tile([0.11, 0.09, 0.07, 0.12], 12), strict=True):
        phones.append(Phone(now, now + length, ipa, 0.9))
        now += length
        now += 0.2 if len(phones) == 24 else 0.0
    lips = solve(Speech(tuple(phones)), now + 0.3, 60.0)
    path = tmp_path_factory.mktemp("take") / "a.faceanim"
    takes.write(Take(60.0, lips.frames, {"lips": lips}, tuple(phones)), path)
    return path


def baked(character, take, folder, style=None, fps=FPS):
    output = folder / "out.blend"
    more = {"object": None, "mapping": None, "style": style}
    commands.bake(Namespace(take=take, character=character, output=output, fps=fps, **more))
    return output


def verify(*words):
    command = [sys.executable, "-m", "faceanim", "verify", *map(str, words)]
    return subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)


def checked(report):
    missed = [event for event in report["events"] if not event["passed"]]
    assert not missed and report["failed"] == 0, missed
    assert report["penetrations"] == report["lids_cross"] == 0, (report["penetrations_s"], report["lids_cross_s"])
    assert {event["kind"] for event in report["events"]} == {"lips", "teeth", "jaw"}
    assert report["passed"] == len(report["events"]) >= 20


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_demo_head(demo_blend, take, tmp_path, fps):
    report = contacts_baked.verify(baked(demo_blend, take, tmp_path, fps=fps), take)
    checked(report)
    assert report["notes"] == []
    for event in report["events"]:
        assert set(event) == {"time_s", "phone", "kind", "value", "limit", "passed"}


def test_a_style_that_leads_the_sound(demo_blend, take, tmp_path):
    style = tmp_path / "early.json"
    style.write_text('{"schema": "faceanim/style/1", "name": "early", "lead_s": 0.15}')
    output = baked(demo_blend, take, tmp_path, style)
    assert contacts_baked.verify(output, take)["failed"] > 0
    run = verify(output, take, "--style", style, "--json", tmp_path / "report.json")
    assert run.returncode == 0, run.stderr
    checked(json.loads((tmp_path / "report.json").read_text()))


def test_vroid(data, take, tmp_path):
    """Visemes instead of a jaw, and a mesh that its armature carries far from where it was made."""
    checked(contacts_baked.verify(baked(data / "characters" / "vroid_plain.glb", take, tmp_path), take))


@pytest.fixture
def ict(data, tmp_path):
    ict_head.build(data / "ict_facekit")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "ict.blend"))
    return tmp_path / "ict.blend"


def test_ict_head(ict, take, tmp_path):
    """All parts in one mesh, 26,719 vertices."""
    checked(contacts_baked.verify(baked(ict, take, tmp_path), take))


@pytest.mark.parametrize("turn", [(0, 0, np.pi / 2), (0.2, 0, 2.0)])
def test_a_head_without_armature_that_looks_elsewhere(ict, take, tmp_path, turn):
    """To its left, and aslant: the keys tell it."""
    scenes.open_file(ict)
    bpy.data.objects["Face"].rotation_euler = turn
    bpy.ops.wm.save_as_mainfile(filepath=str(ict))
    checked(contacts_baked.verify(baked(ict, take, tmp_path), take))


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.2, 0.3, 0.4)])
def test_a_rig_that_is_scaled_unevenly(demo_blend, take, tmp_path, turn):
    """By its own object, and by a parent that shears it as well."""
    scenes.open_file(demo_blend)
    rig, above = bpy.data.objects["Rig"], bpy.data.objects.new("Above", None)
    bpy.context.scene.collection.objects.link(above)
    rig.parent, rig.rotation_euler = above, turn
    (above if any(turn) else rig).scale = (1.0, 2.0, 0.5)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "uneven.blend"))
    report = contacts_baked.verify(baked(tmp_path / "uneven.blend", take, tmp_path), take)
    checked(report)
    assert report["notes"] == []


def test_the_lips_of_the_ict_head_are_its_own(data, ict):
    """What geometry finds is what the landmarks of the model name."""
    known = np.load(data / "ict_facekit" / "ict_face.npz")
    scenes.open_file(ict)
    character = scenes.character(bpy.context)
    mouth = contacts.mouth_of(character, names.propose(character.rig).mapping)
    inner = known["neutral"][known["landmarks68"][[61, 62, 63, 65, 66, 67]]]
    for side, marks in ((mouth.upper, inner[:3]), (mouth.lower, inner[3:])):
        far = np.linalg.norm(mouth.points[side][None] - marks[:, None], axis=2).min(1)
        assert far.max() < 0.05 * mouth.width
    corners = known["neutral"][known["landmarks68"][[60, 64]], 0]
    assert mouth.width == pytest.approx(np.ptp(corners), rel=0.2)


def test_a_jaw_bone_that_opens_the_mouth(demo_blend, take, tmp_path):
    """No key of the mouth at all, on a character that stands turned and scaled and is shown subdivided."""
    scenes.open_file(demo_blend)
    head, rig = bpy.data.objects["Head"], bpy.data.objects["Rig"]
    blocks = head.data.shape_keys.key_blocks
    sinks = contacts.coordinates(blocks["Basis"].data)[:, 2] - contacts.coordinates(blocks["jawOpen"].data)[:, 2]
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("jaw")
    parent = rig.data.edit_bones["head"]
    bone.parent, bone.head = parent, parent.head
    bone.tail = bone.head + (parent.tail - parent.head)
    bpy.ops.object.mode_set(mode="OBJECT")
    for thing in (o for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys):
        for block in list(thing.data.shape_keys.key_blocks[1:]):
            if block.name.startswith(("jaw", "mouth", "cheekPuff")):
                thing.shape_key_remove(block)
    weights = sinks / sinks.max()
    group = head.vertex_groups.new(name="jaw")
    for i in np.flatnonzero(weights > 0.01):
        group.add([int(i)], float(weights[i]), "REPLACE")
        for other in head.vertex_groups:
            if other.name == "head":
                other.add([int(i)], float(1 - weights[i]), "REPLACE")
    head.modifiers.new("finer", "SUBSURF")
    rig.rotation_euler, rig.scale, rig.location = (0.0, 0.0, 0.8), (2.0, 2.0, 2.0), (1.0, 2.0, 3.0)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "jaw.blend"))
    assert "bone:jaw:rot_x" in names.propose(scenes.character(bpy.context).rig).mapping.targets
    report = contacts_baked.verify(baked(tmp_path / "jaw.blend", take, tmp_path), take)
    assert [e for e in report["events"] if e["kind"] == "lips" and not e["passed"]] == []
    assert report["penetrations"] == 0
    assert max(e["value"] for e in report["events"] if e["kind"] == "jaw") > 0.01, "the jaw is seen to move"


@pytest.mark.parametrize("close, crossing", [(0.3, False), (2.5, True)])
def test_a_bake_that_misses_fails(demo_blend, take, tmp_path, close, crossing):
    scene = scenes.open_file(demo_blend)
    character = scenes.character(bpy.context)
    known = takes.read(take)
    lips = known.layers["lips"]
    values = lips.values.copy()
    open_, shut = lips.index("jawOpen"), lips.index("mouthClose")
    values[:, open_] += 0.2
    values[:, shut] = np.clip(values[:, shut] + 0.2, 0, values[:, open_])
    known = known.with_layer("lips", lips.with_values(values))
    mapping = names.propose(character.rig).mapping
    curves = pipeline.curves(known, mapping, Style(), FPS)
    wrong = [c if c.control != "mouthClose" else type(c)(c.control, c.times, close * c.values) for c in curves]
    baking.bake(character, wrong, baking.set_rate(scene, FPS), scene.frame_start)
    commands.save(tmp_path / "wrong.blend")
    run = verify(tmp_path / "wrong.blend", take, "--json")
    report = json.loads(run.stdout)
    assert report["penetrations"] > 0 if crossing else report["failed"] > 5
    assert run.returncode == 1 and "\nhint: " in run.stderr


def test_what_cannot_be_verified_is_told(demo_blend, take, puppet, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "puppet.blend"))
    with pytest.raises(InputError, match="is no .blend"):
        contacts_baked.verify(tmp_path / "puppet.glb", take)
    with pytest.raises(CharacterError, match="was baked"):
        contacts_baked.verify(tmp_path / "puppet.blend", take)
    with pytest.raises(CharacterError, match="no lips"):
        contacts_baked.verify(baked(tmp_path / "puppet.blend", take, tmp_path), take)


def test_a_take_without_phones(demo_blend, take, tmp_path):
    known = takes.read(take)
    silent = tmp_path / "silent.faceanim"
    takes.write(Take(known.fps, known.frames, known.layers), silent)
    output = baked(demo_blend, silent, tmp_path)
    report = contacts_baked.verify(output, silent)
    assert report["events"] == [] and report["failed"] == 0 and "no phones" in report["notes"][-1]
    run = verify(output, silent)
    assert run.returncode == 0 and "0 missed" in run.stdout, run.stderr


def test_eyes_whose_blinks_are_not_looked_at_are_told(demo_blend, take, tmp_path):
    output = baked(demo_blend, take, tmp_path)
    scenes.open_file(output)
    mapping = names.propose(scenes.character(bpy.context).rig).mapping
    targets = {name: target for name, target in mapping.targets.items() if name != "eyeBlinkLeft"}
    targets["mouthSmileLeft"] = Target({"eyeBlinkLeft": 1.0})
    notes = contacts_baked.verify(output, take, Mapping(targets=targets))["notes"]
    assert [note for note in notes if "left eye's blink" in note] and not [n for n in notes if "right eye" in n]


def test_reading_the_mesh_is_what_blender_shows(demo_blend, take, tmp_path):
    """The plain arrays that the correction works on say of every frame what the evaluated mesh says."""
    output = baked(demo_blend, take, tmp_path)
    opened = scenes.open_file(output)
    character = scenes.character(bpy.context)
    mapping = names.propose(character.rig).mapping
    mouth = contacts.mouth_of(character, mapping)
    track = pipeline.controls(takes.read(take), mapping, Style(), FPS, mouth)
    frames = np.arange(opened.frame_start, opened.frame_start + track.frames)
    shown = gaps.measure(mouth, contacts_baked.sample(opened, character, mouth, frames, contacts.space(character))[0])
    solved = gaps.measure(mouth, mouth.posed(track.values[:, [track.index(name) for name in mouth.controls]]))
    for name in ("lips", "teeth", "jaw"):
        assert np.abs(getattr(shown, name) - getattr(solved, name)).max() < 0.02, name
