"""Making the engine's environment with a real venv and pip; finding a Python."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from faceanim.engine import environment
from faceanim.errors import Cancelled, EngineError

ROOT = Path(__file__).parents[2]


def test_create_makes_an_environment_and_removes_older_ones(tmp_path):
    older = tmp_path / "env-00000000"
    older.mkdir()
    heard = []
    python = environment.create(tmp_path, lambda fraction, stage: heard.append((fraction, stage)), packages=())
    assert python.is_file() and python.is_relative_to(tmp_path) and not older.exists()
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and heard[-1][1] == "The engine is ready"
    # it has no packages, and says so
    with pytest.raises(EngineError, match="numpy") as caught:
        environment.check(python)
    assert caught.value.hint


def test_a_failed_install_leaves_nothing_and_says_why(tmp_path):
    with pytest.raises(EngineError, match="environment") as caught:
        environment.create(tmp_path / "new", packages=("./no-such-package.whl",))
    assert caught.value.hint and list((tmp_path / "new").iterdir()) == []


def test_cancel_stops_soon_and_leaves_nothing(tmp_path):
    began = time.monotonic()

    def stop(fraction, stage):
        if time.monotonic() - began > 1:
            raise Cancelled()

    with pytest.raises(Cancelled):
        environment.create(tmp_path / "new", stop, packages=("./no-such-package.whl",))
    assert time.monotonic() - began < 4 and list((tmp_path / "new").iterdir()) == []


def test_an_environment_without_its_stamp_or_with_other_pins_is_none(tmp_path):
    home = tmp_path / environment._home(tmp_path, environment.pins()).name
    home.mkdir()
    assert environment.python_in(tmp_path) is None
    (home / environment.STAMP).write_text("{}")
    assert environment.python_in(tmp_path).is_relative_to(home)
    home.rename(tmp_path / "env-11111111")
    assert environment.python_in(tmp_path) is None


def test_pins_are_those_of_the_project():
    pins = environment.pins()
    assert any(pin.startswith("mediapipe==") for pin in pins) and all("==" in pin for pin in pins)


def test_find_python_takes_the_variable_then_the_choice_then_this_one(monkeypatch, tmp_path):
    monkeypatch.delenv("FACEANIM_PYTHON", raising=False)
    assert environment.find_python() == Path(sys.executable)
    assert environment.find_python(chosen=tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.setenv("FACEANIM_PYTHON", "/named/python")
    assert environment.find_python(chosen=tmp_path / "mine") == Path("/named/python")


def test_a_base_that_will_not_do_is_refused_with_a_hint(tmp_path):
    with pytest.raises(EngineError, match="3.10, 3.11, 3.12, 3.13") as caught:
        environment.create(tmp_path / "new", base=Path(shutil.which("ls") or sys.executable + "-no"))
    assert "install Python" in caught.value.hint and not (tmp_path / "new").exists()


def test_the_engine_hears_nothing_of_blenders_python(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/blender")
    monkeypatch.setenv("PYTHONPATH", "/blender/scripts")
    environ = environment.clean_environ()
    assert "PYTHONHOME" not in environ and environ["PYTHONPATH"] == str(ROOT) and environ["PYTHONUTF8"] == "1"
    assert environ["PATH"] == os.environ["PATH"]


def test_the_face_landmarker_is_downloaded_once_and_checked(data, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"something else")
    monkeypatch.setattr(environment, "LANDMARKER_URL", wrong.as_uri())
    with pytest.raises(EngineError, match="not the expected") as caught:
        environment.download_landmarker(tmp_path)
    assert environment.LANDMARKER_VARIABLE in caught.value.hint and not (tmp_path / environment.LANDMARKER).exists()
    monkeypatch.setattr(environment, "LANDMARKER_URL", (data / "mediapipe" / environment.LANDMARKER).as_uri())
    path = environment.download_landmarker(tmp_path)
    monkeypatch.setattr(environment, "LANDMARKER_URL", "file:///nowhere")
    assert environment.download_landmarker(tmp_path) == path
    # the engine of an environment in the same folder is told of it
    monkeypatch.delenv(environment.LANDMARKER_VARIABLE, raising=False)
    python = environment.create(tmp_path, packages=())
    assert environment.clean_environ(python)[environment.LANDMARKER_VARIABLE] == str(path)
    assert environment.LANDMARKER_VARIABLE not in environment.clean_environ(Path(sys.executable))


def test_check_tells_the_versions():
    found = environment.check(Path(sys.executable))
    assert found["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}") and found["mediapipe"]
