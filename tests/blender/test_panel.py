"""The add-on registered in the real bpy, driven as the panel drives it."""

import os
import signal
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from faceanim.blender import addon, jobs, operators, transcripts
from faceanim.core.channels import GROUPS
from faceanim.core.style import SpeechStyle, Style
from faceanim.errors import InputError
from faceanim.formats import transcript


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    yield bpy.context.scene
    addon.unregister()


@pytest.fixture
def take(scene, demo_blend, tmp_path):
    """The demo head in the scene with a small take: the jaw opens and closes, the head turns."""
    from faceanim.blender import scene as scenes
    from faceanim.core.take import Take
    from faceanim.core.track import Track
    from faceanim.formats import takes

    objects = scenes.load(demo_blend)
    t = np.arange(120) / 60
    lips = Track.from_columns(60, {"jawOpen": 0.5 - 0.5 * np.cos(np.pi * t)})
    head = Track.from_columns(60, {"headYaw": 0.3 * np.sin(np.pi * t)})
    takes.write(Take(60.0, 120, {"lips": lips, "head": head}), tmp_path / "a.faceanim")
    settings = bpy.context.scene.faceanim
    settings.set_sound = False
    settings.character = next(o for o in objects if o.type == "MESH" and o.data.shape_keys)
    settings.take = str(tmp_path / "a.faceanim")
    return settings


def jaw_value(frame: int) -> float:
    bpy.context.scene.frame_set(frame)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    head = bpy.data.objects["Head"].evaluated_get(depsgraph)
    return head.data.shape_keys.key_blocks["jawOpen"].value


def wait(done) -> None:
    """Look at the engine as Blender's timer does, until it is so."""
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline, jobs.analysis
        jobs._poll()
        time.sleep(0.05)


def test_every_group_of_channels_has_a_slider(scene):
    settings = scene.faceanim
    for group in GROUPS:
        settings[f"intensity_{group}"] = 0.5
    assert settings.style().intensity == dict.fromkeys(GROUPS, 0.5)


def test_untouched_sliders_are_the_default_style(scene):
    style, default = scene.faceanim.style(), Style()
    assert style.intensity == pytest.approx(default.intensity)
    assert style.cutoff_hz == pytest.approx(default.cutoff_hz)
    assert style.tolerance == pytest.approx(default.tolerance)
    assert style.speech == default.speech


def test_speech_from_mumbled_to_distinct(scene):
    settings = scene.faceanim
    settings.enunciation, settings.speech_jaw, settings.speech_lips = -0.5, 1.5, 0.5
    assert settings.style().speech == SpeechStyle(-0.5, 1.5, 0.5)


def test_the_transcript_is_a_text_or_a_file(scene, tmp_path):
    settings, text = scene.faceanim, "Hi, my name is Pam."
    plain, timed = tmp_path / "said.txt", tmp_path / "said.srt"
    plain.write_text(f"\ufeff{text}\n", "utf-8")
    timed.write_text(f"1\n00:00:00,100 --> 00:00:01,500\n{text}\n", "utf-8")
    assert transcripts.transcript_of(settings) == (None, None)
    for given, wanted in ((text, (text, None)), (str(plain), (text, None)), (str(timed), (None, timed))):
        settings.transcript = given
        assert transcripts.transcript_of(settings) == wanted
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    settings.transcript = "//said.txt"
    assert transcripts.transcript_of(settings) == (text, None)
    settings.transcript = "lost.srt"
    with pytest.raises(InputError, match="there is no transcript"):
        transcripts.transcript_of(settings)
    assert bpy.ops.faceanim.choose_transcript("EXEC_DEFAULT", filepath=str(plain)) == {"FINISHED"}
    assert settings.transcript == str(plain)
    assert {suffix.lower() for suffix in transcripts.SUFFIXES} == set(transcript.SUFFIXES) - {".md"}


def test_a_disabled_button_says_what_is_missing(scene):
    assert operators.missing_for_bake(scene.faceanim) == "Choose a character"
    assert operators.missing_for_analysis(scene.faceanim) == "Choose an audio or a video file"
    with pytest.raises(RuntimeError):
        bpy.ops.faceanim.bake()


