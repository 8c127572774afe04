"""Looks at folders: who may enter them, what in them others may read, where keys lie, and what a crash leaves."""

import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fivesafes.setting.audit.look import Found, Look, no, unknown, worst, yes
from fivesafes.setting.model import State

_OTHERS: Final = 0o077
_ENTER: Final = 0o011
_WALK_SECONDS: Final = 3.0
_WALK_ENTRIES: Final = 300_000


def private_folder(look: Look) -> Found:
    """Look whether only the owner may enter each data folder."""
    return worst([_private(folder) for folder in look.data], nothing="no data folder is given")


def _private(folder: Path) -> Found:
    mode = stat.S_IMODE(folder.stat().st_mode)
    return (yes if mode & _OTHERS == 0 else no)("stat", f"mode {mode:04o}")


def private_contents(look: Look) -> Found:
    """Walk the data and key folders: nothing may be readable by others.

    A data folder that others can't enter keeps them out of all below it, so the walk ends there; of keys each single
    file counts, because a key that is copied takes its own mode along.  Links are told by where they lie.
    """
    how = "walk of the data and key folders"
    if not look.data:
        return unknown(how, "no data folder is given")
    until = time.monotonic() + _WALK_SECONDS
    open_ones = looked = 0
    for mode in _modes(look):
        looked += 1
        open_ones += bool(mode & _OTHERS)
        if looked >= _WALK_ENTRIES or (looked % 256 == 0 and time.monotonic() > until):
            if open_ones:
                break
            return unknown(how, f"private as far as looked, but only the first {looked} entries were")
    if open_ones:
        return no(how, f"{open_ones} of {looked} entries may be read or changed by others")
    return yes(how, f"entries looked at, until others can't enter: {looked}")


def _modes(look: Look) -> Iterator[int]:
    """Give the mode of each file and folder; a folder that can't be listed ends the walk with its OSError."""
    waiting = [(str(folder), False) for folder in look.data]
    waiting += [(str(folder), True) for folder in look.keys if folder.exists()]
    while waiting:
        folder, whole = waiting.pop()
        mode = stat.S_IMODE(os.stat(folder).st_mode)  # noqa: PTH116 - a hundred thousand Paths cost seconds
        yield mode
        if not whole and not mode & _ENTER:
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, whole))
                else:
                    yield stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)


def keys_apart(look: Look) -> Found:
    """Look whether no key folder lies in a data or backup folder, nor the other way round."""
    how = "paths of the folders"
    if not look.keys or not look.data:
        return unknown(how, "no data folder is given" if look.keys else "no key folder is known")
    if not any(folder.is_dir() for folder in look.keys):
        return unknown(how, "the key folder does not exist yet")
    others = [folder.resolve() for folder in (*look.data, *look.declared.backup_folders)]
    for key in (folder.resolve() for folder in look.keys):
        if any(key.is_relative_to(other) or other.is_relative_to(key) for other in others):
            return no(how, "a key folder and a data or backup folder lie in one another")
    return yes(how, "the key folder lies outside data and backup")


_TOO_SMALL: Final = {0, 1}
"""Limits under which the kernel writes no file: no core is smaller than a page."""
_NO_COLLECTOR: Final = 1
"""The one limit with which the kernel starts no collector either (fs/coredump.c)."""


def no_core_dumps(look: Look) -> Found:
    """Look how large a core dump of this process may be, and whether a limit holds back what it is given to."""
    limit = look.machine.core_limit()
    if limit is None:
        return unknown("resource limit", "no such limit on this system")
    return dumps_under(look, limit)


def dumps_under(look: Look, limit: int) -> Found:
    """Judge a process's limit of core dumps; -1 is none.  A program that collects them is given them whatever it is."""
    how = f"resource limit, {_PATTERN}"
    told = look.machine.path(_PATTERN).exists()
    if not told and sys.platform == "linux":
        return unknown(how, "where crashes are sent is not told")
    pattern = look.machine.text(_PATTERN).strip() if told else ""
    if not pattern.startswith(_COLLECTED):
        return yes(how, "off") if limit in _TOO_SMALL else no(how, "on")
    if limit == _NO_COLLECTOR and pattern.startswith("|"):
        return yes(how, "off, for collectors too")
    collected = no_crash_collector(look)
    if collected.state is State.YES:
        return yes(how, collected.seen)
    return no(how, f"{collected.seen}, which a limit of {limit} does not hold back")


_PATTERN: Final = "/proc/sys/kernel/core_pattern"
_COLLECTED: Final = ("|", "@")  # a program, or (since Linux 6.16) a socket
_COLLECTORS: Final = ("systemd-coredump", "coredump")


def no_crash_collector(look: Look) -> Found:
    """Look where the kernel sends the memory of crashed processes, whatever their limits."""
    pattern = look.machine.text(_PATTERN).strip()
    if not pattern.startswith(_COLLECTED):
        return yes(_PATTERN, "no program collects it; limits decide")
    program = _program(pattern)
    if program in {"false", "true"}:
        return yes(_PATTERN, "thrown away")
    if program in _COLLECTORS and _stores_nothing(look):
        return yes(f"{_PATTERN}, coredump.conf", "systemd-coredump stores nothing")
    return no(_PATTERN, f"given to {program or 'a program'}")


def _program(pattern: str) -> str:
    words = pattern.lstrip("|@").split()
    return Path(words[0]).name if words else ""


def _stores_nothing(look: Look) -> bool:
    """Read Storage= from coredump.conf and its drop-ins, the last one winning (coredump.conf(5))."""
    files = [look.machine.path("/etc/systemd/coredump.conf")]
    drop_ins = look.machine.path("/etc/systemd/coredump.conf.d")
    files += sorted(drop_ins.glob("*.conf")) if drop_ins.is_dir() else []
    storage = ""
    for file in files:
        if file.exists():
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                name, equals, value = line.strip().partition("=")
                storage = value.strip().lower() if equals and name.strip() == "Storage" else storage
    return storage == "none"
