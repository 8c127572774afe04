"""``fivesafes consent``: import and show consents, withdraw participants, print receipts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fivesafes.core.errors import InvalidInput, PartlyDone, UsageMistake
from fivesafes.interfaces.cli.ahead import ahead_words
from fivesafes.interfaces.cli.asking import SHOWN, asked_for, by_label, check_named
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, witnessed
from fivesafes.interfaces.cli.importing import carry_out, check_unseen, read_table, tell_import
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.flow.haven.model import KeptConsent, KeptParticipant, WithdrawalKind
    from fivesafes.flow.haven.withdraw import Withdrawn
    from fivesafes.wiring.consent import Desk

_PATH: Final = click.Path(path_type=Path)
_FILE: Final = click.option(
    "--participant-file", type=_PATH, help="A file with the participant's identifier on its only line."
)
_FORGET: Final = "fivesafes backup forget FOLDER"
_WAIT: Final = (
    "wait for what is named: a worker lets go by itself (fivesafes status shows it); mend what does not answer"
)
KINDS: Final = ("full", "no-future-use", "no-face", "no-public")


@click.group()
def command() -> None:
    """Import consents, show them, withdraw participants, print receipts."""


@command.command("import")
@click.argument("project")
@click.argument("table", type=_PATH)
@click.option("--redcap", type=_PATH, help="TABLE is a raw REDCap export; this TOML file says which field means what.")
@click.option("--evidence", type=_PATH, help="The folder of the signed forms that the table names.")
@click.option("--withdraw", is_flag=True, help="Carry out the withdrawals that the table holds: it destroys data.")
@click.option(
    "--renew", is_flag=True, help="Let consents newer than a withdrawal give back what was taken; each is told."
)
@click.option(
    "--renew-of",
    "mistaken",
    multiple=True,
    metavar="WHO",
    help="Of WHO (sub-…, keyed id) a later day of withdrawal, or a no, was a mistake: the line counts; several may be.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--by", default="fivesafes consent import", help="Who does it, for the trail.")
@haven_option
@json_option
def import_(  # noqa: PLR0913 - click hands over one argument per option
    project: str,
    table: Path,
    *,
    redcap: Path | None,
    evidence: Path | None,
    withdraw: bool,
    renew: bool,
    mistaken: tuple[str, ...],
    dry_run: bool,
    by: str,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Import a table of consents, all of it or nothing.

    A wrong line keeps every other out, and all wrong lines are told.  The same table again changes nothing.  A
    participant who is no longer in it keeps their consent: withdrawing is a deed of its own.  A withdrawal of whom
    nothing was ever received is kept, and told by its line: is the identifier right?

    A later day of withdrawal, and a no, stay whatever an older table says: a newer consent and --renew take them back,
    or --renew-of, for a mistake.
    """
    from fivesafes.flow.haven.consent import Permit, plan_import  # noqa: PLC0415 - help stays quick

    check_named(by)
    said = read_table(table, redcap=redcap, evidence=evidence)
    permits = frozenset(permit for permit, wanted in ((Permit.WITHDRAW, withdraw), (Permit.RENEW, renew)) if wanted)
    with _desk(haven, by=by) as desk:
        waiting = () if dry_run else _resume(desk)
        plan = plan_import(
            desk.means.books,
            project,
            (*said.stated, *said.declined),
            table=table.name,
            keyed=desk.keyed(project),
            on=desk.means.author.clock().date(),
            permits=permits,
            mistaken=frozenset(by_label(desk, project, (who,)).id for who in mistaken),
        )
        withdrawn = [] if dry_run else carry_out(desk, plan)
        labels = {one.id: _label(one) for one in desk.means.books.participants(project)}
    carried = [*waiting, *withdrawn]
    tell_import(plan, labels, without=said.without, waits_for=_reasons(carried), dry_run=dry_run, as_json=as_json)
    _check_waiting(carried)
    check_unseen(plan)


