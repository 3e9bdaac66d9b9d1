"""Phones as markers of a scene, driven as an animator does, in the real bpy."""

import bpy
import numpy as np
import pytest

from faceanim.blender import addon, phones
from faceanim.blender import scene as scenes
from faceanim.core.speech import Speech
from faceanim.core.take import Phone, Take, Word
from faceanim.core.track import Track
from faceanim.formats import takes
from faceanim.solve.speech import solve

SOUNDS = [*"mama", "", *"afaʃa", "", *"kuma"]
STEP = 0.2


def make_take() -> Take:
    said = tuple(Phone(0.3 + i * STEP, 0.3 + (i + 1) * STEP, ipa, 0.5) for i, ipa in enumerate(SOUNDS) if ipa)
    loudness = np.full(400, -20, np.float32)
    lips = solve(Speech(said, (), loudness), 4.0, 60)
    head = Track.from_columns(60, {"headYaw": 0.3 * np.sin(np.linspace(0, 9, lips.frames))})
    level = Track.of(100, ("level",), loudness[:, None])
    return Take(60.0, lips.frames, {"lips": lips, "head": head}, said, (Word(0.3, 1.1, "mama"),),
                signals={"loudness": level}, provenance={"inputs": {}})  # fmt: skip


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
    return sorted((m for m in scene.timeline_markers if m.name.endswith(phones.OURS)), key=lambda m: m.frame)


def value(key: str, frame: int) -> float:
    bpy.context.scene.frame_set(frame)
    head = bpy.data.objects["Head"].evaluated_get(bpy.context.evaluated_depsgraph_get())
    return head.data.shape_keys.key_blocks[key].value


def jaw(scene) -> np.ndarray:
    return np.array([value("jawOpen", frame) for frame in range(1, 121)])


def test_markers_bear_the_sounds_and_untouched_ones_change_nothing(scene, tmp_path):
    assert bpy.ops.faceanim.phones_to_markers() == {"FINISHED"}
    assert [m.name.strip() for m in ours(scene)] == [ipa or "_" for ipa in [*SOUNDS, ""]]
    assert ours(scene)[0].frame == 1 + 9
    assert bpy.ops.faceanim.markers_to_phones() == {"FINISHED"}
    assert not (tmp_path / "voice.edited.faceanim").exists()


def test_markers_that_were_changed_update_the_take_and_bake(scene, tmp_path):
    bpy.ops.faceanim.bake()
    before = jaw(scene)
    bpy.ops.faceanim.phones_to_markers()
    marks = ours(scene)
    marks[8].name = "b"  # ʃ, renamed by hand: our sign is lost
    scene.timeline_markers.remove(marks[13])  # m of kuma
    scene.timeline_markers.new("p", frame=marks[12].frame + 3)  # by Blender's own means
    marks[0].frame -= 2
    assert bpy.ops.faceanim.markers_to_phones() == {"FINISHED"}
    assert scene.faceanim.take == str(tmp_path / "voice.edited.faceanim")
    take, old = takes.read(scene.faceanim.take), takes.read(tmp_path / "voice.faceanim")
    assert [p.ipa for p in take.phones] == [*"mamaafabakupa"]
    assert take.phones[0].start == pytest.approx(7 / 30) and take.words[0].start == take.phones[0].start
    assert take.phones[1:4] == old.phones[1:4]
    np.testing.assert_array_equal(take.layers["head"].values, old.layers["head"].values)
    after = jaw(scene)
    assert np.abs(after - before).max() > 0.1
    b = take.phones[7]
    middle = 1 + round(30 * (b.start + 0.4 * STEP))
    assert value("mouthPressLeft", middle) > 0.15
    # a second edit goes on from the first
    ours(scene)[1].name = "i" + phones.OURS
    bpy.ops.faceanim.markers_to_phones()
    assert [p.ipa for p in takes.read(scene.faceanim.take).phones][:8] == [*"mimaafab"]
    assert scene.faceanim.take == str(tmp_path / "voice.edited.faceanim")


