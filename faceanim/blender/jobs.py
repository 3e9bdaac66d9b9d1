"""Long work beside Blender: the engine's jobs and the making of its environment, polled by a timer, never blocking.

The engine's modules are imported where they are used: registering the add-on takes no time for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..errors import Cancelled, FaceanimError

if TYPE_CHECKING:
    from ..core.clip import Clip
    from ..engine import client, messages

POLL_S = 0.1


@dataclass
class Job:
    """What the panel shows of one piece of work."""

    running: bool = False
    fraction: float = 0.0
    stage: str = ""
    error: str = ""
    hint: str = ""
    note: str = ""

    def begin(self, stage: str) -> None:
        self.running, self.fraction, self.stage = True, 0.0, stage
        self.error = self.hint = self.note = ""

    def fail(self, message: str, hint: str = "") -> None:
        self.running, self.error, self.hint = False, message, hint


@dataclass
class _Analysis:
    engine: client.Engine | None = None
    python: Path | None = None
    job: int = -1
    done: Callable[[dict], None] = lambda result: None


analysis = Job()
setup = Job()
_analysis = _Analysis()


@dataclass
class _Setup:
    cancelled: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


_setup = _Setup()


def analyze(
    clip: Clip, output: Path, fps: float, python: Path, done: Callable[[dict], None], actor: Path | None = None
) -> None:
    """Start an analysis; `done` is called in Blender's main thread with the engine's result."""
    from ..engine.messages import Analyze

    run(Analyze.of(clip, output, fps, "auto", actor), python, done)


def run(job: messages.Job, python: Path, done: Callable[[dict], None]) -> None:
    """The same for any job of the engine's: one at a time."""
    from ..engine import client

    if _analysis.engine is not None and _analysis.python != python:
        _analysis.engine.shutdown()
        _analysis.engine = None
    if _analysis.engine is None:
        _analysis.engine, _analysis.python = client.Engine(python), python
    analysis.begin("Starting the engine")
    try:
        _analysis.engine.start()
        _analysis.job = _analysis.engine.queue(job)
    except FaceanimError as error:
        analysis.fail(error.message, error.hint)
        raise
    _analysis.done = done
    _watch()


def cancel() -> None:
    if analysis.running and _analysis.engine is not None:
        analysis.stage = "Cancelling"
        _analysis.engine.cancel(_analysis.job)


def create_environment(folder: Path) -> None:
    """Make the engine's environment in a thread. It downloads: the caller has asked whether Blender may go online."""
    from ..engine import environment

    _setup.cancelled.clear()
    setup.begin("Making the environment")

    def progress(fraction: float, stage: str) -> None:
        if _setup.cancelled.is_set():
            raise Cancelled()
        setup.fraction, setup.stage = fraction, stage

    def work() -> None:
        try:
            environment.create(folder, progress)
            setup.note = "The engine is ready"
        except FaceanimError as error:
            setup.error, setup.hint = error.message, error.hint
        except Exception as error:  # a thread has nobody above it to report to
            setup.error = f"{type(error).__name__}: {error}"
        finally:
            setup.running = False

    _setup.thread = threading.Thread(target=work, name="faceanim environment", daemon=True)
    _setup.thread.start()
    _watch()


def cancel_setup() -> None:
    _setup.cancelled.set()
    setup.stage = "Cancelling"


def stop() -> None:
    """End everything: the add-on is being disabled or Blender closes."""
    _setup.cancelled.set()
    if bpy.app.timers.is_registered(_poll):
        bpy.app.timers.unregister(_poll)
    if _analysis.engine is not None:
        _analysis.engine.shutdown()
        _analysis.engine = None
    analysis.running = setup.running = False


def _watch() -> None:
    if not bpy.app.timers.is_registered(_poll):
        bpy.app.timers.register(_poll, first_interval=POLL_S, persistent=True)


def _poll() -> float | None:
    """One look at what the engine said. Returns the seconds to the next look, None when nothing runs any more."""
    if analysis.running and _analysis.engine is not None:
        for event in _analysis.engine.poll():
            _handle(event)
    _redraw()
    return POLL_S if analysis.running or setup.running else None


def _handle(event: client.Event) -> None:
    from ..engine import client

    if isinstance(event, client.Crashed):
        analysis.fail(event.message, event.hint)
    elif getattr(event, "job", None) != _analysis.job:
        return  # the end of a job that was cancelled before
    elif isinstance(event, client.Progress):
        analysis.fraction, analysis.stage = event.fraction, event.stage
    elif isinstance(event, client.Failed):
        analysis.fail("" if event.kind == "Cancelled" else event.message, event.hint)
        analysis.note = "Cancelled" if event.kind == "Cancelled" else ""
    elif isinstance(event, client.Done):
        analysis.running = False
        analysis.note = ". ".join(event.result.get("quality", {}).get("notes", ()))
        try:
            _analysis.done(event.result)
        except FaceanimError as error:
            analysis.fail(error.message, error.hint)


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                area.tag_redraw()
