"""One deed: changes of tables and the events that tell of them, in one transaction, by one writer at a time."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import transaction

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.core.event import Event
from fivesafes.setting.trail.entry import digest_of, event_of
from fivesafes.stores import trail
from fivesafes.stores.database import clear_errors
from fivesafes.stores.models import Project, TrailEntry

_open = threading.local()
"""Whether this thread has a deed open: a connection belongs to its thread, and so does a deed."""


class Deeds:
    """The transaction that every change stands in."""

    @contextmanager
    def deed(self) -> Iterator[None]:
        """Open one transaction: durable when the context ends, and gone without a trace when it ends by an error.

        One deed at a time has the database to itself: SQLite's transaction is IMMEDIATE, PostgreSQL's takes the trail's
        lock at once, so that what is read within a deed can't change before it is written.  Raises TryAgain when
        another holds the database for over 30 seconds.
        """
        if getattr(_open, "deed", False):
            message = "a deed is open already: the outer one decides when all of it becomes durable"
            raise RuntimeError(message)
        with clear_errors(), transaction.atomic(durable=True):
            trail.lock()
            _open.deed = True
            try:
                yield
            finally:
                _open.deed = False

    def tell(self, *events: Event) -> int:
        """Append events to the trail; give the number of the first."""
        check_deed()
        return trail.append(events).start

    def told(self, n: int) -> Event | None:
        """Give the event of that number, or None when the trail has none or its line does not fit its digest."""
        row = TrailEntry.objects.filter(n=n).values_list("line", "digest").first()
        if row is None or digest_of(row[0].encode()) != bytes(row[1]).hex():
            return None
        try:
            return event_of(row[0].encode())
        except InvalidInput:
            return None

    def told_of(self, verb: str, *, project: str) -> Sequence[Event]:
        """Give every event of a verb about a project, oldest first; a look through the whole trail."""
        return [event for event in trail.all_of(verb) if event.project == project]


def check_deed() -> None:
    """Raise RuntimeError when no deed is open: a change without its event would be a change that nobody can prove."""
    if not getattr(_open, "deed", False):
        message = "the books are written within a deed only: with books.deed(): …"
        raise RuntimeError(message)


def check_open(projects: Iterable[str]) -> None:
    """Refuse to take anything new into a project that was closed or disposed of since the caller looked."""
    if Project.objects.filter(id__in=set(projects)).exclude(state="open").exists():
        message = "the project was closed meanwhile: nothing new is taken in"
        fix = "nothing to do: fivesafes vault verify --clean removes what was sealed for it meanwhile"
        raise Refused(message, fix=fix)


def check_changed(rows: int, *, wanted: int = 1) -> None:
    """Raise LookupError when a change met fewer rows than it named: what it was about is not there."""
    if rows != wanted:
        message = f"{wanted} rows were to change, and {rows} are there that may"
        raise LookupError(message)
