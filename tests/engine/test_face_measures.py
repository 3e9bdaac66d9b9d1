"""The recipe of models/face_measures: who is rendered, and that the card speaks of the weights beside it."""

import hashlib

import numpy as np
import pytest

from faceanim.core.channels import ARKIT
from faceanim.core.files import MODELS
from faceanim.solve.face_model import face_model
from faceanim.train.face_measures import plan
from faceanim.train.face_measures.tables import CHANNELS, RIGID, TELLS

# as the head spells them: both sides of every channel but jawLeft and mouthLeft, and split middles
WHOLE = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
SPLIT = ("browInnerUp", "cheekPuff")
NAMES = tuple(
    name if name in WHOLE else name.replace("Left", "_L").replace("Right", "_R")
    for name in ARKIT if name not in (*SPLIT, "tongueOut")
) + tuple(f"{name}_{side}" for name in SPLIT for side in "LR") + ("PupilDilate_L", "PupilDilate_R")  # fmt: skip


@pytest.fixture(scope="module")
def sets():
    return {make: getattr(plan, make)(NAMES) for make in ("isolated", "mixed", "test")}


def test_nobody_stands_in_two_sets(sets):
    people = {name: set(truth.identity.tolist()) for name, truth in sets.items()}
    assert [len(those) for those in people.values()] == [24, 60, 24]
    assert len(set.union(*people.values())) == 108


def test_the_plan_is_drawn_from_fixed_seeds(sets):
    again = plan.test(NAMES)
    assert np.array_equal(again.weights, sets["test"].weights) and np.array_equal(again.pose, sets["test"].pose)
    assert sets["test"].first(7).identity.tolist() == [500] * 6 + [501]


def test_every_person_rests_once_and_shows_what_a_face_can(sets):
    for truth in sets.values():
        assert set(truth.identity[truth.resting]) == set(truth.identity)
        assert truth.weights.min() >= 0 and truth.weights.max() <= 1
        assert np.abs(truth.gaze).max() < np.radians(30)
    test = sets["test"]
    assert not (test.channel("jawLeft") * test.channel("jawRight")).any()
    assert (test.channel("mouthClose") <= 0.7 * test.channel("jawOpen") + 1e-6).all()
    assert test.channel("browInnerUp").max() > 0.5 and test.channel("tongueOut") is None
    np.testing.assert_array_equal(test.channel("leftEyeYaw"), test.channel("rightEyeYaw"))


def test_the_weights_are_those_of_the_recipe_and_of_the_card():
    model = face_model()
    assert tuple(model.rigid) == RIGID and model.channels[: len(CHANNELS)] == CHANNELS
    for name, measures in TELLS.items():
        if name.startswith("mouthSmile"):
            used = np.array(model.measures)[model.weights[:, model.channels.index(name)] != 0]
            assert set(used) <= set(measures)
    folder = MODELS / "face_measures"
    digest = hashlib.sha256((folder / "weights.json").read_bytes()).hexdigest()
    assert digest in (folder / "card.md").read_text("utf-8")
