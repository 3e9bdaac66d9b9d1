"""What the turns of the head make of what is read is told apart from what the face does."""

import numpy as np

from faceanim.solve.expression import EXPRESSION
from faceanim.solve.turning import unturned

BROW, JAW = EXPRESSION.index("browInnerUp"), EXPRESSION.index("jawOpen")
FPS = 25.0


def head(*yaws, each=25):
    """(N, 2): the yaw goes from each of these degrees to the next in a second."""
    ways = [np.linspace(a, b, each, endpoint=False) for a, b in zip(yaws, yaws[1:], strict=False)]
    yaw = np.radians(np.concatenate(ways))
    return np.stack([yaw, 0 * yaw], 1)


def read(turn, **channels):
    values = np.zeros((len(turn), len(EXPRESSION)))
    for name, column in channels.items():
        values[:, EXPRESSION.index(name)] = column
    return values, np.arange(len(turn)) / FPS


def test_a_held_expression_does_not_fade_as_the_head_turns():
    turn = head(0, 0, 45, 45, 0, -45, 0)
    faded = 0.8 - 0.3 * np.abs(turn[:, 0]) / np.radians(45)
    values, times = read(turn, browInnerUp=faded)
    brow = unturned(values, turn, times)[:, BROW]
    assert brow.std() < 0.5 * faded.std() and abs(brow[0] - 0.8) < 0.03


def test_what_the_face_does_while_the_head_turns_stays():
    turn = head(0, 40, -40, 0)
    risen = np.clip((np.arange(len(turn)) - 30) / 6, 0, 1) * 0.7  # in a quarter of a second, in the midst of it
    talking = 0.25 + 0.2 * np.sin(2 * np.pi * 4 * np.arange(len(turn)) / FPS)
    values, times = read(turn, browInnerUp=risen, jawOpen=talking)
    out = unturned(values, turn, times)
    assert np.ptp(out[:, BROW]) > 0.6 and np.corrcoef(out[:, BROW], risen)[0, 1] > 0.98
    assert np.corrcoef(out[:, JAW], talking)[0, 1] > 0.99 and out[:, JAW].std() > 0.95 * talking.std()


def test_a_mouth_that_does_not_speak_is_held_like_the_rest():
    turn = head(0, 0, 45, 45, 0, -45, 0)
    faded = 0.8 - 0.3 * np.abs(turn[:, 0]) / np.radians(45)
    talking = 0.25 + 0.2 * np.sin(2 * np.pi * 4 * np.arange(len(turn)) / FPS)
    stretch = EXPRESSION.index("mouthStretchLeft")
    (silent, times), (speaking, _) = (read(turn, mouthStretchLeft=faded, jawOpen=jaw) for jaw in (0.0, talking))
    silent, speaking = (unturned(values, turn, times)[:, stretch] for values in (silent, speaking))
    assert silent.std() < 0.5 * faded.std() < 0.7 * speaking.std()


def test_a_jaw_that_is_held_open_does_not_speak_because_the_head_turns():
    turn = head(0, 0, 45, 0, -45, 0)
    held = (0.45 + 0.35 * np.abs(turn[:, 0]) / np.radians(45)) * (np.arange(len(turn)) > 12)
    values, times = read(turn, jawOpen=held)
    jaw = unturned(values, turn, times)[14:, JAW]
    assert jaw.std() < 0.4 * held[14:].std()


def test_lids_that_seem_to_open_as_the_head_turns_stay_shut_and_a_blink_stays_sharp():
    turn = head(0, 0, 45, 0, 0, 0)
    lid = EXPRESSION.index("eyeBlinkLeft")
    shut = 0.6 - 0.5 * np.exp(-0.5 * ((np.arange(len(turn)) - 50) / 4) ** 2)  # where it is turned most
    blink = np.exp(-0.5 * ((np.arange(len(turn)) - 50) / 2) ** 2)
    values, times = read(turn, eyeBlinkLeft=shut)
    assert np.ptp(unturned(values, turn, times)[:, lid]) < 0.1
    values, times = read(turn, eyeBlinkLeft=blink)
    assert np.ptp(unturned(values, turn, times)[:, lid]) > 0.85


def test_coefficients_that_move_together_are_sooner_believed_than_one_alone():
    turn = head(0, 45, 0)
    risen = np.clip((np.arange(len(turn)) - 10) / 12, 0, 1) * 0.3  # while it turns
    kept = []
    for names in (["browInnerUp"], [name for name in EXPRESSION if name.startswith(("brow", "eyeWide"))]):
        values, times = read(turn, **dict.fromkeys(names, risen))
        kept.append(np.ptp(unturned(values, turn, times)[:, BROW]) / 0.3)
    assert kept[0] + 0.05 < kept[1] < 1


def test_a_head_that_only_trembles_makes_nothing_of_what_the_face_does():
    turn = head(20, 20, 20, 20) + np.radians(0.2) * np.random.default_rng(0).normal(size=(75, 2))
    risen = np.clip((np.arange(len(turn)) - 30) / 12, 0, 1) * 0.3
    values, times = read(turn, browInnerUp=risen)
    assert np.ptp(unturned(values, turn, times)[:, BROW]) > 0.88 * 0.3


def test_a_face_seen_from_the_front_is_left_as_it_is():
    turn = head(3, -3, 2)
    values, times = read(turn, browInnerUp=np.linspace(0, 1, len(turn)))
    assert (unturned(values, turn, times) == values).all()
    # and pictures that do not follow each other
    turn = head(40, -40)
    values = np.random.default_rng(0).random((len(turn), len(EXPRESSION)))
    assert np.allclose(unturned(values, turn, np.arange(len(turn)) * 1.0), values)
    assert unturned(values[:1], turn[:1], np.zeros(1)).shape == (1, len(EXPRESSION))
