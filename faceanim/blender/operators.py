"""What the buttons do: read the scene, call one function, write the scene.

What a button needs is imported when it is pressed: registering the add-on takes no time for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..errors import FaceanimError
from . import jobs
from .preferences import engine_python, environment_folder

if TYPE_CHECKING:
    from ..core.clip import Clip
    from ..core.mapping import Mapping
    from ..core.take import Take
    from ..retarget.lids import Lids
    from ..retarget.lips import Mouth
    from .bake import BakeReport
    from .properties import FaceanimScene

TAKE_FPS = 60.0
_takes: dict[tuple[str, int], Take] = {}
_driven: dict[str, tuple[Mapping, Mouth | None, tuple[Lids, ...]]] = {}
"""What the last bake found on a character, by its name: a slider does not change it."""


def forget() -> None:
    """After a mapping was changed."""
    _driven.clear()


def absolute(path: str) -> Path | None:
    return Path(bpy.path.abspath(path)) if path else None


def read_take(path: Path) -> Take:
    """The Take of a file, kept in memory until the file changes: moving a slider does not read it again."""
    from ..formats import takes

    key = (str(path), path.stat().st_mtime_ns if path.exists() else 0)
    if key not in _takes:
        _takes.clear()
        _takes[key] = takes.read(path)
    return _takes[key]


def describe_character(obj: bpy.types.Object) -> str:
    """One line on what was recognised, or why it cannot be driven."""
    from . import contacts, scene

    try:
        character = scene.character([obj])
        proposal = contacts.propose(character)
    except FaceanimError as error:
        return f"{error.message}: {error.hint}" if error.hint else error.message
    told = "told by what the keys do: " if proposal.family == "geometry" else f"names of {proposal.family}: "
    names_of = told if proposal.family else ""
    return f"{names_of}{len(proposal.mapping.targets)} controls driven, {len(proposal.unused)} keys left alone"


def bake_scene(scene: bpy.types.Scene, again: bool = False) -> BakeReport:
    """Take, character and sliders of the scene become its F-curves; `again`: on the character of the last bake."""
    from .. import pipeline
    from . import bake, contacts, mappings, moods
    from . import scene as scenes

    settings: FaceanimScene = scene.faceanim
    take = moods.take_of(scene)
    character = scenes.character([settings.character], override=True)
    if settings.character not in character.meshes + character.armatures:  # a linked one got an override
        settings.character = character.meshes[0]
    if not again or character.rig.name not in _driven:
        mapping, _ = mappings.of(character)
        _driven[character.rig.name] = mapping, *contacts.touching(character, mapping)
    mapping, mouth, eyes = _driven[character.rig.name]
    fps = bake.scene_rate(scene)
    report = bake.bake(
        character,
        pipeline.curves(take, mapping, settings.style(), fps, mouth, eyes),
        fps,
        settings.frame_start,
        sound=sound_of(take) if settings.set_sound else None,
        sound_start=(take.provenance.get("span") or [0.0])[0],
        set_range=settings.set_range,
        seconds=take.seconds,
        scene=scene,
    )
    settings.baked = True
    settings.last_error = ""
    return report


def sound_of(take: Take) -> Path | None:
    """The file that the Take was heard in, where it is still there."""
    inputs = take.provenance.get("inputs", {})
    path = next((Path(inputs[kind]["path"]) for kind in ("audio", "video") if kind in inputs), None)
    return path if path is not None and path.exists() and "lips" in take.layers else None


def take_chosen(settings: FaceanimScene) -> None:
    """After another take was chosen: the panel tells what is in it, and it is baked."""
    from . import moods

    try:
        moods.chosen(settings)
    except FaceanimError as error:
        settings.last_error = told(error)
    rebake(settings.id_data)


def rebake(scene: bpy.types.Scene, now: bool = False) -> None:
    """After a slider: bake again where something of ours is baked. An error is shown in the panel, not raised.

    now: also where a slider does not bake at once
    """
    settings = scene.faceanim
    if not ((settings.live or now) and settings.baked and settings.character and settings.take):
        return
    try:
        bake_scene(scene, again=True)
    except FaceanimError as error:
        settings.last_error = told(error)


def told(error: FaceanimError) -> str:
    """The message and, on a line of its own, the hint."""
    return f"{error.message}\n{error.hint}" if error.hint else error.message


def missing_for_analysis(settings: FaceanimScene) -> str:
    """Why Analyze cannot start, "" if it can."""
    if jobs.analysis.running:
        return "An analysis is running"
    if not (settings.audio or settings.video):
        return "Choose an audio or a video file"
    if engine_python() is None:
        return "The engine is not set up: see the add-on's preferences"
    return ""


def missing_for_bake(settings: FaceanimScene) -> str:
    if settings.character is None:
        return "Choose a character"
    if not settings.take:
        return "Analyze a clip, or choose a take"
    return _editing()


def missing_for_export(settings: FaceanimScene) -> str:
    return _editing() if settings.baked else missing_for_bake(settings) or "Bake first"


def _editing() -> str:
    """In Edit Mode no mesh is evaluated."""
    return "Leave Edit Mode first" if bpy.context.mode.startswith("EDIT") else ""


class _Reporting:
    """An operator whose errors of ours are reported with their hint; anything else keeps its traceback."""

    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.faceanim
        settings.last_error = ""
        try:
            return self.work(context, settings) or {"FINISHED"}
        except FaceanimError as error:
            settings.last_error = told(error)
            self.report({"ERROR"}, settings.last_error)
            return {"CANCELLED"}


class FACEANIM_OT_analyze(_Reporting, bpy.types.Operator):
    """Find speech and expression in the clip; Blender stays free to work in meanwhile"""

    bl_idname = "faceanim.analyze"
    bl_label = "Analyze"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = missing_for_analysis(context.scene.faceanim)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context, settings):
        start_analysis(context.scene)


def start_analysis(scene: bpy.types.Scene, actor: Path | None = None) -> None:
    """Blender stays free meanwhile; actor: where the preset of the clip's face goes, if one is wanted."""
    from ..core.clip import Clip
    from .transcripts import transcript_of

    settings: FaceanimScene = scene.faceanim
    text, timing = transcript_of(settings)
    clip = Clip(
        audio=absolute(settings.audio),
        video=absolute(settings.video),
        transcript=text,
        timing=timing,
        language=settings.language.strip() or "auto",
        start=settings.span_start if settings.use_span else 0.0,
        end=settings.span_end if settings.use_span else None,
        **(settings.face.of_clip() if settings.video else {}),
    )
    output, name = take_path(clip), scene.name

    def done(result: dict) -> None:
        scene = bpy.data.scenes.get(name)
        if scene is None:  # deleted or renamed meanwhile: the take is on disk all the same
            return
        scene.faceanim.take = str(output)
        if actor is not None:
            scene.faceanim.face.actor = str(actor)
        if scene.faceanim.bake_when_done and not missing_for_bake(scene.faceanim):
            bake_scene(scene)
        if not bpy.app.background:
            bpy.ops.ed.undo_push(message="Analyze")

    jobs.analyze(clip, output, TAKE_FPS, engine_python(), done, actor)


