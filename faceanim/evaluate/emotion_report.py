"""The pages of `evaluate speech-emotion` and `face-emotion`: figures, confusions, whether chances can be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from sklearn import metrics

from ..core.emotion import LABELS
from ..core.files import replacing
from .classes import among, calibration, cell, unseen
from .emotions import Results, out_of_fold
from .report import Page

TITLES = {
    "n": "items", "accuracy": "accuracy", "uar": "UAR", "macro_precision": "precision", "macro_f1": "F1",
    "kappa": "kappa", "roc_auc": "ROC AUC", "ece": "calibration error",
}  # fmt: skip
MEANING = (
    "UAR: the classes' recalls, averaged, which a common class cannot raise. Precision and F1 are averaged likewise. "
    "Kappa: agreement beyond chance. ROC AUC: each class against the rest, averaged. Calibration error: how far the "
    "chance that is given lies from the share that is right."
)
HEARD = (
    "{} of {} recordings stand in the training of the network that is measured: on them it shows what it remembers. "
    "The row `out of fold` is what counts there: networks of the same recipe, each of which never heard the speakers "
    "that it is asked about."
)
BLUE, RED, GREY = "#2e86ab", "#d1495b", "#888888"


def write(
    report: Mapping[str, Any], results: Results, classes: Sequence[int], folder: Path, data: str
) -> Path:
    """index.html, its pictures and report.json into a folder, which is made where it is missing."""
    page = Page(f"Emotion of the voice on {Path(data).name}: {report['n']} recordings", folder)
    rows = {"all": report}
    if 0 < report["n_clean"] < report["n"]:
        rows["never heard"] = unseen(report)
    fold = report.get("out_of_fold")
    if fold:
        rows["out of fold"] = fold
    figures(page, rows)
    if report["n_clean"] < report["n"]:
        page.note(HEARD.format(report["n"] - report["n_clean"], report["n"]))
    if fold:
        each = ", ".join(f"{uar:.3f}" for uar in fold["uar_folds"])
        page.note(f"UAR of the folds: {each}; their mean {fold['uar_mean']:.3f}, deviation {fold['uar_sd']:.3f}.")
    if report["failed"]:
        page.heading("Not measured")
        page.table(["recording", "why"], report["failed"].items())
    truth, said, of_whom = told(results, classes, bool(fold))
    counted = fold or report
    by_class(page, counted, truth, said, of_whom)
    if len(counted["by_speaker"]) > 1:
        page.heading("Who is hard", of_whom)
        page.picture("speakers", speakers(counted["by_speaker"]), "UAR by speaker")
    return written(page, report)


def of_faces(report: Mapping[str, Any], truth: np.ndarray, said: np.ndarray, folder: Path, data: str) -> Path:
    """The same of pictures of faces. truth (N,), said (N, labels): of those that are counted, among the report's."""
    page = Page(f"Emotion of faces on {Path(data).name}: {report['n']} pictures", folder)
    few = 0 < report["n_clean"] < report["n"]
    figures(page, {"all": report} | ({"never seen": unseen(report)} if few else {}))
    if few:
        page.note(f"{report['n'] - report['n_clean']} pictures are empty or stand in the network's training too.")
    counted = {"labels": report["labels"], "confusion": report["confusion_clean"],
               "per_class": report["per_class_clean"]} if few else report  # fmt: skip
    by_class(page, counted, truth, said, "Pictures that no training saw" if few else "All pictures")
    return written(page, report)


def figures(page: Page, rows: Mapping[str, Mapping[str, Any]]) -> None:
    page.heading("Figures", MEANING)
    page.table(["", *TITLES.values()], [[name, *(cell(row[key]) for key in TITLES)] for name, row in rows.items()])


