"""What the user sets of the face in a video, on the scene: which of several, its rest, its actor preset."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, FloatProperty, FloatVectorProperty, StringProperty

from ..core.clip import LATEST_S


class FaceanimFace(bpy.types.PropertyGroup):
    """Of one scene."""

    actor: StringProperty(
        name="Actor", subtype="FILE_PATH", description="A preset of how this person's face rests and moves"
    )
    use_neutral: BoolProperty(
        name="Rest Is Marked", description="Name a moment at which the face is at rest; else it is found in the clip"
    )
    neutral: FloatProperty(
        name="At Rest", description="Second of the video", subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE", min=0.0
    )
    use_point: BoolProperty(
        name="One of Several Faces", description="Name the face to follow; else it is the largest and most central one"
    )
    point: FloatVectorProperty(
        name="Is At", description="Where it is in the first picture, from the upper left, 0 to 1", size=2,
        default=(0.5, 0.5), min=0.0, max=1.0, step=1, precision=2,
    )  # fmt: skip
    use_late: BoolProperty(
        name="Offset to the Sound",
        description="Name how far the pictures are behind the sound; else the mouth tells it, where the two differ",
    )
    late: FloatProperty(
        name="Behind by", description="Seconds by which the pictures come later than the sound; 0 leaves them",
        min=-LATEST_S, max=LATEST_S, soft_min=-2.0, soft_max=2.0, step=1, precision=3, subtype="TIME_ABSOLUTE",
        unit="TIME_ABSOLUTE",
    )  # fmt: skip

    def of_clip(self) -> dict:
        """The fields of core.clip.Clip that it sets."""
        if self.actor:
            rest = {"actor": Path(bpy.path.abspath(self.actor))}
        else:
            rest = {"neutral": self.neutral} if self.use_neutral else {}
        late = {"late": self.late} if self.use_late else {}
        return rest | late | ({"face": tuple(self.point)} if self.use_point else {})


CLASSES = (FaceanimFace,)
