"""What only a haven's books can tell: taken as it is told, and unknown where they are silent, wrong or broken."""

from attrs import define
from tests.setting.audit.made_up import NOW, Made

from fivesafes.core.errors import TryAgain
from fivesafes.setting.audit.books import BOOKS
from fivesafes.setting.audit.everything import collect_all
from fivesafes.setting.model import Fact, State
from fivesafes.setting.ports import HavenFacts


@define
class Books:
    """Answers every question with one state, but one that is about something else, and two that fail."""

    state: State

    def _said(self, control: str) -> Fact:
        return Fact(control=control, state=self.state, how="query", seen="told")

    def institutional_identity(self) -> Fact:
        """Answer."""
        return self._said("institutional_identity")

    def mfa_sessions(self) -> Fact:
        """Answer about something else."""
        return self._said("duties_apart")

    def memberships_current(self) -> Fact:
        """Fail on purpose."""
        message = "the database is locked"
        raise TryAgain(message, fix="wait")

    def duties_apart(self) -> Fact:
        """Fail by accident."""
        message = "hunter2"
        raise KeyError(message)

    def training_agreements(self) -> Fact:
        """Answer."""
        return self._said("training_agreements")

    def sealed_originals(self) -> Fact:
        """Answer."""
        return self._said("sealed_originals")

    def shredded_withdrawals(self) -> Fact:
        """Answer."""
        return self._said("shredded_withdrawals")

    def trail_whole(self) -> Fact:
        """Answer."""
        return self._said("trail_whole")

    def restore_tested(self) -> Fact:
        """Answer with the day of the test."""
        return Fact(control="restore_tested", state=self.state, how="query", seen="told", at=NOW.replace(year=2025))


def told(made: Made, haven: HavenFacts | None) -> dict[str, Fact]:
    """Look, and keep what the books told."""
    return {fact.control: fact for fact in collect_all(made.look, haven) if fact.control in BOOKS}


def test_the_books_are_taken_at_their_word(made: Made) -> None:
    """State and date are theirs; a fact without a date is of now."""
    for state in State:
        facts = told(made, Books(state))
        assert {facts[name].state for name in ("institutional_identity", "trail_whole", "sealed_originals")} == {state}
        assert facts["trail_whole"].at == NOW
        at = facts["restore_tested"].at
        assert at is not None
        assert at.year == 2025


def test_a_wrong_or_broken_answer_is_unknown(made: Made) -> None:
    """About something else, or none at all: unknown, with no more than what may be shown."""
    facts = told(made, Books(State.YES))
    assert {facts[name].state for name in ("mfa_sessions", "memberships_current", "duties_apart")} == {State.UNKNOWN}
    assert facts["memberships_current"].seen == "the database is locked"
    assert "hunter2" not in facts["duties_apart"].seen


def test_without_a_haven_the_books_are_unknown(made: Made) -> None:
    """All of them, with the reason."""
    facts = told(made, None)
    assert set(facts) == set(BOOKS)
    assert {(fact.state, fact.seen) for fact in facts.values()} == {(State.UNKNOWN, "no haven's books are at hand")}
