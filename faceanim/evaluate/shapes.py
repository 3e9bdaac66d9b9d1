"""Made face shapes beside the true ones: `python -m faceanim.evaluate.shapes ICT_FACE.npz [--reference F]`.

Plain heads of other identities (random weights of the ICT head's identity shapes, N(0, 1)) get all keys from a
reference; the true keys are the identity with the ICT head's own expressions. Nothing of the common topology is used.
Of each key:

    rms    root mean square error of all vertices that it truly moves (by 2 % of its largest motion), over that motion
    worst  the largest error of any vertex, over the same
    cosine between made and true displacements
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import input_file
from ..core.head import Head
from ..engine.shapes import REFERENCE, landmarker, make_all
from ..errors import FormatError
from ..formats import heads

MOVED = 0.02


def identities(path: Path, seeds: list[int]) -> list[Head]:
    """Heads of random identities with their true keys."""
    with np.load(input_file(path, "ICT head", FormatError)) as z:
        count = len(z["identities"])
        return [heads.ict(z, np.random.default_rng(seed).normal(size=count)) for seed in seeds]


def errors(made: dict[str, np.ndarray], true: Head) -> dict[str, dict[str, float]]:
    """Channel to {rms, worst, cosine}, of the channels that both have."""
    used = np.zeros(len(true.points), bool)
    used[true.triangles.ravel()] = True
    found = {}
    for name in [n for n in true.keys if n in made]:
        want, got = (np.asarray(k[name], float)[used] for k in (true.keys, made))
        length, off = np.linalg.norm(want, axis=1), np.linalg.norm(got - want, axis=1)
        reach, moved = length.max(), length > MOVED * length.max()
        norms = max(np.linalg.norm(want) * np.linalg.norm(got), 1e-30)
        found[name] = {"rms": float(np.sqrt((off[moved] ** 2).mean()) / reach), "worst": float(off.max() / reach),
                       "cosine": float((want * got).sum() / norms)}  # fmt: skip
    return found


def measure(path: Path, seeds: list[int], reference: Path | None) -> list[dict[str, Any]]:
    """One report an identity: errors by key, their summary, and what the maker itself reports."""
    source = heads.read(reference or REFERENCE, "reference head")
    reports = []
    with landmarker() as find:
        for seed, true in zip(seeds, identities(path, seeds), strict=True):
            wall, busy = time.perf_counter(), time.process_time()
            made = make_all(replace(true, keys={}), source, find)
            spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - busy}
            keys = errors(made.keys, true)
            rms = {name: values["rms"] for name, values in keys.items()}
            reports.append({
                "seed": seed, "keys_made": len(made.keys), "compared": len(keys),
                "mean_rms": float(np.mean(list(rms.values()))), "largest_rms": max(rms.values()),
                "largest_key": max(rms, key=rms.get), "largest_worst": max(v["worst"] for v in keys.values()),
                "mean_cosine": float(np.mean([v["cosine"] for v in keys.values()])),
                **spent, **{k: made.report[k] for k in ("fit_percent", "lids", "lips", "notes")}, "keys": keys,
            })  # fmt: skip
    return reports


def main() -> None:
    parser = argparse.ArgumentParser(description="Made face shapes beside the true ones of the ICT head.")
    parser.add_argument("data", type=Path, metavar="ICT_FACE.npz")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--reference", type=Path, help="ict_face.npz itself, or another head (default: the demo head)")
    parser.add_argument("--keys", action="store_true", help="every key's errors too")
    args = parser.parse_args()
    for report in measure(args.data, args.seeds, args.reference):
        shown = {n: round(v, 4) if isinstance(v, float) else v for n, v in report.items() if n != "keys" or args.keys}
        print(json.dumps(shown, indent=1))


if __name__ == "__main__":
    main()
