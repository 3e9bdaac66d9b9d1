"""The closed set of messages between Blender and the engine: JSON-RPC 2.0, one line of ASCII JSON each.

Blender's side asks `Initialize`, `Analyze`, `Shapes`, `Shutdown` (each is answered by a `Result` or a `Failure` with
the same id) and says `Cancel`; the engine says `Progress`. Arrays travel in files: .faceanim, and .npz for heads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from .. import errors
from ..core.clip import Clip

PROTOCOL = 4
"""Counts up with every change that an older side would not understand."""

PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS, FAULT = -32700, -32600, -32601, -32602, -32603
CANCELLED, USER_ERROR = -32800, -32000

FAULT_KIND = "Fault"
"""The kind of a failure that is not of the project's tree of errors."""


@dataclass(frozen=True)
class Initialize:
    """Answered by {protocol, version, python, pid}; the other side's protocol and version must be the same."""

    protocol: int
    version: str


@dataclass(frozen=True)
class Analyze:
    """A Clip (see core.clip), the Take's rate, and where the Take goes, and its Actor if asked for. Paths are absolute.

    Answered by {path, seconds, frames, fps, layers, quality}. Jobs run one after another.
    """

    output: str
    audio: str | None = None
    video: str | None = None
    transcript: str | None = None
    language: str = "auto"
    start: float = 0.0
    end: float | None = None
    fps: float = 60.0
    device: str = "auto"
    timing: str | None = None
    face: list | None = None
    neutral: float | None = None
    actor: str | None = None
    actor_output: str | None = None
    late: float | None = None

    @staticmethod
    def of(clip: Clip, output: Path, fps: float, device: str, actor_output: Path | None = None) -> Analyze:
        def absolute(path: Path | None) -> str | None:
            return None if path is None else str(Path(path).absolute())

        return Analyze(
            str(Path(output).absolute()), absolute(clip.audio), absolute(clip.video),
            clip.transcript, clip.language, clip.start, clip.end, fps, device, absolute(clip.timing),
            None if clip.face is None else list(clip.face), clip.neutral, absolute(clip.actor), absolute(actor_output),
            clip.late,
        )  # fmt: skip

    @property
    def clip(self) -> Clip:
        return Clip(
            self.audio and Path(self.audio), self.video and Path(self.video),
            self.transcript, self.language, self.start, self.end, self.timing and Path(self.timing),
            None if self.face is None else tuple(self.face), self.neutral, self.actor and Path(self.actor),
            self.late,
        )  # fmt: skip


@dataclass(frozen=True)
class Shapes:
    """A plain head (formats.heads), the reference whose keys it gets (None: the demo head), and where the head with its
    keys goes. Paths are absolute.

    Answered by {path, report}: see shapes.measure.report. It waits its turn as an Analyze does.
    """

    head: str
    output: str
    reference: str | None = None


@dataclass(frozen=True)
class Cancel:
    """The job (the id of its Analyze or Shapes) fails with kind "Cancelled" and leaves no file; unknown ones are
    ignored."""

    job: int


@dataclass(frozen=True)
class Shutdown:
    """Running and waiting jobs are dropped; answered by {} before the process ends."""


@dataclass(frozen=True)
class Progress:
    """fraction 0..1 of the job, stage: what is being done, for the user to read."""

    job: int
    fraction: float
    stage: str


Job = Analyze | Shapes
Call = Initialize | Analyze | Shapes | Cancel | Shutdown | Progress
METHODS: dict[str, type] = {cls.__name__.lower(): cls for cls in get_args(Call)}


@dataclass(frozen=True)
class Request:
    """A call; id None: a notification, which has no answer."""

    call: Call
    id: int | None = None


@dataclass(frozen=True)
class Result:
    id: int
    value: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """kind: the name of the error in errors.py or "Fault"; details: the traceback of a fault."""

    id: int | None
    message: str
    hint: str = ""
    kind: str = FAULT_KIND
    code: int = FAULT
    details: str = ""

    @staticmethod
    def of(id: int | None, error: errors.FaceanimError) -> Failure:
        code = CANCELLED if isinstance(error, errors.Cancelled) else USER_ERROR
        return Failure(id, error.message, error.hint, type(error).__name__, code)

    def error(self) -> Exception:
        """The exception as it was raised on the other side; a RuntimeError with its traceback for a fault."""
        cls = getattr(errors, self.kind, None)
        if isinstance(cls, type) and issubclass(cls, errors.FaceanimError):
            return cls(self.message, self.hint)
        return RuntimeError(f"{self.message}\n{self.details}".rstrip())


Message = Request | Result | Failure


@dataclass
class BadMessage(Exception):
    """A line that is no message of ours."""

    code: int
    text: str
    id: int | None = field(default=None)


def encode(message: Message) -> str:
    """One line, ending in a newline, of ASCII (file names that are not Unicode travel as escaped surrogates)."""
    body: dict[str, Any] = {"jsonrpc": "2.0"}
    if isinstance(message, Request):
        body |= {"method": type(message.call).__name__.lower(), "params": asdict(message.call)}
    elif isinstance(message, Result):
        body["result"] = message.value
    else:
        data = {"kind": message.kind, "hint": message.hint, "details": message.details}
        body["error"] = {"code": message.code, "message": message.message, "data": data}
    if not (isinstance(message, Request) and message.id is None):
        body["id"] = message.id
    return json.dumps(body) + "\n"


def decode(line: str | bytes) -> Message:
    """The message of a line. Raises BadMessage with JSON-RPC's code."""
    try:
        body = json.loads(line)
    except ValueError:
        raise BadMessage(PARSE_ERROR, "not JSON") from None
    if not isinstance(body, dict) or body.get("jsonrpc") != "2.0":
        raise BadMessage(INVALID_REQUEST, "not a JSON-RPC 2.0 message")
    id = body.get("id")
    if "result" in body and isinstance(body["result"], dict):
        return Result(id, body["result"])
    if "error" in body and isinstance(body["error"], dict):
        error, data = body["error"], body["error"].get("data") or {}
        text = {name: str(data.get(name) or default) for name, default in
                (("hint", ""), ("kind", FAULT_KIND), ("details", ""))}  # fmt: skip
        return Failure(id, str(error.get("message")), code=error.get("code", FAULT), **text)
    cls = METHODS.get(body.get("method", ""))
    if cls is None:
        raise BadMessage(UNKNOWN_METHOD, f"unknown method {body.get('method')!r}", id)
    return Request(_call(cls, body.get("params") or {}, id), id)


def _call(cls: type, params: object, id: int | None) -> Call:
    """An instance of cls whose fields have the declared types, or BadMessage."""
    if not isinstance(params, dict) or not params.keys() <= {f.name for f in fields(cls)}:
        raise BadMessage(INVALID_PARAMS, f"{cls.__name__.lower()} does not take these params", id)
    hints = get_type_hints(cls)
    for name, value in params.items():
        allowed = get_args(hints[name]) or (hints[name],)
        if isinstance(value, bool) or not isinstance(value, allowed + ((int,) if float in allowed else ())):
            raise BadMessage(INVALID_PARAMS, f"{cls.__name__.lower()}: {name} cannot be {value!r}", id)
    try:
        return cls(**params)
    except TypeError as error:
        raise BadMessage(INVALID_PARAMS, str(error), id) from None
