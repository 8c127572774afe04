"""What a folder lies on: its mount, and whether all of what is below it is encrypted, as the kernel shows it."""

import os
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.setting.audit.look import Found, Look, asked, no, unknown, worst, yes
from fivesafes.setting.audit.machine import Machine
from fivesafes.setting.model import State

WALK: Final = "walk of /sys/dev/block"
_ENCRYPTS: Final = (
    "CRYPT-LUKS1-", "CRYPT-LUKS2-", "CRYPT-PLAIN-", "CRYPT-TCRYPT-", "CRYPT-LOOPAES-", "CRYPT-BITLK-", "CRYPT-FVAULT2-",
)  # fmt: skip
"""What dm/uuid begins with for layers that encrypt; CRYPT-VERITY and CRYPT-INTEGRITY only check."""
_IN_MEMORY: Final = {"tmpfs", "ramfs"}
_NETWORK: Final = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.rclone",
    "fuse.s3fs", "fuse.gcsfuse", "9p", "ceph", "fuse.ceph", "afs", "beegfs", "gpfs",
    "davfs", "fuse.davfs", "ncpfs", "pvfs2",
}  # fmt: skip
_LOCAL: Final = {
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "bcachefs", "overlay", "tmpfs", "ramfs", "vfat",
    "exfat", "ntfs", "ntfs3", "reiserfs", "nilfs2", "ufs",
}  # fmt: skip
_DEEPEST: Final = 32


@frozen(kw_only=True)
class Mount:
    """One line of the mount table."""

    point: Path
    device: str
    kind: str
    source: str
    root: str
    options: frozenset[str]


def mounts(machine: Machine) -> list[Mount]:
    """Read the mount table (proc_pid_mountinfo(5)).  Raises OSError when there is none."""
    table = []
    for line in machine.text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        before, after = left.split(), right.split()
        if len(before) < 6 or len(after) < 2:  # noqa: PLR2004 - the fields that every line has
            continue
        options = frozenset((*before[5].split(","), *(after[2].split(",") if len(after) > 2 else ())))  # noqa: PLR2004 - as above
        table.append(
            Mount(
                point=Path(_plain(before[4])),
                device=before[2],
                kind=after[0],
                source=_plain(after[1]),
                root=before[3],
                options=options,
            )
        )
    return table


def _plain(word: str) -> str:
    """Undo the table's octal escapes of space, tab, newline and backslash."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, sign)
    return word


def mount_of(machine: Machine, folder: Path) -> Mount | None:
    """Find the mount that a folder lies on: the longest mount point above it, and of two the later."""
    best = None
    target = folder.resolve()
    for mount in mounts(machine):
        if target.is_relative_to(mount.point) and (best is None or len(mount.point.parts) >= len(best.point.parts)):
            best = mount
    return best


def mounts_below(machine: Machine, folder: Path) -> list[Mount]:
    """Find what is mounted somewhere in a folder: data lie there too; of two at one point the later hides the other."""
    target = folder.resolve()
    found = {m.point: m for m in mounts(machine) if m.point != target and m.point.is_relative_to(target)}
    return list(found.values())


def local_disk(look: Look) -> Found:
    """Look whether the file system of each data folder, and each one mounted in it, is one of this machine's."""
    how = "mount table"
    parts = [_local(mount, how) for folder in look.data for mount in _all_of(look.machine, folder)]
    return worst(parts, nothing="no data folder is given")


def _all_of(machine: Machine, folder: Path) -> list[Mount | None]:
    return [mount_of(machine, folder), *mounts_below(machine, folder)]


def _local(mount: Mount | None, how: str) -> Found:
    if mount is None:
        return unknown(how, "the folder's mount is not in the table")
    if mount.kind in _NETWORK:
        return no(how, f"file system {mount.kind}")
    if mount.kind in _LOCAL:
        return yes(how, f"file system {mount.kind}")
    return unknown(how, f"file system {mount.kind}, which may come over a network")


def encrypted(look: Look, folder: Path) -> Found:
    """Look whether all devices below a folder's file system, and those mounted in it, are encrypted by dm-crypt."""
    machine = look.machine
    below = [_by_walk(machine, _device_of(machine, mount)) for mount in mounts_below(machine, folder)]
    return worst([_by_walk(machine, _device(machine, folder)), *below])


def _by_walk(machine: Machine, start: Path | None) -> Found:
    if start is None:
        return unknown(WALK, "the device is not visible")
    if _all_crypt(machine, start, 0):
        return yes(WALK, "dm-crypt")
    return unknown(WALK, "no dm-crypt layer seen below it")


def encrypted_disk(look: Look) -> Found:
    """Look below each data folder and what is mounted in it, by programs too where the /sys walk finds nothing."""
    parts = [part for folder in look.data for part in _encrypted_by_any(look, folder)]
    return worst(parts, nothing="no data folder is given")


def _encrypted_by_any(look: Look, folder: Path) -> list[Found]:
    machine = look.machine
    top = _or_zfs(look, _by_walk(machine, _device(machine, folder)), mount_of(machine, folder))
    below = mounts_below(machine, folder)
    return [top, *(_or_zfs(look, _by_walk(machine, _device_of(machine, one)), one) for one in below)]


