"""What the user sets, on the scene: saved with the file, undone with the rest."""

import math

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core.channels import GROUPS
from ..core.style import MOUTH_SOURCES, SpeechStyle, Style
from . import emotion, face_settings, mapping_rows

INTENSITY_PREFIX = "intensity_"


def _tuned(self: "FaceanimScene", context: bpy.types.Context) -> None:
    from .operators import rebake

    rebake(self.id_data)


def _take_chosen(self: "FaceanimScene", context: bpy.types.Context) -> None:
    from .operators import take_chosen

    take_chosen(self)


def _character_chosen(self: "FaceanimScene", context: bpy.types.Context) -> None:
    from .mapping_panel import refresh
    from .operators import describe_character

    self.character_note = describe_character(self.character) if self.character else ""
    refresh(self)


def _shape_chosen(self: "FaceanimScene", context: bpy.types.Context) -> None:
    from . import face_shapes as shapes

    waiting = shapes.made_of(self)
    if waiting:
        shapes.show(waiting["made"], self.shapes_shown)


def _group_slider(group: str):
    """The strength of one group of channels; each of core.channels.GROUPS has one below."""
    return FloatProperty(name=group.capitalize(), default=1.0, min=0.0, max=2.0, subtype="FACTOR", update=_tuned)


class FaceanimScene(bpy.types.PropertyGroup):
    """Settings of one scene."""

    character: PointerProperty(
        type=bpy.types.Object,
        name="Character",
        description="Any mesh of the character, or its armature",
        poll=lambda self, obj: obj.type in {"MESH", "ARMATURE"},
        update=_character_chosen,
    )
    character_note: StringProperty(options={"SKIP_SAVE"})
    mapping_rows: CollectionProperty(type=mapping_rows.FaceanimMappingRow)
    mapping_active: IntProperty(options={"HIDDEN"})
    mapping_reasons: StringProperty(options={"HIDDEN"}, description="What is not driven and why, as JSON")

    audio: StringProperty(name="Audio", subtype="FILE_PATH", description="A recording of the voice")
    video: StringProperty(name="Video", subtype="FILE_PATH", description="A video of a face")
    transcript: StringProperty(
        name="Transcript",
        description="What is said, or a file of it (.txt; with times .srt, .vtt, .TextGrid): sounds are then placed "
        "more exactly. Leave empty to have it heard",
    )
    language: StringProperty(
        name="Language", default="auto", description="Of the transcript, as in en-GB, de, zh; auto: by the text itself"
    )
    use_span: BoolProperty(name="Part of the Clip", description="Analyze only a part of the files")
    span_start: FloatProperty(name="From", subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE", min=0.0)
    span_end: FloatProperty(name="To", subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE", min=0.0, default=10.0)

    take: StringProperty(
        name="Take", subtype="FILE_PATH", description="What the analysis made of the clip", update=_take_chosen
    )
    bake_when_done: BoolProperty(
        name="Bake When Done", default=True, description="Bake as soon as the analysis is ready"
    )
    live: BoolProperty(
        name="Live", default=True, description="Bake again at once when a slider moves; no network runs for that"
    )
    baked: BoolProperty(options={"HIDDEN"})
    set_range: BoolProperty(
        name="Set Frame Range", default=True, description="The scene's frame range follows the clip"
    )
    set_sound: BoolProperty(name="Add Sound", default=True, description="Put the sound into the sequencer")
    frame_start: IntProperty(
        name="Start Frame", default=1, description="The frame of the clip's first moment", update=_tuned
    )

    mouth_from: EnumProperty(
        name="Mouth From",
        items=[
            ("auto", "Automatic", "The video where it shows the mouth, with lips that touch where the voice says so"),
            ("audio", "Voice", "Lips, jaw and tongue follow the voice, as for a dubbed video"),
            ("video", "Video", "Lips and jaw follow the video"),
        ],
        default=MOUTH_SOURCES[0],
        update=_tuned,
    )
    enunciation: FloatProperty(
        name="Enunciation",
        description="How clearly the lips speak: -1 mumbled, 0 as people speak, 1 over-enunciated; closed lips close "
        "in every style. A mouth that moves as a video shows it does not change",
        default=0.0, min=-1.0, max=1.0, update=_tuned,
    )
    speech_jaw: FloatProperty(
        name="Speech Jaw", description="How far the jaw moves in speech that is heard", default=1.0, min=0.0, max=2.0,
        subtype="FACTOR", update=_tuned,
    )
    speech_lips: FloatProperty(
        name="Speech Lips", description="How far the lips move in speech that is heard", default=1.0, min=0.0, max=2.0,
        subtype="FACTOR", update=_tuned,
    )
    intensity: FloatProperty(
        name="Intensity", default=1.0, min=0.0, max=2.0, soft_max=1.5, subtype="FACTOR", update=_tuned
    )
    mirror: BoolProperty(
        name="Mirror", description="Left and right exchanged, as one sees oneself in a mirror", update=_tuned
    )
    head_limit: FloatProperty(
        name="Head Limit", description="The head never turns further than this",
        default=math.radians(75.0), min=math.radians(5.0), max=math.radians(90.0), subtype="ANGLE", update=_tuned,
    )
    smoothing: FloatProperty(
        name="Smoothing",
        description="How calm what comes from video is: 1 as the preset has it, 2 twice as calm",
        default=1.0, min=0.0, max=4.0, update=_tuned,
    )
    lead: FloatProperty(
        name="Lead",
        description="Seconds by which the animation comes before the sound",
        default=0.0, min=-0.5, max=0.5, step=1, precision=3,
        subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE", update=_tuned,
    )
    tolerance: FloatProperty(
        name="Key Error", description="The largest change that leaving out keys may make; 0 keeps a key on every frame",
        default=0.005, min=0.0, max=0.1, precision=3, step=0.1, update=_tuned,
    )
    marked: StringProperty(options={"HIDDEN"}, description="What the markers of sounds were made from, as JSON")
    emotion: PointerProperty(type=emotion.FaceanimEmotion)
    face: PointerProperty(type=face_settings.FaceanimFace)
    shapes_made: StringProperty(options={"HIDDEN"}, description="Face shapes that wait to be kept, as JSON")
    shapes_shown: StringProperty(
        name="Look At", description="One of the made shapes at its full value", update=_shape_chosen
    )
    last_error: StringProperty(options={"SKIP_SAVE"})

    intensity_lips: _group_slider("lips")
    intensity_jaw: _group_slider("jaw")
    intensity_tongue: _group_slider("tongue")
    intensity_cheeks: _group_slider("cheeks")
    intensity_nose: _group_slider("nose")
    intensity_brows: _group_slider("brows")
    intensity_lids: _group_slider("lids")
    intensity_gaze: _group_slider("gaze")
    intensity_head: _group_slider("head")

    def style(self) -> Style:
        """The Style that the sliders say."""
        default = Style()
        calm = max(self.smoothing, 1e-3)
        return Style(
            name="panel",
            mouth_from=self.mouth_from,
            intensity={group: self.intensity * getattr(self, INTENSITY_PREFIX + group) for group in GROUPS},
            cutoff_hz={group: hz / calm if self.smoothing else 0.0 for group, hz in default.cutoff_hz.items()},
            mirror=self.mirror,
            limit_deg={**default.limit_deg, "head": math.degrees(self.head_limit)},
            lead_s=self.lead,
            tolerance=self.tolerance,
            speech=SpeechStyle(self.enunciation, self.speech_jaw, self.speech_lips),
            emotion=self.emotion.style(),
        )


CLASSES = (*emotion.CLASSES, *face_settings.CLASSES, *mapping_rows.CLASSES, FaceanimScene)
