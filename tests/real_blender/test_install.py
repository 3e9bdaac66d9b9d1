"""The zip in a real Blender: installed as a user does it, enabled, its panel and its command there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# `extension install-file --enable` has enabled it; a second start finds it as the user would
LOOK = """
import bpy, json, sys
prefix = "bl_ext.user_default.faceanim"
ours = prefix + ".faceanim.blender.panel"
panels = [cls.__name__ for cls in bpy.types.Panel.__subclasses__() if cls.__module__ == ours]
print("LOOK", json.dumps({
    "version": list(bpy.app.version),
    "enabled": prefix in bpy.context.preferences.addons,
    "panels": panels,
    "registered": [name for name in panels if hasattr(bpy.types, name)],
    "heavy": [m for m in ("torch", "mediapipe", "scipy", "av", "librosa", "cv2", "matplotlib") if m in sys.modules],
}))
"""


@pytest.fixture(scope="module")
def blender() -> str:
    found = os.environ.get("FACEANIM_BLENDER") or shutil.which("blender")
    if not found:
        pytest.skip("needs a Blender: set FACEANIM_BLENDER to its executable")
    return found


@pytest.fixture(scope="module")
def installed(blender) -> dict[str, str]:
    """The environment of a Blender with folders of its own, in which the built zip is installed and enabled."""
    # not in the system's temporary folder: a Blender in a container or a snap may see the checkout alone
    home = ROOT / "build" / "real-blender"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    built = subprocess.run([sys.executable, ROOT / "build.py", "zip"], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    path = max((ROOT / "dist").glob("faceanim-*.zip"), key=lambda p: p.stat().st_mtime)
    environ = {**os.environ, "BLENDER_USER_RESOURCES": str(home)}
    command = ["--command", "extension", "install-file", "--repo", "user_default", "--enable", str(path)]
    result = run(blender, command, environ)
    assert result.returncode == 0, result.stdout + result.stderr
    return environ


def run(blender: str, arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess:
    command = [blender, "--background", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300)


def test_the_panel_registers(blender, installed):
    result = run(blender, ["--python-exit-code", "1", "--python-expr", LOOK], installed)
    assert result.returncode == 0, result.stdout + result.stderr
    seen = json.loads(next(line[5:] for line in result.stdout.splitlines() if line.startswith("LOOK ")))
    assert seen["enabled"] and seen["panels"] == seen["registered"] != []
    assert not seen["heavy"]


def test_the_command_answers(blender, installed):
    result = run(blender, ["--command", "faceanim", "--help"], installed)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "analyze" in result.stdout and "bake" in result.stdout
