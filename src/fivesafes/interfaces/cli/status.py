"""``fivesafes status``: what runs, waits, failed, and why."""

from pathlib import Path
from typing import Any

import click

from fivesafes.interfaces.cli.at_haven import haven_option, json_option
from fivesafes.interfaces.cli.output import emit_json


@click.command()
@haven_option
@json_option
def command(haven: Path | None, *, as_json: bool) -> None:
    """Show of each project what is sealed, queued, running, done, given up, and what waits for a person."""
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.overview import status_of  # noqa: PLC0415 - as above

    with opened_haven(haven) as opened:
        told = status_of(opened)
    if as_json:
        emit_json(told)
        return
    if not told["projects"]:
        click.echo("no project yet: fivesafes project add STUDY.toml")
    for project in told["projects"]:
        _show(project)


def _show(project: dict[str, Any]) -> None:
    click.echo(f"{project['project']} ({project['state']})")
    click.echo(f"  originals  {_counted(project['series']) or 'none'}; {project['set_aside']} files set aside")
    click.echo(f"  work       {_progress(project['jobs'])}")
    for job in project["running"]:
        click.echo(f"    in hand: {job['object']} since {job['since'][:19]}")
    for job in project["stopped"]:
        click.echo(f"    {job['state']}: {job['object']}: {job['why']}")
    if project["last"]:
        click.echo(f"  last       {project['last']}")
    for what, words in (
        ("approval_ended", "the approval has ended: no step works any more"),
        ("disposal_due", "the retention date has passed: dispose of it, or prolong it"),
    ):
        if project[what]:
            click.echo(f"  due        {words}")
    if project["consents_ended"]:
        click.echo(f"  due        the consent of {project['consents_ended']} participants has ended")
    if project["withdrawals_due"]:
        click.echo(f"  due        {project['withdrawals_due']} withdrawals named a day that has come: consent withdraw")
    if project["withdrawals_open"]:
        click.echo(f"  due        {project['withdrawals_open']} withdrawals go on with the next command")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} series {word}" for word, count in sorted(counts.items()))


def _progress(jobs: dict[str, int]) -> str:
    total = sum(count for word, count in jobs.items() if word != "cancelled")
    if not total:
        return "nothing was queued yet"
    rest = ", ".join(f"{count} {word}" for word, count in sorted(jobs.items()) if word not in {"done", "cancelled"})
    return f"{jobs.get('done', 0)} of {total} series done" + (f"; {rest}" if rest else "")
