"""Regions, confidence, speech against video, emotion, blinks, intensity: what each layer may and may not do."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS, GROUPS, ROTATIONS
from faceanim.core.style import Style
from faceanim.core.take import Phone, Take
from faceanim.core.track import Track
from faceanim.solve.mix import KEEP_CORNERS, THROUGH, believed, bridged, mix

FPS, FRAMES = 60.0, 240
TIMES = np.arange(FRAMES) / FPS


def layer(confidence=1.0, **columns):
    return Track.from_columns(FPS, {n: np.broadcast_to(v, FRAMES) for n, v in columns.items()}, confidence)


def bump(start, end, fade=0.05):
    """1 from start to end, 0 further than `fade` away."""
    away = np.maximum(np.maximum(start - TIMES, TIMES - end), 0)
    return np.clip(1 - away / fade, 0, 1)


# "a p a f a" and a long silence
PHONES = (
    Phone(0.5, 0.8, "a", 1), Phone(0.8, 0.9, "p", 1), Phone(0.9, 1.2, "aː", 1), Phone(1.2, 1.3, "f", 1),
    Phone(1.3, 1.6, "a", 1),
)
P, F = bump(0.8, 0.9), bump(1.2, 1.3)
SPOKEN = bump(0.5, 1.6)
LIPS = layer(
    jawOpen=0.5 * SPOKEN * (1 - 0.8 * F), mouthClose=0.5 * SPOKEN * P, mouthRollLower=0.4 * F,
    mouthLowerDownLeft=0.2 * SPOKEN * (1 - P) * (1 - F), tongueTipUp=0.3 * SPOKEN, cheekPuff=0.1 * P,
)
FACE = layer(
    jawOpen=0.3, mouthSmileLeft=0.5, mouthSmileRight=0.5, mouthPucker=0.4, browInnerUp=0.7, eyeBlinkLeft=0.1,
    eyeBlinkRight=0.1, noseSneerLeft=0.2, cheekPuff=0.0, eyeLookUpLeft=0.3,
)
SPEECH = Take(FPS, FRAMES, {"lips": LIPS}, PHONES)
BOTH = SPEECH.with_layer("expression", FACE)
AT_P, AT_F, AT_A, SILENT = (int(t * FPS) for t in (0.85, 1.25, 1.45, 3.0))


def close(track, channel, layer_track):
    np.testing.assert_allclose(track.column(channel), layer_track.column(channel), atol=1e-6)


def test_every_channel_at_the_takes_rate():
    track = mix(BOTH, Style())
    assert track.channels == CHANNELS and (track.fps, track.frames, track.start) == (FPS, FRAMES, 0)
    assert track.values.dtype == np.float32
    face = track.select([c for c in CHANNELS if c not in ROTATIONS]).values
    assert face.min() >= 0 and face.max() <= 1


def test_an_empty_take_is_neutral():
    track = mix(Take(FPS, FRAMES), Style())
    assert not track.values.any() and not track.confidence.any()


def test_audio_alone_passes_as_solved():
    track = mix(SPEECH, Style())
    for name in LIPS.channels:
        close(track, name, LIPS)
    assert track.confidence[AT_A, CHANNELS.index("jawOpen")] == 1
    assert track.confidence[AT_A, CHANNELS.index("browInnerUp")] == 0


def test_video_alone_moves_everything():
    track = mix(Take(FPS, FRAMES, {"expression": FACE}), Style())
    for name in FACE.channels:
        close(track, name, FACE)


def test_with_both_the_mouth_is_the_audios_and_the_rest_the_videos():
    track = mix(BOTH, Style(mouth_from="audio"))
    for name in ("jawOpen", "mouthClose", "mouthRollLower", "tongueTipUp"):
        close(track, name, LIPS)
    for name in ("browInnerUp", "noseSneerLeft", "eyeBlinkLeft", "eyeLookUpLeft"):
        close(track, name, FACE)
    assert not track.column("mouthPucker").any()


def test_auto_takes_the_mouth_as_it_is_seen_but_for_lips_that_touch():
    track = mix(BOTH, Style())
    for at in (AT_A, SILENT):
        assert track.column("jawOpen")[at] == pytest.approx(0.3)
        assert track.column("mouthPucker")[at] == pytest.approx(0.4)
    for name in ("jawOpen", "mouthClose", "mouthRollLower", "mouthPucker"):
        for at in (AT_P, AT_F):
            assert track.column(name)[at] == pytest.approx(LIPS.column(name)[at] if name in LIPS.channels else 0)
    assert track.column("tongueTipUp")[AT_A] == pytest.approx(0.3)
    assert np.abs(np.diff(track.column("mouthPucker"))).max() < 0.25


def test_lips_that_are_seen_to_meet_do_so_as_they_are_seen():
    late = bump(0.86, 0.92, 0.02)
    seen = layer(jawOpen=0.3, mouthClose=0.3 * late, mouthPucker=0.4)
    track = mix(SPEECH.with_layer("expression", seen), Style())
    rows = (TIMES > 0.7) & (TIMES < 1.1)
    for name in ("jawOpen", "mouthClose", "mouthPucker"):
        np.testing.assert_allclose(track.column(name)[rows], seen.column(name)[rows], atol=1e-6)


def test_a_mouth_that_is_badly_seen_follows_the_sound():
    for sure, jaw in ((0.1, 0.5), (0.4, 0.4), (0.7, 0.3)):
        track = mix(SPEECH.with_layer("expression", layer(sure, jawOpen=0.3)), Style())
        assert track.column("jawOpen")[AT_A] == pytest.approx(jaw)


def test_lips_that_are_seen_apart_were_heard_wrongly():
    unsure = tuple(p._replace(confidence=0.7) for p in PHONES)
    take = replace(SPEECH, phones=unsure).with_layer("expression", layer(jawOpen=0.5, mouthClose=0.0))
    assert [p.ipa for p in believed(take, Style()).phones] == ["a", "t", "aː", "f", "a"]
    nasal = replace(take, phones=tuple(p._replace(ipa="mː") if p.ipa == "p" else p for p in unsure))
    assert believed(nasal, Style()).phones[1].ipa == "n"
    track = mix(believed(take, Style()), Style())
    assert track.column("jawOpen")[AT_P] == pytest.approx(0.5) and track.column("mouthClose")[AT_P] == 0
    kept = {
        "lips that near each other for a moment": take.with_layer("expression", layer(jawOpen=0.5 - 0.45 * late_p())),
        "a badly seen mouth": take.with_layer("expression", layer(0.5, jawOpen=0.5)),
        "a sound that somebody set": replace(take, phones=PHONES),
        "no camera": SPEECH,
    }
    for why, other in kept.items():
        assert believed(other, Style()).phones == other.phones, why
    assert believed(take, Style(mouth_from="audio")) is take


def late_p():
    return bump(0.91, 0.92, 0.02)


def test_the_video_alone_asks_for_no_contact_but_where_the_mouth_is_hidden():
    style = Style(mouth_from="video")
    assert believed(BOTH, style).phones == ()
    hidden = BOTH.with_layer("expression", layer(1.0 - bump(0.75, 0.95, 0.01), jawOpen=0.5))
    assert "p" in [p.ipa for p in believed(hidden, style).phones]
    assert believed(SPEECH, style) is SPEECH


def test_mouth_from_video():
    track = mix(BOTH, Style(mouth_from="video"))
    for name in ("jawOpen", "mouthPucker", "mouthSmileLeft"):
        close(track, name, FACE)
    assert mix(SPEECH, Style(mouth_from="video")).column("jawOpen").max() > 0.4


def test_a_smile_comes_through_heard_speech_in_part_and_never_at_contacts():
    smile = mix(BOTH, Style(mouth_from="audio")).column("mouthSmileLeft")
    assert smile[AT_P] == 0 and smile[AT_F] == 0
    assert smile[AT_A] == pytest.approx(0.5 * THROUGH, abs=1e-3)
    assert np.abs(np.diff(smile)).max() < 0.12


def test_a_smile_that_is_seen_does_not_twitch_at_contacts():
    smile = mix(BOTH, Style()).column("mouthSmileLeft")
    assert smile[AT_P] == pytest.approx(0.5 * KEEP_CORNERS) and smile[AT_F] == smile[AT_P]
    assert smile[AT_A] == pytest.approx(0.5)


def test_own_layers_for_gaze_and_head():
    take = BOTH.with_layer("gaze", layer(eyeLookUpLeft=0.8, leftEyeYaw=-0.2)).with_layer("head", layer(headYaw=0.4))
    track = mix(take, Style(layers={"head": 0.5}))
    assert track.column("eyeLookUpLeft")[5] == pytest.approx(0.8)
    assert track.column("leftEyeYaw")[5] == pytest.approx(-0.2)
    assert track.column("headYaw")[5] == pytest.approx(0.2)


def test_blinks_are_the_larger_of_both():
    blink = bump(2.0, 2.05, 0.06)
    track = mix(BOTH.with_layer("blink", layer(eyeBlinkLeft=blink, eyeBlinkRight=blink)), Style())
    assert track.column("eyeBlinkLeft")[int(2.02 * FPS)] == 1
    assert track.column("eyeBlinkLeft")[10] == pytest.approx(0.1)
    close(track, "browInnerUp", FACE)


FELT = layer(browInnerUp=0.2, jawOpen=0.5, mouthSmileLeft=0.6, mouthUpperUpLeft=0.4, mouthPressLeft=0.5,
             eyeWideLeft=0.8, noseSneerLeft=0.3)


def test_an_emotion_never_opens_a_contact():
    plain, felt = mix(SPEECH, Style()), mix(SPEECH.with_layer("emotion", FELT), Style())
    for name in ("jawOpen", "mouthClose", "mouthUpperUpLeft", "mouthRollLower", "mouthPressLeft"):
        for frame in (AT_P, AT_F):
            assert felt.column(name)[frame] == pytest.approx(plain.column(name)[frame], abs=1e-6)
    smile = felt.column("mouthSmileLeft")
    assert smile[AT_P] == pytest.approx(0.6 * KEEP_CORNERS) and smile[AT_A] == pytest.approx(0.6, abs=1e-3)
    assert felt.column("browInnerUp")[AT_P] == pytest.approx(0.2)
    assert (felt.column("mouthClose") <= felt.column("jawOpen") + 1e-6).all()


def test_an_emotion_acts_where_the_mouth_is_idle_and_weakly_where_it_speaks():
    felt = mix(SPEECH.with_layer("emotion", FELT), Style())
    assert felt.column("mouthPressLeft")[AT_A] == 0 and felt.column("mouthPressLeft")[SILENT] == pytest.approx(0.5)
    assert felt.column("jawOpen")[SILENT] == pytest.approx(0.5)
    # in proportion: what is half as open stays half as open
    wider = replace(SPEECH, layers={"lips": LIPS.with_values(LIPS.values / 2), "emotion": FELT})
    assert felt.column("jawOpen")[AT_A] > 0.5
    assert mix(wider, Style()).column("jawOpen")[AT_A] == pytest.approx(felt.column("jawOpen")[AT_A] / 2)
    half = mix(SPEECH.with_layer("emotion", FELT), Style(layers={"emotion": 0.5}))
    assert half.column("browInnerUp")[5] == pytest.approx(0.1)
    assert not mix(SPEECH.with_layer("emotion", FELT), Style(layers={"emotion": 0})).column("browInnerUp").any()


def test_rounded_lips_stay_rounded_under_a_smile():
    round_ = replace(SPEECH, layers={"lips": layer(mouthPucker=0.6), "emotion": FELT}, phones=(Phone(0, 4, "u", 1),))
    track = mix(round_, Style())
    assert track.column("mouthPucker")[AT_A] == pytest.approx(0.6)
    assert track.column("mouthSmileLeft")[AT_A] < 0.25


def test_wide_eyes_still_blink():
    blink = bump(2.0, 2.05, 0.06)
    take = SPEECH.with_layer("emotion", FELT).with_layer("blink", layer(eyeBlinkLeft=blink, eyeBlinkRight=blink))
    track = mix(take, Style())
    assert track.column("eyeBlinkLeft")[int(2.02 * FPS)] == 1 and track.column("eyeWideLeft")[int(2.02 * FPS)] == 0
    assert track.column("eyeWideLeft")[5] == pytest.approx(0.8)


def test_what_was_heard_fills_in_what_no_camera_saw_and_what_was_chosen_acts_in_full():
    seen = Take(FPS, FRAMES, {"expression": layer(browInnerUp=0.4, noseSneerLeft=0.0)})
    for confidence, brow in ((0.5, 0.4), (1.0, 0.4 + 0.2 * 0.6)):
        felt = layer(confidence, browInnerUp=0.2, browDownLeft=0.3)
        track = mix(seen.with_layer("emotion", felt), Style())
        assert track.column("browInnerUp")[5] == pytest.approx(brow)
        assert track.column("browDownLeft")[5] == pytest.approx(0.3)


@pytest.mark.parametrize("jaw", [0.0, 0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("lips", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("take", "open_"), [(SPEECH, 0.5), (BOTH, 0.3)])
def test_a_closure_survives_any_intensity(jaw, lips, take, open_):
    track = mix(take, Style(intensity={"jaw": jaw, "lips": lips}))
    opens, closes = track.column("jawOpen"), track.column("mouthClose")
    assert (closes >= 0).all() and (closes <= opens).all()
    held = (TIMES >= 0.8) & (TIMES <= 0.9)
    assert np.abs(opens - closes)[held].max() <= 1e-6
    assert track.column("mouthLowerDownLeft")[held].max() <= 1e-6
    touch = (TIMES >= 1.2) & (TIMES <= 1.3)
    np.testing.assert_allclose(opens[touch], LIPS.column("jawOpen")[touch], atol=1e-6)
    np.testing.assert_allclose(track.column("mouthRollLower")[touch], 0.4, atol=1e-6)
    assert opens[AT_A] == pytest.approx(min(open_ * jaw, 1.0), abs=1e-6)


def test_intensity_of_other_groups():
    track = mix(BOTH, Style(intensity={"brows": 2.0, "lids": 0.5}))
    assert track.column("browInnerUp")[0] == 1
    assert track.column("eyeBlinkLeft")[0] == pytest.approx(0.05)


def test_mouth_close_never_exceeds_the_jaw():
    wrong = layer(jawOpen=0.2, mouthClose=0.9)
    track = mix(Take(FPS, FRAMES, {"expression": wrong}), Style())
    assert (track.column("mouthClose") <= track.column("jawOpen")).all()


def test_where_no_face_was_seen_the_face_relaxes_without_a_pop():
    sure = np.ones(FRAMES)
    sure[60:200] = 0
    value = np.where(sure > 0, 0.8, np.random.default_rng(0).uniform(size=FRAMES))
    take = Take(FPS, FRAMES, {"expression": layer(sure, browInnerUp=value), "head": layer(sure, headYaw=value - 0.5)})
    track = mix(take, Style())
    brow = track.column("browInnerUp")
    assert brow[59] == pytest.approx(0.8) and brow[201] == pytest.approx(0.8)
    assert brow[130] == 0
    assert np.abs(np.diff(brow)).max() < 0.05
    assert track.column("headYaw")[130] == 0
    assert track.confidence[130].max() == 0


def test_a_short_gap_is_bridged():
    sure = np.ones(FRAMES)
    sure[60:80] = 0
    value = np.where(TIMES < 1.2, 0.2, 0.6)
    value[60:80] = 0
    got = bridged(layer(sure, browInnerUp=value)).column("browInnerUp")
    assert got.min() >= 0.2 - 1e-6 and got.max() <= 0.6 + 1e-6
    assert (np.diff(got) >= -1e-6).all()
    assert np.abs(np.diff(got)).max() < 0.06


def test_a_channel_without_any_confidence_is_neutral():
    got = bridged(layer(0.0, browInnerUp=0.7))
    assert not got.values.any()
    gap = bridged(layer(np.r_[np.zeros(100), np.ones(FRAMES - 100)], browInnerUp=0.7)).column("browInnerUp")
    assert gap[0] == 0 and gap[100] == pytest.approx(0.7) and gap[99] == pytest.approx(0.7, abs=0.01)


def test_lead_shifts_everything_earlier_with_the_contacts():
    style = Style(lead_s=0.1, intensity={"jaw": 2.0})
    late, early = mix(BOTH, replace(style, lead_s=0.0)), mix(BOTH, style)
    np.testing.assert_allclose(early.values[:-6], late.values[6:], atol=1e-6)
    back = mix(BOTH, replace(style, lead_s=-0.1))
    np.testing.assert_allclose(back.values[6:], late.values[:-6], atol=1e-6)


def test_layers_of_strength_0_are_absent():
    track = mix(BOTH, Style(layers={"lips": 0.0}))
    for name in ("jawOpen", "mouthPucker"):
        close(track, name, FACE)
    assert not mix(BOTH, Style(layers={"expression": 0.0})).column("browInnerUp").any()


def test_groups_are_complete():
    assert {c for names in GROUPS.values() for c in names} == set(CHANNELS)


TURN = 0.6 * np.sin(2 * np.pi * TIMES / 4)
WATCHING = Take(FPS, FRAMES, {
    "expression": FACE,
    "head": layer(headYaw=TURN, headPitch=0.2),
    # into the camera, however the head turns
    "gaze": layer(leftEyePitch=-0.2, leftEyeYaw=-TURN, rightEyePitch=-0.2, rightEyeYaw=-TURN),
})  # fmt: skip


def test_a_mirror_exchanges_the_sides():
    plain, turned = (mix(WATCHING, Style(mirror=way)) for way in (False, True))
    assert turned.channels == CHANNELS
    close(turned, "eyeLookUpRight", layer(eyeLookUpRight=plain.column("eyeLookUpLeft")))
    close(turned, "headYaw", layer(headYaw=-plain.column("headYaw")))
    close(turned, "headPitch", layer(headPitch=plain.column("headPitch")))
    close(turned, "leftEyeYaw", layer(leftEyeYaw=-plain.column("rightEyeYaw")))


def test_eyes_keep_their_target_when_the_head_turns_less():
    still = Style(intensity={**Style().intensity, "head": 0.0})
    for eye in ("leftEye", "rightEye"):
        track = mix(WATCHING, still)
        assert np.abs(track.column(f"{eye}Yaw")).max() < 0.13 and np.abs(track.column(f"{eye}Pitch")).max() < 0.05
    further = mix(WATCHING, Style(intensity={**Style().intensity, "head": 1.1}))
    assert further.column("leftEyeYaw")[60] == pytest.approx(-0.66, abs=0.05)
    np.testing.assert_allclose(mix(WATCHING, Style()).column("leftEyeYaw"), -TURN, atol=1e-5)


def test_head_and_eyes_stay_within_their_limits():
    track = mix(WATCHING, Style(limit_deg={"head": 20.0, "gaze": 15.0}))
    assert np.degrees(np.abs(track.column("headYaw"))).max() == pytest.approx(20, abs=0.2)
    assert np.degrees(np.abs(track.column("leftEyeYaw"))).max() <= 15
    small = np.abs(TURN) < np.radians(14)
    np.testing.assert_allclose(track.column("headYaw")[small], TURN[small], atol=1e-6)
