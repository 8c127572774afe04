"""``fivesafes backup``: data to one place, sealed keys to another; back again; and the test that it works."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import evolve

from fivesafes.core.errors import EXIT_OK, PartlyDone, Refused
from fivesafes.interfaces.cli.at_haven import haven_option, json_option, tended
from fivesafes.interfaces.cli.output import emit_json, shown_progress

if TYPE_CHECKING:
    from fivesafes.stores.backup import Restored
    from fivesafes.wiring.backup import Restoring

_PATH: Final = click.Path(path_type=Path)
_DAY: Final = "%Y-%m-%d %H:%M"


def _restoring(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a restore is made from."""
    for option in (
        click.option("--quiet", is_flag=True, help="No progress."),
        click.option("--identity", type=_PATH, help="A custodian's identity file (mode 0600)."),
        click.option("--trail-key", type=_PATH, help="trail.pub: the key that checkpoints are verified with."),
        click.option("--checkpoint", "checkpoints", multiple=True, type=_PATH, help="What a witness keeps."),
        click.option("--database", default="", help="An empty PostgreSQL database, where the haven was in one."),
        click.option("--keys", required=True, type=_PATH, help="The backup of the keys."),
        click.argument("backup", type=_PATH),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Copy a haven's data, or its sealed keys, elsewhere; bring them back; test that it works."""


@command.command()
@click.argument("to", type=_PATH)
@haven_option
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
@click.pass_context
def data(context: click.Context, to: Path, haven: Path | None, *, quiet: bool, as_json: bool) -> None:
    """Bring the backup of data in the folder TO up to date: database, sealed originals, letters, release records.

    It holds no key: without the keyring's own backup nothing in it opens.  Others may go on working meanwhile.
    """
    from fivesafes.wiring.backup import back_up_data  # noqa: PLC0415 - loaded when called: help stays quick

    with shown_progress(quiet=quiet) as progress, tended(haven) as opened:
        done = back_up_data(opened, to, progress=progress)
    if as_json:
        emit_json(
            {
                "objects": len(done.manifest.objects),
                "copied": done.copied,
                "bytes": done.bytes,
                "forgotten": done.forgotten,
                "lost": done.lost,
                "damaged": list(done.damaged),
            }
        )
    else:
        click.echo(f"{len(done.manifest.objects)} objects; {done.copied} copied now ({done.bytes} bytes)")
        click.echo("names and sizes were compared with the books; what is inside, fivesafes backup test opens")
        if done.forgotten:
            click.echo(f"{done.forgotten} objects of participants who have withdrawn were removed from the copy")
        if done.lost:
            click.echo(
                f"{done.lost} objects that should be in the vault are not: fivesafes vault verify; the copy has "
                f"{done.lost - done.nowhere} of them, and {done.nowhere} must come from an older copy, or be taken in "
                "again (fivesafes ingest)",
                err=True,
            )
        if done.damaged:
            click.echo(
                f"{len(done.damaged)} objects in the vault are not what was sealed, and were not copied; what the copy "
                f"has of them it keeps: put {to / 'vault'}/NAME in the place of each:",
                err=True,
            )
            _list(done.damaged)
    context.exit(PartlyDone.exit_code if done.lost or done.damaged else EXIT_OK)


def _list(names: tuple[str, ...]) -> None:
    for name in names:
        click.echo(f"  {name}", err=True)


@command.command()
@click.argument("to", type=_PATH)
@haven_option
@json_option
@click.pass_context
def keys(context: click.Context, to: Path, haven: Path | None, *, as_json: bool) -> None:
    """Bring the backup of the sealed keys in the folder TO up to date.

    Keep it apart from the data's backup, and short: a withdrawal must reach every copy of a key. The haven writes down
    where the folder is, or one above it that haven.toml names (key_backups): withdrawals wait until they could reach
    it, and take no empty folder for it.
    """
    from fivesafes.wiring.backup import back_up_keyring  # noqa: PLC0415 - loaded when called: help stays quick

    with tended(haven) as opened:
        done = back_up_keyring(opened, to)
        named = any(to.resolve().is_relative_to(path.resolve()) for path in opened.config.key_backups)
    if as_json:
        counts = {"copied": done.copied, "forgotten": done.forgotten, "lost": done.lost}
        emit_json({**counts, "named": named, "damaged": list(done.damaged)})
    else:
        click.echo(f"{done.copied} keys copied; {done.forgotten} of participants who have withdrawn removed")
        if done.lost:
            click.echo(f"{done.lost} keys are in the copy and not in the keyring: look into it", err=True)
        if done.damaged:
            click.echo(
                f"{len(done.damaged)} keys in the keyring are not as they were written, and were not copied; what the "
                f"copy has of them it keeps: put {to / 'keyring'}/NAME in the place of each:",
                err=True,
            )
            _list(done.damaged)
        if not named:
            click.echo("the haven has written down where this folder is: withdrawals will reach it", err=True)
    context.exit(PartlyDone.exit_code if done.lost or done.damaged else EXIT_OK)


@command.command()
@click.argument("folder", type=_PATH)
@haven_option
def forget(folder: Path, haven: Path | None) -> None:
    """Let withdrawals no longer wait for FOLDER, a backup of the keys that was destroyed itself.

    Destroy it first: whoever finds it later has keys of people who have withdrawn. What haven.toml names (key_backups)
    is taken out there, too.
    """
    from fivesafes.wiring.backup import forget_key_place  # noqa: PLC0415 - loaded when called: help stays quick

    with tended(haven) as opened:
        forget_key_place(opened, folder)
    click.echo("forgotten: withdrawals no longer wait for it")


@command.command()
@_restoring
@click.argument("haven", type=_PATH)
@click.option(
    "--without", multiple=True, type=_PATH, help="A copy of the keys that is away, and to be done without (repeat)."
)
@json_option
@click.pass_context
def restore(  # noqa: PLR0913 - a command's options
    context: click.Context,
    *,
    backup: Path,
    haven: Path,
    keys: Path,
    database: str,
    checkpoints: tuple[Path, ...],
    trail_key: Path | None,
    identity: Path | None,
    without: tuple[Path, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Restore the data of BACKUP and the keys of --keys into the new folder HAVEN.

    What was taken back after the backup was made is taken back again: participants, parts of consents, disposed
    projects. How much of the trail is lost is told in numbers. With --identity this machine gets the address key and
    the trail's key; a worker's key of its own comes with  fivesafes vault rotate --worker.

    Every other copy of the keys that the haven knew must be within reach: the list there may be the only one that
    tells of a withdrawal. --without names one that was destroyed, or is the folder of --keys under its former name.

    Where the books name originals that the backup lacks, what is there is restored, and the exit code is 5.
    """
    from fivesafes.wiring.backup import restore_haven  # noqa: PLC0415 - loaded when called: help stays quick

    wish = evolve(_wish(backup, keys, checkpoints, trail_key, identity), without=without)
    with shown_progress(quiet=quiet) as progress:
        done = restore_haven(wish, to=haven, database=database, progress=progress)
    if as_json:
        emit_json(_as_told(done))
    else:
        for line in _in_words(done):
            click.echo(line)
        _list(done.objects_damaged)
    context.exit(PartlyDone.exit_code if done.objects_lost or done.objects_damaged else EXIT_OK)


def _as_told(done: "Restored") -> dict[str, object]:
    return {
        "haven": done.haven.id,
        "objects": len(done.manifest.objects),
        "lost": done.objects_lost,
        "damaged": list(done.objects_damaged),
        "kept_away": done.away.withdrawn,
        "narrowed": done.away.narrowed,
        "disposed": done.away.disposed,
        "withdrawals_of_newcomers": done.away.unknown,
        "trail": done.trail,
        "trail_seen": done.seen,
        "trail_lost": done.lost,
        "withdrawals_known": done.known,
        "withdrawals_told_at": done.told_at.isoformat(timespec="seconds"),
        "withdrawals_unknown": done.unknown,
        "keys_missing": done.keys_missing,
        "places_unread": list(done.places_unread),
    }


def _in_words(done: "Restored") -> Iterator[str]:
    yield f"restored {done.haven.path}: {len(done.manifest.objects)} objects, as of {done.manifest.made_at:{_DAY}} UTC"
    yield f"participants who withdrew since and were not brought back: {done.away.withdrawn}"
    yield f"partial withdrawals that were begun again: {done.away.narrowed}"
    yield f"projects that were disposed of since and are gone again: {done.away.disposed}"
    yield f"entries of the trail: {done.trail}; the most that anybody saw: {done.seen}; lost: {done.lost}"
    yield (
        f"withdrawals and disposals are known up to entry {done.known} (list beside the keys: {done.told_at:{_DAY}} "
        "UTC); of later ones nothing is known here"
    )
    if done.unknown:
        yield (
            f"WARNING: entries after that: {done.unknown} at least. Look through receipts and letters for withdrawals "
            "and disposals among them, and enter these again before anything else"
        )
    if done.away.unknown:
        yield (
            f"WARNING: withdrawals by people or in projects that came after this backup: {done.away.unknown}. The "
            "haven does not know them. tombstones.json beside the keys names them: enter each again (fivesafes consent "
            "withdraw PROJECT ID) when the person is known again, before anything else is done"
        )
    if done.keys_missing:
        yield f"WARNING: keys that the books name and this backup of keys lacks: {done.keys_missing}. Find a newer one"
    if done.objects_lost:
        yield (
            f"WARNING: originals that the books name and this backup lacks: {done.objects_lost}. Find them in another "
            "backup, or take the same scans in again (fivesafes ingest); fivesafes vault verify counts them"
        )
    if done.objects_damaged:
        yield f"WARNING: originals that were cut, by what the books say of their sizes: {len(done.objects_damaged)}"
    if done.places_unread:
        yield (
            f"WARNING: copies of the keys that were not read: {', '.join(done.places_unread)}. Who is told of there "
            "alone as withdrawn is back: where one turns up, run fivesafes backup keys FOLDER on it at once"
        )


@command.command("test")
@_restoring
@haven_option
@click.option("--sample", type=click.IntRange(min=1), default=200, show_default=True, help="Originals to open.")
@json_option
@click.pass_context
def test(  # noqa: PLR0913 - a command's options
    context: click.Context,
    *,
    backup: Path,
    haven: Path | None,
    keys: Path,
    database: str,
    checkpoints: tuple[Path, ...],
    trail_key: Path | None,
    identity: Path | None,
    sample: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Restore BACKUP where it vanishes again, open a sample of originals, and tell the trail how it went."""
    from fivesafes.wiring.backup import test_restore  # noqa: PLC0415 - loaded when called: help stays quick

    wish = _wish(backup, keys, checkpoints, trail_key, identity)
    with shown_progress(quiet=quiet) as progress:
        tested = test_restore(haven, wish, database=database, sample=sample, progress=progress)
    if as_json:
        counts = {"objects": tested.objects, "opened": tested.opened, "damaged": tested.damaged}
        emit_json({"equal": tested.equal, **counts, "why": tested.why})
    else:
        word = "restored and equal" if tested.equal else f"not equal: {tested.why or f'{tested.damaged} damaged'}"
        click.echo(f"{tested.opened} of {tested.objects} originals opened; {word}")
    context.exit(EXIT_OK if tested.equal else Refused.exit_code)


def _wish(
    backup: Path, keys: Path, checkpoints: tuple[Path, ...], trail_key: Path | None, identity: Path | None
) -> "Restoring":
    from fivesafes.wiring.backup import Restoring, read_notes  # noqa: PLC0415 - loaded when called: help stays quick

    return Restoring(backup=backup, keys=keys, notes=read_notes(checkpoints), trail_key=trail_key, identity=identity)
