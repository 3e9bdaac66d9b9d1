"""A voice and a video together: the mouth goes as it is seen, and closes where it is heard to.

The full figures: python -m faceanim.evaluate.talking GRID
"""

from dataclasses import replace
from pathlib import Path

import made_media as media
import numpy as np
import pytest

from faceanim.core.clip import Clip
from faceanim.core.files import PRESETS
from faceanim.engine.analysis import analyze
from faceanim.errors import InputError
from faceanim.evaluate import talking
from faceanim.source import audio

pytest.importorskip("mediapipe", reason="needs the face landmarker")

RATE = 16000


def test_a_mouth_that_is_seen_and_heard(data, capsys):
    if not (data / "grid" / "clips").is_dir():
        pytest.skip("needs GRID's clips")
    rows = talking.run(data / "grid", 3)
    auto, audio = rows["auto"], rows["audio"]
    assert auto.opening > 0.88 and auto.opening > audio.opening + 0.1
    assert 0.65 < auto.slope < 1.1
    heard, held = auto.closures
    assert heard == held > 0


def test_without_clips(tmp_path, capsys):
    with pytest.raises(InputError):
        talking.run(tmp_path, 3)
    assert talking.main([str(tmp_path)]) == 1
    assert "hint" in capsys.readouterr().err


@pytest.mark.parametrize("late", [0.4, -0.4])
def test_pictures_that_are_off_their_sound(tmp_path, late):
    """The demo's head speaks the demo's speech; here that begins too early, or too late."""
    speech, by = audio.read(PRESETS / "demo" / "speech.flac", RATE), int(0.4 * RATE)
    sound = media.wav(tmp_path / "voice.wav", speech[by:] if late > 0 else np.pad(speech, (by, 0)))
    clip = Clip(audio=sound, video=PRESETS / "demo" / "face.mp4")
    found = analyze(clip)
    assert found.quality["video_late_s"] == pytest.approx(late, abs=0.05)
    assert any("--video-late" in note for note in found.quality["notes"])
    given = analyze(replace(clip, late=late))
    left = analyze(replace(clip, late=0.0))
    for take in (given, left):
        assert "video_late_s" not in take.quality and not take.quality.get("notes")
    moved, jaw, still = (take.layers["expression"].column("jawOpen") for take in (found, given, left))
    by = round(late * found.fps)
    inside = slice(max(0, -by), min(len(still), len(still) - by))
    np.testing.assert_allclose(jaw[inside], np.roll(still, -by)[inside], atol=1e-4)
    assert np.corrcoef(moved, jaw)[0, 1] > 0.95
    # what it feels goes along
    felt = (take.emotions["face_emotion"].column("happy") for take in (given, left))
    assert not np.allclose(*felt)


def test_pictures_too_far_off():
    with pytest.raises(InputError, match="61 s"):
        Clip(audio=Path("a.wav"), video=Path("v.mp4"), late=61.0)
    with pytest.raises(InputError, match="no pictures"):
        Clip(audio=Path("a.wav"), late=0.1)
    demo = PRESETS / "demo"
    with pytest.raises(InputError, match="nothing of"):
        analyze(Clip(audio=demo / "speech.flac", video=demo / "face.mp4", end=2.0, late=-2.0))
