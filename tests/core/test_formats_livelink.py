import math

import numpy as np
import pytest

from faceanim.core.channels import ARKIT, CHANNELS, ROTATIONS, mirrored
from faceanim.core.track import Track
from faceanim.errors import FormatError, OutputError
from faceanim.formats import livelink

# The first line of recordings of Epic's app, letter by letter (dwskillman/BlendFiles, MySlate_1_iPhone.csv).
APP_HEADER = (
    "Timecode,BlendshapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)
KEPT = (*ARKIT, *ROTATIONS)


def track(frames: int = 150, fps: float = 60.0) -> Track:
    rng = np.random.default_rng(0)
    values = rng.random((frames, len(CHANNELS)))
    values[:, [name in ROTATIONS for name in CHANNELS]] -= 0.5
    return Track.of(fps, CHANNELS, values)


def test_the_header_is_the_apps(tmp_path):
    livelink.write(track(2), tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_bytes().decode().split("\n")
    assert lines[0] == APP_HEADER
    assert lines[1].startswith("00:00:00:00.000,61,") and lines[2].startswith("00:00:00:01.000,61,")
    assert len(lines) == 4 and lines[3] == ""
    cells = dict(zip(APP_HEADER.split(","), lines[1].split(","), strict=True))
    assert float(cells["JawOpen"]) == pytest.approx(track(2).column("jawOpen")[0], abs=1e-9)
    assert float(cells["HeadYaw"]) == pytest.approx(track(2).column("headYaw")[0], abs=1e-9)
    assert cells["LeftEyeRoll"] == cells["RightEyeRoll"] == "0.0000000000"


@pytest.mark.parametrize("fps", [24, 25, 30, 60000 / 1001, 30000 / 1001, 24000 / 1001, 48, 50, 60, 90, 100, 120, 47.3])
@pytest.mark.parametrize("frames", [130, 1000])
def test_round_trip_and_rate(tmp_path, fps, frames):
    whole = track(frames, fps)
    livelink.write(whole, tmp_path / "a.csv")
    back = livelink.read(tmp_path / "a.csv")
    assert back.fps == pytest.approx(fps, rel=1e-5) and back.frames == frames and back.start == 0
    assert back.channels == KEPT and (back.confidence == 1).all()
    np.testing.assert_allclose(back.values, whole.select(KEPT).values, atol=1e-6)


def test_a_file_too_short_to_tell_its_rate(tmp_path):
    livelink.write(track(20, 30), tmp_path / "a.csv")
    assert livelink.read(tmp_path / "a.csv").fps == 60
    assert livelink.read(tmp_path / "a.csv", fps=30).fps == 30
    livelink.write(track(1), tmp_path / "a.csv")
    assert livelink.read(tmp_path / "a.csv").frames == 1


def test_timecode():
    assert livelink.format_timecode(0, 60) == "00:00:00:00.000"
    assert livelink.format_timecode(1.5, 60) == "00:00:01:30.000"
    assert livelink.format_timecode(3661 + 1 / 30, 30) == "01:01:01:01.000"
    assert livelink.format_timecode(1 - 1e-9, 60) == "00:00:01:00.000"
    assert livelink.format_timecode(86400, 60) == "00:00:00:00.000"
    assert livelink.format_timecode(0.5, 120) == "00:00:00:60.000"


@pytest.mark.parametrize(("unit", "factor"), [("rad", 1), ("deg", 180 / math.pi), ("deg180", 1 / math.pi)])
def test_rotation_units(tmp_path, unit, factor):
    whole = track(70)
    livelink.write(whole, tmp_path / "a.csv", rotation_unit=unit)
    plain = livelink.read(tmp_path / "a.csv")
    for name in ROTATIONS:
        np.testing.assert_allclose(plain.column(name), whole.column(name) * factor, rtol=1e-5, atol=1e-6)
    back = livelink.read(tmp_path / "a.csv", rotation_unit=unit)
    np.testing.assert_allclose(back.values, whole.select(KEPT).values, atol=1e-6)
    with pytest.raises(FormatError, match="rotation unit"):
        livelink.write(whole, tmp_path / "a.csv", rotation_unit="turns")


def test_mirror_both_ways(tmp_path):
    whole = track(70)
    livelink.write(whole, tmp_path / "a.csv", mirror=True)
    seen = livelink.read(tmp_path / "a.csv")
    assert seen.channels == KEPT
    for name in KEPT:
        sign = -1 if name.endswith(("Yaw", "Roll")) else 1
        np.testing.assert_allclose(seen.column(name), sign * whole.column(mirrored(name)), atol=1e-6)
    back = livelink.read(tmp_path / "a.csv", mirror=True)
    np.testing.assert_allclose(back.values, whole.select(KEPT).values, atol=1e-6)


def test_start_and_what_a_track_lacks(tmp_path):
    part = Track.of(30, ("jawOpen",), np.linspace(0, 1, 31)[:, None], start=0.5)
    livelink.write(part, tmp_path / "a.csv", timecode=3600.0)
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("01:00:00:00.000,")
    back = livelink.read(tmp_path / "a.csv")
    assert back.frames == 46 and back.start == 0
    assert back.at(np.array([1.0]))[0][0, back.index("jawOpen")] == pytest.approx(0.5, abs=1e-6)
    assert not back.column("mouthClose").any()
    with pytest.raises(OutputError):
        livelink.write(part, tmp_path / "none" / "a.csv")


def test_read_by_name_in_any_case_order_and_spelling(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        "\ufeff Jaw_Open ,timecode,Note,eyeBlink_L,EYEBLINKRIGHT,BlendShapeCount,headyaw,extra\r\n"
        "0.1,00:00:00:00.000,x,0.2,0.3,61,0.4,\r\n"
        "\r\n,,,,,,,\r\n"
        '0.5,00:00:00:01.000,"y, z",0.6,0.7,61,0.8\r\n\r\n'.encode()
    )
    back = livelink.read(path)
    assert back.frames == 2 and set(back.channels) == {"jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "headYaw"}
    for name, values in {"jawOpen": (0.1, 0.5), "eyeBlinkLeft": (0.2, 0.6), "eyeBlinkRight": (0.3, 0.7),
                         "headYaw": (0.4, 0.8)}.items():  # fmt: skip
        np.testing.assert_allclose(back.column(name), values, atol=1e-6)


def test_a_spreadsheet_of_half_of_europe(tmp_path):
    (tmp_path / "a.csv").write_text("Timecode;JawOpen\n00:00:00:00.000;0,25\n00:00:00:01.000;0,75\n")
    np.testing.assert_allclose(livelink.read(tmp_path / "a.csv").column("jawOpen"), (0.25, 0.75))


def lines(codes, values=None) -> str:
    values = range(len(codes)) if values is None else values
    return "Timecode,BlendshapeCount,JawOpen\n" + "".join(f"{c},61,{v}\n" for c, v in zip(codes, values, strict=True))


def test_rates_as_the_app_records_them(tmp_path):
    path = tmp_path / "a.csv"
    # 59.94 Hz on a timecode of 60, as an iPhone writes it
    path.write_text(lines([livelink.format_timecode(42869.33 + i * 1.0013 / 60, 60) for i in range(300)]))
    assert livelink.read(path).fps == pytest.approx(60000 / 1001, rel=5e-4) and livelink.read(path).frames == 300
    # 30 Hz on a timecode of 60
    path.write_text(lines([livelink.format_timecode(44867.786 + i * 1.9995 / 60, 60) for i in range(300)]))
    assert livelink.read(path).fps == 30
    # past midnight, without the fraction, drop-frame spelling
    path.write_text(lines([f"23:59:59;{i:02d}" for i in range(24)] + [f"00:00:00;{i:02d}" for i in range(24)]))
    back = livelink.read(path)
    assert back.fps == 24 and back.frames == 48


def test_lost_frames_are_bridged_and_marked(tmp_path):
    path = tmp_path / "a.csv"
    keep = [i for i in range(300) if not (i in (10, 50) or 100 <= i < 160)]
    path.write_text(lines([livelink.format_timecode(i / 60, 60) for i in keep], [i / 300 for i in keep]))
    back = livelink.read(path)
    assert (back.fps, back.frames) == (60, 300)
    np.testing.assert_allclose(back.column("jawOpen"), np.arange(300) / 300, atol=1e-6)
    lost = back.confidence[:, 0] == 0
    assert lost[110:150].all() and not lost[:100].any() and not lost[165:].any()


def test_rows_without_a_face_are_bridged_and_marked(tmp_path):
    path = tmp_path / "a.csv"
    codes = [livelink.format_timecode(i / 60, 60) for i in range(90)]
    rows = [f"{code},0," if 30 <= i < 60 else f"{code},61,{i / 100}" for i, code in enumerate(codes)]
    path.write_text("Timecode,BlendshapeCount,JawOpen\n" + "\n".join(rows))
    back = livelink.read(path)
    np.testing.assert_allclose(back.column("jawOpen"), np.arange(90) / 100, atol=1e-6)
    assert (back.confidence[37:52] == 0).all() and (back.confidence[:30] == 1).all()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("hello\nworld\n", "not a Live Link Face CSV"),
        ("JawOpen\n0.5\n", "no Timecode"),
        ("Timecode,Foo\n00:00:00:00,1\n", "no columns of ARKit"),
        ("Timecode,JawOpen\n", "no frames"),
        ("Timecode,JawOpen\n00:00:00:00,wide\n", "frame 1: jawOpen is 'wide'"),
        ("Timecode,JawOpen\n00:00:00:00,0\n1.5,0\n", "frame 2: '1.5' is no timecode"),
        ("Timecode,JawOpen\n00:00:00:00,\n00:00:00:01,\n", "face was never seen"),
        ("Timecode,JawOpen\n00:00:00:00,0\n00:00:00:01,0\n11:00:00:00,0\n", "jumps"),
    ],
)
def test_bad_files_are_told(tmp_path, text, why):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FormatError, match=why) as error:
        livelink.read(tmp_path / "a.csv")
    assert error.value.hint


