"""Lids that meet on the character's own mesh where the source's do."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from faceanim.blender import contacts, mappings, scene
from faceanim.core.files import PRESETS
from faceanim.core.mapping import Mapping
from faceanim.core.track import Track
from faceanim.retarget import lids
from faceanim.retarget.apply import apply

LEFT = {"eyeBlink": 1.0, "eyeLookDown": 0.5}, {"eyeBlink": 0.85}, {"eyeBlink": 1.0, "eyeWide": 0.5, "eyeSquint": 0.1}


@pytest.fixture(scope="module")
def head():
    scene.open_file(PRESETS / "character" / "head.blend")
    character = scene.character(bpy.context)
    mapping, _ = mappings.of(character)
    return mapping, contacts.surface(character, mapping)


def opening(surface, mapping, track):
    """How far the middle of the left eye is open, over what it is at rest, on every frame, on the mesh."""
    closing = lids.displacement(surface, {"eyeBlinkLeft": 1.0})
    drop = -closing[:, 1]
    upper, lower = lids._pairs(surface, closing, drop > lids.UPPER * drop.max(), drop.max())[3]
    gaps = []
    for values in track.values:
        moved = surface.points + lids.displacement(surface, dict(zip(track.channels, values, strict=True)))
        gaps.append(moved[upper, 1] - moved[lower, 1])
    return np.array(gaps) / (surface.points[upper, 1] - surface.points[lower, 1])


def test_both_eyes_are_found_and_shut(head):
    mapping, surface = head
    found = lids.find(surface, mapping)
    assert [eye.side for eye in found] == ["Left", "Right"]
    assert all(abs(eye.shut) < 0.05 and f"eyeBlink{eye.side}" in eye.controls for eye in found)


@pytest.mark.parametrize("shown", LEFT)
def test_shut_lids_meet_and_do_not_cross(head, shown):
    mapping, surface = head
    source = Track.from_columns(30, {f"{name}Left": np.array([value], np.float32) for name, value in shown.items()})
    out = lids.meet(apply(source, mapping), source, mapping, lids.find(surface, mapping))
    assert -0.12 < opening(surface, mapping, out)[0] < 0.06


def test_a_mapping_that_hardly_shuts_the_eye_does(head):
    mapping, surface = head
    target = replace(mapping.targets["eyeBlinkLeft"], gain=0.75)
    weak = Mapping(targets=dict(mapping.targets) | {"eyeBlinkLeft": target})
    source = Track.from_columns(30, {"eyeBlinkLeft": np.linspace(0, 1, 31, dtype=np.float32)})
    driven = apply(source, weak)
    out = lids.meet(driven, source, weak, lids.find(surface, weak))
    assert opening(surface, weak, driven)[-1] > 0.2 and abs(opening(surface, weak, out)[-1]) < 0.03
    blink = out.column("eyeBlinkLeft")
    # half shut is as it was, and it goes on without a jump
    assert np.allclose(blink[:19], driven.column("eyeBlinkLeft")[:19], atol=1e-6)
    assert (np.diff(blink) > -1e-6).all() and np.diff(blink).max() < 0.15


def test_a_face_whose_blink_shuts_nothing_has_none(head):
    mapping, surface = head
    other = Mapping(targets={"jawOpen": mapping.targets["jawOpen"]})
    assert lids.find(surface, other) == ()
    wrong = Mapping(targets={"mouthSmileLeft": replace(mapping.targets["mouthSmileLeft"], weights={"eyeBlinkLeft": 1})})
    assert lids.find(surface, wrong) == ()
