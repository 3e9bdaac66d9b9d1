import errno
import os
import stat

import numpy as np
import pytest

from faceanim.core import channels, phones
from faceanim.core.clip import Clip
from faceanim.core.curve import Curve
from faceanim.core.files import input_file, replacing
from faceanim.core.rig import Bone, Key, Rig, bone_control, parse_control
from faceanim.core.style import Style
from faceanim.core.take import Take
from faceanim.core.track import Track
from faceanim.errors import CharacterError, FaceanimError, FormatError, InputError, MediaError, OutputError


class TestChannels:
    def test_the_list_is_arkits_52_and_ours(self):
        assert len(channels.ARKIT) == 52 and len(channels.ROTATIONS) == 7 and len(channels.TONGUE_EXTRA) == 4
        assert set(channels.CHANNELS) == {*channels.ARKIT, *channels.ROTATIONS, *channels.TONGUE_EXTRA}
        assert len(set(channels.CHANNELS)) == len(channels.CHANNELS) == 63
        assert all(channels.GROUP_OF[name] in channels.GROUPS for name in channels.CHANNELS)

    def test_every_side_has_its_other_side(self):
        for name in channels.CHANNELS:
            other = channels.mirrored(name)
            assert other in channels.CHANNELS and channels.mirrored(other) == name
            assert channels.GROUP_OF[other] == channels.GROUP_OF[name]
        assert channels.mirrored("leftEyeYaw") == "rightEyeYaw"
        assert channels.mirrored("eyeLookInLeft") == "eyeLookInRight"
        assert channels.mirrored("jawOpen") == "jawOpen" and channels.mirrored("browInnerUp") == "browInnerUp"


def test_clip_needs_something_and_a_span():
    assert Clip(audio="a.wav", start=1, end=2).language == "auto"
    for bad in ({}, {"audio": "a", "start": -1}, {"audio": "a", "start": 2, "end": 2}):
        with pytest.raises(InputError) as error:
            Clip(**bad)
        assert error.value.hint


class TestTrack:
    def test_refuses_what_is_no_track(self):
        good = np.zeros((3, 2), np.float32)
        for fps, start, names, values, confidence in [
            (0, 0, "ab", good, good), (-1, 0, "ab", good, good), (np.inf, 0, "ab", good, good),
            (60, np.nan, "ab", good, good), (60, 0, "aa", good, good), (60, 0, "abc", good, good),
            (60, 0, "ab", good, good[:2]), (60, 0, "ab", good * np.nan, good), (60, 0, "ab", good, good + np.inf),
        ]:  # fmt: skip
            with pytest.raises(FormatError):
                Track(fps, start, tuple(names), values, confidence)

    def test_shapes_types_and_times(self):
        track = Track.of(50, "ab", [[0, 1], [2, 3], [4, 5]], confidence=[0, 0.5, 1], start=2)
        assert track.values.dtype == track.confidence.dtype == np.float32
        assert (track.frames, track.seconds) == (3, 0.06)
        np.testing.assert_allclose(track.times, [2.0, 2.02, 2.04])
        np.testing.assert_array_equal(track.confidence, [[0, 0], [0.5, 0.5], [1, 1]])
        np.testing.assert_array_equal(track.column("b"), [1, 3, 5])
        np.testing.assert_array_equal(track.column("c"), [0, 0, 0])
        same = Track.from_columns(50, {"a": [0, 2, 4], "b": [1, 3, 5]})
        np.testing.assert_array_equal(same.values, track.values)

    def test_select_reorders_and_fills(self):
        part = Track.of(50, "ab", [[1, 2]], 0.5).select(("b", "c"))
        np.testing.assert_array_equal(part.values, [[2, 0]])
        np.testing.assert_array_equal(part.confidence, [[0.5, 0]])

    def test_between_and_beyond_the_frames(self):
        track = Track.of(10, "a", [[0.0], [1.0], [0.0]], start=1.0)
        values, confidence = track.at(np.array([0.0, 1.05, 1.1, 1.175, 9.0]))
        np.testing.assert_allclose(values[:, 0], [0, 0.5, 1, 0.25, 0], atol=1e-6)
        assert values.dtype == np.float32 and (confidence == 1).all()
        assert Track.of(10, "ab", np.zeros((0, 2))).at(np.zeros(4))[0].shape == (4, 2)

    def test_resample(self):
        track = Track.of(30, "a", np.linspace(0, 1, 31)[:, None])
        twice = track.resample(60)
        assert twice.frames == 62 and twice.fps == 60
        np.testing.assert_allclose(twice.values[:61, 0], np.linspace(0, 1, 61), atol=1e-6)
        np.testing.assert_allclose(twice.resample(30, 31).values, track.values, atol=1e-6)
        assert track.resample(30) is track
        assert track.resample(30, frames=10, start=0.5).values[0, 0] == pytest.approx(0.5, abs=1e-6)
        assert Track.of(30, "a", np.zeros((0, 1))).resample(60).frames == 0