def test_what_is_far_from_a_change_is_baked_the_same(scene):
    bpy.ops.faceanim.bake()
    before = jaw(scene)
    bpy.ops.faceanim.phones_to_markers()
    ours(scene)[-2].name = "i" + phones.OURS
    bpy.ops.faceanim.markers_to_phones()
    after = jaw(scene)
    assert np.abs(after - before)[:60].max() < 2 * scene.faceanim.tolerance
    assert np.abs(after - before)[60:].max() > 0.1


def test_hand_made_keys_and_other_markers_stay(scene):
    keys = bpy.data.objects["Head"].data.shape_keys
    block = keys.key_blocks["eyeBlinkLeft"]
    for frame, amount in ((10, 0.0), (20, 0.8), (30, 0.0)):
        block.value = amount
        block.keyframe_insert("value", frame=frame)
    scene.timeline_markers.new("a", frame=40)
    scene.timeline_markers.new("Scene 2", frame=50)
    bpy.ops.faceanim.bake()
    bpy.ops.faceanim.phones_to_markers()
    ours(scene)[2].name = "p" + phones.OURS
    bpy.ops.faceanim.markers_to_phones()
    assert takes.read(scene.faceanim.take).phones[2].ipa == "p"
    assert [value("eyeBlinkLeft", frame) for frame in (10, 20, 30)] == pytest.approx([0, 0.8, 0], abs=1e-4)
    bpy.ops.faceanim.remove_phone_markers()
    assert sorted((m.frame, m.name) for m in scene.timeline_markers) == [(40, "a"), (50, "Scene 2")]
    assert not scene.faceanim.marked


def test_the_preview_range_limits_what_is_shown_and_changed(scene):
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = 40, 60
    bpy.ops.faceanim.phones_to_markers()
    assert len(ours(scene)) < 6
    for marker in ours(scene):
        scene.timeline_markers.remove(marker)
    bpy.ops.faceanim.markers_to_phones()
    take = takes.read(scene.faceanim.take)
    old = make_take()
    assert {p for p in old.phones if p.end < 1.2 or p.start > 2.2} <= set(take.phones)
    assert not [p for p in take.phones if 1.32 < p.start < 1.96]


def test_a_sound_can_be_added_at_the_playhead(scene):
    with pytest.raises(RuntimeError):
        bpy.ops.faceanim.add_phone_marker(ipa="b")  # before Phones to Markers
    bpy.ops.faceanim.phones_to_markers()
    scene.frame_set(35)
    bpy.ops.faceanim.add_phone_marker(ipa="b")
    with pytest.raises(RuntimeError, match="did you mean 'æ'"):
        bpy.ops.faceanim.add_phone_marker(ipa="AE")
    bpy.ops.faceanim.markers_to_phones()
    assert Phone(34 / 30, 1.3, "b", 1.0) in [
        p._replace(end=round(p.end, 6)) for p in takes.read(scene.faceanim.take).phones
    ]


def test_wrong_markers_are_told_and_change_nothing(scene, tmp_path):
    bpy.ops.faceanim.phones_to_markers()
    ours(scene)[3].name = "AA" + phones.OURS
    with pytest.raises(RuntimeError, match="'AA' is no sound"):
        bpy.ops.faceanim.markers_to_phones()
    assert "AA" in scene.faceanim.last_error
    ours(scene)[3].name = "a" + phones.OURS
    takes.write(Take(60.0, 60, {}, (Phone(0.1, 0.5, "a", 1.0),), provenance={"other": 1}), tmp_path / "o.faceanim")
    scene.faceanim.take = str(tmp_path / "o.faceanim")
    with pytest.raises(RuntimeError, match="of another take"):
        bpy.ops.faceanim.markers_to_phones()
    takes.write(Take(60.0, 60), tmp_path / "n.faceanim")
    scene.faceanim.take = str(tmp_path / "n.faceanim")
    with pytest.raises(RuntimeError, match="no phones in the take"):
        bpy.ops.faceanim.phones_to_markers()


def test_paths_of_edited_takes():
    assert phones.edited_path("//a/voice.faceanim") == "//a/voice.edited.faceanim"
    assert phones.edited_path("//a/voice.edited.faceanim") == "//a/voice.edited.faceanim"
    assert phones.edited_path("voice.faceanim") == "voice.edited.faceanim"
