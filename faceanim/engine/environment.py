"""The engine's own Python: finding one that works, and making one from the pins of pyproject.toml.

An environment lies in a folder named after its pins and carries a stamp that is written last: one that is half made or
that belongs to other pins is never taken for a good one. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..core.files import replacing
from ..core.version import VERSION
from ..errors import EngineError
from .messages import PROTOCOL

ROOT = Path(__file__).parents[2]
"""The folder that holds the faceanim package: the checkout, or the root of the installed extension."""
PACKAGES = ("numpy", "scipy", "av", "mediapipe", "pocketsphinx", "threadpoolctl")
"""What the analysis imports."""
PYTHONS = ("3.11", "3.12", "3.10", "3.13")
"""The versions that the pins are for, best first: from 3.13 on mediapipe needs a file that is downloaded apart."""
STAMP = "faceanim.json"
LANDMARKER = "face_landmarker.task"
LANDMARKER_URL = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
LANDMARKER_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
LANDMARKER_VARIABLE = "FACEANIM_FACE_LANDMARKER"
BLENDERS_OWN = {
    "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "PYTHONIOENCODING", "__PYVENV_LAUNCHER__",
}  # fmt: skip
CREATE_HINT = (
    "create the engine's environment (again) in the add-on's preferences, or name a Python that has the packages "
    "in the FACEANIM_PYTHON variable"
)
PYTHON_HINT = "install Python 3.11 or 3.12 from python.org (or with your package manager), then try again"

Progress = Callable[[float, str], None]


def clean_environ(python: Path | None = None) -> dict[str, str]:
    """The environment variables for another Python: nothing of Blender's own Python, the project importable, UTF-8, and
    the face landmarker that was downloaded beside the environment of `python`."""
    kept = {name: value for name, value in os.environ.items() if name.upper() not in BLENDERS_OWN}
    beside = Path(python).absolute().parents[2] / LANDMARKER if python is not None and _is_made(python) else None
    if beside is not None and beside.is_file():
        kept.setdefault(LANDMARKER_VARIABLE, str(beside))
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def _is_made(python: Path) -> bool:
    home = Path(python).absolute().parent.parent
    return home.name.startswith("env-") and (home / STAMP).is_file()


def no_window() -> dict[str, Any]:
    """What subprocess needs so that Windows opens no console."""
    return {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}


def find_python(chosen: Path | None = None, folder: Path | None = None) -> Path | None:
    """$FACEANIM_PYTHON, the user's choice, the environment under `folder`, or this Python where it has the packages."""
    named = os.environ.get("FACEANIM_PYTHON")
    if named:
        return Path(named)
    if chosen is not None:
        return Path(chosen)
    made = python_in(folder) if folder is not None else None
    if made is not None:
        return made
    own = Path(sys.executable or "")
    has_all = own.name.lower().startswith("python") and all(importlib.util.find_spec(name) for name in PACKAGES)
    return own if has_all else None


