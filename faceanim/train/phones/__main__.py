"""One command from data to weights: prepare, train, export."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .export import export
from .prepare import prepare
from .train import recipes, train

HERE = Path(__file__).parents[3] / "models" / "phones" / "weights.safetensors"
STEPS = 4200


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.phones", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with emodb/, grid/ and ravdess/")
    parser.add_argument("--work", type=Path, required=True, help="where the prepared frames and checkpoints go")
    parser.add_argument("--recipes", default="strict,shipped", help="in this order; the last one is exported")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    prepare(args.data, args.work)
    chosen = [recipes(args.steps)[name] for name in args.recipes.split(",")]
    for recipe in chosen:
        if not (args.work / f"{recipe.name}.pt").exists():
            train(recipe, args.work)
    export(args.work, chosen[-1], args.output)


if __name__ == "__main__":
    main()
