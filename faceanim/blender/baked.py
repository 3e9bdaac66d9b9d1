"""What was baked, measured frame by frame on the evaluated mesh: whether lips, lips and teeth, and lids meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Scene

from .. import pipeline
from ..core.events import jaw_events, speech_events
from ..core.files import input_file
from ..core.mapping import Mapping
from ..core.style import Style
from ..core.take import Take
from ..errors import CharacterError, InputError
from ..formats import takes
from ..retarget import gaps, lids, lips
from . import contacts, scene
from .bake import remarks, scene_rate
from .scene import Character
from .stage import clip_span


@dataclass(frozen=True)
class Measured:
    """A baked character's Gaps on every frame, its eyes' `opening` (lids.opened) each float (F, C), times (F,) in
    seconds, and what was measured by."""

    mapping: Mapping
    mouth: lips.Mouth
    gaps: gaps.Gaps
    eyes: tuple[lids.Lids, ...]
    opening: tuple[np.ndarray, ...]
    times: np.ndarray


def verify(
    blend: str | Path, take: str | Path, mapping: Mapping | None = None, style: Style | None = None
) -> dict[str, Any]:
    """The contacts of a baked .blend, event by event, on its evaluated mesh. Replaces what is open in this Blender.

    mapping   the one that was baked with, where it is neither the character's own nor the proposed one
    style     likewise, where it is not the plain one: its lead, and how far it shuts the lids
    Raises InputError, and CharacterError where nothing was baked or no lips are found.
    """
    if Path(blend).suffix.lower() != ".blend":
        raise InputError(f"{Path(blend).name} is no .blend", "name the .blend that `bake` wrote, then the take")
    known = takes.read(input_file(take, "take"))
    found = measured(blend, mapping)
    told = report(found, known, style or Style())
    told["notes"] += remarks(baked_character(bpy.context.scene, Path(blend)), found.mapping.controls)
    return {"blend": str(blend), "take": str(take), **told}


def measured(blend: str | Path, mapping: Mapping | None = None) -> Measured:
    """What a baked .blend shows on every frame. Opens the file, and raises CharacterError, as `verify` does."""
    from . import mappings

    opened = scene.open_file(blend)
    character = baked_character(opened, Path(blend))
    first, last = clip_span(character)
    mapping = mapping or mappings.of(character)[0]
    mouth, eyes = contacts.touching(character, mapping)
    if mouth is None:
        raise CharacterError(
            f"no lips are found on '{character.rig.name}': nothing parts when its mouth opens",
            "give it a key that opens the mouth (jawOpen), and a mesh with a slit between the lips",
        )
    frames = np.arange(first, last + 1)
    points, *lid_points = sample(opened, character, mouth, frames, contacts.space(character, mapping), eyes)
    opening = tuple(lids.opened(eye, shown) for eye, shown in zip(eyes, lid_points, strict=True))
    times = (frames - first) / scene_rate(opened)
    return Measured(mapping, mouth, gaps.measure(mouth, points), eyes, opening, times)


def baked_character(opened: Scene, path: Path) -> Character:
    """The character of an open scene that something of ours is baked on. Raises CharacterError."""
    from .verify import _is_baked

    baked = next((o for o in opened.objects if _is_baked(o)), None)
    if baked is None:
        raise CharacterError(f"nothing in {path.name} was baked by faceanim", "name the .blend that `bake` wrote")
    return scene.character([baked])


def sample(
    opened: Scene, character: Character, mouth: lips.Mouth, frames: np.ndarray, into: np.ndarray,
    eyes: tuple[lids.Lids, ...] = (),
) -> list[np.ndarray]:
    """The mouth's points float32 (F, P, 3), then the pairs' of each eye (F, 2 C, 3), upper lid first, as they are shown
    on frames, in head space (see `contacts.space`), as if the head were at rest."""
    vertices = np.concatenate([mouth.vertices, *(eye.pairs.T.ravel() for eye in eyes)])
    meshes = list(character.meshes)
    counts = [len(m.data.vertices) for m in meshes]
    starts = np.cumsum([0, *counts])
    owner = np.searchsorted(starts, vertices, "right") - 1
    parts = [(m, np.flatnonzero(owner == i), vertices[owner == i] - starts[i]) for i, m in enumerate(meshes)]
    parts = [part for part in parts if len(part[1])]
    shown = np.zeros((len(frames), len(vertices), 3))
    before = opened.frame_current, opened.frame_subframe
    with contacts.deforming(mesh for mesh, _, _ in parts):
        for row, frame in enumerate(frames):
            opened.frame_set(int(frame))
            depsgraph = bpy.context.evaluated_depsgraph_get()
            for mesh, where, which in parts:
                evaluated = mesh.evaluated_get(depsgraph)
                place, own = np.array(evaluated.matrix_world), contacts.coordinates(evaluated.data.vertices)[which]
                shown[row, where] = own @ place[:3, :3].T + place[:3, 3]
    opened.frame_set(before[0], subframe=before[1])
    shown = shown @ into
    rest = np.concatenate([mouth.points, *(eye.points for eye in eyes)])
    steady = _steadied(np.where(np.isfinite(shown), shown, rest), mouth)
    return np.split(steady, np.cumsum([len(mouth.vertices), *(eye.pairs.size for eye in eyes)])[:-1], axis=1)


def _steadied(points: np.ndarray, mouth: lips.Mouth) -> np.ndarray:
    """Points (F, P, 3) moved back as the points that nothing moves have moved since rest.

    A head that turns bends the skin towards the neck: the half of the points that keep their places best decides.
    """
    rest = mouth.points[mouth.still].astype(float)
    if len(rest) < 4:
        return points.astype(np.float32)
    every = np.arange(points.shape[1])[mouth.still]
    steady = _moved_back(points, points[:, every], rest)
    off = np.linalg.norm(steady[:, every] - rest, axis=2).max(0)
    best = np.argsort(off, kind="stable")[: max(4, len(every) // 2)]
    return _moved_back(points, points[:, every[best]], rest[best]).astype(np.float32)


def _moved_back(points: np.ndarray, now: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Points (F, P, 3) turned, scaled and moved as brings `now` (F, S, 3) nearest to `rest` (S, 3) (Umeyama 1991)."""
    centre, middle = now.mean(1, keepdims=True), rest.mean(0)
    u, sizes, v = np.linalg.svd(np.swapaxes(now - centre, 1, 2) @ (rest - middle))
    flip = np.ones((len(points), 1, 3))
    flip[:, 0, 2] = np.sign(np.linalg.det(u @ v))
    turn = (u * flip) @ v
    scale = (sizes * flip[:, 0]).sum(1) / np.maximum(((now - centre) ** 2).sum((1, 2)), 1e-12)
    return ((points - centre) @ turn) * scale[:, None, None] + middle