def check(python: Path) -> dict[str, str]:
    """Starts `python` once: its version and those of the packages. Raises EngineError where it would not do."""
    command = [str(python), "-m", "faceanim.engine", "--check"]
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=clean_environ(python), timeout=120,
            stdin=subprocess.DEVNULL, capture_output=True, **no_window(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise unusable(python, f"cannot be started: {error}") from None
    lines = [line for line in run.stdout.decode("utf-8", "replace").splitlines() if line.startswith("{")]
    if run.returncode or not lines:
        tail = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise unusable(python, f"does not run faceanim: {' '.join(tail)}")
    found = json.loads(lines[-1])
    if (found["protocol"], found["version"]) != (str(PROTOCOL), VERSION):
        raise unusable(python, f"has another version of faceanim: {found['version']}, not {VERSION}")
    broken = found.pop("broken")
    if broken:
        reasons = "; ".join(f"{name}: {why}" for name, why in broken.items())
        raise unusable(python, f"lacks packages ({reasons})")
    return found


def unusable(python: Path, why: str) -> EngineError:
    return EngineError(f"the engine's Python {python} {why}", CREATE_HINT)


def describe() -> dict[str, Any]:
    """What `--check` prints: versions of this Python and of the packages; `broken` {package: why it does not load}."""
    found: dict[str, Any] = {"version": VERSION, "protocol": str(PROTOCOL), "python": sys.version.split()[0]}
    broken = {}
    for name in PACKAGES:
        try:
            importlib.import_module(name)
            found[name] = metadata.version(name)
        except Exception as error:  # a library that does not load may raise anything
            broken[name] = str(error)
    return found | {"broken": broken}


@lru_cache(maxsize=1)
def pins() -> tuple[str, ...]:
    """The requirements of pyproject.toml, which lies beside the package. Raises EngineError where it is missing."""
    try:
        text = (ROOT / "pyproject.toml").read_text("utf-8")
    except OSError as error:
        raise EngineError(f"the list of packages cannot be read: {error}", "install faceanim again") from None
    # Python 3.10 has no tomllib; the list is ours and plain: one quoted requirement a line
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    return tuple(re.findall(r'^\s*"([^"]+)"', block[1], re.MULTILINE)) if block else ()


def python_in(folder: Path) -> Path | None:
    """The Python of the environment that `create` made in `folder` for today's pins; None where there is none."""
    home = _home(folder, pins())
    return _executable(home) if (home / STAMP).is_file() else None


def _home(folder: Path, packages: Iterable[str]) -> Path:
    return Path(folder) / f"env-{hashlib.sha256(chr(10).join(packages).encode()).hexdigest()[:8]}"


def _executable(home: Path) -> Path:
    return home / "Scripts" / "python.exe" if sys.platform == "win32" else home / "bin" / "python"


def create(
    folder: Path,
    progress: Progress = lambda fraction, stage: None,
    base: Path | None = None,
    packages: Iterable[str] | None = None,
) -> Path:
    """Makes the environment under `folder` and returns its Python; older ones there are removed when it is done.

    base: the Python to make it from (default: this one where it will do, else one found on the system). progress may
    raise Cancelled. Raises EngineError. Whatever happens, no half-made environment stays behind. It downloads: the
    caller has asked.
    """
    packages = pins() if packages is None else tuple(packages)
    progress(0.0, "Looking for a Python")
    base = find_base(base)
    home = _home(folder, packages)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        progress(0.03, "Making the environment")
        # --copies: a link into Blender's folder would break when Blender is updated
        copies = ["--copies"] if sys.platform != "darwin" and base == own_python() else []
        without = [] if packages else ["--without-pip"]
        make = [str(base), "-m", "venv", *copies, *without, str(home)]
        _run(make, lambda line: progress(0.05, "Making the environment"))
        if packages:
            _install(_executable(home), packages, progress)
            if _version_of(_executable(home)) == "3.13":
                progress(0.95, "Downloading the face landmarker")
                # sound works without it, and video says what is missing
                with contextlib.suppress(EngineError):
                    download_landmarker(Path(folder))
        stamp = {"packages": packages, "base": str(base), "version": VERSION}
        (home / STAMP).write_text(json.dumps(stamp, indent=1), "utf-8")
    except BaseException as error:
        shutil.rmtree(home, ignore_errors=True)
        if isinstance(error, OSError):
            message = f"the environment cannot be made in {folder}: {error}"
            raise EngineError(message, "free some space, or check the folder") from None
        raise
    for old in Path(folder).glob("env-*"):
        if old != home:
            shutil.rmtree(old, ignore_errors=True)
    progress(1.0, "The engine is ready")
    return _executable(home)


def download_landmarker(folder: Path) -> Path:
    """The file that mediapipe needs from Python 3.13 on, checked by SHA-256; downloaded once. Raises EngineError."""
    from urllib.request import urlopen  # slow to import, and seldom needed

    path = folder / LANDMARKER
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == LANDMARKER_SHA256:
        return path
    hint = f"try again, or download it yourself and name it in the {LANDMARKER_VARIABLE} variable"
    try:
        with urlopen(LANDMARKER_URL, timeout=60) as answer:
            content = answer.read()
    except OSError as error:
        raise EngineError(f"the face landmarker cannot be downloaded: {error}", hint) from None
    if hashlib.sha256(content).hexdigest() != LANDMARKER_SHA256:
        raise EngineError("the face landmarker that was downloaded is not the expected one", hint)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _install(python: Path, packages: tuple[str, ...], progress: Progress) -> None:
    """pip, with a line of progress for each package it collects."""
    state = {"fraction": 0.1}

    def heard(line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word in ("Collecting", "Downloading"):
            # how many there will be is known only at the end: approach 0.85
            state["fraction"] += (0.85 - state["fraction"]) * 0.04
            name = rest.rsplit("/", 1)[-1]
            progress(state["fraction"], f"{word} {name.split(' (')[0][:60]}")
        elif word == "Installing":
            state["fraction"] = 0.87
            progress(0.87, "Installing (this takes a minute)")
        else:
            progress(state["fraction"], "")

    pip = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    _run([*pip, "--only-binary=:all:", *packages], heard)


def _run(command: list[str], heard: Callable[[str], None]) -> None:
    """Runs a command; each line it prints, and "" every now and then, goes to `heard`, which may raise to stop it."""
    environ = {name: value for name, value in clean_environ().items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **no_window()
    )
    lines: list[str] = []
    arrived = threading.Event()

    def read() -> None:
        for line in process.stdout:
            lines.append(line.decode("utf-8", "replace").rstrip())
            arrived.set()
        arrived.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    seen = 0
    try:
        while reader.is_alive() or seen < len(lines):
            arrived.wait(0.2)
            arrived.clear()
            heard("")
            while seen < len(lines):
                heard(lines[seen])
                seen += 1
        status = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if status:
        raise _failed(lines)


def _failed(lines: list[str]) -> EngineError:
    text = "\n".join(lines)
    error = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "")
    if re.search(r"connection|resolve|timed out|proxy|SSL", text, re.IGNORECASE):
        return EngineError(f"the packages cannot be downloaded: {error}", "check the connection, then try again")
    if re.search(r"No space left", text):
        return EngineError("the disk is full", "the environment needs about 1 GB")
    return EngineError(f"the environment cannot be made: {error}", PYTHON_HINT)


def own_python() -> Path | None:
    """The Python that runs this; inside Blender, Blender's own."""
    own = Path(getattr(sys, "_base_executable", None) or sys.executable or "")
    return own if own.name.lower().startswith("python") else None


def find_base(base: Path | None = None) -> Path:
    """A Python of PYTHONS that can make virtual environments: the given one, else the best of this and the system's.

    This one, which inside Blender is Blender's own, goes first where mediapipe's wheel brings the face network (up to
    3.12); one of 3.13 goes after those of the system that need no download.
    """
    for candidate in [base] if base is not None else _candidates():
        if _version_of(candidate) in PYTHONS:
            return Path(candidate)
    what = f"{base} is not" if base is not None else "there is no"
    raise EngineError(f"{what} Python {', '.join(sorted(PYTHONS, key=lambda v: int(v[2:])))} with venv", PYTHON_HINT)


def _candidates() -> Iterator[Path]:
    own, version_of_own = own_python(), f"{sys.version_info[0]}.{sys.version_info[1]}"
    own_first = [version_of_own] if version_of_own in PYTHONS[:-1] else []
    for wanted in dict.fromkeys([*own_first, *PYTHONS]):
        if own is not None and wanted == version_of_own:
            yield own
        places = [f"python{wanted}", f"/opt/homebrew/bin/python{wanted}", f"/usr/local/bin/python{wanted}"]
        places += [f"/Library/Frameworks/Python.framework/Versions/{wanted}/bin/python3"]
        yield from (Path(found) for found in map(shutil.which, places) if found)
        launcher = ["py", f"-{wanted}", "-c", "import sys; print(sys.executable)"]
        for finder in (launcher, ["uv", "python", "find", wanted]):
            found = _output(finder) if shutil.which(finder[0]) else ""
            if found:
                yield Path(found)


def _version_of(python: Path) -> str:
    """ "3.11", or "" where it does not run or cannot make environments (Debian's python3 without python3-venv)."""
    return _output([str(python), "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"])


def _output(command: list[str]) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        environ = {name: value for name, value in clean_environ().items() if name != "PYTHONPATH"}
        run = subprocess.run(
            command, env=environ, capture_output=True, timeout=30, stdin=subprocess.DEVNULL, text=True, **no_window()
        )
        return run.stdout.strip() if run.returncode == 0 else ""
    return ""
