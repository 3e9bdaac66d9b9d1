import json

import pytest

from faceanim.core.mapping import Mapping, Target
from faceanim.core.style import EmotionStyle, SpeechStyle, Style
from faceanim.errors import FormatError, OutputError
from faceanim.formats import mapping, style

MAPPING = Mapping(
    "Häd",
    {
        "Fcl_MTH_A": Target({"jawOpen": 1.0, "mouthClose": -1}, gain=1.2, maximum=0.9, gate={"jawOpen": 20.0}),
        "Fcl_MTH_O": Target({"mouthFunnel": 1.0}),
        "bone:head:rot_y": Target({"headYaw": 1.0}, minimum=-1.5, maximum=1.5, offset=0.1),
    },
    (("Fcl_MTH_A", "Fcl_MTH_O"),),
)


def test_round_trip(tmp_path):
    mapping.write(MAPPING, tmp_path / "m.json")
    assert mapping.read(tmp_path / "m.json") == MAPPING
    assert json.loads((tmp_path / "m.json").read_text("utf-8"))["schema"] == "faceanim/mapping/1"
    feeling = EmotionStyle({"sad": 2.0}, 0.5, 2.0, 3, 0.25, 0.0, 7, {"angry": "cold"}, 0.0, 2.0)
    mine = Style("soft", "video", layers={"blink": 0.5}, lead_s=0.03, tolerance=0.01, emotion=feeling,
                 speech=SpeechStyle(-0.5, 1.2, 0.8))  # fmt: skip
    style.write(mine, tmp_path / "s.json")
    assert style.read(tmp_path / "s.json") == mine
    (tmp_path / "s.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "s.json").read_bytes())
    assert style.read(tmp_path / "s.json") == mine
    with pytest.raises(OutputError):
        mapping.write(MAPPING, tmp_path / "none" / "m.json")


def test_what_is_left_out_keeps_its_default():
    assert style.from_json({"schema": "faceanim/style/1"}) == Style()
    lips = style.from_json({"schema": "faceanim/style/1", "intensity": {"lips": 1.5}})
    assert lips.intensity == {**Style().intensity, "lips": 1.5}
    plain = mapping.from_json({"schema": "faceanim/mapping/1", "targets": {"A": {"weights": {"jawOpen": 1}}}})
    assert plain.targets["A"] == Target({"jawOpen": 1.0})


@pytest.mark.parametrize(
    ("change", "place", "hint"),
    [
        ({"schema": "faceanim/mapping/2"}, "version 2", "update"),
        ({"schema": "faceanim/style/1"}, "no mapping", "faceanim/mapping/1"),
        ({"schema": None}, "schema", "faceanim/mapping/1"),
        ({"target": {}}, "target is not known", "did you mean 'targets'"),
        ({"name": 3}, "name must be text", ""),
        ({"targets": []}, "targets must be an object", ""),
        ({"targets": {"A": {"gain": 1}}}, "targets.A lacks 'weights'", '"weights"'),
        ({"targets": {"A": {"weights": {"jawopen": 1}}}}, "targets.A.weights.jawopen", "did you mean 'jawOpen'"),
        ({"targets": {"A": {"weights": {"jawOpen": "1"}}}}, "targets.A.weights.jawOpen must be a number", ""),
        ({"targets": {"A": {"weights": {"jawOpen": True}}}}, "must be a number", ""),
        ({"targets": {"A": {"weights": {"jawOpen": float("inf")}}}}, "finite", ""),
        ({"targets": {"A": {"weights": {}, "minimum": 2}}}, "minimum 2 above maximum 1", "exchange"),
        ({"targets": {"A": {"weights": {}, "gian": 2}}}, "targets.A.gian is not known", "did you mean 'gain'"),
        ({"targets": {"bone:head:rot_w": {"weights": {}}}}, "bone", "rot_x"),
    ],
)
def test_mapping_errors_name_the_field(tmp_path, change, place, hint):
    document = {**mapping.to_json(MAPPING), **change}
    with pytest.raises(FormatError) as error:
        mapping.from_json(document)
    assert place in error.value.message and hint in error.value.hint and error.value.hint
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(FormatError, match="m.json"):
        mapping.read(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"mouth_from": "radio"}, "mouth_from"),
        ({"intensity": {"lip": 1}}, "intensity.lip is not known"),
        ({"intensity": {"lips": -1}}, "intensity.lips"),
        ({"layers": {"blink": 2}}, "layers.blink must be from 0 to 1"),
        ({"tolerance": None}, "tolerance must be a number"),
        ({"cutoff_hz": 5}, "cutoff_hz must be an object"),
        ({"emotion": {"at_most": 1.5}}, "emotion.at_most must be a whole number"),
        ({"emotion": {"at_most": 0}}, "emotion.at_most must be from 1 to 8"),
        ({"emotion": {"strength": {"joy": 1}}}, "emotion.strength.joy is not known"),
        ({"emotion": {"hear": 1}}, "emotion.hear is not known"),
        ({"speech": {"enunciation": -2}}, "speech.enunciation must be from -1 to 1"),
        ({"speech": {"tongue": 1}}, "speech.tongue is not known"),
    ],
)
def test_style_errors_name_the_field(change, place):
    with pytest.raises(FormatError) as error:
        style.from_json({**style.to_json(Style()), **change})
    assert place in error.value.message and error.value.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"schema": "faceanim/style/1",}', "line 1, column"),
        ('{"schema": "faceanim/style/1", "name": "a", "name": "b"}', "'name' stands twice"),
        ("[]", "schema"),
        ("", "empty"),
        ("[" * 100000, "style"),
        ("\x00\xff", "style|JSON"),
    ],
)
def test_files_that_are_no_json(tmp_path, text, why):
    (tmp_path / "s.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(FormatError, match=why) as error:
        style.read(tmp_path / "s.json")
    assert error.value.hint
    with pytest.raises(FormatError, match="there is no style"):
        style.read(tmp_path / "none.json")


def test_presets_load():
    from faceanim.core.files import PRESETS

    for path in (PRESETS / "styles").glob("*.json"):
        assert style.read(path).name
