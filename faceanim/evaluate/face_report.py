"""The page of `evaluate faces`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib import pyplot

from .face_measures import BANDS, lines
from .report import Page


def write(report: Mapping[str, Any], folder: Path, data: str) -> Path:
    """index.html and its pictures in `folder`; raises OutputError."""
    page = Page(f"Faces: {Path(data).name}", folder)
    page.note(f"A face was found in {report['detected']} of {report['n']} pictures.")
    rows = {"faceanim": report} | ({"MediaPipe": report["mediapipe"]} if "mediapipe" in report else {})
    if "r" in report:
        page.heading(
            "Correlation with the truth", "Mean r over the ARKit channels that move, by the head's yaw."
        )
        page.table(
            ["", "all", *BANDS, "mean error"],
            [[name, _cell(row["r"]), *(_cell(row["r_by_yaw"][band]) for band in BANDS), _cell(row["error"])]
             for name, row in rows.items()],
        )  # fmt: skip
        page.picture("channels", _channels(rows), "r of every channel")
    page.heading("The rest")
    page.table(["", ""], [[*line.split(": ", 1)] for line in lines(report) if ": " in line])
    return page.write()


def _channels(rows: Mapping[str, Mapping[str, Any]]):
    names = list(rows["faceanim"]["r_by_channel"])
    figure, axes = pyplot.subplots(figsize=(9, 0.2 * len(names) + 1), layout="constrained")
    for k, (label, row) in enumerate(rows.items()):
        values = [row["r_by_channel"].get(name, 0.0) for name in names]
        axes.barh([y + 0.4 * k for y in range(len(names))], values, 0.4, label=label)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(-0.2, 1)
    axes.legend()
    return figure


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
