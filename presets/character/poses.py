"""What each ARKit key does to the skin, in millimetres; Left is the own left, +x. See keys for the means."""

from __future__ import annotations

import numpy as np
from keys import JAW_MOVES, SkinKeys, bump, smooth

SIDED = (
    "eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown", "eyeLookIn", "eyeLookOut",
    "browDown", "browOuterUp", "cheekSquint", "noseSneer",
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp",
)  # fmt: skip
LIDS = ("eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown", "eyeLookIn", "eyeLookOut")
CENTRED = (
    "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "cheekPuff", "browInnerUp",
)  # fmt: skip


def corner(s: np.ndarray) -> np.ndarray:
    """1 at the left corner, fading over the left half."""
    return smooth((s + 0.35) / 1.35) ** 2.2


def side(s: np.ndarray) -> np.ndarray:
    """The left half, soft in the middle, nothing at the corners."""
    return smooth((s + 0.35) / 0.7) * (1 - np.abs(s) ** 3)


def middle(s: np.ndarray) -> np.ndarray:
    return 1 - np.abs(s) ** 2.5


def vector(weight: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    return weight[:, None] * np.array([x, y, z], float)


def _both(move):
    return {"upper": move, "lower": move}


def _mouth(k: SkinKeys, name: str) -> np.ndarray:
    """The lips' own poses."""
    pull = lambda x, y, z: _both(lambda s: vector(corner(s), x, y, z))  # noqa: E731
    squeeze = lambda share, s: -share * 25.0 * s  # noqa: E731
    match name:
        case "mouthSmile":
            return k.lips(**pull(7.5, 0, 9.0), thin=(lambda s: 1 - 0.3 * corner(s), lambda s: 1 - 0.2 * corner(s)))
        case "mouthFrown":
            return k.lips(**pull(1.5, 0, -8.5))
        case "mouthDimple":
            return k.lips(**pull(5.5, 0, 1.5), thin=(lambda s: 1 - 0.2 * corner(s), lambda s: 1 - 0.2 * corner(s)))
        case "mouthStretch":
            return k.lips(**pull(9.0, 0, -3.0), thin=(lambda s: 1 - 0.3 * corner(s), lambda s: 1 - 0.3 * corner(s)))
        case "mouthPress":
            flat = lambda s: 1 - 0.4 * smooth((s + 0.35) / 0.7)  # noqa: E731
            up = lambda s: vector(corner(s), 1.0, 0, 0.8) + vector(side(s), 0, -1.0, 2.0)  # noqa: E731
            return k.lips(**_both(up), roll=(lambda s: 14 * side(s), lambda s: 8 * side(s)), thin=(flat, flat))
        case "mouthLowerDown":
            down = lambda s: vector(side(s), 1.0, 0, -8.0)  # noqa: E731
            return k.lips(lambda s: 0 * vector(s, 1, 1, 1), down, roll=(0, lambda s: -12 * side(s)))
        case "mouthUpperUp":
            up = lambda s: vector(side(s), 0.5, 0, 6.5)  # noqa: E731
            return k.lips(up, lambda s: 0 * vector(s, 1, 1, 1), roll=(lambda s: -8 * side(s), 0))
        case "mouthPucker":
            move = lambda s: np.stack([squeeze(0.42, s), -9.0 + 1.5 * s**2, 0 * s], -1)  # noqa: E731
            return k.lips(**_both(move), roll=(-10, -10), thin=(1.12, 1.08), follow_face=False)
        case "mouthFunnel":

            def move(z):
                return lambda s: np.stack([squeeze(0.42, s), -9.5 + 2.5 * s**2, z * middle(s)], -1)

            return k.lips(move(4.8), move(-5.6), roll=(-26, -26), follow_face=False)
        case "mouthRollLower":
            still = lambda s: 0 * vector(s, 1, 1, 1)  # noqa: E731
            return k.lips(
                still, lambda s: vector(middle(s), 0, 1.6, 0), roll=(0, 28), thin=(1, 0.62), follow_face=False
            )
        case "mouthRollUpper":
            still = lambda s: 0 * vector(s, 1, 1, 1)  # noqa: E731
            return k.lips(
                lambda s: vector(middle(s), 0, 1.6, 0), still, roll=(28, 0), thin=(0.62, 1), follow_face=False
            )
        case "mouthShrugLower":
            return k.lips(**_both(lambda s: vector(middle(s), 0, -2.5, 4.5)), roll=(0, -10), follow_face=False)
        case "mouthShrugUpper":
            out = lambda s: vector(middle(s), 0, -1.2, 3.4)  # noqa: E731
            return k.lips(out, lambda s: 0 * vector(s, 1, 1, 1), roll=(-10, 0), follow_face=False)
        case "mouthLeft":
            return k.lips(**_both(lambda s: vector(1 - 0.15 * s, 9.0, 0, 0.8)))
        case "cheekPuff":
            flat = (0.85, 0.85)
            return k.lips(**_both(lambda s: vector(middle(s), 0, -1.5, 0)), thin=flat, follow_face=False)
    return np.zeros_like(k.points)


def _around(k: SkinKeys, name: str) -> np.ndarray:
    """What goes with it on cheeks, chin, nose and brows."""
    p = k.points
    go = lambda centre, radii, x, y, z: bump(p, centre, radii)[:, None] * np.array([x, y, z], float)  # noqa: E731
    match name:
        case "mouthSmile":
            return k.field(go((38, -72, 176), (20, 25, 17), 1.5, 0, 4.0)) + k.swell((40, -70, 182), (17, 25, 13), 3.6)
        case "mouthFrown":
            return k.swell((0, -84, 116), (18, 20, 9), 0.8)
        case "mouthDimple":
            return k.swell((40, -66, 146), (8, 20, 10), -1.8)
        case "mouthUpperUp":
            return k.field(go((20, -80, 166), (13, 20, 11), 0, 0, 2.5)) + k.swell((27, -76, 172), (11, 20, 9), 1.2)
        case "mouthShrugUpper":
            return k.field(go((14, -84, 160), (14, 20, 10), 0, 0, 1.5) + go((-14, -84, 160), (14, 20, 10), 0, 0, 1.5))
        case "mouthShrugLower":
            return k.field(go((0, -84, 118), (22, 20, 12), 0, 0, 4.0)) + k.swell((0, -84, 118), (18, 20, 9), 1.8)
        case "mouthPress":
            return k.field(go((14, -84, 122), (16, 20, 12), 0, 0, 2.5)) + k.swell((12, -84, 122), (16, 20, 9), 1.2)
        case "cheekPuff":
            return sum((k.swell((x, -56, 150), (24, 30, 23), 9.0) for x in (-50, 50)), np.zeros_like(p))
        case "cheekSquint":
            return k.field(go((50, -58, 164), (24, 32, 28), 1.5, 0, 6.0)) + k.swell((46, -64, 176), (20, 28, 20), 3.0)
        case "eyeSquint":
            return k.field(go((40, -70, 188), (24, 28, 12), -1.5, 0, 4.0)) + k.swell((40, -70, 192), (18, 25, 8), 1.0)
        case "noseSneer":
            lift = go((13, -84, 174), (9, 16, 11), 0.8, 0, 4.5) + go((11, -76, 196), (8, 20, 16), 0, 0, 2.5)
            return k.field(lift + go((16, -76, 238), (14, 20, 9), -1.0, 0, -3.0)) + k.swell(
                (11, -80, 196), (6, 16, 10), 1.2
            )
        case "browDown":
            press = go((17, -76, 241), (16, 25, 15), -3.5, 0, -11.5) + go((44, -70, 247), (19, 25, 14), -1.5, 0, -6.5)
            return k.field(press) + k.swell((9, -78, 234), (6, 20, 9), 1.2)
        case "browInnerUp":
            lift = go((18, -76, 244), (17, 28, 17), 0, 0, 8.5) + go((-18, -76, 244), (17, 28, 17), 0, 0, 8.5)
            return k.field(lift)
        case "browOuterUp":
            return k.field(go((48, -66, 248), (19, 30, 17), 0, 0, 8.5))
    return np.zeros_like(p)


def pose(k: SkinKeys, name: str) -> np.ndarray:
    """(N, 3) of a key without its side: of the left one."""
    d = _mouth(k, name) + _around(k, name)
    if name in (*LIDS, "cheekSquint", "mouthSmile", "noseSneer", "browDown"):
        lids = k.lids(name)
        d = d + lids
    if name == "noseSneer":
        d = d + 0.35 * _mouth(k, "mouthUpperUp")
    return d


def skin_keys(k: SkinKeys) -> dict[str, np.ndarray]:
    """All keys of the skin, (N, 3) each in millimetres, left and right exact mirrors."""
    result: dict[str, np.ndarray] = {}
    for name in SIDED:
        result[name + "Left"] = d = pose(k, name)
        result[name + "Right"] = k.mirrored(d)
    for name in CENTRED:
        d = pose(k, name)
        result[name] = (d + k.mirrored(d)) / 2
    result["mouthLeft"] = d = pose(k, "mouthLeft")
    result["mouthRight"] = k.mirrored(d)
    for name in ("jawOpen", "jawForward"):
        d = k.jaw_move(name)
        result[name] = (d + k.mirrored(d)) / 2
    result["jawLeft"] = d = k.jaw_move("jawLeft")
    result["jawRight"] = k.mirrored(d)
    close = k.close(result["jawOpen"])
    result["mouthClose"] = (close + k.mirrored(close)) / 2
    assert set(JAW_MOVES) <= set(result)
    return result
