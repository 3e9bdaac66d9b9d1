"""Mouths are as far open as they are seen to be."""

import numpy as np
import pytest

from faceanim.evaluate.lip_measures import GAP_CM
from faceanim.evaluate.talking import EYES_CM
from faceanim.solve.expression import EXPRESSION
from faceanim.solve.mouth_opening import CLOSE, COUNTS, JAW, LIMIT, PARTS, as_open

LOWER, SMILE = (EXPRESSION.index(name) for name in ("mouthLowerDownLeft", "mouthSmileLeft"))


def face(**values):
    row = np.zeros((1, len(EXPRESSION)), np.float32)
    for name, value in values.items():
        row[0, EXPRESSION.index(name)] = value
    return row


def parted(row):
    return row @ np.array([PARTS.get(name, 0.0) for name in EXPRESSION])


def given(row, by, count=1.0):
    return as_open(row, parted(row) + by, np.full(1, count))


@pytest.mark.parametrize("by", [-0.05, 0.03, 0.08])
def test_an_open_mouth_opens_as_far_as_it_is_seen_to(by):
    row = face(jawOpen=0.4, mouthLowerDownLeft=0.3, mouthSmileLeft=0.5)
    out = given(row, by)
    assert parted(out) - parted(row) == pytest.approx(COUNTS * by, rel=0.1)
    assert out[0, SMILE] == 0.5 and (out[0, LOWER] / 0.3) ** 2 == pytest.approx(out[0, JAW] / 0.4)


def test_what_is_not_known_changes_nothing_and_nothing_changes_without_limit():
    row = face(jawOpen=0.2)
    np.testing.assert_allclose(given(row, 0.1, 0.0), row, atol=1e-6)
    assert given(row, 1.0)[0, JAW] == pytest.approx(LIMIT**2 * 0.2)


def test_lips_that_touch_over_an_open_jaw_stay_closed():
    row = face(jawOpen=0.4, mouthClose=0.31)
    assert parted(given(row, 0.0)) == pytest.approx(parted(row), abs=1e-4)
    less = given(face(jawOpen=0.4, mouthClose=0.4), -0.1)
    assert less[0, JAW] < 0.4 and less[0, CLOSE] <= less[0, JAW]


def test_a_shut_mouth_that_trembles_stays_shut():
    assert given(face(), 0.01)[0, [JAW, LOWER]] == pytest.approx(0)


def test_the_solver_and_the_measure_know_the_same_head():
    for name, by in PARTS.items():
        assert by * EYES_CM == pytest.approx(GAP_CM[name], abs=0.01)
