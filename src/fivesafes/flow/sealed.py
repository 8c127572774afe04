"""What the books say lies sealed, and to which key: for verifying, handing back, and the recovery's manifest."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from attrs import frozen

from fivesafes.core.errors import UsageMistake
from fivesafes.flow.haven.as_told import as_told
from fivesafes.flow.haven.model import (
    KeptAside,
    KeptParticipant,
    KeptProject,
    KeptSeries,
    ParticipantState,
    ProjectState,
    SeriesState,
    sheets_of,
)
from fivesafes.flow.haven.ports import Books
from fivesafes.setting.vault.keys import participant_key, quarantine_key


class Kind(StrEnum):
    """What a sealed object is."""

    ORIGINAL = "original"
    SHEET = "sheet"  # what naming and gating must know of a series, as JSON
    ASIDE = "aside"  # a file that was set aside, with its reason


@frozen(kw_only=True)
class Sealed:
    """Objects of one kind that one key opens, in their order.  ``series`` is empty for what was set aside.

    ``sizes``: bytes of each content, 0 where no row has it.  ``first``: the number of the first; those of a project's
    files set aside go on from one owner to the next, so that no two of a project have one number.  ``as_told``: whether
    the trail says the same of the series.
    """

    project: str
    kind: Kind
    series: str
    key: str
    recipient: str
    addresses: tuple[bytes, ...]
    sizes: tuple[int, ...]
    first: int = 1
    as_told: bool = True


def sealed_in(books: Books, project: str | None = None) -> Iterator[Sealed]:
    """List everything that should be sealed, or what is of one project, series by series.

    What a withdrawal is at work on may be there or gone, and of a disposed project only the rows that tell of it stay.
    """
    for kept in books.projects():
        if project is not None and kept.id != project:
            continue
        people = {person.id: person for person in books.participants(kept.id)}
        for series in books.series(kept.id, SeriesState.SEALED, SeriesState.QUARANTINED):
            if people[series.participant].state is ParticipantState.ACTIVE:
                yield from _of_series(books, series, people[series.participant])
        if kept.state is not ProjectState.DISPOSED:
            yield from _asides(kept, books.asides(kept.id), people)


def sealed_series(books: Books, project: str, series: str) -> tuple[Sealed, ...]:
    """List one series: its originals, then its sheet.  Raises UsageMistake when it is not there or was shredded."""
    row = books.one_series(series)
    if row is None or row.project != project or row.state in {SeriesState.SHREDDED, SeriesState.IN_PLACE}:
        message = "the vault holds no such series of this project"
        raise UsageMistake(message, fix="fivesafes status --json lists the series")
    person = books.participant(row.participant)
    assert person is not None  # noqa: S101 - rows of participants stay
    return tuple(_of_series(books, row, person))


def keys_expected(books: Books) -> tuple[frozenset[str], frozenset[str]]:
    """Name the keys of participants and quarantines that must be in the ring, and those that must not be any more."""
    there: set[str] = set()
    gone: set[str] = set()
    for kept in books.projects():
        if kept.recipient:
            own = gone if kept.state is ProjectState.DISPOSED else there
            own.add(quarantine_key(kept.id, kept.recipient))
        for person in books.participants(kept.id):
            key = participant_key(person.id, person.recipient)
            match person.state:
                case ParticipantState.ACTIVE:
                    there.add(key)
                case ParticipantState.WITHDRAWN:
                    gone.add(key)
                case ParticipantState.WITHDRAWING:
                    pass  # it may be there or gone: the withdrawal is at work
    return frozenset(there), frozenset(gone)


def _of_series(books: Books, series: KeptSeries, person: KeptParticipant) -> Iterator[Sealed]:
    key = participant_key(person.id, person.recipient)
    instances = books.instances(series.id)
    told = as_told(books, series, instances)
    if not told and (now := books.one_series(series.id)) is not None:  # files may have come since its row was read
        series, instances = now, books.instances(series.id)
        told = as_told(books, series, instances)
    sheets, originals = sheets_of(series), tuple(one.address for one in instances)
    sizes = tuple(one.bytes for one in instances)
    for kind, addresses, known in ((Kind.ORIGINAL, originals, sizes), (Kind.SHEET, sheets, (0,) * len(sheets))):
        if addresses:
            yield Sealed(
                project=series.project,
                kind=kind,
                series=series.id,
                key=key,
                recipient=person.recipient,
                addresses=addresses,
                sizes=known,
                as_told=told,
            )


def sealed_aside(
    kept: KeptProject, person: KeptParticipant | None, files: Sequence[KeptAside], *, first: int = 1
) -> Sealed:
    """Say what opens files that were set aside: their participant's key, or the project's where nobody is named."""
    recipient = kept.recipient if person is None else person.recipient
    return Sealed(
        project=kept.id,
        kind=Kind.ASIDE,
        series="",
        key=quarantine_key(kept.id, recipient) if person is None else participant_key(person.id, recipient),
        recipient=recipient,
        addresses=tuple(one.address for one in files),
        sizes=tuple(one.bytes for one in files),
        first=first,
    )


def _asides(kept: KeptProject, asides: Sequence[KeptAside], people: Mapping[str, KeptParticipant]) -> Iterator[Sealed]:
    """Group what was set aside by whose it is; what a withdrawal is at work on may be there or gone."""
    by_person: dict[str | None, list[KeptAside]] = {}
    for one in asides:
        by_person.setdefault(one.participant, []).append(one)
    first = 1
    for id_, files in by_person.items():
        person = None if id_ is None else people[id_]
        if person is None or person.state is ParticipantState.ACTIVE:
            yield sealed_aside(kept, person, files, first=first)
        first += len(files)
