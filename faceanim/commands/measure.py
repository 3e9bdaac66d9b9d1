"""`evaluate`: the analysis measured on labelled data."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from ..errors import InputError, OutputError
from .command import Command, Report

# what is measured: its module in evaluate/, with run(args) -> report and text(report) -> str; what its data are
MEASURES = {
    "face-emotion": ("face_emotions", "an .npz of pictures of faces with labels, in the form of FER2013's"),
    "faces": ("faces", "pictures or a video of faces, with truth.npz: `weights`, `names`, `pose`; or a video alone"),
    "lips": ("lips", "sound with labelled phones, in the form of EMO-DB"),
    "motion": ("motion", "takes or recordings, as many as you like: blinks, saccades and head motion beside people's"),
    "speech-emotion": ("emotions", "recordings whose index.csv says path, emotion and actor or speaker"),
}


def _options(sub: argparse.ArgumentParser) -> None:
    kinds = "; ".join(f"{name}: {data}" for name, (_, data) in MEASURES.items())
    sub.add_argument("what", choices=tuple(MEASURES), help=kinds)
    sub.add_argument("data", type=Path, metavar="DATA", help="the folder, with index.csv or truth.npz; or a file")
    sub.add_argument("more", type=Path, nargs="*", metavar="FILE", help="for motion: more files")
    sub.add_argument("--limit", type=int, metavar="N", help="so many clips, evenly through all of them")
    sub.add_argument("--only", action="append", default=[], metavar="FIELD=A,B", help="clips with these values alone")
    sub.add_argument("--transcripts", action="store_true", help="give the analysis the text of every clip")
    sub.add_argument("--language", default="auto", help="of the texts, as in de (default: auto)")
    sub.add_argument("--predictions", type=Path, metavar="FILE.npz", help="what was predicted, clip by clip")
    sub.add_argument("-o", "--output", type=Path, metavar="REPORT/", help="a folder for a page with pictures")


def _evaluate(args: argparse.Namespace) -> Report:
    if args.output is not None and args.output.exists() and not args.output.is_dir():
        raise OutputError(f"{args.output} is a file", "name a folder for the report")
    if args.more and args.what != "motion":
        raise InputError(f"evaluate {args.what} takes one folder", f"leave out {args.more[0]}")
    name, _ = MEASURES[args.what]
    try:
        module = import_module(f"...evaluate.{name}", __name__)
    except ImportError as error:
        why = f"evaluate needs the engine's packages: {error}"
        raise InputError(why, "run it with the Python of the engine") from None
    args.text = module.text
    return module.run(args)


COMMANDS = (Command("evaluate", "measures the analysis on labelled data", _options, _evaluate),)
