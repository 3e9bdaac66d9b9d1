"""Blender's side of the engine: starts the worker, hands it jobs, and is asked now and then what happened.

Nothing here blocks but `shutdown` (two seconds at most), `run_blocking` and `analyze_blocking`. Standard library only.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import itertools
import queue
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.clip import Clip
from ..core.version import VERSION
from ..errors import Cancelled, EngineError
from . import environment, messages
from .messages import Analyze, Cancel, Failure, Initialize, Job, Progress, Request, Result, Shutdown

CANCEL_WITHIN_S = 10.0
"""A job that has not stopped by then sits in native code: its process is killed, the other jobs start anew."""
TAIL_LINES = 40
INITIALIZE = 0


@dataclass(frozen=True)
class Ready:
    """The engine answered: {protocol, version, python, python_version, pid}."""

    info: Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """result: see messages.Analyze and messages.Shapes."""

    job: int
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Failed:
    """kind: the name of the error in errors.py ("Cancelled" where the user stopped it), or "Fault" with a traceback."""

    job: int
    message: str
    hint: str
    kind: str
    details: str = ""


@dataclass(frozen=True)
class Crashed:
    """The process is gone, all its jobs with it; the next submit starts another. details: the end of its stderr."""

    message: str
    hint: str
    details: str = ""


Event = Ready | Progress | Done | Failed | Crashed

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _shutdown_all() -> None:
    for engine in list(_engines):
        engine.shutdown(wait_s=0.5)


class Engine:
    """One worker process, kept warm. python: what it runs on; None: environment.find_python() decides.

    Call everything from one thread.
    """

    def __init__(self, python: Path | None = None):
        self.python = python
        self.jobs: dict[int, Job] = {}
        self._ids = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        self._tail_reader: threading.Thread | None = None
        self._ready = False
        self._deadlines: dict[int, float] = {}
        self._events: list[Event] = []
        _engines.add(self)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Starts the process if there is none; `poll` gives Ready when it has answered. Raises EngineError."""
        if self.running:
            return
        self._stop()
        python = self.python or environment.find_python()
        if python is None:
            raise EngineError("there is no Python for the engine", environment.CREATE_HINT)
        try:
            process = subprocess.Popen(
                [str(python), "-m", "faceanim.engine"], cwd=environment.ROOT, env=environment.clean_environ(python),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **environment.no_window(),
            )  # fmt: skip
        except OSError as error:
            raise environment.unusable(python, f"cannot be started: {error}") from None
        self._process, self._ready = process, False
        # queues of its own, so that a late line of an earlier process is never taken for this one's
        self._lines, self._tail = queue.SimpleQueue(), collections.deque(maxlen=TAIL_LINES)
        threading.Thread(target=_read_lines, args=(process.stdout, self._lines), daemon=True).start()
        self._tail_reader = threading.Thread(target=_read_tail, args=(process.stderr, self._tail), daemon=True)
        self._tail_reader.start()
        self._send(Request(Initialize(messages.PROTOCOL, VERSION), INITIALIZE))

    def submit(
        self, clip: Clip, output: Path, fps: float = 60.0, device: str = "auto", actor_output: Path | None = None
    ) -> int:
        """Queues an analysis, starting the engine if need be; the job's number. Raises EngineError."""
        return self.queue(Analyze.of(clip, output, fps, device, actor_output))

    def queue(self, job: Job) -> int:
        """The same for any job."""
        self.start()
        number = next(self._ids)
        self.jobs[number] = job
        if self._ready:
            self._send(Request(job, number))
        return number

    def cancel(self, job: int) -> None:
        """Asks the job to stop; `poll` gives its Failed with kind "Cancelled"."""
        if job not in self.jobs or job in self._deadlines:
            return
        if self._ready:
            self._deadlines[job] = time.monotonic() + CANCEL_WITHIN_S
            self._send(Request(Cancel(job)))
        else:
            self._cancelled(job)

    def poll(self) -> list[Event]:
        """What happened since the last call, in order. Never blocks, never raises for what the engine did."""
        while self._process is not None:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                break
            if line is None:
                self._crash()
            else:
                self._receive(line)
        self._kill_overdue()
        events, self._events = self._events, []
        return events

    def shutdown(self, wait_s: float = 2.0) -> None:
        """Ends the process; its jobs are dropped."""
        if self.running:
            self._send(Request(Shutdown(), next(self._ids)))
        self._stop(wait_s)
        self.jobs.clear()
        self._deadlines.clear()

    def _send(self, message: messages.Message) -> None:
        # a broken pipe means that the process is gone: poll reports the crash
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(messages.encode(message).encode("ascii"))
            self._process.stdin.flush()

    def _stop(self, wait_s: float = 0.0) -> int | None:
        """Closes stdin, which ends the worker, waits, kills; the exit status."""
        process, self._process, self._ready = self._process, None, False
        if process is None:
            return None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            return process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _receive(self, line: bytes) -> None:
        try:
            message = messages.decode(line)
        except messages.BadMessage:
            return  # printed by something before the worker took stdout for itself
        if isinstance(message, Request) and isinstance(message.call, Progress):
            if message.call.job in self.jobs:
                self._events.append(message.call)
        elif isinstance(message, Request):
            return
        elif message.id == INITIALIZE:
            self._initialized(message)
        elif message.id in self.jobs:
            job = message.id
            del self.jobs[job]
            self._deadlines.pop(job, None)
            if isinstance(message, Result):
                self._events.append(Done(job, message.value))
            else:
                self._events.append(Failed(job, message.message, message.hint, message.kind, message.details))

    def _initialized(self, answer: Result | Failure) -> None:
        """The handshake: the same protocol and version, or no job is sent."""
        theirs = answer.value if isinstance(answer, Result) else {}
        if (theirs.get("protocol"), theirs.get("version")) != (messages.PROTOCOL, VERSION):
            self._stop()
            self._lose_jobs(
                f"the engine is of another version: {theirs.get('version', 'unknown')} "
                f"(protocol {theirs.get('protocol', 'unknown')}) instead of {VERSION} (protocol {messages.PROTOCOL})",
                environment.CREATE_HINT,
            )
            return
        self._ready = True
        self._events.append(Ready(theirs))
        for number, job in self.jobs.items():
            self._send(Request(job, number))

    def _crash(self) -> None:
        ready = self._ready
        status = self._stop(1.0)
        self._tail_reader.join(0.5)  # the process is gone, so its last words are there at once
        tail = "\n".join(self._tail)
        last = next((line for line in reversed(self._tail) if line.strip()), "")
        how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        if ready:
            self._lose_jobs(f"the engine stopped unexpectedly ({how})", "try again: it starts anew by itself", tail)
        else:
            why = f": {last}" if last else ""
            self._lose_jobs(f"the engine did not start ({how}){why}", environment.CREATE_HINT, tail)

    def _lose_jobs(self, message: str, hint: str, details: str = "") -> None:
        self.jobs.clear()
        self._deadlines.clear()
        self._events.append(Crashed(message, hint, details))

    def _cancelled(self, job: int) -> None:
        self.jobs.pop(job, None)
        self._deadlines.pop(job, None)
        self._events.append(Failed(job, "cancelled", "", Cancelled.__name__))

    def _kill_overdue(self) -> None:
        overdue = [job for job, deadline in self._deadlines.items() if time.monotonic() > deadline]
        if not overdue:
            return
        if self._process is not None:
            self._process.kill()
        self._stop(1.0)
        for job in [*overdue, *self._deadlines]:
            if job in self.jobs:
                self._cancelled(job)
        if self.jobs:
            self.start()


