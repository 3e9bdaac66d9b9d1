"""The phone network and its decoding, on real speech where there is any."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from faceanim.features import mel
from faceanim.features.phone_classes import INDEX, NAMES, SOUNDS, classes
from faceanim.features.viterbi import Viterbi

torch = pytest.importorskip("torch")

from faceanim.engine.phones import WEIGHTS, model, phone_network  # noqa: E402
from faceanim.errors import FormatError  # noqa: E402
from faceanim.features.phones import CONTEXT, posteriors  # noqa: E402
from faceanim.nets import phones as nets  # noqa: E402
from faceanim.source import audio  # noqa: E402

RATE = 16000


def sweep(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 200 * t * (1 + 0.3 * np.sin(t))) * (np.sin(7 * t) > 0)).astype(np.float32)


def test_mel_of_a_stream_is_that_of_the_whole():
    sound = sweep(6.123)
    blocks = np.split(sound, [100, 101, 40000, 90001])
    np.testing.assert_allclose(np.concatenate(list(mel.stream(blocks, 50))), mel.log_mel(sound), atol=1e-4)
    loudest = mel.log_mel(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).mean(0)
    assert abs(int(loudest.argmax()) - 21) <= 1
    assert mel.log_mel(np.zeros(RATE)).max() <= np.log(mel.FLOOR) + 1e-3


def test_classes_of_ipa():
    assert [NAMES[i] for i, _ in classes("aɪ")] == ["a", "ih"]
    assert [NAMES[i] for i, _ in classes("t͡ʃ")] == ["tcl", "sh"]
    assert classes("pʰ") == [(INDEX["pcl"], False)] and classes("b") == [(INDEX["pcl"], True)]
    assert classes("ç") == [(INDEX["palatal"], False)] and classes("") == []
    assert len(set(NAMES)) == len(NAMES)


def test_viterbi_keeps_durations_and_does_not_depend_on_the_parts():
    rng = np.random.default_rng(3)
    change, shortest = np.full((5, 5), -2.0), np.array([1, 2, 3, 4, 5])
    scores = rng.normal(0, 2, (2000, 5))
    whole = Viterbi(change, shortest, 100)
    once = np.concatenate((whole.push(scores), whole.finish()))
    parted = Viterbi(change, shortest, 100)
    parts = np.concatenate([*(parted.push(p) for p in np.array_split(scores, 37)), parted.finish()])
    np.testing.assert_array_equal(once, parts)
    edges = np.flatnonzero(np.diff(once)) + 1
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        assert b - a >= shortest[once[a]]


def test_posteriors_of_a_stream_are_those_of_the_whole():
    """At one level the parts' edges are not heard: the network looks no further than CONTEXT."""
    assert nets.CONTEXT <= CONTEXT
    net = model()
    sound = np.tile(sweep(2.0), 10)
    whole = np.concatenate([log for log, _ in posteriors([sound], net.predict)])
    parts = np.concatenate([log for log, _ in posteriors(np.array_split(sound, 61), net.predict)])
    assert len(whole) == len(parts) == 2000
    np.testing.assert_allclose(whole, parts, atol=1e-3)


@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.05, 0.3])
def test_short_and_silent_sounds(seconds):
    source = phone_network()
    heard = source([np.zeros(int(seconds * RATE), np.float32)])
    assert heard.phones == () and heard.quality["speech"] == "none"
    noise = np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    source([noise, np.full(100, np.nan, np.float32)])


def test_weights_of_another_network_are_refused(tmp_path):
    from faceanim.formats import safetensors

    safetensors.write(tmp_path / "other.safetensors", {"a": np.zeros(3, np.float32)}, {"sounds": " ".join(NAMES)})
    with pytest.raises(FormatError):
        model(tmp_path / "other.safetensors")
    with pytest.raises(FormatError):
        model(tmp_path / "none.safetensors")


def test_lips_that_close_are_heard(data):
    """Of speakers that no training heard, most p b m, and not many more."""
    source = phone_network()
    with open(data / "emodb" / "index.csv", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["speaker"] in ("13", "14") and r["labels"]][::9]
    hits = count = false = found = 0
    for row in rows:
        heard = source([audio.read(data / "emodb" / row["path"])])
        times = [(p.start, p.end) for p in heard.phones]
        assert times == sorted(times) and all(a < b for a, b in times)
        closed = [(p.start, p.end) for p in heard.phones if p.ipa in ("p", "b", "m")]
        with open(data / "emodb" / row["labels"], encoding="utf-8") as file:
            labels = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        spans = [(float(r["start_s"]), float(r["end_s"])) for r in labels
                 if r["phone"].lstrip("_") in ("p", "b", "m") and r["in_audio"] == "1"]  # fmt: skip
        meets = np.array([[a < d + 0.04 and c - 0.04 < b for a, b in closed] for c, d in spans], bool)
        meets = meets.reshape(len(spans), len(closed))
        hits, count = hits + meets.any(1).sum(), count + len(spans)
        false, found = false + (~meets.any(0)).sum(), found + len(closed)
    assert hits / count > 0.8 and false / found < 0.25


def test_a_file_is_read_once_until_it_changes(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(WEIGHTS.read_bytes())
    first = model(path)
    assert model(path) is first and model(str(path)) is first
    path.write_bytes(WEIGHTS.read_bytes())
    os.utime(path, ns=(1, 1))
    assert model(path) is not first


def test_the_file_is_small():
    assert WEIGHTS.stat().st_size < 20e6
    assert len(model().prior) == len(SOUNDS)
