"""How well and how fast takes reach one character: `python -m faceanim.blender.transfer CHARACTER TAKE …` prints a line
of JSON a take.

The mouth's opening is how far the lips are apart, over how far they are in a wide open mouth of their own. The source
is the same take on the reference character (presets/character), whose keys are the channels themselves.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass

import bpy
import numpy as np

from .. import pipeline
from ..core.files import PRESETS
from ..core.mapping import Mapping
from ..core.style import Style
from ..core.take import Take
from ..formats import takes
from ..retarget import gaps, lips
from . import contacts, mappings, scene

FPS = 60.0


@dataclass(frozen=True)
class Driven:
    mapping: Mapping
    mouth: lips.Mouth

    @staticmethod
    def opened(path: str) -> Driven:
        scene.open_file(path)
        character = scene.character(bpy.context)
        mapping, _ = mappings.of(character)
        return Driven(mapping, contacts.mouth_of(character, mapping))

    def opening(self, track) -> np.ndarray:
        """float (F,): 0 as at rest, 1 as in a wide open mouth."""
        values = track.values[:, [track.index(name) for name in self.mouth.controls]]
        wide = lips.pose(self.mapping, **lips.OPEN)
        most = np.array([[wide.get(name, 0.0) for name in self.mouth.controls]], np.float32)
        full = float(gaps.apart(self.mouth, self.mouth.posed(most))[0])
        return gaps.apart(self.mouth, self.mouth.posed(values)) / full


def measured(take: Take, source: Driven, target: Driven) -> dict[str, float]:
    """`seconds` of the clip, `took` to retarget it with contacts, `correlation` of the openings."""
    style = Style()
    started = time.perf_counter(), time.process_time()
    made = pipeline.controls(take, target.mapping, style, FPS, target.mouth)
    took = time.perf_counter() - started[0], time.process_time() - started[1]
    wanted = source.opening(pipeline.controls(take, source.mapping, style, FPS, source.mouth))
    shown = target.opening(made)
    frames = min(len(wanted), len(shown))
    together = np.corrcoef(wanted[:frames], shown[:frames])[0, 1]
    return {"seconds": take.seconds, "took": took[0], "processor": took[1], "correlation": float(together)}


def main(character: str, *paths: str) -> None:
    source = Driven.opened(str(PRESETS / "character" / "head.blend"))
    target = Driven.opened(character)
    for path in paths:
        print("transfer", json.dumps({"take": path, **measured(takes.read(path), source, target)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
