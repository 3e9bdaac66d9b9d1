"""A face is read as it is and in the mirror."""

import numpy as np
import pytest

from faceanim.core.channels import mirrored
from faceanim.core.face import Reader, Rest, Seen
from faceanim.solve.both_ways import both_ways, in_mirror
from faceanim.solve.face_model import face_model
from faceanim.solve.learned import OUTPUTS

SMILE, YAW = OUTPUTS.index("mouthSmileLeft"), OUTPUTS.index("leftEyePitch") - 1
EYES, MOUTH = 2, 4
FLIPPED = np.array([1, 0, 5, 4, 3, 2])
"""Of two pixels of eyes and four of a mouth."""


def one_sided(frames, views, rest):
    """Sees the left corner of the mouth alone, which the first pixel of a mouth shows, less what it does at rest, and
    what the left eye does."""
    values = np.zeros((len(views), len(OUTPUTS)), np.float32)
    values[:, SMILE] = views[:, EYES] - (0 if rest is None else rest.view[EYES])
    values[:, YAW] = views[:, 0] + frames.pose[:, 0]
    return values, np.full_like(values, 0.1)


@pytest.fixture()
def reader():
    eyes, mouth = (lambda c: c[:, :EYES].astype(np.float32)), (lambda c: c[:, EYES:].astype(np.float32))
    return Reader(eyes, mouth, EYES, one_sided, np.ones(len(OUTPUTS)))


def seen(n=1, yaw=0.0):
    zeros = [np.zeros((n, width), np.float32) for width in (52, 1, 4)]
    pose = np.tile(np.array([yaw, 0, 0], np.float32), (n, 1))
    return Seen(np.zeros((n, 478, 3), np.float32), pose, np.zeros((n, 6), np.uint8), *zeros)


def test_what_one_side_shows_is_seen_on_both(reader):
    both = both_ways(reader, FLIPPED)
    crops = np.array([[3, 5, 10, 0, 0, 20]], np.uint8)
    view = both.view(crops)
    # the eyes are not looked at again
    assert view.tolist() == [[3, 5, 10, 0, 0, 20, 20, 0, 0, 10]]
    plain = Rest(np.zeros((478, 3), np.float32), np.zeros(10, np.float32))
    values, deviation = both.read(seen(yaw=0.5), view, plain)
    right = OUTPUTS.index("mouthSmileRight")
    assert values[0, SMILE] == 5 and values[0, right] == 10 and deviation == pytest.approx(0.1)
    # what looks to the left does so to the right in the mirror
    assert values[0, YAW] == pytest.approx((3 + 0.5) / 2)
    assert values[0, OUTPUTS.index(mirrored(OUTPUTS[YAW]))] == pytest.approx(-(5 - 0.5) / 2)
    # and so of the rest
    values, _ = both.read(seen(), view, plain._replace(view=view[0]))
    assert values[0, SMILE] == values[0, right] == 0
    # to find the rest one look does
    values, _ = both.read(seen(), view, None)
    assert values[0, SMILE] == 10 and values[0, right] == 0


def test_the_mirror_of_the_mirror():
    draw = np.random.default_rng(0)
    frames = Seen(*(draw.normal(size=a.shape).astype(np.float32) for a in seen(3)))
    again = in_mirror(in_mirror(frames))
    for name in ("points", "pose", "scores", "kind", "place"):
        np.testing.assert_array_equal(getattr(again, name), getattr(frames, name))
    assert in_mirror(frames).points[0, face_model().mirror[33], 0] == -frames.points[0, 33, 0]


def test_of_some_frames_the_mirror_tells_as_much_as_of_all(reader):
    """What differs changes evenly, so that to look at every other frame is to look at all."""
    k = np.arange(7, dtype=np.float32)
    crops = np.stack([0 * k, 0 * k, 10 + k, 0 * k, 0 * k, 20 - 2 * k], 1).astype(np.uint8)
    plain = Rest(np.zeros((478, 3), np.float32), np.zeros(10, np.float32))
    all_, some = both_ways(reader, FLIPPED), both_ways(reader, FLIPPED, every=2)
    view = some.view(crops)
    assert np.isfinite(view).all(1).tolist() == [True, False] * 3 + [True]
    for got, meant in zip(some.read(seen(7), view, plain), all_.read(seen(7), all_.view(crops), plain), strict=True):
        assert np.allclose(got, meant)
    # a face whose rest the mirror never showed is read as it is
    unseen = plain._replace(view=np.full(10, np.nan, np.float32))
    unseen.view[:EYES + MOUTH] = 0
    assert np.allclose(some.read(seen(7), view, unseen)[0], reader.read(seen(7), view[:, : EYES + MOUTH], plain)[0])
