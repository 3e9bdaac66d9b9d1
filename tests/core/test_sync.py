"""Which way and how far a picture is off its sound; where the mouth does not tell, nothing is said."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim.core.take import Phone
from faceanim.core.track import Track
from faceanim.solve.sync import earlier, lateness

FPS, SECONDS = 60.0, 12.0
TIMES = np.arange(int(FPS * SECONDS)) / FPS


def mouth(seed):
    """An opening as speech makes it: a vowel of another height every fifth of a second or so."""
    draw = np.random.default_rng(seed)
    at = np.cumsum(draw.uniform(0.13, 0.3, 100))
    heights = draw.uniform(0.1, 0.6, 100) * (np.arange(100) % 2)
    return Track.from_columns(FPS, {"jawOpen": np.interp(TIMES, at, heights)})


SAID = tuple(Phone(t, t + 0.2, "a", 1.0) for t in np.arange(0, SECONDS, 0.2))
HEARD = mouth(0)


@pytest.mark.parametrize("late", [0.0, 0.1, -0.25, 1.5, -1.5])
def test_the_same_mouth_later_or_earlier(late):
    seen = earlier(HEARD, -late)
    assert lateness(HEARD, seen, SAID) == pytest.approx(late, abs=1 / FPS)
    back = earlier(seen, late)
    known = back.confidence[:, 0] > 0
    np.testing.assert_allclose(back.values[known], HEARD.values[known], atol=1e-5)


def test_a_smile_and_a_face_that_is_lost_between_change_nothing():
    seen = earlier(HEARD, -0.3)
    smiling = np.column_stack([seen.values[:, 0] * 0.7 + 0.2, np.linspace(0, 1, seen.frames)])
    confidence = seen.confidence[:, 0] * ~((TIMES > 4) & (TIMES < 6))
    seen = Track.of(FPS, ("jawOpen", "mouthFunnel"), smiling, confidence)
    assert lateness(HEARD, seen, SAID) == pytest.approx(0.3, abs=1 / FPS)


def test_mouths_that_do_not_tell():
    assert lateness(HEARD, mouth(1), SAID) is None, "another's"
    assert lateness(HEARD, HEARD, SAID[:10]) is None, "two seconds of speech"
    assert lateness(HEARD, HEARD.with_values(np.full_like(HEARD.values, 0.2)), SAID) is None, "a still one"
    assert lateness(HEARD, replace(HEARD, confidence=HEARD.confidence * 0), SAID) is None, "one that is not seen"
    assert lateness(HEARD, HEARD.select(()), ()) is None
    empty = Track.of(FPS, ("jawOpen",), np.zeros((0, 1)))
    assert lateness(empty, empty, ()) is None


def test_past_its_ends_a_track_is_a_guess():
    moved = earlier(HEARD, 0.5)
    assert moved.frames == HEARD.frames and (moved.confidence[-30:] == 0).all() and (moved.confidence[:-30] == 1).all()
    np.testing.assert_allclose(moved.values[:-30], HEARD.values[30:], atol=1e-6)
    np.testing.assert_allclose(moved.values[-29:], HEARD.values[-1:].repeat(29, 0), atol=1e-6)
