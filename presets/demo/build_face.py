"""Renders face.mp4: our own demo head says the demo speech, turns, looks about, blinks, raises its brows and smiles.

    python presets/demo/build_face.py [OUT.mp4]

Needs the project set up (python build.py setup). The head, the voice and this script are ours, so the video is.
"""

import sys
from pathlib import Path

import bpy
import numpy as np

from faceanim import pipeline
from faceanim.blender import bake, preview, scene
from faceanim.core.clip import Clip
from faceanim.core.style import Style
from faceanim.core.track import Track
from faceanim.engine.analysis import analyze
from faceanim.retarget import names

HERE = Path(__file__).parent
RATE = 25.0

# (seconds, value) of each channel, joined smoothly; the words are in speech.txt, their times in a take of it
ACT = {
    "headYaw": [(0, 0), (0.9, 0), (1.4, 0.18), (2.3, 0.18), (3.0, -0.22), (4.3, -0.22), (5.0, 0.05), (6.4, 0), (8, 0)],
    "headPitch": [(0, 0), (1.4, 0.05), (1.7, -0.03), (3.4, 0.08), (5.2, -0.08), (6.6, 0.02), (6.95, -0.12), (8, 0)],
    "headRoll": [(0, 0), (2.0, -0.08), (3.6, 0.1), (5.2, 0), (7.4, 0.08), (8, 0.05)],
    "leftEyeYaw": [(0, 0), (2.3, 0), (2.4, 0.3), (3.0, 0.3), (3.1, 0), (5.6, 0), (5.7, -0.35), (6.2, -0.35), (6.3, 0)],
    "leftEyePitch": [(0, 0), (4.6, 0), (4.7, -0.2), (5.2, -0.2), (5.3, 0)],
    "browInnerUp": [(0, 0), (4.7, 0), (4.9, 0.8), (5.4, 0.8), (5.7, 0), (6.7, 0), (6.9, 1), (7.3, 0.6), (7.8, 0)],
    "browOuterUpLeft": [(0, 0), (4.7, 0), (4.9, 0.7), (5.4, 0.7), (5.7, 0), (6.7, 0), (6.9, 0.9), (7.8, 0)],
    "browDownLeft": [(0, 0), (2.1, 0), (2.4, 0.6), (2.9, 0.6), (3.2, 0)],
    "eyeWideLeft": [(0, 0), (5.8, 0), (6.0, 0.7), (6.4, 0.7), (6.6, 0), (6.8, 0.8), (7.2, 0)],
    "mouthSmileLeft": [(0, 0.2), (0.5, 0.3), (1.8, 0.1), (6.6, 0.1), (7.4, 0.5), (7.9, 0.8), (8, 0.8)],
    "cheekSquintLeft": [(0, 0), (7.2, 0), (7.9, 0.5)],
}
BLINKS = (0.55, 2.3, 3.05, 4.5, 6.55, 7.25)


def layer(groups: tuple[str, ...], frames: int, fps: float) -> Track:
    """The acted channels whose names begin so, both sides alike."""
    t = np.arange(frames) / fps
    columns = {}
    for name, keys in ACT.items():
        if name.startswith(groups):
            times, values = np.array(keys).T
            i = np.clip(np.searchsorted(times, t, "right") - 1, 0, len(times) - 2)
            u = np.clip((t - times[i]) / (times[i + 1] - times[i]), 0, 1)
            columns[name] = values[i] + (values[i + 1] - values[i]) * u * u * (3 - 2 * u)
            if "eft" in name:
                columns[name.replace("Left", "Right").replace("left", "right")] = columns[name]
    return Track.from_columns(fps, columns)


def main(out: Path) -> None:
    take = analyze(Clip(audio=HERE / "speech.flac", transcript=(HERE / "speech.txt").read_text("utf-8")))
    t = np.arange(take.frames) / take.fps
    shut = np.clip(sum(np.exp(-(((t - at) / 0.055) ** 2) ** 2) for at in BLINKS), 0, 1)
    face = layer(("brow", "eyeWide", "mouth", "cheek"), take.frames, take.fps)
    lids = Track.from_columns(take.fps, {"eyeBlinkLeft": shut, "eyeBlinkRight": shut})
    expression = Track.of(take.fps, (*face.channels, *lids.channels), np.hstack([face.values, lids.values]))
    take = take.with_layer("expression", expression)
    take = take.with_layer("gaze", layer(("leftEye",), take.frames, take.fps))
    take = take.with_layer("head", layer(("head",), take.frames, take.fps))

    scene.open_file(HERE.parent / "character" / "head.blend")
    stage = bpy.context.scene
    bake.set_rate(stage, RATE)
    character = scene.character(bpy.context)
    mapping = names.propose(character.rig).mapping
    curves = pipeline.curves(take, mapping, Style(), RATE)
    bake.bake(character, curves, RATE, 1, sound=HERE / "speech.flac", seconds=take.seconds)
    stage.render.resolution_percentage = 50
    preview.render(out, stage, HERE / "speech.flac")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "face.mp4")
