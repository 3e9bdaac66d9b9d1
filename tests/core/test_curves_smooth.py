"""Zero phase, the stated cutoff, no ringing, contacts untouched."""

import time

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS, GROUP_OF
from faceanim.core.style import Style
from faceanim.core.track import Track
from faceanim.curves.smooth import lowpass, smooth


def sine(hz, fps=60.0, seconds=10.0):
    t = np.arange(int(seconds * fps)) / fps
    return np.sin(2 * np.pi * hz * t)[:, None].astype(np.float32)


@pytest.mark.parametrize("fps,cutoff", [(60.0, 4.0), (60.0, 12.0), (120.0, 12.0), (240.0, 1.0)])
def test_3_db_at_the_cutoff_and_no_lag(fps, cutoff):
    x = sine(cutoff, fps, 20.0)
    y = lowpass(x, fps, np.array([cutoff]))
    inner = slice(int(2 * fps), -int(2 * fps))
    gain = np.abs(y[inner]).max() / np.abs(x[inner]).max()
    assert 20 * np.log10(gain) == pytest.approx(-3.0, abs=0.3)
    lags = [float((x[inner, 0] * np.roll(y[:, 0], -k)[inner]).sum()) for k in (-1, 0, 1)]
    assert np.argmax(lags) == 1
    assert lags[0] == pytest.approx(lags[2], rel=1e-2)


def test_a_step_does_not_ring_and_stays_centred():
    x = np.repeat([0.0, 1.0], 60)[:, None].astype(np.float32)
    y = lowpass(x, 60.0, np.array([4.0]))[:, 0]
    assert y.min() >= -1e-6 and y.max() <= 1 + 1e-6
    assert (np.diff(y) >= -1e-6).all()
    assert y[59] + y[60] == pytest.approx(1.0, abs=1e-5)


def test_a_long_kernel_gives_what_the_sum_gives():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(900, 3)).astype(np.float32)
    sigma = np.sqrt(np.log(2)) / (2 * np.pi) / 0.4 * 60
    reach = int(np.ceil(4 * sigma))
    assert reach > 64
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(x, ((reach, reach), (0, 0)), mode="reflect")
    expected = np.stack([np.convolve(padded[:, c], kernel / kernel.sum(), "valid") for c in range(3)], 1)
    np.testing.assert_allclose(lowpass(x, 60.0, np.full(3, 0.4)), expected, atol=1e-5)


def test_a_cutoff_of_0_and_short_tracks_pass():
    x = sine(8.0)
    assert lowpass(x, 60.0, np.zeros(1)) is not x
    np.testing.assert_array_equal(lowpass(x, 60.0, np.zeros(1)), x)
    for n in (0, 1, 2, 5):
        assert lowpass(x[:n], 60.0, np.array([3.0])).shape == (n, 1)


def test_each_group_has_its_cutoff_and_what_is_kept_is_kept():
    rng = np.random.default_rng(2)
    track = Track.of(60, ("jawOpen", "browInnerUp", "tongueOut"), rng.uniform(size=(300, 3)))
    keep = np.zeros(300)
    keep[100:120] = 1
    out = smooth(track, {"jaw": 5.0, "brows": 2.0}, {"jaw": keep})
    np.testing.assert_array_equal(out.column("tongueOut"), track.column("tongueOut"))
    np.testing.assert_allclose(out.column("jawOpen")[100:120], track.column("jawOpen")[100:120], atol=1e-6)
    rough = {n: np.diff(out.column(n)).std() for n in track.channels}
    assert rough["browInnerUp"] < rough["jawOpen"] < rough["tongueOut"]
    np.testing.assert_array_equal(out.confidence, track.confidence)


def test_a_minute_of_all_channels_takes_well_under_a_tenth_of_a_second():
    track = Track.of(60, CHANNELS, np.random.default_rng(3).uniform(size=(3600, len(CHANNELS))))
    began = time.process_time()
    smooth(track, Style().cutoff_hz)
    spent = time.process_time() - began
    print(f"smoothing {len(GROUP_OF)} channels x 3600 frames: {spent * 1e3:.1f} ms")
    assert spent < 0.5
