"""Fits what retarget.evidence weighs, on the two reference heads: `python -m faceanim.train.keys DATA`.

Each head is told by the other one. Keys are left out, both sides joined in one, made stronger or weaker, doubled with
a touch of another, and mixed into what is no channel. WEIGHTS make the right shape likely among all shapes for a key
(and none), and the right key among all keys for a shape; TRUST are the odds that the best pairs are right. No other
character is looked at. Prints both.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from ..core.files import PRESETS
from ..evaluate import mapping
from ..retarget import evidence, fields, geometry, registration
from ..retarget.evidence import Shape

DRAWS = 2
GAIN = 0.4
"""Spread of a key's strength, natural logarithm."""
JOINED = 0.2
"""Share of pairs whose two sides become one key."""
KEEP = 1e-3
"""How strongly weights are held near 0."""
LOWEST = np.array([0.0] * 13 + [-np.inf] * 3 + [0.0] * 2)
HIGHEST = np.array([np.inf] * 13 + [0.0] * 3 + [np.inf] * 2)


@dataclass(frozen=True)
class Case:
    """One head with some of its keys, laid onto a reference: measures (K, S, M), pairs that may be, that are right."""

    table: np.ndarray
    able: np.ndarray
    right: np.ndarray
    found: evidence.Evidence


def heads(data: Path) -> Iterator[tuple[mapping.Head, fields.Face]]:
    ours, theirs = geometry.reference(), mapping.ict_reference(data)
    with tempfile.TemporaryDirectory() as folder:
        demo = mapping.opened(PRESETS / "character" / "head.blend", Path(folder))
    meant = {n: {n} for n in demo.deltas if n in theirs.front.names}
    yield mapping.Head("demo", demo, meant), theirs
    surface = mapping.ict(data)
    meant = {n: mapping.of_ict(n) for n in surface.deltas if mapping.of_ict(n)}
    yield mapping.Head("ict", surface, meant), ours
    # eyes and teeth that are keys, as other characters have them; no lid looks then
    balls = {side: mapping.ict_part(data, f"Eyeball {side}") for side in ("left", "right")}
    turned = geometry.with_looks(surface, balls)
    deltas = {n: d for n, d in turned.deltas.items() if n.endswith(geometry.BY_EYE) or not n.startswith("eyeLook")}
    looks = {n: {n.removesuffix(geometry.BY_EYE)} for n in deltas if n.endswith(geometry.BY_EYE)}
    deltas |= of_teeth(surface, mapping.ict_part(data, "Teeth"))
    yield mapping.Head("ict, eyes", replace(turned, deltas=deltas), {**meant, **looks}), ours


