"""One tree of errors. The core raises; the panel and the command line report the message and the hint.

FaceanimError
├── InputError            what the user gave cannot be used
│   ├── MediaError        an audio or video file: missing, empty, truncated, silent, without a face
│   ├── FormatError       a Take, CSV, Mapping or Style file
│   └── CharacterError    a character: no shape keys, none that map, linked
├── OutputError           a file or data-block cannot be written
├── EngineError           the worker process: not installed, crashed, another version
└── Cancelled             the user stopped the job

An error that is not of this tree is a fault of ours and keeps its traceback.
"""


class FaceanimError(Exception):
    """A message that says what is wrong and a hint that says what to do about it."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(FaceanimError):
    pass


class MediaError(InputError):
    pass


class FormatError(InputError):
    pass


class CharacterError(InputError):
    pass


class OutputError(FaceanimError):
    pass


class EngineError(FaceanimError):
    pass


class Cancelled(FaceanimError):
    def __init__(self, message: str = "cancelled", hint: str = ""):
        super().__init__(message, hint)
