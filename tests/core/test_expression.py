"""From landmarks to layers, on values alone."""

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS
from faceanim.core.face import FaceTrack
from faceanim.errors import FormatError
from faceanim.solve import bridge, expression, gaze, learned, pose
from faceanim.solve.face_model import face_model
from faceanim.solve.lids import lids
from faceanim.solve.measure import NAMES


def rotation(yaw, pitch, roll):
    """R = Ry(yaw) Rz(-roll) Rx(pitch), written out from the convention."""
    y, z, x = yaw, -roll, pitch
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    return ry @ rz @ rx


def landmarks(turns):
    """Landmarks in pixels of the model's rigid points, turned; the other points lie at the head's middle."""
    model = face_model()
    head = np.zeros((478, 3))
    head[model.rigid] = model.rigid_points
    camera = np.stack([head @ rotation(*turn).T for turn in turns])
    return (camera * 120 * [1, -1, -1 / pose.DEPTH] + [320, 240, 0]).astype(np.float32)


def track_of(points, times=None, found=None):
    times = np.arange(len(points)) / 25 if times is None else times
    found = np.ones(len(points), bool) if found is None else found
    return FaceTrack(times, points, found, (640, 480))


def test_the_signs_of_the_head():
    nose, left_ear = np.array([0, 0, 1.0]), np.array([1.0, 0, 0])
    assert (rotation(0.3, 0, 0) @ nose)[0] > 0  # to its own left, which is the picture's right
    assert (rotation(0, 0.3, 0) @ nose)[1] < 0  # nodding down
    assert (rotation(0, 0, 0.3) @ left_ear)[1] < 0  # own left ear down


def test_the_fit_finds_the_turn_of_a_rigid_face():
    rng = np.random.default_rng(0)
    turns = rng.uniform(-1, 1, (50, 3)) * [0.9, 0.6, 0.5]
    fitted = pose.fit(landmarks(turns))
    assert np.abs(pose.angles(fitted.rotation) - turns).max() < 1e-3
    assert fitted.residual.max() < 1e-4
    np.testing.assert_allclose(fitted.scale, 120, rtol=1e-3)
    model = face_model()
    assert np.abs(fitted.points[:, model.rigid] - model.rigid_points).max() < 1e-3


def test_where_the_camera_has_a_face_tells_how_it_is_seen():
    # a head that looks along the camera's axis, from beside it, is seen as if turned: a camera of this focal length
    # (as long as the frame is wide) must find the turn again
    rng = np.random.default_rng(1)
    turns = rng.uniform(-1, 1, (30, 3)) * [0.5, 0.4, 0.4]
    aside = rng.uniform(-0.2, 0.2, (30, 2))
    to_camera = np.stack([-aside[:, 0], aside[:, 1], np.ones(30)], 1)
    seen = []
    for turn, way in zip(turns, to_camera / np.linalg.norm(to_camera, axis=1)[:, None], strict=True):
        axis = np.cross([0, 0, 1], way)
        angle = np.arcsin(np.linalg.norm(axis))
        from_axis = learned.turned((axis / np.linalg.norm(axis) * angle)[None])[0]
        seen.append(from_axis.T @ rotation(*turn))
    points = landmarks(pose.angles(np.array(seen))) + np.pad(aside * 640, ((0, 0), (0, 1)))[:, None]
    fitted = pose.fit(points.astype(np.float32))
    place = pose.place(fitted, fitted.middle - aside * 640, 640)
    again = pose.angles(fitted.rotation @ learned.turned(place[:, :3].astype(float)))
    assert np.abs(again - turns).max() < 0.012
    np.testing.assert_allclose(np.exp(place[:, 3]), fitted.scale / 640, rtol=1e-5)


def test_the_model_is_whole():
    model = face_model()
    assert model.measures == NAMES
    assert (model.mirror[model.mirror] == np.arange(478)).all()
    assert set(model.channels) <= set(CHANNELS)
    assert np.isfinite(model.weights).all() and (model.spread > 0).all()
    assert ((model.reliability >= 0) & (model.reliability <= 1)).all()


def test_layers_have_their_channels_once_and_the_frames_asked_for():
    layers = expression.solve(track_of(landmarks(np.zeros((25, 3)))), 1.0, 60)
    assert set(layers) == {"expression", "gaze", "head"}
    names = [name for track in layers.values() for name in track.channels]
    assert len(names) == len(set(names)) and set(names) <= set(CHANNELS)
    assert all((track.frames, track.fps) == (60, 60) for track in layers.values())
    face = layers["expression"]
    assert face.values.min() >= 0 and face.values.max() <= 1
    assert (face.column("mouthClose") <= face.column("jawOpen") + 1e-6).all()


