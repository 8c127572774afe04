"""``fivesafes init HAVEN``: a new haven."""

from pathlib import Path

import click

from fivesafes.core.errors import UsageMistake
from fivesafes.interfaces.cli.at_haven import json_option
from fivesafes.interfaces.cli.output import emit_json


@click.command()
@click.argument("haven", type=click.Path(path_type=Path))
@click.option(
    "--custodian",
    "custodians",
    multiple=True,
    metavar="NAME=RECIPIENT",
    help="Who can open what is sealed: a name and an age recipient (age1…); at least two.  None: keys are made.",
)
@click.option(
    "--database",
    default="sqlite",
    show_default=True,
    help="sqlite, or postgresql://user@host/name (the password stands in ~/.pgpass).",
)
@click.option("--store", default="vault", show_default=True, help="vault (inside the haven), or s3://bucket/prefix.")
@click.option("--tier", type=click.Choice(["none", "T0", "T1", "T2", "T3"]), default="none", show_default=True,
              help="What this place must meet by a fresh setting audit before anything leaves.")  # fmt: skip
@click.option("--no-worker", is_flag=True, help="This machine only takes scans in: no key here can open them.")
@click.option("--origin", default="", help="The haven's name in the trail's checkpoints.")
@click.option("--upgrade", is_flag=True, help="Bring the tables of the haven that is there to this version's shape.")
@click.option("--dry-run", is_flag=True, help="Check the place, the words and the names, and make nothing.")
@json_option
def command(  # noqa: PLR0913 - a command's options
    haven: Path,
    custodians: tuple[str, ...],
    database: str,
    store: str,
    tier: str,
    origin: str,
    *,
    no_worker: bool,
    upgrade: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a haven in the folder HAVEN: database, vault, keyring, trail."""
    from fivesafes.wiring.found import Founding, check_founding, found_haven, upgrade_haven  # noqa: PLC0415 - loaded when called: help stays quick

    if upgrade:
        click.echo(f"{upgrade_haven(haven)} steps were taken; the haven is of this version")
        return
    wish = Founding(
        path=haven.absolute(),
        database=database,
        store=store,
        tier=tier,
        origin=origin,
        custodians=_read(custodians),
        with_worker=not no_worker,
    )
    if dry_run:
        check_founding(wish)
        click.echo("it can be made so; nothing was made")
        return
    made = found_haven(wish)
    if as_json:
        emit_json({"haven": made.id, "keys": str(made.keys), "carry_away": [str(path) for path in made.to_carry_away]})
        return
    click.echo(f"made the haven {haven}")
    click.echo(f"keys of this machine: {made.keys}")
    if made.to_carry_away:
        click.echo("custodians' keys, to be carried away to two people and removed from this machine:")
        for path in made.to_carry_away:
            click.echo(f"  {path}")
        click.echo("who has one of them can open every original; when both are lost, nobody can")
    click.echo("next: name a witness for the trail in haven.toml, then  fivesafes project add STUDY.toml")


def _read(words: tuple[str, ...]) -> dict[str, str]:
    custodians: dict[str, str] = {}
    for word in words:
        name, separator, recipient = word.partition("=")
        if not separator or not name.strip() or name.strip() in custodians:
            message = "a custodian is written NAME=age1…, each name once"
            raise UsageMistake(message, fix="age-keygen -o KEYFILE prints the recipient of a new key")
        custodians[name.strip()] = recipient
    return custodians
