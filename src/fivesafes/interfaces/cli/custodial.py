"""What the commands of custodians share: whose key opens, who does it, what for, and whether it is a rehearsal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from fivesafes.core.errors import UsageMistake

PATH: Final = click.Path(path_type=Path)


def identity_option(*, needed: bool) -> Callable[..., Any]:
    """Add ``--identity``: a key is read from a file, and never stands on the command line."""
    return click.option(
        "--identity",
        type=PATH,
        required=needed,
        help="The age identity file of a custodian (mode 0600); it is read and not kept.",
    )


reason_option: Final = click.option(
    "--reason", required=True, help="What for; the trail keeps it.  No name of a participant belongs here."
)
by_option: Final = click.option(
    "--by", default="fivesafes vault", show_default=True, help="Who does it, for the trail."
)
dry_run_option: Final = click.option("--dry-run", is_flag=True, help="See whether it may be done, and change nothing.")
to_option: Final = click.option(
    "--to", type=PATH, required=True, help="A new folder on an encrypted disk, outside the haven."
)


def said(reason: str) -> str:
    """Give the reason as it stands in the trail.  Raises UsageMistake when nothing was said."""
    if not reason.strip():
        message = "the reason is empty"
        raise UsageMistake(message, fix="say in a few words what it is for")
    return reason.strip()