class TestTake:
    def test_layers_have_the_takes_frames(self):
        lips = Track.of(60, "a", np.zeros((10, 1)))
        take = Take(60, 10, {"lips": lips})
        assert take.seconds == pytest.approx(1 / 6)
        for bad in (lips.resample(30), Track.of(60, "a", np.zeros((9, 1))), Track.of(60, "a", lips.values, start=1)):
            with pytest.raises(FormatError, match="'head'"):
                take.with_layer("head", bad)

    def test_a_layer_is_made_anew_without_touching_another(self):
        lips, head = (Track.of(60, "a", np.full((10, 1), v)) for v in (1, 2))
        take = Take(60, 10, {"lips": lips})
        both = take.with_layer("head", head)
        assert both.layers["lips"] is lips and set(take.layers) == {"lips"}
        assert set(both.with_layer("lips", None).layers) == {"head"}


class TestCurve:
    def test_lines_and_cubics(self):
        line = Curve("a", np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 0.0]))
        np.testing.assert_allclose(line.at([-1, 0.5, 2, 9]), [0, 1, 1, 0])
        times = np.array([0.0, 0.5, 2.0])
        cubic = Curve("a", times, times**3, 3 * times**2, 3 * times**2)
        fine = np.linspace(0, 2, 101)
        np.testing.assert_allclose(cubic.at(fine), fine**3, atol=1e-12)
        np.testing.assert_allclose(cubic.at([-1, 5]), [0, 8])
        assert Curve("a", np.array([1.0]), np.array([0.5])).at([0, 1, 2]).tolist() == [0.5] * 3

    def test_the_bezier_that_blender_draws_is_the_same(self):
        h, v0, v1, s0, s1 = 0.4, 0.1, 0.9, 2.0, -1.0
        curve = Curve("a", np.array([0, h]), np.array([v0, v1]), np.array([0, s1]), np.array([s0, 0]))
        u = np.linspace(0, 1, 20)
        points = v0, 3 * (v0 + s0 * h / 3), 3 * (v1 - s1 * h / 3), v1
        bezier = sum(p * u**i * (1 - u) ** (3 - i) for i, p in enumerate(points))
        np.testing.assert_allclose(curve.at(u * h), bezier, atol=1e-12)


def test_rig_and_its_controls():
    rig = Rig("Head", ("Face",), (Key("jawOpen", ("Face",)),), (Bone("head.x", "Rig", np.eye(3)),))
    assert rig.key("jawOpen").moves and rig.key("x") is None
    assert rig.bone("head.x").armature == "Rig" and rig.bone("x") is None
    for name in ("head", "head.x", "a:b", "x:rot_y"):
        for axis in "xyz":
            for kind in ("rot", "loc"):
                assert parse_control(bone_control(name, axis, kind)) == (name, axis, kind)
    for name in ("jawOpen", "bone:head", "bone:head:rot_w", "bone::rot_x"):
        assert parse_control(name) is None


def test_style_knows_every_group():
    assert set(Style().intensity) == set(Style().cutoff_hz) == set(channels.GROUPS)


def test_phones_without_their_marks():
    assert [phones.base(p) for p in ("ˈpʰ", "bː", "t͡ʃ", "n̩", "ɑ̃ː")] == ["p", "b", "t͡ʃ", "n", "ɑ"]
    assert "m" in phones.BILABIAL and "f" in phones.LABIODENTAL and not phones.BILABIAL & phones.LABIODENTAL


def test_errors_carry_a_hint():
    for kind in (InputError, MediaError, FormatError, CharacterError, OutputError):
        error = kind("what", "do this")
        assert isinstance(error, FaceanimError) and (str(error), error.hint) == ("what", "do this")


class TestFiles:
    def test_input(self, tmp_path):
        (tmp_path / "empty.wav").touch()
        (tmp_path / "voice.flac").write_text("x")
        assert input_file(str(tmp_path / "voice.flac")).name == "voice.flac"
        for name, why in (("", "folder"), ("empty.wav", "empty"), ("voice.wav", "there is no")):
            with pytest.raises(MediaError, match=why) as error:
                input_file(tmp_path / name, "sound", MediaError)
            assert error.value.hint
        assert "voice.flac" in error.value.hint

    def test_replacing(self, tmp_path):
        path = tmp_path / "out.csv"
        with replacing(path) as temporary:
            assert temporary.parent == tmp_path and temporary.suffix == ".csv" and not path.exists()
            temporary.write_text("new")
        assert path.read_text() == "new" and os.listdir(tmp_path) == ["out.csv"]
        if os.name == "posix":
            mask = os.umask(0)
            os.umask(mask)
            assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask

    def test_a_failure_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "out.csv"
        path.write_text("old")
        with pytest.raises(OutputError, match="disk is full"), replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")
        with pytest.raises(KeyError), replacing(path):
            raise KeyError
        assert path.read_text() == "old" and os.listdir(tmp_path) == ["out.csv"]

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "folder").mkdir()
        for name, why in (("none/a.csv", "folder does not exist"), ("folder", "locked")):
            with pytest.raises(OutputError, match=why) as error, replacing(tmp_path / name) as temporary:
                temporary.write_text("x")
            assert error.value.hint
        assert os.listdir(tmp_path) == ["folder"]
