"""`moods`: the emotions that somebody chose, as a file; and how other commands take such a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.style import Style
from ..core.take import Mood
from ..errors import InputError
from ..formats import moods, takes
from ..formats import style as styles
from .command import Command, Report, read_take, writable, written


def moods_options(sub: argparse.ArgumentParser, what: str) -> None:
    """The options that name a file of moods."""
    sub.add_argument("--moods", type=Path, metavar="FILE",
                     help=f"{what}, .csv or .json with start, end, emotion, strength")  # fmt: skip
    sub.add_argument("--timecode-fps", type=float, metavar="R", help="frames a second of the timecodes in that file")
    sub.add_argument("--timecode-start", default="0", metavar="TIME",
                     help="what that file calls the clip's start, as in 01:00:00:00 (default: 0)")  # fmt: skip


def timecode_rate(args: argparse.Namespace) -> float | None:
    rate = args.timecode_fps
    if rate is not None and not 1 <= rate <= 1000:
        raise InputError(f"{rate:g} frames a second is out of range", "--timecode-fps is between 1 and 1000")
    return rate


def moods_of(args: argparse.Namespace) -> tuple[Mood, ...] | None:
    """What the options name; None without a file."""
    if args.moods is None:
        return None
    return moods.read(args.moods, timecode_rate(args), args.timecode_start)


def choose(found: tuple[Mood, ...] | None, path: Path, report: Report) -> Report:
    """Puts moods into the take that was just written to `path`; the report of its analysis, with what this changed."""
    if found is None:
        return report
    from ..pipeline import chosen

    # the analysis took its time: what lies outside the clip does not make it vain
    take, notes = chosen(takes.read(path), found, Style(), leave_out=True)
    takes.write(take, path)
    quality = dict(report["quality"])
    if notes:
        quality["notes"] = [*quality.get("notes", ()), *notes]
    layers = {name: list(track.channels) for name, track in take.layers.items()}
    return {**report, "layers": layers, "moods": len(take.moods), "quality": quality}


def style_of(path: Path | None) -> Style:
    return styles.read(path) if path else Style()


def _moods_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="MOODS.csv|.json")
    sub.add_argument("--heard", action="store_true", help="what is heard in the voice instead, to go on from")
    sub.add_argument("--timecode-fps", type=float, metavar="R", help="write timecodes at that rate (default: seconds)")


def _moods(args: argparse.Namespace) -> Report:
    suffix = args.output.suffix.lower()
    writable(args.output, suffix if suffix in moods.SUFFIXES else ".csv")
    from ..pipeline import heard

    take = read_take(args.take)
    found = heard(take) if args.heard else take.moods
    moods.write(found, args.output, timecode_rate(args))
    return {"path": str(args.output), "moods": [list(mood) for mood in found]}


COMMANDS = (
    Command("moods", "the chosen emotions of a take as .csv or .json, to edit", _moods_options, _moods, written),
)
