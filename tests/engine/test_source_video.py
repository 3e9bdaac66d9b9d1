from fractions import Fraction

import av
import numpy as np
import pytest
from source_media import (
    add_pictures,
    click,
    corners,
    onset,
    quadrants,
    set_display_matrix,
    sound_file,
    speechlike,
    video_file,
)

from faceanim.errors import MediaError
from faceanim.source import audio, video


def ramp(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Pictures that are brighter by the frame."""
    return [np.full((height, width, 3), 20 + 200 * i // count, np.uint8) for i in range(count)]


def even(count: int, fps: float = 30.0) -> list[float]:
    return [i / fps for i in range(count)]


def test_frames_keep_their_own_times(tmp_path):
    times = np.cumsum([0.0, *np.random.default_rng(0).choice([1 / 60, 1 / 30, 1 / 15, 0.25], 50)])
    for name, tolerance in (("v.mp4", 1e-4), ("v.mkv", 1e-3)):
        path = video_file(tmp_path / name, ramp(51), list(times))
        frames = list(video.stream(path))
        np.testing.assert_allclose([f.time for f in frames], times, atol=tolerance)
        levels = [f.image.mean() for f in frames]
        assert np.all(np.diff(levels) > 0), "frames come in the order in which they are shown"


def test_info(tmp_path):
    path = video_file(tmp_path / "v.mp4", ramp(60), even(60))
    info = video.probe(path)
    assert (info.width, info.height, info.frames_estimate) == (64, 48, 60)
    assert info.fps == pytest.approx(30, rel=0.01) and info.seconds == pytest.approx(2.0, abs=0.04) and info.start == 0


@pytest.mark.parametrize(
    ("matrix", "expected", "turned"),
    [
        ((1, 0, 0, 1), "rgbw", False),
        ((0, 1, -1, 0), "brwg", True),  # a phone held upright: a quarter turn clockwise
        ((0, -1, 1, 0), "gwrb", True),
        ((-1, 0, 0, -1), "wbgr", False),
        ((-1, 0, 0, 1), "grwb", False),  # mirrored
        ((0, 1, 1, 0), "rbgw", True),
    ],
)
def test_pictures_are_upright(tmp_path, matrix, expected, turned):
    path = video_file(tmp_path / "v.mp4", [quadrants(96, 64)] * 3, even(3))
    set_display_matrix(path, matrix)
    image = next(video.stream(path)).image
    assert image.shape == ((96, 64, 3) if turned else (64, 96, 3)) and image.flags.c_contiguous
    assert corners(image) == expected
    info = video.probe(path)
    assert (info.height, info.width) == image.shape[:2]


def test_rotation_agrees_with_the_decoder(tmp_path):
    path = video_file(tmp_path / "v.mp4", [quadrants(96, 64)] * 3, even(3))
    set_display_matrix(path, (0, 1, -1, 0))
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
    np.testing.assert_array_equal(next(video.stream(path)).image, turned)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("ten.mp4", "libx264", "yuv420p10le", (64, 48)),
        ("ten.mov", "prores_ks", "yuv422p10le", (64, 48)),
        ("odd.mkv", "ffv1", "bgr0", (101, 67)),
        ("odd.mp4", "libx264", "yuv444p", (101, 67)),
        ("vp9.webm", "libvpx-vp9", "yuv420p", (98, 66)),
        ("grey.mkv", "ffv1", "gray", (64, 48)),
        ("alpha.mkv", "ffv1", "bgra", (64, 48)),
        ("mpeg.mpg", "mpeg1video", "yuv420p", (64, 48)),
    ],
)
def test_kinds_of_pictures(tmp_path, name, codec, pix_fmt, size):
    extra = {"framerate": Fraction(25)} if codec == "mpeg1video" else {}
    with av.open(str(tmp_path / name), "w") as container:
        if codec == "mpeg1video":
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            for _ in range(5):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(quadrants(*size), "rgb24")))
            container.mux(stream.encode(None))
        else:
            add_pictures(container, [quadrants(*size)] * 5, even(5), codec=codec, pix_fmt=pix_fmt, **extra)()
    frames = list(video.stream(tmp_path / name))
    assert len(frames) == 5
    assert frames[0].image.shape == (size[1], size[0], 3) and frames[0].image.dtype == np.uint8
    if pix_fmt != "gray":
        assert corners(frames[2].image) == "rgbw"


def test_bare_frames_without_a_container(tmp_path):
    with av.open(str(tmp_path / "v.h264"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in ramp(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    frames = list(video.stream(tmp_path / "v.h264"))
    np.testing.assert_allclose([f.time for f in frames], np.arange(10) / 25, atol=1e-6)
    assert video.probe(tmp_path / "v.h264").seconds == pytest.approx(0.4, abs=0.05)


def test_high_dynamic_range_does_no_harm(tmp_path):
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9}  # BT.2020, PQ
    path = video_file(tmp_path / "hdr.mp4", [quadrants(64, 48)] * 3, even(3), pix_fmt="yuv420p10le", **tags)
    image = next(video.stream(path)).image
    assert image.shape == (48, 64, 3) and image.std() > 40


def test_pixels_become_square(tmp_path):
    path = video_file(
        tmp_path / "wide.mp4", [quadrants(72, 96)] * 3, even(3), sample_aspect_ratio=Fraction(4, 3)
    )
    assert next(video.stream(path)).image.shape == (96, 96, 3)
    assert video.probe(path).width == 96


def test_delayed_pictures_stand_at_their_time_beside_the_sound(tmp_path):
    path = tmp_path / "v.mp4"
    times = [0.5 + t for t in even(30)]
    video_file(path, ramp(30), times, ("aac", click(2.0, 1.0, 48000), 48000, 0.0), max_b_frames=0)
    assert next(video.stream(path)).time == pytest.approx(0.5, abs=0.001)
    assert video.probe(path).start == pytest.approx(0.5, abs=0.001)
    assert onset(audio.read(path)) == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts"])
def test_a_span_is_a_piece_of_the_whole(tmp_path, name):
    path = video_file(tmp_path / name, ramp(180), even(180), gop_size=48)
    whole = list(video.stream(path))
    for start, end in ((0.0, 1.0), (0.31, 0.5), (3.37, 4.9), (5.5, None)):
        expected = [f for f in whole if f.time >= start - 1e-6 and (end is None or f.time < end - 1e-6)]
        part = list(video.stream(path, start, end))
        assert len(part) == len(expected) > 0
        np.testing.assert_allclose([f.time + start for f in part], [f.time for f in expected], atol=1e-6)
        np.testing.assert_array_equal(part[0].image, expected[0].image)
        np.testing.assert_array_equal(part[-1].image, expected[-1].image)


def test_the_cover_picture_of_a_song_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    video_file(path, ramp(3), even(3), ("aac", speechlike(1.0, 48000)[None], 48000, 0.0))
    assert list(video.stream(path))
    song = tmp_path / "song.mp3"
    with av.open(str(song), "w") as container:
        sound = container.add_stream("libmp3lame", rate=48000)
        picture = container.add_stream("mjpeg", rate=1)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
        container.mux(picture.encode(av.VideoFrame.from_ndarray(quadrants(64, 48), "rgb24")))
        frame = av.AudioFrame.from_ndarray(speechlike(1.0, 48000)[None], "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        container.mux(picture.encode(None))
    assert len(audio.read(song)) > 15000
    with pytest.raises(MediaError, match="cover picture"):
        video.probe(song)


class TestBadInput:
    def test_missing_and_empty(self, tmp_path):
        with pytest.raises(MediaError, match="there is no"):
            video.stream(tmp_path / "v.mp4")
        (tmp_path / "e.mp4").touch()
        with pytest.raises(MediaError, match="empty"):
            video.stream(tmp_path / "e.mp4")
        with pytest.raises(MediaError, match="folder"):
            video.stream(tmp_path)

    def test_text(self, tmp_path):
        (tmp_path / "v.mp4").write_text("This is no video.\n" * 100)
        with pytest.raises(MediaError, match="not a readable"):
            video.stream(tmp_path / "v.mp4")

    def test_no_pictures_in_it(self, tmp_path):
        path = sound_file(tmp_path / "a.m4a", "aac", speechlike(1.0, 48000), 48000)
        with pytest.raises(MediaError, match="no pictures"):
            video.stream(path)

    def test_a_video_track_without_frames(self, tmp_path):
        path = video_file(tmp_path / "v.mkv", ramp(10), even(10))
        data = path.read_bytes()
        path.write_bytes(data[: data.index(bytes.fromhex("1F43B675"))])  # up to the first cluster
        with pytest.raises(MediaError, match="without a frame|not a readable|no pictures"):
            list(video.stream(path))

    def test_garbage_for_frames(self, tmp_path):
        path = video_file(tmp_path / "v.mp4", ramp(10), even(10))
        data = bytearray(path.read_bytes())
        place = data.index(b"mdat") + 4
        size = int.from_bytes(data[place - 8 : place - 4], "big") - 8
        data[place : place + size] = np.random.default_rng(0).bytes(size)
        path.write_bytes(data)
        with pytest.raises(MediaError):
            list(video.stream(path))

    def test_no_index(self, tmp_path):
        path = video_file(tmp_path / "v.mp4", ramp(30), even(30))
        path.write_bytes(path.read_bytes()[:700])
        with pytest.raises(MediaError, match=r"truncated: its index \(moov\) is missing"):
            video.stream(path)

    def test_cut_in_the_middle_gives_what_is_there_and_tells(self, tmp_path):
        noise = np.random.default_rng(0).integers(0, 255, (120, 48, 64, 3), np.uint8)
        path = tmp_path / "v.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            add_pictures(container, list(noise), even(120))()
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        stream = video.stream(path)
        frames = list(stream)
        assert 30 < len(frames) < 90
        assert stream.quality["video_missing_s"] > 1

    def test_nothing_after_the_end(self, tmp_path):
        path = video_file(tmp_path / "v.mp4", ramp(30), even(30))
        with pytest.raises(MediaError, match="end at 1.00 s"):
            list(video.stream(path, 5.0))


def test_real_videos(data):
    import csv

    for folder in ("video", "video_speech"):
        for row in csv.DictReader((data / folder / "index.csv").open()):
            stream = video.stream(data / folder / row["path"], end=2.0)
            info = stream.info
            assert (info.width, info.height) == (int(row["width"]), int(row["height"])), row["path"]
            assert info.fps == pytest.approx(float(row["fps"]), rel=0.01)
            assert info.frames_estimate == pytest.approx(int(row["frames"]), abs=2)
            frames = list(stream)
            assert len(frames) == round(2 * info.fps) and frames[0].time == pytest.approx(0, abs=0.001)
            path = data / folder / row["path"]
            if row["audio"] == "none":
                with pytest.raises(MediaError, match="no sound"):
                    audio.read(path)
                continue
            listened = audio.stream(path)
            sound = np.concatenate(list(listened))
            assert len(sound) / 16000 == pytest.approx(float(row["seconds"]), abs=0.1)
            if row["audio_rms_dbfs"]:
                assert listened.quality["audio_rms_dbfs"] == pytest.approx(float(row["audio_rms_dbfs"]), abs=3.5)
            if row.get("audio_path"):
                flac = audio.read(data / folder / row["audio_path"])
                n = min(len(flac), len(sound))
                lag = np.correlate(sound[800 : n - 800], flac[:n], "full").argmax() - (n - 1)
                assert abs(abs(lag) - 800) < 80, "sound and picture begin together within 5 ms"


def test_memory_does_not_grow_with_the_length(tmp_path):
    resource = pytest.importorskip("resource")
    path = video_file(tmp_path / "v.mp4", [quadrants(640, 360, i % 200) for i in range(240)], even(240))
    stream = video.stream(path)
    for _ in range(40):
        next(stream)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in stream) == 200
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 30  # the frames are 140 MB
