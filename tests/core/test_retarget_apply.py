"""Track and Mapping to controls, within limits."""

import time

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS
from faceanim.core.mapping import Mapping, Target
from faceanim.core.track import Track
from faceanim.retarget.apply import apply


def test_weights_gain_offset_and_limits():
    names, values = ("jawOpen", "mouthClose", "headYaw"), [[0.5, 0.2, -0.4], [1.0, 1.0, 0.4]]
    track = Track.of(24, names, values, [[1, 0.5, 1], [0, 0, 1]], start=0.5)
    mapping = Mapping("m", {
        "Open": Target({"jawOpen": 1, "mouthClose": -1}),
        "Twice": Target({"jawOpen": 1}, gain=2, offset=-0.2, maximum=0.7),
        "bone:head:rot_y": Target({"headYaw": 0.5}, minimum=-0.1, maximum=1.0),
        "Missing": Target({"browInnerUp": 1}, offset=0.3),
    })
    out = apply(track, mapping)
    assert out.channels == mapping.controls and (out.fps, out.start) == (24, 0.5)
    np.testing.assert_allclose(out.values, [[0.3, 0.7, -0.1, 0.3], [0, 0.7, 0.2, 0.3]], atol=1e-6)
    np.testing.assert_allclose(out.confidence[0], [0.75, 1, 1, 0])


def test_an_empty_mapping_and_an_empty_track():
    track = Track.of(24, ("jawOpen",), np.zeros((5, 1)))
    assert apply(track, Mapping()).values.shape == (5, 0)
    assert apply(Track.of(24, (), np.zeros((5, 0))), Mapping("m", {"a": Target({"jawOpen": 1})})).values.shape == (5, 1)


def test_quick():
    track = Track.of(60, CHANNELS, np.random.default_rng(0).uniform(size=(3600, len(CHANNELS))))
    mapping = Mapping("m", {c: Target({c: 1.0}) for c in CHANNELS})
    began = time.process_time()
    out = apply(track, mapping)
    spent = time.process_time() - began
    print(f"retarget of 60 s: {spent * 1e3:.1f} ms")
    assert out.values[7] == pytest.approx(np.clip(track.values[7], 0, 1), abs=1e-6)
    assert spent < 0.5
