"""The mouth of talking faces beside what is seen of it: `python -m faceanim.evaluate.talking DATA [--clips N]`.

DATA holds tracks.npz and, there or in `clips`, the videos that it is of, with the lips as MediaPipe tracks them:
`clips` (their names), `offsets`, `fps`, `gap` and `width` in distances of the outer eye corners. Of every source of the
mouth's motion, while somebody speaks: the correlation of the lips' opening with that tracked, the slope of one over the
other, the correlation of the mouth's width, and how many of the sounds heard as p b m close the lips.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import pipeline
from ..core.clip import Clip
from ..core.files import input_file
from ..core.phones import BILABIAL, base
from ..core.style import MOUTH_SOURCES, Style
from ..core.take import Take
from ..core.track import Track
from ..engine.analysis import analyze
from ..errors import FaceanimError, InputError
from ..solve.mouth_width import WIDER
from .faces import VIDEOS
from .lip_measures import CLOSED_CM, NEAR_S, gap

EYES_CM = 8.92
"""Between the outer eye corners of the head that `gap` is measured on."""


class Followed(NamedTuple):
    """Of one clip or the mean of several: correlation and slope of the opening, correlation of the width; closures as
    (heard, held)."""

    opening: float
    slope: float
    width: float
    closures: tuple[int, int]


class Tracked(NamedTuple):
    """clip; times (F,) s; gap, width (F,) in eye distances, NaN where no face was found."""

    clip: Path
    times: np.ndarray
    gap: np.ndarray
    width: np.ndarray


def tracked(data: Path, clips: int) -> Iterator[Tracked]:
    """So many clips at most, evenly drawn. Raises InputError where they are not there."""
    with np.load(input_file(data / "tracks.npz", "tracks of the clips")) as pack:
        names, offsets, fps, gaps, widths = (pack[n] for n in ("clips", "offsets", "fps", "gap", "width"))
    for k in np.unique(np.linspace(0, len(names) - 1, min(clips, len(names))).round().astype(int)):
        rows = slice(offsets[k], offsets[k + 1])
        times = np.arange(offsets[k + 1] - offsets[k]) / float(fps)
        yield Tracked(_video(data, str(names[k])), times, gaps[rows], widths[rows])


def _video(data: Path, name: str) -> Path:
    there = (folder / f"{name}{suffix}" for folder in (data / "clips", data) for suffix in VIDEOS)
    found = next((path for path in there if path.is_file()), None)
    if found is None:
        raise InputError(f"{data} holds no video {name}", "tracks.npz names the clips that belong beside it")
    return found


def followed(take: Take, seen: Tracked, source: str) -> Followed:
    """How the take's mouth, taken from one of MOUTH_SOURCES, goes with what was tracked."""
    track = pipeline.channels(take, Style(mouth_from=source))
    said = [p for p in take.phones if p.ipa]
    rows = (seen.times > said[0].start) & (seen.times < said[-1].end) & np.isfinite(seen.gap)
    opened, wide = gap(track), width(track)
    times = track.start + np.arange(track.frames) / track.fps
    a, b = np.interp(seen.times, times, opened)[rows], seen.gap[rows] * EYES_CM
    held = [
        opened[(times >= p.start - NEAR_S) & (times <= p.end + NEAR_S)].min() <= CLOSED_CM[1]
        for p in said if base(p.ipa) in BILABIAL
    ]  # fmt: skip
    across = np.interp(seen.times, times, wide)[rows]
    return Followed(
        float(np.corrcoef(a, b)[0, 1]), float(np.polyfit(b, a, 1)[0]),
        float(np.corrcoef(across, seen.width[rows])[0, 1]), (len(held), int(sum(held))),
    )  # fmt: skip


def width(track: Track) -> np.ndarray:
    """(F,) by what share of its width at rest the mouth is wider."""
    return sum(track.column(name).astype(float) * by for name, by in WIDER.items() if name in track.channels)


def run(data: Path, clips: int, fps: float = 60.0) -> dict[str, Followed]:
    """The mean over the clips of each of MOUTH_SOURCES. Errors as in `tracked` and engine.analysis.analyze."""
    found: dict[str, list[Followed]] = {source: [] for source in MOUTH_SOURCES}
    for seen in tracked(data, clips):
        take = analyze(Clip(audio=seen.clip, video=seen.clip), fps)
        for source, rows in found.items():
            rows.append(followed(take, seen, source))
    return {source: mean(rows) for source, rows in found.items()}


def mean(rows: list[Followed]) -> Followed:
    opening, slope, width, closures = zip(*rows, strict=True)
    return Followed(*(float(np.mean(v)) for v in (opening, slope, width)), tuple(np.sum(closures, 0).tolist()))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("faceanim.evaluate.talking", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    try:
        rows = run(args.data, args.clips)
    except FaceanimError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    print("mouth from   opening r   slope   width r   p b m closed")
    for source, row in rows.items():
        heard, held = row.closures
        print(f"{source:<10} {row.opening:11.3f} {row.slope:7.2f} {row.width:9.3f} {held:7} of {heard}")
    if args.json:
        args.json.write_text(json.dumps({source: row._asdict() for source, row in rows.items()}, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
