"""What is in a Take: the JSON of `show`, and the same for people to read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.take import Take
from ..core.track import Track


def summary(take: Take) -> dict[str, Any]:
    """`fps`, `frames`, `seconds`, `layers` {name: channels}, `phones` [[start_s, end_s, ipa, confidence]], `words`
    [[start_s, end_s, text]], `moods` [[start_s, end_s, label, strength]], `speech_emotion` and `face_emotion` {`mean`,
    `track`}, `models`, `quality`, `inputs`; keys are absent where there is nothing."""
    found: dict[str, Any] = {
        "fps": take.fps,
        "frames": take.frames,
        "seconds": take.seconds,
        "layers": {name: list(track.channels) for name, track in take.layers.items()},
        "phones": [[_round(p.start), _round(p.end), p.ipa, _round(p.confidence)] for p in take.phones],
        "words": [[_round(w.start), _round(w.end), w.text] for w in take.words],
        "moods": [[_round(m.start), _round(m.end), m.label, _round(m.strength)] for m in take.moods],
        **{name: emotion(track) for name, track in take.emotions.items()},
        **{name: take.provenance.get(name) for name in ("models", "inputs", "settings")},
        "quality": dict(take.quality),
    }
    return {name: value for name, value in found.items() if value or name in ("fps", "frames", "seconds", "layers")}


def emotion(track: Track) -> dict[str, Any]:
    """`mean` {label: probability}, over the labels 1 in all; `track` {fps, labels, values (F, labels)}."""
    mean = track.values.mean(0) if track.frames else np.full(len(track.channels), 1 / max(len(track.channels), 1))
    mean = mean / max(float(mean.sum()), 1e-9)
    return {
        "mean": dict(zip(track.channels, (_round(value) for value in mean), strict=True)),
        "track": {
            "fps": track.fps,
            "labels": list(track.channels),
            "values": [[_round(value) for value in row] for row in track.values],
        },
    }


def text(take: Take) -> str:
    """Lines for people: the same, with how much each layer moves and is sure."""
    lines = [f"{take.seconds:.2f} s, {take.frames} frames at {take.fps:g} a second"]
    for name, track in take.layers.items():
        moving = [c for c, span in zip(track.channels, np.ptp(track.values, 0), strict=True) if span > 0.01]
        sure = float(track.confidence.mean()) if track.confidence.size else 0.0
        lines.append(f"  {name:<12}{len(track.channels)} channels, {len(moving)} move, mean confidence {sure:.2f}")
    if take.words:
        lines += ["words", *_wrapped(f"{w.text} {w.start:.2f}-{w.end:.2f}" for w in take.words)]
    phones = [p for p in take.phones if p.ipa]
    if phones:
        lines += [f"phones ({len(phones)})", *_wrapped(f"{p.ipa} {p.start:.2f}-{p.end:.2f}" for p in phones)]
    if take.moods:
        lines += ["moods", *_wrapped(f"{m.label} {m.strength:g} {m.start:.2f}-{m.end:.2f}" for m in take.moods)]
    for name, track in take.emotions.items():
        mean = sorted(emotion(track)["mean"].items(), key=lambda item: -item[1])
        lines.append(f"{name.replace('_', ' ')}: " + ", ".join(f"{label} {value:.0%}" for label, value in mean[:4]))
    quality = dict(take.quality)
    notes = quality.pop("notes", [])
    if quality:
        lines.append("quality: " + ", ".join(f"{name} {value}" for name, value in quality.items()))
    lines += [f"note: {note}" for note in notes]
    for name, model in dict(take.provenance.get("models") or {}).items():
        lines.append(f"model: {name}, commercial use: {model.get('commercial', 'unclear')}")
    for name, item in dict(take.provenance.get("inputs") or {}).items():
        lines.append(f"{name}: {item.get('path')}")
    return "\n".join(lines)


def _round(value: float) -> float:
    return round(float(value), 4)


def _wrapped(items, width: int = 100) -> list[str]:
    lines = ["  "]
    for item in items:
        if len(lines[-1]) + len(item) > width and lines[-1].strip():
            lines.append("  ")
        lines[-1] += f"{item}, " if item else ""
    return [line.rstrip(", ") for line in lines]
