"""Every contact on a whole frame of any rate, openings between them, and no lag elsewhere."""

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS
from faceanim.core.events import LIDS, LIPS, Event, aperture, lid_events, lip_events, speech_events
from faceanim.core.take import Phone
from faceanim.core.track import Track
from faceanim.curves.resample import placed, resample

RATES = [12.0, 15.0, 23.976, 24.0, 25.0, 29.97, 30.0, 48.0, 50.0, 60.0, 120.0]


def syllables(period, closure=0.03, seconds=4.0, fps=60.0, phase=0.0):
    """"bababa": the lips meet for `closure` seconds every `period` seconds, the jaw opens to 0.6 between."""
    times = np.arange(int(seconds * fps)) / fps
    starts = np.arange(0.5 + phase, seconds - 0.5, period)
    shut = np.zeros_like(times)
    phones = []
    for start in starts:
        away = np.maximum(np.abs(times - (start + closure / 2)) - closure / 2, 0)
        shut = np.maximum(shut, np.clip(1 - away / 0.035, 0, 1))
        phones += [Phone(start, start + closure, "b", 1), Phone(start + closure, start + period, "a", 1)]
    jaw = np.full_like(times, 0.6)
    return Track.from_columns(fps, {"jawOpen": jaw, "mouthClose": jaw * shut}), tuple(phones)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("phase", [0.0, 0.007, 0.013, 0.021, 0.034])
def test_every_closure_is_held_on_a_whole_frame_near_its_time(fps, phase):
    track, phones = syllables(0.21, phase=phase)
    events = lip_events(phones, track)
    assert len(events) >= 14
    out = resample(track, fps, events)
    gap = aperture(out, LIPS)
    for event in events:
        least = aperture(track, LIPS)[int(round(event.peak * track.fps))]
        around = np.abs(out.times - event.peak) <= max(0.51 / fps, 1e-3)
        assert gap[around].min() == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("fps", RATES)
def test_the_vowel_between_two_closures_has_an_open_frame_where_there_is_one(fps):
    for period in (0.09, 0.13, 0.17):
        for phase in np.linspace(0, 0.05, 7):
            track, phones = syllables(period, closure=0.02, phase=phase)
            events = lip_events(phones, track)
            out = resample(track, fps, events)
            gap = aperture(out, LIPS)
            shut = gap < 0.05
            assert shut.any()
            if period * fps < 2:
                continue
            for a, b in zip(events, events[1:], strict=False):
                between = (out.times > a.peak - 0.02) & (out.times < b.peak + 0.02)
                wide = aperture(track, LIPS)[(track.times > a.peak) & (track.times < b.peak)].max()
                assert gap[between].max() >= 0.95 * wide


@pytest.mark.parametrize("fps", RATES)
def test_a_blink_of_three_frames_closes_fully(fps):
    times = np.arange(300) / 60
    lid = np.full(300, 0.05)
    for frame in (47, 101, 155, 222):
        lid[frame - 1 : frame + 2] = 0.5, 1.0, 0.5
    track = Track.from_columns(60, {"eyeBlinkLeft": lid, "eyeBlinkRight": lid, "jawOpen": 0.2 + 0.1 * np.sin(times)})
    events = lid_events(track)
    assert [round(e.peak * 60) for e in events] == [47, 101, 155, 222]
    out = resample(track, fps, events)
    for event in events:
        assert out.column("eyeBlinkLeft")[np.abs(out.times - event.peak) <= 0.51 / fps].max() == pytest.approx(1.0)
    # and open between
    assert out.column("eyeBlinkLeft")[int(74 / 60 * fps)] == pytest.approx(0.05, abs=0.01)
    np.testing.assert_allclose(out.column("jawOpen")[3:-3], np.interp(out.times, times, track.column("jawOpen"))[3:-3],
                               atol=0.004)


def test_the_same_rate_changes_nothing():
    track, phones = syllables(0.2)
    np.testing.assert_allclose(resample(track, 60, lip_events(phones, track)).values, track.values, atol=1e-6)


@pytest.mark.parametrize("fps", RATES)
def test_length_and_times(fps):
    track = Track.of(60, CHANNELS, np.zeros((601, len(CHANNELS))))
    out = resample(track, fps)
    assert out.fps == fps and out.start == 0
    assert abs(out.seconds - track.seconds) <= 0.5 / fps + 1e-9


def test_going_down_what_is_too_fast_goes_and_what_is_slow_stays():
    times = np.arange(1200) / 60
    fast, slow = np.sin(2 * np.pi * 11.5 * times), np.sin(2 * np.pi * times)
    track = Track.from_columns(60, {"browInnerUp": fast, "headYaw": slow})
    out = resample(track, 12)
    assert np.abs(out.column("browInnerUp")[12:-12]).max() < 0.2
    np.testing.assert_allclose(out.column("headYaw")[12:-12], np.sin(2 * np.pi * out.times)[12:-12], atol=0.03)


def test_crowded_instants_keep_order_and_contacts_win():
    positions = np.array([10.1, 10.4, 10.7, 30.0])
    rows, at = placed(positions, np.array([True, False, True, True]), 100)
    assert dict(zip(at.tolist(), rows.tolist(), strict=True)) == {0: 10, 2: 11, 3: 30}
    rows, at = placed(np.array([10.1, 11.0, 11.9]), np.array([True, False, True]), 100)
    assert dict(zip(at.tolist(), rows.tolist(), strict=True)) == {0: 10, 1: 11, 2: 12}
    # beyond the last frame
    rows, at = placed(np.array([99.6]), np.array([True]), 100)
    assert rows.tolist() == [99]
    # many contacts in one frame share it
    rows, at = placed(np.linspace(20, 20.9, 10), np.ones(10, bool), 100)
    assert set(rows.tolist()) <= set(range(18, 24))


def test_peaks_are_where_the_lips_are_closed_most():
    track, _ = syllables(0.2)
    opening = aperture(track, LIPS)
    phones = (Phone(0.4, 0.6, "m", 1), Phone(0.6, 0.62, "ʃ", 1), Phone(0.68, 0.75, "pʰ", 1))
    events = speech_events(phones, track)
    assert [e.kind for e in events] == [LIPS, LIPS]
    assert opening[round(events[0].peak * 60)] == pytest.approx(0, abs=1e-6)
    assert speech_events(phones)[0] == Event(LIPS, 0.4, 0.6, 0.5)


def test_closures_are_seen_without_phones():
    track, phones = syllables(0.25)
    seen = [e.peak for e in lip_events((), track)]
    heard = [e.peak for e in lip_events(phones, track)]
    assert len(seen) == len(heard)
    np.testing.assert_allclose(seen, heard, atol=0.02)
    assert not lip_events((), Track.of(60, CHANNELS, np.zeros((100, len(CHANNELS)))))
    assert not [e for e in lid_events(track) if e.kind == LIDS]


def test_neighbours_of_one_kind_are_one_contact():
    phones = (Phone(0.1, 0.2, "m", 1), Phone(0.2, 0.3, "p", 1), Phone(0.3, 0.4, "f", 1), Phone(0.5, 0.6, "b", 1))
    assert [(e.kind, e.start, e.end) for e in speech_events(phones)] == [
        ("lips", 0.1, 0.3), ("teeth", 0.3, 0.4), ("lips", 0.5, 0.6),
    ]
