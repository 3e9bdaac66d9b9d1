"""Take to curves: contacts are held on whole frames, curves hold the tolerance, and it is quick."""

import time
from dataclasses import replace

import numpy as np
import pytest

from faceanim import pipeline
from faceanim.core.channels import CHANNELS, GROUPS, ROTATIONS
from faceanim.core.events import LIPS, aperture, lid_events, lip_events
from faceanim.core.mapping import Mapping, Target
from faceanim.core.speech import Speech
from faceanim.core.style import Style
from faceanim.core.take import Phone, Take
from faceanim.core.track import Track
from faceanim.solve.speech import solve

RATES = [12.0, 23.976, 24.0, 25.0, 30.0, 60.0]
LIMITS = {c: (-2.0, 2.0) if c in ROTATIONS else (0.0, 1.0) for c in CHANNELS}
EVERY = Mapping("every", {c: Target({c: 1.0}, minimum=low, maximum=high) for c, (low, high) in LIMITS.items()})


def babble(seconds, seed=0):
    """Phones of 60 to 130 ms with a pause now and then, sure ones: an open mouth that is seen does not deny them."""
    rng = np.random.default_rng(seed)
    phones, now = [], 0.4
    while now < seconds - 0.6:
        for ipa in rng.permutation(list("pabaumifaseɔvotbi")):
            length = float(rng.uniform(0.06, 0.13))
            phones.append(Phone(now, now + length, str(ipa), 1.0))
            now += length
            if now > seconds - 0.6:
                break
        now += float(rng.uniform(0, 0.4))
    return tuple(phones)


def take_of(seconds=10.0, video=True, seed=0):
    phones = babble(seconds, seed)
    lips = solve(Speech(phones), seconds, 60.0)
    layers = {"lips": lips}
    if video:
        rng = np.random.default_rng(seed + 1)
        times = lips.times
        names = [c for c in CHANNELS if c not in GROUPS["tongue"] and c not in ROTATIONS]
        hz, phase = rng.uniform(0.3, 2, len(names)), rng.uniform(0, 6, len(names))
        slow = 0.15 + 0.1 * np.sin(2 * np.pi * hz * times[:, None] + phase)
        face = slow + 0.015 * rng.normal(size=slow.shape)
        blink = np.zeros(len(times))
        for frame in range(70, len(times) - 10, 187):
            blink[frame - 1 : frame + 2] = 0.5, 1, 0.5
        for name in ("eyeBlinkLeft", "eyeBlinkRight"):
            face[:, names.index(name)] = np.maximum(blink, 0.04 + 0.01 * rng.normal(size=len(times)))
        layers["expression"] = Track.of(60, names, np.clip(face, 0, 1))
        head = 0.2 * np.sin(times)[:, None] + 0.005 * rng.normal(size=(len(times), 3))
        layers["head"] = Track.of(60, GROUPS["head"], head)
    return Take(60.0, lips.frames, layers, phones)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("style", [
    Style(), Style(intensity={"jaw": 2.0, "lips": 1.5}), Style(lead_s=0.04), Style(mouth_from="audio", lead_s=-0.021),
])
def test_every_closure_is_held_in_the_baked_curves(fps, style):
    take = take_of(seed=int(fps))
    mixed = pipeline.channels(take, style)
    out = pipeline.controls(take, EVERY, style, fps)
    curves = {c.control: c for c in pipeline.curves(take, EVERY, style, fps)}
    shift = round(style.lead_s * 60) / 60
    phones = [p._replace(start=p.start - shift, end=p.end - shift) for p in take.phones]
    events = [e for e in lip_events(phones, mixed) if e.kind == LIPS]
    assert len(events) > 10
    near = 0.76 / fps
    for event in events:
        around = np.abs(out.times - event.peak) <= near
        gap = (out.column("jawOpen") - out.column("mouthClose"))[around]
        assert gap.min() <= 1e-3
        at = out.times[around][gap.argmin()]
        baked = curves["jawOpen"].at([at]) - curves["mouthClose"].at([at])
        assert abs(baked[0]) <= 2 * style.tolerance + 1e-3
        assert aperture(out, LIPS)[around].min() <= aperture(mixed, LIPS)[round(event.peak * 60)] + 1e-3


@pytest.mark.parametrize("fps", RATES)
def test_blinks_close_fully_through_smoothing_and_rates(fps):
    take = take_of()
    style = replace(Style(), cutoff_hz={**Style().cutoff_hz, "lids": 3.0})
    blinks = lid_events(take.layers["expression"])
    assert len(blinks) == 3
    out = pipeline.controls(take, EVERY, style, fps).column("eyeBlinkLeft")
    for blink in blinks:
        frame = blink.peak * fps
        assert out[int(np.floor(frame)) : int(np.ceil(frame)) + 1].max() == pytest.approx(1.0, abs=1e-3)
    mixed = pipeline.channels(take, style).column("eyeBlinkLeft")
    assert np.diff(mixed[80:240]).std() < 0.3 * np.diff(take.layers["expression"].column("eyeBlinkLeft")[80:240]).std()


