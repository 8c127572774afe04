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
        return self.run_with(work, _apply, jobs)

    def run_with(
        self,
        context: C,
        work: Callable[[C, J], R],
        jobs: Sequence[J],
        *,
        starting: Callable[[J], bool] | None = None,
        patience: float | None = None,
    ) -> Iterator[tuple[J, R | FiveSafesError]]:
        """Do the same with a context; nobody could lose patience, as this process does the work itself."""
        for job in jobs:
            if starting is not None and not starting(job):
                continue
            try:
                yield job, work(context, job)
            except FiveSafesError as error:
                yield job, error


def _apply(work: Callable[[J], R], job: J) -> R:
    return work(job)
