"""The real worker process through the real client: handshake, crash, another version, rubbish on the line, two jobs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import made_media as media
import pytest

from faceanim.core.clip import Clip
from faceanim.engine import client, environment, messages
from faceanim.errors import Cancelled, EngineError, MediaError
from faceanim.formats import takes

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "presets" / "demo" / "speech.flac"
posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and scripts")


@pytest.fixture
def engine():
    engine = client.Engine(Path(sys.executable))
    yield engine
    engine.shutdown()


def wait_for(engine: client.Engine, kind, seconds: float = 60.0) -> list:
    """All events up to and with the first of a kind."""
    seen = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen += engine.poll()
        if any(isinstance(event, kind) for event in seen):
            return seen
        time.sleep(0.01)
    raise AssertionError(f"no {kind} within {seconds} s, but {seen}")


def long_speech(folder: Path) -> Path:
    return media.wav(folder / "long.wav", media.bursts(600))


def test_start_returns_at_once_and_the_engine_says_who_it_is(engine):
    began = time.monotonic()
    engine.start()
    assert time.monotonic() - began < 0.5
    ready = wait_for(engine, client.Ready)[-1]
    assert ready.info["protocol"] == messages.PROTOCOL and ready.info["pid"] == engine.pid


def test_two_jobs_are_done_in_turn_by_one_process(engine, tmp_path):
    first = engine.submit(Clip(audio=SPEECH), tmp_path / "one.faceanim")
    second = engine.submit(Clip(audio=SPEECH), tmp_path / "zwei ü.faceanim", fps=30)
    events = wait_for(engine, client.Ready)
    pid = engine.pid
    while sum(isinstance(event, client.Done) for event in events) < 2:
        events += wait_for(engine, (client.Done, client.Failed, client.Crashed))
        assert not any(isinstance(event, (client.Failed, client.Crashed)) for event in events), events
    assert [event.job for event in events if isinstance(event, client.Done)] == [first, second]
    progress = [event.fraction for event in events if isinstance(event, client.Progress) and event.job == first]
    assert progress == sorted(progress) and progress[0] >= 0 and progress[-1] <= 1 and len(progress) > 3
    one, two = takes.read(tmp_path / "one.faceanim"), takes.read(tmp_path / "zwei ü.faceanim")
    assert (one.fps, two.fps) == (60, 30) and one.seconds == pytest.approx(two.seconds, abs=0.05)
    assert "lips" in one.layers and one.phones and engine.pid == pid and not engine.jobs


def test_a_cancelled_job_stops_and_leaves_no_file_and_the_next_one_runs(engine, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    job = engine.submit(Clip(audio=long_speech(tmp_path)), out / "long.faceanim")
    waiting = engine.submit(Clip(audio=SPEECH), out / "never.faceanim")
    wait_for(engine, client.Progress)
    time.sleep(1.0)
    began = time.monotonic()
    engine.cancel(waiting)
    engine.cancel(job)
    failed = []
    while len(failed) < 2:
        failed += [event for event in wait_for(engine, client.Failed) if isinstance(event, client.Failed)]
    assert time.monotonic() - began < 5
    assert {event.job for event in failed} == {job, waiting} and {event.kind for event in failed} == {"Cancelled"}
    assert list(out.iterdir()) == []
    engine.submit(Clip(audio=SPEECH), out / "next.faceanim")
    assert isinstance(wait_for(engine, (client.Done, client.Failed, client.Crashed))[-1], client.Done)
    assert [path.name for path in out.iterdir()] == ["next.faceanim"]


def test_a_user_error_comes_with_its_hint_and_kind(engine, tmp_path):
    job = engine.submit(Clip(audio=tmp_path / "nothing.wav"), tmp_path / "t.faceanim")
    failed = wait_for(engine, client.Failed)[-1]
    assert (failed.job, failed.kind) == (job, "MediaError") and "nothing.wav" in failed.message and failed.hint
    assert engine.running


def test_an_output_that_cannot_be_written_is_told_before_the_work(engine, tmp_path):
    began = time.monotonic()
    engine.submit(Clip(audio=long_speech(tmp_path)), tmp_path / "no" / "t.faceanim")
    failed = wait_for(engine, client.Failed)[-1]
    assert failed.kind == "OutputError" and "folder" in failed.message and time.monotonic() - began < 5


@posix
def test_a_killed_engine_is_reported_and_the_next_job_starts_another(engine, tmp_path):
    engine.submit(Clip(audio=long_speech(tmp_path)), tmp_path / "long.faceanim")
    wait_for(engine, client.Progress)
    killed = engine.pid
    os.kill(killed, signal.SIGKILL)
    crashed = wait_for(engine, client.Crashed, 10)[-1]
    assert "signal 9" in crashed.message and crashed.hint and not engine.running and not engine.jobs
    engine.submit(Clip(audio=SPEECH), tmp_path / "t.faceanim")
    assert isinstance(wait_for(engine, (client.Done, client.Crashed))[-1], client.Done)
    assert engine.pid != killed and not list(tmp_path.glob(".*"))


@posix
def test_a_job_that_does_not_heed_cancel_is_killed_and_the_others_go_on(tmp_path, monkeypatch):
    """The worker of this Python hangs, as in native code, in every job whose sound is called so."""
    monkeypatch.setattr(client, "CANCEL_WITHIN_S", 0.5)
    script = (
        "import time\n"
        "from faceanim.engine import worker\n"
        "def analyze(job, progress):\n"
        "    return time.sleep(600) if 'hang' in job.audio else worker.run_analysis(job, progress)\n"
        "worker.main(analyze)\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{script}"\n')
    python.chmod(0o755)
    engine = client.Engine(python)
    stuck = engine.submit(Clip(audio=tmp_path / "hang.wav"), tmp_path / "a.faceanim")
    other = engine.submit(Clip(audio=SPEECH, end=1.0), tmp_path / "b.faceanim")
    wait_for(engine, client.Progress)
    engine.cancel(stuck)
    events = wait_for(engine, client.Done, 20)
    engine.shutdown()
    ends = [(type(event), event.job) for event in events if isinstance(event, (client.Failed, client.Done))]
    assert ends == [(client.Failed, stuck), (client.Done, other)]


@posix
def test_an_engine_of_another_version_gets_no_job(tmp_path):
    """The client talks to a copy of the package with another protocol, as after an update that left the engine old."""
    shutil.copytree(ROOT / "faceanim", tmp_path / "old" / "faceanim", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "blender_manifest.toml", tmp_path / "old")
    altered = tmp_path / "old" / "faceanim" / "engine" / "messages.py"
    altered.write_text(altered.read_text("utf-8").replace(f"PROTOCOL = {messages.PROTOCOL}", "PROTOCOL = 999"), "utf-8")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncd "{tmp_path}/old"; PYTHONPATH="{tmp_path}/old" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    engine = client.Engine(python)
    engine.submit(Clip(audio=SPEECH), tmp_path / "t.faceanim")
    crashed = wait_for(engine, client.Crashed)[-1]
    assert "another version" in crashed.message and "999" in crashed.message and "environment" in crashed.hint
    assert not engine.running and not (tmp_path / "t.faceanim").exists()
    with pytest.raises(EngineError, match="another version"):
        environment.check(python)


def test_a_python_that_is_none_is_an_engine_error_with_a_hint(tmp_path):
    engine = client.Engine(tmp_path / "no" / "python")
    with pytest.raises(EngineError, match="cannot be started") as caught:
        engine.submit(Clip(audio=SPEECH), tmp_path / "t.faceanim")
    assert "environment" in caught.value.hint


@posix
def test_a_python_that_cannot_run_the_engine_says_why(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho No module named faceanim >&2; exit 1\n")
    python.chmod(0o755)
    engine = client.Engine(python)
    engine.submit(Clip(audio=SPEECH), tmp_path / "t.faceanim")
    crashed = wait_for(engine, client.Crashed)[-1]
    assert "did not start" in crashed.message and "No module named faceanim" in crashed.message and crashed.hint


def test_rubbish_on_stdin_is_answered_and_the_engine_goes_on():
    lines = [
        b"rubbish\n", b"\xff\xfe\n", b"[]\n", b'{"jsonrpc": "2.0", "id": 5, "method": "explode"}\n',
        b'{"jsonrpc": "2.0", "id": 6, "method": "analyze", "params": {"output": 3}}\n',
        messages.encode(messages.Request(messages.Initialize(messages.PROTOCOL, ""), 7)).encode(),
    ]  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-m", "faceanim.engine"], input=b"".join(lines), capture_output=True, timeout=60, cwd=ROOT
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    codes = [answer["error"]["code"] for answer in answers[:5]]
    assert codes == [messages.PARSE_ERROR, messages.PARSE_ERROR, messages.INVALID_REQUEST, messages.UNKNOWN_METHOD,
                     messages.INVALID_PARAMS]  # fmt: skip
    assert [answer["id"] for answer in answers] == [None, None, None, 5, 6, 7] and "result" in answers[5]
    assert run.returncode == 0  # stdin closed


def test_what_libraries_print_does_not_reach_the_protocol(tmp_path):
    """Both Python's print and a write to file descriptor 1, as C++ does it."""
    script = (
        "import os\n"
        "from faceanim.engine import worker\n"
        "def noisy(job, progress):\n"
        "    print('hello'); os.write(1, b'from C\\n'); os.system('echo from a child'); return {}\n"
        "worker.main(noisy)\n"
    )
    analyze = messages.Request(messages.Analyze(str(tmp_path / "t.faceanim"), audio="a"), 1)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    process.stdin.write(messages.encode(analyze).encode())
    process.stdin.flush()
    lines = [process.stdout.readline(), process.stdout.readline()]
    process.stdin.close()
    rest, noise = process.stdout.read(), process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    process.wait(10)
    assert [type(messages.decode(line)) for line in lines] == [messages.Request, messages.Result] and not rest
    assert b"from C" in noise and b"from a child" in noise


