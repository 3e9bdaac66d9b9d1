"""The face network's part that needs no torch."""

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS
from faceanim.core.face import FaceTrack, Reader, Seen
from faceanim.features import crops
from faceanim.solve import expression, learned, mouth_width, pose
from faceanim.solve.expression import EXPRESSION
from faceanim.solve.face_model import face_model

PUFF = EXPRESSION.index("cheekPuff")
BLINK = EXPRESSION.index("eyeBlinkLeft")
IRISES = {473: (263, 362), 468: (33, 133)}
"""The left and the right eye's middle, between its corners."""
LIDS = ([385, 386, 387], [380, 374, 373]), ([160, 159, 158], [144, 145, 153])
"""Upper and lower, of either eye."""


def face_track(frames, brightness):
    """A face that looks into the camera; its crops are as bright as given (N,)."""
    model = face_model()
    head = np.zeros((478, 3))
    head[model.rigid] = model.rigid_points
    for side, corners in zip((1, -1), (mouth_width.LEFT, mouth_width.RIGHT), strict=True):
        head[corners] = [[side * 0.25, -0.65, 0.2], [side * 0.3, -0.65, 0.2]]
    for iris, around in IRISES.items():
        head[iris] = head[list(around)].mean(0)
    points = np.repeat((head * 120 * [1, -1, -1 / pose.DEPTH] + [320, 240, 0])[None], frames, 0).astype(np.float32)
    cut = np.repeat(np.asarray(brightness, np.uint8)[:, None], crops.PIXELS, 1)
    return FaceTrack(np.arange(frames) / 25, points, np.ones(frames, bool), (640, 480), crops=cut)


def bright_cheeks(turn=(0.0, 0.0, 0.0)):
    """A network that takes brightness for puffed cheeks, and a rest's brightness from it."""

    def read(frames, view, rest):
        values = np.zeros((len(view), len(learned.OUTPUTS)), np.float32)
        values[:, PUFF] = view[:, 0] - (0 if rest is None else rest.view[0])
        values[:, learned.TURN] = turn
        return values, np.full_like(values, 0.1)

    seen = lambda cut: cut[:, :2].astype(np.float32) / 255  # noqa: E731
    return Reader(seen, seen, 2, read, np.full(len(learned.OUTPUTS), 0.3))


def at_rest(values, frames):
    count = len(values)
    return learned.resting(values, frames, np.zeros(count), np.arange(count) / 25)


def test_the_outputs_are_channels_and_a_turn():
    told = learned.OUTPUTS[: learned.LOOK.stop]
    assert set(told) <= set(CHANNELS) and learned.OUTPUTS[-3:] == ("turnX", "turnY", "turnZ")
    assert learned.OUTPUTS[learned.HIDDEN] == learned.COVERED and len(told) + 6 == len(learned.OUTPUTS)
    # weights that do not tell of hidden regions
    before = learned.arranged(bright_cheeks(), [name for name in learned.OUTPUTS if name not in learned.COVERED])
    track = face_track(3, np.full(3, 51))
    values, _ = before.read(learned.seen(track)[0], before.view(track.crops), None)
    assert not values[:, learned.HIDDEN].any() and values[:, PUFF] == pytest.approx(0.2)
    assert sorted(sum(expression.REGIONS.values(), [])) == list(range(len(EXPRESSION)))


def test_a_face_is_read_against_its_own_rest():
    brightness = np.full(100, 60)
    brightness[40:60] = 200
    read = learned.predictor(bright_cheeks())(face_track(100, brightness))
    assert read.expression[:, PUFF][:30] == pytest.approx(0, abs=0.02)
    assert read.expression[:, PUFF][48:52] == pytest.approx(140 / 255, abs=0.04)
    # alone, nothing is known of its rest
    alone = learned.predictor(bright_cheeks(), clip=False)(face_track(100, brightness))
    assert alone.expression[:, PUFF][:30] == pytest.approx(60 / 255, abs=0.05)


def track_points(frames):
    return frames.points.mean(0)


