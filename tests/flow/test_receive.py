"""Receiving: every entry of a folder has its answer."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread, dcmwrite

from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.engines.sources.synthetic import write_series
from fivesafes.flow import receive as module
from fivesafes.flow.receive import Received, receive


def received(folder: Path, executor: InlineExecutor | None = None) -> Received:
    """Receive a folder."""
    return receive(
        Identifying(folder),
        executor=executor or InlineExecutor(),
        profile=load_profile(),
        pseudonyms=Pseudonyms(bytes(range(32)), "test"),
        progress=Silent(),
    )


def test_links_pipes_and_files_of_other_kinds_are_told(tmp_path: Path) -> None:
    """Nothing is passed over: links are not followed and said to be there."""
    folder = tmp_path / "scans"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / ".hidden").write_text("text")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("x")
    (folder / "linked-folder").symlink_to(tmp_path / "elsewhere")
    (folder / "linked-file").symlink_to(tmp_path / "elsewhere" / "file")
    os.mkfifo(folder / "pipe")
    told = sorted(aside.code for aside in received(folder).set_aside)
    assert told == ["data.file.link", "data.file.link", "data.file.not-dicom", "data.file.special"]


def test_an_empty_folder_gives_nothing(tmp_path: Path) -> None:
    """No files, no series, nothing set aside."""
    assert received(tmp_path) == Received(series=(), set_aside=())


def test_a_file_that_is_broken_within_a_sequence_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Its outermost level is whole: the length that lies is an element's in an item."""
    write_series(tmp_path, slices=3, seed=1, matrix=16)
    first, *others = sorted(tmp_path.rglob("*.dcm"))
    header, item = dcmread(first), Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3.4.5.6"
    header.ReferencedImageSequence = [item]
    dcmwrite(first, header)
    content = first.read_bytes()
    place = content.index(b"1.2.3.4.5.6") - 2  # the length of an explicit UI
    first.write_bytes(content[:place] + b"\xf0\x7f" + content[place + 2 :])
    got = received(tmp_path)
    assert [aside.code for aside in got.set_aside] == ["data.file.truncated"]
    assert got.set_aside[0].patient == Identifying(str(header.PatientID))
    assert [len(one.originals) for one in got.series] == [len(others)]


class _Counting(InlineExecutor):
    """Counts what it is given."""

    given = 0

    def run_with(self, context: Any, work: Any, jobs: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        """Count, and do it."""
        self.given += len(jobs)
        return super().run_with(context, work, jobs, **more)


@pytest.mark.parametrize(("files", "handed_over"), [(64, 0), (65, 2)])
def test_few_files_are_looked_at_here_and_many_by_others(
    files: int, handed_over: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its answer either way."""
    monkeypatch.setattr(module, "FEW", 1)
    for number in range(files):
        (tmp_path / f"{number}.txt").write_text(str(number))
    others = _Counting()
    assert len(received(tmp_path, others).set_aside) == files
    assert others.given == handed_over
