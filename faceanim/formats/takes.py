"""`.faceanim`: a Take as safetensors. The arrays are the tracks' values and confidence; all else is JSON in the header.

Metadata: "format": "faceanim", "version": "1", and "take", a JSON text {fps, frames, layers: {name: [channels]},
emotions: {name: {fps, start, channels}}, signals: likewise, phones: [[start_s, end_s, ipa, confidence]], words:
[[start_s, end_s, text]], moods: [[start_s, end_s, label, strength]], quality, provenance}. Arrays: "layers/NAME/values"
float32 (F, C) and ".../confidence"; "emotions/NAME/..." and "signals/NAME/..." likewise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.emotion import LABELS
from ..core.take import Mood, Phone, Take, Word
from ..core.track import Track
from ..errors import FormatError
from . import safetensors

SUFFIX = ".faceanim"
VERSION = 1
_WHAT = "take (.faceanim)"


def write(take: Take, path: str | Path) -> None:
    """Writes to a temporary name, then renames. Raises OutputError."""
    arrays: dict[str, np.ndarray] = {}
    for kind, tracks in (("layers", take.layers), ("emotions", take.emotions), ("signals", take.signals)):
        for name, track in tracks.items():
            arrays[f"{kind}/{name}/values"] = np.asarray(track.values, np.float32)
            arrays[f"{kind}/{name}/confidence"] = np.asarray(track.confidence, np.float32)
    head = {
        "fps": take.fps,
        "frames": take.frames,
        "layers": {name: list(track.channels) for name, track in take.layers.items()},
        "emotions": _rates(take.emotions),
        "signals": _rates(take.signals),
        "phones": [list(phone) for phone in take.phones],
        "words": [list(word) for word in take.words],
        "moods": [list(mood) for mood in take.moods],
        "quality": dict(take.quality),
        "provenance": dict(take.provenance),
    }
    # escaped, for a path in it may hold bytes that are no text
    text = json.dumps(_plain(head), allow_nan=False)
    safetensors.write(path, arrays, {"format": "faceanim", "version": str(VERSION), "take": text})


def read(path: str | Path) -> Take:
    """Raises FormatError with a hint: not a Take, truncated, damaged, or written by a newer version."""
    path = Path(path)
    arrays, metadata = safetensors.read(path, _WHAT)
    head = _head(path, metadata)
    try:
        fps, frames = float(head["fps"]), int(head["frames"])
        layers = {
            name: _track(arrays, f"layers/{name}", fps, 0.0, channels) for name, channels in head["layers"].items()
        }
        emotions, signals = (
            {
                name: _track(arrays, f"{kind}/{name}", float(e["fps"]), float(e["start"]), e["channels"])
                for name, e in head.get(kind, {}).items()
            }
            for kind in ("emotions", "signals")
        )
        if not (fps > 0 and math.isfinite(fps) and frames >= 0):
            raise ValueError(f"{frames} frames at {fps} Hz")
        return Take(
            fps=fps,
            frames=frames,
            layers=layers,
            phones=tuple(Phone(float(a), float(b), str(ipa), float(c)) for a, b, ipa, c in head.get("phones", [])),
            words=tuple(Word(float(a), float(b), str(text)) for a, b, text in head.get("words", [])),
            moods=tuple(_mood(*mood) for mood in head.get("moods", [])),
            emotions=emotions,
            signals=signals,
            quality=dict(head.get("quality", {})),
            provenance=dict(head.get("provenance", {})),
        )
    except (FormatError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise FormatError(f"{path} is a damaged {_WHAT}: {why}", "analyze the clip again") from error


def _mood(start: float, end: float, label: str, strength: float) -> Mood:
    if label not in LABELS:
        raise ValueError(f"a mood '{label}'")
    return Mood(float(start), float(end), label, float(strength))


def _rates(tracks: Mapping[str, Track]) -> dict[str, Any]:
    return {name: {"fps": t.fps, "start": t.start, "channels": list(t.channels)} for name, t in tracks.items()}


def _head(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != "faceanim":
        raise FormatError(f"{path} is not a {_WHAT}", "it holds arrays of another kind; name another file")
    version = metadata.get("version", "")
    if not version.isdecimal() or int(version) < 1:
        raise FormatError(f"{path} is a damaged {_WHAT}: version {version!r}", "analyze the clip again")
    if int(version) > VERSION:
        raise FormatError(
            f"{path} was written by a newer faceanim: format {version}, this one reads up to {VERSION}",
            "update faceanim, or analyze the clip again with this one",
        )
    try:
        head = json.loads(metadata.get("take", ""))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is a damaged {_WHAT}: {error}", "analyze the clip again") from error
    if not isinstance(head, dict):
        raise FormatError(f"{path} is a damaged {_WHAT}: its head is no object", "analyze the clip again")
    return head


def _track(arrays: Mapping[str, np.ndarray], name: str, fps: float, start: float, channels: list[str]) -> Track:
    values, confidence = arrays[f"{name}/values"], arrays[f"{name}/confidence"]
    if not all(isinstance(channel, str) for channel in channels):
        raise ValueError(f"{name} has a channel without a name")
    return Track(fps, start, tuple(channels), np.asarray(values, np.float32), np.asarray(confidence, np.float32))


def _plain(value: Any) -> Any:
    """What JSON can hold: numpy's numbers and arrays as Python's, paths as text, nan and inf as null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value)
