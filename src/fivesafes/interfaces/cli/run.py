"""``fivesafes run STUDY.toml SCANS --out DIR``: DICOM in, released BIDS and report out."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fivesafes.core.errors import EXIT_OK, InvalidInput, Refused
from fivesafes.interfaces.cli.conclusion import show_conclusion, show_set_aside
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.flow.release import Conclusion
    from fivesafes.flow.run import RunState


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.argument("scans", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for the release and the private part."
)
@click.option(
    "--key", type=click.Path(path_type=Path), help="The project's key file (default: the one in your key folder)."
)
@click.option("--engine", "defacer", default="embedded", show_default=True, help="The defacer.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes at once (default: one per core).")
@click.option("--dry-run", is_flag=True, help="Say what would be done with each series, and write nothing.")
@click.option("--reveal", is_flag=True, help="List the files that were set aside, by path, on this terminal only.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.pass_context
def command(  # noqa: PLR0913 - a command's options
    context: click.Context,
    study: Path,
    scans: Path,
    out: Path,
    key: Path | None,
    defacer: str,
    workers: int | None,
    *,
    dry_run: bool,
    reveal: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take the SCANS (a folder of DICOM, however nested) of STUDY (a form in TOML) to a safe release.

    OUT/release appears only when every gate and check passed: complete, or not at all.  OUT/private holds the
    report with its reasons; it is as sensitive as the scans.  Interrupted and run again, it goes on where it stopped.
    """
    from fivesafes.interfaces.forms.study import read_study  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.run import engines, passing_engines, run_study, survey_study  # noqa: PLC0415 - as above

    form = read_study(study)
    if not scans.is_dir():
        message = "there is no such folder of scans"
        raise InvalidInput(message, fix="give the folder that holds the DICOM files, at any depth")
    request = form.request(scans)
    with shown_progress(quiet=quiet) as progress:
        if dry_run:
            passing = passing_engines(form.project.id, workers=workers)
            state = survey_study(request, passing, progress=progress)
        else:
            made = engines(form.project.id, key=key, workers=workers, defacer=defacer)
            conclusion = run_study(request, made, out=out, progress=progress)
            state = conclusion.state
    if reveal:
        _reveal(state)
    if dry_run:
        _answer_dry_run(state, as_json=as_json)
        context.exit(Refused.exit_code if state.refuses else EXIT_OK)
    if as_json:
        emit_json(conclusion.contract)
    show_conclusion(conclusion)
    if not as_json:  # standard output holds the JSON object
        show_paths(conclusion, out)
    context.exit(conclusion.exit_code)


def _answer_dry_run(state: "RunState", *, as_json: bool) -> None:
    from fivesafes.flow.telling import contract_of  # noqa: PLC0415 - loaded when called: help stays quick

    admitted = state.gated.admitted if state.gated is not None else {}
    would = [
        {
            "id": one.scan.id,
            "status": "would-process",
            "outputs": [],
            "why": one.scan.name.stem(one.scan.subject, one.scan.session),
        }
        for one in admitted.values()
    ]
    answer = contract_of(state, release=None)
    answer["series"] += would
    if as_json:
        emit_json(answer)
        return
    show_set_aside(state)
    for series in answer["series"]:
        click.echo(f"  {series['id']}  {series['status']:<14} {series['why']}")
    for safe, verdict in answer["verdicts"].items():
        for finding in verdict["findings"]:
            click.echo(f"  safe {safe}: [{finding['gravity']}] {finding['why']}")
    click.echo("nothing was written")


def show_paths(conclusion: "Conclusion", out: Path) -> None:
    """Say on standard output where the results are."""
    if conclusion.release is not None:
        click.echo(f"release: {out / conclusion.release}")
    click.echo(f"report:  {out / 'private' / 'report.html'}")


def _reveal(state: "RunState") -> None:
    for aside in state.received.set_aside if state.received is not None else ():
        click.echo(f"{aside.status.value}\t{aside.path.reveal()}", err=True)
