"""The commands of the recipe; see the package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...errors import FaceanimError
from . import say

SHARDS = 160


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.face_expression", description=__doc__)
    commands = parser.add_subparsers(required=True)

    sub = commands.add_parser("make", help="renders faces and lets both landmarkers look at them")
    sub.add_argument("--data", type=Path, required=True, help="folder with ict_facekit and mediapipe")
    sub.add_argument("--faces", type=Path, required=True, help="where the shards go; those there are not made again")
    sub.add_argument("--shards", type=int, default=SHARDS, help=f"how many, of 240 pictures each (default: {SHARDS})")
    sub.add_argument("--still", action="store_true", help="the heads keep still while the faces move: for `head`")
    sub.set_defaults(run=_make)

    sub = commands.add_parser("train", help="learns from them")
    sub.add_argument("--faces", type=Path, required=True, help="where the shards are")
    sub.add_argument("--minutes", type=float, default=40.0)
    sub.add_argument("--rate", type=float, default=2e-3, help="of learning, at first; it falls to 0 (default: 2e-3)")
    sub.add_argument("--workers", type=int, default=1, help="processes that learn together, of one core each")
    sub.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    sub.add_argument("--start", type=Path, help="weights.safetensors to go on from")
    sub.add_argument("--output", type=Path, required=True, metavar="WEIGHTS.safetensors")
    sub.set_defaults(run=_train)

    sub = commands.add_parser("head", help="fits the head's pitch anew, so that an opening jaw is no nod")
    sub.add_argument("--faces", type=Path, required=True, help="shards that the weights were not trained with")
    sub.add_argument("--still", type=Path, required=True, help="shards of `make --still`")
    sub.add_argument("--start", type=Path, required=True, help="weights.safetensors to go on from")
    sub.add_argument("--output", type=Path, required=True, metavar="WEIGHTS.safetensors")
    sub.set_defaults(run=_head)

    sub = commands.add_parser("coefficients", help="fits the last layer's coefficients anew, in closed form")
    sub.add_argument("--faces", type=Path, required=True, help="where the shards are")
    sub.add_argument("--start", type=Path, required=True, help="weights.safetensors to go on from")
    sub.add_argument("--output", type=Path, required=True, metavar="WEIGHTS.safetensors")
    sub.set_defaults(run=_coefficients)

    sub = commands.add_parser("held-out", help="pictures for `evaluate faces`: sweep, turning, jaw, mixed, demo")
    sub.add_argument("--data", type=Path, required=True, help="folder with ict_facekit")
    sub.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    sub.set_defaults(run=_held_out)

    args = parser.parse_args(argv)
    try:
        args.run(args)
    except FaceanimError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    return 0


def _make(args: argparse.Namespace) -> None:
    from .make import make

    make(args.data, args.faces, range(args.shards), say, args.still)


def _train(args: argparse.Namespace) -> None:
    from .workers import learn

    learn(args.faces, args.output, args.minutes, args.rate, args.start, args.workers, args.device)


def _head(args: argparse.Namespace) -> None:
    from .export import export, load
    from .head import refit
    from .shards import Shards

    net = load(args.start)
    refit(net, Shards(args.faces).each(), Shards(args.still).each())
    export(net, args.output)


def _coefficients(args: argparse.Namespace) -> None:
    from .coefficients import refit
    from .export import export, load
    from .shards import Shards

    net = load(args.start)
    refit(net, Shards(args.faces).each())
    export(net, args.output)


def _held_out(args: argparse.Namespace) -> None:
    from . import demo_head
    from .held_out import held_out

    def tell(done: int, count: int) -> None:
        if done % 20 == 0:
            say(f"{done} of {count}")

    held_out(args.data, args.output, tell)
    demo_head.render(args.output / "demo", tell)


if __name__ == "__main__":
    sys.exit(main())
