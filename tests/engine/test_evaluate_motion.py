"""`evaluate motion`: what it counts is what was made, and its page is whole."""

import json

import numpy as np
import pytest

from faceanim.cli import main
from faceanim.core.take import Phone, Take
from faceanim.core.track import Track
from faceanim.evaluate import motion, motion_measures
from faceanim.formats import takes
from faceanim.pipeline import remade

FPS = 60.0


def made(seconds=40.0) -> Take:
    """Speech with a pause every three seconds, and what is drawn from it."""
    phones = tuple(
        Phone(t, t + 0.1, "a" if i % 2 else "t", 1.0)
        for i, t in enumerate(np.arange(0.5, seconds - 1, 0.1).tolist())
        if t % 3 > 0.6
    )
    times = np.arange(int(seconds * 100)) / 100
    level = np.where(times % 3 > 0.6, -22 + 3 * np.sin(9 * times), -65)
    frames = int(seconds * FPS)
    take = Take(FPS, frames, {"lips": Track.of(FPS, ("jawOpen",), np.zeros((frames, 1)))}, phones,
                signals={"loudness": Track.of(100, ("level",), level[:, None])})  # fmt: skip
    for layer in ("gaze", "head", "blink"):
        take = remade(take, layer, seed=1)
    return take


def blinking(times, closing, opening, seconds=20.0, held=0.0) -> Take:
    """Straight lids: full at `times`, else held where a mood or a look has them."""
    t = np.arange(int(seconds * FPS)) / FPS
    lids = np.full(len(t), held)
    for time in times:
        lids = np.maximum(lids, np.clip(np.minimum((t - time) / closing + 1, (time - t) / opening + 1), 0, 1))
    track = Track.from_columns(FPS, {"eyeBlinkLeft": lids, "eyeBlinkRight": lids})
    return Take(FPS, len(t), {"expression": track})


@pytest.mark.parametrize("held", [0.0, 0.25])
def test_blinks_are_counted_and_timed(held):
    # lids that come from half way take as much of the time
    found = motion.of(blinking([2.0, 5.0, 9.5], 0.1 / (1 - held), 0.2 / (1 - held), held=held)).blinks
    np.testing.assert_allclose(found.start, [1.91, 4.91, 9.41], atol=0.02)
    np.testing.assert_allclose(found.closing, 0.085, atol=0.02)
    np.testing.assert_allclose(found.opening, 0.17, atol=0.03)
    assert (found.depth > motion_measures.FULL).all()


@pytest.mark.parametrize("rate", [30.0, 60.0, 500.0])
def test_saccades_are_measured_as_they_are(rate):
    times = np.arange(int(10 * rate)) / rate
    sizes, eyes = np.array([3.0, 8.0, 15.0]), np.zeros((len(times), 2))
    for k, size in enumerate(sizes):
        eyes[:, 0] += size * motion_measures.step((times - 1.004 - 2 * k) / (0.021 + 0.0022 * size))
    found = motion_measures.saccades(eyes, rate)
    np.testing.assert_allclose(found.size, sizes, rtol=0.12)  # the slow ends may be missed
    np.testing.assert_allclose(found.peak / motion_measures.seen_peak(found.size, rate), 1, atol=0.3)
    np.testing.assert_allclose(found.start, [1.0, 3.0, 5.0], atol=1.1 / rate + 0.01)


def test_the_head_s_spectrum_tells_its_rate():
    times = np.arange(int(60 * FPS)) / FPS
    head = np.stack([3 * np.sin(2 * np.pi * 2.5 * times), np.zeros_like(times), np.zeros_like(times)], 1)
    hertz, power = motion_measures.spectrum(head, FPS)
    assert abs(hertz[power.argmax()] - 2.5) < 0.2
    assert abs(power.sum() * hertz[1] - 4.5) < 0.2  # the variance


def test_a_take_gives_a_report_and_a_page(tmp_path, capsys):
    takes.write(made(), tmp_path / "a.faceanim")
    takes.write(blinking([2.0, 5.0], 0.1, 0.2), tmp_path / "b.faceanim")
    files = [str(tmp_path / "a.faceanim"), str(tmp_path / "b.faceanim")]
    page, report = tmp_path / "page", tmp_path / "r.json"
    assert main(["evaluate", "motion", *files, "-o", str(page), "--json", str(report), "--quiet"]) == 0
    found = json.loads(report.read_text())
    assert found["n"] == 2 and found["seconds"] == 60.0 and found["blinks"] > 10
    assert set(found["measures"]) == {row["name"] for row in motion.published()}
    fields = {"value", "published", "low", "high", "unit", "source", "usual"}
    assert all(set(row) == fields for row in found["measures"].values())
    html = (page / "index.html").read_text()
    for name in ("measures", "blinks", "saccades", "head", "piece"):
        assert f'src="{name}.png"' in html and (page / f"{name}.png").stat().st_size > 5000
    assert main(["evaluate", "motion", files[0], "--quiet"]) == 0
    assert main(["evaluate", "motion", files[0]]) == 0
    assert "main sequence" in capsys.readouterr().out


def test_what_cannot_be_measured_is_told(tmp_path, capsys):
    takes.write(made(), tmp_path / "a.faceanim")
    (tmp_path / "b.faceanim").write_bytes(b"no take")
    report = tmp_path / "r.json"
    both = [str(tmp_path / name) for name in ("b.faceanim", "a.faceanim")]
    assert main(["evaluate", "motion", *both, "--json", str(report), "--quiet"]) == 0
    assert list(json.loads(report.read_text())["failed"]) == [both[0]]
    assert main(["evaluate", "motion", both[0]]) == 1
    assert "hint:" in capsys.readouterr().err
    assert main(["evaluate", "motion", str(tmp_path / "none.faceanim")]) == 1
    assert main(["evaluate", "lips", str(tmp_path), str(tmp_path)]) == 1
    assert "takes one folder" in capsys.readouterr().err
