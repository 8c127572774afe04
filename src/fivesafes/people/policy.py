"""Judgements of safe people.  Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.people.model import PeopleDemands, Recipient

_SOURCE = "Five Safes (ONS, UK Data Service): safe people"


def judge_recipients(recipients: Sequence[Recipient], demands: PeopleDemands, *, on: date) -> Verdict:
    """Judge whether everybody who will hold the data may; a tier that names nobody asks for nobody."""
    if not demands.named:
        return note(
            "people.public", why="a public release names no recipients: its readers can't be asked", source=_SOURCE
        )
    if not recipients:
        return refuse(
            "people.recipients.none",
            why="this tier shares with named people only, and none is named",
            fix="add a [[recipient]] for each person who will hold the data",
            source=_SOURCE,
        )
    return Verdict.all_of(
        verdict
        for number, recipient in enumerate(recipients, start=1)
        for verdict in _judge_one(recipient, demands, about=f"recipient {number}", on=on)
    )


def _judge_one(recipient: Recipient, demands: PeopleDemands, *, about: str, on: date) -> Iterable[Verdict]:
    if not recipient.institution or not recipient.account:
        yield refuse(
            "people.account.none",
            why=f"{about} has no institutional account",
            fix="enter institution and account; a private e-mail or social account does not count",
            source="T. Close, ISMRM 2021: institutional accounts are preferred",
            about=about,
        )
    if demands.mfa and not recipient.mfa:
        yield refuse(
            "people.mfa.none",
            why=f"{about} logs in without a second factor",
            fix="have the institution switch it on, then set mfa = true",
            source="REFEDS MFA profile",
            about=about,
        )
    documents = (
        ("agreement", recipient.agreement_signed, demands.agreement_days, "a data use agreement"),
        ("training", recipient.training_on, demands.training_days, "training in safe research"),
    )
    for word, signed, days, document in documents:
        if days is not None and not _fresh(signed, days=days, on=on):
            yield refuse(
                f"people.{word}.stale",
                why=f"{about} has no {document.removeprefix('a ')} of the last {days} days",
                fix="have it signed or renewed, then enter its date",
                source=_SOURCE,
                about=about,
            )


def _fresh(signed: date | None, *, days: int, on: date) -> bool:
    return signed is not None and signed <= on <= signed + timedelta(days=days)
