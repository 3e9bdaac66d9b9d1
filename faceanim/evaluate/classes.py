"""Measures of a classifier: what was said of each item against what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

BINS = 15
"""Of confidence, for the calibration error (Guo et al. 2017 use as many)."""
MAIN = ("n", "accuracy", "uar", "macro_precision", "macro_f1", "kappa", "roc_auc", "ece")
"""Of `measures`: what stands in tables."""


def measures(truth: np.ndarray, probabilities: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Of true classes int (N,) and probabilities (N, labels), whose rows are 1 in all.

    n, accuracy, uar (recalls' mean), macro_precision, macro_f1, kappa (Cohen 1960), roc_auc (each class against the
    rest, their mean), ece (see calibration), per_class {label: n, precision, recall, f1, roc_auc}, confusion (truth
    down, said across), labels. Means are over the classes that occur; roc_auc is None where there is one alone.
    """
    said, every = probabilities.argmax(1), np.arange(len(labels))
    precision, recall, f1, count = metrics.precision_recall_fscore_support(
        truth, said, labels=every, zero_division=0.0
    )
    there = count > 0
    areas = [_area(truth == k, probabilities[:, k]) for k in every]
    known = [area for area in areas if area is not None]
    one = len(np.unique(np.concatenate((truth, said)))) < 2
    return {
        "n": len(truth),
        "accuracy": float((truth == said).mean()),
        "uar": float(recall[there].mean()),
        "macro_precision": float(precision[there].mean()),
        "macro_f1": float(f1[there].mean()),
        "kappa": 1.0 if one else float(metrics.cohen_kappa_score(truth, said, labels=every)),
        "roc_auc": float(np.mean(known)) if known else None,
        "ece": calibration(truth, probabilities)[0],
        "per_class": {
            label: {"n": int(count[k]), "precision": float(precision[k]), "recall": float(recall[k]),
                    "f1": float(f1[k]), "roc_auc": areas[k]}
            for k, label in enumerate(labels)
        },
        "labels": list(labels),
        "confusion": metrics.confusion_matrix(truth, said, labels=every).tolist(),
    }  # fmt: skip


def _area(is_it: np.ndarray, chance: np.ndarray) -> float | None:
    return float(metrics.roc_auc_score(is_it, chance)) if is_it.any() and not is_it.all() else None


def calibration(truth: np.ndarray, probabilities: np.ndarray) -> tuple[float, np.ndarray]:
    """The expected calibration error; and items, mean confidence, accuracy (BINS, 3) of each of BINS of confidence."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    rows = np.zeros((BINS, 3))
    for k in np.unique(bins):
        rows[k] = (bins == k).sum(), sure[bins == k].mean(), right[bins == k].mean()
    return float((rows[:, 0] * np.abs(rows[:, 1] - rows[:, 2])).sum() / len(truth)), rows


def among(probabilities: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """(N, columns): of some classes alone, in rows of 1 in all; where they have no chance at all, each the same."""
    chosen = probabilities[:, list(columns)].astype(float)
    total = chosen.sum(1, keepdims=True)
    return np.where(total > 1e-9, chosen / np.maximum(total, 1e-9), 1 / len(columns))


def table(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Lines of MAIN, a named row each."""
    lines = [f"{'':<14}" + "".join(f"{name.removeprefix('macro_')[:9]:>10}" for name in MAIN)]
    return lines + [f"{name:<14}" + "".join(f"{cell(row[key]):>10}" for key in MAIN) for name, row in rows.items()]


def cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def rounded(value: Any) -> Any:
    """A report with its numbers to four places."""
    if isinstance(value, Mapping):
        return {name: rounded(v) for name, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value


def unseen(report: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a report's items that no training knew, whose keys end in `_clean`."""
    return {name: report.get(f"{name}_clean") for name in MAIN}
