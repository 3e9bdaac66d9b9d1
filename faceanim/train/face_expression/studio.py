"""Pictures of random people: camera, light, what stands behind and before them, and what a camera does to it all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import raster
from .people import People, Person, posed

PIXELS, DRAWN = 224, 288
"""Side of a picture, and what it is drawn at."""
FOCAL = (0.75, 3.4)
"""Focal lengths, in the longer side of what the camera took: 27 to 120 mm of a small-format camera."""
WIDEST = 5.0
"""The most that a picture's sides are of what the camera took."""
FRONT = 4.0
"""z of a face, about, in head space (cm)."""
TONES = 4096
MIDDLE = np.array([0.0, 0.0, 3.0], np.float32)
"""Of a face, about, in head space (cm)."""


@dataclass(frozen=True)
class Shot:
    """What stays through a clip: how the person is seen.

    scale  pixels in a cm at the face; place (2,): of the face in the picture
    frame  the longer side, in pixels, of what the camera took, of which the picture is a part; axis (2,): its middle in
           the picture; focal: length, in pixels
    """

    scale: float
    place: np.ndarray
    frame: float
    axis: np.ndarray
    focal: float
    lights: np.ndarray
    shadow: bool
    behind: np.ndarray
    gain: float
    gamma: float
    tint: np.ndarray
    grey: bool
    small: float
    blur: float
    noise: float
    quality: int
    glasses: tuple[np.ndarray, np.ndarray, float] | None


