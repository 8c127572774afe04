"""Participants, their consents and their withdrawals in the books; by keyed ids only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from django.db import IntegrityError
from django.db.models import Max

from fivesafes.core.errors import InvalidInput
from fivesafes.flow.haven.model import (
    KeptConsent,
    KeptParticipant,
    KeptWithdrawal,
    ParticipantState,
    WithdrawalKind,
)
from fivesafes.project.model import Consent as ConsentValue
from fivesafes.stores.books.deed import Deeds, check_changed, check_deed, check_open
from fivesafes.stores.books.rows import execute_many, groups
from fivesafes.stores.books.wire import from_json, to_json
from fivesafes.stores.models import Consent, Participant, Withdrawal

_EARLIER: Final = {
    ParticipantState.ACTIVE: [ParticipantState.ACTIVE],
    ParticipantState.WITHDRAWING: [ParticipantState.ACTIVE, ParticipantState.WITHDRAWING],
    ParticipantState.WITHDRAWN: list(ParticipantState),
}
"""From where a participant may come into a state: nobody comes back from a withdrawal."""


class Participants(Deeds):
    """Keeps who takes part, what they agreed to, and what they took back."""

    def add_participants(self, new: Iterable[KeptParticipant], *, at: datetime) -> None:
        """Add participants; one that is there already stays as it is.

        Raises InvalidInput when a newcomer's pseudonym is another's already.
        """
        check_deed()
        for group in groups(new):
            check_open(one.project for one in group)
            there = set(Participant.objects.filter(id__in=[one.id for one in group]).values_list("id", flat=True))
            rows = {one.id: _participant_row(one, at) for one in group if one.id not in there}
            try:
                Participant.objects.bulk_create(rows.values())
            except IntegrityError:
                raise _pseudonym_taken() from None

    def admit_again(self, new: KeptParticipant) -> None:
        """Give a key and a name to somebody who withdrew before anything was received; nobody else changes.

        Such a row never had a key, so nothing was ever sealed to it; a full withdrawal of its own keeps it as it is.
        """
        check_deed()
        check_open([new.project])
        unseen = Participant.objects.filter(id=new.id, recipient="", state=ParticipantState.WITHDRAWN.value)
        if not Withdrawal.objects.filter(participant_id=new.id, kind=WithdrawalKind.FULL.value).exists():
            unseen.update(recipient=new.recipient, sealed_name=new.sealed_name, state=ParticipantState.ACTIVE.value)

    def participants(self, project: str) -> Sequence[KeptParticipant]:
        """Give a project's participants, by id."""
        return [_participant(row) for row in Participant.objects.filter(project_id=project).order_by("id")]

    def participant(self, id_: str) -> KeptParticipant | None:
        """Give one participant, or None."""
        row = Participant.objects.filter(id=id_).first()
        return None if row is None else _participant(row)

    def set_subjects(self, labels: Mapping[str, str]) -> None:
        """Write pseudonyms by participant id.  Raises InvalidInput when two of a project would share one."""
        check_deed()
        rows = [(label, id_) for id_, label in labels.items()]
        try:
            changed = execute_many("UPDATE haven_participant SET subject = %s WHERE id = %s", rows)
        except IntegrityError:
            raise _pseudonym_taken() from None
        check_changed(changed, wanted=len(rows))

    def set_participant_state(self, id_: str, state: ParticipantState) -> None:
        """Move a participant on; ``WITHDRAWN`` also removes the sealed name.  Nobody comes back (LookupError)."""
        check_deed()
        came_from = [one.value for one in _EARLIER[state]]
        rows = Participant.objects.filter(id=id_, state__in=came_from)
        if state is ParticipantState.WITHDRAWN:
            check_changed(rows.update(state=state.value, sealed_name=None))
        else:
            check_changed(rows.update(state=state.value))

    def add_consents(self, new: Iterable[KeptConsent]) -> None:
        """Record consents; the newest of a participant holds."""
        check_deed()
        Consent.objects.bulk_create(
            [
                Consent(
                    participant_id=one.participant,
                    details=to_json(one.consent),
                    evidence_digest=one.evidence_digest,
                    valid_from=one.consent.valid_from,
                    valid_until=one.consent.valid_until,
                    withdrawn_on=one.consent.withdrawn_on,
                    recorded_at=one.recorded_at,
                )
                for one in new
            ]
        )

    def consents(self, project: str) -> Mapping[str, KeptConsent]:
        """Give the consent recorded last of each participant of a project, by participant id.

        Last in the order of recording: a clock that went back does not revive an earlier consent.
        """
        of_project = Consent.objects.filter(participant__project_id=project)
        newest = of_project.order_by().values("participant_id").annotate(newest=Max("id")).values("newest")
        return {row.participant_id: _consent(row) for row in Consent.objects.filter(id__in=newest)}

    def consent_history(self, participant: str) -> Sequence[KeptConsent]:
        """Give all consents of a participant, oldest first."""
        return [_consent(row) for row in Consent.objects.filter(participant_id=participant).order_by("id")]

    def add_withdrawal(self, participant: str, kind: WithdrawalKind, *, at: datetime, by: str = "") -> KeptWithdrawal:
        """Record that a participant takes back consent, and who entered it."""
        check_deed()
        row = Withdrawal.objects.create(participant_id=participant, kind=kind.value, by=by, requested_at=at)
        return _withdrawal(Withdrawal.objects.select_related("participant").get(pk=row.pk))

    def withdrawals(self, *, project: str | None = None, open_only: bool = False) -> Sequence[KeptWithdrawal]:
        """Give withdrawals, oldest first; ``open_only``: those that still have no receipt."""
        rows = Withdrawal.objects.select_related("participant").order_by("id")
        if project is not None:
            rows = rows.filter(participant__project_id=project)
        if open_only:
            rows = rows.filter(done_at=None)
        return [_withdrawal(row) for row in rows]

    def appointed(self, *, on: date) -> Sequence[str]:
        """Give the active participants whose consent, as recorded last, ends by withdrawal on that day or before."""
        ends = Consent.objects.filter(withdrawn_on__lte=on, participant__state=ParticipantState.ACTIVE.value)
        ids = dict(ends.order_by().values_list("participant_id").annotate(newest=Max("id")))
        newest = Consent.objects.filter(participant_id__in=ids).order_by().values_list("participant_id")
        return sorted(id_ for id_, last in newest.annotate(newest=Max("id")) if ids[id_] == last)

    def finish_withdrawal(self, id_: int, receipt: Mapping[str, object], *, at: datetime) -> None:
        """Write the receipt, once (LookupError when there is one already)."""
        check_deed()
        check_changed(Withdrawal.objects.filter(id=id_, done_at=None).update(done_at=at, receipt=to_json(receipt)))


