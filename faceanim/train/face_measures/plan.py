"""Which faces are rendered: three sets of people who never meet, all drawn from fixed seeds.

isolated   one channel at a time, nearly from the front: how each moves the landmarks
mixed      random expressions, gazes and poses: what else moves them, and how sure they are
test       the same of other people: for scores alone
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ...core.channels import ARKIT
from ...solve.gaze import LOOK

ISOLATED_FACES, MIXED_FACES, TEST_FACES = 24, 60, 24
FIRST_ISOLATED, FIRST_MIXED, FIRST_TEST = 100, 2000, 500
"""An identity is the seed of its face: the sets are 100..123, 2000..2059 and 500..523."""
TIMES = 4
"""Faces that show a channel by itself."""
PICTURES = 6
"""Of a person with random expressions; the first is at rest."""
SHOWN = 0.2
"""The share of channels that a random expression has."""
TURN = np.array([45.0, 25.0, 20.0])
"""A random pose reaches this far: yaw, pitch, roll in degrees."""
NEARLY_FRONT = 6.0
GAZES = ("leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch")


@dataclass(frozen=True)
class Truth:
    """N pictures, those of one person side by side.

    identity  int (N,)
    weights   float32 (N, E) 0..1, of the expressions `names` in ICT spelling
    gaze      float64 (N, 4) radians: left yaw and pitch, right yaw and pitch
    pose      float64 (N, 3) degrees: yaw, pitch, roll
    times     float64 (N,) seconds, of each person from 0, of pictures that follow each other; else None
    """

    names: tuple[str, ...]
    identity: np.ndarray
    weights: np.ndarray
    gaze: np.ndarray
    pose: np.ndarray
    times: np.ndarray | None = None

    def first(self, count: int | None) -> Truth:
        """The first `count` pictures, all where it is None."""
        rows = slice(count)
        times = None if self.times is None else self.times[rows]
        return Truth(self.names, self.identity[rows], self.weights[rows], self.gaze[rows], self.pose[rows], times)

    @property
    def resting(self) -> np.ndarray:
        """bool (N,)"""
        return self.weights.sum(1) == 0

    def channel(self, name: str) -> np.ndarray | None:
        """(N,) an ARKit channel or an eye's rotation; None where the head has none such. Split pairs are averaged."""
        if name in GAZES:
            return self.gaze[:, GAZES.index(name)]
        for side in ("Left", "Right"):
            if name.endswith(side) and name not in self.names:
                name = name[: -len(side)] + "_" + side[0]
        parts = [part for part in (name, f"{name}_L", f"{name}_R") if part in self.names]
        return self.weights[:, [self.names.index(part) for part in parts]].mean(1) if parts else None


def isolated(names: tuple[str, ...]) -> Truth:
    """At rest; one channel at 1; the gaze on a circle."""
    draw = np.random.default_rng(1)
    nothing, ahead = np.zeros(len(names), np.float32), np.zeros(4)
    at = names.index
    pictures = [(FIRST_ISOLATED + i, nothing, ahead) for i in range(ISOLATED_FACES)]
    for k, name in enumerate(_moving(names)):
        weights = nothing.copy()
        weights[at(name)] = 1
        if name.startswith(("cheekPuff", "browInnerUp")):
            weights[at(_other(name))] = 1
        if name == "mouthClose":  # on top of an open jaw, with less weight
            weights[at("jawOpen")], weights[at(name)] = 1, 0.7
        pictures += [(FIRST_ISOLATED + (TIMES * k + r) % ISOLATED_FACES, weights, ahead) for r in range(TIMES)]
    for k in range(ISOLATED_FACES):
        angle = 2 * np.pi * k / 12
        gaze = np.radians([22 * np.cos(angle), 18 * np.sin(angle)] * 2)
        pictures.append((FIRST_ISOLATED + k, with_lids(nothing, gaze, names), gaze))
    poses = [draw.uniform(-NEARLY_FRONT, NEARLY_FRONT, 3) for _ in pictures]
    return truth_of(names, [(*picture, pose) for picture, pose in zip(pictures, poses, strict=True)])


def _random(names: tuple[str, ...], seed: int, first: int, faces: int) -> Truth:
    draw = np.random.default_rng(seed)
    pictures = []
    for face in range(first, first + faces):
        for k in range(PICTURES):
            pose = draw.uniform(-1, 1, 3) * TURN
            if k == 0:
                pictures.append((face, np.zeros(len(names), np.float32), np.zeros(4), 0.15 * pose))
                continue
            weights = random_expression(names, draw)
            gaze = np.tile(draw.normal(0, 0.2, 2).clip(-0.4, 0.4), 2)
            pictures.append((face, with_lids(weights, gaze, names), gaze, pose))
    return truth_of(names, pictures)


mixed = partial(_random, seed=7, first=FIRST_MIXED, faces=MIXED_FACES)
test = partial(_random, seed=2, first=FIRST_TEST, faces=TEST_FACES)


def random_expression(names: tuple[str, ...], draw: np.random.Generator) -> np.ndarray:
    """A few channels, mostly alike on both sides, that a face can show together."""
    weights, at = np.zeros(len(names), np.float32), names.index
    for name in _moving(names):
        if name.endswith("_R") and draw.random() < 0.7:
            left = weights[at(_other(name))]
            weights[at(name)] = np.clip(left + draw.normal(0, 0.1), 0, 1) * (left > 0)
        elif draw.random() < SHOWN:
            weights[at(name)] = draw.beta(1.5, 1.2)
    for left, right in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        weights[at(right)] *= weights[at(left)] == 0
    weights[at("mouthClose")] = min(weights[at("mouthClose")], 0.7 * weights[at("jawOpen")])
    for name in ("browInnerUp", "cheekPuff"):
        weights[at(f"{name}_R")] = weights[at(f"{name}_L")]
    return weights


def _moving(names: tuple[str, ...]) -> list[str]:
    """What is drawn: those that Apple has, in ICT spelling; the lids' following the gaze comes with it."""
    unsided = {name.removesuffix("Left").removesuffix("Right") for name in ARKIT} | set(ARKIT)
    return [name for name in names if name.split("_")[0] in unsided and not name.startswith("eyeLook")]


def _other(name: str) -> str:
    return name[:-1] + {"L": "R", "R": "L"}[name[-1]]


def with_lids(weights: np.ndarray, gaze: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The lids follow the eyes."""
    weights = weights.copy()
    for side, (yaw, pitch), outward in (("L", gaze[:2], 1), ("R", gaze[2:], -1)):
        turns = {"Down": pitch, "Up": -pitch, "Out": outward * yaw, "In": -outward * yaw}
        for way, turn in turns.items():
            weights[names.index(f"eyeLook{way}_{side}")] = np.clip(turn / LOOK, 0, 1)
    return weights


def truth_of(names: tuple[str, ...], pictures: list[tuple]) -> Truth:
    order = np.argsort([picture[0] for picture in pictures], kind="stable")
    columns = (np.array(column)[order] for column in zip(*pictures, strict=True))
    return Truth(names, *columns)
