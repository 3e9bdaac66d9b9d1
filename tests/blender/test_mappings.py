"""A character's own mapping: kept with it, loaded, saved, copied; what must not be driven is not."""

import bpy
import numpy as np
import pytest
from conftest import add_mesh, add_puppet

from faceanim.blender import addon, commands, mappings
from faceanim.blender import scene as scenes
from faceanim.core.mapping import Mapping, Target
from faceanim.errors import CharacterError, FormatError
from faceanim.formats import mapping as files


@pytest.fixture
def settings():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    add_puppet()
    bpy.context.view_layer.update()
    yield bpy.context.scene.faceanim
    addon.unregister()


def own():
    return mappings.own(scenes.character([bpy.data.objects["Rig"]]))


def test_a_row_is_edited_kept_saved_loaded_and_reset(settings, tmp_path):
    settings.character = bpy.data.objects["Head"]
    rows = {row.control: (row.channel, row.weight) for row in settings.mapping_rows}
    assert rows["eyeBlinkLeft"] == ("eyeBlinkLeft", 1.0) and own() is None
    assert "moves nothing" in settings.mapping_reasons and "no key is named" in settings.mapping_reasons
    next(r for r in settings.mapping_rows if r.control == "eyeBlinkLeft").weight = 0.5
    assert own().targets["eyeBlinkLeft"].weights == {"eyeBlinkLeft": 0.5}
    path = tmp_path / "mine.json"
    assert bpy.ops.faceanim.mapping_save(filepath=str(path)) == {"FINISHED"}
    assert files.read(path).targets["eyeBlinkLeft"].weights == {"eyeBlinkLeft": 0.5}
    assert bpy.ops.faceanim.mapping_reset() == {"FINISHED"} and own() is None
    assert bpy.ops.faceanim.mapping_load(filepath=str(path)) == {"FINISHED"}
    assert own().targets["eyeBlinkLeft"].weights == {"eyeBlinkLeft": 0.5}
    count = len(settings.mapping_rows)
    assert bpy.ops.faceanim.mapping_row(remove=False) == {"FINISHED"} and len(settings.mapping_rows) == count + 1
    row = settings.mapping_rows[settings.mapping_active]
    row.control, row.channel, row.weight = "jawOpen", "mouthFunnel", 0.25
    assert own().targets["jawOpen"].weights["mouthFunnel"] == 0.25
    assert bpy.ops.faceanim.mapping_row(remove=True) == {"FINISHED"}
    assert "mouthFunnel" not in own().targets["jawOpen"].weights


def test_it_goes_with_the_file_and_drives_the_bake(settings, tmp_path):
    from argparse import Namespace

    from faceanim.core.take import Take
    from faceanim.core.track import Track
    from faceanim.formats import takes

    character = scenes.character([bpy.data.objects["Rig"]])
    mappings.keep(character, Mapping("mine", {"jawOpen": Target({"mouthFunnel": 1.0})}))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "puppet.blend"))
    lips = Track.from_columns(30.0, {"mouthFunnel": np.linspace(0, 0.8, 31)})
    takes.write(Take(30.0, 31, {"lips": lips}), tmp_path / "a.faceanim")
    given = Namespace(take=tmp_path / "a.faceanim", character=tmp_path / "puppet.blend", output=tmp_path / "out.blend",
                      object=None, mapping=None, style=None, fps=30.0)  # fmt: skip
    assert commands.bake(given)["controls"] == ["jawOpen"]


def test_another_character_takes_what_it_has_and_is_told_the_rest(settings):
    settings.character = bpy.data.objects["Head"]
    next(r for r in settings.mapping_rows if r.control == "jawOpen").weight = 0.7
    add_mesh("Other", (4, 0, 1.6), 0.5, ("jawOpen", "smile"), "none")
    bpy.data.objects["Other"].data.shape_keys.key_blocks["jawOpen"].slider_max = 0.6
    bpy.context.view_layer.update()
    settings.character = bpy.data.objects["Other"]
    assert bpy.ops.faceanim.mapping_copy(source="Head") == {"FINISHED"}
    copied = mappings.own(scenes.character([bpy.data.objects["Other"]]))
    assert set(copied.targets) == {"jawOpen"} and copied.targets["jawOpen"].weights["jawOpen"] == pytest.approx(0.7)
    assert copied.targets["jawOpen"].maximum == pytest.approx(0.6)
    with pytest.raises(RuntimeError, match="no object 'Nobody'"):
        bpy.ops.faceanim.mapping_copy(source="Nobody")


def test_two_characters_in_one_scene_are_told_apart(settings):
    add_mesh("Other", (4, 0, 1.6), 0.5, ("smile", "blink"), "none")
    bpy.context.view_layer.update()
    first, second = (scenes.character([bpy.data.objects[n]]) for n in ("Head", "Other"))
    assert {m.name for m in first.meshes} == {"Head", "Teeth"} and [m.name for m in second.meshes] == ["Other"]
    assert scenes.others(bpy.context, first) == ["Other"] and scenes.others(bpy.context, second) == ["Rig"]


def test_muted_driven_and_locked_controls_are_left_out_and_told(settings):
    head = bpy.data.objects["Head"].data.shape_keys
    head.key_blocks["eyeBlinkLeft"].mute = True
    head.key_blocks["mouthClose"].driver_add("value")
    bpy.data.objects["Rig"].pose.bones["head"].lock_rotation = (True, True, True)
    rig = scenes.character([bpy.data.objects["Head"]]).rig
    controls = ("jawOpen", "eyeBlinkLeft", "mouthClose", "bone:head:rot_x", "gone")
    targets = {c: Target({"jawOpen": 1.0}) for c in controls}
    mapping, notes = mappings.fitted(Mapping("all", targets), rig)
    assert set(mapping.targets) == {"jawOpen"}
    told = "\n".join(notes)
    assert all(word in told for word in ("it is muted", "it is driven", "it is locked", "there is no such key"))
    with pytest.raises(CharacterError, match="none of the 1 controls"):
        mappings.fitted(Mapping("none", {"gone": Target({"jawOpen": 1.0})}), rig)


def test_a_broken_mapping_is_told(settings):
    bpy.data.objects["Rig"][mappings.KEPT] = "{"
    with pytest.raises(FormatError, match="kept on 'Rig'"):
        own()


def test_a_linked_character_keeps_a_mapping_of_its_own(settings, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "puppet.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "puppet.blend"), link=True) as (source, wanted):
        wanted.objects = source.objects
    for thing in wanted.objects:
        bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.update()
    character = scenes.character([bpy.data.objects["Head"]], override=True)
    assert mappings.holder(character).override_library is not None
    mappings.keep(character, Mapping("mine", {"jawOpen": Target({"jawOpen": 0.5})}))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    again = scenes.character(bpy.context)
    assert mappings.own(again).targets["jawOpen"].weights == {"jawOpen": 0.5}
    assert not any(k.blocked for k in again.rig.keys)
