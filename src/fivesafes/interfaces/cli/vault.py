"""``fivesafes vault``: who can open what is sealed, whether it is whole, and how it comes back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fivesafes.core.errors import EXIT_OK, InvalidInput, NeedsReview, UsageMistake
from fivesafes.interfaces.cli import asides
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, witnessed
from fivesafes.interfaces.cli.custodial import (
    PATH,
    by_option,
    dry_run_option,
    identity_option,
    reason_option,
    said,
    to_option,
)
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.flow.custody import Change
    from fivesafes.flow.verify_vault import Checked

EXIT_DAMAGED: Final = 3
_SAMPLE: Final = 1000


@click.group()
def command() -> None:
    """Say who can open what is sealed; verify it, hand it back, print how to recover it."""


command.add_command(asides.command)


@command.command("custodians")
@haven_option
@json_option
def list_custodians(haven: Path | None, *, as_json: bool) -> None:
    """List who can open what is sealed."""
    from fivesafes.wiring.custodians import custodians  # noqa: PLC0415 - loaded when called: help stays quick

    with witnessed(haven):
        there = custodians()
    if as_json:
        rows = [{"name": one.name, "recipient": one.recipient, "standing": one.standing.value} for one in there]
        emit_json({"custodians": rows})
        return
    for one in there:
        click.echo(f"{one.name:<24} {one.standing.value:<14} {one.recipient}")
    if any(one.standing.value in {"joining", "joining-worker", "leaving"} for one in there):
        click.echo("a change was begun and not finished: run its command again", err=True)


@command.command("add-custodian")
@click.argument("name")
@click.argument("recipient")
@identity_option(needed=True)
@by_option
@dry_run_option
@haven_option
@json_option
def add_custodian(
    name: str, recipient: str, *, identity: Path, by: str, dry_run: bool, haven: Path | None, as_json: bool
) -> None:
    """Let NAME open what is sealed, by their age RECIPIENT (age1…).  Originals are not touched."""
    from fivesafes.flow.custody import adding  # noqa: PLC0415 - loaded when called: help stays quick

    _change(haven, adding(name, recipient), identity=identity, by=by, dry_run=dry_run, as_json=as_json)


@command.command("remove-custodian")
@click.argument("name")
@identity_option(needed=True)
@by_option
@dry_run_option
@haven_option
@json_option
def remove_custodian(name: str, *, identity: Path, by: str, dry_run: bool, haven: Path | None, as_json: bool) -> None:
    """Let NAME leave: no key that the haven keeps opens by theirs any more.  Two custodians are the least."""
    from fivesafes.flow.circle_told import WORKER_NAME  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.flow.custody import removing  # noqa: PLC0415 - as above

    _change(haven, removing(name), identity=identity, by=by, dry_run=dry_run, as_json=as_json)
    if name == WORKER_NAME:
        click.echo("without a worker this haven takes scans in, and processes and verifies none", err=True)
        click.echo("  fix: for a new one: fivesafes vault rotate --worker --identity FILE (a custodian's)", err=True)


@command.command()
@click.argument("who", nargs=-1, metavar="[NAME RECIPIENT]")
@click.option("--worker", is_flag=True, help="Make the worker of this machine a new key.")
@identity_option(needed=False)
@by_option
@dry_run_option
@haven_option
@json_option
def rotate(
    who: tuple[str, ...],
    *,
    worker: bool,
    identity: Path | None,
    by: str,
    dry_run: bool,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Exchange NAME's key for a new one (RECIPIENT), or with --worker the worker's.  Originals are not touched."""
    from fivesafes.flow.custody import exchanging  # noqa: PLC0415 - loaded when called: help stays quick

    if worker and not who:
        _rotate_worker(haven, identity=identity, by=by, dry_run=dry_run, as_json=as_json)
        return
    if worker or len(who) != len(("NAME", "RECIPIENT")) or identity is None:
        message = "whose key is to be exchanged?"
        raise UsageMistake(message, fix="fivesafes vault rotate NAME RECIPIENT --identity FILE, or --worker alone")
    _change(haven, exchanging(*who), identity=identity, by=by, dry_run=dry_run, as_json=as_json)


