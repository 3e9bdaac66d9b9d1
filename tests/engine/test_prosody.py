"""Pitch against made sound and against pYIN."""


import numpy as np
import pytest

from faceanim.features import prosody
from faceanim.source import audio

RATE = prosody.RATE


def voice(f: np.ndarray, noise: float = 0.002) -> np.ndarray:
    """A buzz of pitch f (n,) in Hz."""
    phase = 2 * np.pi * np.cumsum(f) / RATE
    tones = sum(np.sin(k * phase) / k * (k * f < 7000) for k in range(1, 25))
    return 0.05 * tones + np.random.default_rng(0).normal(0, noise, len(f))


@pytest.mark.parametrize("low, high", [(80, 160), (110, 300), (200, 600), (400, 780)])
def test_a_gliding_voice_is_followed(low, high):
    f = low * (high / low) ** ((1 + np.sin(2 * np.pi * 0.8 * np.arange(4 * RATE) / RATE)) / 2)
    f0, voiced = prosody.pitch(voice(f))
    cents = 1200 * np.abs(np.log2(np.maximum(f0, 1) / f[80::160]))
    assert (f0 > 0).mean() > 0.99 and voiced.min() >= 0.5
    assert np.median(cents) < 8 and cents[5:-5].max() < 60


def test_it_agrees_with_pyin_on_speech(data):
    librosa = pytest.importorskip("librosa")
    clips = ["ravdess/Actor_01/03-01-03-02-02-02-01.ogg", "ravdess/Actor_06/03-01-04-01-01-02-06.ogg",
             "emodb/wav/03b03Nb.flac", "emodb/wav/13a07Lb.flac"]  # fmt: skip
    cents, same = [], []
    for clip in clips:
        sound = audio.read(data / clip)
        f0, _ = prosody.pitch(sound)
        theirs, _, _ = librosa.pyin(sound, fmin=55, fmax=820, sr=RATE, frame_length=1024, hop_length=160)
        # theirs stand at the beginnings of the hops, ours in their middles
        theirs = np.sqrt(theirs[:-1] * theirs[1:])
        n = min(len(f0), len(theirs))
        both = (f0[:n] > 0) & np.isfinite(theirs[:n])
        cents.append(1200 * np.log2(f0[:n][both] / theirs[:n][both]))
        same.append((f0[:n] > 0) == np.isfinite(theirs[:n]))
    off = np.abs(np.concatenate(cents))
    assert len(off) > 400 and (off > 600).mean() < 0.02 and np.median(off) < 30
    assert np.concatenate(same).mean() > 0.8


def test_silence_noise_and_rubbish_have_no_pitch():
    rng = np.random.default_rng(1)
    assert not prosody.pitch(np.zeros(RATE))[0].any()
    assert (prosody.pitch(rng.normal(0, 0.1, RATE * 3))[0] > 0).mean() < 0.05
    broken = voice(np.full(RATE, 150.0))
    broken[4000:4100] = np.nan
    f0, voiced = prosody.pitch(broken)
    assert np.isfinite(f0).all() and np.isfinite(voiced).all() and abs(np.median(f0) - 150) < 2
    assert prosody.pitch(np.zeros(0))[0].shape == (0,)
    assert prosody.pitch(np.zeros(100))[0].shape == (1,)


@pytest.mark.parametrize("size", [160, 7919, 16000, 400000])
def test_blocks_of_any_size_give_the_same(size):
    f = 140 * 2 ** (0.5 * np.sin(np.arange(25 * RATE) / 9000))
    sound = (voice(f, 0.01) * (np.arange(len(f)) % 20000 < 15000)).astype(np.float32)
    whole = np.stack(prosody.pitch(sound), 1)
    parts = np.concatenate(list(prosody.stream(sound[i : i + size] for i in range(0, len(sound), size))))
    assert parts.shape == whole.shape == (2500, 2)
    np.testing.assert_allclose(parts, whole, atol=1e-3)
