"""Reviewing in a haven: what waits for people, their word, and the sealed pictures they may have to see."""

import os
from pathlib import Path
from typing import Any

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.model import KeptParticipant
from fivesafes.flow.haven.newcomers import read_name
from fivesafes.flow.plan import make_plan
from fivesafes.output.airlock import Review
from fivesafes.setting.vault.keys import open_identity, participant_key
from fivesafes.setting.vault.seal import Identity, unseal
from fivesafes.stores.keyring_files import read_identity
from fivesafes.stores.workspaces import load_report
from fivesafes.wiring.consent import carry_on
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
    """Open the sealed pictures of a project's series into a new private folder, recorded before the first is opened."""
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
    author = haven.author(f"custodian with {key.recipient[:16]}…")
    with haven.books.deed():
        event = author.event("unseal", f"pictures of {project}", "begun", project=project, purpose=reason)
        haven.books.tell(event)
    into.mkdir(mode=0o700)
    finished = haven.workspaces.private(project) / "finished"
    count = 0
    for sealed in sorted(finished.glob("*/pictures/*.age")):
        series = sealed.parent.parent.name
        if series not in owners:
            continue
        content = unseal(sealed.read_bytes(), _identity_of(haven, owners[series], key))
        target = into / f"{series}-{sealed.name.removesuffix('.age')}"
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        count += 1
    return count


def _identity_of(haven: OpenHaven, person: KeptParticipant, key: Identity) -> Identity:
    if not person.recipient:
        message = "this participant has no key"
        raise InvalidInput(message, fix="ask the custodian")
    return open_identity(haven.keyring, participant_key(person.id, person.recipient), key)


def reidentify(haven: OpenHaven, project: str, subject: str, *, identity: Path, reason: str) -> Identifying[str]:
    """Open the name behind a pseudonym with a custodian's identity; the trail has it before the name is opened.

    Raises UsageMistake when the project has no such pseudonym, KeyGone after a withdrawal.
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
    author = haven.author(f"custodian with {key.recipient[:16]}…")
    with haven.books.deed():
        haven.books.tell(
            author.event("reidentify", f"participant {person.id}", "opened", project=project, purpose=reason)
        )
    assert person.sealed_name is not None  # noqa: S101 - asked above
    return read_name(unseal(person.sealed_name, _identity_of(haven, person, key)))
