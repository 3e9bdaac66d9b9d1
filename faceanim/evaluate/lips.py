"""`evaluate lips`: sound with hand-labelled phones goes through the whole analysis; the `lips` layer is measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.clip import Clip
from ..core.files import replacing
from ..core.phones import base
from ..core.take import Phone, Take
from ..core.track import Track
from ..engine.analysis import analyze
from ..errors import Cancelled, FormatError, InputError, MediaError
from ..features import phone_classes
from ..solve.visemes import Visemes
from ..solve.visemes import read as read_visemes
from . import lip_measures as measures
from .clean import heard, is_clean
from .lip_measures import Label, Scores, Sound
from .tables import check_predictions, rows_of

FPS = 60.0
JOINED_S = 0.002
FIRST_PART = 0.55
"""The share of a diphthong before its second sign, for labels and predictions alike."""
GROUPS = ("speaker", "emotion")
_PAUSES = frozenset([".", "(", "(gef", "_", "sil", "sp", "SIL", "SPN", "NSN", "<sil>"])
# labels that their own table of phones gives no IPA for, by what the table calls their base
_BASES = {"r": "ʁ", "I": "ɪ", "@": "ə", "aU": "aʊ", "?": "ʔ", "N": "ŋ", "S": "ʃ", "C": "ç", "E": "ɛ", "U": "ʊ"}


class Item(NamedTuple):
    """One clip of DATA. fields: its row of index.csv; text: what is said in it, if that is known."""

    name: str
    sound: Path
    labels: tuple[Label, ...]
    fields: Mapping[str, str]
    text: str = ""


class Result(NamedTuple):
    """An Item, what was predicted for it, and its scores. opening: gap in cm at measures.RATE."""

    item: Item
    phones: tuple[Phone, ...]
    opening: np.ndarray
    scores: Scores


@dataclass
class Results:
    found: list[Result] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The command; the report's keys are those of measures.pooled, and the same `by_speaker`, `by_emotion`; where the
    data or the card tell that some clips were trained on, the keys again with `_clean` of those that were not."""
    check_predictions(args.predictions)
    items = chosen(read(args.data), args.only, args.limit)
    visemes = read_visemes()
    if not args.transcripts:
        items = [item._replace(text="") for item in items]
    elif not any(item.text for item in items):
        raise InputError(f"{args.data} has no texts", "give a column `transcript`, or `sentence` and sentences.tsv")
    results = predict(items, visemes, args.language, args.progress)
    if not results.found:
        name, why = next(iter(results.failed.items()))
        raise MediaError(f"no clip of {args.data} could be measured; {name}: {why}", "check the sound files")
    report = summary(results, visemes, heard("phones", args.data))
    if args.predictions is not None:
        write_predictions(results.found, args.predictions)
    if args.output is not None:
        from . import lip_report

        lip_report.write(report, results.found, args.output, str(args.data))
    return report


# what there is ----------------------------------------------------------------------------------------------------


def read(folder: Path) -> list[Item]:
    """Clips of a folder in EMO-DB's form: index.csv (path, labels, and what it says of them: speaker, emotion ...),
    tables of phones (start_s, end_s, phone, in_audio), phones.tsv (phone to ipa, class, base), sentences.tsv.

    Without index.csv: every sound that has a table of its name beside it. Without phones.tsv phones are IPA.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", "name the folder that holds index.csv and the labels")
    names = {r["phone"]: r for r in rows_of(folder / "phones.tsv", "\t")}
    sentences = {next(iter(r.values())): list(r.values())[1] for r in rows_of(folder / "sentences.tsv", "\t")}
    rows = rows_of(folder / "index.csv") or [
        {"path": str(path.relative_to(folder)), "labels": str(path.with_suffix(".tsv").relative_to(folder))}
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in (".wav", ".flac", ".ogg") and path.with_suffix(".tsv").is_file()
    ]
    items = []
    for row in rows:
        if not row.get("path") or not row.get("labels"):
            continue
        labels, share = _labels(folder / row["labels"], names)
        text = _cut(row.get("transcript") or sentences.get(row.get("sentence", ""), ""), share)
        items.append(Item(Path(row["path"]).stem, folder / row["path"], labels, row, text))
    if not items:
        raise InputError(f"no labelled sound stands in {folder}", "index.csv needs the columns `path` and `labels`")
    return items


def _labels(path: Path, names: Mapping[str, Mapping[str, str]]) -> tuple[tuple[Label, ...], float]:
    """The labels that lie in the sound, and which share of the spoken ones they are."""
    rows = rows_of(path, "\t")
    if not rows:
        raise FormatError(f"{path} holds no labels", "columns start_s, end_s, phone, divided by tabs")
    labels, spoken = [], 0
    try:
        for row in rows:
            last = labels[-1].ipa if labels else ""
            label = Label(float(row["start_s"]), float(row["end_s"]), *_ipa(row["phone"].strip(), names, last))
            spoken += bool(label.ipa)
            if row.get("in_audio", "1") != "0" and label.end > label.start:
                labels.append(label)
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise FormatError(f"{path} is no table of phones: {error}", "columns start_s, end_s, phone") from error
    return tuple(labels), sum(bool(label.ipa) for label in labels) / max(spoken, 1)


def _ipa(phone: str, names: Mapping[str, Mapping[str, str]], last: str) -> tuple[str, bool]:
    """A label's IPA, and whether it is a burst or breath, which belongs to the sound before it."""
    if phone in _PAUSES or not phone:
        return "", False
    row = names.get(phone)
    if row is None:
        return phone, False
    if row.get("class") in ("plosive burst", "aspiration"):
        root = names.get(row.get("base", ""), {}).get("ipa") or last
        return root, True
    if row.get("class") == "pause":
        return "", False
    return row.get("ipa") or _BASES.get(row.get("base", ""), row.get("base", "")), False


