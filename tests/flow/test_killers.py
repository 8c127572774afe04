"""A file that costs its worker is told by itself, in each way in which a folder is read; the others are done."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fuzz.seeds import seed

from fivesafes.core.errors import InvalidInput, WorkerDied
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.data.header.inspect import Identifier, examine
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.flow import receive as receiving
from fivesafes.flow.deidentify_folder import deidentify_folder
from fivesafes.flow.folder_outcome import FolderOutcome, Options
from fivesafes.flow.receive import receive

PSEUDONYMS = Pseudonyms(bytes(range(32)), "test")
PROFILE = load_profile()


class Deadly(InlineExecutor):
    """Answers as the process executor does when a job's worker was killed."""

    def __init__(self, dies: Callable[[Any, Any], bool]) -> None:
        """Take which jobs kill, by their context."""
        super().__init__()
        self.dies = dies

    def run_with(self, context: Any, work: Any, jobs: Any, **_: Any) -> Iterator[Any]:  # noqa: ANN401 - any work
        """Do the jobs that do not kill."""
        for job in jobs:
            if self.dies(context, job):
                yield job, WorkerDied("killed", fix="none")
            else:
                yield from super().run_with(context, work, [job])


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Give four objects of one series; the second is the killer."""
    folder = tmp_path / "in"
    folder.mkdir()
    content = seed("explicit").content
    for number in range(4):
        (folder / f"{number}").write_bytes(content.replace(b"20260131.1", b"20260131.%d" % (4 + number)))
    return folder


def _done(scans: Path, executor: InlineExecutor) -> FolderOutcome:
    into, log = scans.parent / "out", scans.parent / "log"
    return deidentify_folder(
        scans,
        into,
        profile=PROFILE,
        pseudonyms=PSEUDONYMS,
        executor=executor,
        progress=Silent(),
        options=Options(log=log),
    )


def _killed_in_pass_one(context: Any, job: Any) -> bool:  # noqa: ANN401 - any work
    return not hasattr(context, "parts") and any(context.paths[index].name == "1" for index in range(*job))


def _killed_in_pass_two(context: Any, job: Any) -> bool:  # noqa: ANN401 - any work
    return hasattr(context, "parts") and any(context.paths[one.index].name == "1" for one in context.parts[job])


@pytest.mark.parametrize("dies", [_killed_in_pass_one, _killed_in_pass_two])
def test_a_killer_is_set_aside_and_its_series_is_done(scans: Path, dies: Callable[[Any, Any], bool]) -> None:
    """In either pass; with the log of what was done to the others."""
    told = _done(scans, Deadly(dies))
    assert {one.path: one.code for one in told.files} == {
        "0": "data.file.deidentified",
        "1": "data.file.too-much",
        "2": "data.file.deidentified",
        "3": "data.file.deidentified",
    }
    assert len(list((scans.parent / "out").rglob("*.dcm"))) == 3
    (log,) = (scans.parent / "log").iterdir()
    assert log.read_text().count(".dcm") == 3


def test_a_series_that_dies_of_no_single_file_is_set_aside_whole(scans: Path) -> None:
    """Nobody knows why, and nothing of it is half done."""
    told = _done(scans, Deadly(lambda context, job: len(getattr(context, "parts", {}).get(job, ())) > 1))
    assert {one.code for one in told.files} == {"data.file.too-much"}


def test_an_error_of_another_kind_ends_the_run(scans: Path) -> None:
    """A disk that is full is no file's fault."""

    class Refusing(InlineExecutor):
        def run_with(self, context: Any, work: Any, jobs: Any, **more: Any) -> Iterator[Any]:  # noqa: ANN401 - any work
            """Refuse the second pass."""
            for job, answer in super().run_with(context, work, jobs, **more):
                yield job, InvalidInput("no", fix="none") if hasattr(context, "parts") else answer

    with pytest.raises(InvalidInput):
        _done(scans, Refusing())


def test_a_file_that_changes_between_the_passes_is_set_aside(scans: Path) -> None:
    """What is cleaned must be what was looked at: it may be somebody else by now."""

    class Meddling(InlineExecutor):
        def run_with(self, context: Any, work: Any, jobs: Any, **more: Any) -> Iterator[Any]:  # noqa: ANN401 - any work
            """Write over a file before the second pass."""
            if hasattr(context, "parts"):
                (scans / "1").write_bytes((scans / "1").read_bytes().replace(b"730194458", b"111111111"))
            yield from super().run_with(context, work, jobs, **more)

    told = {one.path: one.code for one in _done(scans, Meddling()).files}
    assert told.pop("1") == "data.file.changing"
    assert set(told.values()) == {"data.file.deidentified"}


def test_a_killer_is_set_aside_when_a_folder_is_received(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sealed to whom its first bytes name."""
    monkeypatch.setattr(receiving, "FEW", 0)

    def dies(context: Any, job: Any) -> bool:  # noqa: ANN401 - any work
        return any(context.files[index].reveal().name == "1" for index in range(*job))

    got = receive(Identifying(scans), executor=Deadly(dies), profile=PROFILE, pseudonyms=PSEUDONYMS, progress=Silent())
    (aside,) = got.set_aside
    assert (aside.code, aside.bytes) == ("data.file.too-much", (scans / "1").stat().st_size)
    assert aside.patient == Identifying("730194458")
    assert sum(one.facts.instances for one in got.series) == 3


@pytest.mark.parametrize("few", [0, 16])
def test_a_fault_of_ours_costs_its_file_alone(scans: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Where a folder is received, and where it is de-identified."""
    monkeypatch.setattr(receiving, "FEW", few)
    good = examine

    def faulty(path: Path) -> Any:  # noqa: ANN401 - as it was
        return good(path) if path.name != "1" else 1 // 0

    monkeypatch.setattr(receiving, "examine", faulty)
    monkeypatch.setattr(Identifier, "identify", lambda _, path: faulty(path)[0])
    got = receive(
        Identifying(scans), executor=InlineExecutor(), profile=PROFILE, pseudonyms=PSEUDONYMS, progress=Silent()
    )
    assert [one.code for one in got.set_aside] == ["data.file.fault"]
    told = {one.path: one.code for one in _done(scans, InlineExecutor()).files}
    assert told.pop("1") == "data.file.fault"
    assert set(told.values()) == {"data.file.deidentified"}
