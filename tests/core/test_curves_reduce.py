"""Key reduction holds its error on frames, does not overshoot between them, and saves keys."""

import time

import numpy as np
import pytest

from faceanim.core.track import Track
from faceanim.curves.reduce import reduce


def lively(frames=900, channels=12, fps=60.0, hz=3.0, seed=0):
    """Smooth random curves 0..1 with flat stretches at both limits, as faces have them."""
    rng = np.random.default_rng(seed)
    f = np.fft.rfftfreq(frames, 1 / fps)
    spectrum = rng.normal(size=(channels, len(f))) + 1j * rng.normal(size=(channels, len(f)))
    spectrum *= np.exp(-((f / hz) ** 2))
    x = np.fft.irfft(spectrum, frames, axis=1)
    return np.clip(0.3 + 0.4 * x / x.std(1, keepdims=True), 0, 1).T


def track_of(values, fps=60.0):
    values = np.asarray(values, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    return Track.of(fps, [f"c{i}" for i in range(values.shape[1])], values)


def worst(curves, track):
    return max(float(np.abs(c.at(track.times) - track.values[:, i]).max()) for i, c in enumerate(curves))


def test_each_channel_may_have_a_tolerance_of_its_own():
    track = track_of(lively(channels=3))
    tolerance = np.array([0.02, 0.001, 0.005])
    curves = reduce(track, tolerance)
    off = [np.abs(c.at(track.times) - track.values[:, i]).max() for i, c in enumerate(curves)]
    assert (off <= tolerance).all() and curves[0].keys < curves[2].keys < curves[1].keys


@pytest.mark.parametrize("fps", [12.0, 23.976, 24.0, 25.0, 30.0, 60.0])
@pytest.mark.parametrize("tolerance", [0.001, 0.005, 0.02])
def test_error_on_frames_is_within_the_tolerance(fps, tolerance):
    track = track_of(lively(fps=fps, seed=int(fps)), fps)
    curves = reduce(track, tolerance)
    assert worst(curves, track) <= tolerance
    assert [c.control for c in curves] == list(track.channels)


def test_keys_are_whole_frames_with_the_first_and_the_last():
    track = Track.of(24, ["a", "b"], lively(200, 2, 24.0), start=1.5)
    for curve in reduce(track, 0.005):
        frames = (curve.times - 1.5) * 24
        np.testing.assert_allclose(frames, np.rint(frames), atol=1e-9)
        assert (np.diff(frames) > 0.5).all()
        assert (frames[0], frames[-1]) == pytest.approx((0, 199))


def test_between_frames_no_overshoot():
    rng = np.random.default_rng(5)
    steps = np.repeat(rng.integers(0, 2, 60), 5).astype(float)
    blinks = np.zeros(300)
    blinks[50:53] = blinks[150:153] = 0.5, 1, 0.5
    noise = rng.uniform(size=300)
    track = track_of(np.stack([steps, blinks, noise, *lively(300, 6, 24.0, 6.0).T], 1), 24.0)
    fine = np.linspace(0, 299 / 24, 299 * 16 + 1)
    for i, curve in enumerate(reduce(track, 0.005)):
        x = curve.at(fine)
        assert x.min() >= -0.005 and x.max() <= 1.005
        # inside the range of the two frames, and where it bends no further out than a smooth curve may
        left, right = track.values[:-1, i], track.values[1:, i]
        bend = np.abs(np.diff(track.values[:, i], 2, prepend=track.values[0, i], append=track.values[-1, i])) / 4
        room = 0.005 + np.maximum(bend[:-1], bend[1:])
        inside = x[:-1].reshape(-1, 16)
        assert (inside <= (np.maximum(left, right) + room)[:, None]).all()
        assert (inside >= (np.minimum(left, right) - room)[:, None]).all()


def test_a_held_value_is_held_between_its_frames():
    values = np.array([0, 0.1, 0.5, 0.8, 0.8, 0.8, 0.8, 0.3, 0, 0, 0, 0], float)
    curve = reduce(track_of(values, 25.0), 0.005)[0]
    assert np.abs(curve.at(np.linspace(3, 6, 100) / 25) - 0.8).max() <= 0.01
    assert np.abs(curve.at(np.linspace(8, 11, 100) / 25)).max() <= 0.005


def test_constant_channels_have_one_key():
    curves = reduce(track_of(np.stack([np.full(50, 0.25), np.zeros(50), np.linspace(0, 0.004, 50)], 1)), 0.005)
    assert [c.keys for c in curves] == [1, 1, 1]
    assert curves[0].values[0] == 0.25 and curves[1].values[0] == 0
    assert curves[2].at(np.array([0.3])) == pytest.approx(0.002, abs=1e-6)


def test_a_straight_line_has_two_keys_and_a_parabola_too():
    t = np.linspace(0, 1, 400)
    curves = reduce(track_of(np.stack([t, t * t], 1)), 0.005)
    assert [c.keys for c in curves] == [2, 2]


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_tiny_tracks(frames):
    track = track_of(np.linspace(0, 1, frames))
    curve = reduce(track, 0.005)[0]
    assert curve.keys == frames if frames < 3 else curve.keys == 2
    if frames:
        assert worst([curve], track) <= 0.005


def test_no_channels():
    assert reduce(Track.of(60, (), np.zeros((10, 0))), 0.005) == []


def test_rotations_beyond_1_keep_their_range():
    values = 2 * lively(300, 2) - 1
    track = track_of(values * 1.5)
    curves = reduce(track, 0.01)
    assert worst(curves, track) <= 0.01


def test_a_minute_of_60_controls_is_quick_and_saves_keys():
    track = track_of(lively(3600, 60))
    began = time.process_time()
    curves = reduce(track, 0.005)
    spent = time.process_time() - began
    keys = sum(c.keys for c in curves)
    slopes = [(c.slopes_in - c.slopes_out)[1:-1] for c in curves]
    smooth = np.mean(np.abs(np.concatenate(slopes)) < 1e-6)
    print(f"60 x 3600: {spent:.2f} s, {track.values.size / keys:.1f} frames a key, {smooth:.0%} smooth keys")
    assert keys * 5 < track.values.size
    assert smooth > 0.5
    assert spent < 3
