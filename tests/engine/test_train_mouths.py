"""The recipe that fits the visemes' constants: it finds mouths that were made with others."""

import json

import numpy as np
import pytest

from faceanim.core.files import PRESETS
from faceanim.core.speech import Speech
from faceanim.core.take import Phone

pytest.importorskip("av")

from faceanim.solve.visemes import from_json  # noqa: E402
from faceanim.train.mouths.constants import Constants  # noqa: E402
from faceanim.train.mouths.corpora import Mouths, _row  # noqa: E402
from faceanim.train.mouths.document import rounded, written  # noqa: E402
from faceanim.train.mouths.fit import correlations, fit, residuals  # noqa: E402
from faceanim.train.mouths.measures import NAMES, measures  # noqa: E402

SOUNDS = list("tdnskliɛauopmf")


@pytest.fixture(scope="module")
def document() -> dict:
    return json.loads((PRESETS / "visemes" / "default.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mouths(document) -> Mouths:
    """Four clips of chance sounds, with mouths whose vowels open half as far again and whose jaw is slow."""
    rng = np.random.default_rng(5)
    speeches, found = [], []
    for _ in range(4):
        edges = np.cumsum(np.r_[0.5, rng.uniform(0.05, 0.15, 20)])
        sounds = rng.choice(SOUNDS, 20)
        spans = zip(edges[:-1], edges[1:], sounds, strict=True)
        speeches.append(Speech(tuple(Phone(start, end, str(sound), 1.0) for start, end, sound in spans)))
        times = np.arange(0.1, edges[-1] + 0.2, 0.04)
        found.append((times, np.zeros((len(times), 3))))
    empty = _row(list("abcd"), speeches, found, None, delay=0.0, weights=(0.5, 0.25, 0.15))
    other = json.loads(json.dumps(document))
    for viseme in other["visemes"]:
        if viseme.get("vowel"):
            viseme["shape"]["jawOpen"] *= 1.5
    other["timing"]["lead_s"]["jaw"] *= 1.6
    seen = empty.solved(from_json(other), 0.0)
    return Mouths(**{**{n: getattr(empty, n) for n in Mouths.__dataclass_fields__}, "measured": seen})


def test_constants_that_made_the_mouths_are_found(document, mouths):
    constants = Constants(document, {})
    start = np.zeros(len(constants))
    x = fit(constants, [mouths], rounds=3, say=lambda text: None)
    before, after = (correlations(mouths, mouths.solved(*constants.visemes(at))) for at in (start, x))
    assert np.median(after[:, 0]) > np.median(before[:, 0])
    # the pull towards what the literature names is among the residuals, so they do not vanish
    assert (residuals(constants, [mouths], x) ** 2).sum() < 0.9 * (residuals(constants, [mouths], start) ** 2).sum()
    fitted, _ = constants.at(x)
    vowels = [v["shape"]["jawOpen"] for v in fitted["visemes"] if v.get("vowel")]
    assert np.mean(vowels) > 1.03 * np.mean([v["shape"]["jawOpen"] for v in document["visemes"] if v.get("vowel")])
    # what no camera sees stays as it is
    assert [v["shape"].get("tongueTipUp") for v in fitted["visemes"]] == [
        v["shape"].get("tongueTipUp") for v in document["visemes"]
    ]
    from_json(rounded(fitted))


def test_measures_of_a_mouth():
    channels = ("jawOpen", "mouthClose", "mouthPucker", "mouthStretchLeft", "tongueTipUp")
    values = np.array([[0.0, 0, 0, 0, 1], [0.3, 0, 0, 0, 0], [0.3, 0.3, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]])
    gap, jaw, width = measures(values, channels).T
    assert NAMES == ("gap", "jaw", "width")
    assert gap[0] == 0 and gap[1] > 0.08 and gap[2] < 0 and jaw[1] > jaw[2] > 0
    assert width[3] < -0.1 and width[4] > 0.05


def test_a_preset_is_written_as_it_was(document):
    text = written(document)
    assert json.loads(text) == document and max(map(len, text.splitlines())) < 1000
    assert rounded({"a": [0.123456, 1, "x"]}) == {"a": [0.1235, 1, "x"]}
