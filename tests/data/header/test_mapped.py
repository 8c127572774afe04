"""Big files take no more memory than small ones."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from fivesafes.data.header import mapped

Write = Callable[..., bytes]
SIZE = 2 << 30
MEASURED = """
import re, sys
from pathlib import Path
from fivesafes.engines.executors.inline import InlineExecutor
from fivesafes.core.progress import Silent
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.flow.deidentify_folder import deidentify_folder
outcome = deidentify_folder(
    Path(sys.argv[1]), Path(sys.argv[2]), profile=load_profile(), pseudonyms=Pseudonyms(bytes(32), "test"),
    executor=InlineExecutor(), progress=Silent(),
)
print(dict(outcome.counts), re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
"""The peak is the system's own of this process: ``ru_maxrss`` starts at what the process that started it had in use."""


def test_a_mapped_file_gives_what_it_holds_and_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In stretches, whatever its length."""
    content = bytes(range(256)) * 33
    (tmp_path / "file").write_bytes(content)
    monkeypatch.setattr(mapped, "_STRETCH", 1000)
    for most in (len(content), len(content) + 1):
        monkeypatch.setattr(mapped, "MAPPED", most)
        with (tmp_path / "file").open("rb") as file:
            buffer = mapped.contents(file, len(content))
        assert isinstance(buffer, bytes) == (most > len(content))
        assert b"".join(mapped.stretches(buffer)) == content
        assert mapped.digest_of(buffer) == hashlib.sha256(content).hexdigest()


@pytest.mark.slow
def test_memory_stays_flat_on_a_file_of_two_gigabytes(tmp_path: Path, write: Write, image: Dataset) -> None:
    """The most that was resident is far below the file's size."""
    image.Rows = image.Columns = 32768
    image.PixelData = b"\1\2"
    whole = write(image)
    head = whole[: whole.rindex(b"OW\0\0") + 4] + SIZE.to_bytes(4, "little")
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "big.dcm").open("wb") as file:
        file.write(head)
        file.truncate(len(head) + SIZE)  # pixels that take no room
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "in"), str(tmp_path / "out")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (made,) = (tmp_path / "out").rglob("*.dcm")
    size = made.stat().st_size
    made.unlink()
    assert "deidentified" in told
    assert size > SIZE
    assert int(told.split()[-1]) < 400_000
