"""Processes that learn together, each on a core of its own."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import torch

from . import say
from .export import export, start_from
from .train import load, train


def learn(faces: Path, output: Path, minutes: float, rate: float, start: Path | None, workers: int) -> None:
    """Trains on the shards in `faces`; `output` is written anew after every epoch. start: weights to go on from."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    task = (address, faces, output, minutes, rate, start, workers)
    if workers > 1:
        torch.multiprocessing.spawn(_learn, task, workers)
    else:
        _learn(0, *task)


def _learn(worker: int, address: str, folder: Path, output: Path, minutes: float, rate: float, start, workers: int):
    torch.set_num_threads(1)
    if workers > 1:
        torch.distributed.init_process_group("gloo", init_method=address, rank=worker, world_size=workers)
    faces = load(folder)
    say(f"{faces.clips} clips")
    first = None if start is None else start_from(start)
    keep = partial(export, path=output, clips=faces.clips)
    train(faces, 60 * minutes, say, rate=rate, keep=keep, start=first, worker=worker, workers=workers)
    if workers > 1:
        torch.distributed.destroy_process_group()