def _read_lines(stream, lines: queue.SimpleQueue) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in stream:
            lines.put(line)
    lines.put(None)


def _read_tail(stream, tail: collections.deque[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in stream:
            tail.append(line.decode("utf-8", "replace").rstrip())


def analyze_blocking(
    clip: Clip,
    output: Path,
    fps: float = 60.0,
    progress: Callable[[float, str], None] = lambda fraction, stage: None,
    device: str = "auto",
    python: Path | None = None,
) -> Mapping[str, Any]:
    """Runs one analysis in an engine of its own and waits for it: the result of messages.Analyze; see run_blocking."""
    return run_blocking(Analyze.of(clip, output, fps, device), progress, python)


def run_blocking(
    job: Job,
    progress: Callable[[float, str], None] = lambda fraction, stage: None,
    python: Path | None = None,
) -> Mapping[str, Any]:
    """Runs one job in an engine of its own and waits for it: the result of its message.

    progress may raise Cancelled. Raises what the job raised, EngineError where the engine crashed, Cancelled on
    Ctrl-C; then no file is left.
    """
    engine = Engine(python)
    try:
        number = engine.queue(job)
        while True:
            for event in engine.poll():
                if isinstance(event, Progress):
                    progress(event.fraction, event.stage)
                elif isinstance(event, Done):
                    return event.result
                elif isinstance(event, Failed):
                    raise Failure(number, event.message, event.hint, event.kind, details=event.details).error()
                elif isinstance(event, Crashed):
                    raise EngineError(event.message, event.hint)
            time.sleep(0.02)
    except KeyboardInterrupt:
        raise Cancelled() from None
    finally:
        engine.shutdown()
