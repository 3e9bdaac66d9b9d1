import struct

import numpy as np
import pytest
from source_media import click, onset, quadrants, sound_file, speechlike, video_file

from faceanim.errors import MediaError
from faceanim.source import audio

RATE = 16000

KINDS = [
    ("a.mp4", "aac", 48000), ("a.m4a", "aac", 44100), ("a.mov", "alac", 48000), ("a.mkv", "libopus", 48000),
    ("a.webm", "libopus", 48000), ("a.ogg", "libopus", 48000), ("a.mp3", "libmp3lame", 44100),
    ("a.flac", "flac", 96000), ("a.wav", "pcm_s16le", 8000), ("b.wav", "pcm_s24le", 96000), ("a.mkv", "aac", 48000),
    ("c.wav", "pcm_f32le", 22050),
]  # fmt: skip
DELAYED = [kind for kind in KINDS if kind[0].endswith(("mp4", "m4a", "mov", "mkv", "webm"))]


@pytest.mark.parametrize(("name", "codec", "rate"), KINDS)
def test_a_click_stands_at_its_time_whatever_the_codec_puts_before_it(tmp_path, name, codec, rate):
    path = sound_file(tmp_path / name, codec, click(3.0, 1.2345, rate), rate)
    sound = audio.read(path)
    assert sound.dtype == np.float32 and sound.ndim == 1
    assert abs(onset(sound) - 1.2345) < 0.002
    assert abs(len(sound) / RATE - 3.0) < 0.03
    info = audio.probe(path)
    assert (info.rate, info.channels) == (rate, 2)
    assert abs(info.seconds - 3.0) < 0.03 and abs(info.start) < 0.001


@pytest.mark.parametrize(("name", "codec", "rate"), DELAYED)
def test_a_delay_in_the_container_is_silence(tmp_path, name, codec, rate):
    path = sound_file(tmp_path / name, codec, click(2.0, 1.0, rate), rate, delay=0.2)
    sound = audio.read(path)
    assert abs(onset(sound) - 1.2) < 0.005
    assert np.abs(sound[: int(0.17 * RATE)]).max() == 0
    assert abs(audio.probe(path).seconds - 2.2) < 0.03


def test_sound_and_pictures_share_the_clock(tmp_path):
    images = [quadrants(64, 48)] * 60
    times = [i / 30 for i in range(60)]
    for name, codec in (("v.mp4", "aac"), ("v.mkv", "aac"), ("v.ts", "aac")):
        sound = (codec, click(1.5, 0.7, 48000), 48000, 0.2)
        path = video_file(tmp_path / name, images, times, sound, max_b_frames=0)
        assert abs(onset(audio.read(path)) - 0.9) < 0.005, name


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mkv", "libopus"), ("a.flac", "flac"), ("a.mp3", "libmp3lame"), ("a.wav", "pcm_s16le"),
     ("a.ogg", "libopus")],
)  # fmt: skip
def test_a_span_is_a_piece_of_the_whole(tmp_path, name, codec):
    path = sound_file(tmp_path / name, codec, speechlike(14.0, 48000), 48000)
    whole = audio.read(path)
    for start, end in ((0.0, 2.0), (1.25, 1.5), (7.3, 9.1), (12.0, 13.9)):
        part = audio.read(path, start=start, end=end)
        assert len(part) == round((end - start) * RATE)
        # Matroska rounds its timestamps to 1 ms (16 samples)
        first = round(start * RATE) + 100
        fits = [np.corrcoef(part[100:-100], whole[first + lag :][: len(part) - 200])[0, 1] for lag in range(-18, 19)]
        assert max(fits) > 0.98, (name, start)
        assert name.endswith("mkv") or fits.index(max(fits)) == 18


def test_blocks_have_the_asked_length(tmp_path):
    path = sound_file(tmp_path / "a.wav", "pcm_s16le", speechlike(3.3, 44100), 44100)
    blocks = list(audio.stream(path, block_s=0.5))
    assert [len(b) for b in blocks] == [8000] * 6 + [4800]
    np.testing.assert_array_equal(np.concatenate(blocks), audio.read(path))
    assert len(audio.read(path, rate=48000)) == pytest.approx(3.3 * 48000, abs=2)


