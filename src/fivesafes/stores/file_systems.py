"""Says whether a folder lies on a disk of this machine.

SQLite with a write-ahead log keeps an index that all its processes share as memory, and relies on file locks
(sqlite.org/wal.html, sqlite.org/howtocorrupt.html §2.1).  Neither reaches a second machine, so on a file system that
another machine can write to at the same time the database is damaged sooner or later.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.verdict import Verdict, note, refuse

_OWN: Final = "apfs bcachefs btrfs ext2 ext3 ext4 f2fs hfs jfs nilfs2 overlay ramfs reiserfs tmpfs ufs xfs zfs"
_LOCAL: Final = frozenset(_OWN.split())

_SHARED: Final = {
    "NFS": "nfs nfs4",
    "SMB (CIFS)": "cifs smb2 smb3 smbfs fuse.smbnetfs",
    "Lustre": "lustre",
    "GPFS (Storage Scale)": "gpfs",
    "CephFS": "ceph fuse.ceph fuse.ceph-fuse",
    "GlusterFS": "glusterfs fuse.glusterfs",
    "SSHFS": "sshfs fuse.sshfs macfuse_sshfs",
    "BeeGFS": "beegfs fhgfs",
    "AFS": "afs openafs auristorfs kafs",
    "OrangeFS": "pvfs2 orangefs",
    "PanFS": "panfs",
    "Weka": "wekafs",
    "MooseFS": "moosefs fuse.mfs fuse.moosefs fuse.lizardfs",
    "JuiceFS": "fuse.juicefs",
    "Quobyte": "fuse.quobyte",
    "a cluster file system": "gfs gfs2 ocfs2 acfs cvfs",
    "Coda": "coda",
    "WebDAV": "davfs webdav fuse.davfs fuse.davfs2",
    "an object store as a folder": "fuse.s3fs fuse.goofys fuse.rclone fuse.gcsfuse fuse.mount-s3 fuse.blobfuse2",
    "a folder of another machine or of the host (9p)": "9p drvfs",
    "a folder of the host": "virtiofs vboxsf fuse.vmhgfs-fuse vmhgfs prl_fs fuse.grpcfuse fuse.osxfs",
    "AppleShare": "afpfs ncpfs",
}

_KINDS: Final = {kind: name for name, kinds in _SHARED.items() for kind in kinds.split()}

_STACKED: Final = frozenset({"ecryptfs", "fuse.bindfs", "fuse.gocryptfs"})
"""Lie on another folder, which the mount table names as their source."""

_DEPTH: Final = 8
_SOURCE: Final = "sqlite.org/howtocorrupt.html, section 2.1"
_FIX: Final = (
    "put the haven on a disk of this machine, or give it a PostgreSQL database (docs/how-to/use-postgresql.md)"
)


@frozen(kw_only=True)
class Mount:
    """One line of the mount table; ``block`` says that it lies on a disk as the kernel sees it."""

    point: Path
    kind: str
    source: str
    block: bool


def judge_place(path: Path, mounts: Iterable[Mount] | None = None) -> Verdict:
    """Judge whether a SQLite database may lie here; the path need not exist yet.

    A type that is not known is decided by evidence: one on a block device is local, and told; one without (FUSE, a
    network, a virtual machine's host) can't be known to belong to this machine alone, and absence refuses.
    """
    table = tuple(mounts) if mounts is not None else _mounts()
    if not table:
        return note(
            "setting.database.place_unseen",
            why="this system has no mount table to read, so nobody knows whether the disk is of this machine",
            fix="make sure that the haven's folder is on no network share",
            source=_SOURCE,
        )
    found = _under(path, table)
    if found is None:
        return _refused("no mount holds its folder", fix=_FIX)
    if found.kind in _LOCAL or found.kind.endswith(", local"):
        return Verdict()
    if name := _KINDS.get(found.kind):
        return _refused(f"its folder lies on {name}, which other machines can write to", fix=_FIX)
    if found.block:
        return note(
            "setting.database.place_unknown",
            why=f"its file system ({found.kind}) is not one that we know, but it is on a disk of this machine",
            fix="make sure that no other machine mounts the same disk",
            source=_SOURCE,
        )
    return _refused(f"its file system ({found.kind}) is on no disk that this machine can see", fix=_FIX)


def _refused(why: str, *, fix: str) -> Verdict:
    return refuse("setting.database.place", why=f"SQLite can't be kept here: {why}", fix=fix, source=_SOURCE)


def _under(path: Path, mounts: tuple[Mount, ...], depth: int = 0) -> Mount | None:
    """Find the mount that holds a path: the longest point above it; of equal ones, the last mounted covers the rest."""
    place = path.resolve()
    found: Mount | None = None
    for mount in mounts:
        if place.is_relative_to(mount.point) and (found is None or len(mount.point.parts) >= len(found.point.parts)):
            found = mount
    if found is not None and found.kind in _STACKED and found.source.startswith("/") and depth < _DEPTH:
        return _under(Path(found.source), mounts, depth + 1)
    return found


def _mounts() -> tuple[Mount, ...]:
    linux = Path("/proc/self/mountinfo")
    if linux.exists():
        return linux_mounts(linux.read_text(encoding="utf-8", errors="surrogateescape"))
    if sys.platform == "darwin" or "bsd" in sys.platform:
        done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=10, check=False)
        return bsd_mounts(done.stdout)
    return ()


def linux_mounts(table: str) -> tuple[Mount, ...]:
    """Read ``/proc/self/mountinfo`` (proc(5)): id, parent, device, root, point, options, …, ``-``, kind, source."""
    found = []
    for line in table.splitlines():
        before, dash, after = line.partition(" - ")
        places, kinds = before.split(" "), after.split(" ")
        if not dash or len(places) < 5 or len(kinds) < 2:  # noqa: PLR2004 - columns of proc(5)
            continue
        found.append(
            Mount(
                point=Path(_plain(places[4])),
                kind=kinds[0],
                source=_plain(kinds[1]),
                block=not places[2].startswith("0:"),  # major 0: no device behind it
            )
        )
    return tuple(found)


def bsd_mounts(printed: str) -> tuple[Mount, ...]:
    """Read what ``mount`` prints on macOS and the BSDs: ``source on point (kind, local, …)``."""
    found = []
    for line in printed.splitlines():
        if match := re.fullmatch(r"(.+) on (/.*) \(([^()]+)\)", line):
            kind, *flags = match[3].split(", ")
            named = f"{kind}, local" if "local" in flags and kind not in _KINDS else kind
            found.append(Mount(point=Path(match[2]), kind=named, source=match[1], block=False))
    return tuple(found)


def _plain(word: str) -> str:
    """Undo the table's octal escapes (space, tab, newline, backslash)."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), word)
