"""What the user sets of emotions, on the scene: sliders, and what is chosen to be felt when."""

import bpy
from bpy.props import CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..core.emotion import LABELS
from ..core.style import EmotionStyle

STRENGTH_PREFIX = "strength_"
SEED_PREFIX = "seed_"
DRAWN = ("blink", "gaze", "head")
"""Layers that are drawn by chance where no video shows them."""
NUMBERS = ("intensity", "contrast", "heard", "text_weight", "accents", "micro")
"""Of an EmotionStyle, under the same names."""
ITEMS = [(label, label.capitalize(), "") for label in LABELS]
TIME = {"subtype": "TIME_ABSOLUTE", "unit": "TIME_ABSOLUTE"}


def _tuned(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    from .operators import rebake

    rebake(self.id_data)


def _mood_changed(self: "FaceanimMood", context: bpy.types.Context) -> None:
    from . import moods

    moods.edited(self.id_data)


def _strength(label: str):
    """The strength of one emotion, heard or chosen; each of LABELS has one below."""
    return FloatProperty(
        name=label.capitalize(), description=f"How strongly {label} shows, heard or chosen",
        default=1.0, min=0.0, max=2.0, subtype="FACTOR", update=_tuned,
    )  # fmt: skip


def _seed(what: str):
    """Another number is another draw; 0 is as the analysis made it."""
    return IntProperty(
        name=what, description="Every number is another draw, the same for ever; 0 is as it was analyzed",
        default=0, min=0, max=9999, update=_tuned,
    )  # fmt: skip


class FaceanimMood(bpy.types.PropertyGroup):
    """An emotion that was chosen; seconds from the clip's start."""

    label: EnumProperty(name="Emotion", items=ITEMS, default="happy", update=_mood_changed)
    strength: FloatProperty(
        name="Strength", default=0.8, min=0.0, max=1.0, subtype="FACTOR", update=_mood_changed
    )
    start: FloatProperty(name="Start", min=0.0, precision=2, **TIME, update=_mood_changed)
    end: FloatProperty(name="End", min=0.0, default=2.0, precision=2, **TIME, update=_mood_changed)


class FaceanimEmotion(bpy.types.PropertyGroup):
    """Settings of the emotion of one scene."""

    heard: FloatProperty(
        name="Heard", description="How much counts what is heard: 0 shows only the emotions that you choose",
        default=1.0, min=0.0, max=1.0, subtype="FACTOR", update=_tuned,
    )  # fmt: skip
    intensity: FloatProperty(
        name="Intensity", description="How strongly all emotions show",
        default=1.0, min=0.0, max=2.0, soft_max=1.5, subtype="FACTOR", update=_tuned,
    )  # fmt: skip
    contrast: FloatProperty(
        name="Contrast", description="Above 1 the strongest emotion that is heard stands out more, below 1 less",
        default=1.0, min=0.25, max=4.0, update=_tuned,
    )  # fmt: skip
    at_most: IntProperty(
        name="At Most", description="How many emotions may be on the face at once",
        default=2, min=1, max=len(LABELS), update=_tuned,
    )  # fmt: skip
    text_weight: FloatProperty(
        name="Words", description="How much the words count against the voice",
        default=0.3, min=0.0, max=1.0, subtype="FACTOR", update=_tuned,
    )  # fmt: skip
    accents: FloatProperty(
        name="Accents", description="How far the brows rise with loudness and pitch",
        default=1.0, min=0.0, max=2.0, subtype="FACTOR", update=_tuned,
    )  # fmt: skip
    micro: FloatProperty(
        name="Life", description="Small movements that keep a still face alive",
        default=1.0, min=0.0, max=2.0, subtype="FACTOR", update=_tuned,
    )  # fmt: skip
    strength_neutral: _strength("neutral")
    strength_calm: _strength("calm")
    strength_happy: _strength("happy")
    strength_sad: _strength("sad")
    strength_angry: _strength("angry")
    strength_fearful: _strength("fearful")
    strength_disgust: _strength("disgust")
    strength_surprised: _strength("surprised")

    seed_emotion: _seed("Emotion")
    seed_blink: _seed("Blinks")
    seed_gaze: _seed("Gaze")
    seed_head: _seed("Head")

    moods: CollectionProperty(type=FaceanimMood)
    active: IntProperty(name="Chosen emotion", min=0)
    marked: StringProperty(options={"HIDDEN"}, description="What the markers of emotions were made from, as JSON")
    taken: StringProperty(options={"HIDDEN"}, description="Which analysis the settings belong to")
    facts: StringProperty(options={"HIDDEN"}, description="What the take tells of emotions, as JSON")

    def style(self) -> EmotionStyle:
        """The EmotionStyle that the sliders say."""
        strengths = {label: getattr(self, STRENGTH_PREFIX + label) for label in LABELS}
        return EmotionStyle(
            strength={label: _plain(value) for label, value in strengths.items() if value != 1},
            at_most=self.at_most,
            seed=self.seed_emotion,
            **{name: _plain(getattr(self, name)) for name in NUMBERS},
        )

    def seeds(self) -> dict[str, int]:
        """Layers that are to be drawn anew, and by how much their seed goes on."""
        seeds = {layer: getattr(self, SEED_PREFIX + layer) for layer in DRAWN}
        return {layer: seed for layer, seed in seeds.items() if seed}


def _plain(value: float) -> float:
    """A number as it was typed: Blender keeps 0.3 as 0.300000012."""
    return float(f"{value:.6g}")


CLASSES = (FaceanimMood, FaceanimEmotion)
