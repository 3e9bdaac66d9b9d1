"""What is not skin: eyes, lashes, brows, teeth, tongue, ears, hair, shirt. Each a Part in millimetres with its keys."""

from __future__ import annotations

from dataclasses import dataclass, field

import hair
import numpy as np
from keys import JAW_MOVES, TEETH_CENTRE_Y, TEETH_LOWER, TEETH_UPPER, lid_shift, smooth
from poses import LIDS
from skin import eye_angles, lid_line, ray, tube
from surface import EYE, EYE_RADIUS, LID, cast, normals, settle


@dataclass
class Part:
    """One object: vertices (N, 3), faces, material names with an index a face, bone weights, keys (N, 3) by name."""

    name: str
    vertices: np.ndarray
    faces: list[tuple[int, ...]]
    materials: tuple[str, ...]
    material: np.ndarray
    weights: dict[str, np.ndarray]
    keys: dict[str, np.ndarray] = field(default_factory=dict)


def mirrored(vertices: np.ndarray, faces: list) -> tuple[np.ndarray, list]:
    """Both sides of a part that is built on the left."""
    n = len(vertices)
    return np.vstack([vertices, vertices * [-1, 1, 1]]), faces + [tuple(n + i for i in f[::-1]) for f in faces]


def both_sides(d: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Keys of both sides for a displacement (N, 3) of the left half of a mirrored part."""
    zero = np.zeros_like(d)
    return {name + "Left": np.vstack([d, zero]), name + "Right": np.vstack([zero, d * [-1, 1, 1]])}


def rigid(bone: str, n: int) -> dict[str, np.ndarray]:
    return {bone: np.ones(n)}


def eyeball(side: str) -> Part:
    """A sphere whose rings about the pupil carry the colours."""
    edges = np.array([0, 6, 12.5, 14, 20, 28.5, 31, 34, 40, 50, 60, 72, 86, 102, 120, 145, 180.0])
    segments = 40
    around = np.arange(segments) * 2 * np.pi / segments
    a = np.radians(edges[1:-1])[:, None]
    x, z = np.sin(a) * np.cos(around), np.sin(a) * np.sin(around)
    y = -np.cos(a) + 0 * around
    rings = np.stack([x, y, z], -1)
    vertices = np.vstack([rings.reshape(-1, 3), [[0, -1, 0], [0, 1, 0]]]) * EYE_RADIUS
    faces = tube(rings, caps=False)
    n = rings.shape[0] * segments
    last = n - segments
    faces += [(n, j, (j + 1) % segments) for j in range(segments)]
    faces += [(n + 1, last + (j + 1) % segments, last + j) for j in range(segments)]
    middle = np.concatenate(
        [np.repeat((edges[1:-2] + edges[2:-1]) / 2, segments), np.full(segments, 1), np.full(segments, 179)]
    )
    material = np.select([middle < 12.5, middle < 20, middle < 28.5, middle < 31], [0, 1, 2, 3], 4)
    spots, spot_faces = _catchlights()
    faces += [tuple(len(vertices) + i for i in f) for f in spot_faces]
    weights = {f"eye.{side}": np.r_[np.ones(len(vertices)), np.zeros(len(spots))],
               "head": np.r_[np.zeros(len(vertices)), np.ones(len(spots))]}  # fmt: skip
    material = np.r_[material, np.full(len(spot_faces), 5)]
    centre = EYE if side == "L" else EYE * [-1, 1, 1]
    return Part(f"Eye.{side}", np.vstack([vertices, spots]) + centre, faces,
                ("Pupil", "Iris Inner", "Iris", "Iris Rim", "Sclera", "Catchlight"), material, weights)  # fmt: skip


def _catchlights() -> tuple[np.ndarray, list]:
    """Two lights on the cornea, which stay with the head when the eye turns, as reflections do."""
    vertices, faces = [], []
    for azimuth, elevation, size in ((-9.0, 11.0, 4.6), (9.0, -9.0, 2.2)):
        around = np.arange(16) * 2 * np.pi / 16
        ring = ray(azimuth + size * np.cos(around), elevation + size * np.sin(around))
        start = len(vertices) * 17
        vertices.append(np.vstack([ring, ray(np.array([azimuth]), np.array([elevation]))]) * (EYE_RADIUS + 0.12))
        faces += [(start + 16, start + j, start + (j + 1) % 16) for j in range(16)]
    return np.vstack(vertices), faces


def lashes() -> Part:
    """A dark wedge along the upper margin, longer to the temple and cut into tips, and a thin line below."""
    strips, columns, uppers = [], [], []
    for upper, count in ((True, 97), (False, 61)):
        s = -np.cos(np.linspace(0.10 if upper else 0.45, 0.985 if upper else 0.93, count) * np.pi)
        azimuth, elevation = lid_line(s, "upper" if upper else "lower")
        direction = ray(azimuth, elevation)
        skin_radius = np.linalg.norm(cast(EYE, direction, reach=60.0) - EYE, axis=1)
        up = 1.0 if upper else -1.0
        grow = np.linspace(0, 1, count)
        tips = 0.62 + 0.38 * np.abs(np.cos(np.arange(count) * np.pi / 8))
        ends = smooth(grow / 0.12) * smooth((1 - grow) / 0.04)
        length = (1.8 + 5.2 * grow**1.4) * tips * ends if upper else 1.1 * tips * ends
        lift = np.degrees(length / skin_radius) * (0.75 if upper else 0.8)
        out = length * (0.8 if upper else 0.35)
        thick = (2.6 if upper else 1.0) * ends + 0.05
        base = EYE + direction * (skin_radius - 0.55 * LID)[:, None]
        crest = EYE + ray(azimuth, elevation + up * thick) * (skin_radius + 0.35)[:, None]
        tip = EYE + ray(azimuth + 5 * grow * ends, elevation + up * lift) * (skin_radius + 0.3 + out)[:, None]
        strips.append(np.stack([base, tip, crest] if upper else [base, crest, tip], 1))
        columns.append(np.repeat(s, 3))
        uppers.append(np.full(3 * count, upper))
    faces, start = [], 0
    for rings in strips:
        faces += [tuple(start + i for i in f) for f in tube(rings)]
        start += rings.shape[0] * 3
    vertices = np.vstack([r.reshape(-1, 3) for r in strips])
    s, upper = np.concatenate(columns), np.concatenate(uppers)
    azimuth, elevation = eye_angles(vertices)
    radius = np.linalg.norm(vertices - EYE, axis=1, keepdims=True)
    keys = {}
    for name in (*LIDS, "cheekSquint", "mouthSmile", "noseSneer", "browDown"):
        da, de = lid_shift(name, s, upper)
        moved = np.abs(da) + np.abs(de) > 1e-9
        keys |= both_sides(
            np.where(moved[:, None], EYE + ray(azimuth + da, elevation + de) * radius - vertices, 0), name
        )
    vertices, faces = mirrored(vertices, faces)
    return Part("Lashes", vertices, faces, ("Lashes",), np.zeros(len(faces), int), rigid("head", len(vertices)), keys)


def brows() -> Part:
    """Two soft strokes on the skin; their keys are the skin's own, see `follow`."""
    t = np.linspace(0, 1, 28)
    x = 13.5 + 45.0 * t
    z = 239.6 + 7.2 * np.sin(np.pi * t**0.85) - 3.5 * t**2
    path = settle(np.stack([x, -78 + 20 * t**2, z], -1))
    normal = normals(path)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, normal)
    across *= np.sign(across[:, 2:3])
    width = (2.1 + 2.0 * np.sin(np.pi * np.minimum(t * 1.25 + 0.12, 1)) ** 0.8) * np.minimum(
        (1 - t) / 0.16 + 0.12, 1
    ) ** 0.6
    width *= np.minimum(t / 0.05 + 0.45, 1)
    angle = np.arange(12) * 2 * np.pi / 12
    ring = width[:, None, None] * (
        np.cos(angle)[None, :, None] * across[:, None] + 0.62 * np.sin(angle)[None, :, None] * normal[:, None]
    )
    rings = path[:, None] + 0.7 * normal[:, None] + ring
    vertices, faces = mirrored(rings.reshape(-1, 3), tube(rings))
    return Part("Brows", vertices, faces, ("Brows",), np.zeros(len(faces), int), rigid("head", len(vertices)))


