"""``fivesafes worker``: does queued series, beside other workers."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import define, field, frozen

from fivesafes.core.errors import EXIT_OK, FiveSafesError, NeedsReview, PartlyDone, Refused, UsageMistake
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, tended, workers_option
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.core.progress import Progress
    from fivesafes.flow.run import RunState
    from fivesafes.wiring.haven import OpenHaven
    from fivesafes.wiring.process import Way

_RETRY: Final = "find the cause, then: fivesafes process {project} --retry"


@click.command()
@click.argument("projects", nargs=-1)
@haven_option
@workers_option
@click.option("--once", is_flag=True, help="End when nothing waits, instead of looking again.")
@click.option("--every", type=click.IntRange(min=1), default=30, show_default=True, help="Seconds between two looks.")
@click.option("--engine", "defacer", default="embedded", show_default=True, help="The defacer.")
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
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
    as_json: bool,
) -> None:
    """Do the series of PROJECTS (all, when none is named) that wait; several workers may run beside one another.

    A worker de-identifies, converts and defaces; assessing and releasing are left to ``process`` and ``release``.
    With --once the exit code says how it ended: 6 when somebody must look at series that were given up, 5 when some
    still wait or are in another worker's hand.
    """
    from fivesafes.wiring.process import Way  # noqa: PLC0415 - loaded when called: help stays quick

    if as_json and not once:
        message = "a worker that does not end has no answer to print"
        raise UsageMistake(message, fix="add --once, or ask fivesafes status --json")
    round_ = _Rounds(way=Way(workers=workers, defacer=defacer), told_on_error=as_json)
    while True:
        with shown_progress(quiet=quiet) as progress, tended(haven) as opened:
            looked = list(round_.look(opened, projects, progress))
        if once:
            if as_json:
                emit_json({"projects": [one.contract() for one in looked]})
            context.exit(_worst(looked))
        time.sleep(every)


@frozen(kw_only=True)
class _Looked:
    """How a project's series stand after a look: jobs by state, what was given up, what still waits and why."""

    project: str
    counts: dict[str, int] = field(factory=dict)
    stopped: tuple[dict[str, str], ...] = ()
    waits: tuple[str, ...] = ()
    fault: FiveSafesError | None = None

    @property
    def code(self) -> int:
        """The exit code that this project alone would give."""
        if self.fault is not None:
            return self.fault.exit_code
        if self.stopped:
            return NeedsReview.exit_code
        return PartlyDone.exit_code if self.waits else EXIT_OK

    def contract(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "project": self.project,
            "series": self.counts,
            "stopped": list(self.stopped),
            "waits_for": list(self.waits),
            "error": None if self.fault is None else {"what": self.fault.what, "fix": self.fault.fix},
        }

    def lines(self) -> Iterator[str]:
        """Tell a person."""
        if self.fault is not None:
            yield f"{self.project}: {self.fault.what}"
            yield f"  fix: {self.fault.fix}"
            return
        counts = ", ".join(f"{number} {state}" for state, number in sorted(self.counts.items()))
        yield f"{self.project}: {counts or 'no series to do'}"
        for one in self.stopped:
            yield f"  series {one['object']} {one['state']}: {one['why']}"
            yield f"    fix: {one['fix']}"
        for why in self.waits:
            yield f"  not finished: {why}"


def _worst(looked: list[_Looked]) -> int:
    """Choose one code for all projects: what went wrong first, then what a person must look at, then what waits."""
    codes = [one.code for one in looked]
    faults = [one.code for one in looked if one.fault is not None]
    return faults[0] if faults else max(codes, default=EXIT_OK)


@define(kw_only=True)
class _Rounds:
    """Looks at projects again and again; says what has changed since it last said something."""

    way: "Way"
    told_on_error: bool
    _done: dict[str, str | None] = field(factory=dict)  # what was there when all of it was done
    _said: dict[str, tuple[str, ...]] = field(factory=dict)

    def look(self, opened: "OpenHaven", projects: tuple[str, ...], progress: "Progress") -> Iterator[_Looked]:
        """Work on each project in which something has changed; one project's trouble is not the others'."""
        from fivesafes.flow.haven.model import ProjectState  # noqa: PLC0415 - loaded when called: help stays quick
        from fivesafes.wiring.process import what_is_there, work_on_project  # noqa: PLC0415 - as above

        running = [one.id for one in opened.books.projects() if one.state is ProjectState.OPEN]
        for project in projects or running:
            try:
                there = what_is_there(opened, project)
                if there is not None and self._done.get(project) == there:
                    continue
                state = work_on_project(opened, project, self.way, progress=progress)
                self._done[project] = None if state.postponed else there
                looked = _stands(opened, project, state)
            except FiveSafesError as stopped:
                looked = _Looked(project=project, fault=stopped)
            self._say(looked)
            yield looked

    def _say(self, looked: _Looked) -> None:
        lines = tuple(looked.lines())
        if self._said.get(looked.project) != lines:
            self._said[looked.project] = lines
            for line in lines:
                click.echo(line, err=self.told_on_error or looked.code != EXIT_OK)


def _stands(opened: "OpenHaven", project: str, state: "RunState") -> _Looked:
    from fivesafes.flow.haven.model import JobState  # noqa: PLC0415 - loaded when called: help stays quick

    if state.refuses and (state.received is None or state.verdicts["setting"].refuses):
        first = next(
            one for verdict in state.verdicts.values() for one in verdict.findings if one.gravity.word == "refuse"
        )
        return _Looked(project=project, fault=Refused(first.why, fix=first.fix or "see fivesafes project plan"))
    stopped = tuple(
        {
            "object": one.object,
            "state": one.state.value,
            "why": one.why,
            "fix": one.fix or _RETRY.format(project=project),
        }
        for one in opened.jobs.jobs(project, JobState.FAILED, JobState.QUARANTINED)
    )
    waits = tuple(sorted({f"{one.what} (fix: {one.fix})" for one in state.postponed}))
    return _Looked(project=project, counts=dict(opened.jobs.counts().get(project, {})), stopped=stopped, waits=waits)
