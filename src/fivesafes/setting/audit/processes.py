"""Looks at processes: with what rights the services run, what they hand down, and what a container lets out."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fivesafes.setting.audit import place
from fivesafes.setting.audit.disks import mount_of, mounts
from fivesafes.setting.audit.look import Found, Look, NotSeen, no, unknown, worst, yes
from fivesafes.setting.audit.machine import Machine

_SERVICE_VERBS: Final = {"serve", "worker", "receive"}
_OURS: Final = {"fivesafes", "fivesafes.exe"}
_UMASK: Final = 0o077
_METADATA: Final = (("169.254.169.254", 80), ("fd00:ec2::254", 80))
_METADATA_SECONDS: Final = 0.4
_STRONG: Final = {
    2: "DAC_READ_SEARCH", 12: "NET_ADMIN", 16: "SYS_MODULE", 17: "SYS_RAWIO", 19: "SYS_PTRACE", 21: "SYS_ADMIN",
}  # fmt: skip
"""Capabilities (capability.h) that let a process look out of its container; an engine's default set has none."""


def services(look: Look) -> list[int]:
    """Find the services: our own long-running verbs, and the programs that are declared.

    Raises NotSeen where processes are hidden, and OSError for one that may not be read: it might be a service.
    """
    machine, how, found = look.machine, "/proc", []
    hidden = [m for m in mounts(machine) if m.kind == "proc" and any(o.startswith("hidepid=") for o in m.options)]
    if hidden and os.geteuid() != 0:
        raise NotSeen(how, "other accounts' processes are hidden here (hidepid): look as root")
    for pid in machine.processes():
        try:
            words = machine.text(f"/proc/{pid}/cmdline").split("\0")
            name = machine.text(f"/proc/{pid}/comm").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if name in look.declared.services or _is_service([word for word in words if word], look.declared.services):
            found.append(pid)
    return found


def _is_service(words: list[str], declared: tuple[str, ...]) -> bool:
    names = [Path(word).name for word in words[:3]]
    if names and any(name in declared for name in names):
        return True
    ours = next((place for place, name in enumerate(names) if name in _OURS), None)
    module = next(
        (place for place, word in enumerate(words) if word == "-m" and words[place + 1 : place + 2] == ["fivesafes"]),
        None,
    )
    start = ours if ours is not None else (module + 1 if module is not None else None)
    return start is not None and bool(_SERVICE_VERBS & set(words[start + 1 : start + 3]))


def _status(machine: Machine, process: int | str) -> Mapping[str, str]:
    lines = machine.text(f"/proc/{process}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def service_unprivileged(look: Look) -> Found:
    """Look at user, capabilities and NoNewPrivs of each running service."""
    how = "/proc/PID/status"
    running = services(look)
    if not running:
        return unknown(how, "no service runs; start it, or name its program under services in the declaration")
    return worst([_unprivileged(_status(look.machine, pid), how, len(running)) for pid in running])


def _unprivileged(status: Mapping[str, str], how: str, count: int) -> Found:
    try:
        users = {int(word) for word in status["Uid"].split()}
        capabilities = int(status["CapEff"], 16) | int(status["CapPrm"], 16)
        locked = status["NoNewPrivs"] == "1"
    except (KeyError, ValueError):
        return unknown(how, "the status of a service can't be read")
    faults = [
        word
        for word, wrong in (
            ("runs as root", 0 in users or not users),
            ("has capabilities", capabilities != 0),
            ("may gain privileges", not locked),
        )
        if wrong
    ]
    return no(how, f"a service {', '.join(faults)}") if faults else yes(how, f"services looked at: {count}")


def _processes(look: Look) -> list[int | str]:
    return ["self", *services(look)]


def umask_private(look: Look) -> Found:
    """Look at the umask of this process and of each service."""
    how, own = "Umask in /proc/PID/status", look.machine.own_umask
    parts = [_umask(_status(look.machine, pid), how) for pid in services(look)]
    return worst([_umask(_status(look.machine, "self"), how) if own is None else _private(own, how), *parts])


def _umask(status: Mapping[str, str], how: str) -> Found:
    try:
        mask = int(status["Umask"], 8)
    except (KeyError, ValueError):
        return unknown(how, "the kernel does not tell the umask")
    return _private(mask, how)


def _private(mask: int, how: str) -> Found:
    return (yes if mask & _UMASK == _UMASK else no)(how, f"umask {mask:04o}")


def no_core_dumps(look: Look) -> Found:
    """Look at the limit of this process and, where processes can be seen, of each service."""
    own = place.no_core_dumps(look)
    try:
        running = services(look)
    except NotSeen:  # it is asked of this process; the services' are looked at beside
        return own
    return worst([own, *(_core_limit(look, pid) for pid in running)])


def _core_limit(look: Look, pid: int) -> Found:
    how = "/proc/PID/limits"
    try:
        found = re.search(r"^Max core file size +(\S+)", look.machine.text(f"/proc/{pid}/limits"), re.MULTILINE)
    except PermissionError:
        found = None
    if found is None or not (found[1].isdecimal() or found[1] == "unlimited"):
        return unknown(how, "the limits of a service can't be read")
    return place.dumps_under(look, int(found[1]) if found[1].isdecimal() else -1)


def private_temp(look: Look) -> Found:
    """Look whether others may enter the folder for temporary files; a mount of this process's own keeps them out."""
    how = "stat of the temporary folder"
    if look.temp is None:
        return unknown(how, "no temporary folder is known")
    mode = stat.S_IMODE(look.temp.stat().st_mode)
    if mode & _UMASK == 0:
        return yes(how, f"mode {mode:04o}")
    mount = mount_of(look.machine, look.temp)
    if mount is not None and mount.point == look.temp.resolve() and "systemd-private-" in mount.root:
        return yes("mount table", "a mount of its own (PrivateTmp)")
    return no(how, f"mode {mode:04o}, shared with every account")


_SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|PGPASSWORD|SECRET|TOKEN|CREDENTIALS?|(?:API|PRIVATE|SECRET|ACCESS|SIGNING)_?KEY)(?:_|$)",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(r"AGE-SECRET-KEY-1|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@")
_POINTS: Final = ("/", "~", "file:")  # a path to a secret is not the secret


