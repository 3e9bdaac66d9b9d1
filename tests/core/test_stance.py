"""Which way a head looks, told by its keys, however it is turned."""

import numpy as np
import pytest

from faceanim.core.mapping import Mapping, Target
from faceanim.core.rig import Key, Rig
from faceanim.retarget import names, stance
from faceanim.retarget.lips import Surface

LEFT, UP, OUT = np.eye(3)
TURNS = {
    "upright": np.stack([LEFT, UP, OUT], 1),
    "as Blender has it": np.stack([(1, 0, 0), (0, 0, 1), (0, -1, 0)], 1),
    "to the right": np.stack([(0, 1, 0), (0, 0, 1), (1, 0, 0)], 1),
    "lying": np.stack([(1, 0, 0), (0, -1, 0), (0, 0, -1)], 1),
    "turned by 37 degrees": np.stack([(0.8, 0.6, 0), (0, 0, 1), (0.6, -0.8, 0)], 1),
}


@pytest.fixture(scope="module")
def head(data):
    from test_geometry import ict

    surface, own = ict(data)
    return {name: surface.deltas[key] for key, name in own.items()}, surface


def seen(head, turn, kept=None):
    deltas, surface = head
    moves = {name: (which, delta @ turn.T) for name, (which, delta) in deltas.items() if kept is None or name in kept}
    mapping = names.propose(Rig("", keys=tuple(Key(name, ("Face",)) for name in moves))).mapping
    return stance.looking(Surface(surface.points @ turn.T, surface.edges, moves), mapping)


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_every_turn_is_found(head, turn):
    angle = np.degrees(np.arccos(np.clip((np.trace(seen(head, turn).T @ turn) - 1) / 2, -1, 1)))
    assert angle < (2 if np.isin(turn, (-1, 0, 1)).all() else 6)


def test_few_keys_are_enough(head):
    turn = TURNS["to the right"]
    for kept in (["jawOpen", "browInnerUp_L", "browInnerUp_R"], ["eyeBlink_L", "eyeBlink_R", "jawOpen"]):
        assert seen(head, turn, kept) == pytest.approx(turn, abs=1e-6)


def test_swapped_sides_do_not_turn_a_head_round(head):
    swap = {"L": "R", "R": "L"}
    deltas, surface = head
    other = {f"{n[:-1]}{swap[n[-1]]}" if n[-2:] in ("_L", "_R") else n: d for n, d in deltas.items()}
    assert seen((other, surface), TURNS["lying"]) == pytest.approx(TURNS["lying"], abs=1e-6)


def test_keys_that_tell_nothing():
    points = np.eye(3, dtype=np.float32)
    surface = Surface(points, np.zeros((0, 2), np.int32), {"a": (np.arange(3), points)})
    assert stance.looking(surface, Mapping()) is None
    assert stance.looking(surface, Mapping("", {"a": Target({"cheekPuff": 1.0})})) is None
