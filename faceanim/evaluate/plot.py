"""A Take as a picture: waveform, words and phones, the mixed curves by group, emotions; a long clip in several rows."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (after the choice of a backend that needs no screen)
import numpy as np  # noqa: E402

from ..core.channels import GROUP_OF, ROTATIONS  # noqa: E402
from ..core.phones import BILABIAL, LABIODENTAL, base  # noqa: E402
from ..core.take import Take  # noqa: E402
from ..core.track import Track  # noqa: E402
from ..errors import MediaError  # noqa: E402
from ..source import audio  # noqa: E402

ROW_S = 12.0
MOST_ROWS = 8
WIDTH_IN, PANEL_IN, DPI = 18.0, 1.35, 100
MOST_CURVES = 8
STILL, STILL_RAD = 0.03, 0.005
"""Channels that move less than this are not drawn, nor a panel in which none moves three times as much."""

PANELS: dict[str, tuple[str, ...]] = {
    "jaw and lips": ("jaw", "lips"),
    "tongue": ("tongue",),
    "brows, cheeks, nose": ("brows", "cheeks", "nose"),
    "lids": ("lids",),
    "eyes and head (degrees)": ("gaze", "head"),
}
CLOSURE, TEETH, VOWEL, OTHER = "#d1495b", "#edae49", "#8fb8de", "#d9d9d9"
VOWELS = frozenset("aeiouyæɑɒɔəɛɜɝɚɪʊʌøœɨʉɐɤɯɶɞɘɵʏ")


def plot(take: Take, track: Track, path: Path, sound: Path | None = None) -> None:
    """Writes the picture of a Take; the suffix of `path` decides on PNG, SVG or PDF.

    track  the curves to draw, as pipeline.channels mixes them
    sound  the file whose waveform is drawn; None or unreadable: none
    """
    panels = {title: curves(track, groups) for title, groups in PANELS.items()}
    panels = {title: found for title, found in panels.items() if found}
    rows = min(MOST_ROWS, max(1, math.ceil(take.seconds / ROW_S)))
    span = max(take.seconds, 0.1) / rows
    wave = waveform(sound, take, int(WIDTH_IN * DPI) * rows)
    heights = [1.5, *([1.0] * (len(panels) + len(take.emotions)))]
    figure = plt.figure(figsize=(WIDTH_IN, (sum(heights) * PANEL_IN + 0.5) * rows + 0.5), dpi=DPI)
    try:
        blocks = figure.add_gridspec(rows, 1, left=0.04, right=0.875, hspace=0.12)
        height = figure.get_figheight()
        blocks.update(top=1 - 0.3 / height, bottom=0.45 / height)
        inputs = [Path(item["path"]).name for item in (take.provenance.get("inputs") or {}).values()]
        figure.text(0.04, 1 - 0.2 / height, ", ".join(inputs), fontsize=9, weight="bold")
        figure.text(0.875, 1 - 0.2 / height, "solid: left or both, dashed: right", fontsize=8, ha="right", color="#666")
        for row in range(rows):
            axes = blocks[row].subgridspec(len(heights), 1, height_ratios=heights, hspace=0.12).subplots(sharex=True)
            axes = list(np.atleast_1d(axes))
            start, end = row * span, (row + 1) * span
            axes[0].set_xlim(start, end)
            draw_speech(axes[0], take, wave, start, end)
            for axis, (title, found) in zip(axes[1:], panels.items(), strict=False):
                draw_curves(axis, title, track, found)
            for axis, (name, emotion) in zip(axes[1 + len(panels) :], take.emotions.items(), strict=True):
                draw_emotion(axis, name, emotion)
            for axis in axes:
                axis.spines[["top", "right"]].set_visible(False)
                axis.tick_params(labelsize=8)
                axis.grid(axis="x", color="#eeeeee")
                axis.set_axisbelow(True)
            axes[-1].set_xlabel("seconds", fontsize=8, loc="right", labelpad=1)
        figure.savefig(path, metadata={"Software": None} if Path(path).suffix.lower() == ".png" else None)
    finally:
        plt.close(figure)


def curves(track: Track, groups: tuple[str, ...]) -> list[str]:
    """The channels of these groups that move most, most first; how the eyes turn, not the shapes that follow them."""
    names = [c for c in track.channels if GROUP_OF.get(c) in groups and not c.startswith("eyeLook")]
    reach = {c: float(np.ptp(track.column(c))) / (STILL_RAD if c in ROTATIONS else STILL) for c in names}
    if max(reach.values(), default=0.0) < 3:
        return []
    bases: dict[str, float] = {}
    for name in names:
        bases[_sideless(name)] = max(bases.get(_sideless(name), 0.0), reach[name])
    best = [b for b in sorted(bases, key=lambda b: -bases[b]) if bases[b] > 1][:MOST_CURVES]
    return [name for b in best for name in names if _sideless(name) == b]


def _sideless(name: str) -> str:
    for side in ("Left", "Right"):
        if name.endswith(side):
            return name[: -len(side)]
    return name.replace("leftEye", "eye").replace("rightEye", "eye")


def draw_curves(axis, title: str, track: Track, names: list[str]) -> None:
    """Left and right of a pair share a colour; the right side is dashed."""
    bases = list(dict.fromkeys(map(_sideless, names)))
    for name in names:
        place = bases.index(_sideless(name))
        right = "right" in name.lower() and _sideless(name) != name
        values = np.degrees(track.column(name)) if name in ROTATIONS else track.column(name)
        axis.plot(
            track.times, values, color=f"C{place}", lw=1.1, ls=(0, (4, 2)) if right else "-",
            label=None if right else _sideless(name),
        )  # fmt: skip
    if any(name in ROTATIONS for name in names):
        axis.axhline(0, color="#bbbbbb", lw=0.6)
    else:
        axis.set_ylim(-0.02, 1.02 if max(float(track.column(n).max()) for n in names) > 0.5 else 0.55)
    axis.set_ylabel(title, fontsize=8)
    axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), fontsize=8, frameon=False, labelspacing=0.2)


def draw_speech(axis, take: Take, wave: np.ndarray | None, start: float, end: float) -> None:
    """The waveform, and under it a strip of phones (coloured where lips or teeth must meet) and one of words."""
    if wave is not None:
        times = (np.arange(len(wave)) + 0.5) * take.seconds / len(wave)
        peak = max(float(np.abs(wave).max()), 1e-3)
        axis.fill_between(times, wave[:, 0] / peak, wave[:, 1] / peak, color="#5b6c7d", lw=0)
    else:
        axis.text(0.5, 0.75, "no sound", transform=axis.transAxes, color="#999999", fontsize=9, ha="center")
    per_second = WIDTH_IN * 0.835 * 72 / (end - start)  # points
    for phone in (p for p in take.phones if p.ipa and p.end > start and p.start < end):
        width = phone.end - phone.start
        axis.add_patch(plt.Rectangle((phone.start, -1.75), width, 0.65, fc=_colour(phone.ipa), ec="white", lw=0.4))
        if width * per_second > 5.0 * len(base(phone.ipa)) and start <= (phone.start + phone.end) / 2 <= end:
            axis.text(phone.start + width / 2, -1.44, phone.ipa, ha="center", va="center", fontsize=8)
    for word in (w for w in take.words if w.end > start and w.start < end):
        width = word.end - word.start
        axis.add_patch(plt.Rectangle((word.start, -2.5), width, 0.65, fc="#f3f3f3", ec="#bbbbbb", lw=0.4))
        size = min(9.0, width * per_second / max(len(word.text), 1) / 0.6)
        if size > 4 and start <= (word.start + word.end) / 2 <= end:
            axis.text(word.start + width / 2, -2.19, word.text, ha="center", va="center", fontsize=size)
    axis.set_ylim(-2.6 if take.words else -1.85 if take.phones else -1.1, 1.1)
    axis.set_yticks([])
    axis.set_ylabel("speech", fontsize=8)
    if take.phones:
        handles = [plt.Rectangle((0, 0), 1, 1, fc=c) for c in (CLOSURE, TEETH, VOWEL, OTHER)]
        axis.legend(
            handles, ["lips meet", "lip to teeth", "vowel", "other"], loc="center left",
            bbox_to_anchor=(1.005, 0.5), fontsize=8, frameon=False, labelspacing=0.2,
        )  # fmt: skip


def _colour(ipa: str) -> str:
    plain = base(ipa)
    return (
        CLOSURE if plain in BILABIAL else TEETH if plain in LABIODENTAL else VOWEL if plain[:1] in VOWELS else OTHER
    )


def draw_emotion(axis, name: str, track: Track) -> None:
    axis.stackplot(track.times, track.values.T, labels=track.channels, alpha=0.85, lw=0)
    axis.set_ylim(0, 1)
    axis.set_ylabel(name.replace("_", " "), fontsize=8)
    axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), fontsize=7, frameon=False, labelspacing=0.1)


def waveform(sound: Path | None, take: Take, bins: int, rate: int = 8000) -> np.ndarray | None:
    """float32 (bins, 2): least and greatest sample in each bin over the Take's span, read in a stream; None without."""
    if sound is None:
        return None
    wave = np.zeros((bins, 2), np.float32)
    start, end = (take.provenance.get("span") or (0.0, None))[:2]
    done = 0
    try:
        for block in audio.stream(sound, rate, start, end):
            places = ((done + np.arange(len(block))) * (bins / (take.seconds * rate))).astype(int)
            inside = places < bins
            np.minimum.at(wave[:, 0], places[inside], block[inside])
            np.maximum.at(wave[:, 1], places[inside], block[inside])
            done += len(block)
    except MediaError:
        return None
    return wave
