"""Is what the books say of a series what the trail told when it was received?  Whoever opens originals asks here.

Rows can be changed by whoever writes to the database; the trail's lines are chained, and witnesses hold checkpoints.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from fivesafes.flow.haven.model import KeptInstance, KeptSeries, ParticipantState, SeriesState
from fivesafes.flow.haven.ports import Books
from fivesafes.setting.vault.address import series_digest

_SEALED: Final = frozenset({SeriesState.SEALED, SeriesState.QUARANTINED})


def as_told(books: Books, row: KeptSeries, instances: Sequence[KeptInstance]) -> bool:
    """Tell whether instances, their order, sheets and participant are those that the row's event in the trail has.

    ``instances``: all that the books have of the series, in order.  One that is changed, exchanged or gone is noticed.
    """
    event = books.told(row.trail_n)
    digest = series_digest([*(one.address for one in instances), row.sheet])
    return (
        event is not None
        and event.object == f"series {row.id}"
        and event.facts.get("digest") == digest == row.digest
        and event.facts.get("participant") == row.participant
    )


def not_told_last(books: Books) -> Iterator[tuple[str, str]]:
    """Name series (project and id) whose row is gone, goes by an older event than the trail's last, or hides them.

    One look through the trail.  Rows of series stay; they are shredded only with their participant's taking part.
    """
    last = books.taken_in()
    rows = {row.id: row for kept in books.projects() for row in books.series(kept.id)}
    active = {
        person.id
        for kept in books.projects()
        for person in books.participants(kept.id)
        if person.state is ParticipantState.ACTIVE
    }
    for series, (n, project) in last.items():
        row = rows.get(series)
        older = row is None or row.trail_n < n  # a newer one came since the trail was read
        if row is None or older or (row.participant in active and row.state not in _SEALED):
            yield project, series
