import json
import os
from dataclasses import replace

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS
from faceanim.core.take import Mood, Phone, Take, Word
from faceanim.core.track import Track
from faceanim.errors import FormatError, OutputError
from faceanim.formats import files, livelink, safetensors, takes


def example(frames: int = 90) -> Take:
    rng = np.random.default_rng(0)
    lips = Track.of(60, ("jawOpen", "mouthClose", "tongueTipUp"), rng.random((frames, 3)), rng.random((frames, 3)))
    head = Track.of(60, ("headYaw",), rng.normal(size=(frames, 1)))
    emotion = Track.of(2, ("angry", "happy"), rng.random((4, 2)), start=0.25)
    return Take(
        fps=60.0,
        frames=frames,
        layers={"lips": lips, "head": head},
        phones=(Phone(0.0, 0.1, "", 1.0), Phone(0.1, 0.2, "t͡ʃ", 0.5)),
        words=(Word(0.1, 0.5, "Tschüß"),),
        emotions={"speech_emotion": emotion},
        moods=(Mood(0.2, 0.9, "happy", 0.75), Mood(0.5, 1.0, "sad", 1.0)),
        quality={"audio_rms_dbfs": np.float32(-20.5), "faces": 2, "note": "quiet", "nothing": float("nan")},
        provenance={"inputs": {"audio": {"sha256": "ab" * 32}}, "settings": {"path": None}},
    )


def same(a: Track, b: Track) -> None:
    assert (a.fps, a.start, a.channels) == (b.fps, b.start, b.channels)
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.confidence, b.confidence)


def test_round_trip(tmp_path):
    take = example()
    takes.write(take, tmp_path / "a.faceanim")
    back = takes.read(tmp_path / "a.faceanim")
    assert (back.fps, back.frames, back.phones, back.words) == (take.fps, take.frames, take.phones, take.words)
    assert back.moods == take.moods
    assert list(back.layers) == ["lips", "head"]
    for name in take.layers:
        same(back.layers[name], take.layers[name])
    same(back.emotions["speech_emotion"], take.emotions["speech_emotion"])
    assert back.quality == {"audio_rms_dbfs": -20.5, "faces": 2, "note": "quiet", "nothing": None}
    assert back.provenance == {"inputs": {"audio": {"sha256": "ab" * 32}}, "settings": {"path": None}}
    takes.write(back, tmp_path / "b.faceanim")
    assert (tmp_path / "a.faceanim").read_bytes() == (tmp_path / "b.faceanim").read_bytes()


def test_a_take_without_anything(tmp_path):
    takes.write(Take(fps=29.97, frames=0), tmp_path / "a.faceanim")
    assert takes.read(tmp_path / "a.faceanim") == Take(fps=29.97, frames=0)


def test_a_take_from_before_moods(tmp_path):
    takes.write(example(), tmp_path / "a.faceanim")
    arrays, metadata = safetensors.read(tmp_path / "a.faceanim")
    head = {name: value for name, value in json.loads(metadata["take"]).items() if name != "moods"}
    safetensors.write(tmp_path / "a.faceanim", arrays, {**metadata, "take": json.dumps(head)})
    back = takes.read(tmp_path / "a.faceanim")
    assert back.moods == () and back.words == example().words


def test_cut_in_half(tmp_path):
    path = tmp_path / "a.faceanim"
    takes.write(example(), path)
    whole = path.read_bytes()
    for size in (len(whole) // 2, len(whole) - 1, 100):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match="truncated") as error:
            takes.read(path)
        assert error.value.hint


def test_newer_not_one_and_damaged(tmp_path):
    path = tmp_path / "a.faceanim"
    takes.write(example(), path)
    arrays, metadata = safetensors.read(path)

    def refused(why, arrays=arrays, **changes):
        safetensors.write(path, arrays, {**metadata, **changes})
        with pytest.raises(FormatError, match=why) as error:
            takes.read(path)
        assert error.value.hint

    refused("newer faceanim: format 2", version="2")
    refused("damaged", version="new")
    refused("damaged", take="{")
    refused("damaged", take="[]")
    refused("not a take", format="other")
    head = json.loads(metadata["take"])
    refused("damaged", take=json.dumps({**head, "frames": 91}))
    refused("damaged", take=json.dumps({**head, "fps": 0}))
    refused("damaged", take=json.dumps({**head, "fps": 1e999}))
    refused("damaged", take=json.dumps({**head, "phones": [[0, 1]]}))
    refused("damaged.*a mood 'glad'", take=json.dumps({**head, "moods": [[0, 1, "glad", 1.0]]}))
    refused("damaged.*no 'layers'", take=json.dumps({k: v for k, v in head.items() if k != "layers"}))
    refused("damaged", take=json.dumps({**head, "layers": {"lips": ["jawOpen"], "head": ["headYaw"]}}))
    refused("damaged", take=json.dumps({**head, "layers": {"gone": ["jawOpen"]}}))
    refused("not finite", arrays={**arrays, "layers/head/values": np.full((90, 1), np.nan, np.float32)})
    for content in (b"PK\x03\x04 a zip archive", b"", b"short", b"Timecode,BlendshapeCount\n", os.urandom(5000)):
        path.write_bytes(content)
        with pytest.raises(FormatError):
            takes.read(path)
    with pytest.raises(FormatError, match="there is no take"):
        takes.read(tmp_path / "none.faceanim")
    with pytest.raises(FormatError, match="folder"):
        takes.read(tmp_path)


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.faceanim"
    takes.write(example(), path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        takes.write(replace(example(), phones=(3,)), path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.faceanim"]
    with pytest.raises(OutputError):
        takes.write(example(), tmp_path / "none" / "a.faceanim")


def test_files_pick_by_suffix(tmp_path):
    take = example()
    files.write(take, tmp_path / "a.FACEANIM")
    assert files.read(tmp_path / "a.FACEANIM").words == take.words
    track = Track.of(30, CHANNELS, np.random.default_rng(0).random((40, len(CHANNELS))))
    files.write(track, tmp_path / "a.csv")
    layers = files.read(tmp_path / "a.csv").layers
    assert list(layers) == ["expression", "gaze", "head"]
    assert layers["head"].channels == ("headYaw", "headPitch", "headRoll")
    assert "leftEyeYaw" in layers["gaze"].channels and "jawOpen" in layers["expression"].channels
    files.write(track, tmp_path / "b.faceanim")
    np.testing.assert_array_equal(
        files.read(tmp_path / "b.faceanim").layers["expression"].column("tongueCurl"), track.column("tongueCurl")
    )
    with pytest.raises(FormatError, match="mix|layers"):
        files.write(take, tmp_path / "c.csv")
    files.write(take.with_layer("head", None), tmp_path / "c.csv")
    np.testing.assert_allclose(
        livelink.read(tmp_path / "c.csv").column("jawOpen"), take.layers["lips"].column("jawOpen"), atol=1e-9
    )
    for name in ("a.fbx", "a"):
        with pytest.raises(FormatError, match="no known kind"):
            files.read(tmp_path / name)
        with pytest.raises(FormatError, match="no known kind"):
            files.write(take, tmp_path / name)
