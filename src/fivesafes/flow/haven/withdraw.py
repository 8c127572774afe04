"""Withdrawal: a participant takes back all of it, or a part.

Three stages, each durable, so that a kill anywhere and another run end the same: a deed that stops every step; the
destruction, which can be done again and again; a deed that leaves the receipt.  What could not be reached keeps the
withdrawal open, and every command of the haven tries again first (``resume_withdrawals``).
"""

from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.flow.haven.consent import row_digest
from fivesafes.flow.haven.consents_told import NARROWED, told_consent
from fivesafes.flow.haven.deliveries import Cleaner, sweep_deliveries
from fivesafes.flow.haven.model import (
    KeptConsent,
    KeptParticipant,
    KeptProject,
    KeptRelease,
    KeptWithdrawal,
    ParticipantState,
    ReleaseState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.flow.haven.recall import Document, recall_notices
from fivesafes.flow.haven.receipt import Ended, digest_of, make_receipt
from fivesafes.flow.haven.shredding import (
    DERIVED,
    FORGOTTEN,
    MEASURED,
    Means,
    Reach,
    Sweep,
    forget_measured,
    swept_twice,
    untraced,
)
from fivesafes.flow.haven.taken_back import narrowed
from fivesafes.project.model import Tier

_MADE_MEANWHILE: Final = "a release was made meanwhile"
_WHY: Final = "the participant has withdrawn"


@frozen(kw_only=True)
class Withdrawn:
    """How far a withdrawal has come: done, or what it still waits for."""

    withdrawal: KeptWithdrawal
    waits_for: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether it has its receipt."""
        return self.withdrawal.done_at is not None


def withdraw(means: Means, participant: str, kind: WithdrawalKind) -> Withdrawn:
    """Withdraw a participant, by keyed id.  Asked again, it goes on where it stopped, or tells what was done.

    Raises InvalidInput when nothing is held of this participant.
    """
    return _carry_on(means, begin_withdrawal(means, participant, kind))


def resume_withdrawals(means: Means, *, project: str | None = None) -> tuple[Withdrawn, ...]:
    """Go on with every withdrawal that has no receipt yet; one question to the books when there is none."""
    return tuple(_carry_on(means, one) for one in means.books.withdrawals(project=project, open_only=True))


def begin_withdrawal(means: Means, participant: str, kind: WithdrawalKind) -> KeptWithdrawal:
    """Stop every step on this participant's data, in one deed; gives the withdrawal that is under way or done."""
    books, author = means.books, means.author
    with books.deed():
        person = books.participant(participant)
        if person is None:
            message = "nothing is held of this participant in this project"
            raise InvalidInput(message, fix="check the identifier: as the scans' PatientID has it, spaces aside")
        if (asked := _asked_before(means, person, kind)) is not None:
            return asked
        at = author.clock()
        asked = books.add_withdrawal(person.id, kind, at=at, by=author.name)
        if kind is WithdrawalKind.FULL and person.state is ParticipantState.ACTIVE:  # else: disposed of, or never held
            books.set_participant_state(person.id, ParticipantState.WITHDRAWING)
        newest = books.consents(person.project).get(person.id)
        if newest is not None:
            consent = narrowed(newest.consent, kind, on=at.date())
            digest = row_digest(person.id, consent)
            row = KeptConsent(participant=person.id, consent=consent, evidence_digest=digest, recorded_at=at)
            books.add_consents([row])
            books.tell(told_consent(row, NARROWED, project=person.project, author=author))
        kept = books.project(person.project)
        assert kept is not None  # noqa: S101 - a participant names its project
        if _work_goes(means, kept, asked):
            series = [one.id for one in books.series_of(person.id)]
            means.jobs.cancel([person.id, *series], at=at, why=_WHY)
        books.tell(author.event("withdraw", person.id, "begun", project=person.project, kind=kind.value))
    return asked


def _asked_before(means: Means, person: KeptParticipant, kind: WithdrawalKind) -> KeptWithdrawal | None:
    """Find a withdrawal that this one repeats: the same kind under way, or everything withdrawn already.

    A partial one that is done may be asked for again, because a newer consent may have given it back since.
    """
    mine = [one for one in means.books.withdrawals(project=person.project) if one.participant == person.id]
    full = next((one for one in mine if one.kind is WithdrawalKind.FULL), None)
    if full is not None:
        return full
    return next((one for one in mine if one.kind is kind and one.done_at is None), None)


def _carry_on(means: Means, asked: KeptWithdrawal) -> Withdrawn:
    if asked.done_at is not None:
        return Withdrawn(withdrawal=asked)
    person, kept = means.books.participant(asked.participant), means.books.project(asked.project)
    assert person is not None  # noqa: S101 - a withdrawal names a participant
    assert kept is not None  # noqa: S101 - and a participant a project
    sweeps = _sweeps(means, kept, person, asked)
    if waits_for := swept_twice((("tombstones", means.keys.bury), *sweeps)):
        return Withdrawn(withdrawal=asked, waits_for=waits_for)
    if asked.kind is WithdrawalKind.FULL and (waits_for := _forget_name(means, person)):
        return Withdrawn(withdrawal=asked, waits_for=waits_for)
    releases = concerned(means, asked)
    notices = [
        notice for release in releases for notice in recall_notices(kept, release, asked, subject=person.subject)
    ]
    means.outbox.put(notices)
    ended = Ended(swept=[name for name, _ in sweeps], releases=releases, notices=notices)
    return _finish(means, kept, asked, ended)


def _forget_name(means: Means, person: KeptParticipant) -> tuple[str, ...]:
    """Remove the sealed name, and then what the database may keep of it; say what is waited for."""
    if person.state is not ParticipantState.WITHDRAWN:
        with means.books.deed():
            means.books.set_participant_state(person.id, ParticipantState.WITHDRAWN)
            means.books.tell(means.author.event("withdraw", person.id, "name removed", project=person.project))
    return untraced(means, "traces of the name")


def _sweeps(
    means: Means, kept: KeptProject, person: KeptParticipant, asked: KeptWithdrawal
) -> Sequence[tuple[str, Callable[[], Sweep | int]]]:
    """Say what is to be swept (nothing where work may go on); keys first: without them nothing opens any more."""
    series = [one.id for one in means.books.series_of(person.id)]
    cleaner = Cleaner(books=means.books, deliveries=means.deliveries, author=means.author)
    going = ("a release on its way", lambda: sweep_deliveries(cleaner, participant=person.id))

    def forget(reach: Reach) -> tuple[str, Callable[[], int]]:
        return DERIVED, lambda: means.workspaces.forget(kept.id, subject=person.subject, series=series, reach=reach)

    def measured(jobs: Sequence[str]) -> tuple[str, Callable[[], int]]:
        event = means.author.event("withdraw", person.id, FORGOTTEN, project=kept.id)
        return MEASURED, lambda: forget_measured(means, event, series=series, jobs=jobs)

    match asked.kind:
        case WithdrawalKind.FULL:
            return (
                ("keys", lambda: means.keys.destroy([person])),
                ("originals", lambda: means.originals.shred([person.recipient])),
                forget(Reach.ALL),
                measured([person.id, *series]),
                going,
            )
        case _:
            reach = Reach.ALL if asked.kind is WithdrawalKind.NO_FACE else Reach.UNRELEASED
            goes = (forget(reach), measured([])) if _work_goes(means, kept, asked) else ()
            return (*goes, going) if goes or concerned(means, asked) else ()


def _work_goes(means: Means, kept: KeptProject, asked: KeptWithdrawal) -> bool:
    """Tell whether work that lies in the haven may hold what is taken back; it is made anew without.

    Who ever agreed to the face may stand with it in what an earlier form asked for, whatever the form says now.
    """
    match asked.kind:
        case WithdrawalKind.NO_FACE:
            return _agreed_to_face(means, asked)
        case WithdrawalKind.NO_PUBLIC:
            return kept.project.shared_with is Tier.T0
        case _:
            return True


def _agreed_to_face(means: Means, asked: KeptWithdrawal) -> bool:
    return any(one.consent.face for one in means.books.consent_history(asked.participant))


def concerned(means: Means, asked: KeptWithdrawal) -> tuple[KeptRelease, ...]:
    """Name the releases that must come back, by what left; one recalled before for somebody's sake is recalled anew."""
    releases = tuple(means.books.releases(participant=asked.participant))
    match asked.kind:
        case WithdrawalKind.FULL:
            return releases
        case WithdrawalKind.NO_FUTURE_USE:
            return ()
        case WithdrawalKind.NO_FACE:
            return tuple(one for one in releases if one.faces) if _agreed_to_face(means, asked) else ()
        case WithdrawalKind.NO_PUBLIC:
            return tuple(one for one in releases if one.public)


def _finish(means: Means, kept: KeptProject, asked: KeptWithdrawal, ended: Ended) -> Withdrawn:
    """Write the end in one deed: states, recalls, receipt, tombstone; another process may have been quicker."""
    books, full = means.books, asked.kind is WithdrawalKind.FULL
    with books.deed():
        now = next(one for one in books.withdrawals(project=kept.id) if one.id == asked.id)
        if now.done_at is not None:
            return Withdrawn(withdrawal=now)
        if [one.id for one in concerned(means, asked)] != [one.id for one in ended.releases]:
            return Withdrawn(withdrawal=asked, waits_for=(_MADE_MEANWHILE,))
        person = books.participant(asked.participant)
        assert person is not None  # noqa: S101 - rows of participants stay
        series = [one for one in books.series_of(person.id) if one.state is not SeriesState.SHREDDED] if full else []
        at = means.author.clock()
        ended = evolve(
            ended,
            series=series,
            set_aside=books.asides(kept.id, participant=person.id) if full else (),
            unattributed=sum(one.participant is None for one in books.asides(kept.id)) if full else 0,
        )
        receipt = make_receipt(kept, person, asked, ended, by=means.author.name, at=at)
        if full:
            books.set_series_state(
                [one.id for one in series], SeriesState.SHREDDED, why="the participant has withdrawn"
            )
            books.forget_asides(kept.id, participant=person.id)
            books.set_participant_state(person.id, ParticipantState.WITHDRAWN)
        for release in ended.releases:
            books.set_release_state(release.id, ReleaseState.RECALLED)
        books.finish_withdrawal(asked.id, receipt, at=at)
        _tell_end(means, asked, ended, receipt)
    done = next(one for one in books.withdrawals(project=kept.id) if one.id == asked.id)
    return Withdrawn(withdrawal=done)


def _tell_end(means: Means, asked: KeptWithdrawal, ended: Ended, receipt: dict[str, object]) -> None:
    """Tell of each recall, and leave the tombstone: few counts, and digests of what is gone and of the receipt.

    How many files and bytes they were stands in the receipt: in the trail, two projects could be joined by it.
    """
    author = means.author
    recalls = [
        author.event("recall", f"release {one.id}", "recalled", project=asked.project, participant=asked.participant)
        for one in ended.releases
    ]
    tombstone = author.event(
        "withdraw",
        asked.participant,
        "done",
        project=asked.project,
        kind=asked.kind.value,
        series=len(ended.series),
        originals=digest_of([*(one.digest for one in ended.series), *(one.address.hex() for one in ended.set_aside)]),
        set_aside=len(ended.set_aside),
        releases=len(ended.releases),
        receipt=Document(project=asked.project, name="receipt", text="", data=receipt).digest,
    )
    means.books.tell(*recalls, tombstone)