def test_binary_is_no_csv(tmp_path):
    for content in (np.random.default_rng(0).bytes(3000), b"Timecode,JawOpen\n00:00:00:00,0\n\xff\xfe", b"\0\0\0\n\0"):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(FormatError):
            livelink.read(tmp_path / "a.csv")


def test_a_file_is_compared_with_what_it_was_written_from(tmp_path):
    made = track()
    livelink.write(made, tmp_path / "a.csv")
    report = livelink.compare(tmp_path / "a.csv", made)
    assert report["passed"] and report["controls"] == len(KEPT) and report["file"]["fps"] == 60, report
    assert report["left_out"] == [name for name in CHANNELS if name not in KEPT]
    table = (tmp_path / "a.csv").read_text().split("\n")
    row = table[91].split(",")
    row[2 + livelink.COLUMNS.index("JawOpen")] = "0.5"
    (tmp_path / "b.csv").write_text("\n".join([*table[:91], ",".join(row), *table[92:]]))
    report = livelink.compare(tmp_path / "b.csv", made)
    assert not report["passed"] and report["worst"] == {"control": "jawOpen", "time_s": 1.5}
    (tmp_path / "c.csv").write_text("\n".join([*table[:100], ""]))
    report = livelink.compare(tmp_path / "c.csv", made)
    assert not report["passed"] and not report["file"]["kept"]
