"""`rig`, `bake`, `run`, `verify`, `verify-export`: what is done with a character, in Blender."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.files import input_file
from ..errors import EngineError, FaceanimError
from .command import Command, Report, lines, read_take, writable
from .moods import moods_of, moods_options, style_of
from .recording import analyze_to, analyzed, clip_options

CHARACTERS = ".blend, .glb, .gltf, .fbx, .usd or .vrm"
OUTPUTS = {
    "fbx": (".fbx",), "glb": (".glb", ".gltf"), "usd": (".usdc", ".usd", ".usda", ".usdz"), "abc": (".abc",),
    "mdd": (".mdd",), "csv": (".csv",), "preview": (".mp4",),
}  # fmt: skip
"""Options that name a file, and how it may end."""
NEEDS_BLENDER = (
    "run it in Blender, `blender --background --command faceanim …`, or install its module: `pip install bpy==5.0.1`"
)


@contextlib.contextmanager
def blender(args: argparse.Namespace) -> Iterator[Any]:
    """The commands that need bpy. Blender and its exporters print on stdout, which is the report's alone: what they
    say is kept, and shown on stderr where a fault ends the command."""
    try:
        from ..blender import commands
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


# rig --------------------------------------------------------------------------------------------------------------


def _rig_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("file", type=Path, metavar="FILE", help=CHARACTERS)
    sub.add_argument("--object", help="the character's object, where the file holds several")


def _rig(args: argparse.Namespace) -> Report:
    with blender(args) as commands:
        return commands.rig(args)


def _recognised(report: Report) -> str:
    found = [f"family: {report['family']}", f"meshes: {', '.join(report['meshes'])}", f"keys: {len(report['keys'])}"]
    found += [f"  {group:<8} {share:4.0%} covered" for group, share in report.get("coverage", {}).items()]
    found.append("mapping:")
    for control, weights in report["mapping"].items():
        found.append(f"  {control:<32} " + " ".join(f"{weight:+.2f} {channel}" for channel, weight in weights.items()))
    found += [f"  {channel}: {reason}" for channel, reason in report.get("unmapped", {}).items()]
    found += [f"  key {key}: {reason}" for key, reason in report.get("unused", {}).items()]
    found += _parts(report["parts"]) if "parts" in report else []
    if report.get("others"):
        found.append(f"other characters in this file (--object): {', '.join(report['others'])}")
    return "\n".join(found)


def _parts(parts: dict[str, Any]) -> list[str]:
    eyes = [f"{side} by {eye['by']} {eye['name']}" for side, eye in parts["eyes"].items() if eye["by"]]
    teeth = ["upper edge"] * parts["teeth"]["upper"] + parts["teeth"]["meshes"]
    return [
        f"eyes: {', '.join(eyes) or 'not found'}",
        f"teeth: {', '.join(teeth) or 'not found'}",
        f"tongue: {', '.join([*parts['tongue']['keys'], *parts['tongue']['meshes']]) or 'not found'}",
        f"lips: {'found' if parts['lips'] else 'not found'}",
        f"keys of one side: {len(parts['sides']['left'])} left, {len(parts['sides']['right'])} right",
    ]


# bake and run -----------------------------------------------------------------------------------------------------


def bake_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--character", type=Path, required=True, metavar="FILE", help=CHARACTERS)
    sub.add_argument("--object", help="the character's object, where the file holds several")
    sub.add_argument("--mapping", type=Path, help="a mapping's JSON (default: as `rig` proposes)")
    sub.add_argument("--style", type=Path, help="a style's JSON")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")
    sub.add_argument("--fbx", type=Path, metavar="F.fbx")
    sub.add_argument("--fbx-preset", choices=("plain", "unreal", "unity"), default="plain", help="who imports the FBX")
    sub.add_argument("--glb", type=Path, metavar="G.glb", help="or .gltf: for Godot, the web and others")
    sub.add_argument("--usd", type=Path, metavar="U.usdc", help="or .usd, .usda, .usdz: a UsdSkel skeleton")
    sub.add_argument("--abc", type=Path, metavar="A.abc", help="Alembic: every vertex at every frame")
    sub.add_argument("--mdd", type=Path, metavar="M.mdd", help="the same as point caches, M_MESH.mdd for each mesh")
    sub.add_argument("--csv", type=Path, metavar="C.csv", help="Live Link Face")
    sub.add_argument("--preview", type=Path, metavar="M.mp4")


def _check_outputs(args: argparse.Namespace) -> None:
    writable(args.output, ".blend")
    for name, suffixes in OUTPUTS.items():
        path = getattr(args, name)
        if path is not None:
            writable(path, *suffixes)


def _bake_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("--fps", type=float, help="frames a second of the scene (default: as it is)")
    moods_options(sub, "emotions that you choose, in place of the take's")
    bake_options(sub)


def _bake(args: argparse.Namespace) -> Report:
    _check_outputs(args)
    args.chosen = moods_of(args)
    with blender(args) as commands:
        return commands.bake(args)


def _run_options(sub: argparse.ArgumentParser) -> None:
    clip_options(sub, "--take-fps", "take_fps")
    sub.add_argument("--take", type=Path, metavar="TAKE.faceanim", help="where the take goes (default: beside OUT)")
    sub.add_argument("--fps", dest="bake_fps", type=float, help="frames a second of the scene (default: as it is)")
    bake_options(sub)


def _run(args: argparse.Namespace) -> Report:
    """Analyze and bake in one; the take stays beside the output, so that it can be baked again at once."""
    _check_outputs(args)
    args.take = writable(args.take or args.output.with_suffix(".faceanim"), ".faceanim")
    input_file(args.character, "character")
    progress, args.fps = args.progress, args.take_fps
    args.progress = lambda fraction, stage: progress(0.6 * fraction, stage)
    report = {"analyze": analyze_to(args, args.take, own_process=True)}
    args.progress = lambda fraction, stage: progress(0.6 + 0.4 * fraction, stage)
    args.fps = args.bake_fps
    with blender(args) as commands:
        return {**report, "bake": commands.bake(args)}


def _ran(report: Report) -> str:
    return f"{analyzed(report['analyze'])}\n{lines(report['bake'])}"


# shapes -----------------------------------------------------------------------------------------------------------


def _shapes_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("character", type=Path, metavar="CHARACTER", help=".blend, .glb, .gltf, .fbx or .vrm")
    sub.add_argument("--object", help="the mesh of the face, or what it belongs to, where the file holds several")
    sub.add_argument("--landmarks", type=Path, metavar="FILE.json",
                     help='picked points, {"nose_tip": [x, y, z], ...} (default: empties of such names, else they are '
                     "found)")  # fmt: skip
    sub.add_argument("--reference", type=Path, metavar="FILE",
                     help="a character with ARKit's keys, or ict_face.npz (default: the demo head)")  # fmt: skip
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")


def _shapes(args: argparse.Namespace) -> Report:
    writable(args.output, ".blend")
    input_file(args.character, "character")
    with blender(args) as commands:
        return commands.shapes(args)


def _shaped(report: Report) -> str:
    made = ", ".join(f"{len(keys)} on {mesh}" for mesh, keys in report["made"].items())
    return "\n".join([f"{report['path']}: shape keys: {made}", *report["told"],
                      *(f"note: {note}" for note in report["notes"])])  # fmt: skip


# verify and verify-export -----------------------------------------------------------------------------------------


def _verify_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("blend", type=Path, metavar="OUT.blend")
    sub.add_argument("take", type=Path, metavar="TAKE.faceanim")
    sub.add_argument("--mapping", type=Path, help="the mapping's JSON that was baked with (default: as `rig` proposes)")
    sub.add_argument("--style", type=Path, help="the style's JSON that was baked with")


def _verify(args: argparse.Namespace) -> Report:
    with blender(args) as commands:
        return commands.verify(args)


def _contacts(report: Report) -> str:
    found = [
        f"{e['time_s']:8.2f} s  {e['phone'] or e['side'].lower():<5} {e['kind']:<5} "
        f"{e['value']:7.3f} of {e['limit']:.3f}" + ("" if e["passed"] else "  missed")
        for e in report["events"]
    ]
    found.append(f"{report['passed']} held, {report['failed']} missed, lips cross on {report['penetrations']} frames, "
                 f"lids on {report['lids_cross']}")  # fmt: skip
    return "\n".join([*found, *(f"note: {note}" for note in report["notes"])])


def _contacts_missed(report: Report) -> tuple[str, str] | None:
    if not report["failed"] and not report["penetrations"] and not report["lids_cross"]:
        return None
    what = (f"{report['failed']} contacts are missed, the lips cross on {report['penetrations']} frames, "
            f"the lids on {report['lids_cross']}")  # fmt: skip
    return what, "; ".join(report["notes"]) or "bake again, so that contacts are corrected, or mend the keys that miss"


def _export_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("file", type=Path, metavar="FILE", help=".fbx, .glb, .gltf, .usd…, .abc, .mdd or .csv")
    sub.add_argument("blend", type=Path, metavar="OUT.blend", help="what was exported; of a .csv its TAKE.faceanim")
    sub.add_argument("--style", type=Path, help="the style's JSON that a .csv was written with")


def _verify_export(args: argparse.Namespace) -> Report:
    if args.file.suffix.lower() == ".csv":  # it holds the take's channels, whatever character they move
        from ..formats import livelink
        from ..pipeline import channels

        report = livelink.compare(args.file, channels(read_take(args.blend), style_of(args.style)))
        return {"path": str(args.file), "take": str(args.blend), **report}
    with blender(args) as commands:
        return commands.verify_export(args)


def _export_missed(report: Report) -> tuple[str, str] | None:
    if report["passed"]:
        return None
    return "the export differs from the scene", "the report names the worst control and where it is off"


COMMANDS = (
    Command("rig", "what is recognised of a character, and the proposed mapping", _rig_options, _rig, _recognised),
    Command("bake", "animate a character with a take", _bake_options, _bake, lines),
    Command("run", "analyze and bake in one", _run_options, _run, _ran),
    Command("shapes", "make ARKit's shape keys on a head that has none", _shapes_options, _shapes, _shaped),
    Command("verify", "looks at every contact of lips, teeth and lids on the baked mesh", _verify_options, _verify,
            _contacts, _contacts_missed),
    Command("verify-export", "opens an export and compares it with the scene", _export_options, _verify_export,
            lines, _export_missed),
)  # fmt: skip