def _cut(text: str, share: float) -> str:
    """The first words of a text, about `share` of its letters: sound that is cut off has not all of it."""
    words, total, kept = text.split(), sum(map(len, text.split())), 0
    result = []
    for word in words:
        if kept + len(word) / 2 > share * total:
            break
        kept += len(word)
        result.append(word)
    return " ".join(result)


def chosen(items: list[Item], only: Sequence[str], limit: int | None) -> list[Item]:
    """Those whose fields are as `only` says ("speaker=13,14"), and of these `limit`, evenly through all of them."""
    for condition in only:
        name, sign, values = condition.partition("=")
        if not sign:
            raise InputError(f"`--only {condition}` names no value", "write it as --only speaker=13,14")
        fields = sorted({field for item in items for field in item.fields})
        if name not in fields:
            raise InputError(f"the data have no field '{name}'", f"they have: {', '.join(fields)}")
        items = [item for item in items if item.fields.get(name) in values.split(",")]
        if not items:
            raise InputError(f"no clip has {condition}", "look at index.csv")
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit} leaves no clip", "give at least 1")
    if limit is None or limit >= len(items):
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, limit).round().astype(int)]


# what comes out ---------------------------------------------------------------------------------------------------


def predict(
    items: Sequence[Item], visemes: Visemes, language: str, progress: Callable[[float, str], None]
) -> Results:
    """Every item, with its text if it has one, through engine.analysis; one that it refuses is listed, not measured."""
    results = Results()
    for i, item in enumerate(items):
        progress(i / len(items), "listening")
        try:
            take = analyze(Clip(item.sound, transcript=item.text or None, language=language), FPS)
            if "lips" not in take.layers:
                raise MediaError("; ".join(take.quality.get("notes", ())) or "no speech was heard")
        except Cancelled:
            raise
        except InputError as error:
            results.failed[item.name] = error.message
            continue
        results.models |= dict(take.provenance.get("models") or {})
        results.found.append(score(item, take, visemes))
    return results


def score(item: Item, take: Take, visemes: Visemes) -> Result:
    opening = on_grid(take.layers["lips"])
    count, rest = len(opening), len(visemes.visemes)
    pairs = {}
    for name, split, empty in (("phones", _phone, 0), ("visemes", visemes.signs, rest)):
        labelled = measures.frames(sounds(item.labels, split), count, empty)
        said = measures.frames(sounds(take.phones, split), count, empty)
        known = measures.frames([Sound(a.start, a.end, 1, True) for a in item.labels], count, 0) > 0
        pairs[name] = np.stack([labelled, said], 1)[known]
    true = sounds([a for a in item.labels if a.start < count / measures.RATE], _phone)
    said = sounds(take.phones, _phone)
    matched, edits = measures.aligned(true, said)
    edges = [said[j].start - true[i].start for i, j in matched if true[i].edge and said[j].edge]
    closures = measures.closures(item.labels, opening)
    boundaries = sum(s.edge for s in true)
    scores = Scores(**closures, **pairs, edges=np.array(edges), sounds=len(true), edits=edits, boundaries=boundaries)
    return Result(item, take.phones, opening, scores)


def on_grid(lips: Track) -> np.ndarray:
    """The lips' gap (N,) in cm at measures.RATE, linear between the layer's frames."""
    count = int(round((lips.frames - 0.5) / lips.fps * measures.RATE))
    return np.interp((np.arange(count) + 0.5) / measures.RATE, lips.times, measures.gap(lips))


