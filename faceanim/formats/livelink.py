"""Live Link Face CSV, as Epic's iPhone app records it: 52 ARKit coefficients and 9 rotations a frame.

The columns stand in the app's own order (jawRight before jawLeft, mouthRight before mouthLeft). A timecode is
hh:mm:ss:ff.fff: ff counts frames of the timecode's own rate, which is the whole number next to the Track's when we
write (0, 1, ... 59 at 60 Hz) and may be another one in recordings (rows at 30 Hz on a timecode of 60). Rotations are
radians with the signs of core.channels, eyes relative to the head; eye roll is 0.
"""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..core.channels import ARKIT, ROTATIONS
from ..core.files import input_file, replacing
from ..core.track import Track
from ..errors import FormatError

SUFFIX = ".csv"
COLUMNS: tuple[str, ...] = (
    "EyeBlinkLeft", "EyeLookDownLeft", "EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "EyeSquintLeft",
    "EyeWideLeft",
    "EyeBlinkRight", "EyeLookDownRight", "EyeLookInRight", "EyeLookOutRight", "EyeLookUpRight", "EyeSquintRight",
    "EyeWideRight",
    "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker", "MouthRight",
    "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight", "MouthDimpleLeft",
    "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight", "MouthRollLower", "MouthRollUpper",
    "MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft",
    "MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight",
    "BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff",
    "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch",
    "RightEyeRoll",
)  # fmt: skip
"""The 61 columns behind Timecode and BlendshapeCount."""

HEADER = ",".join(("Timecode", "BlendshapeCount", *COLUMNS))

ROTATION_UNITS = {"rad": 1.0, "deg": 180.0 / math.pi, "deg180": 1.0 / math.pi}
"""What a radian is in the file: radians, degrees, or parts of 180 degrees (-1 to 1)."""

RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 90.0, 100.0, 120.0)
APP_RATE = 60
"""The timecode's rate where a file is too short to tell."""

_CHANNEL = {name.lower(): name for name in (*ARKIT, *ROTATIONS)}
_TIMECODE = re.compile(r"(\d{1,3}):(\d{1,2}):(\d{1,2})[:;](\d{1,4}(?:\.\d*)?)")

_EXACT, _STILL = 1e-6, 1e-6
"""Ten decimals are written: what is off by more was changed, and what moves by less stands still."""
_LOST_S = 0.1
"""Farther than this from a row, a frame is a guess (seconds)."""


def write(
    track: Track, path: str | Path, rotation_unit: str = "rad", mirror: bool = False, timecode: float = 0.0
) -> None:
    """One row a frame at the Track's rate from time 0; a channel that the Track does not have is 0.

    rotation_unit  "rad", "deg" or "deg180" (see ROTATION_UNITS)
    mirror         Left and Right exchanged, yaw and roll negated
    timecode       seconds since midnight of the first row
    Raises OutputError. The tongue channels that ARKit does not have and the confidence are not kept.
    """
    unit = _unit(rotation_unit)
    if track.start:
        track = track.resample(track.fps, max(1, track.frames + round(track.start * track.fps)), 0.0)
    if mirror:
        track = _mirror(track)
    names = [_CHANNEL.get(column.lower()) for column in COLUMNS]
    table = np.zeros((track.frames, len(COLUMNS)))
    for i, name in enumerate(names):
        if name is not None:
            table[:, i] = track.column(name) * (unit if name in ROTATIONS else 1.0)
    table += 0.0  # no "-0.0000000000"
    row = ",".join(["%.10f"] * len(COLUMNS))
    count = len(COLUMNS)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER + "\n")
        for frame, values in enumerate(table):
            code = format_timecode(timecode + frame / track.fps, track.fps)
            file.write(f"{code},{count},{row % tuple(values)}\n")


def read(path: str | Path, rotation_unit: str = "rad", mirror: bool = False, fps: float | None = None) -> Track:
    """The Track of the columns that the file has, from time 0 at its first row, at the rate that its timecode tells.

    Columns are found by name in any case, spelling (EyeBlink_L) and order; others are passed over. A row without values
    and a gap in the timecode are bridged by straight lines, with confidence 0.
    fps  the rate of the timecode's frames, for a file under a second, whose timecode does not tell (60 is assumed)
    Raises FormatError that names the line and the column.
    """
    unit = _unit(rotation_unit)
    path = input_file(path, "Live Link Face CSV", FormatError)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            channels, clock, values = _table(path, file)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise FormatError(f"{path} is not a CSV file: it cannot be read as text", "export it as UTF-8") from error
    times, rate = _times(clock, fps)
    values[:, [name in ROTATIONS for name in channels]] /= unit
    track = _on_grid(path, channels, times, values, rate)
    return _mirror(track) if mirror else track


