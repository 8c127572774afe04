"""``fivesafes process PROJECT``: sealed scans through every step, up to a candidate."""

from pathlib import Path

import click

from fivesafes.interfaces.cli.ahead import ahead_words
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, tended, workers_option
from fivesafes.interfaces.cli.conclusion import show_conclusion
from fivesafes.interfaces.cli.output import emit_json, shown_progress


@click.command()
@click.argument("project")
@haven_option
@workers_option
@click.option("--engine", "defacer", default="embedded", show_default=True, help="The defacer.")
@click.option("--retry", is_flag=True, help="Try again what was given up: failed and quarantined series.")
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - a command's options
    context: click.Context,
    project: str,
    haven: Path | None,
    workers: int | None,
    defacer: str,
    *,
    retry: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """De-identify, convert, deface and assess what was ingested for PROJECT; resumes where it stopped.

    Nothing leaves: what passes every check waits as a candidate for ``review`` and ``release``.
    """
    from fivesafes.wiring.overview import ahead_of  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.process import Way, process_project  # noqa: PLC0415 - as above

    with shown_progress(quiet=quiet) as progress, tended(haven) as opened:
        if retry:
            opened.project(project)
            opened.jobs.retry(project, at=opened.clock())
        way = Way(workers=workers, defacer=defacer)
        conclusion = process_project(opened, project, way, to=None, progress=progress)
        report = opened.workspaces.private(project) / "report.html"
        ahead = ahead_words(project, ahead_of(opened, project))
    if as_json:
        emit_json(conclusion.contract)
    show_conclusion(conclusion)
    if ahead:
        click.echo(ahead, err=True)
    if not as_json:
        click.echo(f"report:  {report}")
    context.exit(conclusion.exit_code)
