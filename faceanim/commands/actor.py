"""`actor`: a calibration clip becomes an actor preset."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..core.clip import Clip
from ..errors import InputError
from .command import Command, Report, writable
from .recording import face_of


def _options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("video", type=Path, help="a video of the face, some of it at rest")
    sub.add_argument("--neutral", type=float, metavar="S", help="second at which the face is at rest (default: found)")
    sub.add_argument("--range", action="store_true", dest="extremes",
                     help="the video shows every expression as far as it goes: gains are learned too")  # fmt: skip
    sub.add_argument("--face", metavar="X,Y", help="which of several faces: where it is in the first picture, 0 to 1")
    sub.add_argument("--start", type=float, default=0.0, metavar="S")
    sub.add_argument("--end", type=float, metavar="S")
    sub.add_argument("--name", default="", help="of the actor (default: the file's)")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="ACTOR.json")


def _actor(args: argparse.Namespace) -> Report:
    from ..formats import actor as actors

    writable(args.output, ".json")
    clip = Clip(None, args.video, start=args.start, end=args.end, face=face_of(args), neutral=args.neutral)
    try:
        from ..engine.watching import learned_from

        actor = learned_from(clip, args.progress, args.extremes)
    except ImportError as error:
        raise InputError(f"actor needs the engine's packages: {error}", "run it with the engine's Python") from None
    actor = replace(actor, name=args.name or args.output.stem)
    actors.write(actor, args.output)
    return {"path": str(args.output), "name": actor.name, "gains": {k: round(v, 3) for k, v in actor.gains.items()}}


def _made(report: Report) -> str:
    gains = f", gains of {len(report['gains'])} channels" if report["gains"] else ""
    return f"{report['path']}: the rest of {report['name']}{gains}"


COMMANDS = (Command("actor", "an actor's rest and range from a calibration clip", _options, _actor, _made),)
