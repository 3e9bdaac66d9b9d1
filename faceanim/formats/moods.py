"""A track of emotions that somebody chose, as CSV or JSON.

CSV: a header `start_s,end_s,emotion,strength` in any order and case (also start, from, in; end, to, out; label, mood;
weight, intensity), one mood a row. Commas, semicolons (then 0,5 is a half) or tabs; empty lines and lines from # on are
passed over; a strength that is left out is 1, and 80% is 0.8.
JSON: {"schema": "faceanim/moods/1", "moods": [{"start": s, "end": s, "emotion": TEXT, "strength": 0..1}]}, or rows
[start, end, emotion, strength], as `show --json` lists them; "fps" and "timecode_start" may stand beside "moods".
Times are seconds from the clip's start (1.25), clock times (0:01.25) or timecodes (01:00:00:12, with ; before the
frames where frames are dropped), which need the rate of their frames.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..core.files import replacing
from ..core.moods import mood
from ..core.take import Mood
from ..errors import FormatError, InputError
from . import document
from .text import read_text

VERSION = 1
SCHEMA = f"faceanim/moods/{VERSION}"
SUFFIXES = (".csv", ".json")
HEADER = ("start_s", "end_s", "emotion", "strength")
_NAMES = {
    "start_s": ("start_s", "start", "start_time", "from", "begin", "in", "timecode", "time"),
    "end_s": ("end_s", "end", "end_time", "to", "out", "stop", "timecode_out"),
    "emotion": ("emotion", "label", "mood", "name", "marker"),
    "strength": ("strength", "weight", "intensity", "value", "amount"),
}
_TIMECODE = re.compile(r"(\d+):(\d{1,2}):(\d{1,2})([:;])(\d{1,3}(?:\.\d+)?)")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{1,2}(?:\.\d*)?)")

Clock = Callable[[Any], float]
"""A time as it stands in a file to seconds from the clip's start; raises InputError."""


def read(path: str | Path, fps: float | None = None, timecode_start: str | float = 0.0) -> tuple[Mood, ...]:
    """The moods of a .csv or .json in order of time; they may overlap.

    fps             of the file's timecodes (Hz), if it does not say it itself
    timecode_start  what the file calls the clip's start: a time or a timecode
    Raises FormatError that names the line or the field and what it may be.
    """
    path = _known(path)
    if path.suffix.lower() == ".json":
        return document.load(path, "file of moods", lambda value: from_json(value, fps, timecode_start))
    return _from_csv(path, read_text(path, "file of moods"), _clock(fps, timecode_start))


def write(moods: Iterable[Mood], path: str | Path, fps: float | None = None) -> None:
    """A .csv or .json with seconds, or with timecodes where `fps` is given. Raises FormatError, OutputError."""
    path = _known(path)
    when: Callable[[float], Any] = _rounded if fps is None else lambda seconds: timecode(seconds, fps)
    rows = [(when(m.start), when(m.end), m.label, _rounded(m.strength)) for m in moods]
    if path.suffix.lower() == ".json":
        head = {"schema": SCHEMA} if fps is None else {"schema": SCHEMA, "fps": fps}
        names = ("start", "end", "emotion", "strength")
        document.save(path, {**head, "moods": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), "utf-8", newline="\n")


def _known(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        why = f"'{path.suffix}' is no kind of file of moods: {path}"
        raise FormatError(why, f"it is one of: {', '.join(SUFFIXES)}")
    return path


def timecode(seconds: float, fps: float) -> str:
    """hh:mm:ss:ff at the whole number next to fps, as editors count frames where none is dropped."""
    base = max(1, round(fps))
    whole, frame = divmod(round(seconds * fps), base)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}"


