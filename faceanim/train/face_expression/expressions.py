"""What faces do: expressions of talking and feeling people, and everything rare; gazes; turns of the head."""

from __future__ import annotations

import numpy as np

from ...solve.gaze import LOOK
from ..face_measures.plan import random_expression

FEELINGS: tuple[dict[str, float], ...] = (
    {
        "mouthSmile": 1,
        "cheekSquint": 0.7,
        "eyeSquint": 0.4,
        "mouthDimple": 0.3,
        "mouthUpperUp": 0.3,
        "mouthStretch": 0.2,
    },
    {
        "mouthSmile": 0.9,
        "cheekSquint": 0.8,
        "eyeSquint": 0.5,
        "jawOpen": 0.5,
        "mouthUpperUp": 0.5,
        "mouthLowerDown": 0.4,
    },
    {"browInnerUp": 1, "browOuterUp": 1, "eyeWide": 0.8, "jawOpen": 0.6, "mouthFunnel": 0.2},
    {"browInnerUp": 0.8, "browOuterUp": 0.8},
    {"browDown": 1, "eyeSquint": 0.4, "noseSneer": 0.4, "mouthPress": 0.6, "mouthShrugLower": 0.3},
    {"browDown": 1, "eyeWide": 0.5, "mouthUpperUp": 0.5, "mouthLowerDown": 0.6, "jawOpen": 0.4, "noseSneer": 0.5},
    {"browDown": 0.7, "noseSneer": 1, "mouthUpperUp": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.5, "mouthFrown": 0.4},
    {"browInnerUp": 0.9, "mouthFrown": 0.9, "mouthShrugLower": 0.6, "eyeSquint": 0.2},
    {
        "browInnerUp": 0.9,
        "browOuterUp": 0.4,
        "eyeWide": 0.8,
        "mouthStretch": 0.9,
        "jawOpen": 0.3,
        "mouthLowerDown": 0.5,
    },
    {"mouthPucker": 1, "mouthFunnel": 0.2},
    {"mouthPucker": 0.5, "cheekPuff": 1, "mouthPress": 0.3},
    {"cheekPuff": 0.9, "browOuterUp": 0.3},
    {"mouthRollLower": 0.9, "mouthRollUpper": 0.8, "mouthPress": 0.4},
    {"mouthShrugUpper": 0.8, "mouthShrugLower": 0.9, "mouthFrown": 0.3, "browOuterUp": 0.4},
    {"jawForward": 0.9, "mouthShrugLower": 0.3, "browDown": 0.4},
    {"mouthDimple": 0.8, "mouthPress": 0.6},
    {"eyeBlink": 1, "eyeSquint": 0.6, "cheekSquint": 0.6, "noseSneer": 0.3},
)
SAID: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.6, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},
    {"jawOpen": 0.35, "mouthStretch": 0.3, "mouthLowerDown": 0.3, "mouthUpperUp": 0.2},
    {"jawOpen": 0.12, "mouthStretch": 0.4, "mouthSmile": 0.3, "mouthLowerDown": 0.3},
    {"jawOpen": 0.35, "mouthFunnel": 0.6, "mouthPucker": 0.2},
    {"jawOpen": 0.12, "mouthPucker": 0.75, "mouthFunnel": 0.35},
    {"jawOpen": 0.2, "mouthClose": 0.17, "mouthPress": 0.4, "mouthRollLower": 0.2, "mouthRollUpper": 0.2},
    {"jawOpen": 0.15, "mouthRollLower": 0.5, "mouthUpperUp": 0.25, "mouthShrugUpper": 0.2},
    {"jawOpen": 0.1, "mouthFunnel": 0.55, "mouthLowerDown": 0.3, "mouthUpperUp": 0.25},
    {"jawOpen": 0.05, "mouthStretch": 0.25, "mouthLowerDown": 0.45, "mouthUpperUp": 0.2, "mouthDimple": 0.2},
    {"jawOpen": 0.25, "mouthLowerDown": 0.2},
)
SHARES = (0.36, 0.25, 0.2, 0.19)
"""Of random mixtures, feelings, speech, and one channel alone."""


