"""`evaluate speech-emotion` on a few real clips, its figures on made ones, and data that are wrong."""

import csv
import json

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")
pytest.importorskip("sklearn", reason="needs scikit-learn")

from faceanim.cli import main  # noqa: E402
from faceanim.core.emotion import LABELS  # noqa: E402
from faceanim.evaluate import classes, emotions  # noqa: E402


def test_figures_of_a_small_table():
    truth = np.array([0, 0, 0, 1, 1, 2])
    said = np.eye(3)[[0, 0, 1, 1, 1, 0]] * 0.7 + 0.1
    found = classes.measures(truth, said, ("a", "b", "c"))
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["uar"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found["per_class"]["b"] == {"n": 2, "precision": pytest.approx(2 / 3), "recall": 1.0,
                                       "f1": pytest.approx(0.8), "roc_auc": pytest.approx(0.875)}  # fmt: skip
    assert found["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    # chance agreement: 3/6 * 3/6 + 2/6 * 3/6 = 15/36
    assert found["kappa"] == pytest.approx((4 / 6 - 15 / 36) / (1 - 15 / 36))
    assert found["ece"] == pytest.approx(0.8 - 4 / 6)


def test_one_class_alone_has_no_area():
    found = classes.measures(np.zeros(3, int), np.tile([0.6, 0.4], (3, 1)), ("a", "b"))
    assert found["roc_auc"] is None and found["uar"] == 1.0 and found["kappa"] == 1.0


def test_chances_among_some_classes():
    said = np.array([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(classes.among(said, [0, 2]), [[5 / 7, 2 / 7], [0.5, 0.5]])


@pytest.fixture
def few(data, tmp_path):
    """Six clips of RAVDESS by full path, and one that is missing."""
    with open(data / "ravdess" / "index.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["actor"] in ("01", "02")][20:50:5]
    rows = [{**row, "path": str(data / "ravdess" / row["path"])} for row in rows]
    with open(tmp_path / "index.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([*rows, {**rows[0], "path": "missing.wav"}])
    return tmp_path


def test_the_command_writes_report_page_and_predictions(few, capsys):
    out = few / "out.json"
    words = ["evaluate", "speech-emotion", str(few), "--quiet", "--json", str(out), "-o", str(few / "report")]
    assert main([*words, "--predictions", str(few / "said.npz")]) == 0
    report = json.loads(out.read_text("utf-8"))
    assert report["n"] == 6 and list(report["failed"]) == ["missing"]
    assert {"accuracy", "uar", "macro_f1", "kappa", "roc_auc", "ece", "confusion", "labels", "uar_open"} <= set(report)
    assert sum(map(sum, report["confusion"])) == 6
    with np.load(few / "said.npz") as said:
        assert said["probabilities"].shape == (6, len(LABELS))
        np.testing.assert_allclose(said["probabilities"].sum(1), 1, atol=1e-4)
    page = (few / "report" / "index.html").read_text("utf-8")
    assert "What is taken for what" in page and (few / "report" / "confusion.png").stat().st_size > 5000


def test_what_training_heard_is_no_clean_item(few):
    items = emotions.read(few)[:4]
    said = np.full((4, len(LABELS)), 1 / len(LABELS))
    said[range(4), [item.label for item in items]] += 0.5
    results = emotions.Results(items, list(said / said.sum(1, keepdims=True)))
    wrong = np.eye(len(LABELS))[(items[0].label + 1) % len(LABELS)]
    folds = {items[0].name: (2, wrong), items[1].name: (2, said[1])}
    report = emotions.summary(results, sorted({i.label for i in items}), folds, np.array([True, True, True, False]))
    assert report["accuracy"] == 1.0 and report["n_clean"] == 1 and report["accuracy_clean"] == 1.0
    assert report["out_of_fold"]["n"] == 2 and report["out_of_fold"]["accuracy"] == 0.5


@pytest.mark.parametrize("table, what", [
    (None, "no recording with an emotion"),
    ("path,emotion\na.wav,hangry\n", "'hangry' is none"),
    ("file,mood\na.wav,sad\n", "no recording with an emotion"),
    ("path,emotion\na.wav,sad\n", "could be measured"),
])  # fmt: skip
def test_wrong_data_are_told(tmp_path, capsys, table, what):
    if table:
        (tmp_path / "index.csv").write_text(table)
    assert main(["evaluate", "speech-emotion", str(tmp_path), "--quiet"]) == 1
    said = capsys.readouterr().err
    assert what in said and "hint:" in said and "Traceback" not in said
