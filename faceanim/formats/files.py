"""Which module reads and writes a file of animation, by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.channels import GROUP_OF
from ..core.take import Take
from ..core.track import Track
from ..errors import FormatError
from . import livelink, takes

READERS = {takes.SUFFIX: takes.read, livelink.SUFFIX: lambda path, **how: take_of(livelink.read(path, **how))}
WRITERS = {takes.SUFFIX: takes.write, livelink.SUFFIX: livelink.write}


def read(path: str | Path, **how: Any) -> Take:
    """A Take from any file that is known; `how` are the reader's own options (livelink: rotation_unit, mirror, fps).

    A Live Link Face CSV becomes the layers expression, gaze and head. Raises FormatError.
    """
    return _known(path, READERS)(path, **how)


def write(value: Take | Track, path: str | Path, **how: Any) -> None:
    """A Take or a Track to any file that is known; `how` are the writer's own options.

    A Track becomes a Take where a Take is kept; a Take with several layers must be mixed first where a Track is.
    Raises FormatError, OutputError.
    """
    writer = _known(path, WRITERS)
    if writer is takes.write:
        writer(value if isinstance(value, Take) else take_of(value), path, **how)
    elif isinstance(value, Track):
        writer(value, path, **how)
    elif len(value.layers) == 1:
        writer(next(iter(value.layers.values())), path, **how)
    else:
        raise FormatError(f"{Path(path).suffix} holds one track, the take has layers", "mix them or name one layer")


def take_of(track: Track) -> Take:
    """A finished Track as the layers that a video gives: expression (the face and, if there, tongue), gaze, head."""
    if track.start:
        track = track.resample(track.fps, max(1, track.frames + round(track.start * track.fps)), 0.0)
    layers: dict[str, list[str]] = {"expression": [], "gaze": [], "head": []}
    for name in track.channels:
        group = GROUP_OF.get(name, "")
        layers[group if group in ("gaze", "head") else "expression"].append(name)
    return Take(
        fps=track.fps,
        frames=track.frames,
        layers={layer: track.select(names) for layer, names in layers.items() if names},
    )


def _known(path: str | Path, table: dict[str, Any]) -> Any:
    suffix = Path(path).suffix.lower()
    if suffix not in table:
        raise FormatError(f"'{suffix}' is no known kind of animation file: {path}", "it is one of: " + ", ".join(table))
    return table[suffix]
