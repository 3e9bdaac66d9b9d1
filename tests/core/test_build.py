"""build.py: the clear word for another Python, and what the zip holds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def build():
    spec = importlib.util.spec_from_file_location("build_script", ROOT / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_another_python_gets_a_clear_word(build, monkeypatch, capsys):
    monkeypatch.setattr(build, "PYTHON", (3, 99))
    monkeypatch.setattr(sys, "argv", ["build.py", "setup"])
    assert build.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("error: this is Python 3.") and "\nhint: " in said


@pytest.mark.parametrize(
    ("card", "free"),
    [("# A\n\ncommercial: yes, our own data\n", True), ("- **Commercial**: yes\n", True), ("commercial: no\n", False),
     ("commercial: unclear\n", False), ("It is not commercial: yesterday's data.\n", False), (None, False)],
)  # fmt: skip
def test_a_model_is_commercial_where_its_card_says_so(build, tmp_path, card, free):
    if card is not None:
        (tmp_path / "card.md").write_text(card, "utf-8")
    assert build.commercial(tmp_path) is free


def test_the_zip_holds_what_runs_and_leaves_the_rest(build, tmp_path):
    build.stage(tmp_path / "extension", commercial_only=False)
    staged = {p.relative_to(tmp_path / "extension").as_posix() for p in (tmp_path / "extension").rglob("*")}
    assert {"blender_manifest.toml", "pyproject.toml", "LICENSE", "__init__.py", "models"} <= staged
    assert {"faceanim/blender/__init__.py", "presets/character/head.blend"} <= staged
    left = ("faceanim/train", "presets/character/build_head.py", ".git", "tests")
    assert not [name for name in staged if name.startswith(left) or "__pycache__" in name]