def follow(part: Part, points: np.ndarray, keys: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
    """Give a part the skin's keys: each vertex the mean of its nearest skin points (N, 3), by distance."""
    distance = np.linalg.norm(part.vertices[:, None] - points[None], axis=-1)
    near = np.argsort(distance, axis=1, kind="stable")[:, :8]
    weight = 1 / (np.take_along_axis(distance, near, 1) + 0.5) ** 2
    weight /= weight.sum(1, keepdims=True)
    for name in names:
        d = (keys[name][near] * weight[..., None]).sum(1)
        if np.abs(d).max() > 0.05:
            part.keys[name] = d


def _tooth(centre: np.ndarray, heading: float, size: tuple[float, float, float], pointed: float) -> np.ndarray:
    """(8, 12, 3) rings of a rounded box standing on the arch; size is width, depth, height."""
    e = np.linspace(-np.pi / 2, np.pi / 2, 8)[:, None]
    a = (np.arange(12) * 2 * np.pi / 12)[None]
    power = lambda v, n: np.sign(v) * np.abs(v) ** n  # noqa: E731
    x = power(np.cos(e), 0.35) * power(np.cos(a), 0.6)
    y = power(np.cos(e), 0.35) * power(np.sin(a), 0.6)
    z = power(np.sin(e), 0.6) + 0 * a
    x = x * (1 - pointed * np.clip(-z, 0, 1) ** 2)
    p = np.stack([x * size[0] / 2, y * size[1] / 2, z * size[2] / 2], -1)
    c, s = np.cos(heading), np.sin(heading)
    return p @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + centre


def teeth(upper: bool) -> Part:
    """Six teeth a side on an elliptic arch, and the gum that they stand in."""
    a, b = TEETH_UPPER if upper else TEETH_LOWER
    a, b = a - 2.2, b - 2.2
    widths = np.array([8.4, 6.8, 7.2, 7.0, 7.0, 8.0]) if upper else np.array([5.6, 6.0, 6.8, 7.0, 7.4, 8.0])
    heights = np.array([9.5, 8.6, 9.2, 8.0, 7.6, 7.2]) - (0.0 if upper else 1.2)
    turns = np.linspace(0, 1.35, 400)
    arc = np.stack([a * np.sin(turns), TEETH_CENTRE_Y - b * np.cos(turns)], -1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(arc, axis=0), axis=1))])
    at = np.cumsum(widths) - widths / 2
    edge, up = (137.6, 1.0) if upper else (137.2, -1.0)
    blocks = []
    for width, height, distance in zip(widths, heights, at, strict=True):
        angle = np.interp(distance, length, turns)
        x, y = a * np.sin(angle), TEETH_CENTRE_Y - b * np.cos(angle)
        heading = np.arctan2(b * np.sin(angle), a * np.cos(angle))
        centre = np.array([x, y, edge + up * height / 2 + (0.5 if height < 9 and upper else 0.0)])
        blocks.append(_tooth(centre, heading, (width * 1.02, 4.4, height), 0.12 if upper else 0.0))
    faces, vertices, material = [], [], []
    for block in blocks:
        start = sum(len(v) for v in vertices)
        new = [tuple(start + i for i in f) for f in tube(block)]
        faces, material = faces + new, material + [0] * len(new)
        vertices.append(block.reshape(-1, 3))
    angle = np.linspace(0, np.interp(at[-1] + 3, length, turns), 20)[:, None]
    round_ = (np.arange(10) * 2 * np.pi / 10)[None]
    radius = 2.9 + 0 * angle
    z = edge + up * 10.6 + up * 3.4 * np.sin(round_) + 0 * angle
    gum = np.stack([(a - 0.6 + radius * np.cos(round_)) * np.sin(angle),
                    TEETH_CENTRE_Y - (b - 0.6 + radius * np.cos(round_)) * np.cos(angle), z], -1)  # fmt: skip
    start = sum(len(v) for v in vertices)
    new = [tuple(start + i for i in f) for f in tube(gum)]
    vertices, faces = mirrored(np.vstack([*vertices, gum.reshape(-1, 3)]), faces + new)
    material = np.array((material + [1] * len(new)) * 2)
    keys = {} if upper else {name: np.array(move(vertices)) for name, move in JAW_MOVES.items()}
    return Part("Teeth.Upper" if upper else "Teeth.Lower", vertices, faces, ("Teeth", "Gums"), material,
                rigid("head", len(vertices)), keys)  # fmt: skip


