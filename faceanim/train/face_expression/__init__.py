"""models/face_expression: heads of known expression are rendered in numbers, both landmarkers look at them, and a
network learns to read them.

    python -m faceanim.train.face_expression make --data DATA --faces FOLDER       renders and looks, shard by shard
    python -m faceanim.train.face_expression train --faces FOLDER --output FILE    learns
    python -m faceanim.train.face_expression head --faces FOLDER --still FOLDER --start FILE --output FILE
                                                                                   the head, whatever the face does
    python -m faceanim.train.face_expression coefficients --faces FOLDER --start FILE --output FILE
                                                                                   the coefficients, in closed form
    python -m faceanim.train.face_expression held-out --data DATA --output DIR     pictures of other people, to evaluate

Making pictures needs numba beside the engine's packages.
"""

from __future__ import annotations

import sys
import time


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
