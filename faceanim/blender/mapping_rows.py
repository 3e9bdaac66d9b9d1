"""The rows of a mapping in the panel."""

import bpy
from bpy.props import FloatProperty, StringProperty

from ..core.channels import CHANNELS


def _edited(self: "FaceanimMappingRow", context: bpy.types.Context) -> None:
    from .mapping_panel import edited

    edited(self.id_data)


class FaceanimMappingRow(bpy.types.PropertyGroup):
    """How much one channel drives one control."""

    control: StringProperty(name="Control", description="A shape key, or bone:NAME:rot_x", update=_edited)
    channel: StringProperty(
        name="Channel", description="What drives it", update=_edited, search=lambda self, context, text: list(CHANNELS)
    )
    weight: FloatProperty(
        name="Weight", default=1.0, soft_min=-2.0, soft_max=2.0, step=5, description="How much", update=_edited
    )


CLASSES = (FaceanimMappingRow,)
