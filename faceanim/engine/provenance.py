"""What a Take was made from and with: hashes of the inputs and the models, versions of the packages."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from functools import lru_cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

from ..core.files import MODELS

PACKAGES = ("numpy", "scipy", "av", "mediapipe", "pocketsphinx", "torch", "phonemizer", "espeakng-loader")
"""Those that decide on the result."""
FACE_NETWORKS = (
    "face_detection/face_detection_short_range.tflite",
    "face_landmark/face_landmark_with_attention.tflite",
)


def sha256(*paths: Path) -> str:
    """Hex; of several files as if they were one after another."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def input_of(path: Path) -> dict[str, str]:
    return {"path": str(path.absolute()), "sha256": sha256(path)}


def versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@lru_cache
def speech_model() -> dict[str, Any]:
    """The English model in PocketSphinx's package: its licence (BSD) lets anyone use it."""
    folder = _package("pocketsphinx") / "model" / "en-us"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "en-us.lm.bin")
    return {"pocketsphinx-en-us": {"hash": sha256(*files), "commercial": "yes", "licence": "BSD-2-Clause"}}


@lru_cache
def face_model(task_variable: str) -> dict[str, Any]:
    """MediaPipe's face mesh, from the file that the variable names or from the wheel."""
    task = os.environ.get(task_variable)
    folder = _package("mediapipe") / "modules"
    files = [Path(task)] if task else [folder / name for name in FACE_NETWORKS if (folder / name).is_file()]
    return {"mediapipe-face-mesh": {"hash": sha256(*files), "commercial": "yes", "licence": "Apache-2.0"}}


@lru_cache
def face_measures() -> dict[str, Any]:
    """Our own weights, made from renders of a head that is free to use; see its card."""
    weights = MODELS / "face_measures" / "weights.json"
    return {"face_measures": {"hash": sha256(weights), "commercial": "yes", "licence": "GPL-3.0-or-later"}}


def network(weights: Path) -> dict[str, Any]:
    """Of a network in a folder of models/: its hash, and the card's word on commercial use."""
    card = weights.with_name("card.md").read_text(encoding="utf-8")
    word = re.search(r"commercial:\s*(\w+)", card)
    return {weights.parent.name: {"hash": sha256(weights), "commercial": word[1] if word else "unclear"}}


def _package(name: str) -> Path:
    return Path(util.find_spec(name).origin).parent
