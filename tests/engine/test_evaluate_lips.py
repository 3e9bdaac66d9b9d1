"""`evaluate lips` on a few real clips with hand-made labels, and on data that are wrong."""

import csv
import json

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")
pytest.importorskip("matplotlib", reason="needs the engine's packages")

from faceanim.cli import main  # noqa: E402
from faceanim.evaluate import clean, lips  # noqa: E402


@pytest.fixture(scope="module")
def emodb(data):
    return data / "emodb"


def test_labels_become_ipa(emodb):
    items = lips.read(emodb)
    assert len(items) == 406  # two of 408 have no labels
    lappen = next(item for item in items if item.name == "03a01Fa")
    said = [(a.ipa, a.release) for a in lappen.labels]
    assert said[:9] == [("t", False), ("t", True), ("ɛɐ", False), ("l", False), ("a", False), ("p", False), ("p", True),
                        ("m", False), ("l", False)]  # fmt: skip
    assert lappen.text == "Der Lappen liegt auf dem Eisschrank."
    signs = {a.ipa for item in items for a in item.labels}
    assert not signs & {"4", "L", "R", "!", "!p", "pasp", ".", "(gef", "ʰ", "I@"}


def test_text_is_cut_where_the_sound_is(emodb):
    cut = next(i for i in lips.read(emodb) if (i.fields["truncated"], i.fields["sentence"]) == ("1", "b01"))
    whole = "Was sind denn das für Tüten, die da unter dem Tisch stehen?"
    assert cut.text and whole.startswith(cut.text) and cut.text != whole


def test_clips_are_chosen_evenly_and_by_field(emodb):
    items = lips.read(emodb)
    assert {item.fields["speaker"] for item in lips.chosen(items, ["speaker=13,14"], None)} == {"13", "14"}
    assert len({item.fields["speaker"] for item in lips.chosen(items, [], 16)}) == 8
    assert len(lips.chosen(items, ["speaker=13", "sentence=b09,b10"], None)) < 20


def test_what_training_heard_is_left_out_of_the_clean_figures(tmp_path):
    (tmp_path / "phones").mkdir()
    (tmp_path / "phones" / "card.md").write_text("# phones\n- heard: emodb speaker 03\n  08; grid\n- licence: x\n")
    known = clean.heard("phones", tmp_path / "emodb", tmp_path)
    assert known == {"speaker": {"03", "08"}} and clean.heard("phones", tmp_path / "grid", tmp_path) == {}
    assert clean.heard("phones", tmp_path / "other", tmp_path) is None
    assert clean.heard("none", "emodb", tmp_path) is None
    assert not clean.is_clean({"speaker": "08"}, known) and clean.is_clean({"speaker": "13"}, known)
    assert not clean.is_clean({"speaker": "13"}, {}) and clean.is_clean({"speaker": "13"}, None)
    assert not clean.is_clean({"speaker": "13", "in_train": "1"}, known)


def test_clean_figures_are_those_of_the_clean_clips(emodb, tmp_path):
    words = ["evaluate", "lips", str(emodb), "--quiet", "--only", "sentence=a01", "--only", "emotion=neutral"]
    both, alone = tmp_path / "both.json", tmp_path / "alone.json"
    assert main([*words, "--only", "speaker=03,13", "--json", str(both)]) == 0
    assert main([*words, "--only", "speaker=13", "--json", str(alone)]) == 0
    both, alone = (json.loads(path.read_text("utf-8")) for path in (both, alone))
    assert both["n"] > both["n_clean"] == alone["n"] > 0
    for name in ("closure_recall", "viseme_accuracy", "boundary_median_s", "openness_spearman"):
        assert both[f"{name}_clean"] == alone[name] == both["by_speaker"]["13"][name]


