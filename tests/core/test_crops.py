"""Small pictures along landmarks."""

import numpy as np

from faceanim.features import crops


def face():
    """Landmarks of a face in a picture 200 wide: only those that count."""
    points = np.zeros((478, 3), np.float32)
    points[list(crops.STEADY)] = [[100, 90, 0]]
    eyes = {33: (60, 90), 133: (85, 90), 362: (115, 90), 263: (140, 90), 127: (50, 95), 356: (150, 95)}
    mouth = {61: (80, 150), 291: (120, 150), 0: (100, 142), 17: (100, 158), 168: (100, 90), 4: (100, 120)}
    for index, place in (eyes | mouth).items():
        points[index, :2] = place
    return points


def parts(row):
    out, start = {}, 0
    for name, crop in crops.CROPS.items():
        out[name] = row[start : start + crop.pixels].reshape(crop.height, crop.width)
        start += crop.pixels
    return out


def test_crops_show_what_they_are_named_after():
    image = np.full((220, 200, 3), 50, np.uint8)
    image[85:95, 65:80] = 250  # the right eye, in the picture's left
    image[145:155, 85:115] = 150
    found = parts(crops.cut(image, face()))
    assert found["eyeRight"].max() > 230 and found["eyeLeft"].max() < 160
    assert 140 < found["mouth"][24, 32] < 160
    assert crops.cut(image, face()).shape == (crops.PIXELS,)


def test_both_eyes_look_alike():
    image = np.random.default_rng(0).integers(0, 255, (220, 200, 3)).astype(np.uint8)
    image = np.maximum(image, image[:, ::-1])
    points = face()
    points[:, 0] -= 0.5  # the middle between pixels
    found = parts(crops.cut(image, points))
    assert np.abs(found["eyeLeft"].astype(int) - found["eyeRight"].astype(int)).mean() < 3


def test_scale_and_roll_change_little():
    rng = np.random.default_rng(1)
    small = rng.integers(0, 255, (28, 25)).astype(np.float32)
    image = np.kron(small, np.ones((8, 8)))[:220, :200]
    image = np.repeat(image[..., None], 3, 2).astype(np.uint8)
    points = face()
    large = np.repeat(np.repeat(image, 3, 0), 3, 1)
    a = crops.cut(image, points).astype(int)
    b = crops.cut(large, (points + [0.5, 0.5, 0]) * 3 - [0.5, 0.5, 0]).astype(int)
    assert np.corrcoef(a, b)[0, 1] > 0.95
    upside = (points * [-1, -1, 1] + [199, 219, 0]).astype(np.float32)
    c = crops.cut(image[::-1, ::-1], upside).astype(int)
    assert np.corrcoef(a, c)[0, 1] > 0.95


def test_a_face_at_the_edge():
    image = np.full((60, 60, 3), 99, np.uint8)
    assert (crops.cut(image, face()) == 99).all()