@command.command()
@click.option("--all", "everything", is_flag=True, help="Open every object.")
@click.option("--sample", type=click.IntRange(min=0), help=f"Open so many, chosen at random (default: {_SAMPLE}).")
@click.option("--clean", is_flag=True, help="Remove what no row names: left by work that was killed.")
@click.option(
    "--move-damaged",
    is_flag=True,
    help="Move damaged objects aside (none is removed), so that ingesting the same scans seals them anew.",
)
@identity_option(needed=False)
@click.option("--quiet", is_flag=True, help="No progress.")
@haven_option
@json_option
def verify(  # noqa: PLR0913 - a command's options
    *,
    everything: bool,
    sample: int | None,
    clean: bool,
    move_damaged: bool,
    identity: Path | None,
    quiet: bool,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Look whether every object is there, and open some: each must be what was received, and the trail say the same.

    Exit codes: 0 all is well, 3 something is damaged, missing or not as the trail tells, 6 there is something that no
    row names, 75 with --clean or --move-damaged, while scans are taken in.
    """
    from fivesafes.wiring import custodians  # noqa: PLC0415 - loaded when called: help stays quick

    if everything and sample is not None:
        message = "all of them, or a sample?"
        raise UsageMistake(message, fix="give --all or --sample N")
    number = None if everything else _SAMPLE if sample is None else sample
    with witnessed(haven) as opened, shown_progress(quiet=quiet or as_json) as progress:
        found = custodians.verify(opened, identity=identity, sample=number, progress=progress)
        if move_damaged:
            found = custodians.move_damaged(opened, found, identity=identity)
        if clean:
            found = custodians.clean_vault(opened, found)
    _tell_checked(found, as_json=as_json)
    sys.exit(_exit_of(found))


@command.command()
@haven_option
@json_option
def stats(haven: Path | None, *, as_json: bool) -> None:
    """Count what the vault holds."""
    from fivesafes.wiring.custodians import vault_stats  # noqa: PLC0415 - loaded when called: help stays quick

    with witnessed(haven) as opened:
        held = vault_stats(opened)
    if as_json:
        emit_json({"objects": held.objects, "bytes": held.bytes, "recipients": held.recipients})
    else:
        click.echo(f"{held.objects} objects, {held.bytes / 1e6:.1f} MB sealed, to {held.recipients} keys")


@command.command()
@click.argument("project")
@click.argument("series")
@to_option
@reason_option
@identity_option(needed=True)
@by_option
@dry_run_option
@haven_option
@json_option
def get(  # noqa: PLR0913 - click hands over one argument per option
    project: str,
    series: str,
    *,
    to: Path,
    reason: str,
    identity: Path,
    by: str,
    dry_run: bool,
    haven: Path | None,
    as_json: bool,
) -> None:
    """Hand the originals of SERIES (its keyed id) back to a custodian; the trail tells of it first."""
    from fivesafes.wiring.consent import carry_on  # noqa: PLC0415 - loaded when called
    from fivesafes.wiring.custodians import hand_back, to_hand_back  # noqa: PLC0415 - loaded when called

    what_for = said(reason)
    with witnessed(haven) as opened:
        if not dry_run:
            carry_on(opened)  # of somebody whose withdrawal is due today nothing is handed out
        asked = to_hand_back(opened, project, series, to=to, identity=identity)
        if not dry_run:
            hand_back(opened, asked, reason=what_for, by=by)
    files = len(asked.originals.addresses)
    if as_json:
        emit_json({"project": project, "series": series, "files": files, "dry_run": dry_run})
    elif dry_run:
        click.echo(f"{files} originals would be written; nothing was, and the trail does not tell of it")
    else:
        click.echo(f"wrote {files} originals; remove them when the reason is gone")


@command.command()
@click.option("--page", type=PATH, required=True, help="The page to write; the manifest goes beside it as .tsv.")
@dry_run_option
@haven_option
@json_option
def recover(page: Path, *, dry_run: bool, haven: Path | None, as_json: bool) -> None:
    """Write the page to print: how originals come back with the age program alone, and its manifest.

    Exit code 6: written, but of some series the database says something else than the trail; they are marked.
    """
    from fivesafes.wiring.custodians import recovery_of, write_recovery  # noqa: PLC0415 - loaded when called

    if not page.absolute().parent.is_dir():
        message = "there is no such folder to write the page into"
        raise InvalidInput(message, fix="make the folder first")
    with witnessed(haven) as opened:
        made = recovery_of(opened, page)
    if not dry_run:
        write_recovery(made, page)
    if as_json:
        emit_json(
            {
                "page": page.name,
                "manifest": made.manifest,
                "objects": made.objects,
                "not_as_told": made.not_as_told,
                "dry_run": dry_run,
            }
        )
    else:
        done = "would write" if dry_run else "wrote"
        click.echo(f"{done} {page} and its manifest of {made.objects} objects: keep both with the custodians' keys")
    if made.not_as_told:
        click.echo(
            f"of {made.not_as_told} series the books and the trail say different things: they are marked", err=True
        )
        click.echo(
            "  fix: fivesafes vault verify names them; keep an older page and manifest until it is mended", err=True
        )
        sys.exit(NeedsReview.exit_code)


def _change(haven: Path | None, change: "Change", *, identity: Path, by: str, dry_run: bool, as_json: bool) -> None:
    from fivesafes.flow.custody import carry_out, check  # noqa: PLC0415 - loaded when called: help stays quick
    from fivesafes.stores.identity_files import read_identity  # noqa: PLC0415 - as above
    from fivesafes.wiring.custodians import custody_of  # noqa: PLC0415 - as above

    opens = (read_identity(identity),)
    with witnessed(haven) as opened, shown_progress(quiet=as_json) as progress:
        custody = custody_of(opened, by=by, progress=progress)
        if dry_run:
            check(custody, change, by=opens)
            keys = len(list(custody.ring.names()))
        else:
            keys = carry_out(custody, change, by=opens)
    _tell_rewrapped(keys, dry_run=dry_run, as_json=as_json)


def _rotate_worker(haven: Path | None, *, identity: Path | None, by: str, dry_run: bool, as_json: bool) -> None:
    from fivesafes.wiring.custodians import custody_of, rotate_worker  # noqa: PLC0415 - loaded when called

    with witnessed(haven) as opened, shown_progress(quiet=as_json) as progress:
        custody = custody_of(opened, by=by, progress=progress)
        keys = len(list(custody.ring.names())) if dry_run else rotate_worker(opened, custody, identity=identity)
    _tell_rewrapped(keys, dry_run=dry_run, as_json=as_json)


def _tell_rewrapped(keys: int, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        emit_json({"keys": keys, "dry_run": dry_run})
        return
    click.echo(f"{keys} keys {'would be' if dry_run else 'were'} sealed anew; no original was touched")
    if not dry_run:
        click.echo(
            "next: renew the keyring's backup, remove the older ones, and print the page: fivesafes vault recover"
        )


def _tell_checked(found: "Checked", *, as_json: bool) -> None:
    if as_json:
        emit_json(
            {
                "objects": found.objects,
                "opened": found.opened,
                "damaged": [
                    {"project": one.project, "series": one.series, "kind": one.kind, "number": one.number,
                     "object": one.name, "why": one.why}
                    for one in found.damaged
                ],
                "stray_objects": len(found.stray_objects),
                "stray_keys": len(found.stray_keys),
                "keys_missing": found.keys_missing,
                "keys_left": found.keys_left,
                "cleaned": found.cleaned,
                "keys_damaged": [
                    {"key": one.name, "objects": one.objects, "why": one.why} for one in found.keys_damaged
                ],
                "not_as_told": [{"project": one.project, "series": one.series} for one in found.not_as_told],
                "moved_aside": len(found.beside),
                "moved_now": found.moved,
            }
        )  # fmt: skip
        return
    for finding in found.verdict().findings:
        click.echo(str(finding))
    for one in found.damaged:
        click.echo(f"  {one.project} {one.series or 'set aside'} {one.kind} {one.number}: {one.why}  ({one.name})")
    for key in found.keys_damaged:
        click.echo(f"  {key.name}: {key.why}; {key.objects} objects")
    for series in found.not_as_told:
        click.echo(f"  {series.project} {series.series}: not as the trail tells")
    if found.moved:
        click.echo(f"moved {found.moved} damaged objects aside: now ingest the same scans again")


def _exit_of(found: "Checked") -> int:
    verdict = found.verdict()
    if verdict.refuses:
        return EXIT_DAMAGED
    return NeedsReview.exit_code if verdict.gravity.word == "review" else EXIT_OK
