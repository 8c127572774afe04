"""``fivesafes project``: the study form."""

from pathlib import Path

import click

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.interfaces.cli.output import emit_json


@click.group()
def command() -> None:
    """Write a new study form, or list its participants' pseudonyms."""


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
