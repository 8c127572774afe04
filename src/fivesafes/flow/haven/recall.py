"""Recall: who holds a release from which somebody withdrew is told what to delete, by the release's own pseudonym."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from fivesafes.core.verdict import Verdict
from fivesafes.flow.haven.model import KeptProject, KeptRelease, KeptWithdrawal, WithdrawalKind
from fivesafes.flow.haven.ports import Books

_ASKS: Mapping[WithdrawalKind, str] = {
    WithdrawalKind.FULL: "Delete all data of {who} from every copy that you hold, backups and derived data included, "
    "and use them no more.",
    WithdrawalKind.NO_FACE: "Delete every image of {who} that shows the face, and what shows it in derived data.  A "
    "new release without the face will follow.",
    WithdrawalKind.NO_PUBLIC: "Take the data of {who} out of every public place, and tell whoever you know to hold a "
    "copy.",
    WithdrawalKind.NO_FUTURE_USE: "Begin nothing new with the data of {who}; what is done may stay.",
}


@frozen(kw_only=True)
class Document:
    """Something to be kept and handed out: ``text`` for people, ``data`` for programs; one name, one thing."""

    project: str
    name: str
    text: str
    data: Mapping[str, object] = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the data as canonical JSON."""
        return hashlib.sha256(canonical(self.data)).hexdigest()


class Outbox(Protocol):
    """Keeps documents where the people who must send them find them."""

    def put(self, documents: Iterable[Document]) -> None:
        """Write each as text and JSON under its name; durable when it returns.  Done again, it replaces."""


class Differencing(Protocol):
    """Says what the difference between two releases would reveal (of somebody who is in one of them alone)."""

    def judge(self, earlier: KeptRelease, later: KeptRelease) -> Verdict:
        """Judge the pair before the later one leaves."""


def canonical(data: Mapping[str, object]) -> bytes:
    """Write data so that equal content is equal bytes."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def recall_notices(
    kept: KeptProject, release: KeptRelease, withdrawal: KeptWithdrawal, *, subject: str | None
) -> tuple[Document, ...]:
    """Write one notice for each recipient of a release; one without recipients is public, and its publisher is told.

    The notice names the person by the pseudonym that the release itself uses, and by nothing else.
    """
    recipients = release.recipients or ("whoever published it",)
    return tuple(
        _notice(kept, release, withdrawal, subject=subject, recipient=recipient, number=number)
        for number, recipient in enumerate(recipients, start=1)
    )


def _notice(
    kept: KeptProject,
    release: KeptRelease,
    withdrawal: KeptWithdrawal,
    *,
    subject: str | None,
    recipient: str,
    number: int,
) -> Document:
    who = f"sub-{subject}" if subject else "the participant named by the data office"
    data: dict[str, object] = {
        "schema": 1,
        "kind": "recall",
        "withdrawal": withdrawal.kind.value,
        "project": kept.id,
        "title": kept.project.title,
        "release": release.id,
        "manifest_sha256": release.digest,
        "destination": release.destination,
        "unfinished": str(Path(release.destination).with_name(release.part)) if release.part else None,
        "released_at": _moment(release.released_at),
        "recipient": recipient,
        "subjects": [f"sub-{subject}"] if subject else [],
        "asked_at": _moment(withdrawal.requested_at),
        "do": _ASKS[withdrawal.kind].format(who=who),
        "contact": kept.project.contact,
    }
    text = _letter(kept, release, withdrawal, who=who, recipient=recipient)
    name = f"recall-{release.id[:16]}-{withdrawal.id}-{number}"
    return Document(project=kept.id, name=name, text=text, data=data)


def _letter(kept: KeptProject, release: KeptRelease, withdrawal: KeptWithdrawal, *, who: str, recipient: str) -> str:
    return f"""\
RECALL OF DATA

To:        {recipient}
Project:   {kept.project.title} ({kept.id})
Release:   {release.id}, of {_moment(release.released_at)}
           manifest SHA-256 {release.digest}
           went to {release.destination}{_unfinished(release)}
Concerns:  {who}
Asked for: {_moment(withdrawal.requested_at)}

A participant has changed what may be done with their data.

{_ASKS[withdrawal.kind].format(who=who)}

Answer to {kept.project.contact}: what you deleted, where, and on which day.
"""


def _unfinished(release: KeptRelease) -> str:
    """Name the folder in which a delivery that was cut short may have left a part: nobody could look there."""
    if not release.part:
        return ""
    part = Path(release.destination).with_name(release.part)
    return f"\n           an unfinished copy may lie in {part}: delete it whole"


@frozen(kw_only=True)
class Compared:
    """An earlier release that a new one must be compared with, and how many people it holds whom the new one lacks.

    ``withdrawn`` of them have taken back their consent, all of it or a part.
    """

    release: KeptRelease
    missing: int
    withdrawn: int

    @property
    def why(self) -> str:
        """Say it in one sentence, without naming anybody."""
        people = "1 participant" if self.missing == 1 else f"{self.missing} participants"
        since = f", {self.withdrawn} of them withdrawn" if self.withdrawn else ""
        return f"it holds {people} whom this one does not{since}: the difference of the two is their data"


def to_compare(books: Books, project: str, members: Sequence[str]) -> tuple[Compared, ...]:
    """Give the earlier releases that hold somebody whom a new one, of these participants, does not.

    Their difference to the new one is that person's data (output checks call it differencing), so they are told to
    who checks the output, written into ``KeptRelease.compare``, and a ``Differencing`` must judge each pair.
    """
    staying = set(members)
    withdrawn = {one.participant for one in books.withdrawals(project=project)}
    missing = {one: set(one.participants) - staying for one in books.releases(project)}
    return tuple(
        Compared(release=one, missing=len(gone), withdrawn=len(gone & withdrawn))
        for one, gone in missing.items()
        if gone
    )


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
