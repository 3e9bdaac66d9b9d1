"""The measures of `evaluate lips` on mouths and labels whose scores can be told by hand."""

import numpy as np
import pytest

from faceanim.core.track import Track
from faceanim.evaluate import lip_measures as measures
from faceanim.evaluate.lip_measures import CLOSED, MID, NARROW, WIDE, Label, Sound

OPEN_CM, SHUT_CM = 1.0, 0.0


def opening(*closed, seconds=2.0):
    """A mouth that is open but for these spans (s)."""
    times = (np.arange(int(seconds * 100)) + 0.5) / 100
    shut = np.any([(times >= a) & (times < b) for a, b in closed] or [np.zeros(len(times), bool)], axis=0)
    return np.where(shut, SHUT_CM, OPEN_CM)


LABELS = (Label(0.1, 0.5, "a"), Label(0.5, 0.6, "b"), Label(0.6, 0.62, "b", True), Label(0.62, 1.0, "i"),
          Label(1.0, 1.1, "m"), Label(1.1, 1.5, "a"), Label(1.5, 2.0, ""))  # fmt: skip


def test_gap_of_a_head_at_rest_and_with_the_jaw_open():
    track = Track.from_columns(60, {"jawOpen": [0, 1, 0.3], "mouthClose": [0, 0, 0.3], "headYaw": [1, 1, 1]})
    rest, wide, crossed = measures.gap(track)
    assert measures.CLOSED_CM[0] < rest < measures.CLOSED_CM[1] < 2.5 < wide
    assert crossed == pytest.approx(-0.17, abs=0.01)


def test_a_mouth_that_closes_where_it_should():
    found = measures.closures(LABELS, opening((0.5, 0.6), (1.0, 1.1)))
    assert found["bilabials"] == ("b", "m") and found["hit"].all() and found["right"].tolist() == [True, True]
    assert (found["shut"], found["spilt"], found["crossed"]) == (20, 0, 0)
    assert found["cover"] == (20, 20) and found["speech"] == 140


def test_a_mouth_that_closes_elsewhere_and_too_late():
    found = measures.closures(LABELS, opening((0.2, 0.3), (0.645, 0.70), (1.13, 1.2), (1.7, 1.9)))
    # 45 ms late is a miss, 30 ms is not; what is closed in the pause is neither right nor wrong
    assert found["hit"].tolist() == [False, True]
    assert found["right"].tolist() == [False, False, True]
    assert found["spilt"] == 10 + 6 + 6


def test_a_mouth_that_stays_shut_spills():
    found = measures.closures(LABELS, opening((0.0, 2.0)))
    assert found["hit"].all() and found["spilt"] / found["shut"] > 0.6


def test_lips_through_each_other_are_not_closed():
    found = measures.closures(LABELS, np.full(200, -0.4))
    assert not found["hit"].any() and found["crossed"] == found["speech"]


def test_a_bilabial_without_closure_is_neither_right_nor_wrong():
    labels = (Label(0.0, 0.5, "a"), Label(0.5, 0.6, "β"), Label(0.6, 1.0, "a"))
    found = measures.closures(labels, opening((0.5, 0.6), seconds=1.0))
    assert not found["bilabials"] and not len(found["right"]) and found["spilt"] == 0


def test_a_label_beyond_the_sound_is_not_asked_for():
    labels = (*LABELS, Label(1.99, 2.2, "p"), Label(2.2, 2.3, "a"))
    assert measures.closures(labels, opening())["bilabials"] == ("b", "m")
    assert measures.closures((), np.zeros(0))["speech"] == 0


def test_how_open_sounds_are():
    assert [measures.openness(ipa) for ipa in ("p", "m", "i", "s", "uː", "ɛ", "ə", "aɪ", "ɔʏ", "ã")] == [
        CLOSED, CLOSED, NARROW, NARROW, NARROW, MID, MID, WIDE, MID, WIDE,
    ]  # fmt: skip


def test_rank_correlation():
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    assert measures.spearman(a, np.exp(a)) == pytest.approx(1)
    assert measures.spearman(a, -a) == pytest.approx(-1)
    assert abs(measures.spearman(a, rng.normal(size=500))) < 0.15
    assert measures.spearman(a, np.ones(500)) is None
    # ties share their mean rank: by hand, ranks 1.5 1.5 3 and 1 2 3
    assert measures.spearman(np.array([5, 5, 9]), np.array([1, 2, 3])) == pytest.approx(np.sqrt(3) / 2)


def test_three_classes_for_curves_of_any_gain():
    rank = np.array([CLOSED, NARROW, MID, WIDE, WIDE])
    table = measures.three_classes(np.array([0.05, 0.2, 0.3, 0.4, 0.5]), rank)
    assert np.diag(table).tolist() == [1, 2, 2] and table.sum() == 5
    assert measures.three_classes(np.full(5, 0.1), rank)[:, 0].tolist() == [1, 2, 2]


def test_frames_of_sounds():
    kinds = measures.frames([Sound(0.0, 0.02, 3, True), Sound(0.03, 0.05, 4, True)], 6, empty=9)
    assert kinds.tolist() == [3, 3, 9, 4, 4, 9]


def row(text, step=0.1, late=0.0):
    return [Sound(i * step + late, (i + 1) * step + late, ord(c), True) for i, c in enumerate(text)]


@pytest.mark.parametrize(
    "labelled, said, wrong", [("abcd", "abcd", 0), ("abcd", "axcd", 1), ("abcd", "acd", 1), ("acd", "abcd", 1),
                              ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3)]
)  # fmt: skip
def test_edits_between_sounds(labelled, said, wrong):
    assert measures.aligned(row(labelled), row(said))[1] == wrong


def test_alignment_prefers_what_is_near_and_refuses_what_is_far():
    labelled = row("ab")
    assert measures.aligned(labelled, row("ab", late=0.05)) == ([(0, 0), (1, 1)], 0)
    assert measures.aligned(labelled, row("ab", late=0.6)) == ([], 4)
    twice = [*row("a", late=0.08), *row("a", late=0.2)]
    assert measures.aligned(row("a"), twice) == ([(0, 0)], 1)


def test_pooled_figures():
    perfect = measures.closures(LABELS, opening((0.5, 0.6), (1.0, 1.1)))
    classes = np.array([[0, 0], [1, 1], [1, 2], [2, 2]])
    scores = measures.Scores(**perfect, phones=classes, visemes=classes, edges=np.array([-0.01, 0.02, 0.03]),
                             sounds=10, edits=3, boundaries=6)  # fmt: skip
    figures = measures.pooled([scores, scores], classes=4)
    assert figures["n"] == 2 and figures["bilabials"] == 4
    assert figures["closure_recall"] == figures["closure_precision"] == figures["closure_cover"] == 1
    assert figures["viseme_accuracy"] == 0.75
    assert figures["viseme_uar"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert figures["phone_error_rate"] == pytest.approx(0.3)
    assert figures["boundary_median_s"] == pytest.approx(0.02) and figures["boundary_found"] == 0.5
    assert measures.by_bilabial([scores]) == {"b": {"recall": 1.0, "n": 1}, "m": {"recall": 1.0, "n": 1}}
    nothing = measures.pooled([], classes=4)
    assert nothing["n"] == 0 and nothing["closure_recall"] is None and nothing["openness_spearman"] is None
