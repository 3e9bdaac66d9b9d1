"""Channels as weighted sums of a few keys."""

import numpy as np
import pytest

from faceanim.retarget import shares


def fitted(keys, channel, free=None):
    free = np.ones(len(keys), bool) if free is None else np.asarray(free)
    return shares.fit(keys @ keys.T, keys @ channel, float(channel @ channel), free)


@pytest.fixture
def moves():
    """Eight channels as flat arrows, half of which touch each other."""
    return np.random.default_rng(4).normal(size=(8, 60)) + 0.2


def test_a_key_for_both_sides_is_half_of_each(moves):
    left, right = moves[:2] - moves[:2].mean(1, keepdims=True)
    left[30:], right[:30] = 0, 0
    share = fitted(np.stack([left + right, moves[3]]), left)
    assert share.weights.keys() == {0}
    assert share.weights[0] == pytest.approx((left @ left) / ((left + right) @ (left + right)))


def test_a_split_channel_takes_all_its_keys(moves):
    parts = np.stack([np.where(np.arange(60) // 20 == i, moves[0], 0) for i in range(3)])
    share = fitted(np.concatenate([parts, moves[1:]]), moves[0])
    assert share.weights == {i: pytest.approx(1.0) for i in range(3)} and share.alike == pytest.approx(1.0)


def test_stronger_keys_get_less_and_weights_stay_between_0_and_1(moves):
    assert fitted(np.stack([2 * moves[0], moves[1]]), moves[0]).weights == {0: pytest.approx(0.5)}
    assert fitted(np.stack([0.2 * moves[0], moves[1]]), moves[0]).weights == {0: 1.0}
    assert not fitted(np.stack([-moves[0]]), moves[0]).weights


def test_few_keys_and_only_free_ones(moves):
    share = fitted(moves, moves.sum(0))
    assert len(share.weights) <= shares.MOST and all(0 < w <= 1 for w in share.weights.values())
    kept = fitted(np.stack([moves[0], moves[0] + 0.1 * moves[1]]), moves[0], [False, True])
    assert kept.weights.keys() == {1}


def test_what_is_not_there():
    assert fitted(np.zeros((2, 5)), np.ones(5)).weights == {}
    assert fitted(np.ones((2, 5)), np.zeros(5)).alike == 0