def of_teeth(surface: mapping.Surface, teeth: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Keys that shorten the upper and the lower teeth, and one that hides all."""
    points = surface.points[teeth]
    up, back = np.array([0, 1, 0], np.float32), np.array([0, 0, -1], np.float32)
    middle, height = np.median(points[:, 1]), points[:, 1]
    rows = points[:, 1] > middle
    return {
        "teeth, upper": (teeth[rows], 0.5 * (height[rows].max() - height[rows])[:, None] * up),
        "teeth, lower": (teeth[~rows], 0.5 * (height[~rows].min() - height[~rows])[:, None] * up),
        "teeth": (teeth, np.ones((len(teeth), 1), np.float32) * back),
    }


def cases(data: Path, noise: np.random.Generator) -> Iterator[Case]:
    for head, reference in heads(data):
        goal = geometry.goal(reference)
        for seed in (None, *mapping.SEEDS):
            names = list(head.surface.deltas)
            if seed is not None:
                np.random.default_rng(seed).shuffle(names)
                names = names[: len(names) // 2]
            moved = fields.moving(head.surface, tuple(names))
            own = registration.straightened(moved, reference)
            laid = registration.warped(own, reference)
            for _ in range(DRAWS):
                mix, right = drawn(head, own.front.names, noise)
                yield case(mixed(own, mix), mixed(laid, mix), goal, right)


def case(own: fields.Face, laid: fields.Face, goal: evidence.Goal, right: list[set[Shape]]) -> Case:
    table, able, alike = evidence.measured(laid, goal, evidence.mirror(own.front))
    is_right = np.array([[s in r for s in goal.shapes] for r in right]) & able
    return Case(table, able, is_right, evidence.Evidence(goal.shapes, np.zeros(able.shape), alike, goal.between))


def shapes_of(head: mapping.Head, name: str) -> set[Shape]:
    """What a key is; an ICT expression of one half is half a channel."""
    side = {"_L": 1, "_R": -1}.get(name[-2:], 0) if name.startswith(("browInnerUp_", "cheekPuff_")) else 0
    return {Shape((channel,), side) for channel in head.meant.get(name, set())}


def drawn(
    head: mapping.Head, names: tuple[str, ...], noise: np.random.Generator
) -> tuple[np.ndarray, list[set[Shape]]]:
    """(new keys as sums of old ones (K', K), what each is)."""
    at = {next(iter(head.meant[n])): i for i, n in enumerate(names) if len(head.meant.get(n, ())) == 1}
    rows, right = list(np.eye(len(names))), [shapes_of(head, n) for n in names]
    gone: set[int] = set()
    for pair in geometry.PAIRED:
        left, other = at.get(f"{pair}Left"), at.get(f"{pair}Right")
        if left is not None and other is not None and noise.random() < JOINED:
            rows.append(rows[left] + rows[other])
            right.append({Shape((f"{pair}Left", f"{pair}Right"))})
            gone |= {left, other}
    for _ in range(len(names) // 6):
        row = np.zeros(len(names))
        count = int(noise.integers(3, 6))
        row[noise.choice(len(names), count, replace=False)] = noise.uniform(0.5, 1, count)
        rows.append(row)
        right.append(set())
    for i in noise.choice(len(names), len(names) // 8, replace=False):
        # one more key for the same channel, with a touch of something else
        rows.append(np.eye(len(names))[i] + noise.uniform(0.2, 0.5) * np.eye(len(names))[noise.integers(len(names))])
        right.append(shapes_of(head, names[i]))
    kept = [i for i in range(len(rows)) if i not in gone]
    return np.stack([rows[i] * np.exp(GAIN * noise.normal()) for i in kept]), [right[i] for i in kept]


def mixed(face: fields.Face, mix: np.ndarray) -> fields.Face:
    names = tuple(f"Key {i}" for i in range(len(mix)))
    reach = face.front.reach
    longest = (mix * reach).max(1)
    parts = [
        replace(
            part, names=names, reach=longest,
            pushes=np.tensordot(mix * reach, part.pushes, 1).astype(np.float32) / np.float32(longest.mean()),
        )
        for part in (face.front, face.inside)
    ]  # fmt: skip
    share = mix / mix.sum(1, keepdims=True)
    parted = ((mix > 0) * (mix / mix.max(1, keepdims=True)) * face.parted).max(1)
    # lids that meet are made to meet, whatever else is strong or weak
    closes = (np.where(face.closes < 1, mix, mix / mix.max(1, keepdims=True)) * face.closes).max(1)
    return fields.Face(*parts, share @ face.seen, parted, share @ face.loose, closes)


# fits -------------------------------------------------------------------------------------------------------------


def weights(all_cases: list[Case]) -> np.ndarray:
    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope, count = 0.0, np.zeros_like(theta), 0
        for c in all_cases:
            says = np.where(c.able, c.table @ theta, evidence.NEVER)
            columns = np.flatnonzero(c.right.any(0))
            for scores, right, table, able in (
                (np.c_[says, np.zeros(len(says))], np.c_[c.right, ~c.right.any(1)], c.table, c.able),
                (says[:, columns].T, c.right[:, columns].T, c.table[:, columns].swapaxes(0, 1), c.able[:, columns].T),
            ):
                p = np.exp(scores - scores.max(1, keepdims=True))
                p /= p.sum(1, keepdims=True)
                q = p * right
                chance = q.sum(1, keepdims=True) + 1e-300
                total -= np.log(chance).sum()
                gap = (q / chance - p)[:, : able.shape[1]] * able
                slope -= np.einsum("ks,ksm->m", gap, table)
                count += len(scores)
        return total / count + KEEP * (theta**2).sum(), slope / count + 2 * KEEP * theta

    bounds = list(zip(LOWEST, HIGHEST, strict=True))
    return minimize(loss, np.zeros(len(LOWEST)), jac=True, method="L-BFGS-B", bounds=bounds).x


def trust(all_cases: list[Case], theta: np.ndarray) -> np.ndarray:
    rows, right = [], []
    for c in all_cases:
        found = replace(c.found, total=np.where(c.able, c.table @ theta, evidence.NEVER))
        best = {s: np.flatnonzero([t == s for t in found.shapes]) for s in found.shapes}
        found = merged(found, list(best.values()))
        truth = np.stack([c.right[:, i].any(1) for i in best.values()], 1)
        chosen = evidence.matched(found)
        rows.append(evidence.standing(found, chosen))
        right += [truth[k, s] for k, s in chosen.items()]
    x, y = np.concatenate(rows), np.array(right, float)
    odds = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ odds))
        curve = x.T @ (x * (p * (1 - p))[:, None]) + 0.01 * np.eye(len(odds))
        odds -= np.linalg.solve(curve, x.T @ (p - y) + 0.01 * odds)
    return odds


def merged(found: evidence.Evidence, ways: list[np.ndarray]) -> evidence.Evidence:
    """Evidence with each Shape once."""
    total, alike = (np.stack([x[:, i].max(1) for i in ways], 1) for x in (found.total, found.alike))
    between = np.array([[found.between[np.ix_(i, j)].max() for j in ways] for i in ways])
    return evidence.Evidence(tuple(found.shapes[i[0]] for i in ways), total, alike, between)


def main() -> None:
    parser = argparse.ArgumentParser("faceanim.train.keys", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    all_cases = list(cases(parser.parse_args().data, np.random.default_rng(0)))
    theta = weights(all_cases)
    print("WEIGHTS", dict(zip(evidence.MEASURES, theta.round(2).tolist(), strict=True)))
    print("TRUST", trust(all_cases, theta).round(2).tolist())


if __name__ == "__main__":
    main()