def compare(path: str | Path, track: Track) -> dict[str, Any]:
    """What a file holds beside the Track it was written from: every channel at every frame, rate and length.

    Returns `controls` (that move), `frames`, `seconds`, `fps`, `max_error`, `worst` (control, time), `missing`,
    `left_out` (what moves and has no column), `file` (its own rate and length) and `passed`. Raises FormatError.
    """
    with input_file(path, "Live Link Face CSV", FormatError).open(encoding="utf-8-sig", errors="replace") as file:
        verbatim = file.readline().strip() == HEADER
    there = read(path)
    moving = [name for name in track.channels if np.ptp(track.column(name)) > _STILL]
    errors, missing = {}, []
    for name in (name for name in moving if name in (*ARKIT, *ROTATIONS)):
        if name in there.channels:
            wanted, got = np.zeros((2, max(track.frames, there.frames)))
            wanted[: track.frames], got[: there.frames] = track.column(name), there.column(name)
            errors[name] = np.abs(wanted - got)
        else:
            missing.append(name)
    worst = max(errors, key=lambda name: errors[name].max(), default=None)
    largest = float(errors[worst].max()) if worst else 0.0
    kept = there.frames == track.frames and (track.frames < 2 or abs(there.fps / track.fps - 1) < 1e-3)
    return {
        "controls": len(errors), "frames": track.frames, "seconds": track.frames / track.fps, "fps": track.fps,
        "max_error": largest,
        "worst": worst and {"control": worst, "time_s": float(errors[worst].argmax() / track.fps)},
        "missing": missing,
        "left_out": [name for name in moving if name not in (*ARKIT, *ROTATIONS)],
        "file": {"fps": there.fps, "seconds": there.frames / there.fps, "header": verbatim, "kept": kept},
        "limit": _EXACT,
        "passed": bool(errors) and not missing and largest < _EXACT and kept and verbatim,
    }  # fmt: skip


def format_timecode(seconds: float, fps: float) -> str:
    """hh:mm:ss:ff.fff at the whole number next to fps: 1.5 s at 60 Hz is 00:00:01:30.000."""
    base = max(1, round(fps))
    thousandths = round(seconds * base * 1000)
    whole, rest = divmod(thousandths, base * 1000)
    return f"{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _unit(name: str) -> float:
    if name not in ROTATION_UNITS:
        raise FormatError(f"'{name}' is no rotation unit", "it is one of: " + ", ".join(ROTATION_UNITS))
    return ROTATION_UNITS[name]


def _channel(column: str) -> str | None:
    """The channel that a column's header names, None for a column of another kind."""
    name = re.sub(r"[\s\"]", "", column).lower()
    name = re.sub(r"_l$", "left", re.sub(r"_r$", "right", name)).replace("_", "")
    return _CHANNEL.get(name)


def _mirror(track: Track) -> Track:
    turned = track.mirrored()
    return turned.select(sorted(turned.channels, key=[*ARKIT, *ROTATIONS, *turned.channels].index))


