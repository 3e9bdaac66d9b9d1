"""Measures of how well faces are read, on made-up readings."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")

from faceanim.errors import FormatError  # noqa: E402
from faceanim.evaluate import face_measures as measures  # noqa: E402
from faceanim.evaluate.faces import Predictions, Truth, spellings, truth_of  # noqa: E402

CHANNELS = ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft")


def both(n=200, noise=0.0, times=None):
    rng = np.random.default_rng(0)
    values = rng.random((n, 3))
    pose = rng.uniform(-60, 60, (n, 3)) * [1, 0.4, 0.4]
    gaze = rng.normal(0, 0.2, (n, 4))
    truth = Truth(CHANNELS, values, pose, gaze, None)
    told = values + noise * rng.normal(0, 1, values.shape)
    found = Predictions(CHANNELS, told, np.ones_like(told), np.ones(n, bool), pose.copy(), gaze.copy(), times, None)
    return found, truth


def test_a_perfect_reading():
    report = measures.report(*both())
    assert report["r"] == 1 and report["error"] == 0 and report["pose_error"] < 0.01
    assert set(report["r_by_yaw"].values()) == {1} and sum(report["n_by_yaw"].values()) == 200
    assert report["gaze"]["r"] == 1 and report["spread"] is None and "jitter" not in report


def test_noise_lowers_r_by_as_much_as_it_must():
    report = measures.report(*both(5000, 0.3))
    expected = np.sqrt((1 / 12) / (1 / 12 + 0.09))
    assert report["r"] == pytest.approx(expected, abs=0.02)
    assert "".join(measures.lines(report))


def test_what_is_told_too_small_is_no_less_right_but_told_to_be_small():
    found, truth = both()
    found.coefficients[:] *= 0.5
    report = measures.report(found, truth)
    assert report["r"] == 1 and report["amplitude"] == 0.5


def test_faces_that_were_not_found_do_not_count():
    found, truth = both()
    found.coefficients[::3] = np.nan
    found.detected[::3] = False
    report = measures.report(found, truth)
    assert report["r"] == 1 and report["detected"] == report["n"] - 67


def test_gaze_that_follows_the_head_is_told():
    found, truth = both()
    found.gaze[:, [0, 2]] += 0.3 * np.radians(truth.pose[:, :1])
    assert measures.report(found, truth)["gaze_leak"] > 0.99


def test_eyes_that_never_move_have_no_correlation():
    found, truth = both(30)
    truth.gaze[:] = 0
    report = measures.report(found, truth)
    assert report["gaze"]["r"] is None and any(line.startswith("gaze: r -") for line in measures.lines(report))


def test_the_spread_of_one_expression_over_poses():
    found, truth = both(26)
    values = np.repeat([[0.6, 0.5, 0.0], [0.3, 0.0, 0.9]], 13, 0)
    told = values + np.tile(np.linspace(-0.1, 0.1, 13), 2)[:, None]
    pose = np.tile(np.stack([np.linspace(-45, 45, 13), np.zeros(13), np.zeros(13)], 1), (2, 1))
    truth = Truth(CHANNELS, values, pose, None, np.repeat([1, 2], 13))
    columns = dict(zip(CHANNELS, told.T, strict=True))
    spread = measures.spread(columns, truth, np.ones(26, bool))
    assert spread["mean"] == pytest.approx(np.linspace(-0.1, 0.1, 13).std()) and spread["share"] == 0


def test_a_head_that_nods_when_the_mouth_opens():
    found, truth = both(12)
    opening = np.tile(np.linspace(0, 1, 6), 2)
    pose = np.repeat([[0.0, 0, 0], [25.0, 10, 0]], 6, 0)
    truth = Truth(CHANNELS, np.column_stack([opening, 0 * opening, 0 * opening]), pose, None, np.ones(12))
    found = replace(found, pose=pose + np.outer(opening, [0, 3.0, 0]))
    assert measures.nods(found, truth) == pytest.approx({"mean": 3, "worst": 3})
    assert measures.nods(*both()) is None


def test_lag_and_jitter_in_time():
    times = np.arange(300) / 60
    blink = np.zeros(300)
    for start in (40, 120, 200):
        blink[start : start + 8] = np.hanning(8)
    later = np.roll(blink, 3)
    assert measures.lag(later, blink, times) == pytest.approx(3 / 60, abs=0.005)
    assert measures.lag(blink, blink, times) == 0
    noise = np.random.default_rng(0).normal(0, 0.01, (300, 3))
    drift = noise + 0.2 * times[:, None]
    found = measures.jitter(drift, times, np.ones(300, bool), [np.arange(0, 100), np.arange(100, 200)])
    assert found == pytest.approx(0.01, rel=0.15)


def test_rotations_are_those_of_the_head():
    yaw, pitch, roll = measures.rotations(np.array([[20.0, 0, 0], [0, 20, 0], [0, 0, 20]]))
    assert (yaw @ [0, 0, 1])[0] > 0 and (pitch @ [0, 0, 1])[1] < 0 and (roll @ [1, 0, 0])[1] < 0


def test_names_in_either_spelling(tmp_path):
    assert "mouthSmile_L" in spellings("mouthSmileLeft") and spellings("jawLeft")[0] == "jawLeft"
    names = ["jawOpen", "mouthSmile_L", "browInnerUp_L", "browInnerUp_R"]
    np.savez(tmp_path / "truth.npz", weights=[[0.5, 1, 0.2, 0.4]], names=names, pose=[[1, 2, 3]])
    truth = truth_of(tmp_path / "truth.npz")
    columns = dict(zip(truth.channels, truth.values[0], strict=True))
    assert columns == pytest.approx({"browInnerUp": 0.3, "jawOpen": 0.5, "mouthSmileLeft": 1})
    np.savez(tmp_path / "bad.npz", weights=[[0.5]], names=names, pose=[[1, 2, 3]])
    with pytest.raises(FormatError):
        truth_of(tmp_path / "bad.npz")
    (tmp_path / "none.npz").write_bytes(b"no")
    with pytest.raises(FormatError):
        truth_of(tmp_path / "none.npz")
