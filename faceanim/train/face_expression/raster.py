"""A rasteriser for heads: which triangle covers each pixel, and how light falls on it. Some milliseconds a picture.

Camera space: x right, y up, z to the camera, centimetres. Pictures are linear float32 (H, W, 3).
"""

from __future__ import annotations

import numpy as np
from numba import njit

# what a vertex carries
RED, GREEN, BLUE, BROW, ROUGH, LINES, FOLDS, GLOSS, X, Y, Z, HAIR = range(12)
ATTRIBUTES = 12
SKIN, INSIDE, TEETH, EYE, LASH, PLAIN = range(6)
"""Kinds of surface."""
TILE = 256
"""Side of the noise that textures are made of; its four layers: fine, medium, coarse, streaks."""
SHADOW_PIXELS, SHADOW_REACH = 192, 16.0
"""The shadow map's side, and how many centimetres from its middle to its edge."""


@njit(cache=True, fastmath=True)
def cover(screen, triangles, both_sides, size):
    """Index of the nearest triangle of each pixel (size, size), -1 where none; the weights of its first two corners.

    screen  (V, 3): x, y in pixels down, and nearness 1/distance (or any that rises toward the eye, linear on screen)
    """
    index = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    near = np.full((size, size), -1e9, np.float32)
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= 0 and not (both_sides[t] and area > 0):
            continue
        left, right = int(max(0, min(ax, bx, cx) - 0.5)), int(min(size - 1, max(ax, bx, cx) + 0.5))
        top, bottom = int(max(0, min(ay, by, cy) - 0.5)), int(min(size - 1, max(ay, by, cy) + 0.5))
        if left > right or top > bottom:
            continue
        inverse = 1 / area
        za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
        for y in range(top, bottom + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
                wc = 1 - wa - wb
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                z = wa * za + wb * zb + wc * zc
                if z > near[y, x]:
                    near[y, x] = z
                    index[y, x] = t
                    # weights on the surface itself, not on the screen
                    total = wa * za + wb * zb + wc * zc
                    weights[y, x, 0] = wa * za / total
                    weights[y, x, 1] = wb * zb / total
    return index, weights, near


@njit(cache=True, fastmath=True)
def blend(rest, swell, deltas, active, weights):
    """(V, 3) rest (V, 3) and the active deltas (E, V, 3), weighted, and larger by swell (V,)."""
    out = np.zeros_like(rest)
    for k in range(len(active)):
        weight = weights[k]
        delta = deltas[active[k]]
        for v in range(len(out)):
            out[v, 0] += weight * delta[v, 0]
            out[v, 1] += weight * delta[v, 1]
            out[v, 2] += weight * delta[v, 2]
    for v in range(len(out)):
        out[v, 0] = rest[v, 0] + swell[v] * out[v, 0]
        out[v, 1] = rest[v, 1] + swell[v] * out[v, 1]
        out[v, 2] = rest[v, 2] + swell[v] * out[v, 2]
    return out


@njit(cache=True, fastmath=True)
def normals(points, triangles):
    """(V, 3) unit normals, smooth."""
    out = np.zeros_like(points)
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(len(out)):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-12
        out[v] /= length
    return out


@njit(cache=True, fastmath=True)
def _noise(tile, layer, u, v):
    return tile[layer, int(np.floor(v)) & (TILE - 1), int(np.floor(u)) & (TILE - 1)]


@njit(cache=True, fastmath=True)
def _smooth(low, high, value):
    x = min(max((value - low) / (high - low), 0.0), 1.0)
    return x * x * (3 - 2 * x)


@njit(cache=True, fastmath=True)
def shade(picture, index, weights, points, normal, carried, triangles, kinds, tile, look, eyes, lights, shadow, frame):
    """Paints the covered pixels of `picture` (H, W, 3).

    carried  (V, ATTRIBUTES); kinds (T,)
    look     0 brow darkness, 1..3 brow colour, 4 skin's grain, 5 blotches, 6 wrinkles, 7 shine, 8 exponent, 9 brow's
             half height, 10 brow's softness, 11 streaks of the hair
    eyes     (2, 12): centre, iris and pupil in degrees, iris colour, sclera colour; 2..4 of the template
    lights   (L, 6): direction to it, colour; the first casts the shadow; the last two rows: sky and ground
    shadow   nearness seen from the first light; frame (3, 3): its axes in camera space, about the origin
    """
    height, width = index.shape
    count = len(lights) - 2
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wa, wb = weights[y, x, 0], weights[y, x, 1]
            wc = 1 - wa - wb
            nx = wa * normal[a, 0] + wb * normal[b, 0] + wc * normal[c, 0]
            ny = wa * normal[a, 1] + wb * normal[b, 1] + wc * normal[c, 1]
            nz = wa * normal[a, 2] + wb * normal[b, 2] + wc * normal[c, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            nx, ny, nz = nx / length, ny / length, nz / length
            px = wa * points[a, 0] + wb * points[b, 0] + wc * points[c, 0]
            py = wa * points[a, 1] + wb * points[b, 1] + wc * points[c, 1]
            pz = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
            red = wa * carried[a, RED] + wb * carried[b, RED] + wc * carried[c, RED]
            green = wa * carried[a, GREEN] + wb * carried[b, GREEN] + wc * carried[c, GREEN]
            blue = wa * carried[a, BLUE] + wb * carried[b, BLUE] + wc * carried[c, BLUE]
            gloss = wa * carried[a, GLOSS] + wb * carried[b, GLOSS] + wc * carried[c, GLOSS]
            tx = wa * carried[a, X] + wb * carried[b, X] + wc * carried[c, X]
            ty = wa * carried[a, Y] + wb * carried[b, Y] + wc * carried[c, Y]
            tz = wa * carried[a, Z] + wb * carried[b, Z] + wc * carried[c, Z]
            kind = kinds[t]
            shine, exponent = look[7] * gloss, look[8]
            if kind == SKIN:
                rough = wa * carried[a, ROUGH] + wb * carried[b, ROUGH] + wc * carried[c, ROUGH]
                lines = wa * carried[a, LINES] + wb * carried[b, LINES] + wc * carried[c, LINES]
                folds = wa * carried[a, FOLDS] + wb * carried[b, FOLDS] + wc * carried[c, FOLDS]
                brow = wa * carried[a, BROW] + wb * carried[b, BROW] + wc * carried[c, BROW]
                hair = wa * carried[a, HAIR] + wb * carried[b, HAIR] + wc * carried[c, HAIR]
                fine = _noise(tile, 0, tx * 14 + 3 * tz, ty * 14)
                medium = _noise(tile, 1, tx * 9 + 40, ty * 9 + 5 * tz)
                coarse = _noise(tile, 2, tx * 6 + 90, ty * 6)
                factor = 1 + look[4] * fine + look[5] * (medium + coarse) * (1 - hair)
                factor *= 1 + hair * look[11] * _noise(tile, 3, tx * 22, ty * 3 + tz * 8)
                if rough > 0.01:
                    stubble = _noise(tile, 0, 31 * tx + 17 * tz, 31 * ty + 11 * tz)
                    factor *= max(0.05, 1 - rough * (0.7 + 0.2 * stubble + 0.12 * medium))
                wave = 1.5 * coarse
                if lines > 0.01:
                    factor *= 1 - look[6] * lines * max(0.0, np.sin(9.5 * ty + wave + 0.15 * tx * tx)) ** 3
                if folds > 0.01:
                    factor *= 1 - look[6] * folds * max(0.0, np.sin(11 * tx + 1.57 + wave)) ** 3
                red, green, blue = red * factor, green * factor, blue * factor
                ragged = look[9] * (1 + 0.5 * medium)
                mark = look[0] * (1 - _smooth(ragged, ragged + look[10], brow))
                mark *= 0.9 + 0.22 * _noise(tile, 3, tx * 20 + ty * 12, ty * 7)
                mark = min(max(mark, 0.0), 1.0)
                red = red * (1 - mark) + look[1] * mark
                green = green * (1 - mark) + look[2] * mark
                blue = blue * (1 - mark) + look[3] * mark
                shine *= (1 - 0.8 * mark) * (1 - 0.6 * hair) * (1 - 0.5 * rough)
            elif kind == EYE:
                e = 0 if tx > 0 else 1
                dx, dy, dz = tx - eyes[e, 0], ty - eyes[e, 1], tz - eyes[e, 2]
                far = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
                angle = np.degrees(np.arccos(min(max(dz / far, -1.0), 1.0)))
                iris, pupil = eyes[e, 3], eyes[e, 4]
                turn = np.arctan2(dy, dx)
                ray = 1 + 0.35 * _noise(tile, 1, turn * 30, angle * 1.5)
                ring = 1 - 0.6 * _smooth(iris * 0.78, iris, angle)
                inside = 1 - _smooth(iris - 1.2, iris + 1.2, angle)
                dark = 1 - _smooth(pupil - 0.8, pupil + 0.8, angle)
                vein = 1 - 0.12 * _smooth(iris, 80.0, angle) * (1 + _noise(tile, 1, tx * 25, ty * 25))
                red = eyes[e, 8] * (1 - inside) + inside * (1 - dark) * eyes[e, 5] * ray * ring + 0.01
                green = eyes[e, 9] * vein * (1 - inside) + inside * (1 - dark) * eyes[e, 6] * ray * ring + 0.01
                blue = eyes[e, 10] * vein * (1 - inside) + inside * (1 - dark) * eyes[e, 7] * ray * ring + 0.01
                shine, exponent = eyes[e, 11], 220.0
            elif kind == LASH:
                shine = 0.0
            # light
            up = 0.5 + 0.5 * ny
            sky, ground = lights[count], lights[count + 1]
            lr = sky[3] * up + ground[3] * (1 - up)
            lg = sky[4] * up + ground[4] * (1 - up)
            lb = sky[5] * up + ground[5] * (1 - up)
            sr, sg, sb = 0.0, 0.0, 0.0
            for k in range(count):
                lx, ly, lz = lights[k, 0], lights[k, 1], lights[k, 2]
                facing = nx * lx + ny * ly + nz * lz
                if facing <= -0.15:
                    continue
                lit = max(0.0, (facing + 0.15) / 1.15)
                if k == 0 and len(shadow) > 1:
                    u = (frame[0, 0] * px + frame[0, 1] * py + frame[0, 2] * pz) / SHADOW_REACH
                    v = (frame[1, 0] * px + frame[1, 1] * py + frame[1, 2] * pz) / SHADOW_REACH
                    depth = frame[2, 0] * px + frame[2, 1] * py + frame[2, 2] * pz
                    sx, sy = (u + 1) * SHADOW_PIXELS / 2 - 0.5, (1 - v) * SHADOW_PIXELS / 2 - 0.5
                    open_ = 0.0
                    for oy in range(-1, 2):
                        for ox in range(-1, 2):
                            qx, qy = int(np.round(sx)) + ox, int(np.round(sy)) + oy
                            if (
                                qx < 0
                                or qy < 0
                                or qx >= SHADOW_PIXELS
                                or qy >= SHADOW_PIXELS
                                or shadow[qy, qx] - 100 < depth + 0.35
                            ):
                                open_ += 1
                    lit *= open_ / 9
                hx, hy, hz = lx, ly, lz + 1
                half = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
                glance = max(0.0, (nx * hx + ny * hy + nz * hz) / half) ** exponent * shine * lit
                lr += lights[k, 3] * lit
                lg += lights[k, 4] * lit
                lb += lights[k, 5] * lit
                sr += lights[k, 3] * glance
                sg += lights[k, 4] * glance
                sb += lights[k, 5] * glance
            if kind in (INSIDE, TEETH):
                # hardly any light comes into the mouth
                deep = _smooth(look[12] - 3.0, look[12] + 0.3, tz)
                lr, lg, lb = lr * deep, lg * deep, lb * deep
                sr, sg, sb = sr * deep, sg * deep, sb * deep
            elif kind == EYE:
                lr, lg, lb = lr * 0.8, lg * 0.8, lb * 0.8
            picture[y, x, 0] = red * lr + sr
            picture[y, x, 1] = green * lg + sg
            picture[y, x, 2] = blue * lb + sb
