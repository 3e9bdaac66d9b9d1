"""The commands: `python -m faceanim …` and `blender --background X.blend --command faceanim …`.

Exit status 0; 1 for a user's error, with a message and a line that begins with `hint:`; 2 for usage. An error that is
not of errors.py is a fault of ours and keeps its traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from .commands import actor, character, measure, moods, recording, remake, takes
from .core.files import replacing
from .core.version import VERSION
from .errors import FaceanimError

COMMANDS = (
    *recording.COMMANDS, *actor.COMMANDS, *takes.COMMANDS, *moods.COMMANDS, *remake.COMMANDS, *character.COMMANDS,
    *measure.COMMANDS,
)  # fmt: skip
READABLE = (".faceanim", ".csv", ".blend", ".glb", ".gltf", ".fbx", ".vrm")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; argv without the program's name. Returns the exit status."""
    try:
        args = parser().parse_args(_split_json(list(sys.argv[1:] if argv is None else argv)))
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else 2
    args.progress = reporter = Reporter(args.quiet)
    try:
        report = args.run(args)
        write_report(args, report)
        missed = args.missed(report) if args.missed else None
        if missed:
            return _fail(*missed)
        return 0
    except KeyboardInterrupt:
        return _fail("cancelled")
    except FaceanimError as error:
        return _fail(error.message, error.hint)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    finally:
        reporter.close()


def _fail(message: str, hint: str = "") -> int:
    print(f"error: {message}" if message != "cancelled" else message, file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return 1


def _split_json(argv: list[str]) -> list[str]:
    """`--json TAKE` means the JSON on stdout and then the file: nobody wants it written over what is to be read."""
    fixed = []
    for i, word in enumerate(argv):
        follower = argv[i + 1] if i + 1 < len(argv) else ""
        fixed.append("--json=-" if word == "--json" and follower.lower().endswith(READABLE) else word)
    return fixed


class Reporter:
    """Progress on stderr: a bar on a terminal, else a line a stage."""

    def __init__(self, quiet: bool):
        self.quiet, self.stage, self.open, self.last = quiet, "", False, 0.0

    def __call__(self, fraction: float, stage: str) -> None:
        if self.quiet:
            return
        if not sys.stderr.isatty():
            if stage and stage != self.stage:
                print(f"{fraction:4.0%} {stage}", file=sys.stderr, flush=True)
        elif stage != self.stage or time.monotonic() - self.last > 0.1:
            bar = "#" * int(30 * fraction)
            print(f"\r\033[K[{bar:<30}] {fraction:4.0%} {stage}", end="", file=sys.stderr, flush=True)
            self.open, self.last = True, time.monotonic()
        self.stage = stage

    def close(self) -> None:
        if self.open:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self.open = False


def write_report(args: argparse.Namespace, report: Any) -> None:
    """The command's report: as JSON where --json asks for it, else its lines on stdout."""
    if args.json is None:
        lines = args.text(report) if args.text else ""
        if lines and not args.quiet:
            print(lines)
        return
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    if args.json == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with replacing(args.json) as temporary:
        temporary.write_text(text, "utf-8")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("faceanim", description="A voice or a face video becomes facial animation.")
    top.add_argument("--version", action="version", version=VERSION)
    parsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        sub = parsers.add_parser(command.name, description=command.help, help=command.help)
        sub.set_defaults(run=command.run, text=command.text, missed=command.missed)
        sub.add_argument("--json", nargs="?", const="-", metavar="FILE", help="report as JSON on stdout or in FILE")
        sub.add_argument("--quiet", action="store_true", help="print errors only")
        command.options(sub)
    return top
