"""The page of `evaluate motion`: each measure beside people's, and pictures of what they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt

from ..core.files import replacing
from ..solve.phrasing import constants
from . import motion_measures as measures
from .motion import published
from .motion_measures import Motion
from .report import Page

HERE, PEOPLE, SHADE = "#2e86ab", "#d1495b", "#f4d6d6"
SHOWN_S = 30.0


def write(report: Mapping[str, Any], found: Mapping[str, Motion], folder: Path) -> Path:
    """index.html, its pictures and report.json into a folder, which is made where it is missing."""
    motions = list(found.values())
    page = Page(f"Motion of {report['n']} takes, {report['seconds'] / 60:.1f} minutes", folder)
    page.heading("Figures", "What is animated beside what was measured of people, with the range that is still usual.")
    page.table(["", "here", "people", "usual", "", "source"], list(_rows(report)))
    page.picture("measures", _overview(report), "Every measure against the range that is usual")
    if report["failed"]:
        page.heading("Not measured")
        page.table(["file", "why"], report["failed"].items())
    page.heading("Blinks", "Intervals between blinks, with a log-normal distribution of the published mean and spread; "
                 "durations; where in a phrase blinks begin.")  # fmt: skip
    page.picture("blinks", _blinks(motions), "Histograms of blink intervals, durations and places")
    page.heading("Saccades", "Peak velocity against size: each saccade, and the main sequence as it is seen at this "
                 "frame rate and as it is.")  # fmt: skip
    page.picture("saccades", _saccades(motions), "Main sequence, sizes and fixations")
    page.heading("Head", "Power of the head's rotations; the bands are those of slow, ordinary and rapid movements.")
    page.picture("head", _head(motions), "Spectrum of the head and its angles")
    page.heading("A piece of it")
    name = max(found, key=lambda n: found[n].seconds)
    page.picture("piece", _piece(found[name]), f"Head, eyes and blinks of {name} over time")
    with replacing(page.folder / "report.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1), "utf-8")
    return page.write()


def _rows(report: Mapping[str, Any]):
    titles = {row["name"]: row["title"] for row in published()}
    for name, row in report["measures"].items():
        value = "-" if row["value"] is None else f"{row['value']:.3g} {row['unit']}"
        verdict = {True: "", False: "unusual", None: "too little"}[row["usual"]]
        span = f"{row['low']:g} to {row['high']:g}"
        yield titles[name], value, f"{row['published']:g}", span, verdict, row["source"]


def _clean(*axes) -> None:
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)


def _overview(report: Mapping[str, Any]) -> plt.Figure:
    titles = {row["name"]: row["title"] for row in published()}
    rows = [(titles[n], r) for n, r in report["measures"].items() if r["value"] is not None]
    figure, axis = plt.subplots(figsize=(10, 0.27 * len(rows) + 0.6), layout="constrained")
    for k, (_, row) in enumerate(rows):
        width = max(row["high"] - row["low"], 1e-9)
        place = [(row[name] - row["low"]) / width for name in ("value", "published")]
        axis.barh(k, 1, color=SHADE, height=0.7)
        axis.plot([place[1]] * 2, [k - 0.35, k + 0.35], color=PEOPLE, lw=2)
        axis.plot(np.clip(place[0], -0.45, 1.45), k, "o", color=HERE, ms=6)
    axis.set_yticks(range(len(rows)), [title for title, _ in rows], fontsize=8)
    axis.set(xlim=(-0.5, 1.5), ylim=(len(rows) - 0.4, -0.6), xticks=[0, 1], xticklabels=["least usual", "most usual"])
    axis.set_title("dot: here; bar: people", fontsize=8, loc="right")
    _clean(axis)
    return figure


def _blinks(motions: Sequence[Motion]) -> plt.Figure:
    figure, axes = plt.subplots(1, 3, figsize=(13, 3), layout="constrained")
    apart, settings = measures.intervals(motions), constants("blink")
    bins = np.arange(0, 12.5, 0.5)
    axes[0].hist(np.clip(apart, 0, 12), bins, density=True, color=HERE)
    x = np.linspace(0.05, 12, 300)
    mean, spread = 60 / settings["speaking_per_min"], np.sqrt(np.log(1 + settings["interval_cv"] ** 2))
    curve = np.exp(-((np.log(x / mean) + spread**2 / 2) ** 2) / (2 * spread**2)) / (x * spread * np.sqrt(2 * np.pi))
    axes[0].plot(x, curve, color=PEOPLE, lw=1.5)
    axes[0].set(xlabel="seconds between blinks", ylabel="density", xlim=(0, 12))
    closing, opening = (np.concatenate([getattr(m.blinks, n) for m in motions]) for n in ("closing", "opening"))
    for values, colour, label in ((closing, PEOPLE, "closing"), (opening, HERE, "opening")):
        axes[1].hist(1000 * values, np.arange(0, 400, 10), color=colour, alpha=0.7, label=label)
    axes[1].set(xlabel="ms")
    axes[1].legend(frameon=False, fontsize=8)
    depth = np.concatenate([m.blinks.depth for m in motions])
    axes[2].hist(depth, np.linspace(0.4, 1.0001, 25), color=HERE)
    axes[2].set(xlabel="how far the lids close")
    _clean(*axes)
    return figure


def _saccades(motions: Sequence[Motion]) -> plt.Figure:
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
    size, peak = (np.concatenate([getattr(m.saccades, n) for m in motions]) for n in ("size", "peak"))
    axes[0].plot(size, peak, ".", color=HERE, ms=3, alpha=0.6)
    x = np.linspace(0.3, max(25.0, float(size.max(initial=0))), 200)
    axes[0].plot(x, measures.seen_peak(x, motions[0].saccades.rate), color=PEOPLE, lw=1.5, label="seen at this rate")
    axes[0].plot(x, measures.seen_peak(x, 2000.0), color=PEOPLE, lw=1, ls="--", label="main sequence")
    if len(size) > 8:
        top, scale = measures.fitted(size, peak)
        label = f"{top:.0f} (1 - exp(-x / {scale:.1f}))"
        axes[0].plot(x, top * (1 - np.exp(-x / scale)), color="#333333", lw=1, label=label)
    axes[0].set(xlabel="degrees", ylabel="degrees a second", xlim=(0, x[-1]))
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].hist(np.clip(size, 0, 30), np.arange(0, 31, 1), density=True, color=HERE)
    scale = constants("gaze")["away_deg"]
    axes[1].plot(x, np.exp(-x / scale) / scale, color=PEOPLE, lw=1.5)
    axes[1].set(xlabel="saccade, degrees", xlim=(0, 30))
    still = np.concatenate([m.saccades.start[1:] - m.saccades.end[:-1] for m in motions])
    axes[2].hist(np.clip(still, 0, 4), np.arange(0, 4.1, 0.1), color=HERE)
    axes[2].set(xlabel="fixation, seconds", xlim=(0, 4))
    _clean(*axes)
    return figure


def _head(motions: Sequence[Motion]) -> plt.Figure:
    figure, axes = plt.subplots(1, 2, figsize=(13, 3.2), layout="constrained")
    spectra = [measures.spectrum(m.head, m.rate) for m in motions]
    spectra = [(h, p) for h, p in spectra if len(h) and len(h) == len(spectra[0][0])] or [(np.ones(2), np.ones(2))]
    hertz, power = spectra[0][0], np.mean([p for _, p in spectra], axis=0)
    bands = zip((0, *measures.BANDS_HZ[:2]), measures.BANDS_HZ, ("slow", "ordinary", "rapid"), strict=True)
    for low, high, name in bands:
        axes[0].axvspan(max(low, 0.1), high, color=PEOPLE, alpha=0.05 + 0.05 * (low > 0) + 0.05 * (low > 2))
        axes[0].text(max(low, 0.12) * 1.05, 1, name, transform=axes[0].get_xaxis_transform(), va="top", fontsize=8)
    axes[0].loglog(hertz[1:], np.maximum(power[1:], 1e-9), color=HERE)
    axes[0].set(xlabel="Hz", ylabel="degrees² / Hz", xlim=(0.1, 20), ylim=(1e-7, None))
    for k, (name, colour) in enumerate((("yaw", HERE), ("pitch", PEOPLE), ("roll", "#777777"))):
        values = np.concatenate([m.head[:, k] for m in motions])
        axes[1].hist(values, np.arange(-20, 20.1, 0.5), histtype="step", color=colour, density=True, label=name)
    axes[1].set(xlabel="degrees", xlim=(-15, 15))
    axes[1].legend(frameon=False, fontsize=8)
    _clean(*axes)
    return figure


def _piece(motion: Motion) -> plt.Figure:
    figure, axes = plt.subplots(3, 1, figsize=(13, 4.6), sharex=True, layout="constrained")
    count = min(len(motion.head), int(SHOWN_S * motion.rate))
    times = np.arange(count) / motion.rate
    for k, (name, colour) in enumerate((("yaw", HERE), ("pitch", PEOPLE), ("roll", "#777777"))):
        axes[0].plot(times, motion.head[:count, k], color=colour, lw=1, label=name)
    axes[0].legend(frameon=False, fontsize=8, loc="upper right", ncols=3)
    axes[0].set(ylabel="head, degrees")
    axes[1].plot(times, motion.averted[:count], color=HERE, lw=1)
    axes[1].set(ylabel="gaze from\nahead, degrees")
    for start, depth in zip(motion.blinks.start, motion.blinks.depth, strict=True):
        axes[2].plot([start, start], [0, depth], color=HERE)
    axes[2].fill_between(times, 0, 0.08, where=motion.talking[:count], color="#999999", lw=0)
    axes[2].set(ylabel="blinks", xlabel="seconds (grey: talking)", ylim=(0, 1.05), xlim=(0, times[-1] if count else 1))
    _clean(*axes)
    return figure