def test_uneven_frame_times_keep_their_place():
    times = np.array([0.0, 0.04, 0.1, 0.12, 0.2, 0.22, 0.3, 0.34, 0.4])
    yaw = 0.5 * times
    head = expression.solve(track_of(landmarks([(y, 0, 0) for y in yaw]), times), 0.4, 100)["head"]
    np.testing.assert_allclose(head.column("headYaw"), 0.5 * head.times, atol=2e-3)


def test_a_gap_has_no_confidence_and_is_bridged_smoothly():
    found = np.ones(100, bool)
    found[40:50] = False
    yaw = np.where(np.arange(100) < 45, 0.0, 0.4)
    head = expression.solve(track_of(landmarks([(y, 0, 0) for y in yaw]), found=found), 4.0, 50)["head"]
    inside = (head.times > 1.58) & (head.times < 1.98)
    assert head.confidence[inside].max() == 0
    assert head.confidence[head.times < 1.4].min() > 0.9
    value = head.column("headYaw")
    assert np.abs(np.diff(value)).max() < 0.05
    assert abs(value[79] - 0) < 0.01 and abs(value[100] - 0.4) < 0.01


def test_a_long_gap_relaxes_to_neutral_and_a_missing_end_too():
    found = np.ones(200, bool)
    found[50:150] = False
    head = expression.solve(track_of(landmarks([(0.4, 0, 0)] * 200), found=found), 12.0, 50)["head"]
    value = head.column("headYaw")
    assert abs(value[200]) < 1e-3 and abs(value[-1]) < 1e-3 and abs(value[60] - 0.4) < 1e-2
    assert head.confidence[-1, 0] == 0


def test_one_frame_that_leaps_is_left_out():
    turns = np.zeros((50, 3))
    turns[25, 0] = 0.8
    head = expression.solve(track_of(landmarks(turns)), 2.0, 25)["head"]
    assert np.abs(head.column("headYaw")).max() < 0.01
    assert bridge.without_spikes(np.linspace(0, 3, 50)[:, None], np.arange(50) / 25, 0.2).all()


def test_no_face_at_all_is_neutral_without_confidence():
    layers = expression.solve(track_of(landmarks(np.zeros((5, 3))), found=np.zeros(5, bool)), 0.2, 25)
    assert all(not t.values.any() and not t.confidence.any() for t in layers.values())


def test_another_predictor_takes_the_place():
    def smiling(track):
        values = np.zeros((track.frames, len(expression.EXPRESSION)), np.float32)
        values[:, expression.EXPRESSION.index("mouthSmileLeft")] = 0.7
        eyes, head = np.full((track.frames, 4), 0.1, np.float32), np.zeros((track.frames, 3), np.float32)
        sure = (np.ones_like(part) for part in (values, eyes, head))
        return expression.Reading(values, eyes, head, *sure, np.zeros(track.frames, np.float32))

    layers = expression.solve(track_of(landmarks(np.zeros((10, 3)))), 0.4, 25, smiling)
    np.testing.assert_allclose(layers["expression"].column("mouthSmileLeft"), 0.7, atol=1e-6)
    np.testing.assert_allclose(layers["gaze"].column("rightEyePitch"), 0.1, atol=1e-6)


def test_eye_look_follows_the_eyes():
    look = dict(zip(gaze.CHANNELS[4:], gaze.look(np.array([[0.2, -0.3, 0.2, -0.3]]))[0], strict=True))
    assert look["eyeLookOutLeft"] > 0.3 and look["eyeLookInRight"] > 0.3  # to the own left
    assert look["eyeLookUpLeft"] > 0.5 and look["eyeLookUpRight"] > 0.5
    assert look["eyeLookInLeft"] == look["eyeLookOutRight"] == look["eyeLookDownLeft"] == 0


def test_lids():
    rest = (0.11, 0.075, -0.035)
    gap = np.array([0.11, 0.015, 0.11])
    upper = np.array([0.075, -0.01, 0.11])
    lower = np.array([-0.035, -0.025, -0.035])
    blink, wide, squint = lids(gap, upper, lower, rest, np.zeros(3))
    np.testing.assert_allclose(blink, [0, 1, 0], atol=0.02)
    np.testing.assert_allclose(wide, [0, 0, 1], atol=0.02)
    assert squint.max() < 0.1
    looking_down, _, _ = lids(np.array([0.08]), upper[:1], lower[:1], rest, np.ones(1))
    assert looking_down[0] < 0.1


def test_a_face_track_holds_its_shapes():
    with pytest.raises(FormatError):
        FaceTrack(np.zeros(3), np.zeros((3, 478, 3), np.float32), np.ones(3, bool), (4, 4))
    with pytest.raises(FormatError):
        FaceTrack(np.arange(3.0), np.zeros((3, 68, 3), np.float32), np.ones(3, bool), (4, 4))
