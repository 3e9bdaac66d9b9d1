"""Tridiagonal systems, one or several side by side."""

import numpy as np

from faceanim.core.tridiagonal import solved


def test_it_solves_as_the_whole_matrix_does():
    draw = np.random.default_rng(0)
    diagonal, off, right = draw.uniform(3, 5, (6, 2)), draw.uniform(-1, 1, (5, 2)), draw.normal(size=(6, 2))
    kept = diagonal.copy(), right.copy()
    together = solved(diagonal, off, right)
    for c in range(2):
        whole = np.diag(diagonal[:, c]) + np.diag(off[:, c], 1) + np.diag(off[:, c], -1)
        assert np.allclose(together[:, c], np.linalg.solve(whole, right[:, c]))
        assert np.allclose(solved(diagonal[:, c], off[:, c], right[:, c]), together[:, c])
    assert (diagonal == kept[0]).all() and (right == kept[1]).all()
    assert np.allclose(solved(np.array([2.0]), np.zeros(0), np.array([3.0])), [1.5])