def tongue() -> Part:
    """A flat drop from the root (0) to the tip (1)."""
    t = np.concatenate([np.linspace(0, 0.86, 16), [0.91, 0.95, 0.98, 1.0]])
    y = -16.0 - 50.0 * t
    z = 131.5 + 3.5 * np.sin(np.pi * np.minimum(t * 1.1, 1)) + 0.5 * t
    round_end = np.sqrt(np.clip(1 - np.clip((t - 0.72) / 0.28, 0, 1) ** 2, 0.004, 1))
    half, thick = (16.0 - 3.5 * t) * round_end, (5.6 - 2.4 * t) * np.sqrt(round_end)
    angle = np.arange(20) * 2 * np.pi / 20
    x = half[:, None] * np.cos(angle)
    groove = -1.4 * np.exp(-((x / 4.0) ** 2)) * (np.sin(angle) > 0) * (1 - t[:, None] ** 2)
    rings = np.stack([x, y[:, None] + 0 * x, z[:, None] + thick[:, None] * np.sin(angle) + groove], -1)
    rings = (rings + np.roll(rings[:, ::-1], 11, axis=1) * [-1, 1, 1]) / 2
    p = rings.reshape(-1, 3)
    t = np.repeat(t, 20)
    tip, back, front = smooth((t - 0.45) / 0.55), np.exp(-(((t - 0.3) / 0.26) ** 2)), smooth((t - 0.1) / 0.8)
    go = lambda w, x, y, z: w[:, None] * np.array([x, y, z], float)  # noqa: E731
    jaw = (0.55 + 0.45 * smooth(t / 0.5))[:, None]
    keys = {name: move(p) * jaw for name, move in JAW_MOVES.items()}
    over = smooth((t - 0.12) / 0.4)  # over the lower teeth
    keys["tongueOut"] = go(front**1.3, 0, -34, 0) + go(over, 0, 0, 8.5) + go(tip**2.2, 0, -4, -13)
    keys["tongueTipUp"] = go(tip, 0, -1.0, 9.5) + go(smooth((t - 0.3) / 0.5) * (1 - tip), 0, 0, 2)
    keys["tongueBackUp"] = go(back, 0, 2, 10) + go(tip, 0, 4, -0.5)
    keys["tongueForward"] = go(front, 0, -8.5, 0) + go(over, 0, 0, 7.5) + go(tip, 0, 0, 1.0)
    curl = smooth((t - 0.5) / 0.5)
    keys["tongueCurl"] = (
        go(curl, 0, 12.0, 0) + go(np.sin(np.pi * np.clip((t - 0.4) / 0.62, 0, 1)), 0, 0, 6) + go(curl**2, 0, 0, 9)
    )
    faces = tube(rings)
    return Part("Tongue", p, faces, ("Tongue",), np.zeros(len(faces), int), rigid("head", len(p)), keys)


