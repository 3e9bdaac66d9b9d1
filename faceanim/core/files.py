"""Reading what a user names and writing without losing what was there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, OutputError

PRESETS = Path(__file__).parents[2] / "presets"
MODELS = Path(__file__).parents[2] / "models"


def input_file(path: str | Path, what: str = "file", error: type[InputError] = InputError) -> Path:
    """The path of a file that exists and is not empty; raises `error` with a hint where it is not."""
    path = Path(path)
    if path.is_dir():
        raise error(f"{path} is a folder, not a {what}", "name one file")
    if not path.exists():
        near = [p.name for p in path.parent.glob(path.stem + ".*")][:3] if path.parent.is_dir() else []
        raise error(f"there is no {what} {path}", f"did you mean {', '.join(near)}?" if near else "check the path")
    if path.stat().st_size == 0:
        raise error(f"{path} is empty (0 bytes)", "copy or record it again")
    return path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder with the same suffix; renamed to `path` if the block succeeds, else removed.

    Raises OutputError where the folder is missing, the path is locked or the disk is full; the old file stays then.
    """
    path = Path(path)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem[:40]}-", dir=path.parent or ".")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes files that only the owner may read; give what an ordinary open() would
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> Path:
    """The path; raises OutputError before long work where it could not be written after it."""
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(str(path))
        if not path.parent.is_dir():
            raise FileNotFoundError(str(path.parent))
        if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
            raise PermissionError(str(path))
    except OSError as error:
        raise output_error(path, error) from None
    return path


def output_error(path: Path, error: OSError) -> OutputError:
    """The OutputError that tells a user why `path` cannot be written."""
    if error.errno == errno.ENOSPC:
        return OutputError(f"the disk is full: {path} was not written", "free some space; the old file is untouched")
    if isinstance(error, FileNotFoundError):
        return OutputError(f"{path} cannot be written: its folder does not exist", "make the folder first")
    if isinstance(error, (PermissionError, IsADirectoryError)):
        return OutputError(f"{path} cannot be written: it is locked or read-only", "close it elsewhere or name another")
    return OutputError(f"{path} cannot be written: {error.strerror or error}", "name another path")
