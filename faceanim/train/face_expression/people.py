"""Random people: shapes of the ICT-FaceKit head bent further than its own variation, and what their skin looks like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.files import input_file
from ..face_measures.heads import BROW_CM, HIDDEN, IRIS_DEG, PIVOT, PUPIL_DEG, UNLIKE, rotation
from . import raster

STYLISED = 0.15
"""The share of people who are drawn rather than born: bent further, with larger eyes."""
BENDS = 14
"""Soft bumps that bend a face, so that no two meshes are of one family."""
LINED = {"browInnerUp": 1.0, "browOuterUp": 0.8}
FOLDED = {"browDown": 1.0, "noseSneer": 0.5}
"""Channels that draw the forehead into lines, and the skin between the brows into folds."""
PLAIN = 0.35
"""The share of people who are the model's own, unbent and evenly painted, as heads out of other renderers are."""


@dataclass(frozen=True)
class Person:
    """own (V, 3) at rest in cm; gains (E,): how far this face moves; carried, look, eyes: see raster.shade;
    triangles (T,) bool: those shown; centres (2, 3) of the eyeballs; swell (V,): of the deltas, by larger eyes."""

    own: np.ndarray
    gains: np.ndarray
    swell: np.ndarray
    carried: np.ndarray
    look: np.ndarray
    eyes: np.ndarray
    shown: np.ndarray
    centres: np.ndarray


