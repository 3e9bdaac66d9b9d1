"""Sums of curves are curves: the same values everywhere, not at keys alone."""

import numpy as np
import pytest

from faceanim.core.curve import Curve, combined


def test_a_sum_is_exact_between_keys():
    rng = np.random.default_rng(1)
    curves = []
    for count in (2, 5, 9):
        times = np.sort(rng.uniform(0, 3, count))
        curves.append(Curve("", times, *rng.normal(size=(3, count))))
    weights = (0.5, -2.0, 1.5)
    total = combined("c", zip(curves, weights, strict=True), 0.25)
    moments = np.linspace(-0.5, 3.5, 801)
    wanted = 0.25 + sum(w * c.at(moments) for c, w in zip(curves, weights, strict=True))
    assert total.at(moments) == pytest.approx(wanted, abs=1e-7) and total.control == "c"


def test_straight_lines_stay_straight():
    a, b = Curve("", np.array([0.0, 2.0]), np.array([0.0, 2.0])), Curve("", np.array([1.0]), np.array([3.0]))
    total = combined("c", [(a, 1.0), (b, 2.0)])
    assert total.slopes_in is None and total.at(np.array([0.0, 0.5, 1.5])) == pytest.approx([6.0, 6.5, 7.5])
