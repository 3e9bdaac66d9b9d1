"""Speed and memory in one table: `python -m faceanim.evaluate.bench [--long] [--video FILE] [--json FILE]`.

Every figure is measured as a user meets it: analyses in a process of their own, the fastest of a few tries where a try
is short. Exit status 1 where a figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from ..core.channels import ARKIT, CHANNELS, GROUP_OF, ROTATIONS
from ..core.files import PRESETS
from ..core.mapping import Mapping, Target
from ..core.style import Style
from ..core.take import Phone, Take
from ..core.track import Track
from ..formats import takes
from ..pipeline import controls, curves
from ..retarget import geometry
from ..retarget.lips import Surface
from ..source import audio, video
from .mapping import opened

SPEECH = PRESETS / "demo" / "speech.flac"
TRANSCRIPT = PRESETS / "demo" / "speech.txt"
FACE = PRESETS / "demo" / "face.mp4"
RATE = 16000
ROOT = Path(__file__).parents[2]
AT_LEAST, AT_MOST = ">=", "<="
FAILED = "failed: "

# Runs in a Python of its own and tells what it took; ru_maxrss is in kilobytes, on macOS in bytes
MEASURED = """
import json, sys, time
started, busy = time.perf_counter(), time.process_time()
{work}
seconds, busy = time.perf_counter() - started, time.process_time() - busy
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
except ImportError:
    peak = 0
print("bench", json.dumps([status, seconds, peak, busy]))
"""
COMMAND = MEASURED.format(work="""
from faceanim.cli import main
status = main(sys.argv[1:])
""")
# the network and the lips' curves alone, once both are loaded; what the file's seconds cost
HEARD = MEASURED.format(work="""
from faceanim.engine import phones
from faceanim.engine.device import choose
from faceanim.solve import speech
from faceanim.source import audio
path, seconds = sys.argv[1], float(sys.argv[2])
source = phones.phone_network(device=choose())
source(audio.stream(path, 16000, 0.0, 1.0))
started, busy, status = time.perf_counter(), time.process_time(), 0
heard = source(audio.stream(path, 16000), None, lambda fraction, stage: None, seconds)
if len(sys.argv) > 3:
    speech.solve(heard, seconds, 60.0)
""")
# what anyone would write to run MediaPipe over a video
BARE = MEASURED.format(work="""
import av
from mediapipe.python.solutions.face_mesh import FaceMesh
with FaceMesh(refine_landmarks=True) as mesh, av.open(sys.argv[1]) as file:
    for frame in file.decode(video=0):
        mesh.process(frame.to_ndarray(format="rgb24"))
