"""Style as JSON.

{"schema": "faceanim/style/1", "name": TEXT, "mouth_from": "auto"|"audio"|"video", "intensity": {GROUP: NUMBER},
"cutoff_hz": {GROUP: NUMBER}, "layers": {LAYER: 0..1}, "mirror": true|false, "limit_deg": {"head": NUMBER, "gaze":
NUMBER}, "lead_s": NUMBER, "tolerance": NUMBER, "emotion": {"strength": {LABEL: NUMBER}, "intensity": NUMBER,
"contrast": NUMBER, "at_most": 1..8, "heard": 0..1, "text_weight": 0..1, "seed": INTEGER, "variant": {LABEL: TEXT},
"accents": NUMBER, "micro": NUMBER}, "speech": {"enunciation": -1..1, "jaw": NUMBER, "lips": NUMBER}}; see core.style
for what they mean, core.channels for groups, core.emotion for labels.
What is left out, a group too, keeps its default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.channels import GROUPS
from ..core.emotion import LABELS
from ..core.style import MOUTH_SOURCES, EmotionStyle, SpeechStyle, Style
from . import document

VERSION = 1
SCHEMA = f"faceanim/style/{VERSION}"
_FIELDS = ("schema", "name", "mouth_from", "intensity", "cutoff_hz", "layers", "mirror", "limit_deg", "lead_s",
           "tolerance", "emotion", "speech")  # fmt: skip
EMOTION_RANGES = {
    "intensity": (0.0, 4.0), "contrast": (0.25, 8.0), "heard": (0.0, 1.0), "text_weight": (0.0, 1.0),
    "accents": (0.0, 4.0), "micro": (0.0, 4.0),
}
"""Of the numbers of an EmotionStyle; a strength is in STRENGTH_RANGE."""
STRENGTH_RANGE = (0.0, 4.0)
SPEECH_RANGES = {"enunciation": (-1.0, 1.0), "jaw": (0.0, 4.0), "lips": (0.0, 4.0)}
SEED_LIMIT = 2**31 - 1


def read(path: str | Path) -> Style:
    """Raises FormatError that names the file, the field and what it may be."""
    return document.load(path, "style", from_json)


def write(style: Style, path: str | Path) -> None:
    """Raises OutputError."""
    document.save(path, to_json(style))


def from_json(value: Any) -> Style:
    """Raises FormatError that names the field."""
    fields = document.checked(value, "style", VERSION).fields(_FIELDS)
    default = Style()
    changes: dict[str, Any] = {}
    if "name" in fields:
        changes["name"] = fields["name"].text()
    if "mouth_from" in fields:
        changes["mouth_from"] = fields["mouth_from"].choice(MOUTH_SOURCES)
    if "intensity" in fields:
        changes["intensity"] = {**default.intensity, **fields["intensity"].numbers(GROUPS, 0.0, 10.0)}
    if "cutoff_hz" in fields:
        changes["cutoff_hz"] = {**default.cutoff_hz, **fields["cutoff_hz"].numbers(GROUPS, 0.0, 1000.0)}
    if "layers" in fields:
        changes["layers"] = fields["layers"].numbers(None, 0.0, 1.0)
    if "mirror" in fields:
        changes["mirror"] = fields["mirror"].flag()
    if "limit_deg" in fields:
        changes["limit_deg"] = {**default.limit_deg, **fields["limit_deg"].numbers(("head", "gaze"), 1.0, 90.0)}
    if "lead_s" in fields:
        changes["lead_s"] = fields["lead_s"].number(-10.0, 10.0)
    if "tolerance" in fields:
        changes["tolerance"] = fields["tolerance"].number(0.0, 1.0)
    if "emotion" in fields:
        changes["emotion"] = _emotion(fields["emotion"])
    if "speech" in fields:
        speech = fields["speech"].fields(tuple(SPEECH_RANGES))
        changes["speech"] = SpeechStyle(**{name: node.number(*SPEECH_RANGES[name]) for name, node in speech.items()})
    return Style(**changes)


def _emotion(node: document.Node) -> EmotionStyle:
    fields = node.fields((*EMOTION_RANGES, "strength", "at_most", "seed", "variant"))
    changes: dict[str, Any] = {n: fields[n].number(*limits) for n, limits in EMOTION_RANGES.items() if n in fields}
    for name, limits in {"at_most": (1, len(LABELS)), "seed": (0, SEED_LIMIT)}.items():
        if name in fields:
            value = fields[name].number(*limits)
            if value != int(value):
                raise fields[name].fail(f"must be a whole number, not {value:g}")
            changes[name] = int(value)
    if "strength" in fields:
        changes["strength"] = fields["strength"].numbers(LABELS, *STRENGTH_RANGE)
    if "variant" in fields:
        changes["variant"] = {label: one.text() for label, one in fields["variant"].fields(LABELS).items()}
    return EmotionStyle(**changes)


def to_json(style: Style) -> dict[str, Any]:
    emotion = style.emotion
    return {
        "schema": SCHEMA,
        "name": style.name,
        "mouth_from": style.mouth_from,
        "intensity": {group: float(v) for group, v in style.intensity.items()},
        "cutoff_hz": {group: float(v) for group, v in style.cutoff_hz.items()},
        "layers": {layer: float(v) for layer, v in style.layers.items()},
        "mirror": style.mirror,
        "limit_deg": {group: float(v) for group, v in style.limit_deg.items()},
        "lead_s": float(style.lead_s),
        "tolerance": float(style.tolerance),
        "emotion": {
            "strength": {label: float(v) for label, v in emotion.strength.items()},
            **{name: float(getattr(emotion, name)) for name in EMOTION_RANGES},
            "at_most": emotion.at_most,
            "seed": emotion.seed,
            "variant": dict(emotion.variant),
        },
        "speech": {name: float(getattr(style.speech, name)) for name in SPEECH_RANGES},
    }
