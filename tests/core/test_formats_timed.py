"""Words and phones with times, as other programs write them."""

from __future__ import annotations

import json

import pytest

from faceanim.core.take import Phone, Word
from faceanim.core.timed import ordered
from faceanim.errors import FormatError
from faceanim.formats import timed

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.2
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.2
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = ""
        intervals [2]:
            xmin = 0.3
            xmax = 0.7
            text = "my"
        intervals [3]:
            xmin = 0.7
            xmax = 1.2
            text = "say ""cheese"" 5 "
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1.2
        points: size = 1
        points [1]:
            number = 0.4
            mark = "click"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.2
        intervals: size = 5
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = "sil"
        intervals [2]:
            xmin = 0.3
            xmax = 0.4
            text = "M"
        intervals [3]:
            xmin = 0.4
            xmax = 0.7
            text = "AY1"
        intervals [4]:
            xmin = 0.7
            xmax = 0.9
            text = "CH"
        intervals [5]:
            xmin = 0.9
            xmax = 1.2
            text = "IY0"
"""


def grid(*tiers):
    """A TextGrid in the short form: (name, [(start, end, label)])."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "9", "<exists>", str(len(tiers))]
    for name, rows in tiers:
        lines += ['"IntervalTier"', f'"{name}"', "0", "9", str(len(rows))]
        for start, end, label in rows:
            lines += [str(start), str(end), f'"{label}"']
    return "\n".join(lines) + "\n"


def read(tmp_path, name, content, encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content.encode(encoding))
    return timed.read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_textgrid_in_its_long_form(tmp_path, encoding, newline):
    found = read(tmp_path, "a.TextGrid", LONG.replace("\n", newline), encoding)
    assert found.words == (Word(0.3, 0.7, "my"), Word(0.7, 1.2, 'say "cheese" 5'))
    assert [(p.start, p.end, p.ipa) for p in found.phones] == [
        (0.3, 0.4, "m"), (0.4, 0.7, "aɪ"), (0.7, 0.9, "t͡ʃ"), (0.9, 1.2, "i")
    ]  # fmt: skip
    assert not found.rough and found.text == 'my say "cheese" 5'


@pytest.mark.parametrize(
    ("labels", "ipa"),
    [
        (["M", "AH0", "sp", "DH"], ["m", "ʌ", "ð"]),  # Montreal Forced Aligner's ARPAbet
        (["m", "ah", "dh", "h#", "tcl"], ["m", "ʌ", "ð", "t"]),  # TIMIT
        (["<p:>", "v", "a:", "tS", "@", "s\\", "6", "_h"], ["v", "aː", "t͡ʃ", "ə", "ɕ", "ɐ", "ʰ"]),  # WebMAUS' X-SAMPA
        (["ʃ", "øː", "ts", "spn", "g"], ["ʃ", "øː", "t͡s", "ɡ"]),
        (["m", "a", "p"], ["m", "a", "p"]),
    ],
)
def test_textgrid_in_its_short_form_in_any_alphabet(tmp_path, labels, ipa):
    rows = [(i, i + 1, label) for i, label in enumerate(labels)]
    assert [p.ipa for p in read(tmp_path, "a.textgrid", grid(("phones", rows))).phones] == ipa


@pytest.mark.parametrize(
    ("names", "words", "phones"),
    [
        (["words", "phones"], "0", "1"), (["ORT-MAU", "KAN-MAU", "MAU"], "0", "2"), 
        (["Anna - phones", "Anna - words"], "1", "0"),
        (["Phonemes"], "", "0"), (["Word"], "0", ""), (["x", "segment", "words"], "2", "1"),
    ],
)  # fmt: skip
def test_tiers_are_found_by_name(tmp_path, names, words, phones):
    found = read(tmp_path, "a.TextGrid", grid(*((name, [(0, 1, str(i) + "ʃ")]) for i, name in enumerate(names))))
    assert [w.text[0] for w in found.words] == list(words) and [p.ipa[0] for p in found.phones] == list(phones)


def test_one_tier_without_a_name_says_itself_what_it_is(tmp_path):
    assert read(tmp_path, "a.TextGrid", grid(("", [(0, 1, "village"), (1, 2, "before")]))).words
    assert read(tmp_path, "b.TextGrid", grid(("", [(0, 1, "v"), (1, 2, "ɪ"), (2, 3, "l")]))).phones


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("hello", "no TextGrid"), (LONG[:700], "cut off"), ("ooBinaryFile\x08TextGrid", "binary"),
        ("\0\0\0\1", "not text"),
        (grid(("gestures", [(0, 1, "x")]), ("gaze", [(0, 1, "y")])), "'gestures', 'gaze'"),
        (grid(("words", [(0, 1, "")])), "no labels"), (LONG.replace("size = 3", "size = -3", 1), "-3"),
        (LONG.replace("xmax = 0.3", "xmax = soon"), "should be"), ("", "empty"),
    ],
)  # fmt: skip
def test_a_textgrid_that_cannot_be_used(tmp_path, content, says):
    with pytest.raises(FormatError, match=says) as error:
        read(tmp_path, "a.TextGrid", content)
    assert error.value.hint and "a.TextGrid" in error.value.message


