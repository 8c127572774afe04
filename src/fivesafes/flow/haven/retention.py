"""Retention: what has ended stops work on the day; what is due is told; a project's disposal leaves a certificate.

``retain_until`` is the last day on which originals are kept.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from attrs import field, frozen

from fivesafes.core.errors import Refused, UsageMistake
from fivesafes.core.event import Event, Fact
from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.deliveries import Cleaner, sweep_deliveries
from fivesafes.flow.haven.model import (
    KeptParticipant,
    KeptProject,
    KeptSeries,
    ParticipantState,
    ProjectState,
    ReleaseState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.haven.recall import Document
from fivesafes.flow.haven.receipt import digest_of
from fivesafes.flow.haven.shredding import (
    FORGOTTEN,
    MEASURED,
    VERIFIED,
    Means,
    Sweep,
    forget_measured,
    swept_twice,
    untraced,
)
from fivesafes.flow.haven.withdraw import resume_withdrawals
from fivesafes.project.policy import judge_approval

CUSTODIANS: Final = 2
"""How many custodians must stand behind a disposal before its day."""
PROVED: Final = "by their keys"
"""How custodians behind a forced disposal are known: each opened something that the keyring has sealed to them."""
RETAIN: Final = "retain"
"""The verb of the events that tell of retention dates."""
_YEAR: Final = timedelta(days=365)
_NO_PROJECT: Final = "the haven has no project of this name"
_STAND_BEHIND: Final = "give a reason and the keys of two custodians who stand behind it (--reason, --identity twice)"
_SOURCE: Final = "Australian Code for the Responsible Conduct of Research 2018; ISO/IEC 27001:2022 A.8.10"
_WHY: Final = "the project was disposed of"
_TOLD: Final = ("participants", "series", "originals")
"""What of the certificate the trail tells: not files and bytes, by which two projects could be joined."""


@frozen(kw_only=True)
class Due:
    """What has ended in one project by a day; counts of participants, never who."""

    project: str
    approval_ended: bool = False
    disposal_due: bool = False
    retain_until: date | None = None
    consents_ended: int = 0
    withdrawals_due: int = 0
    withdrawals_open: int = 0

    @property
    def anything(self) -> bool:
        """Whether somebody should act."""
        return (
            self.approval_ended
            or self.disposal_due
            or self.consents_ended + self.withdrawals_due + self.withdrawals_open > 0
        )


@frozen(kw_only=True)
class Force:
    """A disposal before its day: the reason, and the custodians who proved by their keys that they stand behind it."""

    reason: str
    custodians: tuple[str, ...]


@frozen(kw_only=True)
class Disposal:
    """How far a disposal has come: its certificate, or what it still waits for."""

    certificate: Document | None = field(default=None, repr=False)
    waits_for: tuple[str, ...] = ()


def judge_work(kept: KeptProject, *, on: date) -> Verdict:
    """Judge whether any work may be done in a project on that day: open, and its approval in force."""
    if kept.state is not ProjectState.OPEN:
        return refuse(
            "project.closed",
            why=f"the project is {kept.state.value}",
            fix="register a new project for new work",
            source=_SOURCE,
        )
    return judge_approval(kept.project.approval, on=on)


def due(books: Books, *, on: date) -> tuple[Due, ...]:
    """Tell what has ended in each project that is not disposed of."""
    return tuple(_due_in(books, kept, on) for kept in books.projects() if kept.state is not ProjectState.DISPOSED)


def _due_in(books: Books, kept: KeptProject, on: date) -> Due:
    active = {one.id for one in books.participants(kept.id) if one.state is ParticipantState.ACTIVE}
    consents = [one.consent for id_, one in books.consents(kept.id).items() if id_ in active]
    return Due(
        project=kept.id,
        approval_ended=on > kept.project.approval.valid_until,
        disposal_due=kept.retain_until is not None and on > kept.retain_until,
        retain_until=kept.retain_until,
        consents_ended=sum(one.valid_until is not None and on > one.valid_until for one in consents),
        withdrawals_due=sum(one.withdrawn_on is not None and on >= one.withdrawn_on for one in consents),
        withdrawals_open=len(books.withdrawals(project=kept.id, open_only=True)),
    )


def judge_disposal(kept: KeptProject, *, on: date, custodians: frozenset[str], force: Force | None) -> Verdict:
    """Judge whether a project may be disposed of; before its day only with a reason and two custodians in force."""
    if kept.state is ProjectState.DISPOSED:
        return refuse("project.disposed", why="the project was disposed of before", fix="nothing", source=_SOURCE)
    if kept.retain_until is not None and on > kept.retain_until:
        return Verdict()
    until = f"to be kept until {kept.retain_until}" if kept.retain_until else "without a retention date"
    if force is None:
        return _refused(f"the project's originals are {until}", fix=f"wait; or {_STAND_BEHIND}")
    if lacks := _judge_force("a disposal before its day", force, custodians):
        return lacks
    return note("project.retention.forced", why=f"disposed of although {until}: {force.reason}", source=_SOURCE)


def judge_retention(
    kept: KeptProject, until: date, *, on: date, custodians: frozenset[str], force: Force | None
) -> Verdict:
    """Judge whether a retention date may be set: later is free, earlier needs what a disposal before its day needs.

    A first day is free from a year ahead: a nearer one would be a disposal of a project without a date.
    """
    if until >= (kept.retain_until or on + _YEAR):
        return Verdict()
    if kept.retain_until:
        what, why = "bringing the day forward", f"the project's originals are to be kept until {kept.retain_until}"
    else:
        what, why = "a first day within a year", "the project's originals have no retention date yet, and this is near"
    if force is None:
        return _refused(why, fix=f"name a later day; or {_STAND_BEHIND}")
    if lacks := _judge_force(what, force, custodians):
        return lacks
    return note("project.retention.forced", why=f"{why}; now until {until}: {force.reason}", source=_SOURCE)


def _judge_force(what: str, force: Force, custodians: frozenset[str]) -> Verdict | None:
    """Refuse without a reason, and without two custodians in force; None when they stand behind it."""
    if not force.reason.strip():
        return _refused(f"{what} needs a reason", fix="say why")
    named = set(force.custodians)
    if len(named) < CUSTODIANS or not named <= custodians:
        return _refused(
            f"{what} needs {CUSTODIANS} different custodians in force",
            fix="give the identity files of two of those whom `fivesafes vault custodians` lists",
        )
    return None


def _refused(why: str, *, fix: str) -> Verdict:
    return refuse("project.retention", why=why, fix=fix, source=_SOURCE)


def set_retention(
    books: Books, author: Author, project: str, until: date, *, custodians: frozenset[str], force: Force | None = None
) -> None:
    """Say until which day a project's originals are kept; the event keeps the former day.

    Raises Refused when it may not be, UsageMistake when there is no such project.
    """
    with books.deed():
        kept = books.project(project)  # within the deed: another may have set a later day a moment ago
        if kept is None:
            raise UsageMistake(_NO_PROJECT, fix="fivesafes status lists the projects")
        verdict = judge_retention(kept, until, on=author.clock().date(), custodians=custodians, force=force)
        if verdict.refuses:
            raise Refused(verdict.findings[0].why, fix=verdict.findings[0].fix)
        books.set_retention(project, until, at=author.clock())
        forced = force if verdict.findings else None
        event = author.event(
            RETAIN,
            f"project {project}",
            "brought forward" if forced and kept.retain_until else "set",
            project=project,
            purpose=forced.reason if forced else "",
            until=until.isoformat(),
            before=kept.retain_until.isoformat() if kept.retain_until else "",
            custodians=", ".join(sorted(set(forced.custodians))) if forced else "",
            proved=PROVED if forced else "",
        )
        books.tell(event)


def dispose(means: Means, project: str, *, custodians: frozenset[str], force: Force | None = None) -> Disposal:
    """Close a project and destroy its participants' keys and originals; keep the trail and a certificate.

    Interrupted, or waiting for a place that could not be reached, it goes on when it is run again in the same way.
    Raises Refused when it may not be.
    """
    kept = means.books.project(project)
    if kept is None:
        raise UsageMistake(_NO_PROJECT, fix="fivesafes status lists the projects")
    verdict = judge_disposal(kept, on=means.author.clock().date(), custodians=custodians, force=force)
    if verdict.refuses:
        raise Refused(verdict.findings[0].why, fix=verdict.findings[0].fix)
    if open_ := [one for one in resume_withdrawals(means, project=project) if not one.done]:
        return Disposal(waits_for=tuple(dict.fromkeys(reason for one in open_ for reason in one.waits_for)))
    _begin(means, kept, force)
    people = means.books.participants(project)
    if waits_for := swept_twice(_sweeps(means, kept, people)):
        return Disposal(waits_for=waits_for)
    if waits_for := _forget_names(means, people):
        return Disposal(waits_for=waits_for)
    certificate = _certificate(means, kept, people, force)
    means.outbox.put([certificate])
    _finish(means, kept, certificate, force)
    return Disposal(certificate=certificate)


def _begin(means: Means, kept: KeptProject, force: Force | None) -> None:
    """Stop every step in one deed; run again, it changes nothing more and says nothing twice."""
    books, at = means.books, means.author.clock()
    with books.deed():
        active = [one.id for one in books.participants(kept.id) if one.state is ParticipantState.ACTIVE]
        if kept.state is ProjectState.CLOSED and not active and books.participants(kept.id):
            return
        books.set_project_state(kept.id, ProjectState.CLOSED, at=at)
        for id_ in active:
            books.set_participant_state(id_, ParticipantState.WITHDRAWING)
        series = [one.id for one in books.series(kept.id)]
        means.jobs.cancel([*active, *series], at=at, why=_WHY)
        event = means.author.event(
            "dispose",
            kept.id,
            "begun",
            project=kept.id,
            purpose=force.reason if force else "",
            participants=len(active),
            custodians=", ".join(sorted(set(force.custodians))) if force else "",
            proved=PROVED if force else "",
        )
        books.tell(event)


def _sweeps(
    means: Means, kept: KeptProject, people: Sequence[KeptParticipant]
) -> Sequence[tuple[str, Callable[[], Sweep | int]]]:
    recipients = [*(one.recipient for one in people), kept.recipient]
    series = [one.id for one in means.books.series(kept.id)]
    event = means.author.event("dispose", kept.id, FORGOTTEN, project=kept.id)
    cleaner = Cleaner(books=means.books, deliveries=means.deliveries, author=means.author)
    return (
        ("keys", lambda: means.keys.destroy(people)),
        ("the project's keys", lambda: means.keys.destroy_project(kept.id)),
        ("originals", lambda: means.originals.shred(recipients)),
        ("derived work", lambda: means.workspaces.forget_project(kept.id)),
        (MEASURED, lambda: forget_measured(means, event, series=series, jobs=[*(one.id for one in people), *series])),
        ("deliveries", lambda: sweep_deliveries(cleaner, project=kept.id)),
    )


def _forget_names(means: Means, people: Sequence[KeptParticipant]) -> tuple[str, ...]:
    """Remove the sealed names, and then what the database may keep of them; say what is waited for.

    The state WITHDRAWN is what removes a sealed name; the project's state says why.
    """
    named = [one for one in people if one.state is not ParticipantState.WITHDRAWN]
    if named:
        with means.books.deed():
            for person in named:
                means.books.set_participant_state(person.id, ParticipantState.WITHDRAWN)
            project = named[0].project
            means.books.tell(means.author.event("dispose", project, "names removed", project=project))
    return untraced(means, "traces of the names")


def _left(books: Books, project: str) -> list[KeptSeries]:
    return [one for one in books.series(project) if one.state is not SeriesState.SHREDDED]


def _certificate(means: Means, kept: KeptProject, people: Sequence[KeptParticipant], force: Force | None) -> Document:
    """Write what was destroyed: counts and digests; it names no participant, not even by keyed id."""
    asked = means.books.withdrawals(project=kept.id)
    withdrawn = {one.participant for one in asked if one.kind is WithdrawalKind.FULL and one.done_at is not None}
    series, asides = _left(means.books, kept.id), means.books.asides(kept.id)
    approval = kept.project.approval
    data: dict[str, Any] = {
        "schema": 1,
        "kind": "disposal",
        "project": kept.id,
        "title": kept.project.title,
        "approval": {"committee": approval.committee, "number": approval.number},
        "retain_until": str(kept.retain_until) if kept.retain_until else None,
        "retention": [_day_set(one) for one in means.books.told_of(RETAIN, project=kept.id)],
        "forced": {"reason": force.reason, "custodians": sorted(set(force.custodians))} if force else None,
        "disposed_at": _moment(means.author.clock()),
        "disposed_by": means.author.name,
        "participants": sum(bool(one.recipient) for one in people),  # who withdrew unseen never had a key
        "withdrawn_before": len(withdrawn),
        "series": len(series),
        "files": sum(one.files for one in series) + len(asides),
        "bytes": sum(one.bytes for one in series) + sum(one.bytes for one in asides),
        "originals": digest_of([*(one.digest for one in series), *(one.address.hex() for one in asides)]),
        "releases_still_out": [
            one.id for one in means.books.releases(kept.id) if one.state is not ReleaseState.RECALLED
        ],
        "kept": ["the trail", "this certificate", "the records of releases"],
        "verified": VERIFIED,
    }
    return Document(project=kept.id, name="disposal", text=certificate_text(data), data=data)


def _day_set(event: Event) -> dict[str, Any]:
    """Tell of one retention date that was set, as the trail has it; ``before`` is the day that held until then."""
    return {
        "until": event.facts.get("until"),
        "before": event.facts.get("before") or None,
        "set_at": _moment(event.when),
        "set_by": event.actor,
        "reason": event.purpose,
        "custodians": [name for name in str(event.facts.get("custodians") or "").split(", ") if name],
    }


def _day_text(told: dict[str, Any]) -> str:
    forced = f": {told['reason']} ({', '.join(told['custodians'])}, proved {PROVED})" if told["reason"] else ""
    return f"  before that {told['before'] or 'no date'}; changed {told['set_at']} by {told['set_by']}{forced}"


def certificate_text(data: dict[str, Any]) -> str:
    """Write a certificate for people."""
    forced = data["forced"]
    lines = [
        "CERTIFICATE OF DISPOSAL",
        "",
        f"Project:    {data['title']} ({data['project']})",
        f"Approval:   {data['approval']['number']} of {data['approval']['committee']}",
        f"Kept until: {data['retain_until'] or 'no date was set'}",
        *map(_day_text, reversed(data["retention"])),
        f"Disposed:   {data['disposed_at']} by {data['disposed_by']}",
        *(
            [f"Before its day: {forced['reason']} ({', '.join(forced['custodians'])}, proved {PROVED})"]
            if forced
            else []
        ),
        "",
        f"Destroyed: the keys of {data['participants']} participants and of the project, wherever they lay;",
        f"  the sealed originals of {data['series']} series, {data['files']} files, {data['bytes']} bytes;",
        f"  digest over all of them {data['originals']};",
        "  all work derived from them that was not released.",
        f"Still out: {', '.join(data['releases_still_out']) or 'no release'}",
        f"Kept: {', '.join(data['kept'])}.",
        f"Verified: {data['verified']}.",
        "",
    ]
    return "\n".join(lines)


def _finish(means: Means, kept: KeptProject, certificate: Document, force: Force | None) -> None:
    """Write the end in one deed."""
    books, at = means.books, means.author.clock()
    with books.deed():
        now = books.project(kept.id)
        if now is not None and now.state is ProjectState.DISPOSED:
            return
        books.set_series_state([one.id for one in _left(books, kept.id)], SeriesState.SHREDDED, why=_WHY)
        books.forget_asides(kept.id)
        books.set_project_state(kept.id, ProjectState.DISPOSED, at=at)
        event = means.author.event(
            "dispose",
            kept.id,
            "done",
            project=kept.id,
            purpose=force.reason if force else "",
            certificate=certificate.digest,
            **{name: _fact(certificate.data[name]) for name in _TOLD},
        )
        books.tell(event)


def _fact(value: object) -> Fact:
    return value if isinstance(value, str | int) else None


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
