"""How good made shapes are, without knowing the right ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import contacts
from .head import Solid
from .mesh import Mesh

if TYPE_CHECKING:
    from .make import Fit

FIT_PERCENT, UNFITTED, GAP, FOLDED = 4.0, 0.25, 0.1, 0.02
"""Beyond these a note says so: of the span between the eyes, of the skin, of the opening, of the skin that moves."""


def report(target: Solid, reference: Solid, fitted: Fit, keys: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What is shown before the keys are kept.

    fit_percent  mean distance of the laid reference to the target, over the span between the eyes' outer corners
    unfitted     share of the reference's face that has nothing to lie on
    lids         side to the largest gap left at eyeBlink, over the open eye; absent where no opening is found
    lips         largest gap left where mouthClose takes jawOpen back, over the open mouth; None without lips
    keys         channel to {"reach": largest motion over the span, "folded": share of what moves that turns over}
    notes        in words, what is poor
    """
    used = np.unique(target.whole.triangles[fitted.skin[target.whole.triangles].all(1)])
    surface, which = target.whole.part(np.isin(np.arange(len(target.points)), used))
    moves = _face(fitted, reference)
    found = {
        "fit_percent": _percent(np.nanmean(fitted.residual[moves]) / fitted.span),
        "unfitted": round(float(np.isnan(fitted.residual[moves]).mean()), 3),
        "lids": lids(target, fitted, keys),
        "lips": lips(surface, {n: d[which] for n, d in keys.items()}, fitted, reference),
        "keys": {n: {"reach": round(float(np.linalg.norm(d, axis=1).max()) / fitted.span, 4),
                     "folded": folded(surface, d[which])} for n, d in shown(keys).items()},
    }  # fmt: skip
    return {**found, "notes": notes(found)}


def shown(keys: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The keys as they are used: mouthClose on top of jawOpen, as much as it closes."""
    if contacts.CLOSING not in keys or contacts.OPENING not in keys:
        return dict(keys)
    return {**keys, contacts.CLOSING: 0.5 * (keys[contacts.CLOSING] + keys[contacts.OPENING])}


def _face(fitted: Fit, reference: Solid) -> np.ndarray:
    """bool (v,): of the reference's skin what some key moves."""
    reach = np.max([np.linalg.norm(d[fitted.which], axis=1) for d in reference.keys.values()], axis=0)
    return reach > 0.02 * reach.max()


def _percent(share: float) -> float:
    return round(100 * float(share), 2)


def lids(target: Solid, fitted: Fit, keys: Mapping[str, np.ndarray]) -> dict[str, float]:
    found = {}
    table = fitted.lids[1]
    each = table.shape[0] // max(len(fitted.sides), 1)
    for number, side in enumerate(fitted.sides):
        key = keys.get(f"eyeBlink{side}")
        if key is None:
            continue
        upper = np.arange(number * each + 2, (number + 1) * each, 2)
        apart = table[upper] - table[upper + 1]
        rest, closed = apart @ target.mesh.points, apart @ (target.mesh.points + key)
        opening = np.linalg.norm(rest, axis=1).max()
        found[side] = round(float(np.linalg.norm(closed, axis=1).max() / opening), 4)
    return found


def lips(surface: Mesh, keys: Mapping[str, np.ndarray], fitted: Fit, reference: Solid) -> float | None:
    if contacts.OPENING not in keys or contacts.CLOSING not in keys:
        return None
    opening, closing = keys[contacts.OPENING], keys[contacts.CLOSING]
    upper, lower = contacts.lip_pairs(surface, opening)
    both = (reference.keys[n][fitted.which] for n in (contacts.OPENING, contacts.CLOSING))
    share = contacts.taken_back(fitted.source, *both)
    if not len(upper) or not share:
        return None
    opened, closed = opening[upper] - opening[lower], closing[upper] - closing[lower]
    left = np.linalg.norm(opened + closed / share, axis=1)
    return round(float(left.max() / np.linalg.norm(opened, axis=1).max()), 4)


def folded(surface: Mesh, delta: np.ndarray) -> float:
    """Share, by area, of the triangles that move and turn over."""
    length = np.linalg.norm(delta, axis=1)
    moving = length[surface.triangles].max(1) > 0.05 * max(length.max(initial=0.0), 1e-30)
    after = surface.moved(surface.points + delta)
    over = moving & ((after.face_normals * surface.face_normals).sum(1) < -0.2)
    total = surface.areas[moving].sum()
    return round(float(surface.areas[over].sum() / total), 4) if total > 0 else 0.0


def notes(found: Mapping[str, Any]) -> list[str]:
    said = []
    if found["fit_percent"] > FIT_PERCENT:
        said.append(f"the reference lies {found['fit_percent']:.1f} % of the eyes' distance off this face on average: "
                    "pick landmarks, or more of them")
    if found["unfitted"] > UNFITTED:
        said.append(f"{found['unfitted']:.0%} of the reference's face has nothing to lie on here")
    missing = [side for side in ("Left", "Right") if side not in found["lids"]]
    if missing:
        said.append(f"no opening between lids is found ({', '.join(missing).lower()}): look at eyeBlink")
    said += [f"the lids leave {gap:.0%} of the eye open ({side.lower()})" for side, gap in found["lids"].items()
             if gap > GAP]
    if found["lips"] is None:
        said.append("no lips are found that part: look at jawOpen and mouthClose")
    elif found["lips"] > GAP:
        said.append(f"mouthClose leaves {found['lips']:.0%} of the open mouth open")
    folds = [name for name, values in found["keys"].items() if values["folded"] > FOLDED]
    if folds:
        said.append(f"skin folds over in {', '.join(folds[:6])}")
    return said