def ears() -> tuple[np.ndarray, list]:
    """(N, 3) and faces of both ears, islands of the head's mesh: a dish with a rim, and its back."""
    r = np.array([0.05, 0.22, 0.4, 0.55, 0.68, 0.8, 0.9, 0.97, 1.0])
    front = np.array([-1.0, -1.2, -1.4, -0.6, 0.6, 2.6, 4.0, 3.6, 2.2])
    back = np.array([-3.2, -3.0, -2.6, -2.2, -1.4, -0.4, 0.4, 1.2, 2.2])
    angle = np.arange(36) * 2 * np.pi / 36
    taper = 1 - 0.24 * np.clip(-np.sin(angle), 0, 1) ** 1.5
    rim = np.stack([16.5 * np.cos(angle) * taper, 26.0 * np.sin(angle) - 1.0], -1)
    lobe = 1 - 0.75 * smooth((-np.sin(angle) - 0.45) / 0.4)
    front_edge = smooth((-np.cos(angle) - 0.2) / 0.7)
    rings = []
    for f, h in [*zip(r, front, strict=True), *list(zip(r, back, strict=True))[-2::-1]]:
        height = h * np.where(h > 0, lobe * (1 - 0.55 * front_edge), 1)
        fold = (
            2.0
            * np.exp(-(((f - 0.55) / 0.1) ** 2))
            * np.exp(-(((np.sin(angle) - 0.1) / 0.6) ** 2))
            * (np.cos(angle) > 0)
        )
        fold = fold if h in front else 0
        rings.append(np.stack([rim[:, 0] * f, height + fold, rim[:, 1] * f], -1))
    p = np.stack(rings)
    tilt, flare = np.radians(12), np.radians(28)
    u, n, w = p[..., 0], p[..., 1], p[..., 2]
    u, w = u * np.cos(tilt) + w * np.sin(tilt), w * np.cos(tilt) - u * np.sin(tilt)
    back_y, out_x = u * np.cos(flare) - n * np.sin(flare), u * np.sin(flare) + n * np.cos(flare)
    points = np.stack([77.0 + out_x + 4.0, 16.0 + back_y, 198.0 + w], -1)
    return mirrored(points.reshape(-1, 3), tube(points))


def hair_part() -> Part:
    vertices, faces, shade = hair.build()
    return Part("Hair", vertices, faces, ("Hair", "Hair Light"), shade, rigid("head", len(vertices)))


def shirt() -> Part:
    """A roll-neck and the shoulders' beginning; closes the picture below."""
    profile = np.array([(41, 62), (44, 65), (48, 64), (50, 59), (49, 52), (50, 44), (54, 36), (64, 28), (82, 18),
                        (104, 7), (122, -9), (133, -28), (138, -60)], float)  # fmt: skip
    angle = np.arange(72) * 2 * np.pi / 72
    deep = np.interp(profile[:, 0], [41, 53, 142], [1.0, 1.0, 0.62])
    y = 28.0 - np.interp(profile[:, 1], [-60, 30, 65], [0, 0, 3])
    y = y[:, None] - (profile[:, 0] * deep)[:, None] * np.cos(angle)
    z = profile[:, 1:] - np.interp(profile[:, 0], [41, 55], [7, 0])[:, None] * np.cos(angle)
    rings = np.stack([profile[:, :1] * np.sin(angle), y, z], -1)
    faces = tube(rings, caps=False)
    return Part(
        "Shirt", rings.reshape(-1, 3), faces, ("Shirt",), np.zeros(len(faces), int), rigid("neck", rings.size // 3)
    )
