"""Consents of a haven: imported all or nothing, changed with their history kept, never widened by a mistake."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import Refused, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.core.verdict import Verdict, refuse
from fivesafes.flow.haven.model import (
    KeptConsent,
    KeptParticipant,
    ParticipantState,
    ProjectState,
    WithdrawalKind,
)
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.haven.taken_back import Said, TakenBack, narrowed, said_last, taken_back
from fivesafes.flow.haven.wrong_lines import WrongLines
from fivesafes.project.model import Consent, IntendedUse, Tier
from fivesafes.project.policy import judge_consent

Keyed = Callable[[Identifying[str]], str]
"""Gives a participant's keyed id."""

_WITHDRAWN_FOR_GOOD: Final = "the participant has withdrawn, and what was held is destroyed: no consent can be added"
_WITHDREW_UNSEEN: Final = "the participant withdrew before anything was received, and the line says yes"
_SIGNED_ANEW: Final = "leave the line out; or, with a newer consent signed, enter its days under valid and add --renew"
_STAYS: Final = (
    "leave the line out, or let it say what is recorded; with a newer consent signed, enter its days under valid and "
    "add --renew; what was entered by mistake: add --renew-of with whom it names (fivesafes consent import)"
)
_SHOWN: Final = 12
"""How many digits of a keyed id are shown: as many as commands take for it."""
_LEAVE_OUT: Final = "leave the line out, or write the day into withdrawn; who takes part again gets a new identifier"


@frozen(kw_only=True)
class StatedConsent:
    """One row of a table: what it says, whose it is, and the line on which it stands.

    ``public_stated``: the table says something on public sharing; ``evidence_digest``: SHA-256 of the signed form.
    """

    line: int
    participant: Identifying[str]
    consent: Consent
    public_stated: bool = False
    evidence_digest: str | None = None


@frozen(kw_only=True)
class StatedNo:
    """One row that says no: whose it is, and the line on which it stands."""

    line: int
    participant: Identifying[str]


class Permit(StrEnum):
    """What an import may do beyond recording consents; each is asked for by an option of its own."""

    WITHDRAW = "withdraw"  # rows with a day of withdrawal destroy what is held
    RENEW = "renew"  # a newer consent gives back what was taken back, or takes somebody in who withdrew unseen


class Change(StrEnum):
    """What a row changes."""

    NEW = "new"
    CHANGED = "changed"
    RENEWED = "renewed"
    ENDED = "ended"  # the row says no: nothing is destroyed, and nothing is done any more


@frozen(kw_only=True)
class ToRecord:
    """A consent that will be recorded; ``before`` is what was recorded when that was planned."""

    participant: str
    consent: Consent
    before: Consent | None
    evidence_digest: str
    change: Change


@frozen(kw_only=True)
class Unseen:
    """Somebody who withdrew before anything of theirs was received, or a mistyped identifier: nobody can tell.

    ``noted``: the books know of it already.
    """

    line: int
    participant: str
    consent: Consent
    noted: bool


@frozen(kw_only=True)
class ImportPlan:
    """What importing a table would do; nothing is written yet.

    ``declined``: rows that say no where no consent is recorded; ``missing``: participants with a consent who are not in
    the table any more; ``taken_back``: rows to which a recorded partial withdrawal still applies; ``later``: rows whose
    withdrawal lies in the future.
    """

    project: str
    newcomers: tuple[Identifying[str], ...]
    record: tuple[ToRecord, ...]
    withdraw: tuple[str, ...]
    unchanged: int
    withdrawn_before: int
    unseen: tuple[Unseen, ...]
    declined: int
    taken_back: int
    later: int
    missing: tuple[str, ...]

    @property
    def changes(self) -> Mapping[Change, int]:
        """Count what will be recorded, by kind."""
        return {change: sum(one.change is change for one in self.record) for change in Change}


def plan_import(  # noqa: PLR0913 - what may be taken back is asked for apart from what may be done
    books: Books,
    project: str,
    stated: Sequence[StatedConsent | StatedNo],
    *,
    table: str,
    keyed: Keyed,
    on: date,
    permits: frozenset[Permit] = frozenset(),
    mistaken: frozenset[str] = frozenset(),
) -> ImportPlan:
    """Compare a table with what is recorded.

    ``mistaken``: keyed ids of those whose later day of withdrawal, or whose no, was entered by mistake: of them, and
    of nobody else, an older line may take it back.

    Raises InvalidInput with every line that can't be imported, Refused when the project takes nothing in any more.
    """
    check_open(books, project)
    known = {one.id: one for one in books.participants(project)}
    kept = books.consents(project)
    taken = taken_back(books, books.withdrawals(project=project), kept)
    said = said_last(books, kept)
    wrong = WrongLines(table)
    sorter = _Sorter(known=known, kept=kept, taken=taken, said=said, on=on, permits=permits, mistaken=mistaken)
    seen: set[str] = set()
    for row in stated:
        id_ = keyed(row.participant)
        if id_ in seen:
            wrong.add(row.line, "the participant stands in an earlier line too")
            continue
        seen.add(id_)
        fault = sorter.sort(id_, row)
        if fault is not None:
            wrong.add(row.line, fault[0], fix=fault[1])
    wrong.raise_any()
    missing = sorted(id_ for id_ in kept if id_ not in seen and known[id_].state is ParticipantState.ACTIVE)
    return sorter.plan(project, missing)


