"""What a withdrawal or a disposal would destroy and recall, by counts and release ids; nothing is written."""

from attrs import frozen

from fivesafes.flow.haven.model import KeptParticipant, KeptProject, KeptWithdrawal, SeriesState, WithdrawalKind
from fivesafes.flow.haven.shredding import Means
from fivesafes.flow.haven.withdraw import concerned


@frozen(kw_only=True)
class Foretold:
    """Originals that would go for good, and releases: recalled by a withdrawal, still out after a disposal.

    ``set_aside``: how many of ``files`` had been set aside.
    """

    participants: int
    series: int
    files: int
    bytes: int
    set_aside: int
    releases: tuple[str, ...]


def foretell_withdrawal(means: Means, person: KeptParticipant, kind: WithdrawalKind) -> Foretold:
    """Say what withdrawing a participant so would destroy and recall."""
    asked = KeptWithdrawal(
        id=0, participant=person.id, project=person.project, kind=kind, requested_at=means.author.clock()
    )
    full = kind is WithdrawalKind.FULL
    rows = means.books.series_of(person.id) if full else ()
    series = [one for one in rows if one.state is not SeriesState.SHREDDED]
    asides = means.books.asides(person.project, participant=person.id) if full else ()
    return Foretold(
        participants=1,
        series=len(series),
        files=sum(one.files for one in series) + len(asides),
        bytes=sum(one.bytes for one in series) + sum(one.bytes for one in asides),
        set_aside=len(asides),
        releases=tuple(one.id for one in concerned(means, asked)),
    )


def foretell_disposal(means: Means, kept: KeptProject) -> Foretold:
    """Say what disposing of a project would destroy, and which releases would stay out."""
    series = [one for one in means.books.series(kept.id) if one.state is not SeriesState.SHREDDED]
    asides = means.books.asides(kept.id)
    return Foretold(
        participants=sum(bool(one.recipient) for one in means.books.participants(kept.id)),
        series=len(series),
        files=sum(one.files for one in series) + len(asides),
        bytes=sum(one.bytes for one in series) + sum(one.bytes for one in asides),
        set_aside=len(asides),
        releases=tuple(one.id for one in means.books.releases(kept.id) if one.state.value == "out"),
    )
