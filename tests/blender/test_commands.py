"""The commands in Blender: from files to files."""

import json
import time
import wave
from argparse import Namespace
from pathlib import Path

import bpy
import numpy as np
import pytest

from faceanim.blender import commands, preview
from faceanim.blender import scene as scenes
from faceanim.commands import character as character_commands
from faceanim.core.take import Take
from faceanim.core.track import Track
from faceanim.errors import CharacterError, OutputError
from faceanim.formats import takes

FPS = 60.0


needs_sound = pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender is built without sound")


def sound_file(path, seconds=2.0, rate=16000):
    """A click a second in, over silence."""
    samples = np.zeros(int(seconds * rate), np.int16)
    samples[rate : rate + 160] = 20000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture
def take(tmp_path):
    """One second, cut out of a sound file from its first second on: the jaw opens and the head turns."""
    t = np.arange(60) / FPS
    open_ = 0.5 - 0.5 * np.cos(2 * np.pi * 2 * t)
    lips = Track.from_columns(FPS, {"jawOpen": open_, "mouthClose": np.zeros(60)})
    head = Track.from_columns(FPS, {"headYaw": 0.3 * np.sin(2 * np.pi * t)})
    sound = sound_file(tmp_path / "voice.wav")
    provenance = {"inputs": {"audio": {"path": str(sound), "sha256": ""}}, "span": [0.75, 1.75]}
    takes.write(Take(FPS, 60, {"lips": lips, "head": head}, provenance=provenance), tmp_path / "a.faceanim")
    return tmp_path / "a.faceanim"


@pytest.fixture
def character(puppet, tmp_path):
    bpy.context.scene.frame_start = 1001
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "puppet.blend"))
    return tmp_path / "puppet.blend"


def arguments(take, character, tmp_path, **more):
    given = {"fps": None, "object": None, "mapping": None, "style": None, "fbx": None, "glb": None, "preview": None}
    return Namespace(take=take, character=character, output=tmp_path / "out.blend", **{**given, **more})


def test_rig(character):
    report = commands.rig(Namespace(file=character, object=None))
    assert report["meshes"] == ["Head", "Teeth"] and report["empty_keys"] == ["nothing"]
    assert report["mapping"]["jawOpen"] == {"jawOpen": 1.0}
    assert "bone:head:rot_y" in report["mapping"] and "nothing" not in report["mapping"]


def test_the_rig_of_a_whole_head_is_json(demo_blend):
    report = json.loads(json.dumps(commands.rig(Namespace(file=demo_blend, object=None)), allow_nan=False))
    assert report["parts"]["lips"] is True and report["parts"]["teeth"]["upper"] is True


def test_bake_saves_sound_and_range(take, character, tmp_path):
    (tmp_path / "deep").mkdir()
    output = tmp_path / "deep" / "out.blend"
    args = arguments(take, character, tmp_path, fps=23.976)
    args.output = output
    report = commands.bake(args)
    assert report["fps"] == 24000 / 1001 and report["controls"] and report["frames"] == 24
    assert [p.name for p in output.parent.iterdir()] == ["out.blend"], "nothing temporary is left"
    scene = scenes.open_file(output)
    assert (scene.frame_start, scene.frame_end) == (1001, 1024)
    assert scene.render.fps == 24 and scene.render.fps_base == pytest.approx(1.001)
    for sound in bpy.data.sounds:
        assert sound.filepath == "//../voice.wav" and Path(bpy.path.abspath(sound.filepath)).exists()
    assert len(bpy.data.sounds) == bpy.app.build_options.audaspace
    scene.frame_set(1007)  # a quarter of a second: wide open
    assert bpy.data.objects["Head"].data.shape_keys.key_blocks["jawOpen"].value > 0.9


