"""Regions of a face that something hides."""

import numpy as np
import pytest

from faceanim.core.style import Style
from faceanim.core.take import Take
from faceanim.core.track import Track
from faceanim.solve.expression import EXPRESSION
from faceanim.solve.hidden import filled
from faceanim.solve.mix import mix

BLINKS = [EXPRESSION.index(f"eyeBlink{side}") for side in ("Left", "Right")]
INNER, JAW, SMILE = (EXPRESSION.index(name) for name in ("browInnerUp", "jawOpen", "mouthSmileLeft"))


def test_what_is_hidden_comes_from_the_other_side_or_is_not_known():
    values = np.full((4, len(EXPRESSION)), 0.1)
    values[:, BLINKS[1]] = 0.9
    sure = np.full_like(values, 0.8)
    hidden = np.array([[0, 0, 0], [0.9, 0.1, 0], [1, 1, 0], [0, 0, 0.7]])
    out, left = filled(values, sure, hidden)
    assert out[:2, BLINKS[0]] == pytest.approx([0.1, 0.9]) and left[:2, BLINKS[0]] == pytest.approx([0.8, 0.4])
    assert not left[2, [*BLINKS, INNER]].any() and left[2, JAW] == 0.8
    assert not left[3, [JAW, SMILE]].any() and left[3, BLINKS] == pytest.approx(0.8)
    np.testing.assert_array_equal(out[0], values[0])


def test_a_hidden_mouth_is_moved_by_the_sound():
    sure = np.ones((100, 2))
    sure[40:60] = 0
    seen = Track.of(50, ("jawOpen", "mouthPucker"), np.full((100, 2), 0.2), sure)
    lips = Track.of(50, ("jawOpen",), np.full((100, 1), 0.6), 1.0)
    take = Take(50, 100, {"expression": seen, "lips": lips})
    jaw = mix(take, Style(mouth_from="video")).column("jawOpen")
    assert jaw[50] == pytest.approx(0.6) and jaw[10] == pytest.approx(0.2)