def report(found: Measured, take: Take, style: Style) -> dict[str, Any]:
    """`events`, how many `passed` and `failed`, frames with lips that cross (`penetrations`) and with lids that do, and
    notes."""
    times, take = found.times + style.lead_s, pipeline.believed(take, style)
    events = sorted([*speech_events(take.phones), *jaw_events(take.phones)], key=lambda event: event.start)
    spans = [(p.start, p.end, p.ipa) for p in take.phones if p.ipa]
    rows = []
    for c in gaps.check(found.mouth, found.gaps, times, events):
        inside = (ipa for a, b, ipa in spans if a >= c.event.start - 1e-6 and b <= c.event.end + 1e-6)
        rows.append(_row(c, phone="".join(inside)))
    channels = pipeline.channels(take, replace(style, lead_s=0.0))
    crossed = np.zeros(len(times), bool)
    for eye, opening in zip(found.eyes, found.opening, strict=True):
        if not lids.shortcomings(eye, found.mapping):
            rows += [_row(c, phone="", side=eye.side) for c in lids.check(eye, opening, times, channels)]
        crossed |= lids.crossing(opening) > lids.CROSSED
    rows.sort(key=lambda row: row["time_s"])
    through = found.gaps.cross > gaps.CROSSED
    nothing = [] if spans else ["the take has no phones, so no contact of lips was looked for"]
    return {
        "events": rows,
        "passed": sum(row["passed"] for row in rows),
        "failed": sum(not row["passed"] for row in rows),
        "penetrations": int(through.sum()),
        "penetrations_s": [round(float(t), 4) for t in times[through][:100]],
        "largest_penetration": round(float(found.gaps.cross.max(initial=0.0)), 5),
        "lids_cross": int(crossed.sum()),
        "lids_cross_s": [round(float(t), 4) for t in times[crossed][:100]],
        "frames": len(times),
        "unit": "value and limit are widths of the mouth; of the kind 'jaw' the share of a wide open mouth, of the "
        "kind 'lids' of the eye's opening at rest",
        "notes": [*contacts.notes(found.mouth, found.mapping, found.eyes), *_unseen(found), *nothing],
    }


def _unseen(found: Measured) -> list[str]:
    """Which eyes blink by the mapping, but were not looked at."""
    driven = {channel for target in found.mapping.targets.values() for channel in target.weights}
    sides = {"Left", "Right"} - {eye.side for eye in found.eyes}
    return [
        f"no lids are found that the {side.lower()} eye's blink brings together, so its blinks were not looked at"
        for side in sorted(sides) if f"eyeBlink{side}" in driven
    ]  # fmt: skip


def _row(contact: gaps.Contact, **more: str) -> dict[str, Any]:
    told = {"value": round(contact.value, 5), "limit": round(contact.limit, 5), "passed": bool(contact.passed)}
    return {"time_s": round(contact.time, 4), **more, "kind": contact.event.kind, **told}
