"""`analyze`: a recording becomes a take."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..core.clip import Clip
from ..errors import InputError
from ..formats import transcript
from .command import Command, Report, writable
from .moods import choose, moods_of, moods_options


def clip_options(sub: argparse.ArgumentParser, fps: str, name: str) -> None:
    """The options that name a clip; `fps` is the option for the take's rate, `name` its name in the namespace."""
    sub.add_argument("--audio", type=Path, help="any file with sound (default: the video's)")
    sub.add_argument("--video", type=Path, help="any file with pictures of a face")
    sub.add_argument("--transcript", metavar="TEXT|FILE",
                     help="text, .txt, or with times .srt, .vtt, .TextGrid, Rhubarb's .json, .tsv")  # fmt: skip
    sub.add_argument("--language", default="auto", help="of the speech, as in en-GB (default: auto)")
    sub.add_argument("--face", metavar="X,Y", help="which of several faces: where it is in the first picture, 0 to 1")
    sub.add_argument("--neutral", type=float, metavar="S", help="second of the video at which the face is at rest")
    sub.add_argument("--actor", type=Path, metavar="ACTOR.json", help="how this face rests and moves: see `actor`")
    sub.add_argument("--video-late", type=float, metavar="S",
                     help="seconds the pictures are behind the sound (default: as the mouth tells)")  # fmt: skip
    sub.add_argument("--start", type=float, default=0.0, metavar="S", help="seconds; becomes time 0 of the take")
    sub.add_argument("--end", type=float, metavar="S", help="seconds (default: the end)")
    moods_options(sub, "emotions that you choose")
    sub.add_argument(fps, dest=name, type=float, default=60.0, help="frames a second of the take (default: 60)")
    sub.add_argument("--device", default="auto", help="what to compute on (default: auto)")


def clip_of(args: argparse.Namespace) -> Clip:
    text, timing = transcript.read(args.transcript)
    return Clip(args.audio, args.video, text, args.language, args.start, args.end, timing, face_of(args), args.neutral,
                args.actor, args.video_late)  # fmt: skip


def face_of(args: argparse.Namespace) -> tuple[float, float] | None:
    """Raises InputError where --face is no pair of numbers."""
    if args.face is None:
        return None
    try:
        x, y = (float(word) for word in args.face.split(","))
    except ValueError:
        raise InputError(f"--face {args.face} is no place", "write it as X,Y, as in 0.3,0.5") from None
    return x, y


def _options(sub: argparse.ArgumentParser) -> None:
    clip_options(sub, "--fps", "fps")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="TAKE.faceanim")


def _analyze(args: argparse.Namespace) -> Report:
    writable(args.output, ".faceanim")
    return analyze_to(args, args.output)


def analyze_to(args: argparse.Namespace, output: Path, own_process: bool = False) -> Report:
    """The engine's report. In this process, or, inside Blender and where asked for, in one of its own."""
    clip, moods = clip_of(args), moods_of(args)
    if own_process or "bpy" in sys.modules:
        from ..engine.client import analyze_blocking

        return choose(moods, output, analyze_blocking(clip, output, args.fps, args.progress, args.device))
    from ..engine.messages import Analyze
    from ..engine.worker import run_analysis

    report = run_analysis(Analyze.of(clip, output, args.fps, args.device), args.progress)
    return choose(moods, output, report)


def analyzed(report: Report) -> str:
    layers = ", ".join(report["layers"])
    notes = "".join(f"\nnote: {note}" for note in report["quality"].get("notes", []))
    return f"{report['path']}: {report['seconds']:.2f} s, {report['frames']} frames, layers {layers}{notes}"


COMMANDS = (Command("analyze", "sound and video to a .faceanim take", _options, _analyze, analyzed),)
