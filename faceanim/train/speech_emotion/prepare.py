"""All clips as frames: one .npz a corpus and speed, end to end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from . import corpora
from .corpora import Clip


def prepare(data: Path, work: Path, seed: int = 1) -> None:
    """Writes work/CORPUS-SPEED.npz for every set that is not there yet."""
    work.mkdir(parents=True, exist_ok=True)
    for speed in corpora.SPEEDS:
        for corpus in corpora.CORPORA:
            path = work / f"{corpus}-{speed}.npz"
            if not path.exists():
                save(path, corpora.clips(data, corpus, speed))
    if not (work / "noise-1.npz").exists():
        save(work / "noise-1.npz", corpora.silence(seed))


def save(path: Path, found: Iterable[Clip]) -> None:
    """names, corpora, speakers, labels, strong (N,), offsets (N + 1,), mel and pitch float16 (frames, .)."""
    found = list(found)
    temporary = path.with_suffix(".part.npz")
    np.savez(
        temporary, names=np.array([c.name for c in found]), corpora=np.array([c.corpus for c in found]),
        speakers=np.array([c.speaker for c in found]), labels=np.array([c.label for c in found]),
        strong=np.array([c.strong for c in found]), offsets=np.cumsum([0, *(len(c.mel) for c in found)]),
        mel=np.concatenate([c.mel for c in found]).astype(np.float16),
        pitch=np.concatenate([c.pitch for c in found]).astype(np.float16),
    )  # fmt: skip
    temporary.replace(path)
    print(f"{path.name}: {len(found)} clips", flush=True)


def load(path: Path) -> list[Clip]:
    """What `save` wrote."""
    with np.load(path) as z:
        a = {name: z[name] for name in z.files}
    spans = zip(a["offsets"][:-1], a["offsets"][1:], strict=True)
    return [
        Clip(str(name), str(corpus), str(speaker), int(label), bool(strong), a["mel"][i:j], a["pitch"][i:j])
        for name, corpus, speaker, label, strong, (i, j) in zip(
            a["names"], a["corpora"], a["speakers"], a["labels"], a["strong"], spans, strict=True
        )
    ]
