"""Judgements of safe people.  Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.people.model import PeopleDemands, Recipient, Reviewer

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


def reviewer_named(named: str, reviewers: Iterable[Reviewer]) -> Reviewer | None:
    """Find the reviewer of this name or account; spaces and capitals do not tell people apart."""
    wanted = _plain(named)
    return next((one for one in reviewers if wanted and wanted in {_plain(one.name), _plain(one.account)}), None)


def judge_reviewer(named: str, reviewers: Sequence[Reviewer], *, investigator: str, on: date) -> Verdict:
    """Judge whether somebody may say on that day that they have looked; a name alone is no membership."""
    found = reviewer_named(named, reviewers)
    if found is None:
        return refuse(
            "people.reviewer.none",
            why="the person named is no reviewer of this project",
            fix="enter them as a [[reviewer]] of the study form, then: fivesafes project add STUDY.toml",
            source=_SOURCE,
        )
    if _plain(found.name) == _plain(investigator):
        return refuse(
            "people.reviewer.investigator",
            why="the investigator does not review what they answer for",
            fix="let another reviewer look",
            source=_SOURCE,
        )
    if not found.current(on):
        return refuse(
            "people.reviewer.ended",
            why=f"this reviewer's membership runs from {found.valid_from} to {found.valid_until}",
            fix="let another reviewer look, or enter the new term in the study form",
            source=_SOURCE,
        )
    return Verdict()


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
