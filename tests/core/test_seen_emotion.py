"""The face's emotion over time, the picture that is cut of it, and how it weighs what a voice says."""

from dataclasses import replace

import numpy as np

from faceanim.core.emotion import FACE_LABELS, LABELS
from faceanim.core.style import EmotionStyle
from faceanim.core.take import Take
from faceanim.core.track import Track
from faceanim.features import crops, face_emotion
from faceanim.solve import feelings

HAPPY, SAD = FACE_LABELS.index("happy"), FACE_LABELS.index("sad")


def looks(*parts, sure=0.6):
    """(label index, pictures) one after another as probabilities, 8 a second."""
    rows = [index for index, count in parts for _ in range(count)]
    said = np.full((len(rows), len(FACE_LABELS)), (1 - sure) / (len(FACE_LABELS) - 1))
    said[range(len(rows)), rows] = sure
    return said, np.arange(len(rows)) / 8


def test_one_wrong_picture_among_many_is_passed_over_and_a_change_is_not():
    felt = face_emotion.followed(*looks((HAPPY, 12), (SAD, 1), (HAPPY, 12), (SAD, 24)))
    np.testing.assert_allclose(felt.sum(1), 1)
    assert (felt[:24].argmax(1) == HAPPY).all()
    assert (felt[28:].argmax(1) == SAD).all()
    # it is as sure as the pictures are, or somewhat more, and never certain
    assert 0.6 < felt[45, SAD] < 0.97


def test_what_a_face_is_taken_for_at_rest_is_no_emotion():
    neutral = FACE_LABELS.index("neutral")
    said = looks((SAD, 4))[0]  # a mouth that hangs
    told = face_emotion.against_rest(said, said, 1.0)
    np.testing.assert_allclose(told.sum(1), 1)
    assert told[0, neutral] > 0.6 and told[0, SAD] < 0.1
    assert face_emotion.against_rest(looks((HAPPY, 1), sure=0.9)[0], said, 1.0)[0, HAPPY] > 0.7
    # a face that is not known to rest is taken for what it shows, and so is one whose rest is plain
    np.testing.assert_allclose(face_emotion.against_rest(said, said, 0.0), said)
    np.testing.assert_allclose(face_emotion.against_rest(said, said[:0], 1.0), said)
    plain = looks((neutral, 4), sure=0.9)[0]
    np.testing.assert_allclose(face_emotion.against_rest(said, plain, 1.0), said)


def test_the_answer_hangs_little_on_the_rate():
    said, times = looks((HAPPY, 16), (SAD, 32))
    often = face_emotion.followed(np.repeat(said, 3, 0), np.arange(len(said) * 3) / 24)
    assert np.abs(often[1::3] - face_emotion.followed(said, times)).mean() < 0.03


def test_where_no_face_was_seen_nothing_is_said():
    said, times = looks((HAPPY, 16))
    values, sure = face_emotion.over_time(said, times, 6.0)
    assert values.shape == (48, len(LABELS)) and values.dtype == np.float32
    assert (sure[:17] == 1).all() and not sure[24:].any() and not values[24:].any()
    np.testing.assert_allclose(values[:17].sum(1), 1, atol=1e-5)
    assert not values[:, LABELS.index("calm")].any()
    none, unsure = face_emotion.over_time(said[:0], times[:0], 1.0)
    assert none.shape == (8, len(LABELS)) and not none.any() and not unsure.any()


def test_arousal_and_valence_follow_the_labels():
    arousal, valence = face_emotion.affect(np.eye(len(LABELS))).T
    assert valence[LABELS.index("happy")] > 0.5 > -0.3 > valence[LABELS.index("sad")]
    assert arousal[LABELS.index("angry")] > 0.7 > 0.4 > arousal[LABELS.index("sad")] >= 0


def test_the_picture_lies_as_those_of_the_training():
    """Eyes and chin where the mesh finds them in FER2013's pictures, in the median: 18.6 and 47.6 of 48 pixels."""
    image = np.full((400, 400, 3), 90, np.uint8)
    points = np.zeros((478, 3), np.float32)
    # a unit of 60 pixels, the middle of nose root, tip and mouth corners at (200, 220)
    steady = list(crops.STEADY)
    points[steady] = [[140, 180, 0], [260, 180, 0]] * 9 + [[200, 180, 0]]
    points[[33, 263]] = [[140, 180, 0], [260, 180, 0]]
    points[[4, 61, 291]] = [[200, 220, 0], [180, 260, 0], [220, 260, 0]]
    middle = points[[168, 4, 61, 291], :2].mean(0)
    y, x = (int(v) for v in middle[::-1])
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    found = face_emotion.portrait(image, points)
    assert found.shape == (48, 48) and found.dtype == np.uint8
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert abs(row + 0.5 - 30.15) <= 1 and abs(column + 0.5 - 24) <= 1.5


def test_the_face_weighs_what_a_voice_says():
    def take(shown: str | None, voice: str = "angry", sure: float = 1.0) -> Take:
        said = np.zeros((100, len(LABELS)), np.float32)
        said[:, LABELS.index(voice)], said[:, 0] = 0.6, 0.4
        emotions = {"speech_emotion": Track.of(25, LABELS, said)}
        if shown:
            seen = np.zeros((32, len(LABELS)), np.float32)
            seen[:, LABELS.index(shown)] = 1
            emotions["face_emotion"] = Track.of(8, LABELS, seen * (sure > 0), sure)
        return Take(30.0, 120, emotions=emotions)

    times = np.arange(1, 3, 0.1)

    def felt(what: Take) -> np.ndarray:
        return feelings.heard(what, EmotionStyle(), times)[0].mean(0)

    plain = felt(take(None))
    agreed, other, unseen = felt(take("angry")), felt(take("happy")), felt(take("happy", sure=0.0))
    angry, happy = LABELS.index("angry"), LABELS.index("happy")
    assert agreed[angry] > plain[angry] + 0.1 and other[angry] < plain[angry] - 0.1 and other[happy] > 0.4
    np.testing.assert_allclose(unseen, plain, atol=1e-6)
    np.testing.assert_allclose(other.sum(), 1, atol=1e-6)
    # a neutral face leaves calm and neutral to the voice
    calm = felt(take("neutral", "calm"))
    assert calm[LABELS.index("calm")] > calm[0]
    # and a face alone makes nobody feel
    alone = replace(take("happy"), emotions={"face_emotion": take("happy").emotions["face_emotion"]})
    assert not feelings.heard(alone, EmotionStyle(), times)[1].any()
