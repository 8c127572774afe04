"""What a haven's books tell the setting audit: each fact looked at now, and unknown where nobody could know."""

from datetime import date, timedelta
from typing import Final

from attrs import frozen

from fivesafes.core.errors import FiveSafesError
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import ParticipantState
from fivesafes.people.model import Recipient
from fivesafes.setting.model import Fact, State
from fivesafes.setting.trail.ports import WitnessSettings
from fivesafes.setting.vault.keys import PARTICIPANTS
from fivesafes.stores.trail import last_of
from fivesafes.wiring.custodians import verify
from fivesafes.wiring.found import CUSTODIANS
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.trail_facts import trail_whole

SAMPLE: Final = 20
"""Originals that an audit opens, chosen at random."""
_YEAR: Final = timedelta(days=365)


@frozen
class BooksFacts:
    """Implements ``setting.ports.HavenFacts`` on an open haven."""

    haven: OpenHaven
    witnesses: tuple[WitnessSettings, ...] = ()

    def institutional_identity(self) -> Fact:
        """Nobody logs in yet: whoever may run the commands on this machine may."""
        seen = "the haven has no log-in of its own yet: the machine's accounts decide"
        return self._fact("institutional_identity", State.UNKNOWN, "books", seen)

    def mfa_sessions(self) -> Fact:
        """As ``institutional_identity``."""
        return self._fact("mfa_sessions", State.UNKNOWN, "books", "the haven has no sessions of its own yet")

    def memberships_current(self) -> Fact:
        """Count the reviewers' terms; who else may run the commands, the machine's accounts decide."""
        today = self.haven.clock().date()
        reviewers = [one for kept in self.haven.books.projects() for one in kept.reviewers]
        ended = sum(not one.current(today) for one in reviewers)
        seen = f"{len(reviewers)} reviewers have a term, {ended} of them not today; nobody logs in yet"
        return self._fact("memberships_current", State.UNKNOWN, "books", seen)

    def duties_apart(self) -> Fact:
        """Look for custodians' keys: on the machine that processes, they make its operator a custodian."""
        how = "the haven's key folder"
        if any((self.haven.keys / CUSTODIANS).glob("*")):
            seen = "custodians' keys lie on this machine: carry them away"
            return self._fact("duties_apart", State.NO, how, seen)
        seen = "no custodian's key lies in the key folder; who holds them, the machine can't see"
        return self._fact("duties_apart", State.UNKNOWN, how, seen)

    def training_agreements(self) -> Fact:
        """Every recipient of every open project has an agreement and training of the last year."""
        today = self.haven.clock().date()
        recipients = [one for kept in self.haven.books.projects() for one in kept.recipients]
        if not recipients:
            return self._fact("training_agreements", State.UNKNOWN, "books", "no project names a recipient")
        lacking = sum(not _current(one, today) for one in recipients)
        seen = f"{len(recipients)} recipients, {lacking} without an agreement and training of the last year"
        return self._fact("training_agreements", State.NO if lacking else State.YES, "books", seen)

    def sealed_originals(self) -> Fact:
        """Open a sample of the vault's objects and compare each with its address."""
        how = f"vault verify --sample {SAMPLE}"
        try:
            found = verify(self.haven, identity=None, sample=SAMPLE, progress=Silent())
        except FiveSafesError as error:
            return self._fact("sealed_originals", State.UNKNOWN, how, error.what)
        if found.objects == 0:
            return self._fact("sealed_originals", State.UNKNOWN, how, "the vault is empty")
        verdict = found.verdict()
        seen = verdict.findings[0].why if verdict.findings else ""
        if verdict.refuses:
            return self._fact("sealed_originals", State.NO, how, seen)
        state = State.YES if found.opened else State.UNKNOWN
        return self._fact("sealed_originals", state, how, f"{found.opened} of {found.objects} objects opened and equal")

    def shredded_withdrawals(self) -> Fact:
        """Every full withdrawal has its receipt, and no key of who withdrew lies in the keyring."""
        books = self.haven.books
        open_ = books.withdrawals(open_only=True)
        gone = {
            one.id
            for kept in books.projects()
            for one in books.participants(kept.id)
            if one.state is not ParticipantState.ACTIVE
        }
        try:
            left = sum(_owner(name) in gone for name in self.haven.keyring.names(PARTICIPANTS))
        except FiveSafesError as error:
            return self._fact("shredded_withdrawals", State.UNKNOWN, "books and keyring", error.what)
        seen = f"{len(gone)} withdrew, {len(open_)} withdrawals unfinished, {left} of their keys left"
        return self._fact("shredded_withdrawals", State.NO if open_ or left else State.YES, "books and keyring", seen)

    def trail_whole(self) -> Fact:
        """Verify the chain against what the witnesses show now."""
        state, seen = trail_whole(self.haven, self.witnesses)
        return self._fact("trail_whole", state, "trail verify, notes read back from witnesses", seen)

    def restore_tested(self) -> Fact:
        """When a restore of this haven was last told in its trail."""
        how = "trail: restore test"
        event = last_of("restore test")
        if event is None:
            return self._fact("restore_tested", State.UNKNOWN, how, "no restore was tested: fivesafes backup test")
        state = State.YES if event.outcome == "equal" else State.NO
        return Fact(control="restore_tested", state=state, how=how, seen=f"a test was {event.outcome}", at=event.when)

    def _fact(self, control: str, state: State, how: str, seen: str) -> Fact:
        return Fact(control=control, state=state, how=how, seen=seen, at=self.haven.clock())


def _current(one: Recipient, today: date) -> bool:
    return all(_within_a_year(day, today) for day in (one.agreement_signed, one.training_on))


def _within_a_year(day: date | None, today: date) -> bool:
    return day is not None and day <= today <= day + _YEAR


def _owner(name: str) -> str:
    return name.removeprefix(PARTICIPANTS).partition(".")[0]
