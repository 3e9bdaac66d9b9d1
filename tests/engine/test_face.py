"""The landmarker and the solver on real videos."""

from itertools import count
from types import SimpleNamespace

import made_media as media
import numpy as np
import pytest

from faceanim.core.clip import Clip
from faceanim.core.files import PRESETS
from faceanim.engine import watching
from faceanim.engine.analysis import analyze
from faceanim.errors import FaceanimError, MediaError
from faceanim.features import face, looker
from faceanim.solve import expression, pose
from faceanim.source import video

pytest.importorskip("mediapipe")


@pytest.fixture(scope="module")
def man(data):
    """Every frame of a man who looks to his sides and smiles."""
    return list(video.stream(data / "video" / "d0.mp4"))


@pytest.fixture(scope="module")
def woman(data):
    return list(video.stream(data / "video" / "d3.mp4", end=1.0))


def open_bundled(monkeypatch, **options):
    monkeypatch.delenv(face.TASK_VARIABLE, raising=False)
    try:
        return face.open_landmarker(**options)
    except FaceanimError as error:
        pytest.skip(error.message)


def frames(images, fps=25):
    return [SimpleNamespace(time=i / fps, image=image) for i, image in zip(count(), images)]


@pytest.fixture()
def solved(man, monkeypatch):
    with open_bundled(monkeypatch) as landmarker:
        track = face.follow(man, landmarker)
    return track, expression.solve(track, 3.12, 60)


def at(track, time):
    return dict(zip(track.channels, track.at(np.array([time]))[0][0], strict=True))


def test_smile_and_gaze_of_a_real_face(solved):
    track, layers = solved
    assert track.found.all() and track.faces == 1 and track.size == (512, 512)
    face_rest, face_smile = at(layers["expression"], 0.2), at(layers["expression"], 1.7)
    for side in ("Left", "Right"):
        assert face_rest[f"mouthSmile{side}"] < 0.15 < 0.5 < face_smile[f"mouthSmile{side}"]
        assert face_rest[f"eyeBlink{side}"] < 0.2
    # at 0.56 s he looks to the picture's right, his own left; at 1.4 s to the other side
    assert at(layers["gaze"], 0.56)["leftEyeYaw"] > np.radians(8)
    assert at(layers["gaze"], 1.4)["leftEyeYaw"] < np.radians(-8)
    assert np.abs(layers["head"].column("headYaw")).max() < np.radians(6)
    assert layers["head"].confidence.mean() > 0.8


def test_large_eyes_are_not_wide_ones():
    """The demo's head, that opens its eyes wide at 6.2 s; before, it says what it says."""
    take = analyze(Clip(video=PRESETS / "demo" / "face.mp4"))
    wide = take.layers["expression"].column("eyeWideLeft")
    usual, at = np.median(wide), int(6.2 * take.fps)
    assert usual < 0.15 < 0.4 < wide[at - 3 : at + 4].mean() and np.mean(wide > 0.3) < 0.3
    # nor is she surprised all along
    assert take.emotions["face_emotion"].column("neutral").mean() > 0.6


def test_a_mirrored_picture_swaps_the_sides(woman, monkeypatch):
    both = []
    for flip in (1, -1):
        with open_bundled(monkeypatch, faces=1) as landmarker:
            track = face.follow(frames([f.image[:, ::flip] for f in woman]), landmarker)
        both.append(expression.solve(track, 1.0, 30))
    one, other = both
    np.testing.assert_allclose(one["head"].column("headYaw"), -other["head"].column("headYaw"), atol=np.radians(3))
    np.testing.assert_allclose(one["head"].column("headPitch"), other["head"].column("headPitch"), atol=np.radians(3))
    for name, swapped in (("eyeBlinkLeft", "eyeBlinkRight"), ("mouthSmileLeft", "mouthSmileRight")):
        left, right = one["expression"].column(name), other["expression"].column(swapped)
        assert np.abs(left - right).mean() < 0.12, name


def test_a_wink_shuts_the_right_eye_only(data, monkeypatch):
    with open_bundled(monkeypatch) as landmarker:
        track = face.follow(video.stream(data / "video" / "d3.mp4", end=4.0), landmarker)
    wink = at(expression.solve(track, 4.0, 60)["expression"], 1.07)
    assert wink["eyeBlinkRight"] > wink["eyeBlinkLeft"] + 0.3


def test_the_lips_open_as_tracked(data, monkeypatch):
    known = np.load(data / "video_speech" / "tracks.npz")
    for name in ("grid_sbia1a", "grid_sbwe5n"):
        k = [str(n) for n in known["clips"]].index(name)
        gap = known["gap"][known["offsets"][k] : known["offsets"][k + 1]]
        with open_bundled(monkeypatch) as landmarker:
            track = face.follow(video.stream(data / "video_speech" / f"{name}.mpg"), landmarker)
        jaw = expression.solve(track, len(gap) / 25, 25)["expression"].column("jawOpen")[: len(gap)]
        fine = np.isfinite(gap)
        assert np.corrcoef(jaw[fine], gap[fine])[0, 1] > 0.85


def test_the_task_file_gives_the_same_points_and_blendshapes(man, data, monkeypatch):
    few = man[:10]
    with face.open_landmarker(data / "mediapipe" / "face_landmarker.task") as landmarker:
        task = face.follow(few, landmarker)
    assert task.blendshapes.shape == (10, 52) and task.found.all()
    with open_bundled(monkeypatch) as landmarker:
        bundled = face.follow(few, landmarker)
    assert bundled.blendshapes is None
    assert np.abs(task.points - bundled.points)[..., :2].mean() < 3.0


