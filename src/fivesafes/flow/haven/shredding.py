"""What withdrawal and disposal destroy with: ports whose every method can be run again and then finds nothing left.

That is also how a destruction is verified: each place is swept a second time, and the second sweep must find nothing.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, Protocol

from attrs import frozen

from fivesafes.core.errors import PartlyDone, TryAgain
from fivesafes.core.event import Event
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import KeptParticipant
from fivesafes.flow.haven.ports import Books, Jobs
from fivesafes.flow.haven.recall import Outbox
from fivesafes.flow.ports import Deliveries

VERIFIED: Final = "every place was swept a second time, and nothing was found"
DERIVED: Final = "derived work"
"""The name under which the sweep of what was made of scans is told."""
MEASURED: Final = "what was measured"
"""The name under which the sweep of steps, evidence, findings and jobs is told."""
FORGOTTEN: Final = "measurements removed"
"""The outcome of the event that tells of it."""
AWAY: Final = "can't be reached"
"""How a place that is away is told; anything else that is waited for ends by itself."""
STILL_WRITING: Final = "something came back between two sweeps: a worker was still writing"


class Reach(StrEnum):
    """How much derived work goes."""

    ALL = "all"  # finished, scratch, candidates, pictures and the haven's own copies of releases
    UNRELEASED = "unreleased"  # all of that but the copies of releases


@frozen(kw_only=True)
class Sweep:
    """What one sweep found and destroyed, and which places could not be reached (named without any identifier)."""

    found: int = 0
    unreachable: tuple[str, ...] = ()


class Keys(Protocol):
    """The keyring and each of its backups."""

    def destroy(self, people: Sequence[KeptParticipant]) -> Sweep:
        """Destroy every wrapped identity of these people in every place, known by id as well as by recipient."""

    def destroy_project(self, project: str) -> Sweep:
        """Destroy a project's own keys: pseudonyms, and what opens the files that were set aside."""

    def bury(self) -> Sweep:
        """Write down beside each backup of the keys what was taken back, so that no restore brings it back."""


class Shredder(Protocol):
    """The sealed originals."""

    def shred(self, recipients: Sequence[str]) -> int:
        """Remove every object sealed to these recipients, for good; tell how many.  Raises TryAgain."""


class Workspaces(Protocol):
    """The derived, de-identified work of the haven."""

    def forget(self, project: str, *, subject: str | None, series: Sequence[str], reach: Reach) -> int:
        """Remove what was made of a participant or of these series, and candidates that hold it; tell how many files.

        Raises TryAgain when something is held by a process that writes.
        """

    def forget_project(self, project: str) -> int:
        """Remove all derived work of a project; tell how many files.  The haven's trail and records are not there."""


@frozen(kw_only=True)
class Means:
    """All that a withdrawal or a disposal works with.

    ``traces`` removes what the database keeps of rows that are gone; it raises TryAgain while somebody reads them.
    """

    books: Books
    jobs: Jobs
    keys: Keys
    originals: Shredder
    workspaces: Workspaces
    deliveries: Deliveries
    outbox: Outbox
    traces: Callable[[], None]
    author: Author


def swept_twice(sweeps: Sequence[tuple[str, Callable[[], Sweep | int]]]) -> tuple[str, ...]:
    """Run every sweep, then every one again; give what keeps this from being done: empty when nothing was left.

    A place that can't be reached does not keep the others from being swept.
    """
    open_: list[str] = []
    for name, sweep in sweeps:
        open_ += _run(name, sweep)[1]
    for name, sweep in sweeps:
        found, unreachable = _run(name, sweep)
        open_ += unreachable
        if found:
            open_.append(f"{name}: {STILL_WRITING}")
    return tuple(dict.fromkeys(open_))


def _run(name: str, sweep: Callable[[], Sweep | int]) -> tuple[int, list[str]]:
    try:
        done = sweep()
    except (TryAgain, PartlyDone) as fault:
        return 0, [f"{name}: {fault.what}"]
    except OSError as fault:
        return 0, [f"{name}: {fault.strerror or type(fault).__name__}"]
    if isinstance(done, Sweep):
        return done.found, [f"{name}: {place} {AWAY}" for place in done.unreachable]
    return done, []


def forget_measured(means: Means, event: Event, *, series: Sequence[str], jobs: Sequence[str]) -> int:
    """Remove what the books say of work on these series, and jobs about these objects, in one deed; tell how many rows.

    ``event`` tells of it, where there was any.  Who holds such a job drops what it brings.
    """
    with means.books.deed():
        found = means.books.forget_measured(event.project, series) + means.jobs.forget(jobs)
        if found:
            means.books.tell(event)
    return found


def untraced(means: Means, what: str) -> tuple[str, ...]:
    """Leave no trace of rows that are gone; give what keeps that from being done: empty when nothing does."""
    try:
        means.traces()
    except TryAgain as fault:
        return (f"{what}: {fault.what}",)
    return ()
