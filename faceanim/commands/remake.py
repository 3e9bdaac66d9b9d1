"""`remake`: one layer of a take made anew."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..core.moods import fitted
from ..errors import InputError
from ..formats import takes
from ..formats.style import SEED_LIMIT
from .command import Command, Report, read_take, writable
from .moods import moods_of, moods_options, style_of

LAYERS = ("lips", "emotion", "blink", "gaze", "head")


def _options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("--layer", required=True, choices=LAYERS, help="the one that is made anew; no other changes")
    sub.add_argument("--seed", type=int, metavar="N", help="which of many (default: the next one, or the style's)")
    sub.add_argument("--style", type=Path, help="a style's JSON, for the emotion and the lips")
    moods_options(sub, "chosen emotions")
    sub.add_argument("-o", "--output", type=Path, metavar="OUT.faceanim", help="default: the take itself")


def _remake(args: argparse.Namespace) -> Report:
    from ..pipeline import remade, remake

    output = writable(args.output or args.take, ".faceanim")
    if args.seed is not None and not 0 <= args.seed <= SEED_LIMIT:
        raise InputError(f"{args.seed} is no seed", f"--seed is a whole number from 0 to {SEED_LIMIT}")
    found, style = moods_of(args), style_of(args.style)
    if found is not None and args.layer == "lips":
        raise InputError("--moods changes nothing in the lips", "leave it out, or use --layer emotion")
    take, notes = read_take(args.take), []
    if remake.seen(take, args.layer):
        notes.append(f"the {args.layer} that the video shows is replaced by one made from the voice")
    if found is not None:
        fit, cut = fitted(found, take.seconds)
        take, notes = replace(take, moods=fit), notes + cut
    made = remade(take, args.layer, style, args.seed)
    takes.write(made, output)
    layer = made.layers[args.layer]
    seed = remake.seed_of(made, args.layer)
    return {"path": str(output), "layer": args.layer, "seed": seed, "channels": list(layer.channels),
            "frames": layer.frames, "moods": len(made.moods), "notes": notes}  # fmt: skip


def _remade(report: Report) -> str:
    first = f"{report['path']}: {report['layer']} made anew, {len(report['channels'])} channels, seed {report['seed']}"
    return "\n".join([first, *(f"note: {note}" for note in report["notes"])])


COMMANDS = (
    Command("remake", "one layer of a take anew: another seed, style or chosen emotions", _options, _remake, _remade),
)
