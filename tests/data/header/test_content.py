"""A file is read only if it is one, is whole, and stays as it is meanwhile."""

import itertools
import os
from pathlib import Path

import pytest

from fivesafes.data.header import content as module
from fivesafes.data.header.content import HEAD, begins_like_dicom, read_beginning, read_content, read_head, size_of
from fivesafes.data.header.malformed import Malformed


def _why(path: Path) -> str:
    with pytest.raises(Malformed) as told:
        read_content(path)
    return told.value.code


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    """All of it, and its beginning alone."""
    (tmp_path / "file").write_bytes(b"x" * (HEAD + 1))
    assert read_content(tmp_path / "file") == b"x" * (HEAD + 1)
    assert read_head(tmp_path / "file") == b"x" * HEAD
    assert size_of(tmp_path / "file") == HEAD + 1


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """Not even waited for: a pipe has nobody at its other end."""
    os.mkfifo(tmp_path / "pipe")
    assert _why(tmp_path / "pipe") == "data.file.not-dicom"
    assert read_head(tmp_path / "pipe") == b""
    assert _why(Path("/dev/zero")) == "data.file.not-dicom"


def test_the_beginning_of_a_file_and_how_much_follows(tmp_path: Path) -> None:
    """Or the same reason why it can't be read."""
    for size in (0, HEAD - 1, HEAD, HEAD + 7):
        (tmp_path / "file").write_bytes(b"x" * size)
        assert read_beginning(tmp_path / "file") == (b"x" * min(size, HEAD), max(0, size - HEAD))
    os.mkfifo(tmp_path / "pipe")
    for path, code in ((tmp_path / "pipe", "not-dicom"), (tmp_path / "absent", "permission")):
        with pytest.raises(Malformed) as told:
            read_beginning(path)
        assert told.value.code == f"data.file.{code}" == _why(path)


def test_what_can_t_be_opened_is_told(tmp_path: Path) -> None:
    """As not permitted, and it says nothing."""
    assert _why(tmp_path / "absent") == "data.file.permission"
    assert _why(tmp_path) == "data.file.permission"
    assert read_head(tmp_path / "absent") == b""
    assert size_of(tmp_path / "absent") == 0
    (tmp_path / "loop").symlink_to("loop")
    assert _why(tmp_path / "loop") == "data.file.permission"


@pytest.mark.parametrize("change", [b"more", None])
def test_a_file_that_changes_meanwhile_is_set_aside(
    change: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grown, or cut: what was read is not what is there."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    first = os.fstat

    def told(handle: int) -> os.stat_result:
        """Give the file's size, and change it the moment after."""
        answer = first(handle)
        if change:
            with path.open("ab") as file:
                file.write(change)
        else:
            os.truncate(path, 10)
        return answer

    monkeypatch.setattr(os, "fstat", told)
    assert _why(path) == "data.file.changing"


def test_a_file_that_is_written_over_meanwhile_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size stays, its time does not."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    first, times = os.fstat, itertools.count(1)

    def told(handle: int) -> os.stat_result:
        os.utime(path, ns=(next(times),) * 2)
        return first(handle)

    monkeypatch.setattr(os, "fstat", told)
    assert _why(path) == "data.file.changing"


def test_a_huge_file_that_begins_like_nothing_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beginning is enough; one that begins like DICOM is read."""
    monkeypatch.setattr(module, "_HUGE", 999)
    (tmp_path / "file").write_bytes(b"x" * 1000)
    assert _why(tmp_path / "file") == "data.file.not-dicom"
    for begins in (b"\x08\0", b"\0\x08", b"\x02\0", bytes(128) + b"DICM"):
        assert begins_like_dicom(begins)
        (tmp_path / "file").write_bytes(begins + b"x" * 1000)
        assert len(read_content(tmp_path / "file")) == 1000 + len(begins)
    assert not begins_like_dicom(b"")
