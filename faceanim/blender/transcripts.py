"""The panel's transcript: a text, or a file that is chosen."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ImportHelper

if TYPE_CHECKING:
    from .properties import FaceanimScene

SUFFIXES = (".txt", ".srt", ".vtt", ".TextGrid", ".json", ".tsv")
"""What formats.transcript reads; not taken from there, for registering imports no more than it must."""


def transcript_of(settings: "FaceanimScene") -> tuple[str | None, Path | None]:
    """The transcript's text, or its file with times; // in front of a file's name is the .blend's folder."""
    from ..formats import transcript

    given = settings.transcript
    return transcript.read(bpy.path.abspath(given) if given.startswith("//") else given)


class FACEANIM_OT_choose_transcript(bpy.types.Operator, ImportHelper):
    """Choose a file of what is said: plain text, or with times as subtitles or a TextGrid"""

    bl_idname = "faceanim.choose_transcript"
    bl_label = "Choose Transcript"
    filter_glob: StringProperty(default=";".join(f"*{s}" for s in SUFFIXES), options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.faceanim.transcript = self.filepath
        return {"FINISHED"}


CLASSES = (FACEANIM_OT_choose_transcript,)
