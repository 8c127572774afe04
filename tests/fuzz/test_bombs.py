"""Files made to break their reader: each is set aside with a reason, in bounded time and memory; the rest goes on."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.fuzz.bombs import BOMBS, write_bombs
from tests.fuzz.tried import cleaned, deidentifier, looked_at

from fivesafes.data.header.malformed import Malformed
from fivesafes.flow.limits import limited

ROOT = Path(__file__).resolve().parents[2]
FAR_BELOW = {
    "many-empty-items": 6,
    "many-empty-elements": 6,
    "backslashes": 9,
    "words": 9,
    "meta-of-many": 3,
}
"""Seconds of processor time for those that are large themselves; others take no more than one."""

RUN = """
import json, re, resource, sys
from pathlib import Path
from fivesafes.core.plugins import load
from fivesafes.core.progress import Silent
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.flow.deidentify_folder import deidentify_folder
if __name__ == "__main__":
    source, into, kind = sys.argv[1:]
    done = deidentify_folder(
        Path(source), Path(into), profile=load_profile(), pseudonyms=Pseudonyms(bytes(32), "bombs"),
        executor=load("executor", kind)(2), progress=Silent(),
    )
    most = max(
        int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]),
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    )
    print(json.dumps({"peak": most // 1024, "files": {one.path: [one.status, one.code] for one in done.files}}))
"""
"""The peak of the process itself is not ``ru_maxrss``, which starts at what the process that started it had in use."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_answered_in_bounded_time(name: str, tmp_path: Path) -> None:
    """Looked at and cleaned: an answer, or a reason, and no exception but Malformed."""
    content = BOMBS[name]()
    began = time.process_time()
    for trial in (lambda: cleaned(content, deidentifier()), lambda: looked_at(content, tmp_path / "bomb")):
        try:
            limited(len(content), trial)
        except Malformed as malformed:
            assert malformed.code == "data.file.too-much"  # noqa: PT017 - anything else is a fault of ours
    assert time.process_time() - began < 2 * FAR_BELOW.get(name, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["inline", "process"])
def test_a_folder_of_bombs_costs_the_good_file_nothing(kind: str, tmp_path: Path) -> None:
    """Pipes, loops, devices and two gigabytes of nothing too: below a gigabyte, and the good file comes out."""
    (tmp_path / "in").mkdir()
    names = list(write_bombs(tmp_path / "in"))
    (tmp_path / "run.py").write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "in"), str(tmp_path / "out"), kind],
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["peak"] < 1024
    assert told["files"].pop("good") == ["deidentified", "data.file.deidentified"]
    assert sorted(told["files"]) == sorted(names)
    assert "data.file.fault" not in {code for _, code in told["files"].values()}
    assert told["files"]["pipe"][1] == "data.file.link"
    assert told["files"]["sparse"][1] == "data.file.not-dicom"
    assert told["files"]["nested-without-end"][1] == "data.file.too-deep"
    assert told["files"]["deflate-bomb"][1] == "data.file.inflates-too-far"
