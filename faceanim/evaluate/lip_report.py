"""The page of `evaluate lips`: figures, who is hard, what is taken for what, mouths of the best and worst clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt

from ..core.files import replacing
from ..core.phones import BILABIAL, base
from . import lip_measures as measures
from .lips import GROUPS, Result, cell, rows_by_name
from .report import Page

TITLES = {
    "n": "clips", "closure_recall": "closures found", "closure_precision": "closures right",
    "closure_spill": "closed elsewhere", "penetration": "lips cross", "phone_accuracy": "phones, frames",
    "phone_error_rate": "phone errors", "viseme_accuracy": "visemes, frames", "viseme_uar": "visemes, mean recall",
    "boundary_median_s": "boundary ms, median", "boundary_p90_s": "90 %", "openness_uar": "closed narrow wide",
    "openness_spearman": "openness rho",
}  # fmt: skip
MEANING = (
    "Closures found: of the labelled p, b, m, at how many the lips met within 40 ms. Closures right: of the times that "
    "the lips met in speech, how many were at a p, b or m. Closed elsewhere: of the closed frames in speech, "
    "how many lie away from all of them. Boundaries: of the sounds that were found, how far their beginnings are off. "
    "Closed narrow wide: mean recall of the three, as many frames called wide as are labelled. Openness rho: "
    "Spearman's correlation of the lips' gap with how open the labelled sound is."
)
LABELLED, CLOSED, CURVE, OTHER = "#d1495b", "#2e86ab", "#333333", "#e7e7e7"
SHOWN = 3
"""So many of the worst and of the best clips are drawn."""


def write(report: Mapping[str, Any], found: Sequence[Result], folder: Path, data: str) -> Path:
    """index.html, its pictures and report.json into a folder, which is made where it is missing."""
    page = Page(f"Lips on {Path(data).name}: {report['n']} clips", folder)
    page.heading("Figures", MEANING)
    rows = rows_by_name(report)
    page.table(["", *TITLES.values()], [[name, *(cell(c, row[c]) for c in TITLES)] for name, row in rows.items()])
    if "not heard" in rows:
        page.note("Not heard: clips of speakers that the network was not trained on, as its card names them.")
    if report["failed"]:
        page.heading("Not measured")
        page.table(["clip", "why"], report["failed"].items())
    page.heading("Who is hard")
    page.picture("groups", groups(report), "Closures found and right, by speaker and by emotion")
    page.heading("Boundaries", "Predicted minus labelled time, of sounds that were found.")
    page.picture("boundaries", boundaries(found), "Histogram of boundary errors")
    page.heading("Visemes", "Rows as labelled, columns as solved from what was heard; each row adds up to 1.")
    page.picture("visemes", confusion(report), "Confusion of visemes, frame by frame")
    page.heading("Mouths", "The lips' gap on an average head. Red: labelled p, b, m. Blue: where the lips are closed.")
    ranked = sorted((r for r in found if len(r.scores.hit)), key=_quality)
    for title, part in (("worst", ranked[:SHOWN]), ("best", ranked[::-1][:SHOWN])):
        for n, result in enumerate(part):
            page.picture(f"{title}_{n + 1}", mouth(result), f"{title} clip {result.item.name}: gap over time")
    with replacing(page.folder / "report.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1), "utf-8")
    return page.write()


def _quality(result: Result) -> float:
    scores = result.scores
    right = scores.right.mean() if len(scores.right) else 0.0
    return float(scores.hit.mean() + right + 0.1 * (scores.visemes[:, 0] == scores.visemes[:, 1]).mean())


def groups(report: Mapping[str, Any]) -> plt.Figure:
    kinds = [g for g in GROUPS if report.get(f"by_{g}")] or ["all"]
    figure, axes = plt.subplots(1, len(kinds), figsize=(11, 3), squeeze=False, layout="constrained")
    for axis, kind in zip(axes[0], kinds, strict=True):
        rows = report.get(f"by_{kind}") or {"all": report}
        for k, (name, colour) in enumerate((("closure_recall", LABELLED), ("closure_precision", CLOSED))):
            heights = [row[name] or 0.0 for row in rows.values()]
            axis.bar(np.arange(len(rows)) + 0.38 * k - 0.19, heights, 0.36, color=colour, label=TITLES[name])
        axis.set_xticks(range(len(rows)), [f"{n} ({row['n']})" for n, row in rows.items()], rotation=30, ha="right")
        axis.set(ylim=(0, 1), title=f"by {kind}")
        axis.spines[["top", "right"]].set_visible(False)
    names = axes[0][0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower right", ncols=2, frameon=False, fontsize=8)
    return figure


def boundaries(found: Sequence[Result]) -> plt.Figure:
    edges = 1000 * np.concatenate([r.scores.edges for r in found])
    figure, axis = plt.subplots(figsize=(8, 2.6), layout="constrained")
    axis.hist(np.clip(edges, -100, 100), np.arange(-100, 101, 5), color=CLOSED)
    axis.axvline(0, color=CURVE, linewidth=0.8)
    axis.set(xlabel="ms; positive: later than labelled", ylabel="boundaries", xlim=(-100, 100))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def confusion(report: Mapping[str, Any]) -> plt.Figure:
    table = np.array(report["confusion"], float)
    used = np.flatnonzero(table.sum(0) + table.sum(1))
    table = table[np.ix_(used, used)] / np.maximum(table[np.ix_(used, used)].sum(1, keepdims=True), 1)
    names = [report["labels"][k].replace("_", " ") for k in used]
    size = 3 + 0.33 * len(used)
    figure, axis = plt.subplots(figsize=(size + 1.5, size), layout="constrained")
    axis.imshow(table, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(used)), names, rotation=90, fontsize=8)
    axis.set_yticks(range(len(used)), names, fontsize=8)
    for i, j in np.argwhere(table >= 0.1):
        colour = "white" if table[i, j] > 0.6 else "black"
        axis.text(j, i, f"{100 * table[i, j]:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
    axis.set(xlabel="predicted", ylabel="labelled")
    return figure


def mouth(result: Result) -> plt.Figure:
    """Gap over time, what is labelled and what was heard."""
    times = (np.arange(len(result.opening)) + 0.5) / measures.RATE
    closed = (result.opening >= measures.CLOSED_CM[0]) & (result.opening <= measures.CLOSED_CM[1])
    figure, axis = plt.subplots(figsize=(11, 2.9), layout="constrained")
    top = max(1.5, float(result.opening.max())) + 0.1
    axis.fill_between(times, -0.45, top, where=closed, color=CLOSED, alpha=0.18, step="mid", linewidth=0)
    axis.plot(times, result.opening, color=CURVE, linewidth=1.3)
    axis.axhspan(*measures.CLOSED_CM, color=CLOSED, alpha=0.08, linewidth=0)
    for k, (name, row) in enumerate((("labelled", result.item.labels), ("heard", result.phones))):
        low = top + 0.35 * (1 - k)
        for p in row:
            if not p.ipa or p.start >= times[-1] or getattr(p, "release", False):
                continue
            shut = base(p.ipa) in BILABIAL
            axis.add_patch(plt.Rectangle((p.start, low), p.end - p.start, 0.32, color=LABELLED if shut else OTHER))
            if shut and name == "labelled":
                axis.axvspan(p.start, p.end, ymax=0.78, color=LABELLED, alpha=0.25, linewidth=0)
            middle = (p.start + p.end) / 2
            axis.text(middle, low + 0.16, p.ipa, ha="center", va="center", fontsize=7, clip_on=True)
        axis.text(times[-1] * 1.005, low + 0.16, name, va="center", fontsize=7)
    fields = ", ".join(f"{g} {result.item.fields[g]}" for g in GROUPS if result.item.fields.get(g))
    scores = result.scores
    axis.set(xlim=(0, times[-1]), ylim=(-0.45, top + 0.72), ylabel="gap cm", xlabel="s")
    axis.set_title(
        f"{result.item.name}  {fields}: {int(scores.hit.sum())} of {len(scores.hit)} closures found, "
        f"{int(scores.right.sum())} of {len(scores.right)} right", fontsize=9, loc="left",
    )  # fmt: skip
    axis.spines[["top", "right"]].set_visible(False)
    return figure
