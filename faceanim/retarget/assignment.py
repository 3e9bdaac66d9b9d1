"""Who gets what: the best pairs of a table of scores."""

from __future__ import annotations

import numpy as np


def assign(score: np.ndarray) -> np.ndarray:
    """int (rows,): the column of each row, -1 for none, with the largest sum of scores (Kuhn and Munkres)."""
    rows, columns = score.shape
    if rows > columns:
        result = np.full(rows, -1)
        back = assign(score.T)
        result[back] = np.arange(columns)
        return result
    cost = -np.asarray(score, float)
    u, v, owner = np.zeros(rows + 1), np.zeros(columns + 1), np.zeros(columns + 1, int)
    for row in range(1, rows + 1):
        owner[0], column = row, 0
        slack = np.full(columns + 1, np.inf)
        least, used, way = np.full(columns + 1, np.inf), np.zeros(columns + 1, bool), np.zeros(columns + 1, int)
        while True:
            used[column] = True
            slack[1:] = cost[owner[column] - 1] - u[owner[column]] - v[1:]
            better = ~used & (slack < least)
            least[better], way[better] = slack[better], column
            following = int(np.where(used, np.inf, least).argmin())
            step = least[following]
            u[owner[used]] += step
            v[used] -= step
            least[~used] -= step
            column = following
            if owner[column] == 0:
                break
        while column:
            owner[column], column = owner[way[column]], way[column]
    result = np.full(rows, -1)
    result[owner[1:][owner[1:] > 0] - 1] = np.flatnonzero(owner[1:] > 0)
    return result
