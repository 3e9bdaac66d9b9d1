"""Heads whose keys have no name that means anything, as files."""

from argparse import Namespace

import bpy
import numpy as np
import pytest

from faceanim.blender import commands, contacts
from faceanim.blender import scene as scenes
from faceanim.core.channels import GROUP_OF
from faceanim.retarget import geometry
from faceanim.retarget.lips import Surface


@pytest.fixture(scope="module")
def head(demo_blend):
    scenes.open_file(demo_blend)
    return contacts.shapes(scenes.character(bpy.context))


def renamed(surface, seed, share, turn):
    """(Surface, key to its channel): some of the keys in another order under other names, on a turned head."""
    rng = np.random.default_rng(seed)
    names = list(surface.deltas)
    rng.shuffle(names)
    names = names[: round(share * len(names))]
    own = {f"Shape {i}": name for i, name in enumerate(names)}
    turn = turn.astype(np.float32)
    deltas = {k: (surface.deltas[n][0], surface.deltas[n][1] @ turn.T) for k, n in own.items()}
    return Surface(surface.points @ turn.T, surface.edges, deltas), own


def test_half_of_the_keys_on_a_turned_head_a_hundred_times_as_large(head):
    tilt = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]]) @ np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
    surface, own = renamed(head, 3, 0.5, 100 * tilt)
    found = geometry.recognise(surface, tuple(own))
    right = [k for k, shape in found.shapes.items() if shape.channels == (own[k],)]
    assert len(right) == len(found.shapes), [(own[k], s.channels) for k, s in found.shapes.items() if k not in right]
    assert len(right) >= 0.9 * len(own), set(own.values()) - {own[k] for k in right}


def test_a_file_with_random_words_for_names(demo_blend, tmp_path):
    """Left and right are swapped in what the names were; the eyeballs are turned by bones."""
    scenes.open_file(demo_blend)
    words = {}
    for mesh in scenes.character(bpy.context).keyed:
        for block in mesh.data.shape_keys.key_blocks[1:]:
            word = words.setdefault(block.name, f"Right wobble {len(words)}")
            block.name = word
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "words.blend"))
    report = commands.rig(Namespace(file=tmp_path / "words.blend", object=None))
    assert report["family"] == "geometry"
    driven = {c: w for w in words.values() for c in report["mapping"].get(w, {}) if report["mapping"][w][c] == 1}
    wrong = {c: words[c] for c, w in driven.items() if words.get(c) != w}
    assert not wrong
    wanted = {c for c in words if GROUP_OF[c] != "gaze"}
    assert len(driven.keys() & wanted) >= 0.95 * len(wanted), wanted - driven.keys()
    assert all(0 < report["confidence"][w] <= 1 for w in words.values() if w in report["mapping"])


def test_a_character_with_names_of_its_own_and_wrong_ones(data):
    """VRoid's: mouthLeft moves to the right; each blink is there twice, and names come first."""
    report = commands.rig(Namespace(file=data / "characters" / "vroid_plain.glb", object=None))
    assert report["mapping"]["mouthLeft"] == {"mouthRight": 1.0}
    assert report["mapping"]["mouthRight"] == {"mouthLeft": 1.0}
    assert any("mouthLeft" in note and "opposite" in note for note in report["notes"])
    assert report["mapping"]["eyeBlinkLeft"] == {"eyeBlinkLeft": 1.0}
