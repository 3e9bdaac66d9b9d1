"""One command from data to weights: rendered faces, then pictures, then what several networks say of these; export.

TEACHERS networks are trained, and one more learns from what they say (Hinton et al. 2015).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ...core.files import MODELS
from ...errors import FaceanimError
from ...nets.face_emotion import VIEWS, FaceEmotionNet
from .export import export
from .pictures import Pictures, load, split
from .rendered import begun
from .rendered import load as load_rendered
from .train import Recipe, logits_of, train, weights

HERE = MODELS / "face_emotion" / "weights.safetensors"
TEACHERS = 2
LAST = {"epochs": 20, "rate": 0.04, "mixed": 0.3, "smoothing": 0.0}
"""The recipe of the one that learns from them, where it differs; it goes on from the first of them."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.face_emotion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with fer2013/train.npz")
    parser.add_argument("--faces", type=Path, required=True, help="shards of faceanim.train.face_expression make")
    parser.add_argument("--work", type=Path, required=True, help="where checkpoints go; a broken training goes on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        pictures, held = split(load(args.data / "fer2013" / "train.npz"))
        rendered = load_rendered(args.faces)
    except FaceanimError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    args.work.mkdir(parents=True, exist_ok=True)
    print(f"{len(rendered.truth)} rendered, {len(pictures.label)} pictures, {len(held.label)} held out", flush=True)
    teachers = []
    for seed in range(1, TEACHERS + 1):
        recipe = Recipe(seed=seed)
        start = kept(args.work / f"begun{seed}.pt", lambda recipe=recipe: begun(rendered, recipe))
        teachers.append(train(recipe, pictures, held, args.work, f"teacher{seed}", start))
    told = np.mean([chances_of(net, pictures) for net in teachers], 0)
    net = train(Recipe(**LAST), pictures, held, args.work, "shipped", teachers[0].state_dict(), told)
    scores = export(net, weights(pictures.label), held, args.output)
    (args.work / "scores.json").write_text(json.dumps(scores, indent=1))
    print(f"held out: accuracy {scores['accuracy']}, macro F1 {scores['macro_f1']}, kappa {scores['kappa']}")
    return 0


def chances_of(net: FaceEmotionNet, pictures: Pictures) -> np.ndarray:
    """float32 (N, labels), without what the training counts more."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = logits_of(net, pictures, VIEWS[:1])
    return torch.from_numpy(logits - np.log(weights(pictures.label))).softmax(1).numpy()


def kept(path: Path, make: Callable[[], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """What `make` gives, from the file where it was made before."""
    if not path.is_file():
        torch.save(make(), path)
    return torch.load(path)


if __name__ == "__main__":
    sys.exit(main())