def by_class(page: Page, counted: Mapping[str, Any], truth: np.ndarray, said: np.ndarray, of_whom: str) -> None:
    """Confusion, classes, curves and calibration. counted: measures; truth (N,) and said (N, labels) of the same."""
    page.heading("What is taken for what", f"{of_whom}. Rows as labelled, columns as said; each row adds up to 1.")
    page.picture("confusion", confusion(counted), "Confusion of the emotions")
    page.heading("Classes", of_whom)
    names = ("n", "precision", "recall", "f1", "roc_auc")
    page.table(["", "items", "precision", "recall", "F1", "ROC AUC"],
               [[k, *(cell(row[name]) for name in names)] for k, row in counted["per_class"].items()])  # fmt: skip
    page.picture("curves", curves(truth, said, counted["labels"]), "ROC curve of each emotion against the rest")
    page.heading("Can the chances be trusted?", "On the line, what is said to be right in so many of 100 is so.")
    page.picture("calibration", reliability(truth, said), "Share that is right against the chance that was given")


def written(page: Page, report: Mapping[str, Any]) -> Path:
    with replacing(page.folder / "report.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1), "utf-8")
    return page.write()


def told(results: Results, classes: Sequence[int], folds: bool) -> tuple[np.ndarray, np.ndarray, str]:
    """Truth and probabilities that the pictures show, and of whom they are."""
    said, rows = np.stack(results.said), np.arange(len(results.items))
    if folds:
        saved = out_of_fold()
        rows = np.array([i for i in rows if results.items[i].name in saved])
        said = np.stack([saved[results.items[i].name][1] for i in rows])
    else:
        said = said[rows]
    truth = np.array([list(classes).index(results.items[i].label) for i in rows])
    return truth, among(said, classes), "Out of fold" if folds else "All recordings"


def confusion(report: Mapping[str, Any]) -> plt.Figure:
    table, names = np.array(report["confusion"], float), report["labels"]
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    figure, axis = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_yticks(range(len(names)), [f"{n} ({int(c)})" for n, c in zip(names, table.sum(1), strict=True)])
    for i, j in np.argwhere(share >= 0.005):
        colour = "white" if share[i, j] > 0.6 else "black"
        axis.text(j, i, f"{100 * share[i, j]:.0f}", ha="center", va="center", fontsize=9, color=colour)
    axis.set(xlabel="said, %", ylabel="labelled")
    return figure


def curves(truth: np.ndarray, said: np.ndarray, labels: Sequence[str]) -> plt.Figure:
    figure, axis = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    colours = plt.get_cmap("tab10").colors
    for k, label in enumerate(labels):
        if (truth == k).any() and (truth != k).any():
            wrong, right, _ = metrics.roc_curve(truth == k, said[:, k])
            axis.plot(wrong, right, color=colours[LABELS.index(label) % 10], label=label, linewidth=1.5)
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    axis.set(xlabel="share of the others that is taken for it", ylabel="share of it that is found", xlim=(0, 1),
             ylim=(0, 1.01))  # fmt: skip
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def reliability(truth: np.ndarray, said: np.ndarray) -> plt.Figure:
    _, rows = calibration(truth, said)
    used = rows[:, 0] > 0
    figure, axis = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    axis.plot(rows[used, 1], rows[used, 2], color=BLUE, linewidth=1.2)
    axis.scatter(rows[used, 1], rows[used, 2], s=10 + 400 * rows[used, 0] / len(truth), color=BLUE, zorder=3)
    axis.set(xlabel="chance that is given to what is said", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def speakers(rows: Mapping[str, Mapping[str, Any]]) -> plt.Figure:
    figure, axis = plt.subplots(figsize=(max(6.0, 0.38 * len(rows) + 2), 3), layout="constrained")
    axis.bar(range(len(rows)), [row["uar"] for row in rows.values()], 0.7, color=BLUE)
    names = [f"{name} ({row['n']})" for name, row in rows.items()]
    axis.set_xticks(range(len(rows)), names, rotation=60, ha="right", fontsize=8)
    axis.set(ylim=(0, 1), ylabel="UAR")
    axis.spines[["top", "right"]].set_visible(False)
    return figure