def test_a_face_that_never_rests_is_read_without():
    values = np.zeros((50, len(learned.OUTPUTS)), np.float32)
    values[:, expression.LOWER] = 0.2
    track = face_track(50, np.full(50, 100))
    frames, _ = learned.seen(track)
    assert at_rest(values, frames).sure == {"upper": 1, "lower": 0}
    rows, sure = at_rest(values * 0.05, frames)
    assert sure == {"upper": 1, "lower": 1}
    rest = learned.own_rest(rows, frames, np.full((50, 4), 7, np.float32), 2)
    assert rest.points == pytest.approx(track_points(frames)) and (rest.view == 7).all()
    level = learned.levels(values * 0.05, rows)
    assert learned.levelled(values * 0.05, level)[:, learned.FACE] == pytest.approx(0, abs=1e-6)
    # one that shows as much, and far more at other times, is at rest then: it is made so
    values[25:, expression.LOWER] = 1.0
    assert at_rest(values * 0.5, frames).sure == {"upper": 1, "lower": 1}


def test_lids_rest_as_they_usually_are_not_on_their_way_in_a_blink():
    frames = learned.seen(face_track(200, np.full(200, 9)))[0]
    values = np.zeros((200, len(learned.OUTPUTS)), np.float32)
    wide = EXPRESSION.index("eyeWideLeft")
    values[:, wide] = 0.45  # large eyes, that are no wide ones
    on_the_way = np.r_[20:26, 80:110]  # lids in a blink, and above eyes that look down
    values[on_the_way, wide] = 0.0
    values[150:170, wide] = 0.95
    rows = at_rest(values, frames).rows["upper"]
    assert len(rows) == 30 and not set(rows) & {*on_the_way, *range(150, 170)}
    # brows that are seldom at rest still are
    brow = EXPRESSION.index("browInnerUp")
    values[:, brow] = 0.8
    values[180:195, brow] = 0.0
    assert set(at_rest(values, frames).rows["upper"]) == set(range(180, 195))


