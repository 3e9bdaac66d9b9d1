"""Markers of moods moved, renamed, deleted and added as an animator does."""

import pytest

from faceanim.core.marks import Scale
from faceanim.core.mood_marks import Mark, marks, moods, speaks
from faceanim.core.take import Mood
from faceanim.errors import InputError

SCALE = Scale(30.0, 1.0)
ALL = (Mood(0.5, 2.0, "happy", 0.8), Mood(1.51, 3.26, "sad", 1.0))


def read(found, was=ALL, seconds=5.0):
    return moods(found, was, seconds, SCALE)


def test_marks_and_back_are_the_same():
    found = marks(ALL, SCALE)
    assert found == [Mark(16, "happy 0.8"), Mark(46, "sad"), Mark(61, "end happy"), Mark(99, "end sad")]
    assert read(found) == ALL and read(reversed(found)) == ALL
    third = (Mood(0.111, 0.333, "angry", 1 / 3),)
    assert read(marks(third, SCALE), third) == third
    # one after the other, without a gap, and twice the same
    row = (Mood(0.0, 1.0, "happy", 0.5), Mood(1.0, 2.0, "happy", 1.0), Mood(2.0, 5.0, "calm", 1.0))
    assert read(marks(row, SCALE), row) == row


def test_moved():
    a, b, c, d = marks(ALL, SCALE)
    assert read([a._replace(frame=31), b, c, d]) == (ALL[0]._replace(start=1.0), ALL[1])
    assert read([a, b, c._replace(frame=91), d]) == (ALL[0]._replace(end=3.0), ALL[1])
    both = [m._replace(frame=m.frame + 60) for m in (a, c)]
    assert read([*both, b, d]) == (ALL[1], Mood(2.5, 4.0, "happy", 0.8))
    assert read([a, b, c, d._replace(frame=1000)])[1].end == 5.0


def test_renamed():
    a, b, c, d = marks(ALL, SCALE)
    assert read([a._replace(name="angry 50%"), b, c, d]) == (Mood(0.5, 2.0, "angry", 0.5), ALL[1])
    assert read([a._replace(name="Joy 0.3"), b, c, d])[0] == ALL[0]._replace(strength=0.3)
    assert read([a, b._replace(name="surprise"), c, d])[1] == ALL[1]._replace(label="surprised")
    with pytest.raises(InputError, match="happy 8") as error:
        read([a._replace(name="happy 8"), b, c, d])
    assert error.value.hint


def test_deleted_and_added():
    a, b, c, d = marks(ALL, SCALE)
    assert read([b, c, d])[0].label == "sad" and len(read([b, c, d])) == 1
    assert read([a, b, d]) == (ALL[0]._replace(end=1.5), ALL[1])  # to the next beginning
    assert read([a, b, c]) == (ALL[0], ALL[1]._replace(end=5.0))  # to the end of the clip
    assert read([a, b, c, d, Mark(121, "fear 0.2"), Mark(136, "end")])[2] == Mood(4.0, 4.5, "fearful", 0.2)
    assert read([]) == () and read([Mark(-50, "happy"), Mark(0, "end happy")]) == ()


def test_names_of_others():
    assert [n for n in ("happy", "end sad", "sad end", "END", "calm .5", "angry 100%") if not speaks(n)] == []
    assert not any(speaks(n) for n in ("a", "Scene 2", "happy ending", "end credits", "", "0.5", "F_01", "happy 0.5 x"))
