"""The one command of the recipe; see the package."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from ...core.files import MODELS, input_file, replacing
from ...errors import FaceanimError
from . import plan
from .fit import Picture, fit
from .heads import Head
from .landmarks import see
from .render import render
from .score import lips, renders


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.face_measures", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of ict_facekit and mediapipe; to score, grid and video_speech")
    add("--renders", type=Path, required=True, help="folder for the renders; those there are not made again")
    add("--frames", type=int, help="renders of each set, for a trial; its weights stay beside the renders")
    add("--output", type=Path, help="where the weights go, if not to models/face_measures/weights.json")
    add("--score", action="store_true", help="fit nothing; score what models/face_measures holds")
    options = parser.parse_args(argv)
    try:
        if options.score:
            score(options)
        else:
            train(options)
    except FaceanimError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    return 0


def train(options: argparse.Namespace) -> None:
    weights = fit(pictures("isolated", options), pictures("mixed", options))
    output = options.output or (
        options.renders / "weights.json" if options.frames else MODELS / "face_measures" / "weights.json"
    )
    with replacing(output) as temporary:
        temporary.write_text(json.dumps(weights), encoding="utf-8")
    say(f"wrote {output}")


def score(options: argparse.Namespace) -> None:
    scores = renders(pictures("test", options))
    by_channel = {name: found.pop("r_by_channel") for name, found in scores.items()}
    for name, found in (scores | lips(options.data)).items():
        print(f"{name}: {json.dumps(found)}")
    print(f"{'r':20s}" + "".join(f"{name:>10s}" for name in by_channel))
    for channel in by_channel["bundled"]:
        print(f"{channel:20s}" + "".join(f"{found[channel]:10.2f}" for found in by_channel.values()))


def pictures(name: str, options: argparse.Namespace) -> Picture:
    """One set of the plan, rendered and seen."""
    task = input_file(options.data / "mediapipe" / "face_landmarker.task", "face landmarker file")
    head = Head(options.data)
    truth = getattr(plan, name)(head.expressions).first(options.frames)
    began = time.monotonic()

    def tell(done: int, count: int) -> None:
        if done % 20 == 0:
            say(f"{name}: {done} of {count} rendered, {time.monotonic() - began:.0f} s")

    paths = render(head, truth, options.renders / name, tell)
    seen = see(paths, task)
    for kind, landmarks in seen.items():
        found = int(np.isfinite(landmarks.points).all((1, 2)).sum())
        say(f"{name}: a face found in {found} of {len(paths)} ({kind}), {time.monotonic() - began:.0f} s")
    return truth, seen


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
