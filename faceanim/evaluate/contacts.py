"""Transfer of real clips to several characters: `python -m faceanim.evaluate.contacts DATA [--work FOLDER]`.

Twenty clips (acted, emotional speech in two languages, read sentences and an address with their faces on video) are
analyzed, baked at 24 to 60 frames a second on the demo head, on a VRoid character, on the ICT head and on bones that
Rigify makes, with Blender's automatic weights, and verified as `verify` does; the opening of each mouth over time,
relative to its own range, is correlated with that of the demo head, whose keys are the channels themselves.
DATA holds emodb/, ravdess/, grid/, video_speech/, characters/ and ict_facekit/; what is not there is left out.
Exit status 1 where a contact of lips, teeth or lids is missed, lips or lids cross, or a correlation is below FOLLOWED.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.clip import Clip
from ..core.files import PRESETS
from ..engine.analysis import analyze
from ..errors import FaceanimError
from ..formats import takes

ROOT = Path(__file__).parents[2]
EMODB = ("03a02Wb", "08b10Aa", "09a07Ta", "10b09Ad", "11b02Na", "12a05Ab", "13b03Ed", "14b01Fa")
RAVDESS = ("Actor_03/03-01-05-02-01-01-03", "Actor_08/03-01-03-02-02-01-08", "Actor_13/03-01-04-01-01-02-13",
           "Actor_18/03-01-06-02-02-02-18", "Actor_20/03-01-07-01-01-01-20")  # fmt: skip
GRID = ("bbal6n", "swwv6n")
TALKING = ("grid_brbk7n.mpg", "grid_lwbsza.mpg", "grid_sbia1a.mpg", "retalking_2.mp4")
RATES = (30.0, 24.0, 60.0, 25.0)
SOURCE = "demo head"
FOLLOWED = 0.97


class Held(NamedTuple):
    """How one clip came out on one character.

    missed   time, phone, kind, value and limit of each contact that did
    crossed  frames on which lips or lids do
    opening  (F,): how far the mouth is open, 1 as wide as it goes
    follows  the correlation of that with the demo head's on the same clip; of several clips the least
    """

    character: str
    clip: str
    fps: float
    events: int
    missed: list[dict[str, Any]]
    crossed: int
    largest_penetration: float
    notes: list[str]
    opening: list[float]
    follows: float | None = None


def clips(data: Path) -> Iterator[tuple[str, Clip]]:
    """(name, Clip) of those of the twenty that are there."""
    yield "demo", Clip(PRESETS / "demo" / "speech.flac")
    sounds = [("emodb", f"wav/{name}.flac") for name in EMODB] + [("ravdess", f"{name}.ogg") for name in RAVDESS]
    faces = [("grid", f"clips/{name}.mkv") for name in GRID] + [("video_speech", name) for name in TALKING]
    for pack, name in (*sounds, *faces):
        if (path := data / pack / name).is_file():
            yield f"{pack} {path.stem}", Clip(video=path) if (pack, name) in faces else Clip(path)


def characters(data: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of those that are there; the ICT head is built from its numbers."""
    yield "demo head", PRESETS / "character" / "head.blend"
    if (vroid := data / "characters" / "vroid_plain.glb").is_file():
        yield "vroid", vroid
    builder = ROOT / "tests" / "blender" / "ict_head.py"
    if (data / "ict_facekit" / "ict_face.npz").is_file() and builder.is_file():
        built = folder / "ict.blend"
        subprocess.run([sys.executable, builder, data / "ict_facekit", built], check=True, capture_output=True)
        yield "ict head", built
    yield from _bones(folder)


def _bones(folder: Path) -> Iterator[tuple[str, Path]]:
    """The demo head without keys, bound to the bones of a generated Rigify rig by automatic weights; none where this
    Blender has no Rigify."""
    builder, built = ROOT / "tests" / "blender" / "rigify_head.py", folder / "rigify.blend"
    if builder.is_file():
        built.unlink(missing_ok=True)
        command = [sys.executable, builder, built, PRESETS / "character" / "head.blend"]
        subprocess.run(command, capture_output=True)  # once it is saved, bpy 4.2 crashes on its way out
        if built.exists():
            yield "rigify", built


