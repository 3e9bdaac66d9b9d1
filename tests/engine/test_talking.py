"""A voice and a video together: the mouth goes as it is seen, and closes where it is heard to.

The full figures: python -m faceanim.evaluate.talking DATA
"""

import pytest

pytest.importorskip("mediapipe", reason="needs the face landmarker")

from faceanim.errors import InputError
from faceanim.evaluate import talking


def test_a_mouth_that_is_seen_and_heard(data, capsys):
    if not (data / "grid" / "clips").is_dir():
        pytest.skip("needs GRID's clips")
    rows = talking.run(data, 3)
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
