"""What the journey needs from outside: somebody to do the work, and somewhere to put the result."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Protocol, TypeVar

from fivesafes.core.errors import FiveSafesError

J = TypeVar("J")
R = TypeVar("R")


class Executor(Protocol):
    """Does one piece of work for each job, perhaps in other processes.  The unit of work is a series."""

    name: ClassVar[str]

    def run(self, work: Callable[[J], R], jobs: Sequence[J]) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Yield each job with its result as it finishes, in any order.

        ``work`` is a module-level function and jobs are small and picklable.  A FiveSafesError is yielded as that
        job's result, so that the rest goes on; a job whose worker was killed yields one too.  Any other exception is
        our bug and is raised here.
        """
