"""``fivesafes project``: the study form, and projects as a haven has them."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fivesafes.core.errors import EXIT_OK, InvalidInput, PartlyDone, Refused, UsageMistake
from fivesafes.interfaces.cli.asking import check_named
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, tended, witnessed
from fivesafes.interfaces.cli.importing import check_unseen
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.flow.haven.consent import ImportPlan, StatedConsent
    from fivesafes.wiring.haven import OpenHaven


@click.group()
def command() -> None:
    """Write a study form; register a project in a haven, show it, assess it, plan it."""


@command.command()
@click.argument("form", type=click.Path(path_type=Path), default=Path("STUDY.toml"))
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def new(form: Path, *, dry_run: bool, as_json: bool) -> None:
    """Write a commented study form to FORM (STUDY.toml), and an empty consent table beside it."""
    from fivesafes.interfaces.forms.consent import HEADER  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.interfaces.forms.study import blank_form  # noqa: PLC0415 - as above

    table = form.parent / "consent.csv"
    if form.exists():
        message = f"{form.name} exists already, and forms are never overwritten"
        raise UsageMistake(message, fix="give another name:  fivesafes project new OTHER.toml")
    if not form.parent.is_dir():
        message = "there is no such folder to write the form into"
        raise InvalidInput(message, fix="make the folder first")
    if not dry_run:
        for path, text in ((form, blank_form()), (table, HEADER)):
            if not path.exists():  # a table that is there may serve two forms
                with path.open("x", encoding="utf-8") as file:
                    file.write(text)
        table.chmod(0o600)  # it will hold participants' identifiers
    if as_json:
        emit_json({"written": [] if dry_run else [form.name], "table": table.name})
    else:
        click.echo(f"{'would write' if dry_run else 'wrote'} {form} and {table}")
        click.echo(f"next: fill in what is marked «…», add the participants, then  fivesafes plan {form}")


@command.command()
@click.argument("form", type=click.Path(path_type=Path))
@click.option(
    "--key", type=click.Path(path_type=Path), help="The project's key file (default: the one in your key folder)."
)
@click.option("--reveal", is_flag=True, help="Show participants beside their pseudonyms, on this terminal only.")
def pseudonyms(form: Path, key: Path | None, *, reveal: bool) -> None:
    """List the pseudonyms of the participants in FORM's consent table."""
    from fivesafes.interfaces.forms.study import read_study  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.run import pseudonyms_of  # noqa: PLC0415 - as above

    study = read_study(form)
    labels = pseudonyms_of(study.project.id, key=key)
    for participant in study.consents:
        line = f"sub-{labels.subject(participant)}"
        click.echo(f"{line}\t{participant.reveal()}" if reveal else line)


