"""Runs an outside program so that it can betray and outlive nothing.

It gets a private environment and home, no input, and a session of its own; its messages are thrown away, because they
may quote a header, unless a file is named for them.  It ends with its time limit, with an interrupt, and with the
process that started it, and so does what it left running.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import field, frozen

# Runs in a fresh interpreter between us and the program: a hook in the forked child (preexec_fn) can deadlock when this
# process has threads.  1 is PR_SET_PDEATHSIG and 9 SIGKILL (prctl(2)); the parent may have died before the call.
_DIE_WITH_PARENT: Final = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)\n"
    "if os.getppid() != int(sys.argv[1]): os._exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


@frozen(kw_only=True)
class Finished:
    """How a program ended: its exit code (None when its time was up), and what it printed where that was asked for."""

    code: int | None
    printed: bytes = field(default=b"", repr=False)


def run(
    command: Sequence[str | Path],
    *,
    home: Path,
    seconds: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    messages: Path | None = None,
) -> Finished:
    """Run the command and wait; ``command[0]`` is the program's absolute path.

    ``home`` is an empty private folder that serves as home and for temporary files; ``folder`` is where the program
    starts (``home`` unless given).  What it prints on standard output is returned and never shown.  ``messages`` is a
    private file for what it prints on standard error; the caller answers for what is in it.
    """
    words = [*_launcher(), *map(str, command)]
    surroundings = {"HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"}
    with (messages or Path(os.devnull)).open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - an absolute path that the engine found; no shell, no user's words
            words,
            cwd=folder or home,
            env={**surroundings, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        printed, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return Finished(code=None)
    finally:
        _end(process)
    return Finished(code=process.returncode, printed=printed)


def _launcher() -> list[str]:
    """Give the words that go before the command so that it dies with this process, where the system can do that."""
    if sys.platform != "linux" or not sys.executable:
        return []
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what still runs of the program and its children, and collect it."""
    running = process.poll() is None
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # its session's group: what it left in the background goes, too
    if running:
        process.kill()
        process.communicate()