def test_report_page_and_predictions(emodb, tmp_path, capsys):
    out = tmp_path / "report"
    status = main(["evaluate", "lips", str(emodb), "--limit", "4", "--quiet", "-o", str(out), "--json",
                   str(tmp_path / "r.json"), "--predictions", str(tmp_path / "p.npz")])  # fmt: skip
    assert status == 0, capsys.readouterr().err
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert report["n"] == 4 and not report["failed"] and report["models"]
    assert 0 < report["closure_recall"] <= 1 and 0 < report["viseme_accuracy"] < 1
    assert sum(row["n"] for row in report["by_speaker"].values()) == 4
    assert len(report["confusion"]) == len(report["labels"])
    page = (out / "index.html").read_text("utf-8")
    for picture in out.glob("*.png"):
        assert picture.stat().st_size > 5000 and f'src="{picture.name}"' in page
    assert page.count("<img") == len(list(out.glob("*.png"))) >= 5
    with np.load(tmp_path / "p.npz", allow_pickle=False) as saved:
        assert len(saved["clips"]) == 4 and saved["offsets"][-1] == len(saved["gap_cm"])
        assert set(saved["phone_clip"]) == {0, 1, 2, 3}
        assert (saved["phone_end"] > saved["phone_start"]).all()


def folder_of(emodb, tmp_path, sound="03a01Fa"):
    """A folder of one clip, labelled in IPA, without index.csv."""
    item = next(item for item in lips.read(emodb) if item.name == sound)
    (tmp_path / "a.flac").write_bytes(item.sound.read_bytes())
    with (tmp_path / "a.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["start_s", "end_s", "phone"])
        writer.writerows([a.start, a.end, a.ipa or "."] for a in item.labels)
    return tmp_path


def test_own_recordings_need_no_index(emodb, tmp_path):
    (item,) = lips.read(folder_of(emodb, tmp_path))
    assert [a.ipa for a in item.labels][:3] == ["t", "t", "ɛɐ"] and item.text == ""


@pytest.mark.parametrize(
    "spoil, says",
    [
        (lambda folder: (folder / "a.tsv").write_text("start_s\tend_s\tphone\nsoon\t1\ta\n"), "no table of phones"),
        (lambda folder: (folder / "a.tsv").write_bytes(b"\xff\xfe\x00"), "UTF-8|no table"),
        (lambda folder: (folder / "a.tsv").unlink(), "no labelled sound"),
        (lambda folder: (folder / "a.flac").write_bytes(b"no sound"), "could be measured"),
    ],
)
def test_wrong_data_are_told(emodb, tmp_path, capsys, spoil, says):
    spoil(folder_of(emodb, tmp_path))
    assert main(["evaluate", "lips", str(tmp_path), "--quiet"]) == 1
    told = capsys.readouterr().err
    assert "hint:" in told and any(part in told for part in says.split("|"))


@pytest.mark.parametrize("extra", [["--only", "sex"], ["--only", "colour=red"], ["--only", "speaker=99"],
                                   ["--limit", "0"], ["--predictions", "p.csv"]])  # fmt: skip
def test_wrong_options_are_told(emodb, capsys, extra):
    assert main(["evaluate", "lips", str(emodb), "--quiet", *extra]) == 1
    assert "hint:" in capsys.readouterr().err
    assert main(["evaluate", "lips", str(emodb / "nowhere"), "--quiet"]) == 1


def test_texts_are_given_to_the_analysis_where_there_are_any(emodb, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    folder = folder_of(emodb, tmp_path / "data")
    assert main(["evaluate", "lips", str(folder), "--transcripts", "--quiet"]) == 1
    assert "has no texts" in capsys.readouterr().err
    (folder / "index.csv").write_text("path,labels,transcript\na.flac,a.tsv,Der Lappen liegt auf dem Eisschrank.\n")
    status = main(["evaluate", "lips", str(folder), "--transcripts", "--language", "de", "--quiet", "--predictions",
                   str(tmp_path / "p.npz")])  # fmt: skip
    assert status == 0, capsys.readouterr().err
