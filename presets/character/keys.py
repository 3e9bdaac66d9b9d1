"""The skin's shape keys: lids slide about the eyeballs, lips move by rules and skin bends along, brows by fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from skin import (
    FIRST_AROUND,
    FIRST_CONTACT,
    FIRST_LIP,
    LID_INSIDE,
    LID_MARGIN,
    LID_OUTSIDE,
    Skin,
    eye_angles,
    lid_column,
    lid_line,
    ray,
)
from surface import EYE, JAW_HINGE, LID, MOUTH, cast, normals, settle, skin

JAW_DEGREES = 17.0
TEETH_CENTRE_Y = -40.0
TEETH_UPPER = (26.0, 35.0)
TEETH_LOWER = (24.0, 32.0)
"""Half width and depth (mm) of the ellipses that the teeth's front faces lie on."""
TEETH_CLEARANCE = 0.6


def smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def bump(p: np.ndarray, centre, radii) -> np.ndarray:
    """A Gaussian hill (N,), 1 at the centre."""
    return np.exp(-(((p - np.asarray(centre, float)) / np.asarray(radii, float)) ** 2).sum(-1))


def turn(points: np.ndarray, degrees: float) -> np.ndarray:
    """Displacement (N, 3) of points turned about the jaw's hinge, positive opens."""
    a = np.radians(degrees)
    d = points - JAW_HINGE
    moved = np.stack(
        [d[:, 0], d[:, 1] * np.cos(a) - d[:, 2] * np.sin(a), d[:, 1] * np.sin(a) + d[:, 2] * np.cos(a)], -1
    )
    return moved - d


JAW_MOVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "jawOpen": lambda p: turn(p, JAW_DEGREES),
    "jawForward": lambda p: np.broadcast_to([0.0, -6.5, 0.0], p.shape),
    "jawLeft": lambda p: np.broadcast_to([7.0, 0.0, 0.0], p.shape),
    "jawRight": lambda p: np.broadcast_to([-7.0, 0.0, 0.0], p.shape),
}
"""How a point that is fixed to the lower jaw moves."""