@needs_sound
def test_sound_is_in_time(take, character, tmp_path):
    """The click, a second into a file whose second 0.75 is time 0, is heard 0.25 s into the scene's range."""
    commands.bake(arguments(take, character, tmp_path, fps=30))
    mixed = tmp_path / "mix.wav"
    bpy.ops.sound.mixdown(filepath=str(mixed), container="WAV", codec="PCM", format="S16")
    size, late = -1, time.monotonic() + 10
    while (not mixed.exists() or mixed.stat().st_size != size) and time.monotonic() < late:
        size = mixed.stat().st_size if mixed.exists() else -1  # Blender 5.2 writes it in the background
        time.sleep(0.2)
    with wave.open(str(mixed)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, channels)[:, 0]
    heard = np.flatnonzero(np.abs(samples.astype(int)) > 5000)[0] / rate
    assert heard == pytest.approx(0.25, abs=0.005)


def test_exports_and_verify(take, character, tmp_path):
    paths = {name: tmp_path / f"a.{name}" for name in ("fbx", "glb", "abc", "mdd", "csv")}
    paths["usd"] = tmp_path / "a.usda"
    commands.bake(arguments(take, character, tmp_path, **paths, fbx_preset="unreal"))
    for name, path in paths.items():
        if name != "csv":
            report = commands.verify_export(Namespace(file=path, blend=tmp_path / "out.blend"))
            assert report["passed"] and report["controls"] >= (2 if name in ("abc", "mdd") else 3), report
    check = character_commands.COMMANDS[-1]
    assert check.name == "verify-export"
    assert check.run(Namespace(file=paths["csv"], blend=take, style=None))["passed"]


def test_a_mapping_of_another_character(take, character, tmp_path):
    from faceanim.core.mapping import Mapping, Target
    from faceanim.formats import mapping

    mapping.write(Mapping("other", {"Fcl_MTH_A": Target({"jawOpen": 1.0})}), tmp_path / "m.json")
    with pytest.raises(CharacterError, match="none of the 1 controls") as raised:
        commands.bake(arguments(take, character, tmp_path, mapping=tmp_path / "m.json"))
    assert "rig" in raised.value.hint and not (tmp_path / "out.blend").exists()


def test_output_that_cannot_be_written(take, character, tmp_path):
    args = arguments(take, character, tmp_path)
    args.output = tmp_path / "no such folder" / "out.blend"
    with pytest.raises(OutputError, match="folder"):
        commands.bake(args)


@pytest.mark.parametrize("engine", ["BLENDER_WORKBENCH", "CYCLES"])
def test_preview(puppet, tmp_path, monkeypatch, engine):
    if engine == "CYCLES":
        monkeypatch.setattr(preview, "has_gl", lambda: False)
    elif not preview.has_gl():
        pytest.skip("needs a GL context: apt-get install libegl1 libgl1-mesa-dri libgles2")
    monkeypatch.setattr(preview, "SIZE", 64)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1001, 1003
    before = {kind: len(getattr(bpy.data, kind)) for kind in ("scenes", "objects", "cameras", "worlds", "sounds")}
    report = preview.render(tmp_path / "a.mp4", scene, sound_file(tmp_path / "voice.wav"))
    assert report.engine == engine and report.frames == 3 and bool(report.hint) == (engine == "CYCLES")
    assert before == {kind: len(getattr(bpy.data, kind)) for kind in before} and scene.camera is None
    content = (tmp_path / "a.mp4").read_bytes()
    assert b"ftyp" in content[:16] and b"avc1" in content
    assert b"mp4a" in content or not bpy.app.build_options.audaspace
    assert [p.name for p in tmp_path.glob("*.mp4")] == ["a.mp4"]


def test_the_preview_cuts_out_what_is_see_through(puppet, tmp_path):
    """Lashes and brows are often painted on see-through planes; imported from glTF, their image says so to shaders
    alone."""
    material = bpy.data.materials.new("Lash")
    if not material.node_tree:
        material.use_nodes = True
    tree = material.node_tree
    shader = next(node for node in tree.nodes if "Base Color" in node.inputs)
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.new("Lash", 4, 4, alpha=True)
    texture.image.alpha_mode = "CHANNEL_PACKED"
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(texture.outputs["Alpha"], shader.inputs["Alpha"])
    next(o for o in bpy.context.scene.objects if o.type == "MESH").data.materials.append(material)
    with preview._workbench(bpy.context.scene):
        assert texture.image.alpha_mode == "STRAIGHT" and tree.nodes.active == texture
    assert texture.image.alpha_mode == "CHANNEL_PACKED"