@posix
def test_the_engine_ends_when_its_owner_is_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path\n"
        "from faceanim.core.clip import Clip; from faceanim.engine.client import Engine, Ready\n"
        "engine = Engine(Path(sys.executable)); engine.start()\n"
        "while not any(isinstance(e, Ready) for e in engine.poll()): time.sleep(.01)\n"
        "print(engine.pid, flush=True); time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    pid = int(owner.stdout.readline())
    owner.stdout.close()
    owner.kill()
    owner.wait()
    end = time.monotonic() + 10
    while time.monotonic() < end and Path(f"/proc/{pid}").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_analyze_blocking_raises_what_the_analysis_raised(tmp_path):
    with pytest.raises(MediaError, match="nothing.wav") as caught:
        client.analyze_blocking(Clip(audio=tmp_path / "nothing.wav"), tmp_path / "t.faceanim")
    assert caught.value.hint

    def stop(fraction, stage):
        raise Cancelled()

    with pytest.raises(Cancelled):
        client.analyze_blocking(Clip(audio=SPEECH), tmp_path / "t.faceanim", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_messages_come_through_as_they_were_sent():
    clip = Clip(audio=Path("/a b/ü\udcff.wav"), transcript='say "x"\n\u2028', start=1, end=2.5)
    sent = messages.Request(messages.Analyze.of(clip, Path("/o.faceanim"), 30, "cpu"), 4)
    line = messages.encode(sent)
    assert line.isascii() and line.count("\n") == 1
    received = messages.decode(line)
    assert received == sent and received.call.clip == clip
    failure = messages.Failure.of(4, MediaError("no", "look"))
    back = messages.decode(messages.encode(failure))
    assert back == failure and type(back.error()) is MediaError and back.error().hint == "look"
    fault = messages.Failure(4, "KeyError: 'x'", details="Traceback")
    assert type(fault.error()) is RuntimeError and "Traceback" in str(fault.error())
