"""The machine that is looked at: its files below a root, its clock, its connections, and the programs it has.

Everything an audit touches goes through here, so that a test can break one control at a time in a folder of made-up
``/proc``, ``/sys`` and ``/etc``.
"""

import ctypes
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import ClassVar, Final

from attrs import field, frozen

from fivesafes.core.event import Clock, utc_now
from fivesafes.setting.ports import NoPrograms, Programs

_STA_UNSYNC: Final = 0x0040  # timex.h: nobody disciplines the clock
_TIME_ERROR: Final = 5
_MICRO: Final = 1e-6


@frozen(kw_only=True)
class ClockState:
    """What the kernel says of its clock: whether it is disciplined, and its largest possible error in seconds."""

    synchronised: bool
    max_error: float


class _Timex(ctypes.Structure):
    """The head of ``struct timex`` (adjtimex(2)); the rest is room for what the kernel writes."""

    _fields_: ClassVar = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    ]


def kernel_clock() -> ClockState | None:
    """Ask the kernel by adjtimex with no mode set, which changes nothing; None where there is no such call."""
    if sys.platform != "linux":
        return None
    state = _Timex()
    try:
        said = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state))
    except (OSError, AttributeError):
        return None
    if said < 0:
        return None
    synchronised = said != _TIME_ERROR and not state.status & _STA_UNSYNC
    return ClockState(synchronised=synchronised, max_error=state.maxerror * _MICRO)


def core_limit() -> int | None:
    """Read how large a core dump of this process may be; -1 for any size, None where there is no such limit."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return None
    return resource.getrlimit(resource.RLIMIT_CORE)[0]


def installed() -> Mapping[str, str]:
    """List the Python packages that this program runs with: name as PyPI compares it, and version."""
    return {normal_name(one.name): one.version for one in distributions() if one.name}


def normal_name(name: str) -> str:
    """Write a package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def connects(host: str, port: int, seconds: float) -> bool:
    """Tell whether a TCP connection comes about; nothing is sent.  Raises OSError only when none could be tried."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        try:
            line.connect((host, port))
        except OSError:
            return False
        return True


@frozen(kw_only=True)
class Machine:
    """One machine; the default is this one, without its outside programs."""

    root: Path = Path("/")
    programs: Programs = field(factory=NoPrograms)
    clock: Callable[[], ClockState | None] = kernel_clock
    core_limit: Callable[[], int | None] = core_limit
    own_umask: int | None = None  # as it was before this program set its own; None: /proc tells
    connects: Callable[[str, int, float], bool] = connects
    status: Callable[[Path], os.stat_result] = Path.stat
    hostname: Callable[[], str] = socket.gethostname
    installed: Callable[[], Mapping[str, str]] = installed
    now: Clock = utc_now

    def path(self, absolute: str | Path) -> Path:
        """Place an absolute path below the root."""
        return self.root / str(absolute).lstrip("/")

    def text(self, absolute: str | Path) -> str:
        """Read a file as text.  Raises OSError when it is not there or may not be read."""
        return self.path(absolute).read_text(encoding="utf-8", errors="replace")

    def processes(self) -> list[int]:
        """List the numbers of the processes that can be seen."""
        return sorted(int(entry) for entry in os.listdir(self.path("/proc")) if entry.isdecimal())  # noqa: PTH208 - names only
