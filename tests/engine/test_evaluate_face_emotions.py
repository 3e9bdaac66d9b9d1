"""`evaluate face-emotion` on a few pictures, and data that are wrong."""

import json

import numpy as np
import pytest

pytest.importorskip("av", reason="needs the engine's packages")
pytest.importorskip("sklearn", reason="needs scikit-learn")

from faceanim.cli import main  # noqa: E402
from faceanim.core.emotion import LABELS  # noqa: E402
from faceanim.engine import face_emotion  # noqa: E402
from faceanim.evaluate import face_emotions  # noqa: E402


@pytest.fixture
def few(data, tmp_path):
    """Forty pictures of FER2013, one of which is no file that can be read; two stand in training too, one is empty."""
    with np.load(data / "fer2013" / "public_test.npz") as z:
        a = {name: z[name] for name in z.files}
    rows = np.r_[np.flatnonzero(~a["in_train"] & ~a["blank"])[:37], np.flatnonzero(a["in_train"])[:2],
                 np.flatnonzero(a["blank"])[:1]]  # fmt: skip
    files = [a["jpeg"][a["offsets"][i] : a["offsets"][i + 1]] for i in rows]
    files[0] = np.zeros(20, np.uint8)
    path = tmp_path / "few.npz"
    kept = {name: a[name][rows] for name in ("labels", "names", "in_train", "blank")}
    np.savez(path, jpeg=np.concatenate(files), offsets=np.cumsum([0, *map(len, files)]), classes=a["classes"], **kept)
    return path


def test_the_command_writes_report_page_and_predictions(few, tmp_path):
    if not face_emotion.ready():
        pytest.skip("models/face_emotion is not there")
    out, said = tmp_path / "out.json", tmp_path / "said.npz"
    words = ["evaluate", "face-emotion", str(few), "--quiet", "--json", str(out), "-o", str(tmp_path / "report")]
    assert main([*words, "--predictions", str(said)]) == 0
    report = json.loads(out.read_text("utf-8"))
    assert report["n"] == 39 and report["n_clean"] == 36 and len(report["failed"]) == 1
    assert {"accuracy", "uar", "macro_f1", "kappa", "roc_auc", "ece", "confusion", "labels"} <= set(report)
    assert sum(map(sum, report["confusion_clean"])) == 36 and report["models"]["face_emotion"]["hash"]
    with np.load(said) as z:
        assert z["probabilities"].shape == (39, len(LABELS)) and z["clean"].sum() == 36
        right = (z["probabilities"].argmax(1) == z["truth"])[z["clean"]].mean()
        assert right == pytest.approx(report["accuracy_clean"], abs=1e-4)
    page = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert "What is taken for what" in page and (tmp_path / "report" / "confusion.png").stat().st_size > 5000


def test_items_carry_what_the_data_say_of_them(few):
    items = face_emotions.read(few)
    assert {LABELS[i.label] for i in items} <= set(LABELS) - {"calm"}
    assert [face_emotions.is_new(i, None) for i in items].count(False) == 3
    # by the card: a file that the training saw
    assert not any(face_emotions.is_new(i, {"file": frozenset(["few"])}) for i in items)


@pytest.mark.parametrize("content, what", [
    (None, "there is no pictures"),
    ({"jpeg": np.zeros(3, np.uint8)}, "cannot be read"),
    ({"labels": [0, 5]}, "do not fit"),
    ({"classes": ["hangry"]}, "'hangry' is no emotion"),
    ({}, "no picture of"),
])  # fmt: skip
def test_wrong_data_are_told(tmp_path, capsys, content, what):
    path = tmp_path / "data.npz"
    good = {"jpeg": np.zeros(8, np.uint8), "offsets": [0, 4, 8], "labels": [0, 0], "classes": ["fear"]}
    if content is not None:
        np.savez(path, **(content if "jpeg" in content else good | content))
    assert main(["evaluate", "face-emotion", str(path), "--quiet"]) == 1
    said = capsys.readouterr().err
    assert what in said and "hint:" in said and "Traceback" not in said
