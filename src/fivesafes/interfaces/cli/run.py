"""``fivesafes run STUDY.toml SCANS --out DIR``: DICOM in, released BIDS and report out."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fivesafes.core.errors import EXIT_OK, InvalidInput, Refused
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.flow.release import Conclusion
    from fivesafes.flow.run import RunState


_SELF_EVIDENT: Final = {"released", "ready"}


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
    show(conclusion, out, paths=not as_json)
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
    _show_set_aside(state)
    for series in answer["series"]:
        click.echo(f"  {series['id']}  {series['status']:<14} {series['why']}")
    for safe, verdict in answer["verdicts"].items():
        for finding in verdict["findings"]:
            click.echo(f"  safe {safe}: [{finding['gravity']}] {finding['why']}")
    click.echo("nothing was written")


def show(conclusion: "Conclusion", out: Path, *, paths: bool) -> None:
    """Tell a person how it ended: findings on standard error, where the results are on standard output."""
    state = conclusion.state
    _show_set_aside(state)
    for status, count in sorted(Counter(one.status.value for one in state.outcomes).items()):
        click.echo(f"  {count} series {status}", err=True)
    reasons = Counter((one.status.value, one.why) for one in state.outcomes if one.status.value not in _SELF_EVIDENT)
    for (status, why), count in sorted(reasons.items()):
        click.echo(f"    {count} {status}: {why}", err=True)
    for safe, verdict in state.verdicts.items():
        heavy = [finding for finding in verdict.findings if finding.gravity.word != "note"]
        word = {"note": "yes", "review": "a person must look", "refuse": "no"}[verdict.gravity.word]
        click.echo(f"  safe {safe:<8} {word}", err=True)
        for finding in heavy:
            click.echo(f"    {finding}", err=True)
    click.echo(conclusion.sentence, err=True)
    if not paths:  # standard output holds the JSON object
        return
    if conclusion.release is not None:
        click.echo(f"release: {out / conclusion.release}")
    click.echo(f"report:  {out / 'private' / 'report.html'}")


def _show_set_aside(state: "RunState") -> None:
    if state.received is None:
        return
    click.echo(f"  {sum(len(s.originals) for s in state.received.series)} files received", err=True)
    counted = Counter((aside.status.value, aside.why) for aside in state.received.set_aside)
    for (status, why), count in sorted(counted.items()):
        click.echo(f"  {count} files set aside, {status}: {why}", err=True)


def _reveal(state: "RunState") -> None:
    for aside in state.received.set_aside if state.received is not None else ():
        click.echo(f"{aside.status.value}\t{aside.path.reveal()}", err=True)
