"""One command from data to weights: fetch, prepare, train, place the free recordings' phones, train on, export."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from . import packages
from .export import export
from .prepare import place, prepare
from .train import recipes, train

MODELS = Path(__file__).parents[3] / "models"
EXPORTED = {"free": MODELS / "phones-free", "shipped": MODELS / "phones"}
BESIDE = {"shipped": "german_shipped"}
"""Two networks that a file holds together."""
STEPS = 7500


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.phones", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with emodb/ and grid/")
    parser.add_argument("--speech", type=Path, required=True, help="where Debian's free recordings are, or go to")
    parser.add_argument("--work", type=Path, required=True, help="where the prepared frames and checkpoints go")
    parser.add_argument("--recipes", default="start,free,german,german_shipped,strict,shipped", help="in this order")
    parser.add_argument("--steps", type=int, default=STEPS, help="of all together")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.speech.mkdir(parents=True, exist_ok=True)
    packages.fetch(args.speech)
    prepare(args.data, args.speech, args.work)
    for recipe in (recipes(args.steps)[name] for name in args.recipes.split(",")):
        if recipe.start:
            place(args.speech, args.work)
        if not (args.work / f"{recipe.name}.pt").exists():
            train(recipe, args.work)
        if recipe.name in EXPORTED:
            export(args.work, recipe, EXPORTED[recipe.name] / "weights.safetensors", BESIDE.get(recipe.name, ""))


if __name__ == "__main__":
    main()
