"""Judgements of safe people."""

from datetime import date

from attrs import evolve

from fivesafes.people.model import PeopleDemands, Recipient
from fivesafes.people.policy import judge_recipients

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
