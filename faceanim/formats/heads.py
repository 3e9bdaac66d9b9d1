"""Heads between processes and as references: .npz of plain arrays. The ICT head's own file is read too.

Arrays: points, triangles, names (K,), keys (K, V, 3), and, where there are any, colours, kinds, landmark_names (M,),
landmark_points (M, 3). Numbers of MediaPipe's landmarks are written as text.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from ..core.channels import ARKIT
from ..core.files import input_file, replacing
from ..core.head import EYE, TEETH, TONGUE, Head
from ..errors import FormatError

_ICT_KINDS = {"Eyeball left": EYE, "Eyeball right": EYE, "Teeth": TEETH, "Gums and tongue": TONGUE}
_ICT_CLEAR = ("M_LacrimalFluid", "M_EyeBlend", "M_EyeOcclusion")
"""Films before the eyes: a picture without them shows the eyes."""
_ICT_COLOURS = {
    "M_GumsTongue": (0.6, 0.25, 0.25), "M_Teeth": (0.9, 0.9, 0.85), "M_EyeLashes": (0.05, 0.04, 0.03),
    "M_ScleraLeft": (0.95, 0.95, 0.95), "M_ScleraRight": (0.95, 0.95, 0.95),
    "M_IrisLeft": (0.2, 0.12, 0.08), "M_IrisRight": (0.2, 0.12, 0.08),
}  # fmt: skip
_SKIN = (0.85, 0.66, 0.56)


def write(head: Head, path: str | Path, half: bool = False) -> None:
    """half: keys in 16 bits. Raises OutputError where it cannot be written."""
    size = len(head.points)
    keys = np.stack(list(head.keys.values())).astype(np.float32) if head.keys else np.zeros((0, size, 3), np.float32)
    if half:
        keys = keys.astype(np.float16)
    arrays = {
        "points": np.asarray(head.points, np.float32), "triangles": np.asarray(head.triangles, np.int32),
        "names": np.array(list(head.keys), "U64"), "keys": keys,
    }  # fmt: skip
    if head.colours is not None:
        arrays["colours"] = np.asarray(head.colours, np.float16)
    if head.kinds is not None:
        arrays["kinds"] = np.asarray(head.kinds, np.int8)
    if head.landmarks:
        arrays["landmark_names"] = np.array([str(name) for name in head.landmarks], "U32")
        arrays["landmark_points"] = np.array(list(head.landmarks.values()), np.float32)
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read(path: str | Path, what: str = "head") -> Head:
    """A head that was written here, or ict_face.npz. Raises FormatError where it is neither."""
    path = input_file(path, what, FormatError)
    try:
        with np.load(path) as z:
            return ict(z) if "identities" in z else _read(z)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"{path.name} is no {what}: {error}", "give a character with face shape keys, or ict_face.npz"
        ) from error


def _read(z: np.lib.npyio.NpzFile) -> Head:
    names = [str(n) for n in z["landmark_names"]] if "landmark_names" in z else []
    places = z["landmark_points"].astype(float) if names else []
    keys = z["keys"]
    return Head(
        z["points"].astype(float),
        z["triangles"],
        {str(name): keys[k].astype(np.float32) for k, name in enumerate(z["names"])},
        z["colours"].astype(np.float32) if "colours" in z else None,
        z.get("kinds"),
        {int(n) if n.isdigit() else n: p for n, p in zip(names, places, strict=True)},
    )


def ict(z: np.lib.npyio.NpzFile, identity: np.ndarray | None = None) -> Head:
    """The ICT head (Li et al. 2020) with its keys under ARKit's names; identity: weights (I,) of its identity shapes.

    tongueOut it has none, and browInnerUp and cheekPuff are the sums of its halves.
    """
    points = z["neutral"].astype(float)
    if identity is not None:
        points = points + np.tensordot(identity, z["identities"][: len(identity)].astype(np.float32), 1)
    keys: dict[str, np.ndarray] = {}
    for name, delta in zip(z["expression_names"], z["expressions"].astype(np.float32), strict=True):
        side = {"_L": "Left", "_R": "Right"}.get(str(name)[-2:], "")
        stem = str(name)[:-2] if side else str(name)
        channel = stem + side if stem + side in ARKIT else stem
        if channel in ARKIT:
            keys[channel] = keys.get(channel, 0) + delta
    material, materials = z["triangle_material"], [str(m) for m in z["materials"]]
    triangles = z["triangles"]
    colours = np.tile(np.float32(_SKIN), (len(points), 1))
    for name, colour in _ICT_COLOURS.items():
        colours[np.unique(triangles[material == materials.index(name)])] = colour
    kinds = np.zeros(len(points), np.int8)
    for name, (first, last) in zip(z["part_names"], z["part_vertex_range"], strict=True):
        kinds[first:last] = _ICT_KINDS.get(str(name), 0)
    clear = np.isin(material, [materials.index(name) for name in _ICT_CLEAR])
    return Head(points, triangles[~clear], keys, colours, kinds)