@command.command()
@click.argument("project")
@click.argument("participant", nargs=-1)
@haven_option
@json_option
def show(project: str, participant: tuple[str, ...], *, haven: Path | None, as_json: bool) -> None:
    """Show consents by pseudonym.

    With a PARTICIPANT (sub-…, keyed id or its first 12 digits), the whole history of their consent.  A day to come on
    which the haven destroys what it holds of somebody stands in their line.
    """
    from fivesafes.flow.haven.appointed import ahead_in  # noqa: PLC0415 - help stays quick

    with _desk(haven, by="fivesafes consent show") as desk:
        _resume(desk)
        books, today = desk.means.books, desk.means.author.clock().date()
        _check_project(desk, project)
        ahead = ahead_in(books, project, on=today)
        if participant:
            one = by_label(desk, project, participant)
            rows = [_row(one, kept) for kept in books.consent_history(one.id)] or [_row(one, None)]
        else:
            consents = books.consents(project)
            rows = [_row(one, consents.get(one.id)) for one in books.participants(project)]
    told = {
        "withdrawals_ahead": ahead.participants,
        "next_withdrawal": ahead.nearest.isoformat() if ahead.nearest else None,
    }
    counts = Counter(row["state"] if row["state"] != "active" or row["uses"] else "no consent" for row in rows)
    if as_json:
        emit_json({"project": project, "counts": dict(sorted(counts.items())), **told, "participants": rows})
        return
    for number, row in enumerate(rows, start=1):
        stands = not participant or number == len(rows)
        click.echo(f"{_recorded(row) if participant else ''}{_line(row)}{_end(row, today) if stands else _former(row)}")
    click.echo(", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "nobody takes part yet")
    if words := ahead_words(project, told):
        click.echo(words)


@command.command()
@click.argument("project")
@click.argument("participant", nargs=-1)
@_FILE
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the participant takes back.")
@click.option("--by", required=True, help="Who carries it out: it stands in the receipt.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@click.option("--dry-run", is_flag=True, help="Say what would be destroyed and recalled, and do nothing.")
@haven_option
@json_option
def withdraw(  # noqa: PLR0913 - click hands over one argument per option
    project: str,
    participant: tuple[str, ...],
    *,
    participant_file: Path | None,
    kind: str,
    by: str,
    yes: bool,
    dry_run: bool,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Withdraw a participant, in full or in part.

    The identifier (as the scans' PatientID has it) is asked for, or read from --participant-file or standard input: a
    command line is seen by everybody on the machine and stays in the shell's history.  A pseudonym (sub-…) or a keyed
    id may be given as PARTICIPANT.

    full destroys the originals, the name and all work made of them, and recalls releases; it can't be undone.
    no-future-use keeps what is done and begins nothing new; no-face keeps the face out; no-public ends public sharing.
    """
    from fivesafes.flow.haven.model import WithdrawalKind  # noqa: PLC0415 - help stays quick
    from fivesafes.flow.haven.withdraw import withdraw as withdraw_participant  # noqa: PLC0415 - as above

    check_named(by)
    with _desk(haven, by=by) as desk:
        waiting = () if dry_run else _resume(desk)
        _check_project(desk, project)
        person = asked_for(desk, project, participant, participant_file, must_ask=not yes and not dry_run)
        if dry_run:
            _foretell(desk, person, WithdrawalKind(kind), as_json=as_json)
            return
        if not yes:
            _confirm(desk, person, kind)
        done = withdraw_participant(desk.means, person.id, WithdrawalKind(kind))
    _tell_withdrawn(person, done, as_json=as_json)
    _check_waiting([*waiting, done])


@command.command()
@click.argument("project")
@click.argument("participant", nargs=-1)
@_FILE
@click.option("--all", "everybody", is_flag=True, help="All receipts of the project.")
@haven_option
@json_option
def receipt(
    project: str,
    participant: tuple[str, ...],
    *,
    participant_file: Path | None,
    everybody: bool,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Print a withdrawal's receipt.

    It is for the participant or the committee, and names nobody but by pseudonym.
    """
    with _desk(haven, by="fivesafes consent receipt") as desk:
        waiting = _resume(desk)
        _check_project(desk, project)
        person = None if everybody else asked_for(desk, project, participant, participant_file, must_ask=False)
        found = [
            dict(one.receipt)
            for one in desk.means.books.withdrawals(project=project)
            if one.receipt is not None and person in {None, desk.means.books.participant(one.participant)}
        ]
    if as_json:
        emit_json({"project": project, "receipts": found})
    for one in () if as_json else found:
        _print_receipt(one)
    _check_waiting(waiting)
    if not found:
        message = "there is no receipt: nothing was withdrawn, or a withdrawal is still under way"
        raise InvalidInput(message, fix="fivesafes consent show lists the participants' states")


@contextmanager
def _desk(haven: Path | None, *, by: str) -> "Iterator[Desk]":
    """Open a haven for work on consents; what was told goes to its witnesses at the end."""
    from fivesafes.wiring.consent import desk_at  # noqa: PLC0415 - help stays quick

    with witnessed(haven) as opened, desk_at(opened, by=by) as desk:
        yield desk


def _resume(desk: "Desk") -> "tuple[Withdrawn, ...]":
    """Go on with withdrawals that are under way, before anything else; tell of those that came to their end."""
    from fivesafes.flow.haven.appointed import begin_appointed  # noqa: PLC0415 - help stays quick
    from fivesafes.flow.haven.withdraw import resume_withdrawals  # noqa: PLC0415 - as above

    begin_appointed(desk.means)
    carried = resume_withdrawals(desk.means)
    for one in carried:
        if one.done:
            click.echo("a withdrawal that was under way is done now", err=True)
    return carried


def _reasons(carried: "Sequence[Withdrawn]") -> list[str]:
    return sorted({reason for one in carried for reason in one.waits_for})


def _check_waiting(carried: "Sequence[Withdrawn]") -> None:
    """Raise PartlyDone when a withdrawal still waits for a place that could not be reached."""
    if reasons := _reasons(carried):
        from fivesafes.flow.haven.shredding import AWAY  # noqa: PLC0415 - help stays quick

        message = "a withdrawal is not done yet (no step touches the data any more): " + "; ".join(reasons)
        fixes = ["then any command of the haven goes on"]
        if any(AWAY in reason for reason in reasons):
            fixes.insert(0, f"make reachable what {AWAY}; a backup of keys that was destroyed: {_FORGET}")
        if any(AWAY not in reason for reason in reasons):
            fixes.insert(0, _WAIT)
        raise PartlyDone(message, fix="; ".join(fixes))


def _check_project(desk: "Desk", project: str) -> None:
    if desk.means.books.project(project) is None:
        message = "the haven has no project of this name"
        raise UsageMistake(message, fix="fivesafes status lists the projects")


def _confirm(desk: "Desk", person: "KeptParticipant", kind: str) -> None:
    books = desk.means.books
    series, releases = len(books.series_of(person.id)), len(books.releases(participant=person.id))
    click.echo(f"{_label(person)}: {series} series, in {releases} releases; withdrawal: {kind}", err=True)
    if kind == "full":
        click.echo("The originals will be destroyed.  Nobody can bring them back.", err=True)
    click.confirm("Go on?", abort=True, err=True)


def _tell_withdrawn(person: "KeptParticipant", done: "Withdrawn", *, as_json: bool) -> None:
    receipt = dict(done.withdrawal.receipt or {})
    if as_json:
        emit_json(
            {
                "project": person.project,
                "participant": person.id,
                "subject": _label(person),
                "kind": done.withdrawal.kind.value,
                "done": done.done,
                "waits_for": list(done.waits_for),
                "receipt": receipt or None,
            }
        )
    elif done.done:
        _print_receipt(receipt)


def _foretell(desk: "Desk", person: "KeptParticipant", kind: "WithdrawalKind", *, as_json: bool) -> None:
    from fivesafes.flow.haven.foretold import foretell_withdrawal  # noqa: PLC0415 - help stays quick

    would = foretell_withdrawal(desk.means, person, kind)
    if as_json:
        told = {
            "series": would.series,
            "files": would.files,
            "bytes": would.bytes,
            "set_aside": would.set_aside,
            "releases": list(would.releases),
        }
        about = {"project": person.project, "participant": person.id, "subject": _label(person), "kind": kind.value}
        emit_json({**about, "dry_run": True, "would": told})
        return
    click.echo(f"{_label(person)}: withdrawal {kind.value}")
    click.echo(f"would destroy the originals of {would.series} series: {would.files} files, {would.bytes / 1e6:.1f} MB")
    click.echo(f"would recall: {', '.join(would.releases) or 'no release'}")
    click.echo("nothing was done (--dry-run)")


def _label(one: "KeptParticipant") -> str:
    return f"sub-{one.subject}" if one.subject else one.id


def _row(one: "KeptParticipant", kept: "KeptConsent | None") -> dict[str, Any]:
    consent = kept.consent if kept else None
    return {
        "id": one.id,
        "subject": f"sub-{one.subject}" if one.subject else None,
        "state": one.state.value,
        "uses": sorted(f"{p.use.name}:{p.disease}" if p.disease else p.use.name for p in consent.permissions)
        if consent
        else [],
        "conditions": sorted(condition.name for condition in consent.conditions) if consent else [],
        "face": consent.face if consent else None,
        "public": consent.public if consent else None,
        "future_use": consent.future_use if consent else None,
        "valid_from": str(consent.valid_from) if consent else None,
        "valid_until": str(consent.valid_until) if consent and consent.valid_until else None,
        "withdrawn_on": str(consent.withdrawn_on) if consent and consent.withdrawn_on else None,
        "evidence_sha256": kept.evidence_digest if kept else None,
        "recorded_at": kept.recorded_at.isoformat() if kept else None,
    }


def _line(row: Mapping[str, Any]) -> str:
    who = row["subject"] or f"{row['id'][:SHOWN]}…"
    if not row["uses"]:
        return f"{who:<16} {row['state']:<12} no consent"
    less = [name for name, key in (("no face", "face"), ("not public", "public"), ("nothing new", "future_use"))
            if not row[key]]  # fmt: skip
    until = row["valid_until"] or ".."
    terms = " ".join([*row["uses"], *row["conditions"]])
    return f"{who:<16} {row['state']:<12} {terms}  {row['valid_from']}/{until}  {', '.join(less)}".rstrip()


def _end(row: Mapping[str, Any], today: date) -> str:
    """Say on which day to come the haven destroys what it holds of somebody."""
    day = row["withdrawn_on"]
    if day is None or row["state"] != "active" or date.fromisoformat(day) <= today:
        return _former(row)
    return f"; on {day} the haven destroys what it holds"


def _former(row: Mapping[str, Any]) -> str:
    return f"; withdrawn from {row['withdrawn_on']}" if row["withdrawn_on"] else ""


def _recorded(row: Mapping[str, Any]) -> str:
    return f"{row['recorded_at'][:10]}  " if row["recorded_at"] else ""


def _print_receipt(found: Mapping[str, Any]) -> None:
    from fivesafes.flow.haven.receipt import receipt_text  # noqa: PLC0415 - help stays quick

    click.echo(receipt_text(found))