@command.command()
@click.argument("form", type=click.Path(path_type=Path))
@haven_option
@click.option(
    "--key", type=click.Path(path_type=Path), help="Adopt a pseudonym key from before, so that pseudonyms stay."
)
@click.option("--dry-run", is_flag=True, help="Read the form, and register nothing.")
@json_option
def add(form: Path, haven: Path | None, key: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Register the project of FORM in a haven, or take over what the form says now; its consents too.

    The form's consent table is imported when it holds rows; later tables come with ``fivesafes consent import``.  What
    such a table says against what the haven knows since (a withdrawal, a later day of one, a no) is refused: then the
    form is taken over, and of its table nothing.
    """
    from fivesafes.interfaces.forms.consent import read_consent_table  # noqa: PLC0415 - help stays quick
    from fivesafes.interfaces.forms.study import read_form  # noqa: PLC0415 - as above
    from fivesafes.wiring.projects import Registration, add_project  # noqa: PLC0415 - as above

    study = read_form(form)
    stated = read_consent_table(study.table) if _has_rows(study.table) else ()
    wish = Registration(
        project=study.project,
        recipients=study.recipients,
        attestations=study.attestations,
        reviews=study.reviews,
        reviewers=study.reviewers,
        rules=study.rules,
    )
    with tended(haven) as opened:
        if dry_run:
            click.echo(f"would register {study.project.id} with {len(stated)} consents; nothing was written")
            return
        new = add_project(opened, wish, key=key)
        made = _recorded(opened, study.project.id, stated, table=study.table.name) if stated else None
    recorded, later = (len(made.record), made.later) if made is not None else (0, 0)
    unseen = [one.line for one in made.unseen] if made is not None else []
    if as_json:
        told = {"consents": recorded, "withdrawn_later": later, "unseen_lines": unseen}
        emit_json({"project": study.project.id, "new": new, **told})
        check_unseen(made)
        return
    click.echo(f"{'registered' if new else 'changed'} {study.project.id}; {recorded} consents recorded")
    if later:
        click.echo(f"{later} name a later day of withdrawal: on it the haven destroys what it holds of them, by itself")
    if unseen:
        lines = ", ".join(map(str, unseen))
        click.echo(f"{len(unseen)} withdrew before anything of theirs was received, or are mistyped: line {lines}")
    click.echo(f"next: fivesafes ingest {study.project.id} FOLDER")
    check_unseen(made)


def _recorded(opened: "OpenHaven", project: str, stated: "Sequence[StatedConsent]", *, table: str) -> "ImportPlan":
    """Record the consents of a form's table; say of one that can't be recorded that the form was taken over."""
    from fivesafes.wiring.projects import record_stated  # noqa: PLC0415 - loaded when called: help stays quick

    try:
        return record_stated(opened, project, stated, table=table)
    except InvalidInput as fault:
        message = f"the form was taken over, and of its consent table nothing was recorded:\n{fault.what}"
        raise InvalidInput(message, fix=fault.fix) from None


@command.command()
@click.argument("project", required=False)
@haven_option
@json_option
def show(project: str | None, haven: Path | None, *, as_json: bool) -> None:
    """Show PROJECT as registered, with counts of what the haven holds of it; without PROJECT, list all."""
    from fivesafes.wiring.overview import project_overview  # noqa: PLC0415 - as above

    with tended(haven) as opened:
        ids = [project] if project is not None else [one.id for one in opened.books.projects()]
        told = [project_overview(opened, id_) for id_ in ids]
    if as_json:
        emit_json({"projects": told})
        return
    for one in told:
        click.echo(f"{one['id']}: {one['title']}  ({one['state']})")
        for name in ("approval", "purpose", "shared_with", "recipients", "retain_until"):
            click.echo(f"  {name.replace('_', ' '):<13} {one[name] if one[name] not in (None, '', []) else 'none'}")
        for name in ("participants", "consents", "series", "set_aside", "releases"):
            counts = ", ".join(f"{count} {word}" for word, count in one[name].items()) or "none"
            click.echo(f"  {name.replace('_', ' '):<13} {counts}")


@command.command()
@click.argument("project")
@haven_option
@json_option
def assess(project: str, haven: Path | None, *, as_json: bool) -> None:
    """Say which tier PROJECT needs and why; judged from the consents in force, before anything is measured."""
    from fivesafes.interfaces.cli.plan import as_contract  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.overview import project_plan  # noqa: PLC0415 - as above

    with tended(haven) as opened:
        contract = as_contract(project_plan(opened, project))
    if as_json:
        emit_json({key: contract[key] for key in contract if key != "steps"})
        return
    click.echo(f"tier {contract['tier'] or 'not assessed'}: probability {contract['probability'] or 'not assessed'}")
    click.echo(f"  impact {contract['impact']}")
    for reason in contract["reasons"]:
        click.echo(f"    {reason['fact']}: {reason['led_to']}")
    for sentence in contract["raised_by"]:
        click.echo(f"    raised by a gate: {sentence}")


@command.command()
@click.argument("project")
@haven_option
@json_option
@click.pass_context
def plan(context: click.Context, project: str, haven: Path | None, *, as_json: bool) -> None:
    """Show each step for PROJECT with the control that asks for it."""
    from fivesafes.interfaces.cli.plan import tell_plan  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.overview import project_plan  # noqa: PLC0415 - as above

    with tended(haven) as opened:
        made = project_plan(opened, project)
    context.exit(tell_plan(made, as_json=as_json))


@command.command()
@click.argument("project")
@click.argument("until", required=False)
@haven_option
@click.option("--by", default="fivesafes project retain", help="Who sets it, for the trail and the certificate.")
@click.option("--reason", default="", help="For an earlier day: why.")
@click.option(
    "--identity",
    "identities",
    multiple=True,
    type=click.Path(path_type=Path),
    help="For an earlier day: the age identity file of a custodian who stands behind it; two are needed.",
)
@json_option
def retain(
    project: str,
    until: str | None,
    *,
    haven: Path | None,
    by: str,
    reason: str,
    identities: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say until which day (2031-12-31) PROJECT's originals are kept; without a day, show what is due.

    A later day is free.  An earlier one, or a first one within a year, needs a reason and the keys of two custodians,
    as a disposal before its day does.
    """
    from fivesafes.wiring.disposal import set_retention  # noqa: PLC0415 - as above

    check_named(by)
    day = _day(until) if until is not None else None
    with (tended if day is None else witnessed)(haven) as opened:
        opened.project(project)
        if day is not None:
            set_retention(opened, project, day, by=by, reason=reason, identities=identities)
        kept = opened.project(project)
    if as_json:
        emit_json({"project": project, "retain_until": str(kept.retain_until) if kept.retain_until else None})
    else:
        click.echo(f"{project}: kept until {kept.retain_until or 'nobody has said when'}")


@command.command()
@click.argument("project")
@haven_option
@click.option("--by", required=True, help="Who disposes of it; it stands in the certificate.")
@click.option("--reason", default="", help="Before the retention date: why.")
@click.option(
    "--identity",
    "identities",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Before the retention date: the age identity file of a custodian who stands behind it; two are needed.",
)
@click.option("--yes", is_flag=True, help="Do not ask again.")
@click.option("--dry-run", is_flag=True, help="Say what would be destroyed and whether it may be; destroy nothing.")
@json_option
@click.pass_context
def dispose(  # noqa: PLR0913 - a command's options
    context: click.Context,
    *,
    project: str,
    haven: Path | None,
    by: str,
    reason: str,
    identities: tuple[Path, ...],
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Destroy PROJECT's keys and originals for good, and leave a certificate; its trail stays.

    Before its retention date this needs a reason and two custodians, who prove by their keys that they stand behind it.
    """
    from fivesafes.wiring.disposal import check_disposal, dispose_project  # noqa: PLC0415 - loaded when called: help stays quick

    check_named(by)
    if dry_run:
        context.exit(_foretell(project, haven, reason=reason, identities=identities, as_json=as_json))
    with witnessed(haven) as opened:
        opened.project(project)
        if not yes:
            check_disposal(opened, project, reason=reason, identities=identities)
            click.confirm(f"Destroy every original of {project}? It can't be undone", abort=True, err=True)
        done = dispose_project(opened, project, by=by, reason=reason, identities=identities)
    if as_json:
        data = dict(done.certificate.data) if done.certificate is not None else None
        emit_json({"project": project, "certificate": data, "waits_for": list(done.waits_for)})
    elif done.certificate is not None:
        click.echo(done.certificate.text)
    for what in done.waits_for:
        click.echo(f"not finished: {what}; run the same command again", err=True)
    context.exit(EXIT_OK if done.certificate is not None else PartlyDone.exit_code)


def _foretell(project: str, haven: Path | None, *, reason: str, identities: tuple[Path, ...], as_json: bool) -> int:
    from fivesafes.wiring.disposal import foretell  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - as above

    with opened_haven(haven) as opened:
        would, refused = foretell(opened, project, reason=reason, identities=identities)
    counts = {
        "participants": would.participants,
        "series": would.series,
        "files": would.files,
        "bytes": would.bytes,
        "set_aside": would.set_aside,
    }
    if as_json:
        told = {**counts, "releases_still_out": list(would.releases)}
        emit_json({"project": project, "dry_run": True, "would": told, "refused": refused or None})
    else:
        click.echo(f"would destroy the originals of {would.participants} participants: {would.series} series,")
        click.echo(
            f"  {would.files} files ({would.set_aside} of them set aside), {would.bytes / 1e6:.1f} MB, and all keys"
        )
        click.echo(f"would stay out: {', '.join(would.releases) or 'no release'}")
        click.echo(f"may not be done now: {refused}" if refused else "may be done now")
        click.echo("nothing was destroyed (--dry-run)")
    return Refused.exit_code if refused else EXIT_OK


def _has_rows(table: Path) -> bool:
    """Whether there is a consent table with more than its header; ``project new`` writes the header alone."""
    try:
        text = table.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        return False
    return len([line for line in text.splitlines() if line.strip(" ,;\t")]) > 1


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = "that is no day"
        raise UsageMistake(message, fix="write it as 2031-12-31") from None


@command.command()
@click.argument("project")
@click.argument("subject")
@haven_option
@click.option(
    "--identity", required=True, type=click.Path(path_type=Path), help="A custodian's identity file (mode 0600)."
)
@click.option("--reason", required=True, help="Why, for example an incidental finding; it stands in the trail.")
@json_option
def reidentify(*, project: str, subject: str, haven: Path | None, identity: Path, reason: str, as_json: bool) -> None:
    """Show a custodian whose pseudonym SUBJECT (sub-…) of PROJECT is, for a reason, which is recorded first."""
    from fivesafes.wiring.reviewing import reidentify as open_name  # noqa: PLC0415 - as above

    if not reason.strip():
        message = "somebody is found again for a reason only"
        raise UsageMistake(message, fix='add --reason "incidental finding …"')
    with witnessed(haven) as opened:
        name = open_name(opened, project, subject.removeprefix("sub-"), identity=identity, reason=reason)
    if as_json:
        emit_json({"project": project, "subject": f"sub-{subject.removeprefix('sub-')}", "participant": name.reveal()})
    else:
        click.echo(name.reveal())
