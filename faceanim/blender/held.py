"""How many contacts hold on one character, take by take: `python -m faceanim.blender.held CHARACTER FOLDER TAKE@FPS …`
bakes each take in FOLDER as `bake` does and prints what `verify` says of it, a line of JSON each."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from . import commands, contacts


def main(character: str, folder: str, *takes: str) -> None:
    for number, entry in enumerate(takes):
        take, fps = entry.rsplit("@", 1)
        baked = Path(folder) / f"{number:02}_{Path(take).stem}.blend"
        given = {"object": None, "mapping": None, "style": None}
        commands.bake(Namespace(take=Path(take), character=Path(character), output=baked, fps=float(fps), **given))
        report = contacts.verify(baked, Path(take))
        print("held", json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