def seconds_of(value: Any, fps: float | None = None) -> float:
    """Seconds of a time as it stands in a file: a number, a clock time, a timecode. Raises InputError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(value, value)
    text = str(value).strip()
    if found := _TIMECODE.fullmatch(text):
        return _of_frames(text, found, fps)
    if found := _CLOCK.fullmatch(text):
        return int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])
    try:
        return _finite(float(text.removesuffix("s").strip()), text)
    except ValueError:
        raise InputError(f"'{text[:40]}' is no time", "write seconds (1.25), 0:01.25 or 00:00:01:06") from None


def _of_frames(text: str, found: re.Match[str], fps: float | None) -> float:
    if fps is None:
        raise InputError(f"'{text}' counts frames, and nothing says how many a second has", "give --timecode-fps, or "
                         'seconds in place of timecodes (in JSON, "fps": 25 beside "moods")')  # fmt: skip
    base = max(1, round(fps))
    hours, minutes, seconds, frame = int(found[1]), int(found[2]), int(found[3]), float(found[5])
    if minutes > 59 or seconds > 59 or frame >= base:
        raise InputError(f"'{text}' is no timecode at {fps:g} frames a second", f"its frames are 0 to {base - 1}")
    count = (hours * 3600 + minutes * 60 + seconds) * base + frame
    if found[4] == ";" and base % 30 == 0:
        # SMPTE 12M: the first frames' numbers of every minute that is no tenth one are left out
        minutes += 60 * hours
        count -= base // 15 * (minutes - minutes // 10)
    return count / fps


def _finite(value: float, text: Any) -> float:
    if not abs(value) < 1e6:
        raise InputError(f"'{text}' is no time", "write seconds from the clip's start, such as 1.25")
    return float(value)


def _clock(fps: float | None, start: str | float) -> Clock:
    zero = seconds_of(start, fps)
    return lambda value: round(seconds_of(value, fps) - zero, 6)


def from_json(value: Any, fps: float | None = None, timecode_start: str | float = 0.0) -> tuple[Mood, ...]:
    """See `read`. Raises FormatError that names the field."""
    node = document.Node(value)
    if isinstance(value, dict):
        node = document.checked(value, "moods", VERSION) if "schema" in value else node
        table = node.table()
        if "moods" not in table:
            raise FormatError("it has no moods", f'a file of moods is {{"schema": "{SCHEMA}", "moods": [...]}}')
        node = table["moods"]
        if "schema" in table or not {"frames", "layers"} <= set(table):  # not the fps of a take that `show` lists
            fps = table["fps"].number(1.0, 1000.0) if "fps" in table else fps
        timecode_start = table["timecode_start"].value if "timecode_start" in table else timecode_start
    clock = _clock(fps, timecode_start)
    return tuple(sorted(_entry(one, clock) for one in node.items()))


def _entry(node: document.Node, clock: Clock) -> Mood:
    if isinstance(node.value, list):
        if not 3 <= len(node.value) <= 4:
            raise node.fail("must be [start, end, emotion, strength]")
        fields = dict(zip(HEADER, node.items(), strict=False))
    else:
        fields = {}
        for name, one in node.table().items():
            column = _column(name)
            if column is None:
                raise one.fail("is not known", f"a mood has: {', '.join(HEADER)}")
            fields[column] = one
        for name in HEADER[:3]:
            if name not in fields:
                raise node.fail(f"lacks '{name.removesuffix('_s')}'")
    try:
        strength = fields["strength"].number() if "strength" in fields else 1.0
        return mood(clock(fields["start_s"].value), clock(fields["end_s"].value), fields["emotion"].text(), strength)
    except FormatError:
        raise
    except InputError as error:
        raise FormatError(f"{node.place}: {error.message}", error.hint) from None


def _from_csv(path: Path, text: str, clock: Clock) -> tuple[Mood, ...]:
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), None)
    if first is None:
        raise FormatError(f"{path} has no header", f"its first line is {','.join(HEADER)}")
    delimiter = max(",;\t", key=lines[first].count)
    columns = [_column(name) for name in next(csv.reader([lines[first]], delimiter=delimiter))]
    if missing := [name for name in HEADER[:3] if name not in columns]:
        raise FormatError(f"{path} has no column {missing[0]}", f"its first line is {','.join(HEADER)}")
    places = {name: columns.index(name) for name in HEADER if name in columns}
    found = []
    for number, line in enumerate(lines[first + 1 :], first + 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        row = next(csv.reader([line], delimiter=delimiter))
        if delimiter == ";":  # spreadsheets of half of Europe write 0,5
            row = [cell.replace(",", ".") for cell in row]
        try:
            found.append(_row(row, places, clock))
        except InputError as error:
            raise FormatError(f"{path}, line {number}: {error.message}", error.hint) from None
    return tuple(sorted(found))


def _row(row: Sequence[str], places: dict[str, int], clock: Clock) -> Mood:
    cells = {name: row[i].strip() if i < len(row) else "" for name, i in places.items()}
    if missing := [name for name in HEADER[:3] if not cells[name]]:
        raise InputError(f"{missing[0]} is empty", f"a row has {', '.join(HEADER)}")
    strength = cells.get("strength") or "1"
    try:
        share = float(strength.removesuffix("%")) / (100 if strength.endswith("%") else 1)
    except ValueError:
        raise InputError(f"the strength is '{strength[:40]}'", "it is a number from 0 to 1, such as 0.8") from None
    return mood(clock(cells["start_s"]), clock(cells["end_s"]), cells["emotion"], share)


def _column(name: str) -> str | None:
    plain = re.sub(r"[\s-]+", "_", name.strip().strip('"').lower())
    return next((column for column, names in _NAMES.items() if plain in names), None)


def _rounded(value: float) -> float:
    return round(float(value), 4)