status = 0
""")


class Row(NamedTuple):
    """One figure. target: what it is held against, None where it is only told; value None: not measured, see note."""

    what: str
    value: float | None
    unit: str
    bound: str = ""
    target: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.bound == AT_LEAST else self.value <= self.target


def fastest(work: Callable[[], object], tries: int = 5) -> float:
    """Seconds of the fastest try."""
    seconds = []
    for _ in range(tries):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


# the right half of the way ----------------------------------------------------------------------------------------


def busy_take(seconds: float, fps: float = 60.0) -> Take:
    """A Take of every layer with moving channels, camera noise and twelve phones a second."""
    frames, noise = round(seconds * fps), np.random.default_rng(1)
    times = np.arange(frames)[:, None] / fps

    def layer(names: tuple[str, ...]) -> Track:
        rates = noise.uniform(0.3, 4.0, len(names))
        values = 0.5 + 0.4 * np.sin(2 * np.pi * rates * times) + noise.normal(0, 0.02, (frames, len(names)))
        scale = np.array([0.3 if name in ROTATIONS else 1.0 for name in names])
        return Track.of(fps, names, np.clip(values, 0, 1) * scale)

    groups = {name: [c for c in CHANNELS if GROUP_OF[c] == name] for name in GROUP_OF.values()}
    lips = (*groups["lips"], *groups["jaw"], *groups["tongue"])
    face = tuple(c for c in CHANNELS if GROUP_OF[c] not in ("gaze", "head", "tongue"))
    layers = {"lips": lips, "expression": face, "gaze": groups["gaze"], "head": groups["head"]}
    sounds = ("h", "ə", "l", "oʊ", "p", "ɑ", "b", "i", "m", "ɛ", "f", "ʌ", "v", "aɪ", "s", "t")
    phones = [Phone(i / 12, (i + 1) / 12, sounds[i % len(sounds)], 1.0) for i in range(int(seconds * 12))]
    return Take(fps, frames, {name: layer(tuple(names)) for name, names in layers.items()}, tuple(phones))


def whole_mapping() -> Mapping:
    """A control a channel."""
    limits = {name: (-3.2, 3.2) if name in ROTATIONS else (0.0, 1.0) for name in CHANNELS}
    return Mapping("bench", {c: Target({c: 1.0}, minimum=low, maximum=high) for c, (low, high) in limits.items()})


def retarget_rows() -> Iterator[Row]:
    take, mapping, style = busy_take(60.0), whole_mapping(), Style()
    seconds = fastest(lambda: controls(take, mapping, style, 60.0))
    yield Row("retarget and smooth 60 s at 60 fps", seconds, "s", AT_MOST, 0.1)
    yield Row("the same and reduce to keys", fastest(lambda: curves(take, mapping, style, 60.0), 3), "s")


# Blender ----------------------------------------------------------------------------------------------------------


def blender_rows(folder: Path) -> Iterator[Row]:
    take = folder / "busy.faceanim"
    takes.write(busy_take(60.0), take)
    command = [sys.executable, "-m", "faceanim.blender.timing", take]
    tries = [subprocess.run(command, cwd=ROOT, env=_environ(), capture_output=True, text=True) for _ in range(3)]
    done = [json.loads(t.stdout.splitlines()[-1]) for t in tries if t.returncode == 0]
    if not done:
        reason = (tries[-1].stderr.strip().splitlines() or ["failed"])[-1]
        raise RuntimeError(reason)
    best = {name: min(found[name] for found in done) for name in done[0]}
    yield Row("register() in Blender", best["register"] * 1e3, "ms", AT_MOST, 50.0)
    yield Row("bake 52 controls x 3600 frames", best["bake"], "s", AT_MOST, 0.2)
    yield Row("the same as keys a second", best["keys"] / best["bake"] / 1e6, "million", AT_LEAST, 1.0)
    if "bake_head" in best:
        note = f"{best['keys_head']:.0f} keys, as meshes share controls"
        yield Row("the same on the demo head", best["bake_head"], "s", note=note)
        what = "60 s at 60 fps on the demo head, contacts held"
        yield Row(what, best["transfer_head"], "s", AT_MOST, 5.0, "of one processor")


def mapping_rows(folder: Path) -> Iterator[Row]:
    """The demo head with a vertex more on each edge and with mixtures of its keys, all without names."""
    head, draw = opened(PRESETS / "character" / "head.blend", folder), np.random.default_rng(0)
    a, b = head.edges.T
    count = len(head.points)
    middle = count + np.arange(len(a), dtype=np.int32)
    edges = np.concatenate([np.stack([a, middle], 1), np.stack([middle, b], 1)])
    keys = list(head.deltas)
    moves: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for k in range(200):
        whole = np.zeros_like(head.points)
        for name in [keys[k]] if k < len(keys) else draw.choice(keys, 2, replace=False):
            which, delta = head.deltas[name]
            whole[which] += delta
        whole = np.concatenate([whole, (whole[a] + whole[b]) / 2])
        moved = np.flatnonzero(whole.any(1))
        moves[f"word {k}"] = moved, whole[moved]
    points = np.concatenate([head.points, (head.points[a] + head.points[b]) / 2])
    surface = Surface(points, edges, moves)
    began = time.process_time()
    geometry.recognise(surface, tuple(moves))
    what = f"mapping {len(moves)} unnamed keys of {len(points):,} vertices"
    yield Row(what, time.process_time() - began, "s", AT_MOST, 3.0, "of one processor")


# the left half ----------------------------------------------------------------------------------------------------


class Ran(NamedTuple):
    """What it took: seconds with imports, without the start of Python; peak memory in bytes, 0 where it is not told;
    seconds of all processors, which other processes lengthen less."""

    seconds: float
    peak: float
    busy: float = 0.0


def _environ() -> dict[str, str]:
    """A user's Python keeps compiled modules, whatever this one was told."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def python(script: str, *args: object) -> Ran:
    """One script in a Python of its own. Raises RuntimeError with its last words where it fails."""
    command = [sys.executable, "-c", script, *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, env=_environ(), capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("bench ")]
    status, *figures = json.loads(lines[-1][6:]) if lines else (1, 0.0, 0)
    if status:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it failed"])[-1])
    return Ran(*figures)


