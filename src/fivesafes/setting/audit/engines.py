"""Looks at container engines' sockets: who may command an engine of the machine is root on it."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fivesafes.setting.audit.look import Found, Look, no, unknown, worst, yes
from fivesafes.setting.audit.machine import Machine

_HOW: Final = "stat of the engines' sockets, /etc/group, /etc/passwd"
_SOCKETS: Final = (
    "/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock",
    "/run/crio/crio.sock", "/run/buildkit/buildkitd.sock", "/run/k3s/containerd/containerd.sock",
    "/var/lib/incus/unix.socket", "/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket",
)  # fmt: skip
_OF_USERS: Final = "/run/user"
_ROOTLESS: Final = ("docker.sock", "podman/podman.sock", "buildkit/buildkitd.sock", "containerd/containerd.sock")
_LOCAL_NAMES: Final = {"files", "systemd", "compat", "db"}
_GROUP_CELLS: Final = 4
_PASSWD_CELLS: Final = 7


def no_container_socket(look: Look) -> Found:
    """Look whether anybody but root may command a container engine, one of their own (rootless) too."""
    machine = look.machine
    machine.path("/run").stat()  # where even /run can't be seen, nothing was looked at
    sockets = [path for path in map(machine.path, _SOCKETS) if path.exists()]
    inside = machine.path("/.dockerenv").exists() or machine.path("/run/.containerenv").exists()
    if sockets and inside:
        return no(_HOW, "an engine's socket lies inside this container")
    parts = [*(_socket(machine, path) for path in sockets), *_rootless(machine)]
    return worst(parts) if parts else yes(_HOW, "no engine's socket is there")


def _rootless(machine: Machine) -> Iterator[Found]:
    """Look into each account's folder of sockets; one that may not be entered was not looked at."""
    folder = machine.path(_OF_USERS)
    for path in (own / name for own in (sorted(folder.iterdir()) if folder.is_dir() else ()) for name in _ROOTLESS):
        try:
            path.stat()
        except FileNotFoundError:
            continue
        except OSError:
            yield unknown(_HOW, "another account's folder of sockets may not be entered: look as root")
        else:
            yield no(_HOW, "an account may command an engine of its own (rootless)")


def _socket(machine: Machine, path: Path) -> Found:
    status = machine.status(path)
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IWOTH:
        return no(_HOW, "every account may command the container engine")
    if status.st_uid != 0 and mode & stat.S_IWUSR:
        return no(_HOW, "an account that is not root owns the container engine's socket")
    if status.st_gid == 0 or not mode & stat.S_IWGRP:
        return yes(_HOW, "only root may command the container engine")
    members = _members(machine, status.st_gid)
    if members:
        return no(_HOW, f"{len(members)} accounts may command the container engine and so are root")
    if _named_elsewhere(machine):
        return unknown(_HOW, "a directory service names accounts too: who is in the engine's group can't be told")
    return yes(_HOW, "nobody but root is in the group that may command the container engine")


def _members(machine: Machine, group: int) -> set[str]:
    """List who is in a group: named in it, or with it as their own (passwd(5))."""
    found: set[str] = set()
    for cells in _rows(machine, "/etc/group", _GROUP_CELLS):
        if cells[2] == str(group):
            found |= {name for name in cells[3].split(",") if name}
    found |= {cells[0] for cells in _rows(machine, "/etc/passwd", _PASSWD_CELLS) if cells[3] == str(group)}
    return found - {cells[0] for cells in _rows(machine, "/etc/passwd", _PASSWD_CELLS) if cells[2] == "0"}


def _rows(machine: Machine, path: str, cells: int) -> list[list[str]]:
    rows = [line.split(":") for line in machine.text(path).splitlines()]
    return [row for row in rows if len(row) == cells]


def _named_elsewhere(machine: Machine) -> bool:
    """Tell whether accounts or groups come from elsewhere too (nsswitch.conf(5)); without the file, from files."""
    if not machine.path("/etc/nsswitch.conf").exists():
        return False
    for line in machine.text("/etc/nsswitch.conf").splitlines():
        about, _, sources = line.partition("#")[0].partition(":")
        names = {word for word in sources.split() if not word.startswith("[")}
        if about.strip() in {"passwd", "group"} and not names <= _LOCAL_NAMES:
            return True
    return False
