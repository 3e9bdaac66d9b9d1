"""Spoken lines with an emotion forced on them, baked on the demo head: the face differs, every contact holds."""

from argparse import Namespace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from faceanim import pipeline  # noqa: E402
from faceanim.blender import commands  # noqa: E402
from faceanim.core.speech import Speech  # noqa: E402
from faceanim.core.style import Style  # noqa: E402
from faceanim.core.take import Mood, Phone, Take  # noqa: E402
from faceanim.formats import takes  # noqa: E402
from faceanim.solve.speech import solve  # noqa: E402

PARTS = {"brows": ("browInnerUp", "browDownLeft", "browOuterUpLeft"), "lids": ("eyeSquintLeft", "eyeWideLeft"),
         "cheeks": ("cheekSquintLeft", "noseSneerLeft"), "corners": ("mouthSmileLeft", "mouthFrownLeft")}  # fmt: skip


def line():
    """"pab mif obu vam", twice, with a pause between."""
    phones, now = [], 0.5
    for _ in range(2):
        for ipa in ("p", "a", "b", "m", "i", "f", "o", "b", "u", "v", "a", "m"):
            phones.append(Phone(now, now + 0.11, ipa, 0.9))
            now += 0.11
        now += 0.7
    lips = solve(Speech(tuple(phones)), now, 60.0)
    return Take(60.0, lips.frames, {"lips": lips}, tuple(phones))


def baked(take, character, folder, name):
    """The report of `verify`, and the mean of each control over the clip."""
    takes.write(take, folder / f"{name}.faceanim")
    given = {"take": folder / f"{name}.faceanim", "mapping": None, "style": None}
    commands.bake(Namespace(character=character, output=folder / f"{name}.blend", fps=30, object=None, **given))
    scene, blocks = bpy.context.scene, bpy.data.objects["Head"].data.shape_keys.key_blocks
    shown: dict[str, list[float]] = {}
    for frame in range(scene.frame_start, scene.frame_end + 1, 3):
        scene.frame_set(frame)
        for key in (k for part in PARTS.values() for k in part):
            shown.setdefault(key, []).append(blocks[key].value)
    means = {key: float(np.mean(values)) for key, values in shown.items()}
    return commands.verify(Namespace(blend=folder / f"{name}.blend", **given)), means


def test_two_emotions_on_one_line(tmp_path, demo_blend):
    take = line()
    means = {}
    for label in ("happy", "angry"):
        felt, _ = pipeline.chosen(take, [Mood(0, take.seconds, label, 1.0)], Style())
        report, means[label] = baked(felt, demo_blend, tmp_path, label)
        assert report["failed"] == 0 and report["passed"] == len(report["events"]) >= 12
    for part, names in PARTS.items():
        assert max(abs(means["happy"][n] - means["angry"][n]) for n in names) > 0.1, part
    assert means["happy"]["mouthSmileLeft"] > 0.3 and means["angry"]["browDownLeft"] > 0.5
