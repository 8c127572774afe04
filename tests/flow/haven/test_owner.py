"""Whether a worker still lives: known for processes of this machine, and of no other; never guessed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fivesafes.flow.haven.owner import Owner, Standing, standing_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells of Linux' /proc")

NAMES_ITSELF = """
import sys
from fivesafes.flow.haven.owner import Owner
print(Owner.here().name(), flush=True)
sys.stdin.read()
"""


def test_a_process_knows_itself_as_alive_and_no_two_names_are_equal() -> None:
    """The name says host, boot, process and its start; chance makes it one that was never used."""
    owner = Owner.here()
    assert standing_of(owner.name()) is Standing.ALIVE
    assert owner.name() != owner.name()
    assert len(owner.name()) <= 120
    assert Owner.read(owner.name()) == owner


def test_a_process_that_was_killed_is_gone_also_before_its_parent_has_noticed() -> None:
    """Alive while it lives, gone as a zombie, gone when it is buried."""
    process = subprocess.Popen(
        [sys.executable, "-c", NAMES_ITSELF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert standing_of(name) is Standing.ALIVE
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert standing_of(name) is Standing.GONE
        process.wait()
        assert standing_of(name) is Standing.GONE


def changed(part: int, value: str) -> str:
    """Give this process's name with one part changed: host, boot, process id, start."""
    parts = Owner.here().name().split("/")
    parts[part] = value
    return "/".join(parts)


def test_a_process_id_that_was_given_to_another_process_is_not_the_worker() -> None:
    """The start time tells them apart."""
    assert standing_of(changed(3, "1")) is Standing.GONE


@pytest.mark.parametrize(
    "name",
    [
        changed(0, "another-host"),
        changed(1, "0123456789ab.4026531836"),
        changed(1, ""),
        changed(2, "0"),
        changed(2, "-1"),
        changed(2, "9" * 30),
        changed(2, "x"),
        "w1",
        "",
    ],
    ids=["host", "boot", "no boot", "zero", "negative", "huge", "no number", "another form", "nobody"],
)
def test_of_others_nothing_is_known(name: str) -> None:
    """Another machine's, another boot's or a name of another form: only the lease counts."""
    assert standing_of(name) is Standing.UNKNOWN


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    """On systems that have none only the lease counts, for every worker."""
    owner = Owner.here(tmp_path)
    assert owner.boot == ""
    assert standing_of(owner.name(), tmp_path) is Standing.UNKNOWN


def test_a_living_process_that_hides_when_it_began_is_not_declared_dead(tmp_path: Path) -> None:
    """As where /proc is mounted with hidepid: the process is there, its folder is not."""
    real = Path("/proc")
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_bytes((real / "sys/kernel/random/boot_id").read_bytes())
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to((real / "self/ns/pid").readlink())
    (tmp_path / "self/stat").write_bytes((real / "self/stat").read_bytes())
    name = Owner.here().name()
    assert Owner.here(tmp_path) == Owner.here()
    assert standing_of(name, tmp_path) is Standing.UNKNOWN
