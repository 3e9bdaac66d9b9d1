"""The shipped networks with its temperature, and what the folds' networks said of what they never heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.emotion import LABELS
from ...formats import safetensors
from ...nets.speech_emotion import arrays
from .score import Heard, load_nets, mean_of, temperature


def export(work: Path, heard: Heard, path: Path) -> None:
    """work/shipped-MEMBER.pt to `path`, and out_of_fold.npz beside it: stems (N,) bytes, folds uint8 (N,),
    probabilities float16 (N, labels), the dimensions' means float16 (N, 4)."""
    warm = temperature(heard)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = arrays(load_nets(work, "shipped")) | {"temperature": np.array([warm], np.float32)}
    safetensors.write(path, content, {"labels": " ".join(LABELS)})
    np.savez_compressed(
        path.with_name("out_of_fold.npz"),
        stems=np.array([Path(clip.name).stem.encode() for clip in heard.clips]),
        folds=heard.folds.astype(np.uint8),
        probabilities=mean_of(heard.rows, warm).astype(np.float16),
        dimensions=heard.dimensions.astype(np.float16),
    )