def _phone(ipa: str) -> tuple[int, ...]:
    """Classes of a phone, voice left aside, from 1 on: what the eye cannot tell from each other is one."""
    known = [kind + 1 for kind, _ in phone_classes.classes(ipa)]
    return tuple(known) if known or not base(ipa) else (len(phone_classes.SOUNDS) + 1,)


def sounds(phones: Iterable[Any], split: Callable[[str], tuple[int, ...]]) -> list[Sound]:
    """Phones or labels as sounds of a class: diphthongs in their parts, one class that goes on as one sound."""
    found: list[Sound] = []
    for phone in phones:
        kinds = split(phone.ipa)
        cuts = [0.0, *np.linspace(FIRST_PART, 1.0, len(kinds))] if len(kinds) > 1 else [0.0, 1.0]
        for n, kind in enumerate(kinds):
            start, end = (phone.start + cuts[n + k] * (phone.end - phone.start) for k in (0, 1))
            if found and found[-1].kind == kind and start - found[-1].end < JOINED_S:
                found[-1] = found[-1]._replace(end=end)
            else:
                found.append(Sound(start, end, kind, n == 0))
    return found


def summary(
    results: Results, visemes: Visemes, known: Mapping[str, frozenset[str]] | None = None
) -> dict[str, Any]:
    """The report. known: what training has heard of these data (clean.heard)."""
    count = len(visemes.visemes) + 1
    scores = [r.scores for r in results.found]
    groups: dict[str, Any] = {}
    for name in GROUPS:
        values = sorted({r.item.fields[name] for r in results.found if r.item.fields.get(name)})
        groups |= {f"by_{name}": {
            value: measures.pooled([r.scores for r in results.found if r.item.fields.get(name) == value], count)
            for value in values
        }} if values else {}  # fmt: skip
    new = [r.scores for r in results.found if is_clean(r.item.fields, known)]
    clean = measures.pooled(new, count) if known is not None or len(new) < len(scores) else {}
    table, _ = measures.recalls(np.concatenate([s.visemes for s in scores]), count)
    report = {
        "what": "lips",
        **measures.pooled(scores, count),
        **{f"{name}_clean": value for name, value in clean.items()},
        "by_bilabial": measures.by_bilabial(scores),
        **groups,
        "labels": [*(v.name for v in visemes.visemes), "rest"],
        "confusion": table.tolist(),
        "failed": results.failed,
        "models": results.models,
    }
    return _rounded(report)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(v) for name, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def text(report: Mapping[str, Any]) -> str:
    """The main figures as a table: all clips, those not trained on, then each speaker and each emotion."""
    columns = {
        "n": "clips", "closure_recall": "recall", "closure_precision": "precis.", "closure_spill": "spill",
        "phone_accuracy": "phone", "viseme_accuracy": "viseme", "boundary_median_s": "edge ms",
        "boundary_p90_s": "90% ms", "openness_uar": "3-class", "openness_spearman": "open rho",
    }  # fmt: skip
    lines = [" " * 14 + "".join(f"{title:>9}" for title in columns.values())]
    for name, row in rows_by_name(report, "").items():
        cells = (cell(column, row[column]) for column in columns)
        lines.append(f"{name[:13]:<14}" + "".join(f"{c:>9}" for c in cells))
    lines += [f"not measured: {name}: {why}" for name, why in report["failed"].items()]
    return "\n".join(lines)


def rows_by_name(report: Mapping[str, Any], group: str = "{} ") -> dict[str, Mapping[str, Any]]:
    """The report's rows: all clips, those that no training heard where that is known, each speaker, each emotion."""
    rows = {"all": report}
    if "n_clean" in report:
        rows["not heard"] = {name[:-6]: value for name, value in report.items() if name.endswith("_clean")}
    for kind in GROUPS:
        rows |= {f"{group.format(kind)}{value}": row for value, row in report.get(f"by_{kind}", {}).items()}
    return rows


def cell(name: str, value: float | int | None) -> str:
    if value is None:
        return "-"
    if name.endswith("_s"):
        return f"{1000 * value:.0f}"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def write_predictions(found: Sequence[Result], path: Path) -> None:
    """clips (N,); offsets (N+1,) into gap_cm (F,) at `rate`; phone_clip (P,) with phone_start, phone_end, phone_ipa."""
    phones = [(n, *p[:3]) for n, r in enumerate(found) for p in r.phones]
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            clips=np.array([r.item.name for r in found]),
            rate=measures.RATE,
            offsets=np.cumsum([0, *(len(r.opening) for r in found)]),
            gap_cm=np.concatenate([r.opening for r in found]).astype(np.float32),
            phone_clip=np.array([p[0] for p in phones], int),
            phone_start=np.array([p[1] for p in phones], float),
            phone_end=np.array([p[2] for p in phones], float),
            phone_ipa=np.array([p[3] for p in phones], str),
        )
