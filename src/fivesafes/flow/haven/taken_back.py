"""What a participant took back, and what may give it back: only a consent that was signed anew.

A table may be older than what the haven knows.  Whether a line is newer can be told by one thing alone, the day on
which its consent begins; where that is not later, the line is taken for an old one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from attrs import evolve, frozen

from fivesafes.flow.haven.model import KeptConsent, KeptWithdrawal, WithdrawalKind
from fivesafes.flow.haven.ports import Books
from fivesafes.project.model import Consent


@frozen(kw_only=True)
class TakenBack:
    """Something taken back that still applies: the day, and the latest day on which a consent began that was before."""

    on: date
    begun: date

    def outlived_by(self, consent: Consent) -> bool:
        """Whether a consent is newer: it begins later than that day, and later than what was there before."""
        return consent.valid_from > max(self.on, self.begun)


def taken_back(
    books: Books, withdrawals: Iterable[KeptWithdrawal], kept: Mapping[str, KeptConsent]
) -> Mapping[str, Mapping[WithdrawalKind, TakenBack]]:
    """Give each participant's withdrawals that still apply: full ones, and partial ones that no renewal has lifted."""
    applies: dict[str, dict[WithdrawalKind, TakenBack]] = defaultdict(dict)
    for one in withdrawals:
        day = one.requested_at.date()
        newest = kept.get(one.participant)
        if (
            one.kind is WithdrawalKind.FULL
            or newest is None
            or narrowed(newest.consent, one.kind, on=day) == newest.consent
        ):
            before = [old for old in books.consent_history(one.participant) if old.recorded_at <= one.requested_at]
            begun = max((old.consent.valid_from for old in before), default=day)
            applies[one.participant][one.kind] = TakenBack(on=day, begun=begun)
    return applies


def narrowed(consent: Consent, kind: WithdrawalKind, *, on: date) -> Consent:
    """Take back a part of a consent, or all of it from that day on."""
    match kind:
        case WithdrawalKind.NO_FACE:
            return evolve(consent, face=False)
        case WithdrawalKind.NO_PUBLIC:
            return evolve(consent, public=False)
        case WithdrawalKind.NO_FUTURE_USE:
            return evolve(consent, future_use=False)
        case WithdrawalKind.FULL:
            first = on if consent.withdrawn_on is None else min(on, consent.withdrawn_on)
            return evolve(consent, withdrawn_on=first)


@frozen(kw_only=True)
class Said:
    """A later day of withdrawal, or a no, as the consent recorded last has it; ``back``: since when it stands."""

    consent: Consent
    back: TakenBack

    def undone_by(self, stated: Consent) -> tuple[str, ...]:
        """Say in words what recording this consent would take back; a nearer day takes nothing back."""
        day, no = self.consent.withdrawn_on, not self.consent.permissions
        told = ["the participant said no"] if no and stated.permissions else []
        if day is not None and (stated.withdrawn_on is None or stated.withdrawn_on > day):
            told.append(f"the haven is to destroy what it holds of the participant on {day}")
        return tuple(told)


def said_last(books: Books, kept: Mapping[str, KeptConsent]) -> Mapping[str, Said]:
    """Give, by participant, each later day and each no that stands in the consent recorded last."""
    said = {}
    for id_, one in kept.items():
        if one.consent.withdrawn_on is not None or not one.consent.permissions:
            begun = max(old.consent.valid_from for old in books.consent_history(id_))
            said[id_] = Said(consent=one.consent, back=TakenBack(on=one.recorded_at.date(), begun=begun))
    return said