class Expressions:
    """Draws weights (E,) over `names` in ICT spelling."""

    def __init__(self, names: tuple[str, ...]):
        self.names = names
        self._at = {name: k for k, name in enumerate(names)}
        unsided = dict.fromkeys(name.split("_")[0] for name in names)
        self._moving = [n for n in unsided if not n.startswith(("eyeLook", "PupilDilate", "cheekRaiser"))]

    def one(self, draw: np.random.Generator) -> np.ndarray:
        kind = draw.choice(4, p=SHARES)
        if kind == 0:
            weights = random_expression(self.names, draw)
        else:
            weights = np.zeros(len(self.names), np.float32)
            if kind == 1:
                self._add(weights, FEELINGS[draw.integers(len(FEELINGS))], draw.uniform(0.25, 1.15), draw)
                if draw.random() < 0.3:
                    self._add(weights, FEELINGS[draw.integers(len(FEELINGS))], draw.uniform(0.1, 0.6), draw)
            elif kind == 2:
                for share in (1.0, draw.choice([0.0, 0.5])):
                    self._add(weights, SAID[draw.integers(len(SAID))], share * draw.uniform(0.4, 1.3), draw)
                if draw.random() < 0.5:
                    self._add(weights, FEELINGS[draw.integers(len(FEELINGS))], draw.uniform(0.1, 0.7), draw)
            else:
                name = self._moving[draw.integers(len(self._moving))]
                self._add(weights, {name: 1.0}, draw.uniform(0.2, 1.0), draw)
                if name == "mouthClose":
                    weights[self._at["jawOpen"]] = min(1, weights[self._at[name]] * draw.uniform(1.1, 2))
            extra = {
                self._moving[draw.integers(len(self._moving))]: draw.uniform(0.1, 0.8) for _ in range(draw.integers(3))
            }
            self._add(weights, extra, 1.0, draw)
        if draw.random() < 0.12:
            closed = draw.choice([1.0, draw.random()])
            weights[[self._at["eyeBlink_L"], self._at["eyeBlink_R"]]] = closed
        elif draw.random() < 0.1:  # a wink
            side = draw.permutation(["eyeBlink_L", "eyeBlink_R"])
            weights[[self._at[name] for name in side]] = draw.uniform(0.4, 1), draw.uniform(0, 0.3)
        return self._possible(weights, draw)

    def rest(self, draw: np.random.Generator) -> np.ndarray:
        """Nearly nothing: no face is quite still."""
        weights = np.zeros(len(self.names), np.float32)
        for _ in range(draw.integers(4)):
            name = self.names[draw.integers(len(self.names))]
            if name.split("_")[0] in self._moving and name != "mouthClose":
                weights[self._at[name]] = draw.uniform(0, 0.08)
        return weights

    def _add(self, weights: np.ndarray, what: dict[str, float], strength: float, draw: np.random.Generator) -> None:
        lopsided = draw.random() < 0.2
        tilt = draw.uniform(-1, 1) if lopsided else draw.normal(0, 0.08)
        for name, share in what.items():
            value = share * strength * draw.uniform(0.6, 1.25)
            if name in self._at:
                weights[self._at[name]] = max(weights[self._at[name]], min(value, 1))
                continue
            both = name in ("browInnerUp", "cheekPuff")
            for side, sign in (("L", 1), ("R", -1)):
                k = self._at[f"{name}_{side}"]
                own = value if both else value * np.clip(1 + sign * tilt, 0, 1.2)
                weights[k] = max(weights[k], min(own, 1))

    def _possible(self, weights: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        at = self._at
        for left, right in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
            first = draw.random() < 0.5
            if weights[at[left]] and weights[at[right]]:
                weights[at[left if first else right]] = 0
            elif first:  # the lists above know one side of the middle only
                weights[[at[left], at[right]]] = weights[[at[right], at[left]]]
        for side in "LR":
            weights[at[f"eyeWide_{side}"]] *= 1 - weights[at[f"eyeBlink_{side}"]]
            smile, frown = at[f"mouthSmile_{side}"], at[f"mouthFrown_{side}"]
            if weights[smile] > 0 and weights[frown] > 0 and draw.random() < 0.7:
                weights[frown if weights[smile] > weights[frown] else smile] *= 0.2
        weights[at["mouthClose"]] = min(weights[at["mouthClose"]], 0.85 * weights[at["jawOpen"]])
        for name in ("browInnerUp", "cheekPuff"):
            weights[at[f"{name}_R"]] = weights[at[f"{name}_L"]]
        return weights.clip(0, 1)

    def look(self, weights: np.ndarray, gaze: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """With the lids following the eyes, as far as this face's do."""
        weights = weights.copy()
        follow = draw.uniform(0.7, 1.1)
        for side, (yaw, pitch), outward in (("L", gaze[:2], 1), ("R", gaze[2:], -1)):
            turns = {"Down": pitch, "Up": -pitch, "Out": outward * yaw, "In": -outward * yaw}
            for way, turn in turns.items():
                weights[self._at[f"eyeLook{way}_{side}"]] = np.clip(follow * turn / LOOK, 0, 1)
        return weights


def turn(draw: np.random.Generator) -> np.ndarray:
    """(3,) yaw, pitch, roll of the head in radians."""
    if draw.random() < 0.4:
        degrees = draw.normal(0, 1, 3) * [14, 9, 6]
    else:
        degrees = draw.uniform(-1, 1, 3) * [62, 34, 28]
        if draw.random() < 0.5:
            degrees[1:] *= 0.4
    return np.radians(degrees.clip([-62, -36, -32], [62, 36, 32]))


def gaze(pose: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """(4,) both eyes in radians relative to the head: into the camera, anywhere, or ahead."""
    kind = draw.random()
    if kind < 0.35:
        both = -pose[:2] + draw.normal(0, 0.06, 2)
    elif kind < 0.9:
        both = draw.normal(0, [0.26, 0.18])
    else:
        both = draw.normal(0, 0.03, 2)
    both = both.clip([-0.62, -0.42], [0.62, 0.5])
    apart = abs(draw.normal(0, 0.02)) * np.array([-1, 0, 1, 0])
    return np.tile(both, 2) + apart + draw.normal(0, 0.01, 4)