def check_open(books: Books, project: str) -> None:
    """Raise UsageMistake where there is no such project, Refused where it takes no consents in any more."""
    found = books.project(project)
    if found is None:
        message = "the haven has no project of this name"
        raise UsageMistake(message, fix="fivesafes project add STUDY.toml; fivesafes status lists the projects")
    if found.state is not ProjectState.OPEN:
        message = f"the project is {found.state.value}: it takes no consents in"
        raise Refused(message, fix="withdrawals are still possible: fivesafes consent withdraw")


_Taken = Mapping[WithdrawalKind, TakenBack]


class _Sorter:
    """Sorts rows into what they change."""

    def __init__(
        self,
        *,
        known: Mapping[str, KeptParticipant],
        kept: Mapping[str, KeptConsent],
        taken: Mapping[str, _Taken],
        said: Mapping[str, Said],
        on: date,
        permits: frozenset[Permit],
        mistaken: frozenset[str],
    ) -> None:
        self._known, self._kept, self._taken, self._said = known, kept, taken, said
        self._on, self._permits, self._mistaken = on, permits, mistaken
        self._newcomers: list[Identifying[str]] = []
        self._record: list[ToRecord] = []
        self._withdraw: list[str] = []
        self._unseen: list[Unseen] = []
        self._unchanged = self._before = self._overlaid = self._later = self._declined = 0

    def sort(self, id_: str, row: StatedConsent | StatedNo) -> tuple[str, str] | None:
        """Sort one row; give the reason and the remedy when it can't be imported."""
        if isinstance(row, StatedNo):
            self._sort_no(id_)
            return None
        person = self._known.get(id_)
        if row.consent.withdrawn_on is not None and row.consent.withdrawn_on <= self._on:
            return self._sort_withdrawn(id_, row, person)
        if person is not None and person.state is not ParticipantState.ACTIVE:
            return self._sort_again(id_, row)
        taken = self._taken.get(id_, {})
        renews = Permit.RENEW in self._permits and all(one.outlived_by(row.consent) for one in taken.values())
        if taken and not renews and (fault := self._widens(row, taken)) is not None:
            return fault
        said = self._said.get(id_)
        undone = () if said is None else said.undone_by(row.consent)
        if said is not None and undone and (fault := self._keeps(id_, row.consent, said)) is not None:
            return fault
        consent = row.consent
        if taken and not renews:
            for kind in taken:
                consent = narrowed(consent, kind, on=self._on)
            self._overlaid += 1
        self._later += row.consent.withdrawn_on is not None
        if person is None:
            self._newcomers.append(row.participant)
        renewed = bool(undone) or (bool(taken) and renews)
        self._compare(id_, evolve(row, consent=consent), Change.RENEWED if renewed else Change.CHANGED)
        return None

    def _keeps(self, id_: str, consent: Consent, said: Said) -> tuple[str, str] | None:
        """Refuse a row that takes a later day or a no back: unless it is newer, or that was named as a mistake."""
        newer = said.back.outlived_by(consent)
        if id_ in self._mistaken or (newer and Permit.RENEW in self._permits):
            return None
        subject = self._known[id_].subject
        who = f"sub-{subject} ({id_[:_SHOWN]}…)" if subject else f"{id_[:_SHOWN]}…"
        why = f"{'; and '.join(said.undone_by(consent))}: the line would take that back of {who}"
        older = "" if newer or Permit.RENEW not in self._permits else ", and does not begin after it was recorded"
        return f"{why}{older}", _STAYS

    def _sort_withdrawn(self, id_: str, row: StatedConsent, person: KeptParticipant | None) -> tuple[str, str] | None:
        if person is None or self._withdrew_unseen(id_) is not None:
            noted = person is not None
            self._unseen.append(Unseen(line=row.line, participant=id_, consent=row.consent, noted=noted))
        elif person.state is not ParticipantState.ACTIVE:
            self._before += 1
        elif Permit.WITHDRAW not in self._permits:
            why = "the participant has withdrawn: importing this would destroy what is held, which can't be undone"
            return why, "check the day, then run it again with --withdraw; --dry-run counts what would be withdrawn"
        else:
            self._withdraw.append(id_)
        return None

    def _withdrew_unseen(self, id_: str) -> date | None:
        """Give the day on which somebody withdrew of whom nothing was ever held; None for anybody else."""
        person, kept = self._known.get(id_), self._kept.get(id_)
        if person is None or person.state is not ParticipantState.WITHDRAWN or person.recipient or kept is None:
            return None
        return None if WithdrawalKind.FULL in self._taken.get(id_, {}) else kept.consent.withdrawn_on

    def _sort_again(self, id_: str, row: StatedConsent) -> tuple[str, str] | None:
        """Sort a consent of somebody who withdrew: only where nothing was ever held may a newer one count."""
        withdrew = self._withdrew_unseen(id_)
        if withdrew is None:
            return _WITHDRAWN_FOR_GOOD, _LEAVE_OUT
        if Permit.RENEW not in self._permits or row.consent.valid_from <= withdrew:
            return _WITHDREW_UNSEEN, _SIGNED_ANEW
        self._later += row.consent.withdrawn_on is not None
        self._newcomers.append(row.participant)
        self._compare(id_, row, Change.RENEWED)
        return None

    def _sort_no(self, id_: str) -> None:
        """Sort a no: a consent in the books loses what it permits, and keeps its days and what was taken back."""
        person, kept = self._known.get(id_), self._kept.get(id_)
        if person is None or kept is None or not kept.consent.permissions:
            self._declined += 1
        elif person.state is not ParticipantState.ACTIVE:
            self._before += 1
        else:
            ended = evolve(kept.consent, permissions=frozenset())
            digest = row_digest(id_, ended)
            self._record.append(_to_record(id_, ended, kept, digest, Change.ENDED))

    def _widens(self, row: StatedConsent, taken: _Taken) -> tuple[str, str] | None:
        """Refuse a row that says yes to what was taken back."""
        said = {
            WithdrawalKind.NO_FACE: row.consent.face,
            WithdrawalKind.NO_PUBLIC: row.public_stated and row.consent.public,
        }
        back = [kind for kind in taken if said.get(kind)]
        if not back:
            return None
        why = f"the participant took this back ({', '.join(sorted(back))}), and the line says yes"
        if Permit.RENEW in self._permits:
            return f"{why}; it does not begin after that day", "enter the days of the newer consent under valid"
        return why, "write no; or, with a newer consent signed, enter its days under valid and add --renew"

    def _compare(self, id_: str, row: StatedConsent, change: Change) -> None:
        before = self._kept.get(id_)
        same = before is not None and before.consent == row.consent
        if before is not None and same and row.evidence_digest in {None, before.evidence_digest}:
            self._unchanged += 1
            return
        digest = row.evidence_digest or row_digest(id_, row.consent)
        change = Change.NEW if before is None else change
        self._record.append(_to_record(id_, row.consent, before, digest, change))

    def plan(self, project: str, missing: Sequence[str]) -> ImportPlan:
        """Sum up."""
        return ImportPlan(
            project=project,
            newcomers=tuple(self._newcomers),
            record=tuple(self._record),
            withdraw=tuple(self._withdraw),
            unchanged=self._unchanged,
            withdrawn_before=self._before,
            unseen=tuple(self._unseen),
            declined=self._declined,
            taken_back=self._overlaid,
            later=self._later,
            missing=tuple(missing),
        )


