"""`evaluate motion`: blinks, saccades and head motion of takes, in numbers beside those measured of people."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.clip import Clip
from ..core.files import PRESETS
from ..core.style import Style
from ..core.take import Take
from ..engine.analysis import analyze
from ..errors import Cancelled, InputError, MediaError
from ..formats import takes
from ..pipeline import channels
from . import motion_measures as measures
from .motion_measures import Motion


@dataclass
class Results:
    found: dict[str, Motion] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The command: `measures` {name: {value, published, low, high, unit, source, usual}}, by what published.json
    lists; the raw ones under `blinks`, `saccades`, `head`."""
    paths = [args.data, *args.more]
    results = read(paths, args.progress)
    if not results.found:
        name, why = next(iter(results.failed.items()))
        raise MediaError(f"nothing could be measured; {name}: {why}", "name takes (.faceanim) or recordings of speech")
    motions = list(results.found.values())
    report = summary(motions) | {"failed": results.failed}
    if args.output is not None:
        from . import motion_report

        motion_report.write(report, results.found, args.output)
    return report


def read(paths: Sequence[Path], progress: Callable[[float, str], None]) -> Results:
    """Takes as they are; recordings through the whole analysis. One that is refused is listed, not measured."""
    results = Results()
    for i, path in enumerate(paths):
        progress(i / len(paths), "measuring")
        try:
            take = takes.read(path) if path.suffix.lower() == takes.SUFFIX else _analyzed(path)
            name = path.stem if path.stem not in results.found else str(path)
            results.found[name] = of(take)
        except Cancelled:
            raise
        except InputError as error:
            results.failed[str(path)] = error.message
    return results


def _analyzed(path: Path) -> Take:
    try:
        return analyze(Clip(video=path))
    except MediaError:
        return analyze(Clip(audio=path))


def of(take: Take) -> Motion:
    """What moves in a Take as it is animated in the default style."""
    return measures.motion(take, channels(take, Style()))


def published() -> list[dict[str, Any]]:
    return json.loads((PRESETS / "motion" / "published.json").read_text(encoding="utf-8"))["measures"]


def summary(motions: Sequence[Motion]) -> dict[str, Any]:
    values = measures.pooled(motions)
    table = {}
    for row in published():
        value = values.get(row["name"])
        usual = None if value is None else bool(row["low"] <= value <= row["high"])
        table[row["name"]] = {
            "value": None if value is None else round(value, 4), "published": row["value"], "low": row["low"],
            "high": row["high"], "unit": row["unit"], "source": row["source"], "usual": usual,
        }  # fmt: skip
    return {
        "what": "motion",
        "n": len(motions),
        "seconds": round(sum(m.seconds for m in motions), 2),
        "blinks": sum(len(m.blinks.start) for m in motions),
        "saccades": sum(len(m.saccades.start) for m in motions),
        "measures": table,
    }


def text(report: Mapping[str, Any]) -> str:
    titles = {row["name"]: row["title"] for row in published()}
    what = f"{report['n']} takes, {report['seconds']:.1f} s"
    lines = [f"{what}, {report['blinks']} blinks, {report['saccades']} saccades", f"{'':<74}    here    people  usual"]
    for name, row in report["measures"].items():
        value = "-" if row["value"] is None else f"{row['value']:.3g}"
        verdict = {True: "yes", False: "NO", None: ""}[row["usual"]]
        title = f"{titles[name]} ({row['unit']})" if row["unit"] else titles[name]
        usual = f"{row['low']:g} to {row['high']:g}"
        lines.append(f"{title:<74}{value:>8}  {row['published']:>8g}  {usual:<13} {verdict}".rstrip())
    lines += [f"not measured: {name}: {why}" for name, why in report["failed"].items()]
    return "\n".join(lines)
