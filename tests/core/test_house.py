"""The directions of the house: who may import whom, and what Blender's own process never imports."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "faceanim"

VALUES = {"core", "errors"}
# a part of the house, and the parts that it may import besides itself
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "core": {"errors"},
    **dict.fromkeys(("source", "features", "solve", "retarget", "curves", "formats", "nets", "shapes"), VALUES),
    "pipeline": VALUES | {"curves", "retarget"}
    | {f"solve.{name}" for name in ("emotion", "feelings", "mix", "remake", "speech", "visemes")},
    "engine": VALUES | {"source", "features", "solve", "nets", "formats", "shapes"},
    "blender": VALUES | {"retarget", "curves", "formats", "pipeline", "cli"}
    | {"engine.client", "engine.environment", "engine.messages"},
    "cli": VALUES | {"commands"},
    "commands": VALUES | {"formats", "pipeline"},
    "evaluate": VALUES | {"source", "features", "solve", "retarget", "curves", "formats", "nets", "pipeline", "engine",
                         "shapes"},
    "train": VALUES | {"source", "features", "solve", "retarget", "formats", "nets", "engine", "evaluate"},
    "__main__": {"cli"},
}  # fmt: skip
# only inside a command, so that the others stay light
LAZILY = {"commands": {"engine", "blender", "evaluate", "source", "solve", "retarget"}}
# modules that run inside Blender, whose Python brings numpy alone
IN_BLENDER = ("core", "errors", "retarget", "curves", "formats", "pipeline", "solve.accents", "solve.blink",
              "solve.emotion", "solve.feelings", "solve.glances", "solve.mix", "solve.nods", "solve.phrasing",
              "solve.poses", "solve.remake", "solve.speech", "solve.visemes", "blender", "cli", "commands",
              "engine.client", "engine.environment", "engine.messages")  # fmt: skip
BLENDERS_OWN = {"bpy", "bpy_extras", "mathutils", "bmesh", "bl_ui", "gpu", "blf", "pxr"}
HEAVY = ("torch", "mediapipe", "scipy", "av", "safetensors", "librosa", "cv2", "matplotlib", "pocketsphinx", "sklearn")
REGISTER_SECONDS = 0.05


class Import(NamedTuple):
    """One import: the module that does it, what it imports (dotted, from faceanim on where it is ours), and where."""

    module: str
    target: str
    lazily: bool
    line: int

    @property
    def ours(self) -> bool:
        return self.target.split(".")[0] == "faceanim"

    @property
    def inner(self) -> str:
        """The target inside the package: "core.track"."""
        return self.target.partition(".")[2]

    def __str__(self) -> str:
        return f"faceanim.{self.module}:{self.line} imports {self.target}"


def imports_of(path: Path) -> list[Import]:
    """Every import of one file, in functions too; what is imported for type checking alone does not count."""
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    package = ("faceanim", *path.relative_to(PACKAGE).parts[:-1])
    found: list[Import] = []

    def targets(node: ast.Import | ast.ImportFrom) -> list[str]:
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        base = list(package[: len(package) - node.level + 1]) if node.level else []
        base += node.module.split(".") if node.module else []
        # `from ..curves import smooth` imports a module, `from ..core.track import Track` a name of one
        submodule = ROOT.joinpath(*base)
        return [
            ".".join([*base, a.name])
            if (submodule / f"{a.name}.py").exists() or (submodule / a.name / "__init__.py").exists()
            else ".".join(base)
            for a in node.names
        ]

    def visit(node: ast.AST, lazily: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                found.extend(Import(module, target, lazily, child.lineno) for target in targets(child))
            visit(child, lazily or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def within(module: str, parts: set[str] | tuple[str, ...]) -> bool:
    return any(module == part or module.startswith(part + ".") for part in parts)


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return [found for path in sorted(PACKAGE.rglob("*.py")) for found in imports_of(path)]


def test_imports_go_one_way(imports):
    """The table above is the whole of it; importing the bare package, for its name, is free."""
    wrong = []
    for found in imports:
        if not found.ours or not found.inner:
            continue
        part = found.module.split(".")[0]
        allowed = {part} | MAY_IMPORT.get(part, set()) | (LAZILY.get(part, set()) if found.lazily else set())
        if not within(found.inner, allowed):
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_every_part_stands_in_the_table():
    parts = {p.stem for p in PACKAGE.glob("*.py")} | {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert parts - {"__init__"} <= set(MAY_IMPORT)


def test_bpy_lives_in_blender_alone(imports):
    """And in the recipes, which render what they learn from and are not shipped."""
    may = ("blender", "train")
    wrong = [str(i) for i in imports if i.target.split(".")[0] in BLENDERS_OWN and not within(i.module, may)]
    assert not wrong, "\n".join(wrong)


def test_blenders_process_imports_numpy_alone(imports):
    light = set(sys.stdlib_module_names) | {"numpy", "faceanim"} | BLENDERS_OWN
    wrong = [str(i) for i in imports if within(i.module, IN_BLENDER) and i.target.split(".")[0] not in light]
    assert not wrong, "\n".join(wrong)


def test_imports_inside_the_package_are_relative(imports):
    """Inside Blender the package has another name."""
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            wrong += [f"{path.relative_to(ROOT)}:{node.lineno}" for n in names if n.split(".")[0] == "faceanim"]
    assert not wrong, wrong


REGISTER = """
import sys, time
heavy = set({heavy!r})

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in heavy:
            raise ImportError(name + " is blocked: Blender's own process needs numpy alone")

import bpy, numpy
present = set(sys.modules)
sys.meta_path.insert(0, Blocked())
started = time.process_time()
import faceanim.blender
faceanim.blender.register()
seconds = time.process_time() - started
assert not heavy & {{name.split(".")[0] for name in sys.modules}} - present
faceanim.blender.unregister()
faceanim.blender.register()
faceanim.blender.unregister()
print("seconds", seconds)
"""


def test_blender_registers_fast_without_heavy_modules():
    """In a Python of its own; the processor's time, and the least of five, as other processes may hold the machine."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("needs bpy")
    script = REGISTER.format(heavy=HEAVY)
    # Blender keeps compiled modules, whatever this Python was told
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds = []
    for _ in range(5):
        result = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120,
            env={**environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr[-3000:]
        seconds.append(float(result.stdout.split("seconds")[1]))
        if seconds[-1] < REGISTER_SECONDS:
            return
    pytest.fail(f"registering takes {min(seconds) * 1e3:.0f} ms, not under {REGISTER_SECONDS * 1e3:.0f} ms")


def test_the_version_stands_in_the_manifest_alone():
    from faceanim.core.version import VERSION

    assert f'version = "{VERSION}"' in (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    files = [ROOT / "pyproject.toml", ROOT / "build.py", *PACKAGE.rglob("*.py")]
    assert not [path for path in files if f'"{VERSION}"' in path.read_text(encoding="utf-8")]


def test_lint():
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("needs ruff")
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "."]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
