"""How well the network hears: lips as Live Link CSVs for others' measures, and a table of looks by language.

`python -m faceanim.train.phones.score --data DATA --work FOLDER -o CSVS` scores weights (see models/phones/card.md).
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from ...core.speech import PhoneSource, Speech, silent_progress
from ...engine.phones import WEIGHTS, model
from ...features import phones
from ...features.live_phones import LOOK_AHEAD, LivePhones, joined
from ...features.mel import RATE
from ...features.phone_classes import INDEX, NAMES
from ...features.speech import LOUDNESS_HZ, loudness
from ...features.viterbi import Viterbi
from ...formats import livelink
from ...solve import speech
from ...source import audio
from .augment import FLOOR
from .labels import Utterance
from .prepare import TEST_SENTENCES, TEST_SPEAKERS, VALIDATION_SPEAKER, held_grid_clips, load

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
LOOKS = {
    "closed": ("pcl", "m"), "lip to teeth": ("f",), "sibilant": ("s",), "postalveolar": ("sh",),
    "rounded glide": ("w",), "rounded close": ("u", "oo", "y"), "rounded mid": ("o", "oe", "aw"),
    "spread": ("i", "ih", "j"), "mid": ("e", "eh", "schwa"), "open": ("uh", "ae", "a"), "rest": ("sil", "breath"),
}  # fmt: skip
"""Mouths that an animator tells apart, and the sounds that have them; all other sounds are a twelfth."""


def write_lips(
    source: PhoneSource, files: Iterable[Path], folder: Path, fps: float = 60.0, change: Change | None = None
) -> None:
    """folder/STEM.csv of every sound file: its `lips` layer, without a transcript; change: what is done to it first."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for path in files:
        samples = audio.read(path)
        if change:
            samples = change(samples, rng).astype(np.float32)
        heard = source([samples], None, lambda fraction, stage: None)
        livelink.write(speech.solve(heard, len(samples) / RATE, fps), folder / f"{path.stem}.csv")


def live_source(net: phones.Model, look_ahead: float = LOOK_AHEAD) -> PhoneSource:
    """The phones that are known while somebody speaks."""

    def source(blocks: Iterable[np.ndarray], transcript: str | None = None, progress=silent_progress) -> Speech:
        live, sound = LivePhones(net, look_ahead), np.concatenate([np.zeros(0, np.float32), *blocks])
        found = joined([*live.push(sound), *live.finish()])
        return Speech(tuple(found), (), loudness(sound), LOUDNESS_HZ, {"speech": "decoded" if found else "none"})

    return source


def telephone(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """300 to 3400 Hz."""
    from scipy.signal import butter, sosfilt

    return sosfilt(butter(6, [300, 3400], "band", fs=RATE, output="sos"), samples)


def room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reverberation of 0.5 s as loud as the voice."""
    from scipy.signal import fftconvolve

    t = np.arange(RATE // 2) / RATE
    answer = rng.normal(size=len(t)) * np.exp(-13.8 * t)
    answer[0] = 0.0
    answer /= np.sqrt((answer**2).sum())
    answer[0] = 1.0
    return fftconvolve(samples, answer)[: len(samples)]


def babble(samples: np.ndarray, rng: np.random.Generator, others: list[np.ndarray], decibels: float) -> np.ndarray:
    """Six of the other recordings at once, softer by `decibels`."""
    noise = np.zeros(len(samples))
    for k in rng.choice(len(others), 6, replace=False):
        part = np.tile(others[k], len(samples) // len(others[k]) + 2)
        first = rng.integers(len(part) - len(samples))
        noise += part[first : first + len(samples)] / part.std()
    return samples + noise / noise.std() * samples.std() * 10 ** (-decibels / 20)


def table(net: phones.Model, utterances: Iterable[Utterance]) -> dict[str, dict[str, float]]:
    """By language: seconds, share of frames with the right look, recall and precision of frames with closed lips."""
    look = np.full(len(NAMES), len(LOOKS))
    for k, names in enumerate(LOOKS.values()):
        look[[INDEX[name] for name in names]] = k
    count: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(5))
    for u in utterances:
        mel = u.mel.astype(np.float32)
        level = max(float(np.quantile(np.log(np.exp(mel).sum(1)), phones.LOUDER)), phones.QUIETEST)
        log, _ = net.predict(np.maximum(mel - level + phones.LEVEL, FLOOR))
        decoder = Viterbi(*phones.costs(net, phones.TUNED))
        scores = log - phones.TUNED.prior * net.prior + phones.gains(phones.TUNED)
        said, known = look[np.concatenate((decoder.push(scores), decoder.finish()))], u.sound >= 0
        told = look[u.sound]
        both = ((said == 0) & (told == 0) & known).sum()
        found = known.sum(), ((said == told) & known).sum(), both, ((said == 0) & known).sum(), (told == 0).sum()
        count[u.name.split("+")[0 if u.name.count("+") < 2 else 1]] += found
    return {
        name: {"seconds": n[0] / 100, "looks": n[1] / n[0], "recall": n[2] / n[4], "precision": n[2] / max(n[3], 1)}
        for name, n in sorted(count.items())
    }


def _clips(data: Path, speakers: Iterable[str], sentences: Iterable[str] = ()) -> list[Path]:
    with open(data / "emodb" / "index.csv", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["speaker"] in speakers and r["labels"]]
    return [data / "emodb" / r["path"] for r in rows if not sentences or r["sentence"] in sentences]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.phones.score", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with emodb/ and grid/")
    parser.add_argument("--work", type=Path, required=True, help="the folder of the training")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--only", default="", help="some of the folders' names, by commas")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSVs by condition, for a measure of lips")
    args = parser.parse_args()
    net = model(args.weights)
    source = phones.phone_source(net)
    test = _clips(args.data, TEST_SPEAKERS)
    others = [audio.read(path) for path in _clips(args.data, ("03", "08", "09", "10"))]
    folders: dict[str, tuple[list[Path], Change | None]] = {
        "speakers": (test, None),
        "neither": (_clips(args.data, TEST_SPEAKERS, TEST_SENTENCES), None),
        "validation": (_clips(args.data, (VALIDATION_SPEAKER,)), None),
        "babble": (test[::2], partial(babble, others=others, decibels=10.0)),
        "telephone": (test[::2], telephone),
        "room": (test[::2], room),
        "soft": (test[::2], lambda samples, rng: 0.03 * samples),
        "grid": ([args.data / "grid" / "clips" / f"{clip}.mkv" for clip in held_grid_clips(args.data)], None),
        "strangers": (sorted((args.data / "video_speech").glob("grid_*.flac")), None),
    }
    for name, (files, change) in folders.items():
        if not args.only or name in args.only.split(","):
            write_lips(source, files, args.output / name, change=change)
    if not args.only or "live" in args.only.split(","):
        write_lips(live_source(net), test, args.output / "live")
    for name in ("languages_test", "prompts_test"):
        if not args.only or name in args.only.split(","):
            for language, row in table(net, load(args.work / f"{name}.npz")).items():
                print(name, language, *(f"{key} {value:.2f}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