def test_frames_without_a_face_keep_their_time(man, monkeypatch):
    images = [f.image for f in man[:60]]
    images[20:40] = [np.full_like(images[0], 90)] * 20
    with open_bundled(monkeypatch) as landmarker:
        track = face.follow(frames(images), landmarker)
    assert not track.found[20:40].any() and track.found[:20].all() and track.found[42:].all()
    face_track = expression.solve(track, 60 / 25, 50)["expression"]
    assert face_track.confidence[42:78].max() == 0
    assert np.isfinite(face_track.values).all()


def test_what_is_seen_in_the_crops_stands_beside_them(man, monkeypatch):
    images = [f.image for f in man[:60]]
    images[20] = np.zeros_like(images[20])
    sizes = []

    def look(crops):
        sizes.append(len(crops))
        return crops[:, :7].astype(np.float32)

    with open_bundled(monkeypatch) as landmarker:
        track = face.follow(frames(images), landmarker, crops=True, look=look)
    assert sum(sizes) == track.found.sum() == 59 and max(sizes) == looker.TOGETHER
    np.testing.assert_array_equal(track.views, track.crops[:, :7])
    np.testing.assert_array_equal(track.of(np.arange(5)).views, track.crops[:5, :7])


def test_the_larger_of_two_faces_is_followed(man, woman, monkeypatch):
    canvas = []
    for one, two in zip(woman, man, strict=False):
        image = np.full((512, 800, 3), 120, np.uint8)
        image[:256, :256] = one.image[::2, ::2]  # smaller, in the corner
        image[:, 288:] = two.image
        canvas.append(image)
    with open_bundled(monkeypatch) as landmarker:
        track = face.follow(frames(canvas, 15), landmarker)
    assert track.faces == 2
    assert track.found.all() and (track.points[:, 1, 0] > 400).all()
    # the one that was pointed at
    with open_bundled(monkeypatch, point=(0.2, 0.3)) as landmarker:
        track = face.follow(frames(canvas, 15), landmarker)
    assert (track.points[track.found][:, 1, 0] < 256).all() and track.found.mean() > 0.9
    # and the smaller one, where the larger comes later
    with open_bundled(monkeypatch) as landmarker:
        first = [c.copy() for c in canvas]
        for image in first[:8]:
            image[:, 288:] = 120
        track = face.follow(frames(first, 15), landmarker)
    assert (track.points[track.found][:, 1, 0] < 256).all()


def test_a_cut_to_somebody_else_begins_another_shot(man, woman, monkeypatch):
    with open_bundled(monkeypatch) as landmarker:
        track = face.follow(frames([f.image for f in (*man[:20], *woman[:15])]), landmarker)
    assert track.found.all() and list(track.shot) == [0] * 20 + [1] * 15
    assert [len(rows) for rows in track.shots()] == [20, 15]


def test_what_is_told_of_a_face(man, monkeypatch):
    with open_bundled(monkeypatch) as landmarker:
        track = face.follow(man[:3], landmarker)
    clip, fitted = Clip(video="v.mp4"), pose.fit(track.points)
    assert not list(watching.on_face(track, fitted, clip))
    aside = np.array([[0.5, 0, 0.87], [0, 1, 0], [-0.87, 0, 0.5]])
    for other, told in (
        (fitted._replace(rotation=np.tile(aside, (3, 1, 1))), "from the side (60 degrees)"),
        (fitted._replace(residual=fitted.residual + 0.1), "a person's?"),
    ):
        (note,) = watching.on_face(track, other, clip)
        assert told in note


def test_a_video_on_its_side_is_turned(man, tmp_path, monkeypatch):
    monkeypatch.delenv(face.TASK_VARIABLE, raising=False)
    for turns in (1, 2):
        path = media.pictures([np.rot90(f.image, turns) for f in man[:15]], tmp_path / f"{turns}.mp4")
        track, quality, notes = watching.followed(Clip(video=path), 0.6, lambda *_: None)
        assert quality["turned_degrees"] == 360 - 90 * turns and notes
        assert np.abs(pose.angles(pose.fit(track.points).rotation)).max() < np.radians(15)


def test_a_video_without_a_face_says_so(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, (10, 240, 320, 3), np.uint8)
    with open_bundled(monkeypatch) as landmarker, pytest.raises(MediaError) as error:
        face.follow(frames(noise), landmarker)
    assert "no face" in error.value.message and error.value.hint
    with open_bundled(monkeypatch) as landmarker, pytest.raises(MediaError):
        face.follow([], landmarker)


def test_errors_of_the_source_and_cancelling_come_through(man, monkeypatch):
    def broken():
        yield from man[:3]
        raise MediaError("the file ends here")

    with open_bundled(monkeypatch) as landmarker, pytest.raises(MediaError, match="ends here"):
        face.follow(broken(), landmarker)

    class Stop(Exception):
        pass

    def stop(fraction, stage):
        raise Stop

    with open_bundled(monkeypatch) as landmarker, pytest.raises(Stop):
        face.follow(iter(man), landmarker, 3.0, stop)


def test_a_bad_task_file_is_told(tmp_path):
    with pytest.raises(MediaError):
        face.open_landmarker(tmp_path / "missing.task")
    bad = tmp_path / "bad.task"
    bad.write_bytes(b"not a model" * 100)
    with pytest.raises(MediaError) as error:
        face.open_landmarker(bad)
    assert error.value.hint


def test_the_landmarker_keeps_stderr_clean(man, monkeypatch, capfd):
    with open_bundled(monkeypatch) as landmarker:
        face.follow(man[:5], landmarker)
    assert capfd.readouterr().err == ""
