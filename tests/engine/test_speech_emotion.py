"""How something is said: the rule, the network, and both on a stream."""

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")

from faceanim.core.clip import Clip  # noqa: E402
from faceanim.core.emotion import LABELS  # noqa: E402
from faceanim.engine import emotion  # noqa: E402
from faceanim.engine.analysis import analyze  # noqa: E402
from faceanim.engine.emotion import Ear  # noqa: E402
from faceanim.features import affect  # noqa: E402
from faceanim.features.speech import loudness  # noqa: E402
from faceanim.features.speech_emotion import features, settled  # noqa: E402
from faceanim.source import audio  # noqa: E402

RATE = 16000
CALM, ANGRY = "ravdess/Actor_05/03-01-02-01-01-01-05.ogg", "ravdess/Actor_05/03-01-05-02-01-01-05.ogg"


def heard(sound, predict=None, size=RATE):
    ear = Ear(predict)
    for _ in ear.through(sound[i : i + size] for i in range(0, len(sound), size)):
        pass
    return ear.tracks(loudness(sound))


def test_a_shout_is_more_aroused_than_a_calm_voice(data):
    calm, angry = (audio.read(data / clip) for clip in (CALM, ANGRY))
    emotions, signals = heard(np.concatenate((calm, angry)))
    value, speech = signals["affect"].column("arousal"), emotions["speech_emotion"].confidence[:, 0] > 0
    half = round(len(calm) / RATE * signals["affect"].fps)
    assert value[half:][speech[half:]].mean() > value[:half][speech[:half]].mean() + 0.2


def test_rows_are_chances_or_nothing(data):
    sound = np.concatenate((audio.read(data / ANGRY), np.zeros(3 * RATE, np.float32)))
    emotions, signals = heard(sound)
    track = emotions["speech_emotion"]
    assert track.channels == LABELS and track.fps == signals["affect"].fps == 25.0
    total = track.values.sum(1)
    there = track.confidence[:, 0] > 0
    np.testing.assert_allclose(total[there], 1, atol=1e-5)
    assert not total[~there].any() and there.any() and not there[-50:].any()
    assert signals["pitch"].frames == -(-len(sound) // 160) and track.frames == -(-signals["pitch"].frames // 4)


def test_nothing_is_said_of_no_sound():
    for sound in (np.zeros(0, np.float32), np.zeros(1, np.float32), np.zeros(RATE, np.float32)):
        emotions, signals = heard(sound)
        assert not emotions["speech_emotion"].values.any() and not signals["pitch"].column("f0").any()


def test_arousal_alone_leaves_much_neutral():
    said = affect.probabilities(np.array([-0.9, 0.0, 0.9]))
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-6)
    assert said[0, LABELS.index("calm")] > said[2, LABELS.index("calm")]
    assert said[2, LABELS.index("angry")] > said[0, LABELS.index("angry")]
    assert said.argmax(1)[1] == LABELS.index("neutral")


def test_pauses_are_bridged_and_silence_is_not():
    said = np.ones((100, 12), np.float32)
    said[:, -1] = 0
    said[10:30, -1] = said[40:50, -1] = 0.9
    out, sure = settled(said)
    assert (sure[5:55] > 0).all() and not sure[70:].any() and not out[70:].any()


def test_features_do_not_know_the_recordings_level():
    rng = np.random.default_rng(0)
    mel = rng.normal(-6, 2, (200, 64)).astype(np.float32)
    pitch = np.stack((np.full(200, 150.0), np.ones(200)), 1).astype(np.float32)
    np.testing.assert_allclose(features(mel, pitch), features(mel - 4, pitch), atol=1e-4)
    assert features(mel, pitch).shape == (200, 68)


def test_without_weights_the_rule_stands_in(data, monkeypatch, tmp_path):
    monkeypatch.setattr(emotion, "WEIGHTS", tmp_path / "weights.safetensors")
    take = analyze(Clip(data / ANGRY), 30.0)
    assert "speech_emotion" not in take.provenance["models"]
    assert take.emotions["speech_emotion"].values.any() and "affect" in take.signals and "pitch" in take.signals
