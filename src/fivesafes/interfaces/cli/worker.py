"""``fivesafes worker``: does queued series, beside other workers."""

import time
from pathlib import Path

import click

from fivesafes.core.errors import EXIT_OK, FiveSafesError, PartlyDone
from fivesafes.interfaces.cli.at_haven import haven_option, tended, workers_option
from fivesafes.interfaces.cli.output import shown_progress


@click.command()
@click.argument("projects", nargs=-1)
@haven_option
@workers_option
@click.option("--once", is_flag=True, help="End when nothing waits, instead of looking again.")
@click.option("--every", type=click.IntRange(min=1), default=30, show_default=True, help="Seconds between two looks.")
@click.option("--engine", "defacer", default="embedded", show_default=True, help="The defacer.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
def command(  # noqa: PLR0913 - a command's options
    context: click.Context,
    projects: tuple[str, ...],
    haven: Path | None,
    workers: int | None,
    every: int,
    defacer: str,
    *,
    once: bool,
    quiet: bool,
) -> None:
    """Do the series of PROJECTS (all, when none is named) that wait; several workers may run beside one another.

    A worker de-identifies, converts and defaces; assessing and releasing are left to ``process`` and ``release``.
    """
    from fivesafes.flow.haven.model import ProjectState  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.process import Way, what_is_there, work_on_project  # noqa: PLC0415 - as above

    way = Way(workers=workers, defacer=defacer)
    code = EXIT_OK
    done: dict[str, str | None] = {}  # what was there when all of it was done
    while True:
        with shown_progress(quiet=quiet) as progress, tended(haven) as opened:
            running = [one.id for one in opened.books.projects() if one.state is ProjectState.OPEN]
            for project in projects or running:
                try:
                    there = what_is_there(opened, project)
                    if there is not None and done.get(project) == there:
                        continue
                    state = work_on_project(opened, project, way, progress=progress)
                except FiveSafesError as stopped:  # one project's trouble is not the others'
                    click.echo(f"{project}: {stopped.what}", err=True)
                    code = stopped.exit_code
                    continue
                done[project] = None if state.postponed else there
                if state.postponed:
                    code = PartlyDone.exit_code
        if once:
            context.exit(code)
        time.sleep(every)
