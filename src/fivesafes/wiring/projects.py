"""A haven's projects: registered, and their scans taken in."""

import hmac
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import FiveSafesError, Refused, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Progress
from fivesafes.data.bids.rules import Rule
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.flow.haven.consent import ImportPlan, StatedConsent, plan_import
from fivesafes.flow.haven.entered import record_consents
from fivesafes.flow.haven.ingest import check_open, ingest
from fivesafes.flow.haven.intake import IngestReport, Intake
from fivesafes.flow.haven.model import KeptProject, ProjectState
from fivesafes.flow.receive import FolderSource, Received
from fivesafes.output.airlock import Review
from fivesafes.people.model import Recipient, Reviewer
from fivesafes.people.policy import judge_reviewer, reviewer_named
from fivesafes.project.model import Project
from fivesafes.setting.keyring import KEY_BYTES, read_key
from fivesafes.setting.model import Attestation
from fivesafes.setting.vault.keys import add_identity, add_secret, pseudonym_key, quarantine_key
from fivesafes.stores.not_scans import scans_alone
from fivesafes.wiring.consent import carry_on
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.run import executor
from fivesafes.wiring.vault import keeper_of

PROFILE: Final = "mri-research"


@frozen(kw_only=True)
class Registration:
    """What a project's form says."""

    project: Project
    recipients: tuple[Recipient, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    reviews: tuple[Review, ...] = ()
    reviewers: tuple[Reviewer, ...] = ()
    rules: tuple[Rule, ...] = ()


def add_project(haven: OpenHaven, wish: Registration, *, key: Path | None) -> bool:
    """Register a project, or take over what its form says now; tell whether it is new.

    ``key`` adopts a pseudonym key from before, so that pseudonyms stay; without one a new key is made.  Reviews that
    were recorded in the haven stay.  Raises UsageMistake for another key than the project has, Refused for a review by
    somebody who is no reviewer, and as ``_first_keys`` does.
    """
    carry_on(haven)
    project = wish.project.id
    author = haven.author("fivesafes project add")
    before = haven.books.project(project)
    _check_reviews(wish, before)
    if before is not None and key is not None:
        message = "the project has its key already, and pseudonyms must not change"
        raise UsageMistake(message, fix="leave --key out")
    with haven.keyring.working():
        recipient = _first_keys(haven, project, key=key) if before is None else before.recipient
        kept = KeptProject(
            project=wish.project,
            recipients=wish.recipients,
            attestations=wish.attestations,
            reviews=wish.reviews,
            reviewers=wish.reviewers,
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


def _first_keys(haven: OpenHaven, project: str, *, key: Path | None) -> str:
    """Make a new project's keys, or adopt its pseudonym key from before; give the recipient of what it sets aside.

    Raises Refused when a registration that was interrupted left a pseudonym key which is another, or may be.
    """
    secret = read_key(key) if key is not None else os.urandom(KEY_BYTES)
    if not add_secret(haven.keyring, pseudonym_key(project), secret, haven.openers) and key is not None:
        _check_same(haven, project, secret)
    return add_identity(haven.keyring, partial(quarantine_key, project), haven.openers)


def _check_same(haven: OpenHaven, project: str, secret: bytes) -> None:
    try:
        with keeper_of(haven.config, haven.keys) as keeper:
            same = hmac.compare_digest(keeper.project_key(project), secret)
    except FiveSafesError:  # this machine can't open it, so nobody here knows
        same = False
    if not same:
        message = "a registration that was interrupted left another pseudonym key for this project, or one that may be"
        fix = "remove what no project has: fivesafes vault verify --clean; then run this again"
        raise Refused(message, fix=fix)


def record_stated(haven: OpenHaven, project: str, stated: Sequence[StatedConsent], *, table: str) -> ImportPlan:
    """Record the consents of a table; give what that was.  Raises InvalidInput for wrong lines."""
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
    return plan


def record_review(haven: OpenHaven, project: str, review: Review) -> None:
    """Record that somebody has looked at a candidate, and what they accept.

    Raises Refused when whom it names is no reviewer of the project on that day; nothing is recorded then.
    """
    with haven.books.deed():
        kept = haven.project(project)  # another may have recorded theirs a moment ago
        entered = _by_a_reviewer(review, kept.reviewers, investigator=kept.project.investigator)
        haven.books.save_project(evolve(kept, reviews=(*kept.reviews, entered)), at=haven.clock())
        event = haven.author(f"reviewer {entered.by}").event(
            "review",
            f"candidate {entered.candidate}",
            "looked",
            project=project,
            accepts=" ".join(sorted(entered.accepts)),
            known=entered.known,
        )
        haven.books.tell(event)


def _check_reviews(wish: Registration, before: KeptProject | None) -> None:
    """Refuse a form with a review by nobody who may look; those that were recorded before have been judged."""
    known = before.reviews if before is not None else ()
    for review in wish.reviews:
        if review not in known:  # whole: one that accepts more than it did was never judged
            _by_a_reviewer(review, wish.reviewers, investigator=wish.project.investigator)


def _by_a_reviewer(review: Review, reviewers: Sequence[Reviewer], *, investigator: str) -> Review:
    """Give the review under the name that the form has.  Raises Refused when it is nobody's who may look."""
    verdict = judge_reviewer(review.by, reviewers, investigator=investigator, on=review.on)
    found = reviewer_named(review.by, reviewers)
    if verdict.refuses or found is None:
        raise Refused(verdict.findings[0].why, fix=verdict.findings[0].fix)
    return evolve(review, by=found.name)


def intake_pseudonyms(haven: OpenHaven, project: str) -> Pseudonyms:
    """Give the keyed names that ingest uses for series: of the address key, so that no pseudonym is known there."""
    return Pseudonyms(haven.addresser(project).of(b"names of series"), project)


def look_at(
    haven: OpenHaven, project: str, paths: Sequence[Path], *, workers: int | None, progress: Progress
) -> Received:
    """Look at every file below some folders, and write nothing.  Raises UsageMistake as ``scans_alone``."""
    profile = load_profile(PROFILE)
    seen = [
        FolderSource(path=Identifying(path)).receive(
            executor=executor(workers),
            profile=profile,
            pseudonyms=intake_pseudonyms(haven, project),
            progress=progress,
        )
        for path in scans_alone(paths, haven=haven.config)
    ]
    return _joined(seen)


def ingest_paths(
    haven: OpenHaven, project: str, paths: Sequence[Path], *, workers: int | None, progress: Progress
) -> IngestReport:
    """Seal the scans below some folders into the vault, each folder once.

    Raises Refused when the project may take nothing in, UsageMistake as ``scans_alone``.
    """
    carry_on(haven)
    folders = scans_alone(paths, haven=haven.config)
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
    for path in folders:
        received = look_at(haven, project, [path], workers=workers, progress=progress)
        with haven.keyring.working():
            reports.append(ingest(kept, received, intake))
    return IngestReport(
        series=tuple(one for report in reports for one in report.series),
        set_aside=tuple(one for report in reports for one in report.set_aside),
        newcomers=sum(report.newcomers for report in reports),
        asides_healed=sum(report.asides_healed for report in reports),
    )


def _joined(seen: Sequence[Received]) -> Received:
    return Received(
        series=tuple(one for received in seen for one in received.series),
        set_aside=tuple(one for received in seen for one in received.set_aside),
    )