def test_level_is_kept_and_an_empty_side_does_not_halve_it(tmp_path):
    voice = speechlike(4.0, 16000)
    level = voice.std()
    silent = np.zeros_like(voice)
    for name, sides in {
        "both": (voice, voice), "left": (voice, silent), "right": (silent, voice), "faint": (voice, voice * 1e-3),
        "inverted": (voice, -voice),
    }.items():  # fmt: skip
        path = sound_file(tmp_path / f"{name}.wav", "pcm_f32le", np.stack(sides), 16000)
        assert audio.read(path).std() == pytest.approx(level, rel=0.02), name


def test_two_speakers_on_two_sides_are_both_heard(tmp_path):
    one, two = speechlike(4.0, 16000, 1), speechlike(4.0, 16000, 2)
    path = sound_file(tmp_path / "two.wav", "pcm_f32le", np.stack([one, two]), 16000)
    sound = audio.read(path)
    assert np.corrcoef(sound, one)[0, 1] > 0.6 and np.corrcoef(sound, two)[0, 1] > 0.6


def test_a_side_that_starts_late_is_heard(tmp_path):
    voice = speechlike(4.0, 16000)
    late = np.where(np.arange(len(voice)) < 32000, 0, voice).astype(np.float32)
    path = sound_file(tmp_path / "late.wav", "pcm_f32le", np.stack([np.zeros_like(late), late]), 16000)
    assert audio.read(path)[33000:].std() == pytest.approx(voice[33000:].std(), rel=0.02)


def test_surround(tmp_path):
    voice = speechlike(2.0, 48000)
    sides = np.zeros((6, len(voice)), np.float32)
    sides[2] = voice  # the voice of a film is in the centre
    path = sound_file(tmp_path / "film.mka", "flac", sides, 48000, layout="5.1")
    assert audio.read(path, rate=48000).std() == pytest.approx(voice.std(), rel=0.02)


def test_many_channels_without_a_layout(tmp_path):
    voice = (speechlike(0.5, 16000) * 32767).astype("<i2")
    for count in (3, 9, 16):
        data = np.repeat(voice, count).tobytes()
        numbers = 16, 1, count, 16000, 32000 * count, 2 * count, 16
        head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", *numbers)
        (tmp_path / "many.wav").write_bytes(head + b"data" + struct.pack("<I", len(data)) + data)
        np.testing.assert_allclose(audio.read(tmp_path / "many.wav"), voice / 32768, atol=1e-4)


def test_a_gap_in_the_sound_is_silence(tmp_path):
    import av
    from source_media import add_sound

    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as container:
        stream_feed = add_sound(container, "pcm_s16le", click(1.0, 0.5, 16000, 1), 16000)
        stream_feed()
        stream = container.streams.audio[0]
        for packet_time in (3.0, 4.0):  # one second of sound, two of nothing, two clicks
            packet = av.Packet((click(0.5, 0.0, 16000, 1)[0] * 32767).astype("<i2").tobytes())
            packet.stream, packet.pts, packet.dts = stream, round(packet_time * 1000), round(packet_time * 1000)
            packet.time_base = stream.time_base
            container.mux(packet)
    sound = audio.read(path)
    assert abs(onset(sound[2 * RATE :]) - 1.0) < 0.002
    assert abs(onset(sound[int(3.5 * RATE) :]) - 0.5) < 0.002
    assert np.abs(sound[int(1.05 * RATE) : int(2.95 * RATE)]).max() == 0


def test_very_short_sound(tmp_path):
    for name, codec in (("s.wav", "pcm_s16le"), ("s.m4a", "aac"), ("s.flac", "flac")):
        path = sound_file(tmp_path / name, codec, speechlike(0.05, 48000), 48000)
        assert len(audio.read(path)) == pytest.approx(800, abs=350), name


def test_silence_is_read_and_told(tmp_path):
    path = sound_file(tmp_path / "silent.wav", "pcm_s16le", np.zeros((1, 16000), np.float32), 16000)
    stream = audio.stream(path)
    assert np.abs(np.concatenate(list(stream))).max() == 0
    assert stream.quality["audio_rms_dbfs"] == -120 and stream.quality["audio_seconds"] == 1