def lid_shift(name: str, s: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the margin of the left lids goes at s, in degrees of azimuth and elevation about the eyeball."""
    high, low, closed = (lid_line(s, which)[1] for which in ("upper", "lower", "closed"))
    open_line = np.where(upper, high, low)
    room = np.clip(1 - s**2, 0, 1)
    up, down, azimuth = {
        "eyeBlink": (0, 0, 0),
        "eyeSquint": (0.08 * (closed - high), 0.55 * (closed - low), 0),
        "eyeWide": (9.0 * room, -4.5 * room, 0),
        "eyeLookUp": (8.0 * room, 4.5 * room, 0),
        "eyeLookDown": (-15.0 * room, -6.0 * room, 0),
        "eyeLookIn": (0, 0, -4.0 * room**0.5),
        "eyeLookOut": (0, 0, 4.0 * room**0.5),
        "cheekSquint": (0, 0.12 * (closed - low), 0),
        "mouthSmile": (0, 0.12 * (closed - low), 0),
        "noseSneer": (0.06 * (closed - high), 0.14 * (closed - low), 0),
        "browDown": (-4.0 * room, 0, 0),
    }[name]
    if name == "eyeBlink":
        return 0 * s, closed - open_line
    return azimuth + 0 * s, np.where(upper, up, down)


class SkinKeys:
    """Displacements of a Skin in millimetres; `all()` gives every key that moves it."""

    def __init__(self, mesh: Skin):
        self.mesh = mesh
        p = self.points = mesh.vertices
        self.ring = mesh.mouth
        core = (mesh.mouth >= FIRST_CONTACT - 1) & (mesh.mouth < FIRST_AROUND)
        self.core = np.flatnonzero(core)
        self.s = mesh.along[self.core]
        self.upper = mesh.upper[self.core] & ~mesh.lower[self.core]
        self.lower = mesh.lower[self.core] & ~mesh.upper[self.core]
        self.sign = self.upper.astype(float) - self.lower
        self.edge = self._edges()
        self.bag = np.flatnonzero((mesh.mouth >= 0) & (mesh.mouth < FIRST_CONTACT - 1))
        self.on_skin = (mesh.mouth < 0) | (mesh.mouth >= FIRST_AROUND)
        self.on_skin &= (mesh.eye < 0) | (mesh.eye >= len(LID_INSIDE))
        near = np.linalg.norm((p - MOUTH) * [1, 0.6, 1], axis=1) < 60
        self.free = np.flatnonzero(near & self.on_skin & (p[:, 2] < 186) & (mesh.eye < 0) & (p[:, 1] < 0))
        self.spread = self._spreader(self.free, self.core)
        self.jaw = self._jaw_weight()

    # -- the fabric ------------------------------------------------------------------------------------------------

    def _edges(self) -> np.ndarray:
        """(K,) the vertex of each core vertex's column on the lip's contact edge."""
        mesh = self.mesh
        edge = np.flatnonzero(mesh.mouth == FIRST_LIP)
        key = lambda i: np.round(mesh.along[i] * 1e6).astype(int) * 4 + mesh.upper[i] * 2 + mesh.lower[i]  # noqa: E731
        order = np.argsort(key(edge))
        return edge[order][np.searchsorted(key(edge)[order], key(self.core))]

    def _laplacian(self) -> np.ndarray:
        """Dense rows would be large: (N, N) as a dictionary of edges instead, weights 1 / length."""
        pairs = {tuple(sorted((f[i - 1], f[i]))) for f in self.mesh.faces for i in range(len(f))}
        a, b = np.array(sorted(pairs)).T
        weight = 1 / np.maximum(np.linalg.norm(self.points[a] - self.points[b], axis=1), 0.3)
        return a, b, weight

    def _spreader(self, free: np.ndarray, pinned: np.ndarray) -> np.ndarray:
        """(F, P): the free vertices' values for values at the pinned ones, 0 elsewhere: a thin plate bent between."""
        n = len(self.points)
        a, b, weight = self._laplacian()
        reach = np.zeros(n, bool)
        reach[free] = True
        for _ in range(2):
            hit = reach[a] | reach[b]
            reach[a[hit]] = reach[b[hit]] = True
        local = np.flatnonzero(reach)
        number = np.full(n, -1)
        number[local] = np.arange(len(local))
        keep = reach[a] & reach[b]
        a, b, weight = number[a[keep]], number[b[keep]], weight[keep]
        matrix = np.zeros((len(local), len(local)))
        np.add.at(matrix, (a, b), -weight)
        np.add.at(matrix, (b, a), -weight)
        total = -matrix.sum(1)
        matrix[np.arange(len(local)), np.arange(len(local))] = total
        plate = matrix.T @ (matrix / total[:, None])
        f = number[free]
        known = pinned[number[pinned] >= 0]
        result = np.zeros((len(free), len(pinned)))
        result[:, number[pinned] >= 0] = -np.linalg.solve(plate[np.ix_(f, f)], plate[np.ix_(f, number[known])])
        return result

    def _jaw_weight(self) -> np.ndarray:
        """(N,) how much of the jaw's motion each vertex takes."""
        mesh, p = self.mesh, self.points
        corner = 0.42
        s = np.abs(self.s)
        weight = np.zeros(len(p))
        along = np.where(self.lower, 1 - (1 - corner) * s**3.5, np.where(self.upper, corner * s**5, corner))
        weight[self.core] = along
        chin = self.on_skin & (mesh.mouth < 0) & (p[:, 2] < 124) & (p[:, 1] < -58)
        weight[chin] = 1
        still = ~self.on_skin | (p[:, 2] > 180) | (p[:, 1] > 2) | (p[:, 2] < 66)
        pinned = np.flatnonzero(chin | (still & (mesh.mouth < 0)))
        free = np.flatnonzero(self.on_skin & ~chin & ~still)
        pinned = np.concatenate([pinned[weight[pinned] > 0], self.core])
        weight[free] = np.clip(self._spreader(free, pinned) @ weight[pinned], 0, 1)
        deep = mesh.lower[self.bag].astype(float)
        deep[mesh.lower[self.bag] & mesh.upper[self.bag]] = corner
        a = np.abs(mesh.along[self.bag])
        power = np.array([14.0, 14.0, 10.0, 7.0, 5.0])[self.ring[self.bag]]
        weight[self.bag] = np.where(
            deep == 1, 1 - (1 - corner) * a**power, np.where(deep == 0, corner * a**power, corner)
        )
        return weight

    def along_face(self, index: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Displacements (K, 3) bent so that the vertices keep their height over the face."""
        p = self.points[index]
        outside = np.abs(d).sum(1) > 1e-6
        result = np.array(d, float)
        q = p[outside]
        result[outside] = settle(q + d[outside], skin(q)) - q
        return result

    def field(self, d: np.ndarray) -> np.ndarray:
        """A displacement of the whole skin (N, 3) that slides on the face; lids near their margin and lips stay."""
        d = np.array(d, float)
        d[~self.on_skin] = 0
        eye = self.mesh.eye >= 0
        d[eye] *= smooth((self.mesh.eye[eye] - LID_MARGIN - 1) / (len(LID_OUTSIDE) - 2))[:, None]
        mouth = self.ring >= FIRST_AROUND
        d[mouth] *= smooth((self.ring[mouth] - FIRST_AROUND) / 6)[:, None]
        moved = np.flatnonzero(np.abs(d).max(1) > 1e-4)
        result = np.zeros_like(d)
        result[moved] = self.along_face(moved, d[moved])
        return result

    def swell(self, centre, radii, height: float) -> np.ndarray:
        """A bulge along the normals."""
        return bump(self.points, centre, radii)[:, None] * normals(self.points) * height * self.on_skin[:, None]

    # -- the lips --------------------------------------------------------------------------------------------------

    def lips(self, upper, lower, roll=(0.0, 0.0), thin=(1.0, 1.0), jaw: str = "", follow_face: bool = True):
        """(N, 3): lips moved by (x, y, z) functions of s, rolled in (degrees) and thinned about their contact edge.

        upper, lower  callables of s (K,) giving (K, 3); at the corners both must agree
        roll, thin    of the upper and the lower lip; numbers or functions of s
        """
        s = self.s
        u, v = np.asarray(upper(s), float), np.asarray(lower(s), float)
        d = np.where(self.upper[:, None], u, np.where(self.lower[:, None], v, (u + v) / 2))
        if follow_face:
            d = self.along_face(self.edge, d)
        d = self._uncrossed(d)
        d = d + self._shaped(roll, thin)
        d = self._off_the_teeth(d, jaw)
        return self.around_lips(d)

    def _shaped(self, roll, thin) -> np.ndarray:
        value = lambda x: x(self.s) if callable(x) else np.full(len(self.s), float(x))  # noqa: E731
        ends = 1 - np.abs(self.s) ** 4
        angle = np.radians(np.where(self.upper, value(roll[0]), value(roll[1]))) * ends
        scale = 1 + (np.where(self.upper, value(thin[0]), value(thin[1])) - 1) * ends
        off = self.points[self.core] - self.points[self.edge]
        out = self.ring[self.core] >= FIRST_LIP
        y, z = off[:, 1], off[:, 2] * self.sign
        # rolling in: the lip's outer end goes back and towards the edge
        new_y = y * np.cos(angle) + z * np.sin(angle)
        new_z = np.maximum(-y * np.sin(angle) * 0.5 + z * np.cos(angle), 0) * scale
        moved = np.stack([0 * y, new_y - y, (new_z - z) * self.sign], -1)
        moved[~out] = 0
        return moved

    def _uncrossed(self, d: np.ndarray) -> np.ndarray:
        """The lips pushed apart where the lower edge would rise above the upper one."""
        edge = self.ring[self.core] == FIRST_LIP
        p = self.points[self.core] + d
        line = {}
        for name, side in (("upper", ~self.lower), ("lower", ~self.upper)):
            i = np.flatnonzero(edge & side)
            i = i[np.argsort(p[i, 0])]
            line[name] = (p[i, 0], p[i, 2])
        over = np.interp(p[:, 0], *line["lower"]) - np.interp(p[:, 0], *line["upper"])
        shift = np.maximum(over, 0) * 0.5
        keep = {(round(float(self.s[i]), 6), self.sign[i]): shift[i] for i in np.flatnonzero(edge)}
        column = np.array([keep[round(float(a), 6), b] for a, b in zip(self.s, self.sign, strict=True)])
        return d + np.stack([0 * column, 0 * column, column * self.sign * 1.02], -1)

    def _off_the_teeth(self, d: np.ndarray, jaw: str) -> np.ndarray:
        p = self.points[self.core] + d
        for (a, b), moves in ((TEETH_UPPER, False), (TEETH_LOWER, True)):
            shift = JAW_MOVES[jaw](np.zeros((1, 3)))[0] if jaw and moves and jaw != "jawOpen" else np.zeros(3)
            x, y = p[:, 0] - shift[0], p[:, 1] - TEETH_CENTRE_Y - shift[1]
            level = np.hypot(x / (a + TEETH_CLEARANCE), y / (b + TEETH_CLEARANCE))
            push = np.where(y < 0, np.maximum(1 / np.maximum(level, 1e-6) - 1, 0), 0)
            p[:, 0] += push * x
            p[:, 1] += push * y
        return p - self.points[self.core]

    def around_lips(self, core: np.ndarray) -> np.ndarray:
        """(N, 3) for displacements of the lips' core (K, 3): the skin around and the mouth's inside follow."""
        result = np.zeros_like(self.points)
        result[self.core] = core
        result[self.free] = self.spread @ core
        share = np.array([0.0, 0.0, 0.08, 0.4, 0.85])[self.ring[self.bag]]
        last = self.ring[self.core] == FIRST_CONTACT - 1
        table = {self._column(self.core[i]): core[i] for i in np.flatnonzero(last)}
        result[self.bag] = share[:, None] * np.array([table[self._column(i)] for i in self.bag])
        return result

    def _column(self, i: int) -> tuple:
        return round(float(self.mesh.along[i]), 6), bool(self.mesh.upper[i]), bool(self.mesh.lower[i])

    # -- the jaw ---------------------------------------------------------------------------------------------------

    def jaw_move(self, name: str) -> np.ndarray:
        d = JAW_MOVES[name](self.points) * self.jaw[:, None]
        if name == "jawOpen":
            d = d + self.around_lips(self._narrow())
            return d
        core = d[self.core]
        # the lips go along together: the upper one takes half
        own = np.where(self.upper, 0.45 * (1 - np.abs(self.s) ** 5), 0)[:, None]
        core = self._off_the_teeth(self._uncrossed(core + own * JAW_MOVES[name](core)), name)
        return d + self.around_lips(core - d[self.core])

    def _narrow(self) -> np.ndarray:
        """An open mouth is an oval: its corners come in."""
        return np.stack([-3.0 * np.sign(self.s) * self.s**2, 1.5 * self.s**2, 0 * self.s], -1)

    def close(self, jaw_open: np.ndarray) -> np.ndarray:
        """mouthClose: on top of as much jawOpen each lip column is moved by one vector, so the lips stay as at rest."""
        edge = jaw_open[self.edge]
        table = {(round(float(self.s[i]), 6), self.sign[i]): edge[i] for i in range(len(self.core))}
        meet = np.empty_like(edge)
        for i, s in enumerate(np.round(self.s, 6)):
            upper, lower = (table.get((float(s), side), table.get((float(s), 0.0))) for side in (1.0, -1.0))
            meet[i] = 0.7 * upper + 0.3 * lower
        return self.around_lips(meet - jaw_open[self.core])

    # -- the lids --------------------------------------------------------------------------------------------------

    def lids(self, name: str) -> np.ndarray:
        """(N, 3) of the left eye."""
        result = np.zeros_like(self.points)
        i = np.flatnonzero((self.mesh.eye >= 0) & (self.points[:, 0] > 0))
        ring = self.mesh.eye[i]
        s, upper = lid_column(self.mesh.column[i])
        azimuth_shift, shift = lid_shift(name, s, upper)
        first = len(LID_INSIDE) + 1
        share = np.concatenate([np.zeros(first), LID_OUTSIDE])[ring]
        weight = 1 - smooth(share) ** 0.9
        azimuth, elevation = eye_angles(self.points[i])
        direction = ray(azimuth + weight * azimuth_shift, elevation + weight * shift)
        radius = np.linalg.norm(self.points[i] - EYE, axis=1)
        outside = ring >= len(LID_INSIDE)
        lies = cast(EYE, direction[outside], reach=70.0)
        below = np.where(ring[outside] == len(LID_INSIDE), 0.35 * LID, 0)[:, None]
        target = EYE + direction * radius[:, None]
        target[outside] = lies - below * direction[outside]
        moves = weight * (np.abs(shift) + np.abs(azimuth_shift)) > 1e-9
        result[i[moves]] = target[moves] - self.points[i[moves]]
        return result

    def mirrored(self, d: np.ndarray) -> np.ndarray:
        return d[self.mesh.mirror] * [-1, 1, 1]