def test_a_mouth_rests_where_it_stays_with_its_lips_together():
    frames = learned.seen(face_track(100, np.full(100, 9)))[0]
    values = np.zeros((100, len(learned.OUTPUTS)), np.float32)
    smile = [EXPRESSION.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    values[:, smile] = 1.0
    values[10:40, smile] = 0.2  # what a full face seems to do at rest
    values[60:65, smile] = 0.05  # pursed lips, for a moment
    times, parted = np.arange(100) / 25, np.zeros(100)
    assert set(learned.resting(values, frames, parted, times).rows["lower"]) <= set(range(10, 40))
    parted[10:30] = 0.1
    assert set(learned.resting(values, frames, parted, times).rows["lower"]) <= set(range(30, 40))
    # who talks all the time rests where he shows least
    values[10:40, smile] = 0.9
    assert set(learned.resting(values, frames, 0 * parted, times).rows["lower"]) == set(range(60, 65))


def test_noise_is_averaged_and_a_blink_stays():
    values = np.random.default_rng(0).normal(0, 0.02, (200, len(learned.OUTPUTS)))
    values[:, BLINK] = 0
    values[100:104, BLINK] = 1
    out = learned.steady(values, np.full_like(values, 0.1), np.arange(200) / 30)
    brow = EXPRESSION.index("browInnerUp")
    assert out[:, brow].std() < 0.5 * values[:, brow].std() and out[:, PUFF].std() < 0.75 * values[:, PUFF].std()
    assert out[100:104, BLINK] == pytest.approx(1, abs=0.02)
    assert out[[98, 106], BLINK] == pytest.approx(0, abs=0.02)


def test_a_fast_blink_that_is_read_unsurely_keeps_its_depth_and_time():
    values = np.random.default_rng(0).normal(0, 0.004, (100, len(learned.OUTPUTS)))
    deviation = np.full_like(values, 0.05)
    values[50:53, BLINK] += [0.5, 1, 0.5]
    deviation[50:53, BLINK] = 0.3
    out = learned.steady(values, deviation, np.arange(100) / 25)
    assert out[51, BLINK] > 0.97 and out[[49, 53], BLINK] == pytest.approx(0, abs=0.03)
    assert out[:40].std() < 0.35 * values[:40].std()


def test_eyes_that_leap_are_still_between():
    look = np.repeat(np.radians([0.0, 10.0, -8.0, 4.0]), 8)  # a quarter of a second each
    values = np.random.default_rng(0).normal(0, np.radians(1.0), (len(look), len(learned.OUTPUTS)))
    values[:, learned.LOOK] += look[:, None]
    out = learned.steady(values, np.full_like(values, 0.1), np.arange(len(look)) / 30)[:, learned.LOOK]
    off = np.degrees(out - look[:, None]).reshape(4, 8, 4)
    assert np.abs(off.mean(1)).max() < 2.0 and off.std(1).mean() < 0.8


def test_eyes_behind_shut_lids_go_on_to_where_they_come_out():
    times = np.arange(9) / 30
    look = np.array([0.1] * 3 + [-0.5, 0.6, -0.5] + [0.5] * 3)[:, None] * np.ones(4)
    blink = np.array([0, 0, 0.3, 0.9, 1.0, 0.9, 0.2, 0, 0])
    told = learned.behind_lids(look, blink, times)
    np.testing.assert_allclose(told[3:6, 0], [0.2, 0.3, 0.4], atol=1e-6)
    np.testing.assert_array_equal(told[blink < 0.5], look[blink < 0.5])
    np.testing.assert_array_equal(learned.behind_lids(look, np.ones(9), times), look)
    # pictures of a person that do not follow each other
    np.testing.assert_array_equal(learned.behind_lids(look, blink, np.arange(9.0)), look)


def test_lips_that_tremble_are_still_and_the_openings_of_fast_speech_stay():
    times = np.arange(200) / 25
    parted = np.random.default_rng(0).normal(0.01, 0.002, 200)
    assert learned.still(parted, times).std() < 0.5 * parted.std()
    parted[50:150:4] += 0.15  # a syllable, and one frame of it widest
    parted[51:150:4] += 0.07
    told = learned.still(parted, times)
    assert told[50:150:4].mean() > 0.97 * parted[50:150:4].mean()
    assert told[52:150:4].mean() < 0.015


def test_a_wink_lasts_and_a_lid_that_leads_for_a_frame_is_no_wink():
    lids = np.zeros((60, 2))
    lids[10:13] = [[0.2, 0.9], [1, 1], [0.9, 0.3]]
    lids[30:45, 0] = 0.9
    out = learned.winking(lids, np.arange(60) / 30)
    assert out[10:13] == pytest.approx(np.repeat(lids[10:13].mean(1)[:, None], 2, 1))
    assert out[33:42] == pytest.approx(lids[33:42])
    assert learned.winking(lids[:1], np.zeros(1)) == pytest.approx(lids[:1])


def test_the_lids_gap_counts_where_the_network_is_unsure():
    """Of a wink, which it saw seldom, it tells half with a deviation of 0.3; the gap between the lids tells all."""
    deviation = np.full((3, len(learned.EXPRESSION)), 0.02)
    deviation[1] = 0.3
    count = learned.measures_count(deviation, np.radians([[0.0], [5.0], [40.0]]))
    blink, brow, funnel = (learned.EXPRESSION.index(n) for n in ("eyeBlinkLeft", "browInnerUp", "mouthFunnel"))
    assert count[0, blink] == count[0, brow] == count[1, brow] == 0.4 and count[1, blink] > 0.65
    assert (count[:, funnel] == 0).all() and (count[2] == 0).all()


def test_the_turn_corrects_the_head():
    straight = learned.predictor(bright_cheeks())(face_track(5, np.full(5, 9)))
    turned = learned.predictor(bright_cheeks((0.0, 0.2, 0.0)))(face_track(5, np.full(5, 9)))
    assert turned.head - straight.head == pytest.approx(np.tile([0.2, 0, 0], (5, 1)), abs=1e-3)
    matrices = learned.turned(np.array([[0, 0, 0], [np.pi / 2, 0, 0]]))
    assert matrices[0] == pytest.approx(np.eye(3)) and matrices[1] @ [0, 1, 0] == pytest.approx([0, 0, 1])


def test_what_is_seen_badly_is_seen_all_the_same():
    values = np.zeros((1, len(learned.OUTPUTS)))
    fitted = learned.seen(face_track(1, np.full(1, 9)))[1]
    spread, apart = np.full(len(learned.OUTPUTS), 0.3), np.zeros(1)
    found = learned.reading(values, np.full_like(values, 9.0), spread, fitted, apart)
    assert found.expression_confidence.min() > 0
    values[:, learned.HIDDEN] = [0, 0, 1]
    found = learned.reading(values, np.full_like(values, 0.1), spread, fitted, apart)
    assert found.expression_confidence[0, PUFF] == 0 < found.expression_confidence[0, BLINK]


def test_lips_that_are_seen_to_meet_close_an_open_jaw():
    jaw, close = EXPRESSION.index("jawOpen"), EXPRESSION.index("mouthClose")
    values = np.zeros((3, len(learned.OUTPUTS)))
    values[:, jaw] = 0.3
    values[2, learned.HIDDEN] = [0, 0, 1]
    fitted = learned.seen(face_track(3, np.full(3, 9)))[1]
    spread = np.full(len(learned.OUTPUTS), 0.3)
    found = learned.reading(values, np.full_like(values, 0.1), spread, fitted, np.array([1.0, 0.0, 1.0])).expression
    assert found[0, close] == pytest.approx(found[0, jaw]) and found[0, jaw] > 0.25
    assert found[1, close] == 0


def test_eyes_that_mostly_look_one_way_look_ahead():
    look = np.zeros((100, 4))
    look[:, 1::2] = 0.1
    look[60:90] += 0.4
    assert learned.looking_ahead(look) == pytest.approx([0, 0.1, 0, 0.1], abs=1e-6)
    assert learned.looking_ahead(2.5 * look)[1] == pytest.approx(learned.AHEAD)
    # who looks about tells nothing, nor do a few frames
    assert not learned.looking_ahead(np.random.default_rng(0).uniform(-0.4, 0.4, (100, 4))).any()
    assert not learned.looking_ahead(look[:20]).any()


def test_the_better_seen_eye_leads():
    look = np.array([[0.2, 0.0, 0.4, 0.1]])
    eyes, _ = learned.both_eyes(look, np.array([[0.01, 0.01, 0.1, 0.1]]), np.ones((1, 4)))
    assert eyes[0, 0] == eyes[0, 2] == pytest.approx(0.202, abs=1e-3)


def test_layers_come_of_it():
    layers = expression.solve(face_track(50, np.full(50, 40)), 2.0, 60, learned.predictor(bright_cheeks()))
    assert set(layers) == {"expression", "gaze", "head"} and layers["expression"].frames == 120
    assert (layers["expression"].column("mouthClose") <= layers["expression"].column("jawOpen") + 1e-6).all()


def test_what_the_network_sees():
    frames, fitted = learned.seen(face_track(3, np.full(3, 7)))
    assert isinstance(frames, Seen) and frames.scores.shape == (3, 52) and not frames.kind.any()
    assert np.abs(frames.pose).max() < 1e-3 and len(fitted.rotation) == 3


def test_a_range_is_widened_half_the_way_to_what_the_landmarks_moved():
    wave = np.sin(np.linspace(0, 6.28, 200))[:, None] ** 2
    facing = np.ones(200, bool)
    values, measures = wave * [0.4, 0.4, 0.4, 0.1], wave * [0.6, 0.2, 0.0, 1.0]
    assert learned.ranging(values, measures, facing) == pytest.approx([np.sqrt(1.5), 1, 1, learned.WIDEST], abs=1e-3)
    # few frames tell nothing
    assert (learned.ranging(values, measures, np.arange(200) < 5) == 1).all()


def test_a_mouth_is_as_wide_as_it_is_seen_to_be():
    at = EXPRESSION.index
    smile, stretch = ([at(f"mouth{name}{side}") for side in ("Left", "Right")] for name in ("Smile", "Stretch"))
    pucker, funnel = at("mouthPucker"), at("mouthFunnel")
    values = np.zeros((6, len(EXPRESSION)), np.float32)
    values[1, stretch], values[2, smile], values[4, [pucker, funnel]] = 0.2, 0.5, 0.3
    values[5] = -0.01
    wider = np.array([-0.2, -0.2, 0.3, 0.0, 0.1, 0.0])
    told = mouth_width.as_wide(values, wider, np.ones(6))
    assert told[0, pucker] == pytest.approx(0.61, abs=0.03) and not told[0, stretch].any()
    # narrower: what stretched goes, and the rest puckers; wider: what puckered goes, then a smile smiles
    assert not told[1, stretch].any() and told[1, pucker] == pytest.approx(told[0, pucker], abs=0.03)
    assert told[2, smile].mean() > 0.75 and 0 < told[2, stretch].mean() < 0.1
    np.testing.assert_allclose(told[3], 0, atol=1e-6)
    assert not told[4, pucker] and told[4, funnel] < 0.05 and told[4, stretch].mean() > 0.05
    np.testing.assert_allclose(told[5], values[5], atol=0.02)
    untold = mouth_width.as_wide(values, wider, np.zeros(6))
    np.testing.assert_array_equal(untold, values)


def test_lips_that_are_drawn_together_pucker():
    """By landmarks, where the network sees nothing, unless something hides them."""
    track = face_track(100, np.full(100, 60))
    track.points[60:80, mouth_width.LEFT, 0] -= 5
    track.points[60:80, mouth_width.RIGHT, 0] += 5
    read = learned.predictor(bright_cheeks())(track)
    pucker = read.expression[:, EXPRESSION.index("mouthPucker")]
    assert pucker[66:74].min() > 0.3 and pucker[:50].max() < 0.02
    hidden = bright_cheeks()

    def covered(frames, view, rest):
        values, deviation = hidden.read(frames, view, rest)
        values[:, learned.HIDDEN] = 1.0
        return values, deviation

    read = learned.predictor(hidden._replace(read=covered))(track)
    assert read.expression[:, EXPRESSION.index("mouthPucker")].max() < 0.02


def test_crossed_eyes_are_told_by_their_irises():
    def turned_in(track, pixels, rows=slice(None)):
        for iris, side, lids in zip(IRISES, (1, -1), LIDS, strict=True):
            for lid, up in zip(lids, (6, -6), strict=True):
                track.points[:, lid] = track.points[:, iris][:, None] - [0, up, 0]
            track.points[rows, iris, 0] -= side * pixels
        return learned.predictor(bright_cheeks())(track).eyes

    apart = turned_in(face_track(60, np.full(60, 60)), 0)
    np.testing.assert_array_equal(apart[:, 0], apart[:, 2])
    a_little = turned_in(face_track(60, np.full(60, 60)), 1)
    np.testing.assert_array_equal(a_little[:, 0], a_little[:, 2])
    crossed = turned_in(face_track(60, np.full(60, 60)), 5)
    inward = np.degrees(crossed[:, 2] - crossed[:, 0])
    assert 20 < inward.min() <= inward.max() < 60 and np.abs(crossed[:, 0] + crossed[:, 2]).max() < 0.01
    # a few frames are no squint, and what is hidden by lids is as it was around
    few = turned_in(face_track(60, np.full(60, 60)), 5, slice(30, 31))
    assert np.degrees(few[:, 2] - few[:, 0]).max() < 10
    values = np.zeros((60, len(learned.OUTPUTS)))
    values[20:30, BLINK] = 0.9
    seen = np.where(np.arange(60) // 10 == 2, 0.0, 0.4)
    told = learned.crossed(values, seen, np.zeros(60), np.arange(60) / 25)
    np.testing.assert_allclose(told, 0.4, atol=1e-6)
    assert not learned.crossed(values, seen, np.ones(60), np.arange(60) / 25).any()


def test_what_is_calmed_can_be_roused():
    values = np.linspace(0, 1, 21)
    assert learned.calmed(np.array([0.03]))[0] < 0.012 and learned.calmed(np.ones(1))[0] == 1
    np.testing.assert_allclose(learned.roused(learned.calmed(values)), values, atol=1e-6)
