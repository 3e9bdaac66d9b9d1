"""Everything a checkout needs: python build.py setup|demo|test|bench|zip|lint. Standard library only."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
OUT = ROOT / "out"
PYTHON = (3, 11)
# the bpy wheels are built against numpy 1; Blender 5.1 and later bring numpy 2
NUMPY_1, NUMPY_2 = "numpy==1.26.4", "numpy==2.2.6"
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


class BuildError(Exception):
    """What went wrong and what to do about it."""

    def __init__(self, message: str, hint: str):
        super().__init__(message)
        self.hint = hint


def say(text: str) -> None:
    print(f"build: {text}", flush=True)


def run(*command: object, fail: str = "", **options) -> None:
    """Runs a command in the checkout; its failure becomes ours, with its own exit status where `fail` is empty."""
    result = subprocess.run([str(part) for part in command], cwd=ROOT, **options)
    if result.returncode and fail:
        raise BuildError(fail, "the lines above say why")
    if result.returncode:
        sys.exit(result.returncode)


def interpreter(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pins() -> dict:
    """What pyproject.toml pins: {"dependencies": [...], "blender": [...], "test": [...]}."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"dependencies": project["dependencies"], **project["optional-dependencies"]}


def works(python: Path) -> bool:
    return python.exists() and subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0


def environment(venv: Path, install: list[str], about: str) -> Path:
    """A virtual environment with these packages, made or renewed only where its stamp says otherwise; its Python."""
    python, stamp = interpreter(venv), venv / "faceanim-stamp.json"
    wanted = json.dumps({"root": str(ROOT), "python": sys.version, "install": install, "pins": pins()}, indent=1)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and python.exists():
        return python
    started = time.monotonic()
    if not works(python):
        say(f"making {venv.name}")
        try:
            run(sys.executable, "-m", "venv", "--clear", venv, fail=f"{venv.name} could not be made")
        except BuildError as error:
            error.hint = "this Python lacks venv; on Debian and Ubuntu: sudo apt install python3.11-venv"
            raise
    say(f"installing {about} into {venv.name}; the first time this takes a few minutes")
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *install]
    run(*pip, fail="the packages could not be installed")
    stamp.write_text(wanted, encoding="utf-8")
    say(f"{venv.name} is ready after {time.monotonic() - started:.0f} s")
    return python


def setup() -> Path:
    return environment(VENV, ["--editable", ".[blender,test]"], "faceanim, what it needs, and Blender as a module")


def demo(options: argparse.Namespace, extra: list[str]) -> None:
    python, speech = setup(), ROOT / "presets" / "demo"
    OUT.mkdir(exist_ok=True)
    out = {kind: OUT / f"demo.{kind}" for kind in ("faceanim", "blend", "fbx", "glb", "mp4", "csv", "png")}
    faceanim, video = (python, "-m", "faceanim"), speech / "face.mp4"
    started = time.monotonic()
    say("animating presets/character/head.blend with presets/demo/speech.flac")
    run(
        *faceanim, "run", "--audio", speech / "speech.flac", "--transcript", speech / "speech.txt",
        *(["--video", video] if video.exists() else []), "--character", ROOT / "presets/character/head.blend",
        "--take", out["faceanim"], "-o", out["blend"], "--fbx", out["fbx"], "--glb", out["glb"],
        "--preview", out["mp4"], *extra,
    )  # fmt: skip
    run(*faceanim, "convert", out["faceanim"], out["csv"])
    run(*faceanim, "plot", out["faceanim"], "-o", out["png"])
    say(f"made in {time.monotonic() - started:.0f} s:")
    for path in out.values():
        print(f"  {path.relative_to(ROOT)}  {path.stat().st_size / 1e3:.0f} kB")


def test(options: argparse.Namespace, extra: list[str]) -> None:
    """The whole suite; with --bpy or --numpy the part of it that such an environment can run."""
    if options.bpy:
        packages = [f"bpy=={options.bpy}", NUMPY_1, *pins()["test"]]
        python = environment(ROOT / f".venv-bpy-{options.bpy}", packages, f"Blender {options.bpy} as a module")
        folders = ["tests/core", "tests/blender"]
    elif options.numpy:
        packages = [NUMPY_2 if options.numpy == "2" else f"numpy=={options.numpy}", *pins()["test"]]
        python = environment(ROOT / f".venv-numpy-{options.numpy}", packages, packages[0])
        folders = ["tests/core"]
    else:
        python, folders = setup(), []
    run(python, "-m", "pytest", *(extra or folders))