def _or_zfs(look: Look, found: Found, mount: Mount | None) -> Found:
    if found.state is State.YES or mount is None:
        return found
    if mount.kind in _IN_MEMORY:
        return _in_memory(look, mount)
    if mount.kind != "zfs":
        return found
    how = "zfs get encryption"
    said = asked(look, ("zfs", "get", "-H", "-o", "value", "encryption", mount.source)).printed.strip()
    if said.startswith("aes-"):
        return yes(how, f"zfs {said}")
    return (
        unknown(how, "the ZFS data set is not encrypted") if said == "off" else unknown(how, "zfs said nothing known")
    )


def encrypted_backup(look: Look) -> Found:
    """Look below each declared backup folder."""
    folders = look.declared.backup_folders
    if not folders:
        return unknown("declaration", "no backup folder is declared")
    return worst([part for folder in folders for part in _encrypted_by_any(look, folder)])


def encrypted_swap(look: Look) -> Found:
    """Look at each swap area: none, compressed memory without a disk behind it, or below it all encrypted."""
    how = "/proc/swaps"
    lines = look.machine.text("/proc/swaps").splitlines()
    if not lines or not lines[0].startswith("Filename"):
        return unknown(how, "the table of swap areas is not readable")
    areas = [line.split()[0] for line in lines[1:] if line.strip()]
    if not areas:
        return yes(how, "no swap")
    return worst([_swap_area(look, _plain(area)) for area in areas])


def _swap_area(look: Look, area: str) -> Found:
    machine, how = look.machine, f"/proc/swaps, {WALK}"
    name = machine.path(area).resolve().name
    start: Path | None = machine.path("/sys/class/block") / name
    if start is None or not start.exists():  # a file: what counts is the disk below its folder
        path = machine.path(area)
        start = _device(machine, path.parent) if path.exists() else None
    if start is None:
        return unknown(how, "a swap area whose device is not visible")
    if name.startswith("zram"):
        behind = start.resolve() / "backing_dev"
        plain = not behind.exists() or behind.read_text(encoding="ascii", errors="replace").strip() == "none"
        return yes(how, "swap in compressed memory") if plain else no(how, "compressed swap with a disk behind it")
    if _all_crypt(machine, start, 0):
        return yes(how, "swap on dm-crypt")
    return no(how, "swap on a disk without dm-crypt")


def encrypted_temp(look: Look) -> Found:
    """Look at the folder for temporary files: in memory (then swap decides), or on an encrypted disk."""
    if look.temp is None:
        return unknown("mount table", "no temporary folder is known")
    mount = mount_of(look.machine, look.temp)
    if mount is None or mount.kind not in _IN_MEMORY:
        return encrypted(look, look.temp)
    return _in_memory(look, mount)


def _in_memory(look: Look, mount: Mount) -> Found:
    swap = encrypted_swap(look)
    if swap.state is State.YES:
        return yes(f"mount table; {swap.how}", f"{mount.kind}; {swap.seen}")
    return Found(swap.state, f"mount table; {swap.how}", f"{mount.kind}, which goes to swap: {swap.seen}")


def _device(machine: Machine, folder: Path) -> Path | None:
    """Find the /sys entry of a folder's device; file systems with numbers of their own are found by their source."""
    number = folder.stat().st_dev
    entry = machine.path("/sys/dev/block") / f"{os.major(number)}:{os.minor(number)}"
    if entry.exists():
        return entry
    mount = mount_of(machine, folder)
    return None if mount is None else _by_source(machine, mount)


def _device_of(machine: Machine, mount: Mount) -> Path | None:
    """Find the /sys entry of a mount's device by the number in the table: a folder there may be closed to us."""
    entry = machine.path("/sys/dev/block") / mount.device
    return entry if entry.exists() else _by_source(machine, mount)


def _by_source(machine: Machine, mount: Mount) -> Path | None:
    if not mount.source.startswith("/dev/"):
        return None
    named = machine.path("/sys/class/block") / machine.path(mount.source).resolve().name
    return named if named.exists() and mount.kind != "btrfs" else None  # btrfs may span further devices


def _all_crypt(machine: Machine, entry: Path, depth: int) -> bool:
    """Tell whether every way from a block device down to hardware leads through a layer that encrypts."""
    layer = entry.resolve()
    uuid = layer / "dm" / "uuid"
    if uuid.exists() and uuid.read_text(encoding="ascii", errors="replace").startswith(_ENCRYPTS):
        return True
    if depth > _DEEPEST:
        return False
    slaves = layer / "slaves"
    below = sorted(slaves.iterdir()) if slaves.is_dir() else []
    if not below and (layer / "partition").exists():
        below = [layer.parent]
    behind = layer / "loop" / "backing_file"
    if not below and behind.exists():
        file = machine.path(behind.read_text(encoding="utf-8", errors="replace").strip())
        device = _device(machine, file) if file.exists() else None
        below = [] if device is None else [device]
    return bool(below) and all(_all_crypt(machine, part, depth + 1) for part in below)