def command(*args: object) -> Ran:
    return python(COMMAND, *args, "--quiet")


def write_speech(path: Path, seconds: float) -> None:
    """The demo speech over and over, as 16-bit WAV, a piece at a time."""
    piece = (np.clip(audio.read(SPEECH, RATE), -1, 1) * 32767).astype("<i2")
    left = int(seconds * RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        while left > 0:
            file.writeframes(piece[:left].tobytes())
            left -= len(piece)


def audio_rows(folder: Path, long: bool) -> Iterator[Row]:
    minute, take = folder / "minute.wav", folder / "take.faceanim"
    write_speech(minute, 60.0)
    ran = command("analyze", "--audio", minute, "-o", take)
    yield Row("analyze 60 s of speech, decoded", 60.0 / ran.seconds, "x real time", AT_LEAST, 10.0)
    text, seconds = folder / "minute.txt", audio.probe(SPEECH).seconds * 7
    write_speech(minute, seconds)
    text.write_text(TRANSCRIPT.read_text("utf-8") * 7, "utf-8")
    ran = command("analyze", "--audio", minute, "--transcript", text, "-o", take)
    yield Row(f"analyze {seconds:.0f} s of speech, with its text", seconds / ran.seconds, "x real time", AT_LEAST, 10.0)
    yield from _long_rows(minute, take, 60 if long else 5, "" if long else "one hour: --long")


def _long_rows(sound: Path, take: Path, minutes: int, note: str) -> Iterator[Row]:
    """What grows with the length of a recording, and what does not."""
    write_speech(sound, 60.0)
    one, short = python(HEARD, sound, 60), command("analyze", "--audio", sound, "-o", take)
    write_speech(sound, minutes * 60.0)
    both, many = python(HEARD, sound, minutes * 60, "lips"), python(HEARD, sound, minutes * 60)
    whole = command("analyze", "--audio", sound, "-o", take)
    yield Row(f"phones and lips, {minutes} min of speech", minutes * 60 / both.seconds, "x real time", AT_LEAST, 60.0)
    yield Row("the same, a second of one processor", minutes * 60 / both.busy, "s of sound")
    grown = many.peak / one.peak if one.peak else None
    yield Row(f"memory of the phones, {minutes} min over 1 min", grown, "times", AT_MOST, 1.15, note)
    for length, ran in ((1, short), (minutes, whole)):
        yield Row(f"memory of analyze, {length} min of speech", ran.peak / 1e9 or None, "GB", AT_MOST, 1.5)
    what = "one hour" if minutes == 60 else f"{minutes} min"
    yield Row(f"analyze {what} of speech", minutes * 60 / whole.seconds, "x real time", AT_LEAST, 10.0)


def voice_rows() -> Iterator[Row]:
    """How it is said, beside what is said: in this process, without the reading of the file and the imports."""
    from ..engine.emotion import ear_for
    from ..features import prosody
    from ..features.speech import loudness

    piece = audio.read(SPEECH, RATE)
    sound = np.tile(piece, -(-60 * RATE // len(piece)))[: 60 * RATE]
    level = loudness(sound)

    def hear() -> None:
        ear, _ = ear_for()
        for _ in ear.through(sound[i : i + RATE] for i in range(0, len(sound), RATE)):
            pass
        ear.tracks(level)

    hear()
    yield Row("emotion and prosody of 60 s of speech", 60.0 / fastest(hear, 3), "x real time", AT_LEAST, 100.0)
    yield Row("pitch alone", 60.0 / fastest(lambda: prosody.pitch(sound), 3), "x real time")


def face_rows() -> Iterator[Row]:
    """The face network on what others have found, as fast as this machine's device reads it."""
    from ..core.face import Rest, Seen
    from ..engine import face_expression
    from ..engine.device import choose
    from ..features.crops import PIXELS

    device, draw = choose("auto"), np.random.default_rng(0)
    reader, count = face_expression.model(device=device), 500 if device == "cpu" else 20_000
    columns = [draw.normal(0, 0.3, (count, *shape)).astype(np.float32) for shape in ((478, 3), (3,), (4,))]
    nothing = [np.zeros((count, width), np.float32) for width in (len(ARKIT), 1)]
    crops = draw.integers(0, 256, (count, PIXELS), np.uint8)
    seen = Seen(*columns[:2], crops, *nothing, columns[2])

    def look() -> None:
        views = reader.view(crops)
        reader.read(seen, views, Rest(seen.points[0], views[0]))

    look()
    row = "face network alone", count / fastest(look, 3), f"faces a second on {device}"
    yield Row(*row) if device == "cpu" else Row(*row, AT_LEAST, 5000.0)


def without_sound(clip: Path, folder: Path) -> Path:
    """The clip's pictures alone, as they are."""
    silent = folder / f"silent{clip.suffix}"
    with av.open(str(clip)) as source, av.open(str(silent), "w") as target:
        pictures = source.streams.video[0]
        copy = target.add_stream_from_template(pictures)
        for packet in source.demux(pictures):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return silent


def video_rows(folder: Path, clip: Path | None) -> Iterator[Row]:
    what = "video analysis over the bare mediapipe loop"
    if clip is None:
        yield Row(what, None, "of its rate", AT_LEAST, 0.85, "needs a face video: --video FILE")
        return
    silent = without_sound(clip, folder)
    tries = [
        (python(BARE, silent), command("analyze", "--video", silent, "-o", folder / "take.faceanim")) for _ in range(2)
    ]
    bare, ours = (min(ran.seconds for ran in runs) for runs in zip(*tries, strict=True))
    frames = video.probe(silent).frames_estimate
    note = f"{clip.name}: {frames / bare:.1f} fps bare, imports and loading of the network included in both"
    yield Row(what, bare / ours, "of its rate", AT_LEAST, 0.85, note)
    yield Row("video analysis", frames / ours, "fps")


# the table --------------------------------------------------------------------------------------------------------


def measured(part: Callable[[], Iterator[Row]], name: str) -> Iterator[Row]:
    try:
        yield from part()
    except Exception as error:  # one part that fails leaves the others' figures
        yield Row(name, None, "", note=f"{FAILED}{error}")


def line(row: Row) -> str:
    value = "-" if row.value is None else f"{row.value:.3g}"
    target = "" if row.target is None else f"{row.bound} {row.target:g}"
    verdict = {True: "ok", False: "MISSED", None: ""}[row.passed]
    return f"{row.what:<48} {value:>8} {row.unit:<12} {target:>8}  {verdict:<6} {row.note}".rstrip()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("build.py bench", description="Speed and memory, one table.")
    parser.add_argument("--long", action="store_true", help="memory for one hour of speech, which takes minutes")
    parser.add_argument("--video", type=Path, metavar="FILE", help="a face video (default: the demo's, if any)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the table as JSON")
    args = parser.parse_args(argv)
    clip, rows = args.video or (FACE if FACE.exists() else None), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = {
            "retarget": retarget_rows,
            "mapping": lambda: mapping_rows(folder),
            "Blender": lambda: blender_rows(folder),
            "audio": lambda: audio_rows(folder, args.long),
            "voice": voice_rows,
            "face network": face_rows,
            "video": lambda: video_rows(folder, clip),
        }
        for part, work in parts.items():
            for row in measured(work, part):
                rows.append(row)
                print(line(row), flush=True)
    if args.json:
        args.json.write_text(json.dumps([{**row._asdict(), "passed": row.passed} for row in rows], indent=1), "utf-8")
    return int(any(row.passed is False or row.note.startswith(FAILED) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
