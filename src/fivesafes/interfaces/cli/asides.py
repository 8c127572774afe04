"""``fivesafes vault asides``: what was set aside at ingest, looked at by a custodian and removed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fivesafes.interfaces.cli.at_haven import haven_option, json_option, witnessed
from fivesafes.interfaces.cli.custodial import (
    by_option,
    dry_run_option,
    identity_option,
    reason_option,
    said,
    to_option,
)
from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.flow.haven.model import KeptAside

_SHOWN: Final = 8


@click.group("asides")
def command() -> None:
    """Look at files that ingest set aside, and remove them when their reason is gone."""


@command.command("list")
@click.argument("project")
@haven_option
@json_option
def list_asides(project: str, *, haven: Path | None, as_json: bool) -> None:
    """List what was set aside in PROJECT: id, day, size, whose it is (a keyed id), and why."""
    from fivesafes.wiring.asides import asides_of, id_of  # noqa: PLC0415 - loaded when called: help stays quick

    with witnessed(haven) as opened:
        there = asides_of(opened, project)
    if as_json:
        emit_json({"project": project, "files": [_row(one) for one in there]})
        return
    for one in there:
        whose = "unknown" if one.participant is None else one.participant[:_SHOWN]
        click.echo(f"{id_of(one)}  {one.received_at:%Y-%m-%d}  {one.bytes:>12,} bytes  {whose:<{_SHOWN}}  {one.why}")
    if not there:
        click.echo("nothing is set aside")


@command.command("get")
@click.argument("project")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@to_option
@reason_option
@identity_option(needed=True)
@by_option
@dry_run_option
@haven_option
@json_option
def get(  # noqa: PLR0913 - click hands over one argument per option
    project: str,
    ids: Sequence[str],
    *,
    to: Path,
    reason: str,
    identity: Path,
    by: str,
    dry_run: bool,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Hand files that were set aside to a custodian; the trail tells of it first."""
    from fivesafes.wiring.asides import choose, hand_out  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.wiring.consent import carry_on  # noqa: PLC0415 - as above
    from fivesafes.wiring.custodians import checked_target  # noqa: PLC0415 - as above

    what_for = said(reason)
    with witnessed(haven) as opened:
        if not dry_run:
            carry_on(opened)  # of somebody whose withdrawal is due today nothing is handed out
        chosen = choose(opened, project, ids, identity=identity)
        checked_target(opened, to)
        if not dry_run:
            hand_out(opened, chosen, to=to, reason=what_for, by=by)
    done = "would be written" if dry_run else "written; remove them when the reason is gone"
    _tell(project, len(chosen.files), done, dry_run=dry_run, as_json=as_json)


@command.command("remove")
@click.argument("project")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@reason_option
@identity_option(needed=True)
@by_option
@dry_run_option
@haven_option
@json_option
def remove(  # noqa: PLR0913 - click hands over one argument per option
    project: str,
    ids: Sequence[str],
    *,
    reason: str,
    identity: Path,
    by: str,
    dry_run: bool,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Remove files that were set aside, for good.  Only a custodian whose key opens them may."""
    from fivesafes.wiring import asides  # noqa: PLC0415 - loaded when called: help stays quick

    what_for = said(reason)
    with witnessed(haven) as opened:
        chosen = asides.choose(opened, project, ids, identity=identity)
        if not dry_run:
            asides.remove(opened, chosen, reason=what_for, by=by)
    done = "would be removed" if dry_run else "removed"
    _tell(project, len(chosen.files), done, dry_run=dry_run, as_json=as_json)


def _row(one: "KeptAside") -> dict[str, object]:
    from fivesafes.wiring.asides import id_of  # noqa: PLC0415 - loaded when called: help stays quick

    return {
        "id": id_of(one),
        "participant": one.participant,
        "status": one.status,
        "reason": one.code,
        "why": one.why,
        "bytes": one.bytes,
        "received_at": one.received_at.isoformat(),
    }


def _tell(project: str, files: int, done: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        emit_json({"project": project, "files": files, "dry_run": dry_run})
    else:
        click.echo(f"{files} {'file' if files == 1 else 'files'} {done}")
