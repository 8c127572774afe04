"""A haven's projects: registered, and their scans taken in."""

import os
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Progress
from fivesafes.data.bids.rules import Rule
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.flow.haven.consent import StatedConsent, plan_import, record_consents
from fivesafes.flow.haven.ingest import IngestReport, Intake, check_open, ingest
from fivesafes.flow.haven.model import KeptProject, ProjectState
from fivesafes.flow.receive import FolderSource, Received
from fivesafes.output.airlock import Review
from fivesafes.people.model import Recipient
from fivesafes.project.model import Project
from fivesafes.setting.keyring import KEY_BYTES, read_key
from fivesafes.setting.model import Attestation
from fivesafes.setting.vault.keys import add_identity, add_secret, pseudonym_key, quarantine_key
from fivesafes.wiring.consent import carry_on
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.run import executor

PROFILE: Final = "mri-research"


@frozen(kw_only=True)
class Registration:
    """What a project's form says."""

    project: Project
    recipients: tuple[Recipient, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    reviews: tuple[Review, ...] = ()
    rules: tuple[Rule, ...] = ()


def add_project(haven: OpenHaven, wish: Registration, *, key: Path | None) -> bool:
    """Register a project, or take over what its form says now; tell whether it is new.

    ``key`` adopts a pseudonym key from before, so that pseudonyms stay; without one a new key is made.  Reviews that
    were recorded in the haven stay.  Raises UsageMistake for another key than the project has.
    """
    project = wish.project.id
    author = haven.author("fivesafes project add")
    before = haven.books.project(project)
    if before is not None and key is not None:
        message = "the project has its key already, and pseudonyms must not change"
        raise UsageMistake(message, fix="leave --key out")
    with haven.keyring.working():
        if before is None:
            secret = read_key(key) if key is not None else os.urandom(KEY_BYTES)
            add_secret(haven.keyring, pseudonym_key(project), secret, haven.openers)
            recipient = add_identity(haven.keyring, partial(quarantine_key, project), haven.openers)
        else:
            recipient = before.recipient
        kept = KeptProject(
            project=wish.project,
            recipients=wish.recipients,
            attestations=wish.attestations,
            reviews=wish.reviews,
            rules=wish.rules,
            state=before.state if before else ProjectState.OPEN,
            recipient=recipient,
            retain_until=before.retain_until if before else None,
        )
        with haven.books.deed():
            there = haven.books.project(project)  # reviews may have been recorded a moment ago
            reviews = tuple(dict.fromkeys((*(there.reviews if there else ()), *wish.reviews)))
            haven.books.save_project(evolve(kept, reviews=reviews), at=haven.clock())
            outcome = "registered" if before is None else "changed"
            haven.books.tell(author.event("project", f"project {project}", outcome, project=project))
    return before is None


def record_stated(haven: OpenHaven, project: str, stated: Sequence[StatedConsent], *, table: str) -> int:
    """Record the consents of a table; give how many are new or changed.  Raises InvalidInput for wrong lines."""
    plan = plan_import(
        haven.books,
        project,
        stated,
        table=table,
        keyed=haven.addresser(project).participant,
        on=haven.clock().date(),
    )
    with haven.keyring.working():
        author = haven.author("fivesafes project add")
        record_consents(haven.books, plan, newcomers=haven.newcomers(project), author=author)
    return len(plan.record)


def set_retention(haven: OpenHaven, project: str, until: date) -> None:
    """Say until which day a project's originals are kept."""
    author = haven.author("fivesafes project retain")
    with haven.books.deed():
        haven.books.set_retention(project, until, at=haven.clock())
        haven.books.tell(author.event("retain", f"project {project}", "set", project=project, until=until.isoformat()))


def record_review(haven: OpenHaven, project: str, review: Review) -> None:
    """Record that somebody has looked at a candidate, and what they accept."""
    author = haven.author(f"reviewer {review.by}")
    with haven.books.deed():
        kept = haven.project(project)  # another may have recorded theirs a moment ago
        haven.books.save_project(evolve(kept, reviews=(*kept.reviews, review)), at=haven.clock())
        accepts = " ".join(sorted(review.accepts))
        event = author.event("review", f"candidate {review.candidate}", "looked", project=project, accepts=accepts)
        haven.books.tell(event)


def intake_pseudonyms(haven: OpenHaven, project: str) -> Pseudonyms:
    """Give the keyed names that ingest uses for series: of the address key, so that no pseudonym is known there."""
    return Pseudonyms(haven.addresser(project).of(b"names of series"), project)


def look_at(
    haven: OpenHaven, project: str, paths: Sequence[Path], *, workers: int | None, progress: Progress
) -> Received:
    """Look at every file below some folders, and write nothing."""
    profile = load_profile(PROFILE)
    seen = [
        FolderSource(path=Identifying(path)).receive(
            executor=executor(workers),
            profile=profile,
            pseudonyms=intake_pseudonyms(haven, project),
            progress=progress,
        )
        for path in paths
    ]
    return _joined(seen)


def ingest_paths(
    haven: OpenHaven, project: str, paths: Sequence[Path], *, workers: int | None, progress: Progress
) -> IngestReport:
    """Seal the scans below some folders into the vault.  Raises Refused when the project may take nothing in."""
    carry_on(haven)
    kept = haven.project(project)
    intake = Intake(
        books=haven.books,
        vault=haven.vault(project),
        addresser=haven.addresser(project),
        newcomers=haven.newcomers(project),
        author=haven.author("fivesafes ingest"),
        progress=progress,
    )
    check_open(kept, intake)
    reports = []
    for path in paths:
        received = look_at(haven, project, [path], workers=workers, progress=progress)
        with haven.keyring.working():
            reports.append(ingest(kept, received, intake))
    return IngestReport(
        series=tuple(one for report in reports for one in report.series),
        set_aside=tuple(one for report in reports for one in report.set_aside),
        newcomers=sum(report.newcomers for report in reports),
    )


def _joined(seen: Sequence[Received]) -> Received:
    return Received(
        series=tuple(one for received in seen for one in received.series),
        set_aside=tuple(one for received in seen for one in received.set_aside),
    )
