"""What the buttons of the Emotion panel do."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..errors import InputError
from . import moods
from .emotion import ITEMS, SEED_PREFIX, TIME
from .operators import _Reporting, bake_scene, rebake

LAYERS = [
    ("emotion", "Emotion", "Other variants of the same emotions"),
    ("blink", "Blinks", "Other blinks"),
    ("gaze", "Gaze", "Other glances"),
    ("head", "Head", "Other nods and sways"),
]


def missing_for_removal(settings) -> str:
    return "" if len(settings.emotion.moods) else "No emotion was chosen"


def missing_for_hearing(settings) -> str:
    return "" if settings.take else "Analyze a clip, or choose a take"


def missing_for_markers(settings) -> str:
    return "" if settings.emotion.marked else "No markers are shown"


class _MoodOperator(_Reporting):
    bl_options = {"REGISTER", "UNDO"}
    missing = staticmethod(lambda settings: "")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = cls.missing(context.scene.faceanim)
        if reason:
            cls.poll_message_set(reason)
        return not reason


class FACEANIM_OT_add_mood(_MoodOperator, bpy.types.Operator):
    """Choose an emotion from the current frame on; it takes the place of what is heard there"""

    bl_idname = "faceanim.add_mood"
    bl_label = "Add Emotion"

    label: EnumProperty(name="Emotion", items=ITEMS, default="happy")
    strength: FloatProperty(name="Strength", default=0.8, min=0.0, max=1.0, subtype="FACTOR")
    length: FloatProperty(name="Length", default=2.0, min=0.05, soft_max=10.0, **TIME)

    def invoke(self, context, event):
        return context.window_manager.invoke_props_dialog(self)

    def work(self, context, settings):
        from ..core.moods import SHORTEST_S, mood
        from . import bake

        scene = context.scene
        start = max((scene.frame_current - settings.frame_start) / bake.scene_rate(scene), 0.0)
        seconds = moods.facts(settings).get("seconds", float("inf"))
        if start > seconds - SHORTEST_S:
            raise InputError("The current frame lies behind the clip", f"Choose a frame within its {seconds:.2f} s")
        new = mood(start, min(start + self.length, seconds), self.label, self.strength)
        before = moods.of(scene)
        moods.put(scene, sorted((*before, new)))
        settings.emotion.active = sorted((*before, new)).index(new)
        moods.edited(scene)


class FACEANIM_OT_remove_mood(_MoodOperator, bpy.types.Operator):
    """Take the emotion that is active in the list away"""

    bl_idname = "faceanim.remove_mood"
    bl_label = "Remove Emotion"
    missing = staticmethod(missing_for_removal)

    def work(self, context, settings):
        emotion = settings.emotion
        emotion.moods.remove(emotion.active)
        emotion.active = max(min(emotion.active, len(emotion.moods) - 1), 0)
        moods.edited(context.scene)


class FACEANIM_OT_heard_to_moods(_MoodOperator, bpy.types.Operator):
    """Put what is heard into the list, to change it there: from then on only what is chosen shows"""

    bl_idname = "faceanim.heard_to_moods"
    bl_label = "Choose What Is Heard"
    missing = staticmethod(missing_for_hearing)

    def work(self, context, settings):
        from ..pipeline import heard

        scene = context.scene
        found = heard(moods.take_of(scene))
        if not found:
            raise InputError("No emotion was heard but neutral", "Choose one with +")
        moods.put(scene, sorted((*moods.of(scene), *found)))
        if settings.emotion.marked:
            moods.write_markers(scene)
        settings.emotion.heard = 0.0  # a live scene bakes on that
        self.report({"INFO"}, f"{len(found)} emotions were heard")


class FACEANIM_OT_show_mood_markers(_MoodOperator, bpy.types.Operator):
    """Show where every chosen emotion begins and ends as markers on the timeline, to move, rename and delete"""

    bl_idname = "faceanim.show_mood_markers"
    bl_label = "Show Markers"

    def work(self, context, settings):
        moods.show_markers(context.scene)


class FACEANIM_OT_hide_mood_markers(_MoodOperator, bpy.types.Operator):
    """Take the markers of emotions away; the emotions and other markers stay"""

    bl_idname = "faceanim.hide_mood_markers"
    bl_label = "Hide Markers"
    missing = staticmethod(missing_for_markers)

    def work(self, context, settings):
        moods.hide_markers(context.scene)


class FACEANIM_OT_read_mood_markers(_MoodOperator, bpy.types.Operator):
    """Take over what the markers say, and bake"""

    bl_idname = "faceanim.read_mood_markers"
    bl_label = "Read Markers"
    missing = staticmethod(missing_for_markers)

    def work(self, context, settings):
        changed = moods.read_markers(context.scene)
        moods.write_markers(context.scene)
        if not changed:
            self.report({"INFO"}, "No marker was changed")
        elif settings.baked:
            bake_scene(context.scene, again=True)


class FACEANIM_OT_import_moods(_MoodOperator, ImportHelper, bpy.types.Operator):
    """Choose emotions by a file: .csv or .json with start, end, emotion and strength"""

    bl_idname = "faceanim.import_moods"
    bl_label = "Import"

    filter_glob: StringProperty(default="*.csv;*.json", options={"HIDDEN"})
    timecode_start: StringProperty(
        name="Clip Starts At", default="0", description="What the file calls the clip's start, as in 01:00:00:00"
    )

    def work(self, context, settings):
        from ..core.moods import fitted
        from ..formats import moods as files
        from . import bake

        found = files.read(Path(self.filepath), bake.scene_rate(context.scene), self.timecode_start)
        notes = []
        if seconds := moods.facts(settings).get("seconds"):
            found, notes = fitted(found, seconds)
        moods.put(context.scene, found)
        moods.edited(context.scene)
        self.report({"WARNING"} if notes else {"INFO"}, "; ".join([f"{len(found)} emotions", *notes]))


class FACEANIM_OT_export_moods(_MoodOperator, ExportHelper, bpy.types.Operator):
    """Write the chosen emotions to a .csv or .json"""

    bl_idname = "faceanim.export_moods"
    bl_label = "Export"

    filename_ext = ".csv"
    check_extension = None
    filter_glob: StringProperty(default="*.csv;*.json", options={"HIDDEN"})
    timecodes: BoolProperty(name="Timecodes", description="Times as hh:mm:ss:ff at the scene's rate, not in seconds")

    def work(self, context, settings):
        from ..formats import moods as files
        from . import bake

        path = Path(self.filepath)
        path = path if path.suffix.lower() in files.SUFFIXES else path.with_name(path.name + ".csv")
        rate = bake.scene_rate(context.scene) if self.timecodes else None
        files.write(moods.of(context.scene), path, rate)
        self.report({"INFO"}, f"Wrote {path}")


class FACEANIM_OT_remake(_MoodOperator, bpy.types.Operator):
    """Make this layer anew, and no other"""

    bl_idname = "faceanim.remake"
    bl_label = "Make Anew"

    layer: EnumProperty(name="Layer", items=LAYERS)

    def work(self, context, settings):
        name = SEED_PREFIX + self.layer
        before = getattr(settings.emotion, name)
        setattr(settings.emotion, name, before + 1)  # a live scene bakes on that
        if not settings.live:
            rebake(context.scene, now=True)


CLASSES = (
    FACEANIM_OT_add_mood,
    FACEANIM_OT_remove_mood,
    FACEANIM_OT_heard_to_moods,
    FACEANIM_OT_show_mood_markers,
    FACEANIM_OT_hide_mood_markers,
    FACEANIM_OT_read_mood_markers,
    FACEANIM_OT_import_moods,
    FACEANIM_OT_export_moods,
    FACEANIM_OT_remake,
)
