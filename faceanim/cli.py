"""The commands: `python -m faceanim …` and `blender --background X.blend --command faceanim …`.

Exit status 0; 1 for a user's error, with a message and a line that begins with `hint:`; 2 for usage. An error that is
not of errors.py is a fault of ours and keeps its traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .core.clip import Clip
from .core.files import check_writable, input_file, replacing
from .core.style import Style
from .core.take import Take
from .core.track import Track
from .core.version import VERSION
from .errors import EngineError, FaceanimError, InputError, OutputError
from .formats import timed

NEEDS_BLENDER = (
    "run it in Blender, `blender --background --command faceanim …`, or install its module: `pip install bpy==5.0.1`"
)
READABLE = (".faceanim", ".csv", ".blend", ".glb", ".gltf", ".fbx", ".vrm")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; argv without the program's name. Returns the exit status."""
    try:
        args = parser().parse_args(_split_json(list(sys.argv[1:] if argv is None else argv)))
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else 2
    args.progress = reporter = Reporter(args.quiet)
    try:
        report = args.run(args)
        write_report(args, report)
        missed = getattr(args, "missed", lambda report: None)(report)
        if missed:
            return _fail(*missed)
        return 0
    except KeyboardInterrupt:
        return _fail("cancelled")
    except FaceanimError as error:
        return _fail(error.message, error.hint)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    finally:
        reporter.close()


def _fail(message: str, hint: str = "") -> int:
    print(f"error: {message}" if message != "cancelled" else message, file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return 1


def _split_json(argv: list[str]) -> list[str]:
    """`--json TAKE` means the JSON on stdout and then the file: nobody wants it written over what is to be read."""
    fixed = []
    for i, word in enumerate(argv):
        follower = argv[i + 1] if i + 1 < len(argv) else ""
        fixed.append("--json=-" if word == "--json" and follower.lower().endswith(READABLE) else word)
    return fixed


class Reporter:
    """Progress on stderr: a bar on a terminal, else a line a stage."""

    def __init__(self, quiet: bool):
        self.quiet, self.stage, self.open, self.last = quiet, "", False, 0.0

    def __call__(self, fraction: float, stage: str) -> None:
        if self.quiet:
            return
        if not sys.stderr.isatty():
            if stage and stage != self.stage:
                print(f"{fraction:4.0%} {stage}", file=sys.stderr, flush=True)
        elif stage != self.stage or time.monotonic() - self.last > 0.1:
            bar = "#" * int(30 * fraction)
            print(f"\r\033[K[{bar:<30}] {fraction:4.0%} {stage}", end="", file=sys.stderr, flush=True)
            self.open, self.last = True, time.monotonic()
        self.stage = stage

    def close(self) -> None:
        if self.open:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self.open = False


def write_report(args: argparse.Namespace, report: Any) -> None:
    """The command's report: as JSON where --json asks for it, else its lines on stdout."""
    if args.json is None:
        lines = args.text(report) if getattr(args, "text", None) else ""
        if lines and not args.quiet:
            print(lines)
        return
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    if args.json == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with replacing(args.json) as temporary:
        temporary.write_text(text, "utf-8")


# analyze, show, convert, plot -------------------------------------------------------------------------------------


def clip_of(args: argparse.Namespace) -> Clip:
    text, timing = _transcript(args.transcript)
    return Clip(args.audio, args.video, text, args.language, args.start, args.end, timing)


def _transcript(text: str | None) -> tuple[str | None, Path | None]:
    """The text itself, or what stands in the file of that name; the file, where it gives times too."""
    if text is None:
        return None, None
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):  # too long for a name
        is_file = False
    if not is_file:
        if text.lower().endswith((".txt", ".md", *timed.SUFFIXES)):
            raise InputError(f"there is no transcript {text}", "check the path, or give the text itself")
        return text, None
    if Path(text).suffix.lower() in timed.SUFFIXES:
        timed.read(text)  # what is wrong with it is told before any work
        return None, Path(text)
    try:
        return Path(text).read_text("utf-8-sig").strip(), None
    except UnicodeDecodeError:
        raise InputError(f"the transcript {text} is not UTF-8 text", "save it as plain text in UTF-8") from None