def test_smoothing_is_of_the_video_and_leaves_the_voice():
    take = take_of()
    mixed = pipeline.channels(take, Style(mouth_from="audio"))
    for name in ("jawOpen", "mouthClose", "mouthPucker"):
        np.testing.assert_allclose(mixed.column(name), take.layers["lips"].column(name), atol=1e-6)
    raw = take.layers["head"].column("headYaw")
    slow = 0.2 * np.sin(mixed.times)
    assert np.abs(mixed.column("headYaw") - slow).std() < 0.6 * np.abs(raw - slow).std()
    lags = [np.corrcoef(np.roll(raw, k)[9:-9], mixed.column("headYaw")[9:-9])[0, 1] for k in (-3, 0, 3)]
    assert np.argmax(lags) == 1


def test_a_closure_seen_in_the_video_stays_closed():
    times = np.arange(300) / 60
    shut = np.zeros(300)
    for frame in (60, 120, 180):
        shut[frame - 1 : frame + 2] = 0.6, 1, 0.6
    face = Track.from_columns(60, {"jawOpen": 0.4 * (1 - shut), "browInnerUp": times / 10})
    style = replace(Style(), cutoff_hz={"jaw": 4.0, "lips": 4.0})
    take = Take(60.0, 300, {"expression": face})
    for fps in RATES:
        out = pipeline.controls(take, EVERY, style, fps)
        for frame in (60, 120, 180):
            assert out.column("jawOpen")[np.abs(out.times - frame / 60) <= 0.51 / fps].min() <= 1e-3


def test_curves_are_the_controls_within_the_tolerance():
    take = take_of()
    for tolerance in (0.002, 0.005, 0.02):
        style = replace(Style(), tolerance=tolerance)
        out = pipeline.controls(take, EVERY, style, 24)
        for i, curve in enumerate(pipeline.curves(take, EVERY, style, 24)):
            assert np.abs(curve.at(out.times) - out.values[:, i]).max() <= tolerance


def test_bones_go_their_ways_more_exactly():
    """A lip's whole way is a part of the distance between the eyes: a slider's tolerance would open it."""
    jaw = 0.5 + 0.5 * np.sin(np.arange(240) / 7)
    take = Take(60.0, 240, {"lips": Track.from_columns(60.0, {"jawOpen": jaw})})
    targets = {name: Target({"jawOpen": 0.2}, minimum=-1) for name in ("key", "bone:jaw:rot_x", "bone:lip:loc_y")}
    made = {curve.control: curve for curve in pipeline.curves(take, Mapping("", targets), Style(), 30.0)}
    values = pipeline.controls(take, Mapping("", targets), Style(), 30.0)
    off = {name: np.abs(curve.at(values.times) - values.column(name)).max() for name, curve in made.items()}
    assert off["bone:lip:loc_y"] <= 0.001 < min(off["key"], off["bone:jaw:rot_x"])


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_tiny_takes(frames):
    lips = Track.from_columns(60, {"jawOpen": np.full(frames, 0.3), "mouthClose": np.full(frames, 0.3)})
    take = Take(60.0, frames, {"lips": lips, "expression": lips, "head": lips.select(GROUPS["head"])},
                (Phone(0, frames / 60, "m", 1),))
    for fps in (12, 24, 60, 120):
        curves = pipeline.curves(take, EVERY, Style(), fps)
        assert len(curves) == len(CHANNELS) and all(c.keys >= 1 for c in curves)


def test_an_empty_take():
    take = Take(60.0, 0, {})
    assert pipeline.controls(take, EVERY, Style(), 24).frames == 0
    pipeline.curves(take, EVERY, Style(), 24)


def test_real_speech(data):
    pytest.importorskip("av", reason="needs the engine's packages")
    from faceanim.core.clip import Clip
    from faceanim.engine.analysis import analyze

    take = analyze(Clip(audio=data / "video_speech" / "grid_brbk7n.flac"))
    assert any(p.ipa for p in take.phones)
    mixed = pipeline.channels(take, Style())
    for fps in RATES:
        out = pipeline.controls(take, EVERY, Style(), fps)
        for event in lip_events(take.phones, mixed):
            if event.kind == LIPS:
                around = np.abs(out.times - event.peak) <= 0.76 / fps
                assert (out.column("jawOpen") - out.column("mouthClose"))[around].min() <= 1e-3


def test_a_minute_is_quick():
    take = take_of(60.0)
    spent = {}
    for name, work in {
        "channels": lambda: pipeline.channels(take, Style()),
        "controls": lambda: pipeline.controls(take, EVERY, Style(), 60),
        "curves": lambda: pipeline.curves(take, EVERY, Style(), 60),
    }.items():
        began = time.process_time()
        work()
        spent[name] = time.process_time() - began
    print("60 s at 60 fps:", {k: f"{v * 1e3:.0f} ms" for k, v in spent.items()})
    assert spent["controls"] < 1 and spent["curves"] < 4


def test_every_style_preset_runs():
    from faceanim.core.files import PRESETS
    from faceanim.formats import style

    take = take_of(4.0)
    plain = pipeline.channels(take, Style())
    files = sorted((PRESETS / "styles").glob("*.json"))
    assert {f.stem for f in files} >= {"default", "subtle", "expressive", "video"}
    for path in files:
        made = style.read(path)
        assert made.name == path.stem
        track = pipeline.channels(take, made)
        assert (made == Style()) == (path.stem == "default") == np.allclose(track.values, plain.values)
        assert (track.column("mouthClose") <= track.column("jawOpen")).all()