class Studio:
    """Takes pictures of People."""

    def __init__(self, people: People, seed: int = 5):
        self.people = people
        self._tile = _tile(np.random.default_rng(seed))

    def shot(self, draw: np.random.Generator) -> Shot:
        scale = PIXELS / draw.uniform(18, 36)
        room = PIXELS / 2 - 9 * scale
        lights, shadow = _lights(draw)
        frame = PIXELS * (1.0 if draw.random() < 0.5 else float(np.exp(draw.uniform(0, np.log(WIDEST)))))
        return Shot(
            frame=frame, axis=PIXELS / 2 + draw.uniform(-1, 1, 2) * [1, 0.6] * (frame - PIXELS) / 2,
            focal=frame * float(np.exp(draw.uniform(*np.log(FOCAL)))), scale=scale,
            place=PIXELS / 2 + draw.uniform(-1, 1, 2) * max(room, 4),
            lights=lights, shadow=shadow, behind=_backdrop(draw, self._tile),
            gain=draw.uniform(0.75, 1.25), gamma=draw.uniform(0.8, 1.25), tint=draw.normal(1, 0.07, 3),
            grey=draw.random() < 0.06,
            small=1.0 if draw.random() < 0.5 else draw.uniform(0.4, 1.0),
            blur=0.0 if draw.random() < 0.5 else draw.uniform(0, 1.3),
            noise=0.0 if draw.random() < 0.3 else draw.uniform(0, 9),
            quality=int(draw.integers(25, 96)),
            glasses=_glasses(self.people, draw) if draw.random() < 0.14 else None,
        )  # fmt: skip

    def picture(
        self,
        person: Person,
        shot: Shot,
        weights: np.ndarray,
        gaze: np.ndarray,
        pose: np.ndarray,
        draw: np.random.Generator,
    ) -> np.ndarray:
        """uint8 (PIXELS, PIXELS, 3) RGB."""
        people = self.people
        points = posed(people.vertices(person, weights, gaze), pose)
        # the middle of the face keeps its place
        shift = posed(MIDDLE[None], pose * 0.8)[0] * [1, 1, 0]
        points = points - shift.astype(np.float32)
        triangles, kinds, both_sides = (a[person.shown] for a in (people.triangles, people.kinds, people.both_sides))
        carried = people.wrinkled(person, weights)
        if shot.glasses is not None:
            points, triangles, kinds, both_sides, carried = _wear(
                shot.glasses, points, triangles, kinds, both_sides, carried, posed(shot.glasses[0], pose) - shift
            )
        points = np.ascontiguousarray(points, np.float32)
        place = shot.place + draw.normal(0, 2, 2)
        screen = _project(points, shot, place, DRAWN / PIXELS)
        index, corners, _ = raster.cover(screen, triangles, both_sides, DRAWN)
        normal = raster.normals(points, triangles)
        shadow, frame = self._shadow(points, triangles, both_sides, shot)
        picture = cv2.resize(shot.behind, (DRAWN, DRAWN), interpolation=cv2.INTER_LINEAR)
        raster.shade(
            picture,
            index,
            corners,
            points,
            normal,
            carried,
            triangles,
            kinds,
            self._tile,
            person.look,
            person.eyes,
            shot.lights,
            shadow,
            frame,
        )
        picture = cv2.resize(picture, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
        if draw.random() < 0.07:
            _occlude(picture, shot, place, draw)
        return _photograph(picture, shot, draw)

    def _shadow(self, points, triangles, both_sides, shot: Shot) -> tuple[np.ndarray, np.ndarray]:
        direction = shot.lights[0, :3]
        side = np.cross([0, 1, 0], direction)
        side /= np.linalg.norm(side) + 1e-9
        frame = np.stack([side, np.cross(direction, side), direction]).astype(np.float32)
        if not shot.shadow:
            return np.zeros((1, 1), np.float32), frame
        seen = points @ frame.T
        half = raster.SHADOW_PIXELS / 2
        screen = np.stack(
            [
                (seen[:, 0] / raster.SHADOW_REACH + 1) * half,
                (1 - seen[:, 1] / raster.SHADOW_REACH) * half,
                seen[:, 2] + 100,
            ],
            1,
        ).astype(np.float32)
        _, _, near = raster.cover(screen, triangles, both_sides, raster.SHADOW_PIXELS)
        return near, frame


def _project(points: np.ndarray, shot: Shot, place: np.ndarray, samples: float) -> np.ndarray:
    away = shot.focal / shot.scale + FRONT - points[:, 2]
    aside = (place - shot.axis) / shot.scale
    x = ((points[:, 0] + aside[0]) * shot.focal / away + shot.axis[0]) * samples
    y = ((aside[1] - points[:, 1]) * shot.focal / away + shot.axis[1]) * samples
    return np.stack([x, y, 100 / away], 1).astype(np.float32)


def _tile(draw: np.random.Generator) -> np.ndarray:
    """(4, TILE, TILE) noise of deviation 1 or so: fine, medium, coarse, streaks; it repeats without a seam."""
    layers = []
    for wide, high in ((0.8, 0.8), (3, 3), (12, 12), (0.8, 5)):
        spectrum = np.fft.fft2(draw.normal(0, 1, (raster.TILE, raster.TILE)))
        fy, fx = np.meshgrid(*[np.fft.fftfreq(raster.TILE)] * 2, indexing="ij")
        layer = np.fft.ifft2(spectrum * np.exp(-2 * np.pi**2 * ((fx * wide) ** 2 + (fy * high) ** 2))).real
        layers.append((layer / layer.std()).clip(-2, 2))
    return np.stack(layers).astype(np.float32)


def _lights(draw: np.random.Generator) -> tuple[np.ndarray, bool]:
    rows = []
    count = draw.integers(1, 4)
    power = draw.dirichlet(np.ones(count)) * draw.uniform(0.3, 1.0)
    power[::-1].sort()
    for k in range(count):
        yaw, pitch = draw.uniform(-1.5, 1.5), draw.uniform(-0.4, 1.2)
        if k == 0 and draw.random() < 0.6:
            yaw, pitch = yaw * 0.5, abs(pitch) * 0.8
        direction = [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
        warm = draw.normal(0, 0.08)
        rows.append([*direction, *(1.9 * power[k] * (1 + np.array([warm, 0, -warm])))])
    ambient = (1.15 - power.sum() * draw.uniform(0.6, 0.95)) * draw.uniform(0.8, 1.1)
    sky = ambient * (1 + draw.normal(0, 0.06, 3))
    rows.append([0, 1, 0, *sky])
    rows.append([0, -1, 0, *(sky * draw.uniform(0.45, 1.0))])
    return np.array(rows, np.float32), bool(draw.random() < 0.5)


def _backdrop(draw: np.random.Generator, tile: np.ndarray) -> np.ndarray:
    """float32 linear (PIXELS / 2, PIXELS / 2, 3)."""
    side = PIXELS // 2
    cells = int(draw.choice([1, 2, 3, 6, 16]))
    colours = draw.uniform(0, 1, (cells, cells, 3)) ** 1.6 * draw.uniform(0.2, 1)
    if draw.random() < 0.5:
        colours = colours.mean(2, keepdims=True) * draw.uniform(0.7, 1.2, 3)
    way = cv2.INTER_CUBIC if draw.random() < 0.6 else cv2.INTER_NEAREST
    out = cv2.resize(colours.astype(np.float32), (side, side), interpolation=way).reshape(side, side, 3)
    if draw.random() < 0.5:
        out = out * (1 + draw.uniform(0, 0.3) * tile[draw.integers(4), :side, :side, None])
    for _ in range(draw.integers(0, 4)):
        corner, extent = draw.integers(0, side, 2), draw.integers(5, side // 2, 2)
        cv2.rectangle(
            out, tuple(map(int, corner)), tuple(map(int, corner + extent)), draw.uniform(0, 0.8, 3).tolist(), -1
        )
    return cv2.GaussianBlur(out, (0, 0), draw.uniform(0.5, 6)).clip(0, 1.5)


def _glasses(people: People, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Points and triangles in head space, and how dark they are: two rims, a bridge, two temples."""
    marks = people.neutral
    left, right = people._centres
    front = float(marks[:, 2][np.abs(marks[:, 0]) < 0.5].max()) - draw.uniform(1.2, 2.2)
    wide, high, thick = draw.uniform(2.2, 3.0), draw.uniform(1.6, 2.4), draw.uniform(0.06, 0.25)
    square = draw.uniform(2, 5)
    points, triangles = [], []

    def strip(inner: np.ndarray, outer: np.ndarray) -> None:
        start, n = sum(len(p) for p in points), len(inner)
        points.extend([inner, outer])
        for k in range(n - 1):
            a, b, c, d = start + k, start + k + 1, start + n + k, start + n + k + 1
            triangles.extend([(a, b, c), (b, d, c)])

    angle = np.linspace(0, 2 * np.pi, 29)
    shape = np.stack([np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / square),
                      np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / square), 0 * angle], 1)  # fmt: skip
    drop = draw.uniform(-0.2, 0.5)
    for centre in (left, right):
        middle = np.array([centre[0] * 1.05, centre[1] - drop, front])
        bow = -0.12 * (np.abs(shape[:, 0]) * wide / 2.5)[:, None] * [0, 0, 1]
        strip(
            middle + shape * [wide - thick, high - thick, 0] + bow,
            middle + shape * [wide + thick, high + thick, 0] + bow,
        )
    gap = abs(left[0]) * 1.05 - wide
    bridge = np.stack([np.linspace(-gap, gap, 5), np.full(5, left[1] - drop + 0.4), np.full(5, front + 0.2)], 1)
    strip(bridge - [0, thick, 0], bridge + [0, thick, 0])
    for sign in (-1, 1):
        edge = abs(left[0]) * 1.05 + wide
        temple = np.stack(
            [np.linspace(edge, 8.2, 6) * sign, np.full(6, left[1] - drop + 0.5), np.linspace(front - 0.4, -4, 6)], 1
        )
        strip(temple - [0, thick, 0], temple + [0, thick, 0])
    return np.concatenate(points).astype(np.float32), np.array(triangles, np.int32), draw.uniform(0.01, 0.25)


def _wear(glasses, points, triangles, kinds, both_sides, carried, turned):
    start = len(points)
    extra = np.zeros((len(turned), carried.shape[1]), np.float32)
    extra[:, :3], extra[:, raster.GLOSS] = glasses[2], 3
    n = len(glasses[1])
    return (
        np.concatenate([points, turned.astype(np.float32)]), np.concatenate([triangles, glasses[1] + start]),
        np.concatenate([kinds, np.full(n, raster.PLAIN, kinds.dtype)]), np.concatenate([both_sides, np.ones(n, bool)]),
        np.concatenate([carried, extra]),
    )  # fmt: skip


def _occlude(picture: np.ndarray, shot: Shot, place: np.ndarray, draw: np.random.Generator) -> None:
    """A hand, a microphone, a strand of hair before the face."""
    unit = shot.scale
    at = place + draw.uniform(-8, 8, 2) * unit
    kind = draw.integers(3)
    if kind == 0:
        skin = np.array([0.5, 0.3, 0.22]) * draw.uniform(0.25, 1.3)
        angle = draw.uniform(0, 360)
        for k in range(4):
            way = np.array([np.cos(np.radians(angle + 90)), np.sin(np.radians(angle + 90))])
            finger = at + way * (k - 1.5) * 1.8 * unit
            axes = (int(draw.uniform(3.5, 5) * unit), int(0.95 * unit))
            shade = (skin * draw.uniform(0.8, 1.1)).tolist()
            cv2.ellipse(picture, tuple(map(int, finger)), axes, angle, 0, 360, shade, -1, cv2.LINE_AA)
    elif kind == 1:
        grey = np.repeat(draw.uniform(0.01, 0.3), 3).tolist()
        at = place + np.array([draw.uniform(-3, 3), draw.uniform(6, 10)]) * unit
        cv2.circle(picture, tuple(map(int, at)), int(draw.uniform(1.5, 3) * unit), grey, -1, cv2.LINE_AA)
        cv2.line(
            picture, tuple(map(int, at)), tuple(map(int, at + [0, 200])), grey, max(1, int(1.2 * unit)), cv2.LINE_AA
        )
    else:
        lock, lean, down = place[0] + draw.uniform(-7, 7) * unit, draw.normal(0, 3, 2), np.linspace(0, 1, 12)
        for _ in range(draw.integers(3, 20)):
            start = np.array([lock + draw.normal(0, 1.2) * unit, place[1] - 12 * unit])
            bow = (lean[0] + draw.normal(0, 0.4)) * down**2 + (lean[1] + draw.normal(0, 0.4)) * down
            strand = start + np.stack([bow, draw.uniform(5, 15) * down], 1) * unit
            line = strand.astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(picture, [line], False, (0.03, 0.025, 0.02), max(1, int(0.2 * unit)), cv2.LINE_AA)


def _photograph(picture: np.ndarray, shot: Shot, draw: np.random.Generator) -> np.ndarray:
    """Exposure, tint, blur, fewer pixels, noise, compression."""
    tone = np.power(np.linspace(0, 3, TONES, dtype=np.float32), shot.gamma / 2.2)
    # bright parts are rolled off
    tone = np.where(tone > 0.8, 0.8 + 0.25 * np.tanh((tone - 0.8) / 0.25), tone).astype(np.float32)
    levels = (picture * (shot.gain * shot.tint * (TONES - 1) / 3).astype(np.float32)).clip(0, TONES - 1)
    picture = tone[levels.astype(np.int32)]
    if shot.grey:
        picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
    if draw.random() < 0.08:
        length = int(draw.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (0, int(draw.integers(length))), (length - 1, int(draw.integers(length))), 1.0)
        kernel = kernel if draw.random() < 0.5 else kernel.T
        picture = cv2.filter2D(picture, -1, np.ascontiguousarray(kernel / kernel.sum()))
    if shot.blur > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), shot.blur)
    side = round(PIXELS * shot.small)
    if side < PIXELS:
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    if shot.noise > 0:
        picture = picture + draw.standard_normal(picture.shape, np.float32) * np.float32(shot.noise / 255)
    out = (picture * 255).clip(0, 255).astype(np.uint8)
    out = cv2.imdecode(cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, shot.quality])[1], 1)[..., ::-1]
    if side < PIXELS:
        out = cv2.resize(out, (PIXELS, PIXELS), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(out)
