"""One command from data to weights: read the pictures, train, find the temperature, export."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from ...core.files import MODELS
from ...errors import FaceanimError
from .export import export
from .pictures import load, split
from .train import Recipe, train, weights

HERE = MODELS / "face_emotion" / "weights.safetensors"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.face_emotion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with fer2013/train.npz")
    parser.add_argument("--work", type=Path, required=True, help="where checkpoints go; a broken training goes on")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        pictures, held = split(load(args.data / "fer2013" / "train.npz"))
    except FaceanimError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    args.work.mkdir(parents=True, exist_ok=True)
    print(f"{len(pictures.label)} pictures, {len(held.label)} held out", flush=True)
    net = train(Recipe(epochs=args.epochs), pictures, held, args.work)
    scores = export(net, weights(pictures.label), held, args.output)
    (args.work / "scores.json").write_text(json.dumps(scores, indent=1))
    print(f"held out: accuracy {scores['accuracy']}, macro F1 {scores['macro_f1']}, kappa {scores['kappa']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