def _pseudonym_taken() -> InvalidInput:
    message = "two participants of a project would share one pseudonym"
    return InvalidInput(message, fix="give one of them another: two people must never become one")


def _participant_row(one: KeptParticipant, at: datetime) -> Participant:
    return Participant(
        id=one.id,
        project_id=one.project,
        recipient=one.recipient,
        state=one.state.value,
        subject=one.subject,
        sealed_name=one.sealed_name,
        created_at=at,
    )


def _participant(row: Participant) -> KeptParticipant:
    return KeptParticipant(
        id=row.id,
        project=row.project_id,
        recipient=row.recipient,
        state=ParticipantState(row.state),
        subject=row.subject,
        sealed_name=None if row.sealed_name is None else bytes(row.sealed_name),
    )


def _consent(row: Consent) -> KeptConsent:
    return KeptConsent(
        participant=row.participant_id,
        consent=from_json(row.details, ConsentValue),
        evidence_digest=row.evidence_digest,
        recorded_at=row.recorded_at,
    )


def _withdrawal(row: Withdrawal) -> KeptWithdrawal:
    return KeptWithdrawal(
        id=row.pk,
        participant=row.participant_id,
        project=row.participant.project_id,
        kind=WithdrawalKind(row.kind),
        by=row.by,
        requested_at=row.requested_at,
        done_at=row.done_at,
        receipt=row.receipt,
    )
