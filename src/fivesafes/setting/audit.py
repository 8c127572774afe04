"""Finds out about the place where the private part of a run lies; without root, and unknown where it can't see."""

import os
import stat
from pathlib import Path
from typing import Final

from fivesafes.setting.model import Fact, State

CONTROLS: Final = ("private_folder", "encrypted_disk", "local_disk", "no_core_dumps", "iso27001")
"""Every control that can be asked of a place; ``iso27001`` can only be attested."""

_NETWORK_FILE_SYSTEMS: Final = {"nfs", "nfs4", "cifs", "smb3", "lustre", "glusterfs", "fuse.sshfs", "9p", "ceph"}


def collect(folder: Path) -> tuple[Fact, ...]:
    """Look at the place of ``folder`` (which exists): modes, disk, core dumps."""
    return (_private(folder), _encrypted(folder), _local(folder), _core_dumps())


def _private(folder: Path) -> Fact:
    mode = stat.S_IMODE(folder.stat().st_mode)
    state = State.YES if mode & 0o077 == 0 else State.NO
    return Fact(control="private_folder", state=state, how="stat", seen=f"mode {mode:04o}")


def _encrypted(folder: Path) -> Fact:
    """Walk from the file system's device down to a dm-crypt layer, as the kernel shows it."""
    how = "walk of /sys/dev/block"
    device = folder.stat().st_dev
    start = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not start.exists():
        return Fact(control="encrypted_disk", state=State.UNKNOWN, how=how, seen="the device is not visible")
    seen: set[Path] = set()
    queue = [start]
    while queue:
        layer = queue.pop().resolve()
        if layer in seen:
            continue
        seen.add(layer)
        uuid = layer / "dm" / "uuid"
        if uuid.exists() and uuid.read_text(encoding="ascii", errors="replace").startswith("CRYPT-"):
            return Fact(control="encrypted_disk", state=State.YES, how=how, seen="dm-crypt")
        slaves = layer / "slaves"
        queue += list(slaves.iterdir()) if slaves.is_dir() else []
    return Fact(control="encrypted_disk", state=State.UNKNOWN, how=how, seen="no dm-crypt layer seen below it")


def _local(folder: Path) -> Fact:
    how = "mount table"
    table = Path("/proc/self/mounts")
    if not table.exists():
        return Fact(control="local_disk", state=State.UNKNOWN, how=how)
    best, kind = Path("/"), "unknown"
    target = folder.resolve()
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        _, mount, file_system, *_ = line.split(" ")
        point = Path(mount.replace("\\040", " "))
        if target.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, file_system
    state = State.NO if kind in _NETWORK_FILE_SYSTEMS else State.YES
    return Fact(control="local_disk", state=state, how=how, seen=f"file system {kind}")


def _core_dumps() -> Fact:
    how = "resource limit"
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return Fact(control="no_core_dumps", state=State.UNKNOWN, how=how)
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    state = State.YES if soft == 0 else State.NO
    return Fact(control="no_core_dumps", state=state, how=how, seen="off" if soft == 0 else "on")
