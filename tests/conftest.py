"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real speech, faces and characters; it is no part of the repository."""
    folder = Path(os.environ.get("FACEANIM_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the data packs: set FACEANIM_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def demo_blend() -> Path:
    return ROOT / "presets" / "character" / "head.blend"
