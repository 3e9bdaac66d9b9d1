"""One command from data to weights: prepare, train without each fold and with all, score, export."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from ...nets.speech_emotion import MEMBERS, SOUNDS
from .corpora import CORPORA
from .designs import DESIGNS
from .discriminant import fit, prepare_rows
from .export import export
from .folds import COUNT, folds, without
from .prepare import load, prepare
from .score import out_of_fold, report
from .train import Recipe, train

HERE = Path(__file__).parents[3] / "models" / "speech_emotion" / "weights.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.speech_emotion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with ravdess/, emodb/ and urdu/")
    parser.add_argument("--work", type=Path, required=True, help="where the prepared frames and checkpoints go")
    parser.add_argument("--only", help="one training: 0 to 4, shipped, no_emodb; without it all, scores and the export")
    parser.add_argument("--design", choices=DESIGNS, action="append", help="instead of those that ship; with --only")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    prepare(args.data, args.work)
    clips = [clip for corpus in CORPORA for clip in load(args.work / f"{corpus}-1.npz")]
    assigned = folds(clips)
    trainings = {f"fold{k}": without(k, assigned) for k in range(COUNT)}
    trainings |= {"shipped": lambda clip: True, "no_emodb": lambda clip: clip.corpus != "emodb"}
    prepare_rows(args.work)
    for name, keep in trainings.items():
        if args.only in (None, name.removeprefix("fold")):
            torch.save(fit(args.work, keep).state_dict(), args.work / f"{name}-{SOUNDS}.pt")
        for design in args.design or MEMBERS:
            file = f"{name}-{design}"
            wanted = args.only is None or name.removeprefix("fold") == args.only
            if wanted and not (args.work / f"{file}.pt").exists():
                train(Recipe(steps=args.steps, design=design), args.work, keep, file)
    if args.only is None:
        heard = out_of_fold(args.data, args.work)
        (args.work / "scores.json").write_text(json.dumps(report(heard), indent=1))
        export(args.work, heard, args.output)


if __name__ == "__main__":
    main()
