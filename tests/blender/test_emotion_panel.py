"""Chosen emotions in the panel and as markers of a scene, driven as an animator does, in the real bpy."""

import bpy
import numpy as np
import pytest

from faceanim.blender import addon, moods, phones
from faceanim.blender import scene as scenes
from faceanim.core.emotion import LABELS
from faceanim.core.speech import Speech
from faceanim.core.style import EmotionStyle
from faceanim.core.take import Mood, Phone, Take, Word
from faceanim.core.track import Track
from faceanim.formats import moods as files
from faceanim.formats import takes
from faceanim.pipeline import remade
from faceanim.solve.speech import solve

SECONDS = 6.0


def make_take() -> Take:
    """Six seconds of speech in a happy voice."""
    said = tuple(Phone(0.3 + i * 0.2, 0.5 + i * 0.2, ipa, 0.5) for i, ipa in enumerate("alatanadalatanadalatanad"))
    loudness = np.full(600, -20, np.float32)
    lips = solve(Speech(said, (), loudness), SECONDS, 60)
    heard = np.zeros((120, len(LABELS)), np.float32)
    heard[:, LABELS.index("happy")], heard[:, LABELS.index("neutral")] = 0.8, 0.2
    take = Take(60.0, lips.frames, {"lips": lips}, said, (Word(0.3, 1.1, "alat"),),
                emotions={"speech_emotion": Track.of(20, LABELS, heard), "face_emotion": Track.of(8, LABELS, heard)},
                signals={"loudness": Track.of(100, ("level",), loudness[:, None])},
                provenance={"inputs": {}, "models": {"face_emotion": {"hash": "0", "commercial": "no"},
                                                     "ours": {"hash": "1", "commercial": "yes"}}})  # fmt: skip
    for layer in ("emotion", "blink", "gaze", "head"):
        take = remade(take, layer)
    return take


