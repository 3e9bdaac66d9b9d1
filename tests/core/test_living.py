"""Blinks, gaze and head motion from the voice: their statistics are people's, and the same input gives the same."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim.core.channels import CHANNELS, GROUP_OF
from faceanim.core.events import lid_events
from faceanim.core.mapping import Mapping, Target
from faceanim.core.style import Style
from faceanim.core.take import Mood, Phone, Take
from faceanim.core.track import Track
from faceanim.pipeline import channels, controls, remade
from faceanim.solve import blink, gaze, glances, nods
from faceanim.solve.phrasing import phrases

DRAWN = ("gaze", "head", "blink")
MAPPING = Mapping("all", {c: Target({c: 1.0}, minimum=-3.2, maximum=3.2) for c in CHANNELS})


def talk(seconds: float, fps: float = 60.0, pauses=(0.3, 0.5, 0.8, 3.0), start: float = 0.5) -> Take:
    """Somebody talks in phrases of one to four seconds, with a voice that rises and falls, and pauses between."""
    chance = np.random.default_rng(7)
    phones, now = [], start
    while now < seconds - 1.5:
        for i in range(int(chance.integers(12, 45))):
            length = float(chance.uniform(0.05, 0.12))
            phones.append(Phone(now, now + length, "a" if i % 2 else "t", 1.0))
            now += length
        now += float(chance.choice(pauses))
    phones = tuple(p for p in phones if p.end < seconds)
    times = np.arange(int(seconds * 100)) / 100
    said = np.zeros(len(times), bool)
    for p in phones:
        said[int(p.start * 100) : int(p.end * 100)] = True
    rises = np.convolve(chance.normal(size=len(times) + 24), np.hanning(25), "valid")
    level = np.where(said, -22 + 2.5 * rises, -65.0)
    f0 = np.where(said, 120 * 2 ** (0.06 * rises), 0.0)
    signals = {
        "loudness": Track.of(100, ("level",), level[:, None]),
        "pitch": Track.of(100, ("f0", "voiced"), np.stack([f0, said], 1)),
    }
    frames = int(round(seconds * fps))
    lips = Track.of(fps, ("jawOpen",), np.zeros((frames, 1)))
    return Take(fps, frames, {"lips": lips}, phones, signals=signals)


def living(take: Take, seed: int = 0) -> Take:
    for layer in DRAWN:
        take = remade(take, layer, seed=seed)
    return take


@pytest.fixture(scope="module")
def long() -> Take:
    return living(talk(600.0))


# the same again ---------------------------------------------------------------------------------------------------


def test_the_same_take_and_seed_give_the_same_to_the_bit_and_others_another():
    take = talk(30.0)
    for module in (blink, glances, nods):
        first, again, other = (module.solve(take, seed).values for seed in (3, 3, 4))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
        level = Track.of(100, ("level",), np.full((3000, 1), -20.0))
        another = replace(take, signals={**take.signals, "loudness": level})
        assert not np.array_equal(module.solve(another, 3).values, first)


def test_the_rate_of_the_take_changes_how_often_it_is_seen_not_what_happens():
    slow, fast = living(talk(30.0, 30.0)), living(talk(30.0, 120.0))
    np.testing.assert_allclose(slow.layers["head"].values, fast.layers["head"].values[::4], atol=1e-5)
    np.testing.assert_allclose(slow.layers["gaze"].values, fast.layers["gaze"].values[::4], atol=1e-5)
    assert np.array_equal(blink.blinks(slow).start, blink.blinks(fast).start)


def test_one_layer_anew_leaves_the_others_and_is_marked():
    take = living(talk(20.0))
    made = remade(take, "head", seed=5)
    assert made.seed("head") == 5 and made.seed("gaze") == 0 and made.seed("lips") is None
    for name in ("lips", "gaze", "blink"):
        assert np.array_equal(made.layers[name].values, take.layers[name].values)
    assert not np.array_equal(made.layers["head"].values, take.layers["head"].values)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 2.0])
def test_short_and_silent_clips_are_no_trouble(seconds):
    for take in (Take(60.0, max(1, int(seconds * 60))), talk(max(seconds, 0.1))):
        for module in (blink, glances, nods):
            track = module.solve(take)
            assert track.frames == take.frames and np.isfinite(track.values).all()


def test_who_says_nothing_for_long_lives():
    take = living(Take(60.0, 60 * 60))
    rate = len(lid_events(take.layers["blink"])) / 1.0
    assert 8 <= rate <= 24
    assert np.degrees(take.layers["head"].values.std(0)).min() > 0.2
    assert np.abs(np.diff(take.layers["gaze"].column("leftEyeYaw"))).max() > np.radians(0.8)


# blinks -----------------------------------------------------------------------------------------------------------


def test_blinks_come_as_often_as_published_and_scatter_as_published(long):
    start = blink.blinks(long).start
    talking = np.zeros(len(start), bool)
    turns = phrases(long.phones, long.seconds, 1.0)
    for p in turns:
        talking |= (start >= p.start) & (start < p.end + 0.35)
    spoken = sum(p.end - p.start + 0.35 for p in turns)
    assert 20 <= 60 * talking.sum() / spoken <= 32.5  # Bentivoglio 1997: 26; Doughty 2001
    apart = np.diff(start)
    assert 0.45 <= apart.std() / apart.mean() <= 1.0
    assert ((apart - apart.mean()) ** 3).mean() > 0.3 * apart.std() ** 3
    assert apart.min() >= 0.4
    # at the ends of phrases at least half as often again as elsewhere
    ends = np.array([p.end for p in phrases(long.phones, long.seconds, 0.25)])
    share = (np.abs(start[:, None] - ends - 0.13).min(1) < 0.22).mean()
    assert share > 1.5 * len(ends) * 0.44 / long.seconds


def test_lids_close_faster_than_they_open_and_both_nearly_as_one(long):
    found = blink.blinks(long)
    assert 1.5 < found.opening.mean() / found.closing.mean() < 2.6
    total = found.closing + found.shut + found.opening
    assert np.percentile(total, 5) > 0.15 and np.percentile(total, 95) < 0.5
    assert 0.7 < (found.depth >= 1).mean() < 0.9
    left, right = long.layers["blink"].values.T
    assert np.abs(left - right).max() < 0.35 and np.corrcoef(left, right)[0, 1] > 0.995


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 60.0])
def test_full_blinks_shut_the_lids_on_a_whole_frame(fps):
    take = living(talk(60.0))
    shown = controls(take, MAPPING, Style(), fps)
    shut = np.minimum(shown.column("eyeBlinkLeft"), shown.column("eyeBlinkRight"))
    found = blink.blinks(take)
    for start, closing, depth in zip(found.start, found.closing, found.depth, strict=True):
        rows = slice(int(start * fps), int((start + closing + 0.15) * fps) + 2)
        if depth >= 1:
            assert shut[rows].max() > 0.995


@pytest.mark.parametrize("fps", [12.0, 24.0, 1000.0])
def test_a_take_of_any_rate_shows_them(fps):
    take = talk(20.0, fps)
    values, found = blink.solve(take).values.min(1), blink.blinks(take)
    for start, depth in zip(found.start, found.depth, strict=True):
        if depth >= 1:
            assert values[int(start * fps) : int((start + 0.3) * fps) + 2].max() > 0.999


def test_large_gaze_shifts_come_with_blinks(long):
    route, start = glances.plan(long), blink.blinks(long).start
    size = np.degrees(route.sizes)
    near = np.abs(route.times[:, None] - start).min(1) < 0.05
    assert near[size > 17].mean() > 0.3 > 3 * near[size < 5].mean()


def test_fear_blinks_more_and_chosen_moods_count():
    calm = talk(120.0)
    afraid = replace(calm, moods=(Mood(0.0, 120.0, "fearful", 1.0),))
    assert len(blink.blinks(afraid).start) > 1.25 * len(blink.blinks(calm).start)


def test_nothing_that_is_felt_keeps_a_blink_open():
    take = living(talk(20.0))
    wide = Track.from_columns(60.0, {n: np.full(take.frames, 0.8) for n in ("eyeWideLeft", "eyeWideRight")}, 1.0)
    track = channels(take.with_layer("emotion", wide), Style())
    shut = take.layers["blink"].column("eyeBlinkLeft") >= 0.999
    assert shut.any()
    assert track.column("eyeBlinkLeft")[shut].min() > 0.999 and track.column("eyeWideLeft")[shut].max() < 0.02


# gaze -------------------------------------------------------------------------------------------------------------


def test_saccades_keep_to_the_main_sequence():
    take = talk(120.0, 1000.0)
    route, eyes = glances.plan(take), np.degrees(glances.solve(take).select(("leftEyeYaw", "leftEyePitch")).values)
    speed = np.linalg.norm(np.diff(eyes, axis=0), axis=1) * 1000
    sizes = np.degrees(route.sizes)
    for time, size, lasting in zip(route.times[1:], sizes[1:], route.lasting[1:], strict=True):
        if size > 1 and time + lasting < take.seconds - 0.01:
            peak = speed[int(time * 1000) : int((time + lasting) * 1000) + 2].max()
            assert abs(peak / (1.875 * size / (0.021 + 0.0022 * size)) - 1) < 0.3
    assert (sizes < 15).mean() > 0.8  # Bahill, Adler, Stark 1975
    assert 600 > 1.875 * 20 / (0.021 + 0.0022 * 20) > 500


def test_looks_last_as_published_and_avert_as_utterances_begin(long):
    route = glances.plan(long)
    turns = phrases(long.phones, long.seconds, 1.0)

    def at(times):
        return route.at[np.clip(np.searchsorted(route.times, times, "right") - 1, 0, None)]

    grid = np.arange(0, long.seconds, 0.05)
    assert 0.6 < at(grid).mean() < 0.9
    begins, ends = (np.array([getattr(p, name) for p in turns]) for name in ("start", "end"))
    assert at(begins + 0.1).mean() < at(grid).mean() - 0.15 < at(ends - 0.05).mean() - 0.2
    still = np.diff(route.times[route.sizes > np.radians(0.8)])
    assert 0.2 < np.median(still) < 1.2 and still.min() > 0.1


def test_eyes_turn_together_stay_within_and_lids_follow_them(long):
    eyes = long.layers["gaze"]
    left, right = (np.degrees(eyes.select((f"{s}EyeYaw", f"{s}EyePitch")).values) for s in ("left", "right"))
    assert np.allclose(left[:, 1], right[:, 1])
    inward = right[:, 0] - left[:, 0]
    assert inward.min() > 1.0 and inward.max() < 4.0
    track = channels(long, Style())
    for side in ("left", "right"):
        assert np.degrees(np.abs(track.column(f"{side}EyeYaw"))).max() < 32
        assert np.degrees(np.abs(track.column(f"{side}EyePitch"))).max() < 24
    np.testing.assert_allclose(
        track.column("eyeLookDownLeft"), np.clip(track.column("leftEyePitch") / gaze.LOOK, 0, 1), atol=1e-5
    )


def test_eyes_stay_on_their_target_while_the_head_turns():
    take = living(talk(60.0))
    route = glances.plan(take)
    for style in (Style(), Style(layers={"head": 0.3}), Style(intensity={"head": 2.0}), Style(layers={"head": 0.0})):
        track = channels(take, style)
        turn = track.select(("headYaw", "headPitch", "headRoll")).values.astype(float).T
        eyes = track.select(("leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch")).values.astype(float)
        looks = (_in_space(eyes[:, :2], turn) + _in_space(eyes[:, 2:], turn)) / 2
        wanted = route.gaze(track.times)
        within = np.abs(eyes).max(1) < gaze.LIMIT - 0.01
        assert within.mean() > 0.98
        assert np.degrees(np.abs(looks - wanted)[within].max()) < 0.6  # drift alone
    assert np.degrees(np.abs(take.layers["head"].column("headYaw")).max()) > 4


def _in_space(eyes, turn):
    """(F, 2) yaw and pitch of a line of sight in space."""
    yaw, pitch, roll = turn
    x, y, z = np.sin(eyes[:, 0]) * np.cos(eyes[:, 1]), -np.sin(eyes[:, 1]), np.cos(eyes[:, 0]) * np.cos(eyes[:, 1])
    y, z = y * np.cos(pitch) - z * np.sin(pitch), y * np.sin(pitch) + z * np.cos(pitch)
    x, y = x * np.cos(-roll) - y * np.sin(-roll), x * np.sin(-roll) + y * np.cos(-roll)
    x, z = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
    return np.stack([np.arctan2(x, z), -np.arcsin(y)], 1)


@pytest.mark.parametrize("fps", [24.0, 30.0])
def test_saccades_are_not_smeared_at_lower_rates(fps):
    take = living(talk(60.0))
    shown = controls(take, MAPPING, Style(), fps)
    at = np.arange(shown.frames) / fps
    exact = channels(take, Style()).at(at)[0][:, CHANNELS.index("leftEyeYaw")]
    assert np.degrees(np.abs(shown.column("leftEyeYaw") - exact).max()) < 0.5


def test_layers_that_a_camera_saw_are_smoothed_as_ever():
    take = living(talk(10.0))
    seen = replace(take, provenance={})
    smooth, sharp = (np.abs(np.diff(channels(t, Style()).column("leftEyeYaw"))).max() for t in (seen, take))
    assert smooth < 0.8 * sharp


# the head ---------------------------------------------------------------------------------------------------------


def test_the_head_keeps_within_people_s_rates_and_angles(long):
    head = np.degrees(long.layers["head"].values.astype(float))
    assert (np.abs(head).max(0) < [16, 11, 9]).all()
    power = (np.abs(np.fft.rfft(head - head.mean(0), axis=0)) ** 2).sum(1)
    hertz = np.fft.rfftfreq(len(head), 1 / 60)
    assert power[hertz > 6].sum() < 1e-3 * power.sum()
    assert 0.75 < power[hertz < 1.8].sum() / power.sum() < 0.997
    # never the jerk of a machine: at most what a quick nod takes
    assert np.abs(np.diff(head, axis=0)).max() * 60 < 90


def test_the_head_goes_with_the_voice(long):
    from faceanim.evaluate.motion_measures import motion, pooled

    values = pooled([motion(long, channels(long, Style()))])
    assert 0.4 < values["head_loudness_r"] < 0.95 and 0.4 < values["head_pitch_r"] < 0.98
    assert values["head_moves_speaking"] > 0.65
    spread = [values[f"head_{name}_deg"] for name in ("yaw", "pitch", "roll")]
    assert 1 < spread[0] < 7 and 1 < spread[1] < 6 and 0.6 < spread[2] < 5


def test_the_aroused_move_more_and_the_sad_hang_their_heads():
    take = talk(60.0)
    angry, sad = (replace(take, moods=(Mood(0.0, 60.0, label, 1.0),)) for label in ("angry", "sad"))
    heads = {name: np.degrees(nods.solve(t).values) for name, t in (("angry", angry), ("sad", sad), ("", take))}
    assert heads["angry"].std(0).sum() > 1.3 * heads["sad"].std(0).sum()
    assert heads["sad"][:, 1].mean() > heads[""][:, 1].mean() + 2


def test_ten_minutes_take_a_fraction_of_a_second():
    from time import process_time

    take = talk(600.0)
    fastest = []
    for _ in range(3):
        started = process_time()
        for module in (blink, glances, nods):
            module.solve(take)
        fastest.append(process_time() - started)
    assert min(fastest) < 2.0


def test_every_constant_has_its_source():
    import json

    from faceanim.core.files import PRESETS

    document = json.loads((PRESETS / "motion" / "default.json").read_text(encoding="utf-8"))
    assert document["schema"] == "faceanim/motion/1"
    for part in ("speech", "blink", "gaze", "head"):
        for name, entry in document[part].items():
            assert set(entry) == {"value", "source"} and entry["source"], name
            first = entry["source"].replace(",", " ").replace(":", " ").replace(";", " ").split()[0]
            assert first in document["sources"], f"{name}: {first}"
    assert {GROUP_OF[c] for c in (*nods.CHANNELS, *blink.CHANNELS, *gaze.CHANNELS)} == {"head", "lids", "gaze"}
