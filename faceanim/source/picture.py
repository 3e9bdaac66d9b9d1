"""One still picture of any common format."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from ..errors import MediaError


def read(file: Path | BinaryIO, form: str = "rgb24", size: int | None = None) -> np.ndarray:
    """uint8 (H, W, 3) RGB, or, with form "gray", (H, W); scaled to `size` pixels across and down where that is given.

    Raises MediaError.
    """
    try:
        with av.open(str(file) if isinstance(file, Path) else file) as container:
            frame = next(container.decode(video=0))
            if size is not None and (frame.width, frame.height) != (size, size):
                frame = frame.reformat(size, size, form, interpolation="AREA")
            return frame.to_ndarray(format=form)
    except (av.error.FFmpegError, StopIteration, OSError) as error:
        name = file if isinstance(file, Path) else "it"
        raise MediaError(f"{name} is no picture that can be read: {error}", "save it as PNG or JPEG") from error