def _table(path: Path, file: TextIO) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Channels (C), clock float64 (R, 2): second and frame of the timecode, values float64 (R, C), nan where empty."""
    first = next((line for line in file if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    header = next(csv.reader([first], delimiter=delimiter), [])
    places = {_channel(name): i for i, name in reversed(list(enumerate(header)))}
    places.pop(None, None)
    code = next((i for i, name in enumerate(header) if name.strip().lower() == "timecode"), None)
    if not places or code is None:
        lacks = "columns of ARKit's names" if not places else "Timecode column"
        message = f"{path} is not a Live Link Face CSV: it has no {lacks}"
        raise FormatError(message, f"its first line begins {HEADER[:60]}")
    channels = tuple(name for name in (*ARKIT, *ROTATIONS) if name in places)
    columns = [places[name] for name in channels]
    clock, values = [], []
    reader = csv.reader(file, delimiter=delimiter)
    for row in reader:
        if any(row):
            if delimiter == ";":  # spreadsheets of half of Europe write 0,5
                row = [cell.replace(",", ".") for cell in row]
            line = f"{path}, frame {len(clock) + 1}"
            clock.append(_clock(line, row[code] if code < len(row) else ""))
            values.append(_numbers(line, row, columns, channels))
    if not clock:
        raise FormatError(f"{path} holds no frames, only a header", "record or export it again")
    table = np.array(values)
    table[~np.isfinite(table)] = math.nan
    return channels, np.array(clock), table


def _clock(line: str, code: str) -> tuple[float, float]:
    match = _TIMECODE.fullmatch(code.strip())
    if match is None:
        raise FormatError(f"{line}: '{code[:40]}' is no timecode", "it is written hh:mm:ss:ff.fff")
    h, m, s, frame = match.groups()
    return int(h) * 3600.0 + int(m) * 60.0 + int(s), float(frame)


def _numbers(line: str, row: list[str], columns: list[int], channels: tuple[str, ...]) -> np.ndarray:
    """float64 (C,), nan where a cell is empty or missing."""
    try:
        return np.array([float(row[i]) for i in columns])
    except (ValueError, IndexError):
        values = np.full(len(columns), math.nan)
    for k, (i, name) in enumerate(zip(columns, channels, strict=True)):
        cell = row[i].strip() if i < len(row) else ""
        try:
            values[k] = float(cell or "nan")
        except ValueError as error:
            message = f"{line}: {name} is '{cell[:40]}', not a number"
            raise FormatError(message, "correct the cell or export the file again") from error
    return values


def _times(clock: np.ndarray, base: float | None) -> tuple[np.ndarray, float]:
    """Seconds of every row from the first one, and the rate of the rows (Hz)."""
    if base is None:
        base = _timecode_rate(clock)
    times = clock[:, 0] + clock[:, 1] / base
    times[1:] += 86400.0 * np.cumsum(np.diff(times) < -43200.0)  # past midnight
    times -= times[0]
    step = np.diff(times)
    step = step[step > 1e-6]
    if not len(step):
        return times, float(base)
    # whole steps between rows, so that dropped rows do not slow the rate; pauses are left out
    count = np.round(step / np.quantile(step, 0.25, method="lower"))
    good = (count >= 1) & (count < 10)
    rate = float(count[good].sum() / step[good].sum())
    near = [r * k for r in RATES for k in (1.0, 1000.0 / 1001.0)]
    best = min(near, key=lambda r: abs(r - rate))
    return times, best if abs(best - rate) < 3e-4 * best else rate


def _timecode_rate(clock: np.ndarray) -> float:
    """Frames that the timecode counts in a second, seen where they start anew."""
    second, frame = clock.T
    over = np.flatnonzero((np.diff(second) % 86400 == 1) & (np.diff(frame) < 0))
    inside = np.diff(frame)[(np.diff(second) == 0) & (np.diff(frame) > 0)]
    if not len(over):
        return float(max(APP_RATE, math.ceil(frame.max() + 1e-9)))
    step = np.median(inside) if len(inside) else 1.0
    base = float(np.round(np.median(frame[over] - frame[over + 1] + step)))
    return max(base, math.floor(frame.max()) + 1.0)


def _on_grid(path: Path, channels: tuple[str, ...], times: np.ndarray, values: np.ndarray, rate: float) -> Track:
    """Rows at any rising times as a Track at `rate`."""
    keep = np.concatenate(([True], np.diff(np.maximum.accumulate(times)) > 1e-6))
    times, values = times[keep], values[keep]
    frames = int(round(times[-1] * rate)) + 1
    if frames > 20 * len(times) + 36000:
        raise FormatError(
            f"{path}: its timecode jumps; {len(times)} rows would span {times[-1]:.0f} s", "cut the file at the jump"
        )
    grid = np.arange(frames) / rate
    seen = np.isfinite(values).any(1)
    if not seen.any():
        raise FormatError(f"{path} holds no values: the face was never seen", "record it again")
    # timecodes are rounded to a thousandth of a frame: rows that lie on the grid are taken as they are
    on_grid = frames == len(times) and np.abs(times - grid).max() < 0.1 / rate
    out = np.zeros((frames, len(channels)), np.float32)
    for c in range(len(channels)):
        good = np.isfinite(values[:, c])
        if good.all() and on_grid:
            out[:, c] = values[:, c]
        elif good.any():
            out[:, c] = np.interp(grid, grid[good] if on_grid else times[good], values[good, c])
    marks = times[seen]
    after = np.clip(np.searchsorted(marks, grid), 0, len(marks) - 1)
    gap = np.minimum(np.abs(marks[after] - grid), np.abs(marks[np.maximum(after - 1, 0)] - grid))
    return Track.of(rate, channels, out, (gap < _LOST_S).astype(np.float32))
