"""`show`, `convert`, `edit`, `plot`: what is done with a take alone."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import input_file, replacing
from ..core.style import Style
from ..core.take import Take
from ..core.track import Track
from ..errors import InputError, OutputError
from .command import Command, Report, read_take, writable, written
from .moods import moods_of, moods_options

# show -------------------------------------------------------------------------------------------------------------


def _show_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")


def _show(args: argparse.Namespace) -> Report:
    from ..evaluate import summary

    take = read_take(args.take)
    args.text = lambda report: summary.text(take)
    return summary.summary(take)


# convert ----------------------------------------------------------------------------------------------------------


def _convert_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("input", type=Path, metavar="IN")
    sub.add_argument("output", type=Path, metavar="OUT")
    sub.add_argument("--layer", help="one layer of the take (default: all, mixed and smoothed)")
    sub.add_argument("--style", type=Path, help="a style's JSON, for the mix")
    sub.add_argument("--rotation-unit", choices=("rad", "deg", "deg180"), default="rad",
                     help="of head and eye rotations in the CSV; deg180: degrees over 180")  # fmt: skip
    sub.add_argument("--mirror", action="store_true", help="swap left and right in the CSV")


def _convert(args: argparse.Namespace) -> Report:
    from ..formats import files, style
    from ..pipeline import channels

    if args.output.suffix.lower() not in files.WRITERS:
        known = ", ".join(files.WRITERS)
        raise OutputError(f"{args.output} is of an unknown format", f"the name ends in one of: {known}")
    writable(args.output, args.output.suffix.lower())
    csv_in, csv_out = (path.suffix.lower() == ".csv" for path in (args.input, args.output))
    csv = {"rotation_unit": args.rotation_unit, "mirror": args.mirror}
    # between two CSV files the unit and the mirror are the output's
    take = files.read(input_file(args.input, "file"), **(csv if csv_in and not csv_out else {}))
    value: Take | Track = take
    if args.layer is not None:
        if args.layer not in take.layers:
            has = ", ".join(take.layers) or "none"
            raise InputError(f"{args.input} has no layer '{args.layer}'", f"it has: {has}")
        value = replace(take, layers={args.layer: take.layers[args.layer]})
    elif csv_out:
        value = _joined(take) if csv_in else channels(take, style.read(args.style) if args.style else Style())
    files.write(value, args.output, **(csv if csv_out else {}))
    return {"path": str(args.output), "frames": take.frames, "fps": take.fps, "seconds": take.seconds}


def _joined(take: Take) -> Track:
    """All layers as one Track, as they are; no channel is in two of them."""
    tracks = list(take.layers.values())
    names = [name for track in tracks for name in track.channels]
    values, confidence = (np.concatenate([getattr(t, part) for t in tracks], 1) for part in ("values", "confidence"))
    return Track.of(take.fps, names, values, confidence)


# edit -------------------------------------------------------------------------------------------------------------


def _edit_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("edits", type=Path, nargs="?", metavar="EDITS.json",
                     help='a list such as [{"op": "relabel", "phone": 12, "ipa": "b"}]')  # fmt: skip
    moods_options(sub, "emotions that you choose, in place of the take's")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.faceanim")


def _edit(args: argparse.Namespace) -> Report:
    from ..formats import takes
    from ..pipeline import chosen, edited

    writable(args.output, ".faceanim")
    if args.edits is None and args.moods is None:
        raise InputError("there is nothing to edit", "name a list of edits, --moods, or both")
    edits, moods, notes = _edits(args.edits), moods_of(args), []
    before = read_take(args.take)
    take, spans = edited(before, edits)
    if moods is not None:
        take, notes = chosen(take, moods, Style())
    takes.write(take, args.output)
    if edits and "loudness" not in before.signals:
        notes += ["the take is of an older faceanim and keeps no loudness: analyze the clip again, so that the jaw "
                  "follows it in what is new"]  # fmt: skip
    return {
        "path": str(args.output),
        "edits": len(edits),
        "spans": [[round(t, 4) for t in span] for span in spans],
        "phones": len(take.phones),
        "words": len(take.words),
        "moods": len(take.moods),
        "notes": notes,
    }


def _edits(path: Path | None) -> list[Mapping[str, Any]]:
    from ..core.edit import read

    if path is None:
        return []
    try:
        return read(json.loads(input_file(path, "list of edits").read_text("utf-8-sig")))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is not JSON: {error}", "mend it there") from None


def _edited(report: Report) -> str:
    spans = ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in report["spans"]) or "nothing"
    moods = f", {report['moods']} chosen emotions" if report["moods"] else ""
    notes = (f"note: {note}" for note in report["notes"])
    return "\n".join([f"{report['path']}: solved anew: {spans}{moods}", *notes])


# plot -------------------------------------------------------------------------------------------------------------


def _plot_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("--audio", type=Path, help="the sound to draw (default: the one the take was made from)")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="PLOT.png")


def _plot(args: argparse.Namespace) -> Report:
    if args.output.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise OutputError(f"{args.output} is no picture's name", "name a .png, .svg or .pdf")
    writable(args.output, args.output.suffix.lower())
    try:
        from ..evaluate import plot as plotting
    except ImportError as error:
        raise InputError(f"plot needs matplotlib: {error}", "run it with the Python of the engine") from None
    from ..pipeline import channels

    take = read_take(args.take)
    with replacing(args.output) as temporary:
        plotting.plot(take, channels(take, Style()), temporary, args.audio or _sound_of(take))
    return {"path": str(args.output), "seconds": take.seconds}


def _sound_of(take: Take) -> Path | None:
    """The file whose sound the take was made from, if it is still there."""
    inputs = take.provenance.get("inputs") or {}
    paths = [Path(inputs[name]["path"]) for name in ("audio", "video") if name in inputs]
    return paths[0] if paths and paths[0].is_file() else None


COMMANDS = (
    Command("show", "what is in a take", _show_options, _show),
    Command("convert", "between .faceanim and .csv (Live Link Face)", _convert_options, _convert, written),
    Command("edit", "change phones and words of a take, choose its emotions", _edit_options, _edit, _edited),
    Command("plot", "the curves, phones and words over the waveform, as a picture", _plot_options, _plot, written),
)
