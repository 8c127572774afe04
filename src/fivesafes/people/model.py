"""Nouns of the people: who will receive the data, and what is known of them."""

from datetime import date

from attrs import frozen


@frozen(kw_only=True)
class Recipient:
    """Somebody who will hold the data, as the investigator enters them; dates are of the documents' signing."""

    name: str
    institution: str
    account: str
    mfa: bool
    agreement_signed: date | None
    training_on: date | None


@frozen(kw_only=True)
class Reviewer:
    """Somebody who may look at what waits and say so: a member of the project, from the first day to the last."""

    name: str
    institution: str
    account: str
    valid_from: date
    valid_until: date

    def current(self, on: date) -> bool:
        """Whether the membership holds on that day."""
        return self.valid_from <= on <= self.valid_until


@frozen(kw_only=True)
class PeopleDemands:
    """What a tier asks of the people who will hold the data.

    ``agreement_days`` and ``training_days``: how old each document may be; None where the tier asks for none.
    """

    named: bool
    mfa: bool
    agreement_days: int | None
    training_days: int | None
