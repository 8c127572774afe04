"""Who holds a job: a process, named so that any other process of its machine can tell whether it still lives.

Of processes elsewhere nothing can be known, and it is never guessed: there the lease alone decides.
"""

import os
import platform
import secrets
from enum import Enum
from pathlib import Path
from typing import Final, Self

from attrs import frozen

_PROC: Final = Path("/proc")
_DEAD: Final = frozenset("ZXx")
"""States in /proc/PID/stat of a process that runs no more, though its parent has not noticed (proc(5))."""
_MOST_DIGITS: Final = 10


class Standing(Enum):
    """What is known of a worker."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


@frozen
class Owner:
    """One process: its host, its boot and process namespace (empty where unknown), its id, and when it began.

    ``start`` is in clock ticks since the boot (proc(5), field 22): with it a process id that is used again tells.
    """

    host: str
    boot: str
    process: int
    start: int

    @classmethod
    def here(cls, proc: Path = _PROC) -> Self:
        """Give the process that asks."""
        state = _state(proc / "self")
        boot = _boot(proc) if state is not None and state.process == os.getpid() else ""
        start = state.start if state is not None else 0
        return cls(platform.node().replace("/", "-")[:32], boot, os.getpid(), start)

    @classmethod
    def read(cls, name: str) -> Self | None:
        """Read it from a worker's name; None when the name is of another form."""
        parts = name.split("/")
        numbers = parts[2:4]
        if len(parts) != 5 or not all(one.isascii() and one.isdigit() for one in numbers):  # noqa: PLR2004 - as name()
            return None
        if len(numbers[0]) > _MOST_DIGITS or int(numbers[0]) == 0:
            return None
        return cls(parts[0], parts[1], int(numbers[0]), int(numbers[1]))

    def name(self) -> str:
        """Make a name for this process's next piece of work: with chance against a name used twice."""
        return f"{self.host}/{self.boot}/{self.process}/{self.start}/{secrets.token_hex(4)}"


def standing_of(worker: str, proc: Path = _PROC) -> Standing:
    """Tell whether the process that gave itself this name still lives; of another machine's nothing is known.

    Host, boot and namespace must all be ours: clones of a machine share some of them.
    """
    owner, here = Owner.read(worker), Owner.here(proc)
    if owner is None or not here.boot or (owner.host, owner.boot) != (here.host, here.boot):
        return Standing.UNKNOWN
    try:
        os.kill(owner.process, 0)  # asks only; it also sees what hidepid hides from /proc
    except ProcessLookupError:
        return Standing.GONE
    except (PermissionError, OverflowError):
        pass
    state = _state(proc / str(owner.process))
    if state is None:
        return Standing.UNKNOWN
    return Standing.ALIVE if state.start == owner.start and state.letter not in _DEAD else Standing.GONE


@frozen
class _State:
    process: int
    letter: str
    start: int


def _state(folder: Path) -> _State | None:
    """Read a process's state; its program's name stands in brackets and may hold anything, brackets too."""
    try:
        before, _, after = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
        fields = after.split()
        return _State(int(before.split(maxsplit=1)[0]), fields[0], int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def _boot(proc: Path) -> str:
    """Name this boot of this machine and the namespace in which process ids count; empty where that can't be told."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")
        space = (proc / "self/ns/pid").readlink().name.removeprefix("pid:").strip("[]")
    except (OSError, ValueError):
        return ""
    return f"{boot[:16]}.{space}" if boot and space else ""
