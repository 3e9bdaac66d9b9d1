"""The emotion layer: what is felt when, how it looks, how it comes and goes; the same input, the same curves."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim import pipeline
from faceanim.core.channels import CHANNELS as ALL
from faceanim.core.emotion import LABELS
from faceanim.core.style import EmotionStyle, Style
from faceanim.core.take import Mood, Phone, Take
from faceanim.core.track import Track
from faceanim.errors import FormatError, InputError
from faceanim.formats import takes
from faceanim.solve import accents, emotion, feelings, poses
from faceanim.solve.poses import CHANNELS

FPS, SECONDS = 60.0, 12.0
STILL = EmotionStyle(micro=0, accents=0)


def heard(*spans, seconds=SECONDS, speech=None, noise=0.0, hz=20.0):
    """A "speech_emotion" track: (start, end, label, probability), else neutral; silent outside `speech`."""
    times = np.arange(int(seconds * hz)) / hz
    values = np.zeros((len(times), len(LABELS)))
    values[:, 0] = 1
    for start, end, label, p in spans:
        rows = (times >= start) & (times < end)
        values[rows] = 0
        values[rows, LABELS.index(label)] = p
        values[rows, 0] += 1 - p
    values = np.abs(values + noise * np.random.default_rng(3).normal(size=values.shape))
    values /= values.sum(1, keepdims=True)
    known = np.ones(len(times), bool) if speech is None else (times >= speech[0]) & (times < speech[1])
    return Track.of(hz, LABELS, values * known[:, None], known)


def affect(intensity=1.0, arousal=0.5, seconds=SECONDS, hz=20.0):
    row = (intensity, arousal, 0.0, 1.0)
    return Track.of(hz, ("intensity", "arousal", "valence", "speech"), np.tile(row, (int(seconds * hz), 1)))


def take_of(track=None, moods=(), seconds=SECONDS, **signals):
    emotions = {"speech_emotion": track} if track is not None else {}
    return Take(FPS, int(seconds * FPS), emotions=emotions, moods=tuple(moods), signals={"affect": affect(), **signals})


def column(track, name):
    return track.column(name)


def at(track, name, seconds):
    return float(track.column(name)[int(seconds * FPS)])


# -- presets ---------------------------------------------------------------------------------------------------------


def test_every_emotion_has_variants_with_units_and_sources():
    emotions = poses.read()
    assert tuple(emotions) == LABELS
    for label, one in emotions.items():
        assert len(one.variants) >= 3
        assert 0.1 <= one.onset_s <= 1.2 and one.apex_s >= 0.5 and one.offset_s >= one.onset_s
        for v in one.variants:
            assert v.units and v.source and v.grades.shape == (poses.GRADES + 1, len(CHANNELS))
            assert v.grades.min() >= 0 and v.grades.max() <= 1 and not v.grades[0].any()
            # stronger is nowhere less
            assert (np.diff(v.grades, axis=0) >= -1e-6).all(), (label, v.name)
            assert label in ("neutral", "calm") or v.grades[-1].max() > 0.5


def test_the_units_of_emfacs_are_there():
    """Of each emotion at least one variant has what EMFACS asks for."""
    wanted = {"happy": {"6", "12"}, "sad": {"1", "4", "15"}, "angry": {"4", "5", "7", "23"}, "disgust": {"9"},
              "fearful": {"1", "2", "4", "5", "20"}, "surprised": {"1", "2", "5", "26"}}  # fmt: skip
    for label, units in wanted.items():
        assert any(units <= set(v.units) for v in poses.read()[label].variants), label
    for v in poses.read()["happy"].variants:
        assert {"6", "12"} <= set(v.units)


def test_weak_emotions_show_in_the_brows_first():
    for label in ("sad", "angry", "fearful"):
        for v in poses.read()[label].variants:
            weak, full = v.grades[1], v.grades[-1]
            brows = [i for i, c in enumerate(CHANNELS) if c.startswith("brow")]
            mouth = [i for i, c in enumerate(CHANNELS) if c.startswith("mouth")]
            assert weak[brows].sum() / full[brows].sum() > weak[mouth].sum() / full[mouth].sum()


@pytest.mark.parametrize(("change", "why"), [
    (lambda d: d.update(schema="faceanim/emotion/9"), "schema"),
    (lambda d: d["variants"][0]["units"].update({"99": 0.5}), "99"),
    (lambda d: d["variants"][0]["units"].update({"12": 1.5}), "12"),
    (lambda d: d["variants"][0]["units"].update({"12": [0.1, 0.2]}), "12"),
    (lambda d: d["variants"].append(d["variants"][0]), "name"),
    (lambda d: d.pop("timing"), "timing"),
])  # fmt: skip
def test_a_wrong_preset_is_told(tmp_path, change, why):
    import json
    import shutil

    shutil.copytree(poses.FOLDER, tmp_path / "emotions")
    path = tmp_path / "emotions" / "happy.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FormatError, match=why) as error:
        poses.read(tmp_path / "emotions")
    assert "happy.json" in error.value.message and error.value.hint


# -- what is felt ----------------------------------------------------------------------------------------------------


def spans(take, style=STILL):
    found = feelings.episodes(take, style)
    return [(e.label, round(e.start, 1), round(e.end, 1)) for e in found if e.label != "neutral"]


def test_probabilities_become_episodes():
    take = take_of(heard((2, 5, "happy", 0.9), (7, 10, "angry", 0.8)))
    found = spans(take)
    assert [label for label, _, _ in found] == ["happy", "angry"]
    for (_, start, end), (a, b) in zip(found, ((2, 5), (7, 10)), strict=True):
        assert abs(start - a) < 0.35 and abs(end - b) < 0.35


def test_noise_does_not_flicker():
    noisy = spans(take_of(heard((2, 9, "sad", 0.6), noise=0.15)))
    assert len(noisy) == 1
    # a moment of doubt, a blip, and a wavering about the threshold
    assert len(spans(take_of(heard((2, 5, "sad", 0.9), (5, 5.3, "calm", 0.9), (5.3, 9, "sad", 0.9))))) == 1
    assert spans(take_of(heard((4, 4.3, "angry", 1.0)))) == []
    wavering = [(t, t + 0.25, "happy", 0.29 + 0.08 * (i % 2)) for i, t in enumerate(np.arange(1, 11, 0.25))]
    assert len(spans(take_of(heard(*wavering)))) <= 1


def test_at_most_so_many_at_once():
    mixed = np.zeros((240, len(LABELS)))
    mixed[:, [LABELS.index(x) for x in ("happy", "surprised", "calm")]] = 0.34, 0.33, 0.33
    take = take_of(Track.of(20.0, LABELS, mixed))
    for most in (1, 2, 3):
        labels = {label for label, _, _ in spans(take, replace(STILL, at_most=most, contrast=1.0))}
        assert len(labels) <= most
    chosen = replace(take, moods=(Mood(0, 12, "sad", 0.5),))
    assert {x for x, _, _ in spans(chosen, replace(STILL, at_most=1))} == {"sad"}


def test_contrast_and_strength():
    take = take_of(heard((0, 12, "happy", 0.45)))
    weak, strong = (emotion.solve(take, replace(STILL, contrast=c)) for c in (1.0, 2.5))
    assert at(strong, "mouthSmileLeft", 6) != at(weak, "mouthSmileLeft", 6)
    sure = take_of(heard((0, 12, "happy", 0.8)))
    one, half, none = (
        at(emotion.solve(sure, replace(STILL, strength={"happy": s})), "mouthSmileLeft", 3) for s in (1.0, 0.5, 0.0)
    )
    assert one > half > none == 0
    assert not column(emotion.solve(sure, replace(STILL, heard=0.0)), "mouthSmileLeft").any()


def test_silence_holds_a_while_and_then_relaxes():
    track = emotion.solve(take_of(heard((0, 6, "happy", 0.95), speech=(1, 3))), STILL)
    assert at(track, "mouthSmileLeft", 2) > 0.4
    assert at(track, "mouthSmileLeft", 3.4) > 0.25
    assert at(track, "mouthSmileLeft", 6) < 0.02
    # a short pause is held through
    values = heard((0, 12, "sad", 0.9))
    known = np.ones(values.frames)
    known[100:112] = 0
    gap = Track.of(20.0, LABELS, values.values * known[:, None], known)
    brow = column(emotion.solve(take_of(gap), STILL), "browInnerUp")
    assert brow[5 * 60 : 6 * 60].min() > 0.75 * brow[4 * 60]


def test_words_count_by_their_weight_and_alone_where_no_voice_tells():
    voice, words = heard((0, 12, "neutral", 1.0)), heard((3, 8, "sad", 1.0))
    both = replace(take_of(voice), emotions={"speech_emotion": voice, "text_emotion": words})
    sad = [column(emotion.solve(both, replace(STILL, text_weight=w)), "browInnerUp")[330] for w in (0.0, 0.5, 1.0)]
    assert sad[0] < 0.05 < sad[1] < sad[2]
    alone = replace(both, emotions={"text_emotion": words})
    assert column(emotion.solve(alone, STILL), "browInnerUp")[330] > 0.3


# -- curves ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [x for x in LABELS if x not in ("neutral", "calm")])
def test_a_chosen_emotion_comes_stays_and_goes(label):
    track = emotion.solve(take_of(moods=[Mood(3, 7, label, 1.0)]), STILL)
    size = track.values.sum(1)
    one = poses.read()[label]
    start, full, end = int((3 - one.onset_s / 2 - 0.1) * FPS), int((3.2 + one.onset_s / 2) * FPS), int(7 * FPS)
    assert size[:start].max() == 0 and size[end + int((one.offset_s / 2 + 0.1) * FPS) :].max() == 0
    assert (np.diff(size[start:full]) > -1e-3).all()
    assert size[int(6.4 * FPS)] > 0.6 * size[full]
    assert np.abs(np.diff(track.values, axis=0)).max() < 0.036 / one.onset_s
    assert track.confidence[int(5 * FPS), track.values[int(5 * FPS)] > 0.05].min() > 0.99


def test_emotions_differ_in_brows_lids_cheeks_and_corners():
    shown = {x: emotion.solve(take_of(moods=[Mood(0, 12, x, 1.0)]), STILL).values[100:500].mean(0) for x in LABELS[2:]}
    names = {part: [i for i, c in enumerate(CHANNELS) if c.startswith(stems)] for part, stems in {
        "brows": "brow", "lids": "eye", "corners": ("mouthSmile", "mouthFrown", "mouthStretch", "mouthDimple"),
        "cheeks": ("cheek", "nose")}.items()}  # fmt: skip
    for a in shown:
        for b in shown:
            if a < b:
                far = [np.abs(shown[a][i] - shown[b][i]).max() for i in names.values()]
                assert sum(x > 0.1 for x in far) >= 2, (a, b, far)


def test_the_eyes_smile_with_the_mouth():
    for variant in emotion.variants()["happy"]:
        track = emotion.solve(take_of(moods=[Mood(0, 12, "happy", 1.0)]), replace(STILL, variant={"happy": variant}))
        smile, cheek = column(track, "mouthSmileLeft"), column(track, "cheekSquintLeft")
        assert smile.max() > 0.5 and (cheek >= 0.5 * smile - 1e-6).all()


def test_sides_differ_a_little_and_the_left_is_stronger_on_the_whole():
    ratio = []
    take = take_of(moods=[Mood(0, 3, "happy", 1.0)], seconds=3.0)
    for seed in range(30):
        track = emotion.solve(take, replace(STILL, seed=seed))
        ratio.append(at(track, "mouthSmileLeft", 2) / at(track, "mouthSmileRight", 2))
    assert 1.0 < np.mean(ratio) < 1.15 and np.std(ratio) > 0.01 and min(ratio) > 0.85 and max(ratio) < 1.25


def test_the_same_input_gives_the_same_and_another_seed_another():
    take = take_of(heard((1, 11, "angry", 0.9)), loudness=loud(), pitch=pitch())
    a, b = emotion.solve(take), emotion.solve(take)
    np.testing.assert_array_equal(a.values, b.values)
    assert np.abs(emotion.solve(take, EmotionStyle(seed=1)).values - a.values).max() > 0.05
    # what comes later changes nothing before
    longer = emotion.solve(take_of(moods=[Mood(1, 3, "sad", 1)], seconds=24), EmotionStyle())
    shorter = emotion.solve(take_of(moods=[Mood(1, 3, "sad", 1)], seconds=12), EmotionStyle())
    np.testing.assert_allclose(longer.values[:600], shorter.values[:600], atol=1e-6)


def parts_of(take, episode, one, style):
    return emotion._parts(take.seconds, np.zeros(0), episode, one, style, 1)


def test_a_voice_that_shouts_gets_another_face_than_a_cold_one():
    def drawn(arousal):
        names = []
        take = replace(take_of(heard((1, 6, "angry", 0.95))), signals={"affect": affect(1.0, arousal)})
        episode = next(e for e in feelings.episodes(take, STILL) if e.label == "angry")
        for seed in range(20):
            parts = parts_of(take, episode, poses.read()["angry"], EmotionStyle(seed=seed))
            names += [p.variant.name for p in parts]
        return names

    assert drawn(0.95).count("shout") > 12 and drawn(0.2).count("shout") < 3


def test_a_long_mood_changes_its_variant_and_a_named_one_stays():
    take = take_of(moods=[Mood(0, 60, "happy", 1.0)], seconds=60.0)
    episode = feelings.episodes(take, STILL)[0]
    parts = parts_of(take, episode, poses.read()["happy"], STILL)
    assert len(parts) > 5 and len({p.variant.name for p in parts}) > 2
    smile = column(emotion.solve(take, STILL), "mouthSmileLeft")
    assert smile.min() > 0.3 and np.abs(np.diff(smile)).max() < 0.03
    named = parts_of(take, episode, poses.read()["happy"], replace(STILL, variant={"happy": "grin"}))
    assert {p.variant.name for p in named} == {"grin"}
    with pytest.raises(InputError, match="no variant") as error:
        emotion.solve(take, replace(STILL, variant={"happy": "smirk"}))
    assert "grin" in error.value.hint


def test_moods_next_to_each_other_go_over_into_each_other():
    track = emotion.solve(take_of(moods=[Mood(0, 6, "happy", 1), Mood(6, 12, "sad", 1)]), STILL)
    assert at(track, "mouthSmileLeft", 3) > 0.4 and at(track, "mouthSmileLeft", 8) == 0
    assert at(track, "mouthFrownLeft", 3) == 0 and at(track, "mouthFrownLeft", 9) > 0.3
    assert np.abs(np.diff(track.values, axis=0)).max() < 0.05


def test_chosen_leaves_nothing_to_heard_by_its_strength():
    voice = heard((0, 12, "happy", 1.0))
    free = at(emotion.solve(take_of(voice), STILL), "mouthSmileLeft", 5)
    for strength, rest in ((1.0, 0.0), (0.5, 0.5)):
        track = emotion.solve(take_of(voice, [Mood(2, 9, "angry", strength)]), STILL)
        smile = at(track, "mouthSmileLeft", 5)
        assert smile <= 0.75 * free if rest else smile < 0.02
        assert at(track, "browDownLeft", 5) > 0.35
    calmed = emotion.solve(take_of(voice, [Mood(0, 12, "neutral", 1.0)]), STILL)
    assert calmed.values.max() < 0.1


# -- prosody, life ---------------------------------------------------------------------------------------------------


def bumps(times, height):
    return sum(height * np.exp(-(((times - t) / 0.12) ** 2)) for t in (2.0, 5.0, 8.0))


def loud():
    times = np.arange(1200) / 100
    return Track.of(100.0, ("level",), (-30 + bumps(times, 12.0))[:, None])


def pitch():
    times = np.arange(1200) / 100
    f0 = 120 * 2 ** (bumps(times, 7.0) / 12)
    return Track.of(100.0, ("f0", "voiced"), np.stack([f0, np.ones(len(f0))], 1))


def test_brows_rise_a_little_before_the_accents():
    take = take_of(loudness=loud(), pitch=pitch())
    found = [t for t, _ in accents.accents(take, 0)]
    assert set(np.round(found)) <= {2.0, 5.0, 8.0} and len(found) >= 2
    brow = column(emotion.solve(take, EmotionStyle(micro=0)), "browOuterUpLeft")
    for t in found:
        peak = int((t - 0.4) * FPS) + brow[int((t - 0.4) * FPS) : int((t + 0.4) * FPS)].argmax()
        assert -0.2 < peak / FPS - t < 0.05 and brow[peak] > 0.15
    assert brow[int(3.5 * FPS)] == 0
    assert not emotion.solve(take, STILL).values.any()
    angry = emotion.solve(replace(take, moods=(Mood(0, 12, "angry", 0.6),)), EmotionStyle(micro=0))
    plain = emotion.solve(replace(take, moods=(Mood(0, 12, "angry", 0.6),)), STILL)
    k = int((found[0] - 0.05) * FPS)
    assert angry.column("browDownLeft")[k] > plain.column("browDownLeft")[k] + 0.02


def test_steady_sound_has_no_accents():
    flat = Track.of(100.0, ("level",), np.full((1200, 1), -20.0))
    hum = Track.of(100.0, ("f0", "voiced"), np.tile([110.0, 1.0], (1200, 1)))
    assert accents.accents(take_of(loudness=flat, pitch=hum), 0) == []
    assert accents.accents(take_of(), 0) == []


def test_a_neutral_face_is_alive_but_calm():
    track = emotion.solve(take_of(heard(), seconds=60.0))
    assert track.values.max() < 0.12
    moving = track.values.std(0)
    assert (moving > 0.002).sum() >= 8
    # nothing trembles: hardly any power above 1.5 Hz
    power = np.abs(np.fft.rfft(track.values - track.values.mean(0), axis=0)) ** 2
    hz = np.fft.rfftfreq(track.frames, 1 / FPS)
    assert power[hz > 1.5].sum() < 0.01 * power.sum()
    assert not emotion.solve(take_of(), replace(STILL)).values.any()


# -- in the pipeline -------------------------------------------------------------------------------------------------


def test_the_layer_is_made_anew_only_where_another_is_asked_for(tmp_path):
    take = take_of(heard((1, 11, "happy", 0.9)))
    plain = pipeline.channels(take, Style())
    assert not plain.column("mouthSmileLeft").any()
    stored = emotion.remade(take, EmotionStyle())
    assert emotion.made(stored, EmotionStyle()) is stored
    takes.write(stored, tmp_path / "t.faceanim")
    back = takes.read(tmp_path / "t.faceanim")
    assert emotion.made(back, EmotionStyle()) is back
    more = Style(emotion=EmotionStyle(strength={"happy": 0.2}))
    assert at(pipeline.channels(back, more), "mouthSmileLeft", 4) < 0.5 * at(
        pipeline.channels(back, Style()), "mouthSmileLeft", 4
    )
    assert emotion.made(back, more.emotion) is emotion.made(back, more.emotion)
    sad = replace(back, moods=(Mood(0, 12, "sad", 1.0),))
    assert at(pipeline.channels(sad, Style()), "mouthFrownLeft", 4) > 0.3
    # the stored layer itself is as it was
    np.testing.assert_array_equal(back.layers["emotion"].values, stored.layers["emotion"].values)


def test_closures_hold_under_every_emotion():
    from faceanim.core.speech import Speech
    from faceanim.solve.speech import solve

    phones, now = [], 0.4
    while now < 11:
        for ipa in "pabumifovase":
            phones.append(Phone(now, now + 0.09, ipa, 0.9))
            now += 0.09
        now += 0.2
    lips = solve(Speech(tuple(phones)), SECONDS, FPS)
    base = Take(FPS, lips.frames, {"lips": lips}, tuple(phones))
    calm = pipeline.channels(base, Style())
    for label in LABELS:
        track = pipeline.channels(replace(base, moods=(Mood(0, 12, label, 1.0),)), Style())
        assert track.channels == ALL and track.values.min() >= -1e-6
        for p in phones:
            k = int(round((p.start + p.end) / 2 * FPS))
            if p.ipa in "pbm":
                assert track.column("jawOpen")[k] - track.column("mouthClose")[k] < 0.02
                assert track.column("mouthUpperUpLeft")[k] < 0.03 and track.column("mouthLowerDownLeft")[k] < 0.05
            if p.ipa in "uo":
                for name in ("mouthPucker", "mouthFunnel"):
                    assert track.column(name)[k] > calm.column(name)[k] - 0.03
        spoken = [round((p.start + p.end) / 2 * FPS) for p in phones if p.ipa in "auioe"]
        jaw, before = (t.column("jawOpen")[spoken] for t in (track, calm))
        assert np.corrcoef(jaw, before)[0, 1] > 0.97 and (jaw > before - 0.02).all()


def test_a_minute_is_quick():
    import time

    take = take_of(heard(*((t, t + 4, LABELS[2 + int(t / 5) % 6], 0.9) for t in range(0, 60, 5)), seconds=60.0),
                   seconds=60.0)
    began = time.process_time()
    emotion.solve(take)
    spent = time.process_time() - began
    print(f"60 s at 60 fps: {spent * 1e3:.0f} ms")
    assert spent < 0.6