@pytest.fixture
def scene(demo_blend, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    objects = scenes.load(demo_blend)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    takes.write(make_take(), tmp_path / "voice.faceanim")
    settings = scene.faceanim
    settings.set_sound = False
    settings.character = next(o for o in objects if o.type == "MESH" and o.data.shape_keys)
    settings.take = str(tmp_path / "voice.faceanim")
    yield scene
    addon.unregister()


def ours(scene):
    return sorted((m for m in scene.timeline_markers if m.name.endswith(moods.OURS)), key=lambda m: m.frame)


def told(scene):
    return [(m.frame, m.name.strip()) for m in ours(scene)]


def value(key: str, frame: int) -> float:
    bpy.context.scene.frame_set(frame)
    head = bpy.data.objects["Head"].evaluated_get(bpy.context.evaluated_depsgraph_get())
    return head.data.shape_keys.key_blocks[key].value


def mean(key: str, first: int = 40, last: int = 140) -> float:
    return float(np.mean([value(key, frame) for frame in range(first, last, 4)]))


def add(scene, frame, label, **options):
    scene.frame_set(frame)
    return bpy.ops.faceanim.add_mood(label=label, **options)


def test_untouched_sliders_are_the_default_style(scene):
    assert scene.faceanim.emotion.style() == EmotionStyle()
    assert scene.faceanim.style().emotion == EmotionStyle()


def test_the_panel_knows_what_was_heard(scene):
    facts = moods.facts(scene.faceanim)
    assert facts["heard"] == facts["seen"] == [["happy", 0.8], ["neutral", 0.2]]
    assert facts["restricted"] == ["face_emotion"]
    assert facts["drawn"] == ["blink", "gaze", "head"] and facts["seconds"] == SECONDS


def test_sliders_bake_again_at_once(scene):
    bpy.ops.faceanim.bake()
    emotion = scene.faceanim.emotion
    smile = mean("mouthSmileLeft")
    assert smile > 0.1
    emotion.strength_happy = 0.0
    assert mean("mouthSmileLeft") < 0.3 * smile
    emotion.strength_happy = 1.0
    assert mean("mouthSmileLeft") == pytest.approx(smile, abs=1e-5)
    emotion.heard = 0.0
    assert mean("mouthSmileLeft") < 0.3 * smile
    emotion.heard, emotion.intensity = 1.0, 0.5
    assert 0.2 * smile < mean("mouthSmileLeft") < 0.8 * smile


def test_a_chosen_emotion_shows_and_goes(scene):
    bpy.ops.faceanim.bake()
    smile, frown = mean("mouthSmileLeft"), mean("browDownLeft")
    assert add(scene, 16, "angry", strength=1.0, length=5.0) == {"FINISHED"}
    assert moods.of(scene) == (Mood(0.5, 5.5, "angry", 1.0),)
    assert mean("browDownLeft") > frown + 0.2 and mean("mouthSmileLeft") < 0.5 * smile
    row = scene.faceanim.emotion.moods[0]
    row.label = "surprised"
    assert mean("browDownLeft") < frown + 0.2
    row.end = 0.2  # before its start: as long as it is so it is none
    assert moods.of(scene) == () and mean("mouthSmileLeft") == pytest.approx(smile, abs=0.01)
    row.end = 3.0
    bpy.ops.faceanim.remove_mood()
    assert moods.of(scene) == () and mean("mouthSmileLeft") == pytest.approx(smile, abs=0.01)
    with pytest.raises(RuntimeError):
        bpy.ops.faceanim.remove_mood()
    with pytest.raises(RuntimeError, match="behind the clip"):
        add(scene, 500, "angry")
    add(scene, 170, "happy", length=9.0)
    assert moods.of(scene)[0].end == SECONDS


def test_markers_say_what_the_list_says(scene):
    add(scene, 16, "happy", strength=0.8, length=1.5)
    add(scene, 46, "sad", strength=1.0, length=1.74)
    scene.timeline_markers.new("happy", frame=10)  # the user's own, before ours
    bpy.ops.faceanim.show_mood_markers()
    assert told(scene) == [(16, "happy 0.8"), (46, "sad"), (61, "end happy"), (98, "end sad")]
    before = moods.of(scene)
    assert not moods.read_markers(scene) and moods.of(scene) == before
    scene.faceanim.emotion.moods[0].strength = 0.25
    scene.faceanim.emotion.moods[0].start = 1.0
    assert told(scene)[0] == (31, "happy 0.25")
    add(scene, 150, "angry", length=0.5)
    assert told(scene)[-2:] == [(150, "angry 0.8"), (165, "end angry")]
    scene.faceanim.frame_start = 101
    bpy.ops.faceanim.show_mood_markers()
    assert told(scene)[0] == (131, "happy 0.25")
    bpy.ops.faceanim.hide_mood_markers()
    assert [(m.frame, m.name) for m in scene.timeline_markers] == [(10, "happy")]
    assert not scene.faceanim.emotion.marked and len(moods.of(scene)) == 3


def test_markers_that_were_changed_are_read_back_and_baked(scene):
    bpy.ops.faceanim.bake()
    add(scene, 16, "happy", strength=0.8, length=1.5)
    add(scene, 76, "sad", strength=1.0, length=1.0)
    bpy.ops.faceanim.show_mood_markers()
    a, b, c, d = ours(scene)
    a.frame, b.frame = 31, 71
    c.name = "angry 0.5"  # by hand: our sign is lost
    scene.timeline_markers.new("fear", frame=136)  # by Blender's own means
    scene.timeline_markers.new("end", frame=151)
    assert bpy.ops.faceanim.read_mood_markers() == {"FINISHED"}
    assert moods.of(scene) == (
        Mood(1.0, pytest.approx(70 / 30, abs=1e-4), "happy", 0.8), Mood(2.5, 3.5, "angry", 0.5),
        Mood(4.5, 5.0, "fearful", 1.0),
    )  # fmt: skip
    # names are mended
    assert told(scene) == [(31, "happy 0.8"), (71, "end happy"), (76, "angry 0.5"), (106, "end angry"),
                           (136, "fearful"), (151, "end fearful")]  # fmt: skip
    assert value("browDownLeft", 95) > value("browDownLeft", 20) + 0.05
    scene.timeline_markers.remove(ours(scene)[0])
    bpy.ops.faceanim.read_mood_markers()
    assert [m.label for m in moods.of(scene)] == ["angry", "fearful"]
    ours(scene)[0].name = "angry 7"
    with pytest.raises(RuntimeError, match="strength of 7"):
        bpy.ops.faceanim.read_mood_markers()


def test_markers_that_are_moved_take_effect_by_themselves(scene):
    bpy.ops.faceanim.bake()
    add(scene, 16, "angry", strength=1.0, length=2.0)
    bpy.ops.faceanim.show_mood_markers()
    assert not moods.look(scene)
    ours(scene)[0].frame = 46
    assert moods.look(scene) and moods.of(scene)[0].start == 1.5
    assert not moods.look(scene)
    ours(scene)[0].name = "angry 9"
    assert not moods.look(scene) and "strength of 9" in scene.faceanim.last_error
    ours(scene)[0].name = "angry"
    scene.faceanim.live = False
    assert not moods.look(scene)


def test_markers_of_sounds_and_of_emotions_leave_each_other_alone(scene, tmp_path):
    add(scene, 16, "happy", strength=0.5, length=2.0)
    bpy.ops.faceanim.show_mood_markers()
    bpy.ops.faceanim.phones_to_markers()
    sounds = sum(m.name.endswith(phones.OURS) for m in scene.timeline_markers)
    assert phones.found_in(scene)[1] == [] and len(phones.found_in(scene)[0]) == sounds
    assert not moods.read_markers(scene)
    add(scene, 100, "sad", length=1.0)
    assert phones.found_in(scene)[1] == []
    next(m for m in scene.timeline_markers if m.name == "l" + phones.OURS).name = "m" + phones.OURS
    bpy.ops.faceanim.markers_to_phones()
    # the emotions that are chosen in the scene stay, though the take is another file now
    assert scene.faceanim.take.endswith("voice.edited.faceanim") and len(moods.of(scene)) == 2
    bpy.ops.faceanim.remove_phone_markers()
    assert len(ours(scene)) == 4


def test_a_take_brings_its_moods(scene, tmp_path):
    from dataclasses import replace

    take = replace(make_take(), moods=(Mood(1.0, 2.0, "disgust", 0.5),), provenance={"inputs": {"other": {}}})
    takes.write(take, tmp_path / "other.faceanim")
    bpy.ops.faceanim.show_mood_markers()
    scene.faceanim.take = str(tmp_path / "other.faceanim")
    assert moods.of(scene) == take.moods and len(ours(scene)) == 2
    assert moods.take_of(scene).moods == take.moods
    bpy.ops.faceanim.remove_mood()
    assert moods.take_of(scene).moods == ()


def test_files_of_moods(scene, tmp_path):
    add(scene, 16, "happy", strength=0.8, length=1.5)
    for name in ("a.csv", "a.json", "plain"):
        bpy.ops.faceanim.export_moods(filepath=str(tmp_path / name))
    assert files.read(tmp_path / "a.csv") == files.read(tmp_path / "a.json") == moods.of(scene)
    assert (tmp_path / "plain.csv").exists()
    bpy.ops.faceanim.export_moods(filepath=str(tmp_path / "t.csv"), timecodes=True)
    assert "00:00:00:15,00:00:02:00,happy" in (tmp_path / "t.csv").read_text("utf-8")
    rows = "01:00:01:15,01:00:02:00,anger\n01:00:05:00,01:00:09:00,sad\n"
    (tmp_path / "b.csv").write_text(f"start,end,emotion\n{rows}")
    bpy.ops.faceanim.import_moods(filepath=str(tmp_path / "b.csv"), timecode_start="01:00:00:00")
    assert moods.of(scene) == (Mood(1.5, 2.0, "angry", 1.0), Mood(5.0, 6.0, "sad", 1.0))
    (tmp_path / "c.csv").write_text("start,end,emotion\n1,2,hapy\n")
    with pytest.raises(RuntimeError, match="line 2: 'hapy'"):
        bpy.ops.faceanim.import_moods(filepath=str(tmp_path / "c.csv"))
    assert len(moods.of(scene)) == 2


@pytest.mark.parametrize("layer,key,others", [
    ("blink", "eyeBlinkLeft", ("jawOpen", "mouthSmileLeft")),
    ("emotion", "mouthSmileLeft", ("eyeLookInLeft", "jawOpen")),
])  # fmt: skip
def test_a_layer_is_made_anew_alone(scene, layer, key, others):
    bpy.ops.faceanim.bake()
    frames = range(1, 180, 3)
    before = {name: [value(name, f) for f in frames] for name in (key, *others)}
    assert bpy.ops.faceanim.remake(layer=layer) == {"FINISHED"}
    after = {name: [value(name, f) for f in frames] for name in (key, *others)}
    assert np.abs(np.subtract(after[key], before[key])).max() > 0.02
    if layer == "blink":
        assert all(np.abs(np.subtract(after[n], before[n])).max() < 0.01 for n in others)
    setattr(scene.faceanim.emotion, f"seed_{layer}", 0)
    assert [value(key, f) for f in frames] == pytest.approx(before[key], abs=1e-5)


def test_what_is_heard_becomes_what_is_chosen(scene):
    bpy.ops.faceanim.bake()
    smile = mean("mouthSmileLeft")
    assert bpy.ops.faceanim.heard_to_moods() == {"FINISHED"}
    assert {m.label for m in moods.of(scene)} == {"happy"} and scene.faceanim.emotion.heard == 0
    assert mean("mouthSmileLeft") > 0.5 * smile
    while len(scene.faceanim.emotion.moods):
        bpy.ops.faceanim.remove_mood()
    assert mean("mouthSmileLeft") < 0.3 * smile


def test_undo_brings_back_list_markers_and_animation(scene):
    bpy.ops.faceanim.bake()
    bpy.ops.ed.undo_push(message="before")
    frown = mean("browDownLeft")
    add(scene, 16, "angry", strength=1.0, length=5.0)
    bpy.ops.faceanim.show_mood_markers()
    bpy.ops.ed.undo_push(message="angry")
    angry = mean("browDownLeft")
    ours(scene)[0].name = "surprised"
    assert moods.look(scene) and mean("browDownLeft") < angry - 0.2
    bpy.ops.ed.undo_push(message="surprised")
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert [m.label for m in moods.of(scene)] == ["angry"] and told(scene)[0] == (16, "angry")
    assert mean("browDownLeft") == pytest.approx(angry, abs=1e-4) and not moods.look(scene)
    bpy.ops.ed.redo()
    scene = bpy.context.scene
    assert [m.label for m in moods.of(scene)] == ["surprised"] and mean("browDownLeft") < angry - 0.2
    for _ in range(2):
        bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert moods.of(scene) == () and told(scene) == [] and not scene.faceanim.emotion.marked
    assert mean("browDownLeft") == pytest.approx(frown, abs=1e-4)