def writable(path: Path, suffix: str) -> Path:
    """Fails early, before long work, where `path` could not be written in the end."""
    if path.suffix.lower() != suffix:
        raise OutputError(f"{path} should end in {suffix}", f"name it {path.stem or 'out'}{suffix}")
    return check_writable(path)


def analyze(args: argparse.Namespace) -> dict[str, Any]:
    writable(args.output, ".faceanim")
    return analyze_to(args, args.output)


def analyze_to(args: argparse.Namespace, output: Path, own_process: bool = False) -> dict[str, Any]:
    """The engine's report. In this process, or, inside Blender and where asked for, in one of its own."""
    clip = clip_of(args)
    if own_process or "bpy" in sys.modules:
        from .engine.client import analyze_blocking

        return dict(analyze_blocking(clip, output, args.fps, args.progress, args.device))
    from .engine.messages import Analyze
    from .engine.worker import run_analysis

    return run_analysis(Analyze.of(clip, output, args.fps, args.device), args.progress)


def analyzed_text(report: dict[str, Any]) -> str:
    layers = ", ".join(report["layers"])
    notes = "".join(f"\nnote: {note}" for note in report["quality"].get("notes", []))
    return f"{report['path']}: {report['seconds']:.2f} s, {report['frames']} frames, layers {layers}{notes}"


def read_take(path: Path) -> Take:
    from .formats import takes

    return takes.read(input_file(path, "take"))


def show(args: argparse.Namespace) -> dict[str, Any]:
    from .evaluate import summary

    take = read_take(args.take)
    args.text = lambda report: summary.text(take)
    return summary.summary(take)


def joined(take: Take) -> Track:
    """All layers as one Track, as they are; no channel is in two of them."""
    tracks = list(take.layers.values())
    names = [name for track in tracks for name in track.channels]
    values, confidence = (np.concatenate([getattr(t, part) for t in tracks], 1) for part in ("values", "confidence"))
    return Track.of(take.fps, names, values, confidence)


def convert(args: argparse.Namespace) -> dict[str, Any]:
    from .formats import files, style
    from .pipeline import channels

    if args.output.suffix.lower() not in files.WRITERS:
        known = ", ".join(files.WRITERS)
        raise OutputError(f"{args.output} is of an unknown format", f"the name ends in one of: {known}")
    writable(args.output, args.output.suffix.lower())
    csv_in, csv_out = (path.suffix.lower() == ".csv" for path in (args.input, args.output))
    csv = {"rotation_unit": args.rotation_unit, "mirror": args.mirror}
    # between two CSV files the unit and the mirror are the output's
    take = files.read(input_file(args.input, "file"), **(csv if csv_in and not csv_out else {}))
    value: Take | Track = take
    if args.layer is not None:
        if args.layer not in take.layers:
            has = ", ".join(take.layers) or "none"
            raise InputError(f"{args.input} has no layer '{args.layer}'", f"it has: {has}")
        value = replace(take, layers={args.layer: take.layers[args.layer]})
    elif csv_out:
        value = joined(take) if csv_in else channels(take, style.read(args.style) if args.style else Style())
    files.write(value, args.output, **(csv if csv_out else {}))
    return {"path": str(args.output), "frames": take.frames, "fps": take.fps, "seconds": take.seconds}


def edit(args: argparse.Namespace) -> dict[str, Any]:
    from .core.edit import read
    from .formats import takes
    from .pipeline import edited

    writable(args.output, ".faceanim")
    try:
        edits = read(json.loads(input_file(args.edits, "list of edits").read_text("utf-8-sig")))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{args.edits} is not JSON: {error}", "mend it there") from None
    before = read_take(args.take)
    take, spans = edited(before, edits)
    takes.write(take, args.output)
    notes = [] if "loudness" in before.signals else ["the take is of an older faceanim and keeps no loudness: analyze "
             "the clip again, so that the jaw follows it in what is new"]  # fmt: skip
    return {
        "path": str(args.output),
        "edits": len(edits),
        "spans": [[round(t, 4) for t in span] for span in spans],
        "phones": len(take.phones),
        "words": len(take.words),
        "notes": notes,
    }


