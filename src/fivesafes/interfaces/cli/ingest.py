"""``fivesafes ingest PROJECT PATH…``: scans into the vault."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fivesafes.core.errors import EXIT_OK, InvalidInput, PartlyDone, Refused
from fivesafes.interfaces.cli.ahead import ahead_words
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, tended, workers_option
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fivesafes.data.header.inspect import SetAside
    from fivesafes.flow.haven.intake import IngestReport
    from fivesafes.flow.receive import Received


@click.command()
@click.argument("project")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@haven_option
@workers_option
@click.option("--dry-run", is_flag=True, help="Look at every file, and seal nothing.")
@click.option("--reveal", is_flag=True, help="List the files that were set aside, by path, on this terminal only.")
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - a command's options
    context: click.Context,
    project: str,
    paths: tuple[Path, ...],
    haven: Path | None,
    workers: int | None,
    *,
    dry_run: bool,
    reveal: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Seal the scans below PATHS (folders of DICOM, however nested) into the vault, for PROJECT.

    Every file has an answer.  What is no MR image, broken or contradictory is sealed too, set aside with its reason.
    Run again, only what is new is taken in, and what the vault has lost since is sealed anew; the files given are never
    changed.
    """
    from fivesafes.wiring.overview import ahead_of  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.projects import ingest_paths, look_at  # noqa: PLC0415 - as above

    for path in paths:
        if path.exists() and not path.is_dir():
            message = "one of the folders of scans is a file"
            raise InvalidInput(message, fix="give the folder that it lies in; unpack archives first")
        if not path.is_dir():
            message = "one of the folders of scans is not there"
            raise InvalidInput(message, fix="give folders that hold the DICOM files, at any depth")
    with shown_progress(quiet=quiet) as progress, tended(haven) as opened:
        if dry_run:
            opened.project(project)
            received = look_at(opened, project, paths, workers=workers, progress=progress)
            _foretell(project, received, as_json=as_json)
            return
        report = ingest_paths(opened, project, paths, workers=workers, progress=progress)
        ahead = ahead_words(project, ahead_of(opened, project))
    if reveal:
        for file in report.set_aside:
            click.echo(f"{file.status.value}\t{file.path.reveal()}", err=True)
    if as_json:
        emit_json(_told(project, report))
    else:
        _show(report)
    if ahead:
        click.echo(ahead, err=True)
    context.exit(_exit_code(report))


def _foretell(project: str, received: "Received", *, as_json: bool) -> None:
    if as_json:
        series = [{"id": one.id, "files": len(one.originals), "bytes": one.bytes} for one in received.series]
        aside = _aside(received.set_aside)
        emit_json({"project": project, "dry_run": True, "series": series, "set_aside": aside})
        return
    click.echo(f"{len(received.series)} series, {len(received.set_aside)} files to set aside; nothing was sealed")


def _aside(files: "Iterable[SetAside]") -> list[dict[str, Any]]:
    counted = Counter((one.status.value, one.code, one.why) for one in files)
    return [
        {"status": status, "reason": code, "why": why, "files": count}
        for (status, code, why), count in sorted(counted.items())
    ]


def _told(project: str, report: "IngestReport") -> dict[str, Any]:
    return {
        "project": project,
        "newcomers": report.newcomers,
        "series": [
            {
                "id": one.id,
                "status": one.fate.value,
                "files": one.files,
                "new_files": one.new_files,
                "healed": one.healed,
                "missing": one.missing,
                "bytes": one.bytes,
                "why": one.why,
            }
            for one in report.series
        ],
        "set_aside": _aside(report.set_aside),
        "set_aside_healed": report.asides_healed,
    }


def _show(report: "IngestReport") -> None:
    if not report.series:
        click.echo("no DICOM image of MR was found in the folders given", err=True)
        click.echo("  fix: give the folder that holds the scans; unpack archives first", err=True)
    for fate, count in sorted(Counter(one.fate.value for one in report.series).items()):
        files = sum(one.files for one in report.series if one.fate.value == fate)
        click.echo(f"  {count} series {fate} ({files} files)")
    for (fate, why), count in sorted(Counter((one.fate.value, one.why) for one in report.series if one.why).items()):
        click.echo(f"    {count} {fate}: {why}")
    for (status, why), count in sorted(Counter((one.status.value, one.why) for one in report.set_aside).items()):
        click.echo(f"  {count} files set aside, {status}: {why}")
    if report.asides_healed:
        click.echo(f"  {report.asides_healed} files set aside before were missing in the vault, and were sealed anew")
    if report.newcomers:
        click.echo(f"  {report.newcomers} participants were not known before: no consent names them yet")
    elif report.series:
        click.echo("  every participant was known before, from a consent or from earlier scans")


def _exit_code(report: "IngestReport") -> int:
    fates = {one.fate.value for one in report.series}
    if not fates:
        return InvalidInput.exit_code
    if fates == {"refused"}:
        return Refused.exit_code
    aside = any(one.status.value != "duplicate" for one in report.set_aside)
    missing = any(one.missing for one in report.series)
    return PartlyDone.exit_code if aside or missing or fates & {"refused", "quarantined"} else EXIT_OK
