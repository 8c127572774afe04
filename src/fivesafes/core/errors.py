"""Everything that goes wrong on purpose.  Each says what to do next, and none ever holds an identifying value.

FiveSafesError
├── UsageMistake      2   the command's words are off
├── Refused           3   a gate says no
├── InvalidInput      4   a file or a form can't be used as it is
│   ├── PolicyInvalid 4   a policy file says something impossible
│   └── EngineFailed  4   an outside tool gave no usable answer for one image
├── PartlyDone        5   the rest went on; what was left is listed
├── NeedsReview       6   a person must look first
├── EngineMissing    69   the plan names an engine that is not installed
└── TryAgain         75   another run holds the folder, or the disk is full
    └── WorkerDied   75   a worker process was killed at one job

Anything else that escapes is our bug: exit 70.
"""

from typing import ClassVar, Final

EXIT_OK: Final = 0
EXIT_BUG: Final = 70  # EX_SOFTWARE


class FiveSafesError(Exception):
    """Something a person can act on: ``fix`` says how.  Never holds an identifying value."""

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(self, what: str, *, fix: str) -> None:
        """Compose the message a user reads."""
        super().__init__(f"{what}\n  fix: {fix}")
        self.what = what
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        """Cross a process border whole: the default would lose ``fix``."""
        return _rebuild, (type(self), self.what, self.fix)


def _rebuild(kind: type[FiveSafesError], what: str, fix: str) -> FiveSafesError:
    error = kind.__new__(kind)
    FiveSafesError.__init__(error, what, fix=fix)
    return error


class UsageMistake(FiveSafesError):
    """The command was called in a way that can't work."""

    exit_code = 2


class Refused(FiveSafesError):
    """A gate says no: a verdict refuses, and nothing leaves."""

    exit_code = 3


class InvalidInput(FiveSafesError):
    """A file or a form can't be used as it is."""

    exit_code = 4


class PolicyInvalid(InvalidInput):
    """A policy file names what does not exist, or asks for what its standard forbids."""


class EngineFailed(InvalidInput):
    """An outside tool gave no usable answer for one image; nothing of what it wrote was used."""


class PartlyDone(FiveSafesError):
    """Some of it was done; what was not is listed with its reason."""

    exit_code = 5


class NeedsReview(FiveSafesError):
    """A person must look before this goes on."""

    exit_code = 6


class EngineMissing(FiveSafesError):
    """The plan names an engine that no installed package offers."""

    exit_code = 69  # EX_UNAVAILABLE

    @classmethod
    def named(cls, *, kind: str, name: str, have: list[str]) -> "EngineMissing":
        """Name what was asked for and what is there."""
        what = f"no {kind} called {name!r} (installed: {', '.join(have) or 'none'})"
        plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
        return cls(what, fix=f"install a package offering the entry point fivesafes.{plural}:{name}")


class TryAgain(FiveSafesError):
    """Nothing is wrong with the request; the moment is: a lock is held, or the disk is full."""

    exit_code = 75  # EX_TEMPFAIL


class WorkerDied(TryAgain):
    """A worker process was killed, or gave no answer, while it worked on this one job."""