def no_secrets_in_environment(look: Look) -> Found:
    """Look for variables that hold secrets, in this process and each service; values are never shown."""
    how = "/proc/PID/environ"
    return worst([_environment(look.machine, process, how) for process in _processes(look)])


def _environment(machine: Machine, process: int | str, how: str) -> Found:
    try:
        raw = machine.text(f"/proc/{process}/environ")
    except PermissionError:
        return unknown(how, "the environment of a service can be read by its own account and root only")
    names = []
    for entry in raw.split("\0"):
        name, equals, value = entry.partition("=")
        if equals and value and _is_secret(name, value):
            names.append(name if re.fullmatch(r"[A-Z0-9_]{1,40}", name) else "a variable")
    if names:
        return no(how, f"looks like a secret: {', '.join(sorted(set(names)))}")
    return yes(how, "no variable looks like a secret")


def _is_secret(name: str, value: str) -> bool:
    if _SECRET_VALUE.search(value):
        return True
    pointed = value.startswith(_POINTS) or name.upper().endswith(("_FILE", "_PATH", "_DIR"))
    return bool(_SECRET_NAME.search(name)) and not pointed


def container_confined(look: Look) -> Found:
    """Look whether this is a container, and then at its capabilities and its root."""
    machine, how = look.machine, "/proc/1, /proc/self, mount table"
    marks = [
        mark for mark in ("/.dockerenv", "/run/.containerenv", "/run/systemd/container") if machine.path(mark).exists()
    ]
    groups = machine.text("/proc/1/cgroup")
    if re.search(r"docker|containerd|kubepods|libpod|lxc|machine\.slice", groups):
        marks.append("control group")
    if not marks:
        first = machine.text("/proc/1/comm").strip()
        if first in {"systemd", "init"}:
            return yes(how, f"no container: the first process is {first}")
        return unknown(how, "the first process is no init, and nothing marks a container")
    capabilities = int(_status(machine, "self")["CapEff"], 16)
    strong = [name for bit, name in _STRONG.items() if capabilities >> bit & 1]
    root = next((mount for mount in reversed(mounts(machine)) if mount.point == Path("/")), None)
    faults = [f"may {', '.join(strong)}"] if strong else []
    if root is None or "ro" not in root.options:
        faults.append("its root can be written to")
    return no(how, f"a container that {'; '.join(faults)}") if faults else yes(how, "a confined container")


def metadata_unreachable(look: Look) -> Found:
    """Try to connect to a cloud's metadata service; no request is made, because the answer would be credentials."""
    how = "connection without any request"
    for host, port in _METADATA:
        if look.machine.connects(host, port, _METADATA_SECONDS):
            return no(how, "the metadata service of a cloud answers this account")
    return yes(how, f"nothing answers there within {_METADATA_SECONDS:g} s")
