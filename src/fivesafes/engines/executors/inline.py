"""Does the work here, one job after another: for tests, debugging and a single series."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, TypeVar

from fivesafes.core.errors import FiveSafesError

C = TypeVar("C")
J = TypeVar("J")
R = TypeVar("R")


class InlineExecutor:
    """Runs each job in this process."""

    name: ClassVar[str] = "inline"

    def __init__(self, workers: int = 1) -> None:
        """Take the number of workers for symmetry; there is always one."""
        self.workers = 1

    def run(self, work: Callable[[J], R], jobs: Sequence[J]) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Yield each job with its result, in the order given."""
        for job in jobs:
            try:
                yield job, work(job)
            except FiveSafesError as error:
                yield job, error

    def run_with(
        self, context: C, work: Callable[[C, J], R], jobs: Sequence[J]
    ) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Do the same with a context."""
        return self.run(lambda job: work(context, job), jobs)
