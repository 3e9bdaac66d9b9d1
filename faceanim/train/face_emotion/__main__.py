"""One command from data to weights: rendered faces, then pictures, then what several networks say of these; export.

TEACHERS are trained, and a network like the last of them goes on from it by what they all say.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ...core.emotion import FACE_LABELS
from ...core.files import MODELS
from ...errors import FaceanimError
from ...nets.face_emotion import SEEN, FaceEmotionNet, views
from . import recognition, rendered
from .export import export
from .pictures import load, split
from .train import Recipe, Teacher, train, weights

HERE = MODELS / "face_emotion" / "weights.safetensors"
KNOWN = 512
"""Pictures by which the recognition network is made to normalise."""


class Member(NamedTuple):
    """A network of the ensemble: whether it is the recognition network, views of how many pixels it is trained on, and
    of how many it saw rendered faces (0: of none)."""

    name: str
    recognises: bool
    seen: int
    begins: int
    recipe: Recipe


TEACHERS = (
    Member("known112", True, 112, 112, Recipe(seed=2, rate=0.05)),
    Member("known136", True, 136, 0, Recipe(seed=3, rate=0.04)),
    Member("known128", True, 128, 112, Recipe(seed=4, rate=0.05, drop=0.4)),
    Member("own", False, SEEN, SEEN, Recipe(seed=5)),
)
LAST = Recipe(66, rate=0.05, mixed=0.8, mixed_until=0.9, hidden_until=0.8, smoothing=0.0, drop=0.1, seed=12)
"""Of the network that ships, which goes on from the last teacher."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.face_emotion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with fer2013/train.npz")
    parser.add_argument("--faces", type=Path, required=True, help="shards of faceanim.train.face_expression make")
    parser.add_argument(
        "--recognition", type=Path, required=True, help="folder with the face_recognition_model of @vladmandic/face-api"
    )
    parser.add_argument("--work", type=Path, required=True, help="where checkpoints go; a broken training goes on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        pictures, held = split(load(args.data / "fer2013" / "train.npz"))
        faces = rendered.load(args.faces)
        recognition.load(args.recognition, torch.zeros(1, 1, recognition.LEAST, recognition.LEAST))
    except FaceanimError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    args.work.mkdir(parents=True, exist_ok=True)
    print(f"{len(faces.truth)} rendered, {len(pictures.label)} pictures, {len(held.label)} held out", flush=True)
    weight = torch.from_numpy(weights(pictures.label)).to(args.device)
    teachers = []
    for member in TEACHERS:
        net = _made(member, member.seen, args.recognition, pictures.grey)
        if member.begins:
            start = kept(
                args.work / f"begun-{'known' if member.recognises else 'own'}.pt",
                lambda member=member: rendered.begun(
                    _made(member, member.begins, args.recognition, faces.grey), member.begins, faces, 1, args.device
                ),
            )
            net.load_state_dict(start, strict=False)
        net = train(net, member.seen, member.recipe, pictures, held, args.work, member.name, (), args.device)
        teachers.append(Teacher(net, member.seen, weight))
    net = FaceEmotionNet()
    net.load_state_dict(teachers[-1].net.state_dict())
    net = train(net, SEEN, LAST, pictures, held, args.work, "shipped", teachers, args.device)
    scores = export(net.cpu(), np.ones(len(FACE_LABELS), np.float32), held, args.output)
    (args.work / "scores.json").write_text(json.dumps(scores, indent=1))
    print(f"held out: accuracy {scores['accuracy']}, macro F1 {scores['macro_f1']}, kappa {scores['kappa']}")
    return 0


def _made(member: Member, seen: int, folder: Path, grey: np.ndarray) -> nn.Module:
    torch.manual_seed(member.recipe.seed)
    if not member.recognises:
        return FaceEmotionNet()
    some = torch.from_numpy(grey[:: max(1, len(grey) // KNOWN)][:KNOWN])[:, None].float()
    one = torch.ones(len(some))
    return recognition.load(folder, views(some, 0 * one, 0 * one, 0 * one, 44 * one, 44 * one, one, seen))


def kept(path: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What `make` gives, from the file where it was made before."""
    if not path.is_file():
        torch.save(make(), path)
    return torch.load(path)


if __name__ == "__main__":
    sys.exit(main())