def test_bake_moves_the_character_and_a_slider_bakes_again(take):
    assert "controls" in take.character_note
    assert bpy.ops.faceanim.bake() == {"FINISHED"}
    fps = bpy.context.scene.render.fps
    middle = 1 + fps  # one second in
    assert jaw_value(middle) == pytest.approx(1.0, abs=0.02)
    take.intensity_jaw = 0.5
    assert jaw_value(middle) == pytest.approx(0.5, abs=0.02)


def test_a_slider_before_the_first_bake_writes_nothing(take):
    take.intensity_jaw = 0.5
    assert not any(a.name.startswith("faceanim") for a in bpy.data.actions)


def test_a_broken_take_is_reported_in_the_panel(take, tmp_path):
    (tmp_path / "bad.faceanim").write_bytes(b"no take")
    take.take = str(tmp_path / "bad.faceanim")
    with pytest.raises(RuntimeError, match="bad.faceanim"):
        bpy.ops.faceanim.bake()
    assert "bad.faceanim" in take.last_error


def test_analysis_from_the_panel_runs_in_the_engine_and_bakes(take, data, monkeypatch):
    pytest.importorskip("av", reason="needs the engine's packages")
    monkeypatch.setenv("FACEANIM_PYTHON", sys.executable)
    take.audio = str(data / "ravdess/Actor_01/03-01-01-01-01-01-01.ogg")
    assert bpy.ops.faceanim.analyze() == {"FINISHED"}
    wait(lambda: not jobs.analysis.running)
    assert not jobs.analysis.error
    assert take.take.endswith(".faceanim") and take.baked
    jaw = [jaw_value(frame) for frame in range(1, 90)]
    assert max(jaw) > 0.1


@pytest.mark.parametrize("end", ["cancel", "kill"])
def test_an_analysis_that_is_stopped_leaves_what_was(take, data, monkeypatch, end):
    pytest.importorskip("av", reason="needs the engine's packages")
    monkeypatch.setenv("FACEANIM_PYTHON", sys.executable)
    before = take.take
    take.video = str(data / "video" / "d6.mp4")
    assert bpy.ops.faceanim.analyze() == {"FINISHED"}
    wait(lambda: jobs.analysis.stage == "face" or jobs.analysis.fraction > 0.1)
    if end == "cancel":
        bpy.ops.faceanim.cancel()
    else:
        os.kill(jobs._analysis.engine.pid, signal.SIGTERM)
    wait(lambda: not jobs.analysis.running)
    assert jobs.analysis.note == "Cancelled" if end == "cancel" else jobs.analysis.error and jobs.analysis.hint
    assert take.take == before and not take.baked
    assert operators.missing_for_analysis(take) == ""


def test_the_face_in_a_video(scene):
    settings = scene.faceanim
    assert settings.face.of_clip() == {} and not bpy.ops.faceanim.make_actor.poll()
    settings.frame_start, scene.frame_current = 11, 11 + 2 * scene.render.fps
    settings.use_span, settings.span_start = True, 1.5
    assert bpy.ops.faceanim.neutral_here() == {"FINISHED"}
    settings.face.use_point, settings.face.point = True, (0.25, 0.5)
    assert settings.face.of_clip() == {"neutral": pytest.approx(3.5), "face": (0.25, 0.5)}
    settings.face.use_late, settings.face.late = True, -0.25
    assert settings.face.of_clip()["late"] == -0.25
    settings.face.use_late = False
    # the actor knows the rest
    settings.face.actor = "/a.json"
    assert settings.face.of_clip() == {"actor": Path("/a.json"), "face": (0.25, 0.5)}


def test_mirror_and_limit_reach_the_style(scene):
    default = Style()
    assert not scene.faceanim.style().mirror
    assert scene.faceanim.style().limit_deg == pytest.approx(default.limit_deg)
    scene.faceanim.mirror, scene.faceanim.head_limit = True, np.radians(30)
    style = scene.faceanim.style()
    assert style.mirror and style.limit_deg["head"] == pytest.approx(30)
