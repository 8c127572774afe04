"""The private folders of a run: one run at a time, nothing readable by others, and a scratch that outlives nobody.

Between two steps a scan rests as files, because converters are programs that read files.  These lie in ``scratch``,
which goes when the run goes: on the ordinary way by the run itself, after kill -9 by a small janitor process that
waits for the run's end, and after a power cut by the next run.
"""

import contextlib
import fcntl
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.flow.ports import Workplace

SCRATCH: Final = "scratch-"
ANOTHER_RUN: Final = TryAgain(
    "another run is using this output folder", fix="wait until it has finished, or give another --out"
)
_OURS: Final = "see that it is yours, and that its disk is not mounted read-only"
_JANITOR: Final = """
import shutil, sys, time
sys.stdin.buffer.read()
for _ in range(100):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    time.sleep(0.1)
    import os
    if not os.path.exists(sys.argv[1]):
        break
"""


def no_core_dumps() -> None:
    """Keep the system from writing scans and keys to disk in clear when a process crashes.

    One byte, where that is allowed: it is too small for a file as 0 is, and the one limit with which Linux starts no
    program that collects crashes either (a pipe in core_pattern; fs/coredump.c).
    """
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else 1, hard))


@contextlib.contextmanager
def for_us_alone() -> Iterator[None]:
    """Let nobody else read what is written meanwhile, whatever the user's habit is."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def opened(out: Path, *, source: Path) -> Iterator[Workplace]:
    """Open the folders of a run below ``out``, alone.  Raises TryAgain when another run holds them."""
    _check_apart(out, source)
    out = out.resolve()  # programs that steps call run in folders of their own
    if (out / "private").is_symlink():
        message = "the folder private in the output folder is a link"
        raise UsageMistake(message, fix="give another --out: pictures of faces must not end up elsewhere")
    another = f"give another --out, or {_OURS}"
    with opened_bench(out / "private", release=out / "release", company=Company.ALONE, unusable=another) as place:
        yield place


class Company(Enum):
    """Whether a place is worked in alone, as assessing and releasing must, or beside others who do series."""

    ALONE = fcntl.LOCK_EX
    BESIDE = fcntl.LOCK_SH


@contextlib.contextmanager
def opened_bench(
    private: Path, *, release: Path, company: Company, busy: TryAgain = ANOTHER_RUN, unusable: str = _OURS
) -> Iterator[Workplace]:
    """Open a private folder to work in.

    Raises ``busy`` when somebody works there who must be alone, and UsageMistake, with ``unusable`` as what to do, when
    it can't be written to.
    """
    place = Workplace(
        private=private,
        release=release,
        scratch=private / f"{SCRATCH}{secrets.token_hex(4)}",  # its own name: an earlier run's janitor may still work
        finished=private / "finished",
        withheld=private / "withheld",
    )
    try:
        for folder in (private.parent, private, place.finished):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private.chmod(0o700)
    except OSError as error:
        message = f"the folder to work in can't be used: {error.strerror}"
        raise UsageMistake(message, fix=unusable) from None
    with _locked(private / "lock", company, busy):
        if company is Company.ALONE:
            _sweep(private)
        with _going(place.scratch):
            place.scratch.mkdir(mode=0o700)
            yield place


@contextlib.contextmanager
def opened_scratch() -> Iterator[Path]:
    """Open a scratch of its own among the system's temporary files (TMPDIR); it goes however the run ends.

    Raises UsageMistake when it can't be made.  What a power cut leaves there, the system's own clearing takes.
    """
    scratch = Path(tempfile.gettempdir()).resolve() / f"fivesafes-{SCRATCH}{secrets.token_hex(8)}"
    with _going(scratch):
        try:
            scratch.mkdir(mode=0o700)
        except OSError as error:
            message = f"the folder for temporary files can't be used: {error.strerror}"
            raise UsageMistake(message, fix="let TMPDIR name a folder that is yours and has room") from None
        yield scratch


def sweep_scratch(private: Path) -> int:
    """Remove what a power cut left in scratch, unless somebody works here; tell how many folders that were."""
    if not private.is_dir():
        return 0
    with contextlib.suppress(TryAgain), _locked(private / "lock", Company.ALONE, ANOTHER_RUN):
        return _sweep(private)
    return 0


def _sweep(private: Path) -> int:
    left = list(private.glob(f"{SCRATCH}*"))
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _check_apart(out: Path, source: Path) -> None:
    inner, outer = out.resolve(), source.resolve()
    if inner == outer or inner.is_relative_to(outer) or outer.is_relative_to(inner):
        message = "the output folder and the scans' folder lie in one another"
        raise UsageMistake(message, fix="give an output folder beside the scans, not inside them or around them")


@contextlib.contextmanager
def _locked(path: Path, company: Company, busy: TryAgain) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, company.value | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgain(busy.what, fix=busy.fix) from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _going(scratch: Path) -> Iterator[None]:
    """See that a scratch goes, however this process ends."""
    janitor = _start_janitor(scratch)  # before the folder is there: killed between the two, nothing is left
    try:
        yield
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if janitor.stdin is not None:
            janitor.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            janitor.wait(timeout=15)


def _start_janitor(scratch: Path) -> subprocess.Popen[bytes]:
    """Start the process that clears the scratch when our end of its pipe closes, however we end."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-I", "-S", "-E", "-c", _JANITOR, str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
