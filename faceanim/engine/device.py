"""What the networks compute on: CUDA or ROCm, Apple's MPS, or the processor."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import InputError

DEVICES = ("auto", "cuda", "mps", "cpu")
"""torch calls AMD's ROCm cuda too."""


def choose(wanted: str = "auto") -> str:
    """The device to use: the one that is wanted, or the fastest that is there.

    On the processor torch then computes in one thread: the networks are small, and beside another busy program (Blender
    that renders) threads that wait for each other take twenty times as long. Raises InputError for a name that is none
    and for a device that this machine does not have. Without torch: cpu.
    """
    check_name(wanted)
    present = available()
    if wanted != "auto" and wanted not in present:
        raise InputError(f"this machine has no {wanted} device", f"choose one of auto, {', '.join(present)}")
    device = present[0] if wanted == "auto" else wanted
    if device == "cpu" and find_spec("torch"):
        import torch

        torch.set_num_threads(1)
    return device


def check_name(wanted: str) -> None:
    """Raises InputError for a name that is none; does not load torch, which takes seconds."""
    if wanted not in DEVICES:
        raise InputError(f"there is no device '{wanted}' to run on", f"choose one of {', '.join(DEVICES)}")


def available() -> list[str]:
    """The devices that are there, the fastest first."""
    try:
        import torch
    except ImportError:
        return ["cpu"]
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, is_there in there.items() if is_there] + ["cpu"]
