"""The engine's process: reads messages from stdin, writes messages to stdout, runs one analysis after another.

Analyses run in the main thread (where native libraries expect to be), messages are read in another, so a Cancel arrives
while a job runs. The process ends when stdin closes, so it never outlives Blender.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from ..core.files import check_writable
from ..core.version import VERSION
from ..errors import Cancelled, EngineError, FaceanimError
from . import messages
from .messages import Analyze, Cancel, Failure, Initialize, Job, Progress, Request, Result, Shapes, Shutdown

PROGRESS_EVERY_S = 0.05
GRACE_S = 5.0
"""How long a job in native code may go on after stdin closed before the process ends anyway."""


def run_analysis(job: Analyze, progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Analyzes and writes the Take; raises the project's errors."""
    check_writable(job.output)
    actor = None if job.actor_output is None else check_writable(job.actor_output)
    try:
        from .analysis import analyze

        take = analyze(job.clip, job.fps, progress, job.device, actor)
    except ImportError as error:
        if (error.name or "").startswith(__name__.split(".engine.")[0]):
            raise  # a fault of ours, not a package that is missing
        raise missing_package(error) from error
    from ..formats import takes

    progress(0.99, "saving")
    takes.write(take, Path(job.output))
    layers = {name: list(track.channels) for name, track in take.layers.items()}
    return {
        "path": job.output, "seconds": take.seconds, "frames": take.frames, "fps": take.fps,
        "layers": layers, "quality": dict(take.quality),
    }  # fmt: skip


def run_shapes(job: Shapes, progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Makes the keys and writes the head with them; raises the project's errors."""
    check_writable(job.output)
    try:
        from .shapes import make
    except ImportError as error:
        if (error.name or "").startswith(__name__.split(".engine.")[0]):
            raise
        raise missing_package(error) from error
    return make(job, progress)


def run_job(job: Job, progress: Callable[[float, str], None]) -> dict[str, Any]:
    return run_shapes(job, progress) if isinstance(job, Shapes) else run_analysis(job, progress)


def missing_package(error: ImportError) -> EngineError:
    """What to tell a user whose Python lacks a package, or has one that does not load."""
    return EngineError(
        f"the engine's Python ({sys.executable}) cannot load {error.name or 'a package'}: {error}",
        "create the engine's environment again in the add-on's preferences; in a checkout, run `python build.py setup`",
    )


class Worker:
    """requests: the lines read; out: where lines are written; run: (job, progress) -> the answer's value."""

    def __init__(self, requests: Iterable[str | bytes], out: IO[str], run=run_job):
        self.requests, self.out, self.run = requests, out, run
        self.jobs: queue.Queue[tuple[int, Job] | None] = queue.Queue()
        self.cancelled: set[int] = set()
        self.stopping = False
        self.writing = threading.Lock()

    def send(self, message: messages.Message) -> None:
        with self.writing:
            try:
                self.out.write(messages.encode(message))
                self.out.flush()
            except (OSError, ValueError):  # the other side is gone; the reader sees the end of stdin and stops us
                self.stopping = True

    def read(self) -> None:
        """The reading thread: until Shutdown or the end of stdin."""
        for line in self.requests:
            try:
                message = messages.decode(line)
            except messages.BadMessage as bad:
                self.send(Failure(bad.id, bad.text, kind="BadMessage", code=bad.code))
                continue
            if isinstance(message, Request) and not self.receive(message):
                break
        self.stopping = True
        self.jobs.put(None)
        time.sleep(GRACE_S)
        os._exit(0)

    def receive(self, request: Request) -> bool:
        """Acts on one request; False when it was the last."""
        call = request.call
        if isinstance(call, Initialize):
            self.send(Result(request.id, {
                "protocol": messages.PROTOCOL, "version": VERSION, "pid": os.getpid(),
                "python": sys.executable, "python_version": sys.version.split()[0],
            }))  # fmt: skip
        elif isinstance(call, Analyze | Shapes):
            self.jobs.put((request.id, call))
        elif isinstance(call, Cancel):
            self.cancelled.add(call.job)
        elif isinstance(call, Shutdown):
            self.send(Result(request.id, {}))
            return False
        return True

    def work(self) -> None:
        """The main thread: one job after another, until told to stop."""
        while not self.stopping and (item := self.jobs.get()) is not None:
            self.send(self.answer(*item))

    def answer(self, id: int, job: Job) -> Result | Failure:
        last = ["", 0.0]

        def progress(fraction: float, stage: str) -> None:
            if self.stopping or id in self.cancelled:
                raise Cancelled()
            now = time.monotonic()
            if stage != last[0] or now - last[1] > PROGRESS_EVERY_S:
                last[:] = stage, now
                self.send(Request(Progress(id, float(min(max(fraction, 0.0), 1.0)), stage)))

        try:
            progress(0.0, "starting")
            return Result(id, self.run(job, progress))
        except FaceanimError as error:
            return Failure.of(id, error)
        except Exception as error:
            return Failure(id, f"{type(error).__name__}: {error}", FAULT_HINT, details=traceback.format_exc())


FAULT_HINT = "this is a fault of faceanim: report it with the details"


def main(run: Callable[..., dict[str, Any]] = run_job) -> None:
    """Runs the worker on this process's stdin and stdout, which become the protocol's alone.

    Native libraries print to file descriptor 1 and may read 0, so both are moved away: what they print goes to stderr.
    """
    out = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # Ctrl-C in a terminal reaches the whole group; the side that started us decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(iter(requests.readline, b""), out, run)
    threading.Thread(target=worker.read, daemon=True).start()
    worker.work()
    sys.stdout.flush()
    os._exit(0)  # native threads of the libraries may not end by themselves
