"""Processes that learn together, each on a core of its own, or one on a GPU."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import torch

from ...errors import InputError
from . import say
from .batches import CLIPS
from .export import export, start_from
from .shards import Shards
from .train import train

CLIPS_OF_A_GPU = 192


def learn(
    faces: Path, output: Path, minutes: float, rate: float, start: Path | None, workers: int, device: str
) -> None:
    """Trains on the shards in `faces`, those that come meanwhile too; `output` is written anew every minute or so.

    start  weights to go on from; workers: processes, on the CPU alone
    """
    if workers > 1 and device != "cpu":
        raise InputError(f"{workers} workers cannot share {device}", "leave out --workers")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    task = (address, faces, output, minutes, rate, start, workers, device)
    if workers > 1:
        torch.multiprocessing.spawn(_learn, task, workers)
    else:
        _learn(0, *task)


def _learn(
    worker: int, address: str, folder: Path, output: Path, minutes: float, rate: float, start, workers: int, device: str
) -> None:
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("high")
    if workers > 1:
        torch.distributed.init_process_group("gloo", init_method=address, rank=worker, world_size=workers)
    shards = Shards(folder)
    faces = shards.all()
    say(f"{faces.clips} clips")
    train(
        faces, 60 * minutes, say, rate=rate, keep=partial(export, path=output),
        start=None if start is None else start_from(start), worker=worker, workers=workers, device=device,
        size=CLIPS if device == "cpu" else CLIPS_OF_A_GPU, more=shards.new if workers == 1 else None,
    )  # fmt: skip
    if workers > 1:
        torch.distributed.destroy_process_group()
