"""What the journey needs from outside: somebody to do the work, and somewhere to put the result."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from attrs import frozen

from fivesafes.core.errors import FiveSafesError

C = TypeVar("C")
J = TypeVar("J")
R = TypeVar("R")


class Executor(Protocol):
    """Does one piece of work for each job, perhaps in other processes.  The unit of work is a series."""

    name: ClassVar[str]
    workers: int

    def run(self, work: Callable[[J], R], jobs: Sequence[J]) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Yield each job with its result as it finishes, in any order.

        ``work`` is a module-level function and jobs are small and picklable.  A FiveSafesError is yielded as that
        job's result, so that the rest goes on; a job whose worker was killed yields one too.  Any other exception is
        our bug and is raised here.
        """

    def run_with(
        self,
        context: C,
        work: Callable[[C, J], R],
        jobs: Sequence[J],
        *,
        starting: Callable[[J], bool] | None = None,
        patience: float | None = None,
    ) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Do the same with a context that each worker is given once, when it starts.

        What identifies travels in the context, through a pipe of this machine; jobs hold ids and digests only.
        ``starting`` is called here just before a job begins, and then no more jobs are handed over than can begin at
        once; where it says no, the job is left out and nothing is yielded for it.  A job that is tried again after its
        neighbour broke the pool is told of again.  When no job has answered for ``patience`` seconds the worker
        processes are killed.  A job that costs its worker yields WorkerDied.
        """


@frozen(kw_only=True)
class Workplace:
    """The folders of one run.  ``scratch`` vanishes with the run; ``finished`` lets a later run go on.

    ``finished`` holds only what has passed the face step, by series; ``release`` is where a release goes; ``withheld``
    takes one that may no longer be taken for a release.
    """

    private: Path
    release: Path
    scratch: Path
    finished: Path
    withheld: Path


class Signer(Protocol):
    """Signs a release record, so that a stranger with the public key can tell who let it out."""

    def public_key(self) -> str:
        """Give the public key, base64 of its raw 32 bytes (Ed25519, RFC 8032)."""

    def sign(self, message: bytes) -> str:
        """Sign the bytes; base64 of the raw 64-byte signature."""


class Reporter(Protocol):
    """Writes the report of a run from its record."""

    name: ClassVar[str]

    def write(self, record: Mapping[str, Any], *, pictures: Path, into: Path, leaving: bool) -> None:
        """Write one self-contained page; ``leaving`` says that it goes out with the release: no picture of a face."""


class Passage(Protocol):
    """What the books are told while a release leaves.  What ``begin`` and ``leave`` raise keeps it from leaving."""

    def begin(self, part: str) -> None:
        """Judge, and write the release down, durably, before the first byte is outside.

        ``part`` names the folder beside the destination that will be filled; it is empty where nothing lies outside
        before the release does.
        """

    def leave(self) -> None:
        """Judge once more, just before the release appears."""

    def arrived(self) -> None:
        """Write down that it stands at its destination."""

    def stopped(self) -> None:
        """Write down that it did not leave, and that nothing of it is outside."""


class Left(StrEnum):
    """What a delivery that was begun has left beside its destination."""

    SWEPT = "swept"  # a part was there, and is removed
    NOTHING = "nothing"  # the place was seen: no part is there, and it was not about to appear
    GONE = "gone"  # it was about to appear, and no part is there: it is out, as far as anybody can know
    AWAY = "away"  # the place can't be seen from here
    WRITING = "writing"  # a process delivers there just now


@frozen(kw_only=True)
class Found:
    """What a delivery has left, and why it can't be seen when it can't."""

    left: Left
    why: str = ""


class Destination(Protocol):
    """Takes a finished release; complete or absent.  ``keeps``: whether what it took stays ours to exchange."""

    name: ClassVar[str]
    keeps: ClassVar[bool]

    def release(self, candidate: Path, *, to: Path, aside: Path, passage: Passage) -> None:
        """Put ``candidate`` where ``to`` says; what stood there before goes by way of ``aside`` and is removed.

        It tells ``passage`` of each stage.  What is raised before the release appears leaves nothing there.
        """

    def withdraw(self, release: Path, *, into: Path) -> bool:
        """Take a release out of sight, so that nobody takes it for one that holds; tell whether there was one."""


class Deliveries(Protocol):
    """Cleans up after deliveries that were killed."""

    def settle(self, to: Path, part: str, *, settled: Callable[[Left], None]) -> Found:
        """Remove a part folder beside ``to``; call ``settled`` once nothing of it is left: not for AWAY and WRITING.

        Nobody delivers there while ``settled`` runs.  A place that gives trouble is AWAY: nothing is raised for it.
        """
