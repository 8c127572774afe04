"""Reviewing in a haven: what waits for people, their word, and the sealed pictures they may have to see."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fivesafes.core.errors import FiveSafesError, InvalidInput, Refused, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.model import KeptParticipant
from fivesafes.flow.haven.newcomers import read_name
from fivesafes.flow.plan import make_plan
from fivesafes.output.airlock import Review
from fivesafes.setting.vault.keys import open_identity, participant_key
from fivesafes.setting.vault.seal import Identity, unseal
from fivesafes.stores.identity_files import read_identity
from fivesafes.stores.workspaces import load_report
from fivesafes.wiring.consent import carry_on
from fivesafes.wiring.custodians import holder_of, write_out
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import record_review
from fivesafes.wiring.standing import check_access


def waiting_for(haven: OpenHaven, project: str) -> dict[str, Any]:
    """Tell what of a project waits for a person, from the record of the last processing."""
    kept = haven.project(project)
    private = haven.workspaces.private(project)
    record = load_report(private)
    plan = make_plan(kept.project, [], on=haven.clock().date())
    if record is None:
        return {
            "project": project,
            "candidate": None,
            "reviewed_by": [],
            "needed": 0,
            "waits": [],
            "compare": [],
            "report": None,
        }
    candidate = record["candidate"]
    reviewed = sorted({one.by for one in kept.reviews if candidate and one.candidate == candidate})
    accepted = frozenset().union(*(one.accepts for one in kept.reviews if one.candidate == candidate))
    waits = [
        {"safe": safe, "code": one["code"], "why": one["why"], "fix": one["fix"], "about": one["about"]}
        for safe, verdict in record["verdicts"].items()
        for one in verdict["findings"]
        if one["gravity"] == "review" and one["code"] not in accepted
    ]
    waits += [
        {
            "safe": "data",
            "code": "series",
            "why": one["why"],
            "fix": "look at its pictures",
            "about": f"series {one['id']}",
        }
        for one in record["series"]
        if one["status"] == "needs-review"
    ]
    return {
        "project": project,
        "candidate": candidate,
        "reviewed_by": reviewed,
        "needed": plan.controls.reviewers,
        "waits": waits,
        "compare": record["compare"],
        "report": str(private / "report.html"),
    }


def sign_review(haven: OpenHaven, project: str, *, by: str, candidate: str, accepts: frozenset[str]) -> None:
    """Record a person's look at exactly the candidate that waits.

    Raises UsageMistake for another candidate, Refused for somebody who is no reviewer of the project today.
    """
    record = load_report(haven.workspaces.private(project))
    if record is None or record["candidate"] is None:
        message = "there is no candidate to look at"
        raise UsageMistake(message, fix=f"fivesafes process {project}")
    if candidate != record["candidate"]:
        message = "the candidate that was looked at is not the one that waits now"
        raise UsageMistake(message, fix="look at the present one: its 64 digits are shown by  fivesafes review")
    review = Review(by=by, on=haven.clock().date(), candidate=candidate, accepts=accepts)
    record_review(haven, project, review)


def open_pictures(haven: OpenHaven, project: str, *, into: Path, identity: Path, reason: str) -> int:
    """Open the sealed pictures of a project's series into a new private folder; none of them when one does not open.

    The key is proved and the trail told before the first is opened.  Raises UsageMistake for a folder that is there or
    lies in the haven, Refused for a key that is nobody's here.
    """
    carry_on(haven)
    check_access(haven)
    key = read_identity(identity)
    if into.exists():
        message = "the folder for the pictures exists already"
        raise UsageMistake(message, fix="name a new one, and remove it when you have looked")
    if into.resolve().is_relative_to(haven.path.resolve()):
        message = "pictures of faces are not opened inside the haven"
        raise UsageMistake(message, fix="name a folder elsewhere, on an encrypted disk")
    haven.project(project)
    people = {one.id: one for one in haven.books.participants(project)}
    owners = {row.id: people[row.participant] for row in haven.books.series(project)}
    finished = haven.workspaces.private(project) / "finished"

    def series_of(picture: Path) -> str:
        return picture.parent.parent.name

    pictures = [one for one in sorted(finished.glob("*/pictures/*.age")) if series_of(one) in owners]
    with _told_honestly(haven, key, "unseal", f"pictures of {project}", project=project, reason=reason):

        def opened(picture: Path) -> bytes:
            return unseal(picture.read_bytes(), _identity_of(haven, owners[series_of(picture)], key))

        write_out(into, ((f"{series_of(one)}-{one.stem}", opened(one)) for one in pictures))
    return len(pictures)


def _identity_of(haven: OpenHaven, person: KeptParticipant, key: Identity) -> Identity:
    if not person.recipient:
        message = "this participant has no key"
        raise InvalidInput(message, fix="ask the custodian")
    return open_identity(haven.keyring, participant_key(person.id, person.recipient), key)


@contextmanager
def _told_honestly(
    haven: OpenHaven, key: Identity, verb: str, what: str, *, project: str, reason: str
) -> Iterator[None]:
    """Tell the trail that a custodian begins to open something, and then that it is opened, or that it was refused.

    Raises Refused, which the trail is told of too, when the key is of nobody who may open anything here.
    """
    name = holder_of(key)
    author = haven.author(f"custodian with {key.recipient[:16]}…" if name else f"stranger with {key.recipient[:16]}…")

    def tell(outcome: str) -> None:
        with haven.books.deed():
            haven.books.tell(author.event(verb, what, outcome, project=project, purpose=reason, proved=name))

    if not name:
        tell("refused")
        message = "this identity is nobody's here: it opens nothing, and the trail has it that it was tried"
        raise Refused(message, fix="give the identity of a custodian in force: fivesafes vault custodians")
    tell("begun")
    try:
        yield
    except FiveSafesError:
        tell("refused")
        raise
    tell("opened")


def reidentify(haven: OpenHaven, project: str, subject: str, *, identity: Path, reason: str) -> Identifying[str]:
    """Open the name behind a pseudonym with a custodian's identity; the trail has it before the name is opened.

    Raises UsageMistake when the project has no such pseudonym, Refused for a key that is nobody's here, KeyGone after a
    withdrawal, SealBroken when the participant's key or name is damaged.
    """
    carry_on(haven)
    check_access(haven)
    key = read_identity(identity)
    haven.project(project)
    found = [one for one in haven.books.participants(project) if subject in {one.subject, one.id}]
    if not found or found[0].sealed_name is None:
        message = "nothing is held under that pseudonym in this project"
        raise UsageMistake(message, fix="fivesafes consent show lists the project's pseudonyms")
    person = found[0]
    assert person.sealed_name is not None  # noqa: S101 - asked above
    with _told_honestly(haven, key, "reidentify", f"participant {person.id}", project=project, reason=reason):
        return read_name(unseal(person.sealed_name, _identity_of(haven, person, key)))