SRT = """1
00:00:01,000 --> 00:00:03,000
<i>My boat</i>

2
00:00:04,000 --> 00:00:05,500 X1:40 X2:600
- JOHN: {\\an8}Passed &amp; gone! ♪
(laughs) [music]

3
00:01:00,000 --> 00:01:01,000
♪ la la ♪
"""


def test_srt_words_are_spread_over_their_line(tmp_path):
    found = read(tmp_path, "a.srt", SRT.replace("\n", "\r\n"), "utf-8-sig")
    assert [w.text for w in found.words] == ["My", "boat", "Passed", "gone!"]
    my, boat, passed, gone = found.words
    assert (my.start, my.end, boat.end) == (1.0, 1.75, 3.0) and boat.start == 1.75  # 3 : 5 letters with the space
    assert (passed.start, gone.end) == (4.0, 5.5)
    assert found.rough and not found.phones


VTT = """WEBVTT - some title
Kind: captions

NOTE a comment
over two lines

STYLE
::cue { color: red }

intro
00:01.000 --> 00:03.000 align:start position:0%
<v Anna>My<00:00:01.500><c> boat</c><00:00:02.500><c> passed</c>

00:03.000 --> 00:03.010 align:start
My boat passed

00:03.010 --> 00:04.000
My boat passed
the<00:03.500><c> village</c>
"""


def test_vtt_with_its_own_times_of_words_that_rolls_on(tmp_path):
    found = read(tmp_path, "a.vtt", VTT)
    assert found.words == (
        Word(1.0, 1.5, "My"), Word(1.5, 2.5, "boat"), Word(2.5, 3.0, "passed"), Word(3.01, 3.5, "the"),
        Word(3.5, 4.0, "village"),
    )  # fmt: skip


def test_lines_that_overlap_are_put_in_order(tmp_path):
    content = "00:02.000 --> 00:04.000\nsecond\n\n00:00.000 --> 00:03.000\nfirst\n\n00:05.000 --> 00:05.000\nnever\n"
    assert read(tmp_path, "a.vtt", content).words == (Word(0.0, 2.0, "first"), Word(2.0, 4.0, "second"))


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
@pytest.mark.parametrize(
    ("content", "says"), [("hello\n", "no subtitles"), ("WEBVTT\n\n00:01.000 --> 00:02.000\n[music]\n", "spoken")]
)
def test_subtitles_that_cannot_be_used(tmp_path, name, content, says):
    with pytest.raises(FormatError, match=says):
        read(tmp_path, name, content)


CUES = [(0.0, 0.1, "X"), (0.1, 0.2, "A"), (0.2, 0.5, "D"), (0.5, 0.6, "G"), (0.6, 1.0, "X")]


def test_rhubarb_says_the_same_in_both_of_its_forms(tmp_path):
    document = {
        "metadata": {"soundFile": "x"},
        "mouthCues": [dict(zip(("start", "end", "value"), c, strict=True)) for c in CUES],
    }
    from_json = read(tmp_path, "a.json", json.dumps(document))
    from_tsv = read(tmp_path, "a.tsv", "".join(f"{start:.2f}\t{shape}\n" for start, _, shape in CUES))
    assert from_json == from_tsv
    assert from_json.phones == (Phone(0.1, 0.2, "m", 0.5), Phone(0.2, 0.5, "a", 0.5), Phone(0.5, 0.6, "f", 0.5))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "{}", "mouthCues"), ("a.json", "[1", "not valid JSON"), ("a.json", '{"mouthCues": []}', "but rest"),
        ("a.json", '{"mouthCues": [{"start": 0, "end": 1}]}', "lacks 'value'"),
        ("a.json", '{"mouthCues": [{"start": 0, "end": 1, "value": "Q"}]}', r"mouthCues\[0\].value"),
        ("a.tsv", "0.1 A 3\n", "line 1"), ("a.tsv", "start\tA\n", "line 1"), ("a.tsv", "1\tA\n0\tB\n", "do not rise"),
        ("a.tsv", "0\tX\n1\tX\n", "but rest"), ("a.xyz", "0", "no known kind"),
    ],
)  # fmt: skip
def test_mouth_shapes_that_cannot_be_used(tmp_path, name, content, says):
    with pytest.raises(FormatError, match=says) as error:
        read(tmp_path, name, content)
    assert error.value.hint and str(tmp_path / name) in error.value.message


def test_a_span_is_cut_out():
    found = timed.Timed(
        (Phone(0, 1, "a", 1.0), Phone(1, 2, "m", 1.0), Phone(2, 3, "i", 1.0)), (Word(0, 3, "ami"),), "x"
    )
    cut = found.cut(1.5, 2.5)
    assert cut.phones == (Phone(0.0, 0.5, "m", 1.0), Phone(0.5, 1.0, "i", 1.0)) and cut.words == (
        Word(0.0, 1.0, "ami"),
    )
    assert found.cut(3.0).phones == ()


def test_what_overlaps_ends_where_the_next_begins():
    assert ordered([Word(1, 2, "b"), Word(0, 1.5, "a"), Word(3, 3, "c")]) == (Word(0, 1, "a"), Word(1, 2, "b"))
