"""How something is said: the rule, the network, and both on a stream."""

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")

from faceanim.core.clip import Clip  # noqa: E402
from faceanim.core.emotion import LABELS  # noqa: E402
from faceanim.engine import emotion  # noqa: E402
from faceanim.engine.analysis import analyze  # noqa: E402
from faceanim.engine.emotion import Ear  # noqa: E402
from faceanim.errors import FaceanimError  # noqa: E402
from faceanim.features import affect  # noqa: E402
from faceanim.features.speech import loudness  # noqa: E402
from faceanim.features.speech_emotion import features, settled  # noqa: E402
from faceanim.formats import safetensors  # noqa: E402
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


@pytest.fixture(scope="module")
def network():
    pytest.importorskip("torch", reason="needs torch")
    if not emotion.WEIGHTS.exists():
        pytest.skip("models/speech_emotion is not there")
    return emotion.network()


def test_the_network_hears_what_is_acted(data, network):
    """Clips that it was trained on: this holds the way through the engine, not how well it does."""
    right = 0
    clips = [(n, f"ravdess/Actor_{a}/03-01-0{n + 1}-{'01' if n == 0 else '02'}-01-01-{a}.ogg")
             for n in range(8) for a in ("03", "06", "11")]  # fmt: skip
    for label, clip in clips:
        emotions, _ = heard(audio.read(data / clip), network)
        right += int(emotions["speech_emotion"].values.sum(0).argmax() == label)
    assert right >= 0.6 * len(clips)


def test_blocks_of_any_size_are_heard_alike(data, network):
    sound = np.concatenate([audio.read(data / clip) for clip in (CALM, ANGRY) * 5])
    whole, signals = heard(sound, network, len(sound))
    parts, _ = heard(sound, network, 4321)
    a, b = whole["speech_emotion"].values, parts["speech_emotion"].values
    assert a.shape == b.shape == ((len(sound) // 160 + 3) // 4, len(LABELS))
    assert np.abs(a - b).max() < 0.02
    total = a.sum(1)
    assert (np.isclose(total, 1, atol=1e-4) | (total == 0)).all()
    assert np.abs(signals["affect"].column("valence")).max() <= 1


def test_a_long_recording_is_heard_as_its_parts(data, network):
    """The joints of the pieces that the network hears at a time do not show."""
    pair = np.concatenate([audio.read(data / clip) for clip in (CALM, ANGRY)])
    emotions, _ = heard(np.tile(pair, 8), network)
    n = len(pair) / RATE * 25
    values = emotions["speech_emotion"].values
    rows = [values[round(k * n) : round(k * n) + int(n) - 1] for k in range(1, 7)]
    assert max(np.abs(row - rows[0]).mean() for row in rows) < 0.06


def test_noise_music_and_silence_are_no_speech(network):
    rng = np.random.default_rng(3)
    t = np.arange(6 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * f * k * t) / k**1.5 for f in (220, 277.2, 329.6) for k in range(1, 8))
    notes = chord * np.exp(-3 * (t % 0.5))
    for sound in (0.1 * rng.normal(size=6 * RATE), 0.05 * notes, 1e-4 * rng.normal(size=6 * RATE)):
        emotions, signals = heard(sound.astype(np.float32), network)
        assert (emotions["speech_emotion"].confidence > 0).mean() < 0.3
        assert signals["affect"].column("speech").mean() < 0.3


def test_the_take_says_what_it_was_heard_with(data, network):
    take = analyze(Clip(data / ANGRY), 30.0)
    model = take.provenance["models"]["speech_emotion"]
    assert model["commercial"] == "no" and len(model["hash"]) == 64
    assert take.emotions["speech_emotion"].seconds == pytest.approx(take.seconds, abs=0.1)


def test_weights_that_are_none_are_told(tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    path = tmp_path / "weights.safetensors"
    with pytest.raises(FaceanimError):
        emotion.network(path)
    safetensors.write(path, {"head.corpus": np.zeros((3, 8), np.float16)}, {"labels": " ".join(LABELS)})
    with pytest.raises(FaceanimError) as error:
        emotion.network(path)
    assert "does not hold" in error.value.message and error.value.hint
    safetensors.write(path, {"head.corpus": np.zeros((3, 8), np.float16)}, {"labels": "fine bad"})
    with pytest.raises(FaceanimError, match="other emotions"):
        emotion.network(path)


def test_the_discriminant_finds_what_tells_classes_apart():
    pytest.importorskip("torch", reason="needs torch")
    from faceanim.train.speech_emotion.discriminant import discriminant

    rng = np.random.default_rng(0)
    middles = rng.normal(size=(len(LABELS), 30))
    loud = np.where(np.arange(30) < 10, 20.0, 1.0)  # what varies most tells least

    def drawn(n):
        y = rng.integers(len(LABELS), size=n)
        return (middles[y] + loud * rng.normal(size=(n, 30)) + 5).astype(np.float32), y

    weight, bias = discriminant(*drawn(4000))
    x, y = drawn(2000)
    right = ((x @ weight.T + bias).argmax(1) == y).mean()
    nearest = (((x[:, None] - 5 - middles) ** 2).sum(2).argmin(1) == y).mean()
    assert right > 0.6 > 2 * nearest


def test_half_of_the_chances_comes_from_the_layers_of_the_phone_network():
    torch = pytest.importorskip("torch", reason="needs torch")
    from faceanim.nets import speech_emotion as nets

    net = nets.member(nets.SOUNDS).eval()
    with torch.inference_mode():
        voice = torch.randn(1, 400, nets.BANDS + nets.EXTRAS, generator=torch.Generator().manual_seed(0))
        silence = torch.full_like(voice, -1.5)
        found = net.statistics(torch.cat((silence, voice, silence), 1))[0]
        alone = net.statistics(voice)[0]
    assert found.shape == (300, net.answer.in_features)
    # silence around a voice hardly counts, but the layers see some of it
    np.testing.assert_allclose(found[150], alone[50], atol=0.1)
