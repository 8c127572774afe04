"""Judgements of safe people."""

from datetime import date

from attrs import evolve

from fivesafes.people.model import PeopleDemands, Recipient, Reviewer
from fivesafes.people.policy import judge_recipients, judge_reviewer

TODAY = date(2026, 6, 1)
ASKS = PeopleDemands(named=True, mfa=True, agreement_days=365, training_days=365)
GOOD = Recipient(
    name="B",
    institution="University",
    account="b@university.example",
    mfa=True,
    agreement_signed=date(2026, 1, 1),
    training_on=date(2026, 1, 1),
)


def codes(*recipients: Recipient, demands: PeopleDemands = ASKS) -> set[str]:
    """Judge and give the refusing codes."""
    return {f.code for f in judge_recipients(recipients, demands, on=TODAY).findings if f.gravity.word == "refuse"}


def test_a_complete_recipient_passes() -> None:
    """Nothing is held against somebody who has everything."""
    assert codes(GOOD) == set()


def test_each_missing_thing_refuses_with_its_own_code() -> None:
    """One fault, one code."""
    assert codes(evolve(GOOD, account="")) == {"people.account.none"}
    assert codes(evolve(GOOD, mfa=False)) == {"people.mfa.none"}
    assert codes(evolve(GOOD, agreement_signed=None)) == {"people.agreement.stale"}
    assert codes(evolve(GOOD, training_on=date(2024, 1, 1))) == {"people.training.stale"}


def test_a_document_of_tomorrow_is_no_document() -> None:
    """A date in the future is a typing mistake or worse."""
    assert codes(evolve(GOOD, agreement_signed=date(2026, 6, 2))) == {"people.agreement.stale"}


def test_a_tier_that_names_people_refuses_nobody() -> None:
    """Absence refuses."""
    assert codes() == {"people.recipients.none"}


def test_a_public_release_asks_nobody() -> None:
    """Its readers can't be asked, and the verdict says so."""
    free = PeopleDemands(named=False, mfa=False, agreement_days=None, training_days=None)
    assert codes(demands=free) == set()


CHECKER = Reviewer(
    name="Grace Checker",
    institution="University",
    account="grace@university.example",
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
)


def reviewing(named: str, *, on: date = TODAY, investigator: str = "Dr A. Person") -> set[str]:
    """Judge and give the refusing codes."""
    found = judge_reviewer(named, [CHECKER], investigator=investigator, on=on)
    return {one.code for one in found.findings if one.gravity.word == "refuse"}


def test_a_reviewer_of_the_project_may_review_by_name_or_account() -> None:
    """However it is spaced and capitalised; both days of the term count."""
    assert reviewing("grace  CHECKER") == set()
    assert reviewing("grace@university.example", on=date(2026, 1, 1)) == set()
    assert reviewing("Grace Checker", on=date(2026, 12, 31)) == set()


def test_who_is_no_reviewer_or_no_longer_one_may_not() -> None:
    """A typed name is not enough, nor a term that has ended, nor being the investigator oneself."""
    assert reviewing("Somebody Else") == {"people.reviewer.none"}
    assert reviewing("") == {"people.reviewer.none"}
    assert reviewing("Grace Checker", on=date(2027, 1, 1)) == {"people.reviewer.ended"}
    assert reviewing("Grace Checker", on=date(2025, 12, 31)) == {"people.reviewer.ended"}
    assert reviewing("Grace Checker", investigator="grace checker") == {"people.reviewer.investigator"}
