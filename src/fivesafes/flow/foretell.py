"""What a release would come to, told without doing it: nothing is opened, made or written.

What can change from one moment to the next is judged as it stands now: approval, plan, recipients, each consent, the
place, the reviews.  What only the work itself can tell is taken from the record of the last processing, as long as that
is about the candidate that waits, these series and this version; else it is told that this is not known yet.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from fivesafes.core.verdict import Finding, Gravity, Verdict, note, review
from fivesafes.flow.gate import nobody
from fivesafes.flow.haven.consent import judge_participant
from fivesafes.flow.haven.model import KeptProject, KeptSeries, SeriesState
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.haven.recall import Compared, to_compare
from fivesafes.flow.plan import Plan, make_plan
from fivesafes.flow.run import SAFES, judge_form
from fivesafes.flow.telling import form_digest
from fivesafes.output.airlock import after_looking, judge_reviews
from fivesafes.output.manifest import manifest_of
from fivesafes.setting.model import Fact
from fivesafes.setting.policy import judge_setting

_SOURCE: Final = "ARCHITECTURE: no evidence, no release"
_OPEN_REVIEW: Final = "output.review.open"
_LEFT_OUT: Final = frozenset({"refused", "held"})
_LEAVES_A_CANDIDATE: Final = frozenset({"ready", "review"})


class Would(StrEnum):
    """What a release would come to."""

    RELEASE = "release"
    REVIEW = "review"
    REFUSE = "refuse"
    PROCESS = "process"  # work waits whose outcome nobody knows yet


@frozen(kw_only=True)
class Last:
    """The last processing: its record (None: there was none), and where its candidate would wait."""

    record: Mapping[str, Any] | None
    candidate: Path
    versions: Mapping[str, str]


@frozen(kw_only=True)
class Foretold:
    """What would happen, and why.  ``series`` as ``release --json`` tells them, ``left_out`` counts those that stay."""

    would: Would
    plan: Plan
    verdicts: Mapping[str, Verdict]
    series: Sequence[Mapping[str, Any]]
    candidate: str | None
    compare: tuple[Compared, ...]
    left_out: int


@frozen(kw_only=True)
class _Present:
    """How things stand now: series of who agrees, and of who does not with the reason."""

    plan: Plan
    agreed: Mapping[str, KeptSeries]
    refused: Mapping[str, str]


def foretell(books: Books, kept: KeptProject, last: Last, *, place: Sequence[Fact], on: date) -> Foretold:
    """Say what a release of a project would come to on that day, by what stands in the books."""
    now = _present(books, kept, on=on)
    candidate = _candidate(last)
    waiting = _waiting(now, last, candidate, form_digest(kept.project, kept.rules))
    project, people = judge_form(kept.project, kept.recipients, now.plan, on=on)
    project += Verdict() if now.agreed else nobody()
    setting = judge_setting(place, kept.attestations, now.plan.controls.place, on=on)
    verdicts = {**dict.fromkeys(SAFES, Verdict()), "project": project, "people": people, "setting": setting}
    verdicts = _with_record(verdicts, last.record if not waiting else None)
    if waiting or candidate is None:
        verdicts["output"] += _unknown(waiting)
    else:
        verdicts = _looked_at(verdicts, kept, now.plan, candidate, on=on)
    gravest = max(verdict.gravity for verdict in verdicts.values())
    would = _would(gravest, waiting=bool(waiting))
    series = _series(now, last, waiting, would)
    leaving = {now.agreed[id_].participant for one in series if (id_ := one["id"]) in now.agreed and _leaves(one)}
    return Foretold(
        would=would,
        plan=now.plan,
        verdicts=verdicts,
        series=series,
        candidate=candidate,
        compare=to_compare(books, kept.id, sorted(leaving)) if leaving else (),
        left_out=sum(one["status"] in _LEFT_OUT for one in series),
    )


def _leaves(series: Mapping[str, Any]) -> bool:
    return series["status"] in {"ready", "would-release"}


def _present(books: Books, kept: KeptProject, *, on: date) -> _Present:
    people = {one.id: one for one in books.participants(kept.id)}
    consents = books.consents(kept.id)
    verdicts = {
        id_: judge_participant(person, consents.get(id_), kept.project.use, on=on, place=kept.project.shared_with)
        for id_, person in people.items()
    }
    rows = books.series(kept.id, SeriesState.SEALED, SeriesState.QUARANTINED)
    plan = make_plan(
        kept.project, [consents[id_].consent for id_, verdict in verdicts.items() if not verdict.refuses], on=on
    )
    return _Present(
        plan=plan,
        agreed={row.id: row for row in rows if not verdicts[row.participant].refuses},
        refused={
            row.id: verdicts[row.participant].findings[0].why for row in rows if verdicts[row.participant].refuses
        },
    )


def _candidate(last: Last) -> str | None:
    """Give the digest of the candidate that waits, if it is still the one that was judged; or that left already."""
    if last.record is None or last.record["candidate"] is None:
        return None
    named = str(last.record["candidate"])
    if last.candidate.is_dir():
        there = hashlib.sha256(manifest_of(last.candidate).encode()).hexdigest()
        return named if there == named else None
    return named if last.record["outcome"]["kind"] == "released" else None


def _waiting(now: _Present, last: Last, candidate: str | None, form: str) -> dict[str, str]:
    """Name the series that a release would work on first, with the reason."""
    record = last.record
    if record is None:
        return dict.fromkeys(now.agreed, "nothing was processed yet")
    tier = now.plan.decision.tier
    made_for = [record["form"], record["versions"], record["policy_digest"], record["tier"]["planned"]["tier"]]
    if made_for != [
        form,
        dict(last.versions),
        now.plan.controls.policy_digest,
        tier.label if tier is not None else None,
    ]:
        return dict.fromkeys(now.agreed, "the form, the plan or a version changed since the last processing")
    if record["outcome"]["kind"] in _LEAVES_A_CANDIDATE and record["candidate"] is not None and candidate is None:
        return dict.fromkeys(now.agreed, "the candidate of the last processing is gone, or was changed")
    done = {one["id"]: one for one in record["series"]}
    if gone := [id_ for id_, one in done.items() if one["status"] in {"ready", "released"} and id_ not in now.agreed]:
        why = f"{len(gone)} series of the last processing may leave no more: the candidate is made anew"
        return dict.fromkeys(now.agreed, why)
    return {id_: "not processed yet" for id_, row in now.agreed.items() if not _was_worked_on(row, done.get(id_))}


def _was_worked_on(row: KeptSeries, done: Mapping[str, Any] | None) -> bool:
    """Tell whether the last processing opened a series: one whose consent came later it only counted."""
    withheld = done is not None and done["subject"] == row.participant[:8]
    return done is not None and not withheld and row.state is not SeriesState.QUARANTINED


def _with_record(verdicts: dict[str, Verdict], record: Mapping[str, Any] | None) -> dict[str, Verdict]:
    """Add what the last processing found; what a look at the present says better is not taken from there."""
    if record is None:
        return verdicts
    kept = {safe: _verdict(record["verdicts"][safe]) for safe in ("project", "data", "output")}
    return {safe: verdict + kept.get(safe, Verdict()) for safe, verdict in verdicts.items()}


def _verdict(told: Mapping[str, Any]) -> Verdict:
    findings = (Finding(**{**one, "gravity": Gravity[one["gravity"].upper()]}) for one in told["findings"])
    return Verdict(tuple(one for one in findings if one.code != _OPEN_REVIEW))


def _looked_at(
    verdicts: Mapping[str, Verdict], kept: KeptProject, plan: Plan, candidate: str, *, on: date
) -> dict[str, Verdict]:
    """Judge the reviews of the candidate as they stand now, and take what reviewers accepted as notes."""
    investigator = kept.project.investigator
    open_ = judge_reviews(
        kept.reviews, candidate=candidate, needed=plan.controls.reviewers, investigator=investigator, today=on
    )
    return {
        safe: after_looking(
            verdict + (open_ if safe == "output" else Verdict()),
            kept.reviews,
            candidate=candidate,
            investigator=investigator,
            today=on,
        )
        for safe, verdict in verdicts.items()
    }


def _unknown(waiting: Mapping[str, str]) -> Verdict:
    """Say that nobody knows yet what the work will bring."""
    if not waiting:
        return note("output.not_judged", why="there is no candidate: the last processing made none", source=_SOURCE)
    reason = next(iter(waiting.values()))
    return review(
        "output.not_judged",
        why=f"{len(waiting)} series would be worked on first ({reason}): what they bring is not known yet",
        fix="fivesafes process, then ask again",
        source=_SOURCE,
    )


def _would(gravest: Gravity, *, waiting: bool) -> Would:
    if gravest is Gravity.REFUSE:
        return Would.REFUSE
    if waiting:
        return Would.PROCESS
    return Would.REVIEW if gravest is Gravity.REVIEW else Would.RELEASE


def _series(now: _Present, last: Last, waiting: Mapping[str, str], would: Would) -> list[dict[str, Any]]:
    """Tell of each series what would become of it."""
    done = {one["id"]: one for one in last.record["series"]} if last.record is not None else {}
    told = []
    for id_ in sorted({*now.agreed, *now.refused}):
        if id_ in now.refused:
            status, why = "refused", now.refused[id_]
        elif id_ in waiting:
            status, why = "would-process", waiting[id_]
        else:
            status, why = done[id_]["status"], done[id_]["why"]
        if status in {"ready", "released"}:
            status = "would-release" if would is Would.RELEASE else "ready"
        told.append({"id": id_, "status": status, "outputs": [], "why": why})
    return told