class People:
    """names  E expressions in ICT spelling; triangles (T, 3); kinds (T,) of raster; both_sides (T,) bool"""

    def __init__(self, data: Path):
        pack = np.load(input_file(data / "ict_facekit" / "ict_face.npz", "face model"))
        self.names = tuple(str(name) for name in pack["expression_names"])
        self.neutral = pack["neutral"].astype(np.float32)
        self._deltas = pack["expressions"].astype(np.float32)
        self._identities = pack["identities"].astype(np.float32)
        self._parts = {str(k): slice(*s) for k, s in zip(pack["part_names"], pack["part_vertex_range"], strict=True)}
        self._eyeballs = (self._parts["Eyeball left"], self._parts["Eyeball right"])
        names = [str(name) for name in pack["materials"]]
        material = pack["triangle_material"].astype(int)
        shown = ~np.isin(material, [names.index(name) for name in HIDDEN])
        self.triangles = np.ascontiguousarray(pack["triangles"][shown])
        named = np.array(names)[material[shown]]
        kinds = np.full(len(self.triangles), raster.SKIN)
        kinds[named == "M_GumsTongue"] = raster.INSIDE
        kinds[named == "M_Teeth"] = raster.TEETH
        kinds[np.char.startswith(named, "M_Sclera") | np.char.startswith(named, "M_Iris")] = raster.EYE
        kinds[named == "M_EyeLashes"] = raster.LASH
        self.kinds = kinds.astype(np.int32)
        self.both_sides = self.kinds == raster.LASH
        self._landmarks = self.neutral[pack["landmarks68"]]
        self._describe()

    def _describe(self) -> None:
        """What the paint needs to know of the template, by vertex."""
        v, marks = self.neutral, self._landmarks
        self._brow = np.minimum(_distance(v, marks[17:22]), _distance(v, marks[22:27])).astype(np.float32)
        self.mouth_z = float(marks[60:68, 2].mean())
        lips = marks[48:60]
        centre = lips.mean(0)
        self._lip = np.zeros(len(v), np.float32)
        face = self._parts["Face"]
        self._lip[face] = _inside(v[face], lips)
        self._socket = np.zeros(len(v), bool)
        self._socket[self._parts["Mouth socket"]] = True
        self._sockets_of_eyes = np.zeros(len(v), bool)
        for side in ("left", "right"):
            self._sockets_of_eyes[self._parts[f"Eye socket {side}"]] = True
        nose = marks[33]
        chin = marks[8]
        below = np.clip((nose[1] + 0.3 - v[:, 1]) / 1.2, 0, 1)
        beard = below * np.clip((v[:, 1] - chin[1] + 3.5) / 2, 0, 1) * np.clip((v[:, 2] + 2) / 4, 0, 1)
        self._beard = (beard * (1 - np.clip(self._lip, 0, 1))).astype(np.float32)
        hairline = marks[27][1] + 5.2 - 0.35 * np.clip(np.abs(v[:, 0]) - 3.5, 0, None) ** 1.5
        back = np.clip((1.5 - v[:, 2]) / 2, 0, 1) * np.clip((v[:, 1] - nose[1] + 1) / 2, 0, 1)
        up = np.clip((v[:, 1] - hairline) / 1.0, 0, 1)
        ears = np.clip((np.abs(v[:, 0]) - 6.6) / 0.6, 0, 1) * (v[:, 1] < marks[27][1] + 1.5) * (v[:, 2] > -5)
        self._scalp = (np.maximum(up, back * (v[:, 1] > nose[1])) * (1 - ears)).astype(np.float32)
        self._scalp[self._parts["Mouth socket"].start :] = 0
        between = marks[27] + np.array([0, 0.6, 0])
        self._fold = np.exp(-((v[:, 0] / 1.3) ** 2) - ((v[:, 1] - between[1]) / 1.3) ** 2).astype(np.float32)
        self._line = (np.exp(-((v[:, 0] / 4.0) ** 4) - ((v[:, 1] - between[1] - 3) / 1.6) ** 4)).astype(np.float32)
        self._cheek = np.exp(-((np.abs(v[:, 0]) - 4.3) ** 2 + (v[:, 1] - nose[1] - 0.5) ** 2) / 4).astype(np.float32)
        self._lid = np.zeros(len(v), np.float32)
        for corners in (marks[36:42], marks[42:48]):
            middle = corners.mean(0)
            away = ((v - middle) / np.array([2.2, 1.3, 2.0])) ** 2
            self._lid = np.maximum(self._lid, np.exp(-away.sum(1)))
        self._centre_of_lips = centre
        self._centres = np.array([_sphere_centre(v[eye]) for eye in self._eyeballs], np.float32)
        self._normal = raster.normals(v, self.triangles)

    def person(self, draw: np.random.Generator) -> Person:
        if draw.random() < PLAIN:
            return self._plain(draw)
        unlike = draw.uniform(0.6, 1.15)
        weights = draw.normal(0, unlike, len(self._identities)).astype(np.float32)
        own = self.neutral + np.tensordot(weights, self._identities, 1)
        stylised = draw.random() < STYLISED
        bend, swell = self._bend(draw, stylised)
        hair = self._scalp * draw.uniform(0.1, 1.6) * (draw.random() < 0.85)
        bumps = 1 + 0.25 * np.sin(self.neutral @ draw.normal(0, 0.8, (3,)) + draw.uniform(0, 6))
        own = own + bend + self._normal * (hair * bumps)[:, None]
        own = own.astype(np.float32)
        gains = draw.normal(1, 0.2 if stylised else 0.1, len(self.names)).clip(0.6, 1.5)
        brows = draw.uniform(0.9, 1.5)
        gains[[k for k, name in enumerate(self.names) if name.startswith("brow")]] *= brows
        carried, look = self._skin(draw, hair > 0.02)
        eyes = self._eyes(draw)
        shown = np.ones(len(self.triangles), bool)
        lash = self.kinds == raster.LASH
        shown[lash] = draw.random(lash.sum()) < draw.choice([0.0, 0.25, 0.5, 0.8, 1.0])
        centres = np.array([_sphere_centre(own[eye]) for eye in self._eyeballs], np.float32)
        return Person(own, gains.astype(np.float32), swell, carried, look, eyes, shown, centres)

    def _plain(self, draw: np.random.Generator) -> Person:
        weights = draw.normal(0, UNLIKE, len(self._identities)).astype(np.float32)
        own = self.neutral + np.tensordot(weights, self._identities, 1)
        skin = np.array([0.72, 0.45, 0.34]) * draw.uniform(0.3, 1.2)
        carried = np.zeros((len(own), raster.ATTRIBUTES), np.float32)
        colour = carried[:, :3]
        colour[:] = skin
        colour[self._lip > 0.5] = np.array([0.6, 0.22, 0.2]) * draw.uniform(0.7, 1.2)
        colour[self._socket] = colour[self._parts["Gums and tongue"]] = [0.5, 0.15, 0.15]
        colour[self._parts["Teeth"]] = [0.85, 0.82, 0.75]
        for side in ("left", "right"):
            colour[self._parts[f"Eyelashes {side}"]] = 0.03
        carried[:, raster.BROW], carried[:, raster.GLOSS] = self._brow, 1
        carried[:, raster.X : raster.Z + 1] = self.neutral
        look = np.zeros(13, np.float32)
        look[0], look[1:4], look[9:11], look[12] = 1, [0.1, 0.06, 0.04], [BROW_CM, 0.05], self.mouth_z
        look[7], look[8] = draw.uniform(0, 0.06), 12
        eyes = self._eyes(draw)
        eyes[:, 3], eyes[:, 4] = IRIS_DEG, PUPIL_DEG
        centres = np.array([_sphere_centre(own[eye]) for eye in self._eyeballs], np.float32)
        ones = np.ones(len(own), np.float32)
        shown = np.ones(len(self.triangles), bool)
        return Person(own.astype(np.float32), np.ones(len(self.names), np.float32), ones, carried, look, eyes, shown,
                      centres)  # fmt: skip

    def _bend(self, draw: np.random.Generator, stylised: bool) -> tuple[np.ndarray, np.ndarray]:
        v = self.neutral
        strength = 0.6 if stylised else draw.choice([0.1, 0.25, 0.45], p=[0.4, 0.4, 0.2])
        out = v * draw.normal(0, 0.08 if stylised else 0.04, 3)
        for _ in range(BENDS):
            centre = np.array([draw.uniform(-7, 7), draw.uniform(-9, 10), draw.uniform(0, 9)])
            push = draw.normal(0, strength, 3) * [1, 1, 0.7]
            width = draw.uniform(2.5, 5)
            near = np.exp(-((v - centre) ** 2).sum(1) / (2 * width**2))[:, None]
            out = out + near * push
            if draw.random() < 0.75:  # faces have two sides
                near = np.exp(-((v - centre * [-1, 1, 1]) ** 2).sum(1) / (2 * width**2))[:, None]
                out = out + near * (push * [-1, 1, 1])
        swell = np.ones(len(v), np.float32)
        larger = draw.normal(0, 0.06) + (stylised or draw.random() < 0.1) * draw.uniform(0, 0.4)
        for centre in self._centres:
            near = np.exp(-((v - centre) ** 2).sum(1) / (2 * 2.2**2))
            out = out + (v - centre) * (larger * near)[:, None]
            swell += (larger * near).astype(np.float32)
        # the brow must not part from the eye, nor teeth from lips: bends are wide enough for that
        return out.astype(np.float32), swell

    def _skin(self, draw: np.random.Generator, hairy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tone = draw.beta(1.1, 1.3)
        skin = (1 - tone) * np.array([0.72, 0.47, 0.36]) + tone * np.array([0.11, 0.055, 0.035])
        skin = skin * draw.uniform(0.85, 1.15) * (1 + draw.normal(0, 0.06, 3))
        plain = draw.random() < 0.25
        colour = np.repeat(skin[None], len(self.neutral), 0)
        blush = draw.uniform(0, 0.5) * self._cheek[:, None] * np.array([0.1, -0.12, -0.1]) * (1 - 0.6 * tone)
        colour = colour * (1 + blush)
        shadowed = draw.choice([0, draw.uniform(0, 0.6)]) * self._lid[:, None]
        tint = np.array([0.6, 0.45, 0.5]) + draw.normal(0, 0.15, 3)
        colour = colour * (1 - shadowed * (1 - tint.clip(0.1, 1)))
        red = np.array([1.0, 0.55, 0.55]) * draw.uniform(0.7, 1.1)
        if draw.random() < 0.25:  # painted
            red = np.array([draw.uniform(0.7, 1.4), draw.uniform(0.1, 0.5), draw.uniform(0.15, 0.6)])
        lip = self._lip[:, None] * draw.uniform(0.5, 1.0)
        colour = colour * (1 - lip) + skin * red * lip
        black = draw.random()
        hair_colour = (
            np.array([0.03, 0.022, 0.018])
            if black < 0.5
            else draw.uniform(0.05, 0.5) * np.array([1.0, draw.uniform(0.55, 0.85), draw.uniform(0.25, 0.7)])
        )
        if draw.random() < 0.08:
            hair_colour = np.full(3, draw.uniform(0.2, 0.7))
        hair = (self._scalp * hairy).clip(0, 1)[:, None]
        colour = colour * (1 - hair) + hair_colour * hair
        mouth = np.array([0.35, 0.1, 0.09]) * draw.uniform(0.6, 1.3)
        colour[self._socket] = mouth * 0.6
        colour[self._sockets_of_eyes] = skin * np.array([0.8, 0.45, 0.42])
        colour[self._parts["Gums and tongue"]] = mouth * 1.3
        colour[self._parts["Teeth"]] = np.array([0.75, 0.7, 0.6]) * draw.uniform(0.75, 1.15)
        for side in ("left", "right"):
            colour[self._parts[f"Eyelashes {side}"]] = 0.02
        carried = np.zeros((len(colour), raster.ATTRIBUTES), np.float32)
        carried[:, :3] = colour.clip(0.004, 1.2)
        shift = draw.normal(0, 0.08)
        carried[:, raster.BROW] = np.abs(self._brow + shift * np.sign(draw.normal()))
        beard = draw.choice([0.0, 0.25, 0.6, 0.95], p=[0.6, 0.2, 0.12, 0.08])
        ragged = 1 + 0.3 * np.sin(self.neutral @ draw.normal(0, 1.2, 3))
        carried[:, raster.ROUGH] = beard * (self._beard * ragged).clip(0, 1)
        carried[:, raster.GLOSS] = 1 + draw.uniform(0, 3) * self._lip
        carried[self._parts["Teeth"], raster.GLOSS] = 3
        carried[:, raster.X : raster.Z + 1] = self.neutral
        carried[:, raster.HAIR] = hair[:, 0]
        look = np.zeros(13, np.float32)
        look[0] = draw.uniform(0.35, 1.0) if draw.random() < 0.95 else 0.1
        look[1:4] = np.clip(hair_colour * draw.uniform(0.4, 1.1), 0.015, 0.3)
        look[4:6] = (0.0, 0.0) if plain else (draw.uniform(0, 0.06), draw.uniform(0, 0.09))
        look[6] = draw.choice([0.0, draw.uniform(0, 0.35)])
        look[7], look[8] = draw.uniform(0, 0.12), draw.uniform(6, 45)
        look[9], look[10] = draw.uniform(0.12, 0.42), draw.uniform(0.05, 0.3)
        look[11], look[12] = draw.uniform(0.1, 0.5), self.mouth_z
        return carried, look

    def _eyes(self, draw: np.random.Generator) -> np.ndarray:
        eyes = np.zeros((2, 12), np.float32)
        eyes[:, :3] = self._centres
        eyes[:, 3], eyes[:, 4] = draw.uniform(25, 30), draw.uniform(8, 15)
        base = np.array(
            [[0.09, 0.045, 0.02], [0.2, 0.11, 0.05], [0.1, 0.16, 0.22], [0.12, 0.18, 0.1], [0.03, 0.02, 0.015]]
        )
        eyes[:, 5:8] = base[draw.choice(5, p=[0.35, 0.2, 0.15, 0.1, 0.2])] * draw.uniform(0.7, 1.3)
        eyes[:, 8:11] = np.array([0.82, 0.77, 0.73]) * draw.uniform(0.75, 1.1)
        eyes[:, 11] = draw.uniform(0.0, 0.9)
        return eyes

    def vertices(self, person: Person, weights: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        """(V, 3) cm in head space, from weights (E,) and gaze (4,) radians: left yaw, pitch, right yaw, pitch."""
        active = np.flatnonzero(weights)
        strong = (weights * person.gains)[active].astype(np.float32)
        out = raster.blend(person.own, person.swell, self._deltas, active, strong)
        for eye, centre, (yaw, pitch) in zip(self._eyeballs, person.centres, gaze.reshape(2, 2), strict=True):
            out[eye] = (out[eye] - centre) @ rotation(yaw, pitch, 0.0).T.astype(np.float32) + centre
        return out

    def wrinkled(self, person: Person, weights: np.ndarray) -> np.ndarray:
        """`carried` with the lines and folds of this expression."""
        carried = person.carried.copy()
        for column, channels, where in ((raster.LINES, LINED, self._line), (raster.FOLDS, FOLDED, self._fold)):
            strength = sum(
                share * weights[self.names.index(f"{name}_{side}")] / 2
                for name, share in channels.items()
                for side in "LR"
            )
            carried[:, column] = min(strength, 1.2) * where
        return carried


def posed(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Turned about the neck's pivot; pose in radians."""
    return (points - PIVOT.astype(np.float32)) @ rotation(*pose).T.astype(np.float32)


def _sphere_centre(points: np.ndarray) -> np.ndarray:
    system = np.concatenate([2 * points, np.ones((len(points), 1), points.dtype)], 1).astype(float)
    return np.linalg.lstsq(system, (points.astype(float) ** 2).sum(1), rcond=None)[0][:3]


def _distance(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    nearest = np.full(len(points), np.inf)
    for a, b in zip(line[:-1], line[1:], strict=True):
        along = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
    return nearest


def _inside(points: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """(N,) 1 inside the ring of landmarks seen from the front, falling to 0 a little outside, and 0 behind."""
    from matplotlib.path import Path as Outline

    closed = np.concatenate([ring, ring[:1]])
    near = _distance(points * [1, 1, 0], closed * [1, 1, 0])
    inside = Outline(ring[:, :2]).contains_points(points[:, :2])
    value = np.where(inside, 1.0, np.clip(1 - near / 0.15, 0, 1))
    return value * (points[:, 2] > ring[:, 2].min() - 1.5)
