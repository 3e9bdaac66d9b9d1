"""`evaluate speech-emotion`: labelled recordings go through the whole analysis; what it says of each is measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.clip import Clip
from ..core.emotion import LABELS
from ..core.files import replacing
from ..core.take import Take
from ..engine.analysis import analyze
from ..engine.emotion import WEIGHTS
from ..errors import Cancelled, InputError, MediaError
from . import clean
from .classes import MAIN, among, measures, rounded, table, unseen
from .lips import chosen
from .tables import check_predictions, rows_of

FPS = 25.0
SAME = {
    "anger": "angry", "happiness": "happy", "joy": "happy", "sadness": "sad", "fear": "fearful",
    "surprise": "surprised", "disgusted": "disgust", "boredom": "calm",
}  # fmt: skip
"""Other names of the same; boredom, which the network was taught as calm, counts as it."""
SPEAKERS = ("actor", "speaker")
"""Columns that say who speaks."""
OUT_OF_FOLD = WEIGHTS.with_name("out_of_fold.npz")
"""What networks of the same recipe said of the training's clips, each of speakers that it never heard: stems (N,),
folds (N,), probabilities (N, labels)."""


class Item(NamedTuple):
    """One recording of DATA. label: index into LABELS; fields: its row of index.csv."""

    name: str
    sound: Path
    label: int
    speaker: str
    fields: Mapping[str, str]


@dataclass
class Results:
    """What was said of the items: probabilities (labels,) each, in the items' order."""

    items: list[Item] = field(default_factory=list)
    said: list[np.ndarray] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The command; the report's keys are those of classes.measures, and see `summary`."""
    check_predictions(args.predictions)
    every = read(args.data)
    results = predict(chosen(every, args.only, args.limit), args.progress)
    if not results.items:
        name, why = next(iter(results.failed.items()))
        raise MediaError(f"no recording of {args.data} could be measured; {name}: {why}", "check the sound files")
    classes = sorted({item.label for item in every})
    known = clean.heard("speech_emotion", args.data)
    unheard = [clean.is_clean(item.fields, known) for item in results.items]
    report = summary(results, classes, out_of_fold(), np.array(unheard))
    if args.predictions is not None:
        write_predictions(results, args.predictions)
    if args.output is not None:
        from . import emotion_report

        emotion_report.write(report, results, classes, args.output, str(args.data))
    return report


def read(folder: Path) -> list[Item]:
    """The rows of index.csv: path, emotion (LABELS, or SAME's names), and who speaks, in `actor` or `speaker`."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", "name the folder that holds index.csv and the sound")
    items, unknown = [], set()
    for row in rows_of(folder / "index.csv"):
        emotion = (row.get("emotion") or "").strip().lower()
        emotion = SAME.get(emotion, emotion)
        if not row.get("path") or not emotion:
            continue
        if emotion not in LABELS:
            unknown.add(emotion)
            continue
        speaker = next((row[name] for name in SPEAKERS if row.get(name)), "")
        items.append(Item(Path(row["path"]).stem, folder / row["path"], LABELS.index(emotion), speaker, row))
    if not items:
        more = f"; '{sorted(unknown)[0]}' is none that is known" if unknown else ""
        raise InputError(
            f"no recording with an emotion stands in {folder / 'index.csv'}{more}",
            f"it needs the columns `path` and `emotion`, one of {', '.join(LABELS)}",
        )
    return items


def predict(items: Sequence[Item], progress: Callable[[float, str], None]) -> Results:
    """Every item through engine.analysis; one that it refuses is listed, not measured."""
    results = Results()
    for i, item in enumerate(items):
        progress(i / len(items), "listening")
        try:
            said, take = mean_of(analyze(Clip(item.sound), FPS))
        except Cancelled:
            raise
        except InputError as error:
            results.failed[item.name] = error.message
            continue
        results.models |= {
            name: model for name, model in (take.provenance.get("models") or {}).items() if name == "speech_emotion"
        }
        results.items.append(item)
        results.said.append(said)
    return results


def mean_of(take: Take) -> tuple[np.ndarray, Take]:
    """The emotions' mean over a Take, float64 (labels,), 1 in all. Raises MediaError where no speech was heard."""
    track = take.emotions.get("speech_emotion")
    if track is None or not track.values.any():
        raise MediaError("no speech was heard", "choose a recording of a voice")
    mean = track.select(LABELS).values.astype(float).mean(0)
    return mean / mean.sum(), take