def _to_record(id_: str, consent: Consent, kept: KeptConsent | None, digest: str, change: Change) -> ToRecord:
    before = kept.consent if kept is not None else None
    return ToRecord(participant=id_, consent=consent, before=before, evidence_digest=digest, change=change)


def row_digest(participant: str, consent: Consent) -> str:
    """Digest a row that no signed form goes with: SHA-256 over the keyed id and the consent as recorded.

    The identifier itself takes no part: a digest of so few digits could be guessed.
    """
    row = {
        "participant": participant,
        "permissions": sorted(f"{one.use.value} {one.disease or ''}".strip() for one in consent.permissions),
        "conditions": sorted(consent.conditions),
        "face": consent.face,
        "public": consent.public,
        "future_use": consent.future_use,
        "valid_from": str(consent.valid_from),
        "valid_until": str(consent.valid_until),
        "withdrawn_on": str(consent.withdrawn_on),
    }
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def told_digest(participant: str, evidence: str) -> str:
    """Bind a signed form's digest to a participant: trails of two projects that were given one form share no value.

    SHA-256 over the keyed id, a zero byte and the form's digest in hexadecimal.  Who has the form can check it.
    """
    return hashlib.sha256(f"{participant}\0{evidence}".encode()).hexdigest()


def judge_participant(
    person: KeptParticipant, kept: KeptConsent | None, use: IntendedUse, *, on: date, place: Tier | None = None
) -> Verdict:
    """Judge whether any step may touch this participant's data today: state first, then consent."""
    if person.state is not ParticipantState.ACTIVE:
        return refuse(
            "project.participant.withdrawn",
            why="the participant has withdrawn",
            fix="leave the scans out; a withdrawal is for good",
            source="National Statement (AU) 2023, 2.2; GDPR Art. 17",
            about=person.id,
        )
    return judge_consent(kept.consent if kept else None, use, on=on, place=place)
