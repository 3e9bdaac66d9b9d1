"""The one command of the recipe; see the package."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from ...core.files import PRESETS, input_file, replacing
from ...engine.phones import WEIGHTS, model
from ...errors import FaceanimError
from ...solve.speech import signs
from ...solve.visemes import from_json
from . import corpora
from .constants import DELAY, Constants
from .corpora import Mouths
from .document import rounded, written
from .fit import correlations, fit
from .measures import NAMES

PRESET = PRESETS / "visemes" / "default.json"
FOLDS = 4


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m faceanim.train.mouths", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of grid, video_speech and emodb")
    add("--preset", type=Path, default=PRESET, help="what the fit starts from")
    add("--weights", type=Path, default=WEIGHTS, help="phone network that hears")
    add("--every", type=int, default=1, help="fit to every n-th clip only, for a trial")
    add("--rounds", type=int, default=8)
    add("--score", action="store_true", help="fit nothing; score the preset")
    add("--check", choices=("clips", "words"), help="write nothing; cross-validate over clips, or over words")
    add("-o", "--output", type=Path, default=PRESET)
    options = parser.parse_args(argv)
    try:
        document = json.loads(input_file(options.preset, "viseme preset").read_text(encoding="utf-8"))
        hears = model(options.weights)
        if options.check:
            check(options, document, hears)
        elif options.score:
            score(options, document, DELAY[0], hears)
        else:
            train(options, document, hears)
    except FaceanimError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    return 0


def train(options: argparse.Namespace, document: dict, hears) -> None:
    names = corpora.clips(options.data, held=False)[:: options.every]
    seen = [corpora.grid(options.data, hears, names[i::2], bool(i)) for i in (0, 1)]
    constants = Constants(document, counts(seen, document))
    x = fit(constants, [*seen, corpora.emodb(options.data, hears)], options.rounds, say)
    for constant, value in zip(constants.list, x, strict=False):
        if abs(value * constant.spread) > 0.1:
            say(f"{constant.name} * {np.exp(value * constant.spread):.2f}")
    document, delay = constants.at(x)
    document = rounded(document)
    from_json(document)
    with replacing(options.output) as temporary:
        temporary.write_text(written(document), encoding="utf-8")
    say(f"wrote {options.output}; pictures come {delay * 1000:.0f} ms after their sound")
    score(options, document, delay, hears)


def counts(seen: list[Mouths], document: dict) -> Counter:
    """How often each viseme is said, by name."""
    visemes = from_json(document)
    said = (signs(speech, visemes).viseme for mouths in seen for speech in mouths.speech)
    return Counter(visemes.visemes[k].name for row in said for k in row if k >= 0)


def score(options: argparse.Namespace, document: dict, delay: float, hears) -> None:
    """Median r over clips of what training left out: GRID's clips and the other four speakers."""
    visemes = from_json(document)
    left_out = corpora.clips(options.data, held=True)
    for with_text in (False, True):
        tests = {
            "held-out clips": corpora.grid(options.data, hears, left_out, with_text),
            "other speakers": corpora.others(options.data, hears, with_text),
        }
        for who, mouths in tests.items():
            for late in (0.0, delay):
                r = np.nanmedian(correlations(mouths, mouths.solved(visemes, late)), 0)
                values = ", ".join(f"{name} {value:.3f}" for name, value in zip(NAMES, r, strict=True))
                say(f"{who}, {'text' if with_text else 'heard'}, {late * 1000:.0f} ms later: {values}")


def check(options: argparse.Namespace, document: dict, hears) -> None:
    """Median r of the opening on clips, or r on words, that a fit did not see, before and after it."""
    names = corpora.clips(options.data, held=False)[:: options.every]
    seen = [corpora.grid(options.data, hears, names[i::2], bool(i)) for i in (0, 1)]
    labelled = corpora.emodb(options.data, hears)
    constants = Constants(document, counts(seen, document))
    for fold in range(FOLDS):
        parts = [_folds(mouths, options.check) % FOLDS == fold for mouths in seen]
        rest = [mouths.only(~part) for mouths, part in zip(seen, parts, strict=True)]
        x = fit(constants, [*rest, labelled], options.rounds, lambda text: None)
        before, after = (_pooled(seen, parts, constants, at) for at in (np.zeros(len(x)), x))
        say(f"fold {fold + 1}: r {before:.3f} before, {after:.3f} after")


def _folds(mouths: Mouths, kind: str) -> np.ndarray:
    """int (T,): by clip or by word."""
    return mouths.clip if kind == "clips" else np.unique(mouths.word, return_inverse=True)[1]


def _pooled(seen: list[Mouths], parts: list[np.ndarray], constants: Constants, x: np.ndarray) -> float:
    """r of the opening on some frames between words, without the means of clips."""
    visemes, delay = constants.visemes(x)
    pairs = []
    for mouths, part in zip(seen, parts, strict=True):
        rows = part & mouths.inside
        solved = mouths.centred(mouths.solved(visemes, delay))
        pairs.append((solved[rows, 0], mouths.varied[rows, 0]))
    return float(np.corrcoef(*map(np.concatenate, zip(*pairs, strict=True)))[0, 1])


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