@pytest.mark.parametrize("name", ["with space.wav", "-dash.wav", "ünï 日本.wav", "a:b.wav", "per%03d.wav", "#1.wav"])
def test_odd_names(tmp_path, name, monkeypatch):
    sound_file(tmp_path / "plain.wav", "pcm_s16le", speechlike(0.5, 16000), 16000).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(audio.read(name)) == 8000


class TestBadInput:
    def test_missing(self, tmp_path):
        (tmp_path / "voice.mp3").touch()
        with pytest.raises(MediaError, match="there is no") as error:
            audio.stream(tmp_path / "voice.wav")
        assert "voice.mp3" in error.value.hint

    def test_empty(self, tmp_path):
        (tmp_path / "a.wav").touch()
        with pytest.raises(MediaError, match="empty"):
            audio.stream(tmp_path / "a.wav")

    @pytest.mark.parametrize("name", ["a.wav", "a.mp4", "a.mp3", "a.ogg", "a.txt"])
    def test_text(self, tmp_path, name):
        (tmp_path / name).write_text("This is no sound.\n" * 200)
        with pytest.raises(MediaError) as error:
            audio.read(tmp_path / name)
        assert error.value.hint

    def test_no_sound_in_it(self, tmp_path):
        path = video_file(tmp_path / "v.mp4", [quadrants(64, 48)] * 5, [i / 30 for i in range(5)])
        with pytest.raises(MediaError, match="no sound"):
            audio.read(path)

    def test_no_index(self, tmp_path):
        path = sound_file(tmp_path / "a.mp4", "aac", speechlike(2.0, 48000), 48000)
        path.write_bytes(path.read_bytes()[:4000])
        with pytest.raises(MediaError, match="truncated"):
            audio.read(path)

    @pytest.mark.parametrize("name, codec", [("a.flac", "flac"), ("a.mkv", "libopus"), ("a.wav", "pcm_s16le")])
    def test_cut_in_the_middle_gives_what_is_there_and_tells(self, tmp_path, name, codec):
        path = sound_file(tmp_path / name, codec, speechlike(8.0, 48000), 48000)
        whole = audio.read(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        stream = audio.stream(path)
        half = np.concatenate(list(stream))
        assert 0.3 * len(whole) < len(half) < 0.7 * len(whole)
        assert np.corrcoef(half[:40000], whole[:40000])[0, 1] > 0.999
        assert stream.quality.get("audio_missing_s", 0) > 3 or name == "a.wav"

    def test_damaged_in_the_middle(self, tmp_path):
        path = sound_file(tmp_path / "a.m4a", "aac", speechlike(8.0, 48000), 48000)
        data = bytearray(path.read_bytes())
        place = data.index(b"mdat") + 4 + 60000
        data[place : place + 3000] = np.random.default_rng(0).bytes(3000)
        path.write_bytes(data)
        sound = audio.read(path)
        assert abs(len(sound) / RATE - 8.0) < 0.1

    def test_nothing_after_the_end(self, tmp_path):
        path = sound_file(tmp_path / "a.wav", "pcm_s16le", speechlike(1.0, 16000), 16000)
        with pytest.raises(MediaError, match="ends at 1.00 s"):
            audio.read(path, start=2.0)

    def test_a_playlist_reaches_no_other_place(self, tmp_path):
        (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
        with pytest.raises(MediaError):
            audio.read(tmp_path / "a.m3u8")


def test_memory_does_not_grow_with_the_length(tmp_path):
    resource = pytest.importorskip("resource")

    path = tmp_path / "long.flac"
    import av
    from source_media import add_sound

    with av.open(str(path), "w") as container:
        add_sound(container, "flac", np.tile(speechlike(20.0, 16000), 30)[None], 16000)()
    for _ in audio.stream(path, end=30.0):
        pass
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(block) for block in audio.stream(path)) == 600 * RATE
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 20  # the sound itself is 38 MB


def test_real_speech(data):
    for name in ("ravdess", "emodb"):
        path = sorted((data / name).rglob("*.ogg" if name == "ravdess" else "*.flac"))[0]
        stream = audio.stream(path)
        sound = np.concatenate(list(stream))
        assert abs(len(sound) / RATE - stream.info.seconds) < 0.02
        assert -60 < stream.quality["audio_rms_dbfs"] < -10
