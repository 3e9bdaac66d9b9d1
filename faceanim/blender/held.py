"""How takes come out on one character: `python -m faceanim.blender.held CHARACTER FOLDER TAKE@FPS …` bakes each take in
FOLDER as `bake` does and prints what `verify` says of it, a line of JSON each, with the mouth's `opening` on every
frame: how far the lips are apart on the baked mesh, over how far they are in a wide open mouth of their own."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from ..core.style import Style
from ..formats import takes
from ..retarget import opening
from . import baked, commands


def main(character: str, folder: str, *entries: str) -> None:
    for number, entry in enumerate(entries):
        take, fps = entry.rsplit("@", 1)
        output = Path(folder) / f"{number:02}_{Path(take).stem}.blend"
        given = {"object": None, "mapping": None, "style": None}
        commands.bake(Namespace(take=Path(take), character=Path(character), output=output, fps=float(fps), **given))
        found = baked.measured(output)
        _, full = opening.widest(found.mouth, found.mapping)
        report = baked.report(found, takes.read(take), Style())
        report["opening"] = [round(float(apart), 5) for apart in found.gaps.lips / full]
        print("held", json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
