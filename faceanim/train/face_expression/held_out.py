"""Pictures of people whom no training sees, by Cycles, for `faceanim evaluate faces`.

mixed    40 people, 12 pictures each: at rest, then random expressions, gazes and poses
sweep    six people, each with one expression while the head turns from -45 to 45 degrees
turning  the same as videos: at rest, then the head turns to both sides and back while the expression is held
jaw      four people in two poses, each while the jaw opens
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..face_measures.heads import Head
from ..face_measures.plan import Truth, random_expression, truth_of, with_lids
from ..face_measures.render import render

FIRST, PEOPLE, PICTURES = 9000, 40, 12
"""An identity is the seed of its face; training's heads are drawn otherwise and cannot meet these."""
TURN = np.array([60.0, 30.0, 20.0])
"""A random pose reaches this far: yaw, pitch, roll in degrees."""
FIRST_SWEEP, SWEEPERS = 9500, 6
YAWS = np.linspace(-45, 45, 13)
FPS, RESTING, COMING, STEPS = 25.0, 12, 8, 23
"""Frames a second of the videos, and their frames at rest, while the expression comes, and of each way of the head."""
WAYS = ((0, -45), (-45, 0), (0, 45), (45, 0))
FIRST_JAW, JAWS = 9600, 4
JAW_POSES = np.array([[0.0, 0.0, 0.0], [25.0, 10.0, 0.0]])
OPENING = np.linspace(0, 1, 6)
SHOWN = 0.5
"""An expression of the sweep has a channel at least this strong."""


def mixed(names: tuple[str, ...]) -> Truth:
    draw = np.random.default_rng(11)
    pictures = []
    for face in range(FIRST, FIRST + PEOPLE):
        for k in range(PICTURES):
            pose = draw.uniform(-1, 1, 3) * TURN
            if k == 0:
                pictures.append((face, np.zeros(len(names), np.float32), np.zeros(4), 0.15 * pose))
                continue
            weights = random_expression(names, draw)
            gaze = np.tile(draw.normal(0, 0.2, 2).clip(-0.4, 0.4), 2)
            pictures.append((face, with_lids(weights, gaze, names), gaze, pose))
    return truth_of(names, pictures)


def sweep(names: tuple[str, ...]) -> Truth:
    draw = np.random.default_rng(12)
    pictures = []
    for face in range(FIRST_SWEEP, FIRST_SWEEP + SWEEPERS):
        weights = random_expression(names, draw)
        while weights.max() < SHOWN:
            weights = random_expression(names, draw)
        pictures += [(face, weights, np.zeros(4), np.array([yaw, 0.0, 0.0])) for yaw in YAWS]
    return truth_of(names, pictures)


def turning(names: tuple[str, ...]) -> Truth:
    stills = sweep(names)
    yaws = np.concatenate([[0.0] * (RESTING + COMING), *(np.linspace(*way, STEPS) for way in WAYS)])
    shown = np.concatenate([np.zeros(RESTING), np.linspace(0, 1, COMING), np.ones(len(WAYS) * STEPS)])
    pictures, times = [], []
    for face in np.unique(stills.identity):
        weights = stills.weights[stills.identity == face][0]
        pictures += [
            (face, (share * weights).astype(np.float32), np.zeros(4), np.array([yaw, 0.0, 0.0]))
            for share, yaw in zip(shown, yaws, strict=True)
        ]
        times += [k / FPS for k in range(len(yaws))]
    return replace(truth_of(names, pictures), times=np.array(times))


def jaw(names: tuple[str, ...]) -> Truth:
    pictures = []
    for face in range(FIRST_JAW, FIRST_JAW + JAWS):
        for pose in JAW_POSES:
            for share in OPENING:
                weights = np.zeros(len(names), np.float32)
                weights[names.index("jawOpen")] = share
                pictures.append((face, weights, np.zeros(4), pose))
    return truth_of(names, pictures)


def held_out(data: Path, folder: Path, progress) -> None:
    """folder/sweep, turning, jaw and mixed: pictures and truth.npz."""
    head = Head(data)
    for name, plan in (("sweep", sweep), ("turning", turning), ("jaw", jaw), ("mixed", mixed)):
        render(head, plan(head.expressions), folder / name, progress)