def summary(
    results: Results, classes: Sequence[int], folds: Mapping[str, tuple[int, np.ndarray]], unheard: np.ndarray
) -> dict[str, Any]:
    """Among the data's classes: all items; `by_speaker`; the same figures with `_clean` of items that no training
    heard, by what data and card say (unheard: bool (N,)) and by the names in `folds`; `out_of_fold`, of those that
    stand there, what the cross-validation said of them, with the folds' mean and deviation; `uar_open` and
    `accuracy_open`, among all LABELS."""
    items = results.items
    truth = np.array([list(classes).index(item.label) for item in items])
    said = np.stack(results.said)
    labels = [LABELS[k] for k in classes]
    report = {"what": "speech-emotion", **measures(truth, among(said, classes), labels)}
    whole = measures(np.array([item.label for item in items]), said, LABELS)
    report |= {"accuracy_open": whole["accuracy"], "uar_open": whole["uar"]}
    told = np.array([item.name in folds for item in items])
    new = unheard & ~told
    report["n_clean"] = int(new.sum())
    if new.any():
        found = measures(truth[new], among(said[new], classes), labels)
        report |= {f"{name}_clean": found[name] for name in (*MAIN[1:], "confusion")}
    heard = np.flatnonzero(told)
    if len(heard):
        kept = among(np.stack([folds[items[i].name][1] for i in heard]), classes)
        numbers = np.array([folds[items[i].name][0] for i in heard])
        found = measures(truth[heard], kept, labels)
        report["out_of_fold"] = {
            **found, **over_folds(truth[heard], kept, numbers, labels),
            "by_speaker": by_speaker([items[i] for i in heard], truth[heard], kept, labels),
        }  # fmt: skip
    report["by_speaker"] = by_speaker(items, truth, among(said, classes), labels)
    return rounded(report | {"failed": results.failed, "models": results.models})


def over_folds(truth: np.ndarray, told: np.ndarray, folds: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """`uar_folds` [UAR of each], their mean and deviation, and the same of the accuracy."""
    found = [measures(truth[folds == k], told[folds == k], labels) for k in np.unique(folds)]
    report: dict[str, Any] = {}
    for name in ("uar", "accuracy"):
        values = [one[name] for one in found]
        report |= {f"{name}_folds": values, f"{name}_mean": float(np.mean(values)), f"{name}_sd": float(np.std(values))}
    return report


def by_speaker(
    items: Iterable[Item], truth: np.ndarray, said: np.ndarray, labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    names = np.array([item.speaker for item in items])
    rows = {name: measures(truth[names == name], said[names == name], labels) for name in sorted(set(names)) if name}
    return {name: {key: row[key] for key in MAIN} for name, row in rows.items()}


def out_of_fold() -> dict[str, tuple[int, np.ndarray]]:
    """The clips that the network's training heard: stem to fold and probabilities; empty where it is not there."""
    if not OUT_OF_FOLD.is_file():
        return {}
    with np.load(OUT_OF_FOLD) as z:
        stems, folds, said = z["stems"], z["folds"], z["probabilities"]
    return {s.decode(): (int(k), p.astype(float)) for s, k, p in zip(stems, folds, said, strict=True)}


def text(report: Mapping[str, Any]) -> str:
    """The main figures as a table: all, unheard ones, cross-validation, then every class."""
    rows = {"all": report}
    if report["n_clean"] and report["n_clean"] < report["n"]:
        rows["never heard"] = unseen(report)
    if "out_of_fold" in report:
        rows["out of fold"] = report["out_of_fold"]
    lines = table(rows)
    if fold := report.get("out_of_fold"):
        lines.append(f"UAR over {len(fold['uar_folds'])} folds: {fold['uar_mean']:.3f} +- {fold['uar_sd']:.3f}")
    if report["n_clean"] < report["n"]:
        lines.append(f"{report['n'] - report['n_clean']} of {report['n']} recordings stand in the network's training")
    lines += [f"not measured: {name}: {why}" for name, why in report["failed"].items()]
    return "\n".join(lines)


def write_predictions(results: Results, path: Path) -> None:
    """names, speakers (N,); labels (L,); truth int (N,); probabilities float32 (N, L)."""
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            names=np.array([item.name for item in results.items]),
            speakers=np.array([item.speaker for item in results.items]),
            labels=np.array(LABELS),
            truth=np.array([item.label for item in results.items]),
            probabilities=np.stack(results.said).astype(np.float32),
        )
