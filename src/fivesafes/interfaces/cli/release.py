"""``fivesafes release PROJECT --to DEST``: through the airlock."""

from pathlib import Path

import click

from fivesafes.interfaces.cli.at_haven import haven_option, json_option, tended, workers_option
from fivesafes.interfaces.cli.conclusion import show_conclusion
from fivesafes.interfaces.cli.output import emit_json, shown_progress


@click.command()
@click.argument("project")
@click.option("--to", "to", required=True, type=click.Path(path_type=Path), help="A folder that does not exist yet.")
@haven_option
@workers_option
@click.option("--engine", "defacer", default="embedded", show_default=True, help="The defacer.")
@click.option("--dry-run", is_flag=True, help="Say what would be let out, and let nothing out.")
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - a command's options
    context: click.Context,
    project: str,
    to: Path,
    haven: Path | None,
    workers: int | None,
    defacer: str,
    *,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Judge PROJECT anew, and let out what passes: a BIDS data set at DEST, complete or not at all.

    Everything is judged at the moment of leaving: approval, consent, setting, evidence, reviews.  A release that
    stands at DEST already and is the same is left as it is.
    """
    from fivesafes.wiring.process import Way, process_project  # noqa: PLC0415 - as above

    with shown_progress(quiet=quiet) as progress, tended(haven) as opened:
        way = Way(workers=workers, defacer=defacer)
        conclusion = process_project(opened, project, way, to=None if dry_run else to, progress=progress)
    contract = {**conclusion.contract, "release": str(to) if conclusion.release is not None else None}
    if as_json:
        emit_json(contract)
    show_conclusion(conclusion)
    if not as_json and conclusion.release is not None:
        click.echo(f"release: {to}")
    context.exit(conclusion.exit_code)
