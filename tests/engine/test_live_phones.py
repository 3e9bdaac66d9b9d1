"""Phones while somebody speaks: nothing later than the look-ahead is heard, however the sound comes."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from faceanim.features import mel
from faceanim.features.live_phones import LOOK_AHEAD, joined

torch = pytest.importorskip("torch")

from faceanim.engine.phones import live_phones  # noqa: E402
from faceanim.source import audio  # noqa: E402

RATE = 16000


def chirps(seconds: float, seed: int = 0) -> np.ndarray:
    rng, t = np.random.default_rng(seed), np.arange(int(seconds * RATE)) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 40 * np.sin(3 * t)) / RATE
    sound = sum(np.sin(k * pitch) * (1 + np.sin(5 * t + k)) / k for k in range(1, 20)) * (np.sin(8 * t) > -0.3)
    return (0.05 * sound + 0.003 * rng.normal(size=len(t))).astype(np.float32)


def heard(blocks, **options) -> list:
    live = live_phones(**options)
    return [frame for block in blocks for frame in live.push(block)] + live.finish()


def test_every_frame_is_given_once_and_blocks_do_not_matter():
    sound = chirps(3.017)
    whole = heard([sound])
    assert [f.time for f in whole] == pytest.approx((np.arange(len(sound) // mel.HOP) + 0.5) / mel.FRAME_HZ)
    cuts = np.sort(np.random.default_rng(1).integers(0, len(sound), 150))
    parts = heard(np.split(sound, cuts))
    np.testing.assert_allclose([f.posterior for f in whole], [f.posterior for f in parts], atol=1e-3)
    assert [f.sound for f in whole] == [f.sound for f in parts]
    assert heard([]) == [] and heard([np.zeros(0, np.float32)]) == []


@pytest.mark.parametrize("look_ahead", [0.05, LOOK_AHEAD])
def test_what_comes_later_than_the_look_ahead_changes_nothing(look_ahead):
    sound = chirps(1.5)
    end = 1.2
    other = sound.copy()
    other[int(end * RATE) :] = chirps(1.5, 7)[::-1][int(end * RATE) :] * 3
    before = [f for f in heard([sound], look_ahead=look_ahead) if f.time + 0.005 + look_ahead <= end + 1e-9]
    after = heard([other], look_ahead=look_ahead)[: len(before)]
    assert len(before) >= int((end - look_ahead) * 100)
    for a, b in zip(before, after, strict=True):
        assert a.sound == b.sound and a.voice == b.voice
        np.testing.assert_array_equal(a.posterior, b.posterior)


def test_a_frame_is_given_as_soon_as_its_look_ahead_is_heard():
    live, sound, late = live_phones(), chirps(1.0), []
    for k, block in enumerate(np.split(sound, len(sound) // 80)):
        now = (k + 1) * 80 / RATE
        late += [now - (f.time + 0.005) for f in live.push(block)]
    assert 0 < max(late) <= LOOK_AHEAD + 80 / RATE


def test_a_wrong_look_ahead_is_refused():
    for seconds in (0.0, 2.0, -1.0):
        with pytest.raises(ValueError):
            live_phones(look_ahead=seconds)


def test_lips_that_close_are_heard_live(data):
    """Of speakers that no training heard, most p b m while they speak, and not many more."""
    with open(data / "emodb" / "index.csv", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["speaker"] in ("13", "14") and r["labels"]][::13]
    hits = count = false = found = 0
    for row in rows:
        sound = audio.read(data / "emodb" / row["path"])
        closed = [(p.start, p.end) for p in joined(heard(np.split(sound, range(800, len(sound), 800))))
                  if p.ipa in ("p", "b", "m")]  # fmt: skip
        with open(data / "emodb" / row["labels"], encoding="utf-8") as file:
            labels = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        spans = [(float(r["start_s"]), float(r["end_s"])) for r in labels
                 if r["phone"].lstrip("_") in ("p", "b", "m") and r["in_audio"] == "1"]  # fmt: skip
        meets = np.array([[a < d + 0.04 and c - 0.04 < b for a, b in closed] for c, d in spans], bool)
        meets = meets.reshape(len(spans), len(closed))
        hits, count = hits + meets.any(1).sum(), count + len(spans)
        false, found = false + (~meets.any(0)).sum(), found + len(closed)
    assert hits / count > 0.8 and false / found < 0.25