def take_path(clip: Clip) -> Path:
    """Where the panel keeps a Take: beside the .blend, else in Blender's temporary folder until it is saved."""
    folder = Path(bpy.path.abspath("//")) if bpy.data.is_saved else Path(bpy.app.tempdir)
    return folder / f"{(clip.audio or clip.video).stem}.faceanim"


class FACEANIM_OT_cancel(bpy.types.Operator):
    """Stop the analysis"""

    bl_idname = "faceanim.cancel"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        return {"FINISHED"}


class FACEANIM_OT_bake(_Reporting, bpy.types.Operator):
    """Write the animation as keyframes above what the character already has"""

    bl_idname = "faceanim.bake"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = missing_for_bake(context.scene.faceanim)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context, settings):
        from . import bake, scene

        report = bake_scene(context.scene)
        self.report({"INFO"}, f"Baked {report.keys} keys on {len(report.controls)} controls")
        for remark in bake.remarks(scene.character([settings.character]), report.controls):
            self.report({"WARNING"}, remark)


class FACEANIM_OT_copy_error(bpy.types.Operator):
    """Copy the message, to send it to somebody who can help; your home folder's name is left out"""

    bl_idname = "faceanim.copy_error"
    bl_label = "Copy Message"

    def execute(self, context: bpy.types.Context) -> set[str]:
        text = context.scene.faceanim.last_error or "\n".join(filter(None, (jobs.analysis.error, jobs.analysis.hint)))
        context.window_manager.clipboard = f"Blender {bpy.app.version_string}: {text}".replace(str(Path.home()), "~")
        return {"FINISHED"}


class FACEANIM_OT_create_environment(bpy.types.Operator):
    """Download the packages that analysis needs (about 2 GB on disk) into a folder of the extension's own"""

    bl_idname = "faceanim.create_environment"
    bl_label = "Make the Engine's Environment"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = ""
        if jobs.setup.running:
            reason = "It is being made"
        elif environment_folder() is None:
            reason = "Install the extension first: a checkout uses the Python of `python build.py setup`"
        elif not bpy.app.online_access:
            reason = "Allow online access in Preferences, System: packages are downloaded"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.create_environment(environment_folder())
        return {"FINISHED"}


class FACEANIM_OT_cancel_setup(bpy.types.Operator):
    """Stop making the environment"""

    bl_idname = "faceanim.cancel_setup"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel_setup()
        return {"FINISHED"}


class FACEANIM_OT_check_engine(bpy.types.Operator):
    """Start the engine once and say what it runs on"""

    bl_idname = "faceanim.check_engine"
    bl_label = "Check the Engine"

    def execute(self, context: bpy.types.Context) -> set[str]:
        from ..engine import environment

        jobs.setup.error = jobs.setup.hint = jobs.setup.note = ""
        python = engine_python()
        if python is None:
            jobs.setup.fail("There is no engine", "Make its environment, or choose a Python")
            return {"CANCELLED"}
        try:
            found = environment.check(python)
        except FaceanimError as error:
            jobs.setup.fail(error.message, error.hint)
            return {"CANCELLED"}
        jobs.setup.note = ", ".join(f"{key} {value}" for key, value in found.items() if isinstance(value, str))
        return {"FINISHED"}


CLASSES = (
    FACEANIM_OT_analyze,
    FACEANIM_OT_cancel,
    FACEANIM_OT_bake,
    FACEANIM_OT_copy_error,
    FACEANIM_OT_create_environment,
    FACEANIM_OT_cancel_setup,
    FACEANIM_OT_check_engine,
)