def edited_text(report: dict[str, Any]) -> str:
    spans = ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in report["spans"]) or "nothing"
    return "\n".join([f"{report['path']}: solved anew: {spans}", *(f"note: {note}" for note in report["notes"])])


def sound_of(take: Take) -> Path | None:
    """The file whose sound the take was made from, if it is still there."""
    inputs = take.provenance.get("inputs") or {}
    paths = [Path(inputs[name]["path"]) for name in ("audio", "video") if name in inputs]
    return paths[0] if paths and paths[0].is_file() else None


def plot(args: argparse.Namespace) -> dict[str, Any]:
    if args.output.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise OutputError(f"{args.output} is no picture's name", "name a .png, .svg or .pdf")
    writable(args.output, args.output.suffix.lower())
    try:
        from .evaluate import plot as plotting
    except ImportError as error:
        raise InputError(f"plot needs matplotlib: {error}", "run it with the Python of the engine") from None
    from .pipeline import channels

    take = read_take(args.take)
    with replacing(args.output) as temporary:
        plotting.plot(take, channels(take, Style()), temporary, args.audio or sound_of(take))
    return {"path": str(args.output), "seconds": take.seconds}


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    from importlib import import_module

    if args.output is not None and args.output.exists() and not args.output.is_dir():
        raise OutputError(f"{args.output} is a file", "name a folder for the report")
    try:
        module = import_module(f".evaluate.{args.what}", __package__)
    except ImportError as error:
        why = f"evaluate needs the engine's packages: {error}"
        raise InputError(why, "run it with the Python of the engine") from None
    args.text = module.text
    return module.run(args)


# rig, bake, run, verify, verify-export: in Blender ----------------------------------------------------------------


@contextlib.contextmanager
def blender(args: argparse.Namespace) -> Iterator[Any]:
    """The commands that need bpy. Blender and its exporters print on stdout, which is the report's alone: what they
    say is kept, and shown on stderr where a fault ends the command."""
    try:
        from .blender import commands
    except ImportError as error:
        if "bpy" not in str(error):
            raise
        raise EngineError(f"`{args.command}` needs Blender: {error}", NEEDS_BLENDER) from None
    sys.stdout.flush()
    saved = os.dup(1)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 1)
        try:
            yield commands
        except Exception as error:
            sys.stdout.flush()
            if not isinstance(error, FaceanimError):
                said.seek(0)
                sys.stderr.write(said.read().decode("utf-8", "replace"))
            raise
        finally:
            sys.stdout.flush()
            os.dup2(saved, 1)
            os.close(saved)


def rig(args: argparse.Namespace) -> dict[str, Any]:
    with blender(args) as commands:
        return commands.rig(args)


def bake(args: argparse.Namespace) -> dict[str, Any]:
    _check_outputs(args)
    with blender(args) as commands:
        return commands.bake(args)


def verify_export(args: argparse.Namespace) -> dict[str, Any]:
    with blender(args) as commands:
        return commands.verify_export(args)


def export_missed(report: dict[str, Any]) -> tuple[str, str] | None:
    if report["passed"]:
        return None
    return "the export differs from the scene", "the report names the worst control and where it is off"


def verify(args: argparse.Namespace) -> dict[str, Any]:
    with blender(args) as commands:
        return commands.verify(args)


def contacts_missed(report: dict[str, Any]) -> tuple[str, str] | None:
    if not report["failed"] and not report["penetrations"]:
        return None
    what = f"{report['failed']} contacts are missed, and the lips cross on {report['penetrations']} frames"
    return what, "; ".join(report["notes"]) or "bake again, so that contacts are corrected, or mend the keys that miss"


