"""Edits of a Take's phones and words: moved, relabelled, deleted, inserted; and the seconds that this changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..errors import InputError
from .take import Phone, Take, Word

SHORTEST_S = 0.01
"""What is edited lasts at least this long."""
SPLIT_S = 0.02
"""What remains of a sound behind one that is inserted into it goes on if it is at least this long."""
TOUCH_S = 0.002
"""Edges no further apart are one edge: who moves it moves it for both."""
REST_S = 1.0
"""A pause looks the same further than this from its ends, however long it is."""

_FIELDS = {
    "move": {"phone", "word", "phone_at", "word_at", "start", "end"},
    "relabel": {"phone", "word", "phone_at", "word_at", "ipa", "text"},
    "delete": {"phone", "word", "phone_at", "word_at"},
    "insert": {"start", "end", "ipa", "text"},
}
OPERATIONS = tuple(_FIELDS)


class Edited(NamedTuple):
    """spans: (start, end) in seconds, in order and apart, in which what is said is another now."""

    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    spans: tuple[tuple[float, float], ...]


@dataclass
class _Mark:
    """A phone or a word while it is edited.

    fixed   its edges that an edit names, which follow no neighbour
    moved   it was moved or inserted: what it lies over gives way
    """

    start: float
    end: float
    label: str
    confidence: float
    number: int | None = None
    fixed: set[str] = field(default_factory=set)
    moved: bool = False
    gone: bool = False


class _Tiers(NamedTuple):
    """Everything is found by its number in the Take as it was, whatever edits came before."""

    phones: list[_Mark]
    words: list[_Mark]
    seconds: float


def edit(take: Take, edits: Iterable[Mapping[str, Any]]) -> Edited:
    """The phones and words of a Take after edits, one after the other; each names what it means by

    phone, word          its number in the Take, counted from 0 as `show --json` lists them, or
    phone_at, word_at    a time (s) within it

    {"op": "move", ..., "start": s, "end": s}     either or both. A neighbour that touches a moved edge follows it; what
                                                  lies further is cut. A word takes its phones along.
    {"op": "relabel", ..., "ipa": "b"}            or "text" for a word, whose phones stay. "" makes a phone a pause.
    {"op": "delete", ...}                         touching neighbours meet in its middle, unless one is a pause; the
                                                  phones of a deleted word become a pause.
    {"op": "insert", "ipa": "m", "start": s, "end": s}     or "text" for a word. What lies there gives way.

    Raises InputError, which says which edit is wrong and why.
    """
    tiers = _Tiers(
        [_Mark(p.start, p.end, p.ipa, p.confidence, i) for i, p in enumerate(take.phones)],
        [_Mark(w.start, w.end, w.text, 1.0, i) for i, w in enumerate(take.words)],
        take.seconds,
    )
    for number, one in enumerate(edits):
        try:
            _apply(one, tiers)
        except InputError as error:
            raise InputError(f"edit {number} cannot be made: {error.message}", error.hint) from None
    phones = tuple(Phone(m.start, m.end, m.label, m.confidence) for m in _settled(tiers.phones, "phone", take.phones))
    words = tuple(Word(m.start, m.end, m.label) for m in _settled(tiers.words, "word", take.words))
    return Edited(phones, words, changes(take.phones, phones, take.seconds))


def read(document: Any) -> list[Mapping[str, Any]]:
    """The edits of a JSON document: a list, or an object whose "edits" is one."""
    edits = document.get("edits") if isinstance(document, Mapping) else document
    if not isinstance(edits, list) or not all(isinstance(one, Mapping) for one in edits):
        raise InputError(
            "these are no edits: a list of objects is expected",
            'for example [{"op": "relabel", "phone": 12, "ipa": "b"}]; `faceanim show TAKE --json` lists the phones',
        )
    return edits


def changes(
    before: Sequence[Phone], after: Sequence[Phone], seconds: float
) -> tuple[tuple[float, float], ...]:
    """Spans (start, end) in which phones differ, with the sounds next to them, which look at what they touch."""
    rows = [row_of(before, seconds), row_of(after, seconds)]
    different = set(rows[0]) ^ set(rows[1])
    spans: list[tuple[float, float]] = []
    for row in rows:
        for i, (start, end, ipa) in enumerate(row):
            if different.isdisjoint(row[max(i - 1, 0) : i + 2]):
                continue
            if ipa or end - start < 2 * REST_S:
                spans.append((start, end))
            else:
                spans += [(start, start + REST_S), (end - REST_S, end)]
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1] + TOUCH_S:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def row_of(phones: Sequence[Phone], seconds: float) -> list[tuple[float, float, str]]:
    """Sounds and the pauses between them, without gaps."""
    row: list[tuple[float, float, str]] = []
    last = 0.0
    for p in [*(p for p in phones if p.ipa), Phone(seconds, seconds, "", 1.0)]:
        if p.start > last + TOUCH_S / 2:
            row.append((last, p.start, ""))
        if p.ipa:
            row.append((p.start, p.end, p.ipa))
        last = max(last, p.end)
    return row


# one edit ---------------------------------------------------------------------------------------------------------


def _apply(one: Mapping[str, Any], tiers: _Tiers) -> None:
    op = one.get("op")
    if op not in _FIELDS:
        raise InputError(f"there is no operation {op!r}", f"`op` is one of {', '.join(OPERATIONS)}")
    if unknown := [name for name in one if name != "op" and name not in _FIELDS[op]]:
        known = ", ".join(sorted(_FIELDS[op]))
        raise InputError(f"{op} knows no '{unknown[0]}'", f"it knows: {known}")
    if op == "insert":
        _insert(one, tiers)
        return
    mark, kind = _named(one, tiers)
    if op == "move":
        if not {"start", "end"} & set(one):
            raise InputError("it says not where to", "give `start`, `end` or both, in seconds")
        _move(mark, kind, *_span(one, tiers.seconds, mark), {"start", "end"} & set(one), tiers)
    elif op == "relabel":
        mark.label, mark.confidence = _label(one, kind), 1.0
    else:
        _delete(mark, kind, tiers)


def _named(one: Mapping[str, Any], tiers: _Tiers) -> tuple[_Mark, str]:
    """What an edit means, and its kind: "phone" or "word"."""
    names = [name for name in ("phone", "word", "phone_at", "word_at") if name in one]
    if len(names) != 1:
        raise InputError("it must name one thing", "give one of `phone`, `word` (number), `phone_at`, `word_at` (s)")
    kind, at = names[0].removesuffix("_at"), names[0].endswith("_at")
    marks, value = (tiers.phones if kind == "phone" else tiers.words), one[names[0]]
    if at:
        time = _number(value, names[0])
        found = [m for m in marks if m.start <= time < m.end and not m.gone]
        if not found:
            raise InputError(f"there is no {kind} at {time:g} s", "`faceanim show TAKE --json` lists them with times")
        return found[0], kind
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"`{kind}` is a number counted from 0, not {value!r}", f"or give `{kind}_at` in seconds")
    found = [m for m in marks if m.number == value]
    if not found:
        count = sum(m.number is not None for m in marks)
        last = f"it has {kind}s 0 to {count - 1}" if count else f"it has no {kind}s: insert them"
        raise InputError(f"the take has no {kind} {value}", last)
    if found[0].gone:
        raise InputError(f"{kind} {value} was deleted by an edit before", "leave out one of the two")
    return found[0], kind


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise InputError(f"`{name}` is no number of seconds: {value!r}", "give seconds from the clip's start, as 1.25")
    return float(value)


def _span(one: Mapping[str, Any], seconds: float, mark: _Mark | None = None) -> tuple[float, float]:
    start, end = (
        _number(one[name], name) if name in one or mark is None else getattr(mark, name) for name in ("start", "end")
    )
    if start < 0 or end > seconds + SHORTEST_S:
        raise InputError(f"{start:g} to {end:g} s lies outside the clip", f"the clip is 0 to {seconds:.3f} s")
    if end - start < SHORTEST_S:
        raise InputError(
            f"{start:g} to {end:g} s is shorter than {SHORTEST_S:g} s",
            "`end` comes after `start`; delete what is not said",
        )
    return start, end


def _label(one: Mapping[str, Any], kind: str) -> str:
    name = "ipa" if kind == "phone" else "text"
    label = one.get(name)
    if not isinstance(label, str) or (kind == "word" and not label.strip()):
        raise InputError(f"a {kind} needs `{name}`, a text", 'for example "ipa": "b"' if kind == "phone" else "")
    return label.strip()


def _insert(one: Mapping[str, Any], tiers: _Tiers) -> None:
    if ("ipa" in one) == ("text" in one):
        raise InputError("insert a phone or a word", "give `ipa` for a phone, or `text` for a word")
    if missing := [name for name in ("start", "end") if name not in one]:
        raise InputError(f"`{missing[0]}` is missing", "give `start` and `end` in seconds")
    kind = "phone" if "ipa" in one else "word"
    mark = _Mark(*_span(one, tiers.seconds), _label(one, kind), 1.0, fixed={"start", "end"}, moved=True)
    (tiers.phones if kind == "phone" else tiers.words).append(mark)


def _move(mark: _Mark, kind: str, start: float, end: float, fixed: set[str], tiers: _Tiers) -> None:
    was = mark.start, mark.end
    if kind == "word":
        scale = (end - start) / max(mark.end - mark.start, 1e-9)
        for p in _phones_of(mark, tiers):
            p.start, p.end = (start + (t - was[0]) * scale for t in (p.start, p.end))
            p.fixed, p.moved = {"start", "end"}, True
    mark.start, mark.end, mark.confidence = start, end, 1.0
    mark.fixed, mark.moved = mark.fixed | fixed, True
    for old, new in zip(was, (start, end), strict=True):
        for other in (*tiers.phones, *tiers.words):
            for edge in ("start", "end"):
                if other is not mark and edge not in other.fixed and abs(getattr(other, edge) - old) <= TOUCH_S:
                    setattr(other, edge, new)


def _delete(mark: _Mark, kind: str, tiers: _Tiers) -> None:
    mark.gone = True
    if kind == "word":
        for p in _phones_of(mark, tiers):
            p.gone = True
        return
    before = [p for p in tiers.phones if not p.gone and abs(p.end - mark.start) <= TOUCH_S]
    after = [p for p in tiers.phones if not p.gone and abs(p.start - mark.end) <= TOUCH_S]
    if before and after and before[0].label and after[0].label:
        before[0].end = after[0].start = (mark.start + mark.end) / 2
    for w in tiers.words:
        if not w.gone and not any(not p.gone for p in _phones_of(w, tiers)) and mark in _phones_of(w, tiers, True):
            w.gone = True  # nothing of it is said any more


def _phones_of(word: _Mark, tiers: _Tiers, gone: bool = False) -> list[_Mark]:
    return [
        p for p in tiers.phones
        if (gone or not p.gone) and p.label and word.start <= (p.start + p.end) / 2 <= word.end
    ]  # fmt: skip


# all together -----------------------------------------------------------------------------------------------------


def _settled(marks: list[_Mark], kind: str, before: Sequence[Any]) -> list[_Mark]:
    """In order and not overlapping: what an edit names stays, its neighbours are cut."""
    result: list[_Mark] = []
    for mark in sorted((m for m in marks if not m.gone), key=lambda m: (m.start, m.end)):
        last = result[-1] if result else None
        if last is None or last.end <= mark.start + 1e-9:
            result.append(mark)
            continue
        if last.moved and mark.moved:
            raise InputError(
                f"two {kind}s that were edited overlap at {mark.start:.3f} s: '{last.label}' and '{mark.label}'",
                "let one end where the other starts",
            )
        if last.moved:
            mark.start = last.end
            if mark.label or mark.end > mark.start + 1e-6:
                result.append(mark)
            continue
        tail = replace(last, start=mark.end, number=None)
        last.end = mark.start
        result.append(mark)
        if tail.end - tail.start >= SPLIT_S:
            result.append(tail)
    for mark in result:
        if mark.label and mark.end - mark.start < SHORTEST_S - 1e-9 and not _untouched(mark, before):
            raise InputError(f"nothing would be left of the {kind} '{mark.label}'", "delete or move it as well")
    return [mark for mark in result if mark.end > mark.start + 1e-6]


def _untouched(mark: _Mark, before: Sequence[Any]) -> bool:
    return mark.number is not None and tuple(before[mark.number][:2]) == (mark.start, mark.end)