def bench(options: argparse.Namespace, extra: list[str]) -> None:
    run(setup(), "-m", "faceanim.evaluate.bench", *extra)


def lint(options: argparse.Namespace, extra: list[str]) -> None:
    run(setup(), "-m", "ruff", "check", *(extra or ["."]))
    say("no complaints")


def commercial(model: Path) -> bool:
    """Whether the model's card says `commercial: yes`; without a card it does not."""
    card = model / "card.md"
    text = card.read_text(encoding="utf-8") if card.exists() else ""
    return bool(re.search(r"^\W*commercial\W*:\W*yes\b", text, re.MULTILINE | re.IGNORECASE))


def stage(folder: Path, commercial_only: bool) -> None:
    """Lays the extension out as Blender will find it; models without a free card stay behind where asked."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("blender_manifest.toml", "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md"):
        shutil.copy2(ROOT / name, folder)
    (folder / "__init__.py").write_text("from .faceanim.blender import register, unregister\n", encoding="utf-8")
    shutil.copytree(ROOT / "faceanim", folder / "faceanim", ignore=IGNORED)
    shutil.rmtree(folder / "faceanim" / "train", ignore_errors=True)
    data = shutil.ignore_patterns("*.py", "__pycache__", "*.blend[0-9]", ".*")  # without the scripts that made it
    shutil.copytree(ROOT / "presets", folder / "presets", ignore=data)
    (folder / "models").mkdir()
    for model in sorted(p for p in (ROOT / "models").glob("*") if p.is_dir()):
        if commercial_only and not commercial(model):
            say(f"left out models/{model.name}: its card does not say commercial: yes")
            continue
        shutil.copytree(model, folder / "models" / model.name, ignore=IGNORED)


def make_zip(options: argparse.Namespace, extra: list[str]) -> None:
    python = setup()
    tool = next((VENV / ("Lib" if os.name == "nt" else "lib")).rglob("bl_pkg/cli/blender_ext.py"))
    folder, manifest = ROOT / "build" / "extension", (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    stage(folder, options.commercial)
    version = re.search(r'^version = "([^"]+)"', manifest, re.MULTILINE)[1]
    target = ROOT / "dist" / f"faceanim-{version}{'-commercial' if options.commercial else ''}.zip"
    target.parent.mkdir(exist_ok=True)
    run(python, tool, "build", "--source-dir", folder, "--output-filepath", target, fail="Blender refuses to build it")
    run(python, tool, "validate", target, fail="Blender refuses the zip")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    say(f"{target.relative_to(ROOT)}  {target.stat().st_size / 1e6:.1f} MB  sha256 {digest}")


COMMANDS = {
    "setup": (lambda options, extra: (setup(), say("ready: .venv")), "make .venv and install the project into it"),
    "demo": (demo, "animate the demo head from the demo speech, into out/"),
    "test": (test, "run the tests; what follows goes to pytest"),
    "bench": (bench, "measure speed and memory, one table"),
    "zip": (make_zip, "build the Blender extension, into dist/"),
    "lint": (lint, "ruff over everything"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="|".join(COMMANDS))
    parts = {name: commands.add_parser(name, help=about, description=about) for name, (_, about) in COMMANDS.items()}
    other = parts["test"].add_mutually_exclusive_group()
    other.add_argument("--bpy", metavar="VERSION", help="core and Blender tests on another bpy, e.g. 4.2.23 or 4.5.15")
    other.add_argument("--numpy", metavar="VERSION", help="core tests on another numpy, e.g. 2")
    parts["zip"].add_argument("--commercial", action="store_true", help="leave out models that forbid commercial use")
    options, extra = parser.parse_known_args()
    if extra and options.command not in ("test", "bench", "lint", "demo"):
        parser.error(f"{options.command} does not know {' '.join(extra)}")
    try:
        if sys.version_info[:2] != PYTHON:
            raise BuildError(
                f"this is Python {sys.version_info[0]}.{sys.version_info[1]}; Blender as a module needs exactly 3.11",
                "install Python 3.11 and run: python3.11 build.py " + options.command,
            )
        COMMANDS[options.command][0](options, extra)
    except BuildError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