def contacts_text(report: dict[str, Any]) -> str:
    lines = [
        f"{e['time_s']:8.2f} s  {e['phone']:<4} {e['kind']:<5} {e['value']:7.3f} of {e['limit']:.3f}"
        + ("" if e["passed"] else "  missed")
        for e in report["events"]
    ]
    lines.append(f"{report['passed']} held, {report['failed']} missed, lips cross on {report['penetrations']} frames")
    return "\n".join([*lines, *(f"note: {note}" for note in report["notes"])])


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Analyze and bake in one; the take stays beside the output, so that it can be baked again at once."""
    _check_outputs(args)
    args.take = writable(args.take or args.output.with_suffix(".faceanim"), ".faceanim")
    input_file(args.character, "character")
    progress, args.fps = args.progress, args.take_fps
    args.progress = lambda fraction, stage: progress(0.6 * fraction, stage)
    analyzed = analyze_to(args, args.take, own_process=True)
    args.progress = lambda fraction, stage: progress(0.6 + 0.4 * fraction, stage)
    args.fps = args.bake_fps
    with blender(args) as commands:
        return {"analyze": analyzed, "bake": commands.bake(args)}


def _check_outputs(args: argparse.Namespace) -> None:
    writable(args.output, ".blend")
    for path, suffix in ((args.fbx, ".fbx"), (args.glb, ".glb"), (args.preview, ".mp4")):
        if path is not None:
            writable(path, suffix)


# the parser -------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("faceanim", description="A voice or a face video becomes facial animation.")
    top.add_argument("--version", action="version", version=VERSION)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run, text=None, **kwargs) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, description=kwargs["help"], **kwargs)
        sub.set_defaults(run=run, text=text)
        sub.add_argument("--json", nargs="?", const="-", metavar="FILE", help="report as JSON on stdout or in FILE")
        sub.add_argument("--quiet", action="store_true", help="print errors only")
        return sub

    sub = command("analyze", analyze, analyzed_text, help="sound and video to a .faceanim take")
    _clip_options(sub, "--fps", "fps")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="TAKE.faceanim")

    sub = command("show", show, help="what is in a take")
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")

    sub = command("convert", convert, _written, help="between .faceanim and .csv (Live Link Face)")
    sub.add_argument("input", type=Path, metavar="IN")
    sub.add_argument("output", type=Path, metavar="OUT")
    sub.add_argument("--layer", help="one layer of the take (default: all, mixed and smoothed)")
    sub.add_argument("--style", type=Path, help="a style's JSON, for the mix")
    sub.add_argument("--rotation-unit", choices=("rad", "deg", "deg180"), default="rad",
                     help="of head and eye rotations in the CSV; deg180: degrees over 180")  # fmt: skip
    sub.add_argument("--mirror", action="store_true", help="swap left and right in the CSV")

    sub = command("edit", edit, edited_text, help="move, relabel, delete, insert phones and words of a take")
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("edits", type=Path, metavar="EDITS.json",
                     help='a list such as [{"op": "relabel", "phone": 12, "ipa": "b"}]')  # fmt: skip
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.faceanim")

    sub = command("plot", plot, _written, help="the curves, phones and words over the waveform, as a picture")
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("--audio", type=Path, help="the sound to draw (default: the one the take was made from)")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="PLOT.png")

    sub = command("rig", rig, rig_text, help="what is recognised of a character, and the proposed mapping")
    sub.add_argument("file", type=Path, metavar="FILE", help=".blend, .glb, .gltf, .fbx or .vrm")
    sub.add_argument("--object", help="the character's object, where the file holds several")

    sub = command("bake", bake, report_text, help="animate a character with a take")
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("--fps", type=float, help="frames a second of the scene (default: as it is)")
    _bake_options(sub)

    sub = command("run", run, run_text, help="analyze and bake in one")
    _clip_options(sub, "--take-fps", "take_fps")
    sub.add_argument("--take", type=Path, metavar="TAKE.faceanim", help="where the take goes (default: beside OUT)")
    sub.add_argument("--fps", dest="bake_fps", type=float, help="frames a second of the scene (default: as it is)")
    _bake_options(sub)

    sub = command("verify", verify, contacts_text, help="looks at every contact of lips and teeth on the baked mesh")
    sub.set_defaults(missed=contacts_missed)
    sub.add_argument("blend", type=Path, metavar="OUT.blend")
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("--mapping", type=Path, help="the mapping's JSON that was baked with (default: as `rig` proposes)")
    sub.add_argument("--style", type=Path, help="the style's JSON that was baked with, for its lead")

    sub = command("verify-export", verify_export, report_text, help="opens an export and compares it with the scene")
    sub.set_defaults(missed=export_missed)
    sub.add_argument("file", type=Path, metavar="FILE", help=".fbx or .glb")
    sub.add_argument("blend", type=Path, metavar="OUT.blend")

    sub = command("evaluate", evaluate, help="measures the analysis on labelled data")
    sub.add_argument("what", choices=("lips",), help="lips: sound with labelled phones, in the form of EMO-DB")
    sub.add_argument("data", type=Path, metavar="DATA", help="the folder that holds index.csv")
    sub.add_argument("--limit", type=int, metavar="N", help="so many clips, evenly through all of them")
    sub.add_argument("--only", action="append", default=[], metavar="FIELD=A,B", help="clips with these values alone")
    sub.add_argument("--transcripts", action="store_true", help="give the analysis the text of every clip")
    sub.add_argument("--language", default="auto", help="of the texts, as in de (default: auto)")
    sub.add_argument("--predictions", type=Path, metavar="FILE.npz", help="what was predicted, clip by clip")
    sub.add_argument("-o", "--output", type=Path, metavar="REPORT/", help="a folder for a page with pictures")
    return top


def _clip_options(sub: argparse.ArgumentParser, fps: str, name: str) -> None:
    sub.add_argument("--audio", type=Path, help="any file with sound (default: the video's)")
    sub.add_argument("--video", type=Path, help="any file with pictures of a face")
    sub.add_argument("--transcript", metavar="TEXT|FILE",
                     help="text, .txt, or with times .srt, .vtt, .TextGrid, Rhubarb's .json, .tsv")  # fmt: skip
    sub.add_argument("--language", default="auto", help="of the speech, as in en-GB (default: auto)")
    sub.add_argument("--start", type=float, default=0.0, metavar="S", help="seconds; becomes time 0 of the take")
    sub.add_argument("--end", type=float, metavar="S", help="seconds (default: the end)")
    sub.add_argument(fps, dest=name, type=float, default=60.0, help="frames a second of the take (default: 60)")
    sub.add_argument("--device", default="auto", help="what to compute on (default: auto)")


def _bake_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--character", type=Path, required=True, metavar="FILE", help=".blend, .glb, .gltf, .fbx or .vrm")
    sub.add_argument("--object", help="the character's object, where the file holds several")
    sub.add_argument("--mapping", type=Path, help="a mapping's JSON (default: as `rig` proposes)")
    sub.add_argument("--style", type=Path, help="a style's JSON")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")
    sub.add_argument("--fbx", type=Path, metavar="F.fbx")
    sub.add_argument("--glb", type=Path, metavar="G.glb")
    sub.add_argument("--preview", type=Path, metavar="M.mp4")


def _written(report: dict[str, Any]) -> str:
    return report["path"]


def report_text(report: dict[str, Any]) -> str:
    """Plain values as `name: value`, one a line; nested ones indented."""
    lines = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines += [f"{name}:", *("  " + line for line in report_text(value).splitlines())]
        elif not isinstance(value, (list, tuple)) or len(value) < 12:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)


def run_text(report: dict[str, Any]) -> str:
    return f"{analyzed_text(report['analyze'])}\n{report_text(report['bake'])}"


def rig_text(report: dict[str, Any]) -> str:
    lines = [f"family: {report['family']}", f"meshes: {', '.join(report['meshes'])}", f"keys: {len(report['keys'])}"]
    lines += [f"  {group:<8} {share:4.0%} covered" for group, share in report.get("coverage", {}).items()]
    lines.append("mapping:")
    for control, weights in report["mapping"].items():
        lines.append(f"  {control:<32} " + " ".join(f"{weight:+.2f} {channel}" for channel, weight in weights.items()))
    lines += [f"  {channel}: {reason}" for channel, reason in report.get("unmapped", {}).items()]
    return "\n".join(lines)
