"""`evaluate face-emotion`: the network looks at labelled pictures of faces, and what it says is measured.

DATA.npz: `jpeg` uint8, the files of the pictures (JPEG, PNG) end to end; `offsets` (N + 1,), where each begins;
`labels` (N,), of `classes`; and, if there, `names` (N,) and masks (N,): `in_train`, also in a training set; `blank`,
empty.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.emotion import FACE_LABELS, LABELS
from ..core.face import PORTRAIT
from ..core.files import input_file, replacing
from ..engine import face_emotion
from ..errors import EngineError, FormatError, InputError, MediaError
from ..source import picture
from . import clean
from .classes import MAIN, among, measures, rounded, table, unseen
from .emotions import SAME
from .lips import chosen
from .tables import check_predictions

AT_ONCE = 256


class Item(NamedTuple):
    """One picture. label: index into LABELS; file: its bytes; fields: `emotion`, `file`, `name` and the masks."""

    name: str
    label: int
    file: bytes
    fields: Mapping[str, str]


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The command; the report's keys are those of classes.measures, see `summary`."""
    check_predictions(args.predictions)
    every = read(args.data)
    items = chosen(every, args.only, args.limit)
    items, grey, failed = pictures(items)
    if not items:
        name, why = next(iter(failed.items()))
        raise MediaError(f"no picture of {args.data} could be read; {name}: {why}", "the files should be JPEG or PNG")
    said = predict(grey, args.progress)
    classes = sorted({item.label for item in every})
    known = clean.heard("face_emotion", Path(args.data).resolve().parent)
    new = np.array([is_new(item, known) for item in items])
    report = summary(items, said, classes, new) | {"failed": failed, "models": face_emotion.model_of()}
    if args.predictions is not None:
        write_predictions(items, said, new, args.predictions)
    if args.output is not None:
        from . import emotion_report

        rows = new if 0 < new.sum() < len(new) else np.ones(len(new), bool)
        truth = truth_of(items, classes)
        emotion_report.of_faces(report, truth[rows], among(said, classes)[rows], args.output, str(args.data))
    return report


def read(path: Path) -> list[Item]:
    """Raises InputError, FormatError where it is no such file."""
    path = input_file(path, "pictures")
    hint = "it holds `jpeg`, `offsets`, `labels` and `classes`, as FER2013's do"
    try:
        with np.load(path) as pack:
            a = {name: pack[name] for name in pack.files}
        files, offsets, labels = a["jpeg"], a["offsets"].astype(np.int64), a["labels"].astype(np.int64)
        names = [str(name).strip().lower() for name in a["classes"]]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise FormatError(f"{path} cannot be read: {error}", hint) from error
    n = len(labels)
    if len(offsets) != n + 1 or not n or labels.min() < 0 or labels.max() >= len(names) or offsets[-1] > len(files):
        raise FormatError(f"{path}: {n} labels, {len(offsets)} offsets, {len(names)} classes do not fit together", hint)
    names = [SAME.get(name, name) for name in names]
    for name in names:
        if name not in LABELS:
            raise InputError(f"{path}: '{name}' is no emotion that is known", f"they are {', '.join(LABELS)}")
    masks = {name: v for name, v in a.items() if v.dtype == bool and v.shape == (n,)}
    called = a.get("names", np.arange(n))
    return [
        Item(
            str(called[i]), LABELS.index(names[labels[i]]), files[offsets[i] : offsets[i + 1]].tobytes(),
            {"name": str(called[i]), "file": path.stem, "emotion": names[labels[i]]}
            | {name: str(int(mask[i])) for name, mask in masks.items()},
        )
        for i in range(n)
    ]  # fmt: skip


def pictures(items: Sequence[Item]) -> tuple[list[Item], np.ndarray, dict[str, str]]:
    """Those that can be read, uint8 (N, PORTRAIT, PORTRAIT), and of the others why not."""
    good, grey, failed = [], [], {}
    for item in items:
        try:
            grey.append(picture.read(io.BytesIO(item.file), "gray", PORTRAIT))
            good.append(item)
        except MediaError as error:
            failed[item.name] = error.message
    return good, np.array(grey, np.uint8).reshape(-1, PORTRAIT, PORTRAIT), failed


def predict(grey: np.ndarray, progress: Callable[[float, str], None]) -> np.ndarray:
    """float64 (N, LABELS) of pictures (N, PORTRAIT, PORTRAIT). Raises EngineError where the network is not there."""
    if not (face_emotion.ready() and find_spec("torch")):
        why = "the face-emotion network is not there"
        raise EngineError(why, "install faceanim with models/face_emotion, and torch")
    network, said = face_emotion.network(), np.zeros((len(grey), len(LABELS)))
    columns = [LABELS.index(label) for label in FACE_LABELS]
    for first in range(0, len(grey), AT_ONCE):
        progress(first / len(grey), "looking")
        said[first : first + AT_ONCE, columns] = network(grey[first : first + AT_ONCE])
    return said


def is_new(item: Item, known: Mapping[str, frozenset[str]] | None) -> bool:
    """Whether it shows something, and no training saw it."""
    return item.fields.get("blank") != "1" and clean.is_clean(item.fields, known)


def truth_of(items: Sequence[Item], classes: Sequence[int]) -> np.ndarray:
    return np.array([list(classes).index(item.label) for item in items])


def summary(items: Sequence[Item], said: np.ndarray, classes: Sequence[int], new: np.ndarray) -> dict[str, Any]:
    """Among the data's classes: all pictures, and with `_clean` those that are `new`, bool (N,)."""
    truth, labels = truth_of(items, classes), [LABELS[k] for k in classes]
    report = {"what": "face-emotion", **measures(truth, among(said, classes), labels), "n_clean": int(new.sum())}
    if new.any():
        found = measures(truth[new], among(said[new], classes), labels)
        report |= {f"{name}_clean": found[name] for name in (*MAIN[1:], "per_class", "confusion")}
    return rounded(report)


def text(report: Mapping[str, Any]) -> str:
    """The main figures as a table, then every class."""
    rows = {"all": report}
    if 0 < report["n_clean"] < report["n"]:
        rows["never seen"] = unseen(report)
    lines = table(rows)
    each = report.get("per_class_clean") or report["per_class"]
    lines.append("recall: " + ", ".join(f"{label} {row['recall']:.3f}" for label, row in each.items()))
    if report["n_clean"] < report["n"]:
        lines.append(f"{report['n'] - report['n_clean']} of {report['n']} are empty or stand in the network's training")
    lines += [f"not measured: {name}: {why}" for name, why in report["failed"].items()]
    return "\n".join(lines)


def write_predictions(items: Sequence[Item], said: np.ndarray, new: np.ndarray, path: Path) -> None:
    """names (N,); labels (L,); truth int (N,); clean bool (N,); probabilities float32 (N, L)."""
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary, names=np.array([item.name for item in items]), labels=np.array(LABELS),
            truth=np.array([item.label for item in items]), clean=new, probabilities=said.astype(np.float32),
        )  # fmt: skip
