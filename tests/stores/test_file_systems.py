"""SQLite's place is judged from the mount table: every network file system is refused, with the reason."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.verdict import Gravity
from fivesafes.stores import file_systems
from fivesafes.stores.file_systems import Mount, bsd_mounts, judge_place, linux_mounts

LINUX = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:40 / /home rw shared:1 - nfs4 server:/home rw,vers=4.2
31 27 0:41 / /mnt/lab\\040share rw - cifs //server/lab rw
32 27 0:42 / /scratch rw - lustre mgs@tcp:/scratch rw
33 30 254:1 / /home/local rw - xfs /dev/vdb rw
34 27 0:43 / /new rw - fuse.brandnew brandnew rw
35 27 254:2 / /odd rw - oddfs /dev/vdc rw
36 27 0:44 / /private rw - fuse.gocryptfs /home/me/.cipher rw
37 27 0:45 / /secret rw - fuse.gocryptfs /var/cipher rw
38 27 0:46 / /loop rw - fuse.bindfs /loop/loop rw
rubbish
"""


def place(path: str, table: str = LINUX) -> tuple[Gravity, str]:
    """Judge a path on the made-up machine."""
    verdict = judge_place(Path(path), linux_mounts(table))
    return verdict.gravity, verdict.findings[0].why if verdict.findings else ""


@pytest.mark.parametrize("path", ["/srv/haven", "/home/local/haven", "/secret/haven", "/"])
def test_a_disk_of_this_machine_passes_without_a_word(path: str) -> None:
    """The deepest mount decides, and an encrypted folder is where its encrypted files are."""
    assert place(path) == (Gravity.NOTE, "")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/home/me/haven", "NFS"),
        ("/mnt/lab share/haven", "SMB (CIFS)"),
        ("/scratch/haven", "Lustre"),
        ("/private/haven", "NFS"),
        ("/new/haven", "on no disk that this machine can see"),
        ("/loop/haven", "on no disk that this machine can see"),
    ],
)
def test_what_another_machine_can_write_to_is_refused_with_its_name(path: str, named: str) -> None:
    """Network file systems, encrypted folders on one, and what nobody knows and no disk is behind."""
    gravity, why = place(path)
    assert gravity is Gravity.REFUSE
    assert named in why


def test_an_unknown_type_on_a_disk_is_told_and_passes() -> None:
    """The kernel names a block device: that is evidence, and the note says what to look at."""
    gravity, why = place("/odd/haven")
    assert gravity is Gravity.NOTE
    assert "oddfs" in why


KINDS = [kind for kinds in file_systems._SHARED.values() for kind in kinds.split()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("device", ["0:50", "8:1"])
def test_each_kind_that_machines_share_is_refused(kind: str, device: str) -> None:
    """Also where the kernel shows a disk behind it: cluster file systems are on disks that several machines see."""
    table = f"27 1 254:0 / / rw - ext4 /dev/vda rw\n40 27 {device} / /haven rw - {kind} source rw\n"
    assert place("/haven/here", table)[0] is Gravity.REFUSE


@given(kind=st.text("abcdefghijklmnop.0123456789", min_size=1), device=st.sampled_from(["0:1", "0:99"]))
def test_without_a_disk_only_known_kinds_pass(kind: str, device: str) -> None:
    """Whatever a future file system is called, absence of evidence refuses."""
    table = f"40 1 {device} / / rw - {kind} source rw\n"
    passes = place("/haven", table)[0] is not Gravity.REFUSE
    assert passes == (kind in file_systems._LOCAL)


def test_of_two_mounts_on_one_point_the_later_counts() -> None:
    """It covers the earlier one."""
    table = LINUX + "50 27 0:60 / /srv rw - ext4 /dev/vdd rw\n51 50 0:61 / /srv rw - nfs server:/srv rw\n"
    assert place("/srv/haven", table)[0] is Gravity.REFUSE


def test_macs_say_whether_a_disk_is_local() -> None:
    """The flag that their mount table has; what lacks it is refused, and so is a network mount that claims it."""
    table = bsd_mounts(
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
        "/dev/disk4s1 on /Volumes/Stick (exfat, local, nodev)\n"
        "//me@server/lab on /Volumes/lab (smbfs, nodev, nosuid, mounted by me)\n"
        "host:/x on /Volumes/odd (nfs, local)\n"
        "map auto_home on /System/Volumes/Data/home (autofs, automounted)\n"
    )
    assert not judge_place(Path("/Users/me/haven"), table).refuses
    assert not judge_place(Path("/Volumes/Stick/haven"), table).refuses
    for path in ("/Volumes/lab/haven", "/Volumes/odd/haven", "/System/Volumes/Data/home/haven"):
        assert judge_place(Path(path), table).refuses


def test_a_system_without_a_mount_table_is_told_so() -> None:
    """Nobody knows: it passes with a note that says what to make sure of."""
    verdict = judge_place(Path("/haven"), [])
    assert [one.code for one in verdict.findings] == ["setting.database.place_unseen"]


def test_a_path_under_no_mount_is_refused() -> None:
    """A table without a root tells nothing of the path."""
    only = [Mount(point=Path("/elsewhere"), kind="ext4", source="/dev/vda", block=True)]
    assert judge_place(Path("/haven"), only).refuses


def test_this_machine_can_be_judged(tmp_path: Path) -> None:
    """The real table is read; tests run on a disk of their own machine."""
    assert not judge_place(tmp_path / "not yet there").refuses
