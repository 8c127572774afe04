"""Running outside programs: what they see, and when they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fivesafes.engines.program import run

PYTHON = sys.executable


def test_a_program_sees_a_private_home_and_nothing_of_the_users_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables hold names, paths and secrets."""
    monkeypatch.setenv("CANARY", "Jones")
    code = "import os; print(sorted(os.environ), os.environ['HOME'], os.getcwd())"
    finished = run([PYTHON, "-c", code], home=tmp_path, seconds=60, environment={"EXTRA": "1"})
    assert finished.code == 0
    assert b"CANARY" not in finished.printed
    assert b"EXTRA" in finished.printed
    assert finished.printed.count(str(tmp_path).encode()) == 2


def test_what_a_program_says_of_its_troubles_is_never_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Error messages quote what they stumble on."""
    finished = run([PYTHON, "-c", "import sys; sys.exit('Jones')"], home=tmp_path, seconds=60)
    assert finished.code == 1
    assert "Jones" not in "".join(capfd.readouterr())
    assert "Jones" not in repr(finished)


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for_end(process: int) -> bool:
    end = time.monotonic() + 10
    while _is_running(process) and time.monotonic() < end:
        time.sleep(0.02)
    return not _is_running(process)


def test_a_program_whose_time_is_up_ends_with_its_children(tmp_path: Path) -> None:
    """A converter may start compressors of its own."""
    noted = tmp_path / "child"
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(noted)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    began = time.monotonic()
    finished = run([PYTHON, "-c", code], home=tmp_path, seconds=2)
    assert finished.code is None
    assert time.monotonic() - began < 30
    assert _wait_for_end(int(noted.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_a_program_ends_with_the_process_that_started_it_however_that_dies(tmp_path: Path) -> None:
    """A worker that is killed must leave nothing running on somebody's scans."""
    noted = tmp_path / "program"
    sleeper = f"import os, pathlib, time; pathlib.Path({str(noted)!r}).write_text(str(os.getpid())); time.sleep(60)"
    code = (
        "import sys\nfrom pathlib import Path\nfrom fivesafes.engines.program import run\n"
        f"run([sys.executable, '-c', {sleeper!r}], home=Path({str(tmp_path)!r}), seconds=60)\n"
    )
    with subprocess.Popen([PYTHON, "-c", code]) as starter:
        end = time.monotonic() + 20
        while not (noted.exists() and noted.read_text()) and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(starter.pid, signal.SIGKILL)
    assert _wait_for_end(int(noted.read_text()))