def analyzed(data: Path, folder: Path) -> dict[str, Path]:
    """The clips' takes, made where they are not in the folder yet; a clip that cannot be analyzed is told."""
    found = {}
    for name, clip in clips(data):
        path = folder / f"{name.replace(' ', '_')}.faceanim"
        try:
            if not path.exists():
                takes.write(analyze(clip), path)
            found[name] = path
        except FaceanimError as error:
            print(f"{name}: {error.message}", file=sys.stderr)
    return found


def held(character: str, path: Path, made: dict[str, Path], folder: Path) -> Iterator[Held]:
    """Every take baked on a character and verified, in a Blender of its own."""
    folder.mkdir(exist_ok=True)
    rates = [RATES[i % len(RATES)] for i in range(len(made))]
    words = [f"{take}@{fps:g}" for take, fps in zip(made.values(), rates, strict=True)]
    command = [sys.executable, "-m", "faceanim.blender.held", str(path), str(folder), *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        lines = (line[5:] for line in process.stdout if line.startswith("held "))
        for (name, fps), line in zip(zip(made, rates, strict=True), lines, strict=False):
            report = json.loads(line)
            missed = [event for event in report["events"] if not event["passed"]]
            crossed = report["penetrations"] + report["lids_cross"]
            yield Held(character, name, fps, len(report["events"]), missed, crossed, report["largest_penetration"],
                       report["notes"], report["opening"])  # fmt: skip
    if process.returncode:
        raise RuntimeError(f"Blender ended with status {process.returncode} on {character}")


def run(data: Path, work: Path, only: str | None = None) -> list[Held]:
    """All of it, printed as it comes."""
    rows = []
    made = analyzed(data, work)
    source: dict[str, np.ndarray] = {}
    for character, path in characters(data, work):
        if only and only not in character and character != SOURCE:
            continue
        for row in held(character, path, made, work / character.replace(" ", "_")):
            opening = np.array(row.opening)
            row = row._replace(follows=float(np.corrcoef(source.setdefault(row.clip, opening), opening)[0, 1]))
            rows.append(row)
            print(line(row), flush=True)
        print(line(total([row for row in rows if row.character == character])), flush=True)
    return rows


def total(rows: list[Held]) -> Held:
    missed = [event for row in rows for event in row.missed]
    largest = max((row.largest_penetration for row in rows), default=0.0)
    return Held(rows[0].character, f"{len(rows)} clips", 0.0, sum(row.events for row in rows), missed,
                sum(row.crossed for row in rows), largest, [], [], min(row.follows for row in rows))  # fmt: skip


def line(row: Held) -> str:
    missed = " ".join(
        f"{e['phone'] or e['kind']}@{e['time_s']:.2f}:{e['value']:.3f}>{e['limit']:.3f}" for e in row.missed[:6]
    )
    rate = f"{row.fps:4g} fps" if row.fps else " " * 8
    return (
        f"{row.character:<10} {row.clip:<28} {rate} {row.events - len(row.missed):4} held {len(row.missed):3} missed "
        f"{row.crossed:4} crossed  follows {row.follows:.4f}  {missed if row.fps else ''}"
    ).rstrip()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("faceanim.evaluate.contacts", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keeps the takes and .blend files")
    parser.add_argument("--character", metavar="NAME", help="one of them alone: demo, vroid, ict or rigify")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        work = args.work or Path(name)
        work.mkdir(parents=True, exist_ok=True)
        rows = run(args.data, work, args.character)
    if args.json:
        args.json.write_text(json.dumps([row._asdict() for row in rows], indent=1), "utf-8")
    return int(not rows or any(row.missed or row.crossed or row.follows < FOLLOWED for row in rows))


if __name__ == "__main__":
    sys.exit(main())
