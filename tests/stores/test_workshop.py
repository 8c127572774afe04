"""The private folders of a run: alone, private, and a scratch that outlives nobody."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.stores.workshop import no_core_dumps, opened, opened_scratch


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Make an empty folder of scans."""
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


def test_folders_are_private_and_the_scratch_goes(tmp_path: Path, scans: Path) -> None:
    """Mode 0700, and nothing is left in the scratch."""
    with opened(tmp_path / "out", source=scans) as place:
        assert place.private.stat().st_mode & 0o777 == 0o700
        (place.scratch / "face.nii").write_bytes(b"x")
    assert not place.scratch.exists()
    assert place.finished.exists()


def test_a_second_run_on_the_same_folder_waits(tmp_path: Path, scans: Path) -> None:
    """Two at once would spoil each other."""
    with opened(tmp_path / "out", source=scans), pytest.raises(TryAgain), opened(tmp_path / "out", source=scans):
        pass


@pytest.mark.parametrize("out", ["scans", "scans/out", "."])
def test_output_and_scans_lie_apart(tmp_path: Path, scans: Path, out: str) -> None:
    """An output folder in, around or on the scans is refused."""
    with pytest.raises(UsageMistake), opened(tmp_path / out, source=scans):
        pass


def test_no_scratch_is_there_before_somebody_watches_over_it(
    tmp_path: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the janitor is being started, nothing is left that only the next run would clear."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fivesafes.stores.workshop._start_janitor", killed)
    with pytest.raises(KeyboardInterrupt), opened(tmp_path / "out", source=scans):
        pass
    assert not list((tmp_path / "out" / "private").glob("scratch-*"))


def test_after_kill_9_the_scratch_is_gone(tmp_path: Path, scans: Path) -> None:
    """The janitor clears up when nobody else can."""
    program = (
        "import sys, time; from pathlib import Path; from fivesafes.stores.workshop import opened\n"
        "with opened(Path(sys.argv[1]), source=Path(sys.argv[2])) as place:\n"
        "    (place.scratch / 'face.nii').write_bytes(b'x'); print('ready', flush=True); time.sleep(60)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "out"), str(scans)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    private = tmp_path / "out" / "private"
    deadline = time.monotonic() + 10
    while list(private.glob("scratch*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(private.glob("scratch*"))


def test_an_output_folder_that_can_t_be_made_is_named(tmp_path: Path, scans: Path) -> None:
    """A file stands where the folder should be: the message says which option is meant."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageMistake, match="--out"), opened(tmp_path / "out", source=scans):
        pass


def test_crashes_are_neither_written_nor_handed_to_a_collector() -> None:
    """One byte where that is allowed: with 0 the kernel still pipes a crash to apport and its like."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        no_core_dumps()
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0 if hard == 0 else 1, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_a_scratch_of_its_own_is_private_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among temporary files, mode 0700, cleared at the end and after an error."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with opened_scratch() as scratch:
        assert scratch.parent == tmp_path
        assert scratch.stat().st_mode & 0o777 == 0o700
        (scratch / "face.nii").write_bytes(b"x")
    with pytest.raises(KeyboardInterrupt), opened_scratch():
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_temporary_files_that_can_t_be_made_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the setting."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(UsageMistake, match="TMPDIR"), opened_scratch():
        pass


def test_after_kill_9_a_scratch_of_its_own_is_gone(tmp_path: Path) -> None:
    """The janitor clears up there too."""
    program = (
        "import time; from fivesafes.stores.workshop import opened_scratch\n"
        "with opened_scratch() as scratch:\n"
        "    (scratch / 'face.nii').write_bytes(b'x'); print('ready', flush=True); time.sleep(60)\n"
    )
    surroundings = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=surroundings)
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    assert list(tmp_path.glob("fivesafes-scratch-*"))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    deadline = time.monotonic() + 10
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(tmp_path.iterdir())
