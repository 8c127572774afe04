"""What commands at a haven share: which haven, and the ways of its options."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fivesafes.wiring.haven import OpenHaven


@contextmanager
def tended(haven: Path | None) -> "Iterator[OpenHaven]":
    """Open a haven; when the work is done, hand what the trail says now to its witnesses.

    A witness that can't be reached is told of and tried again by the next command; it never stops the work.
    """
    from fivesafes.interfaces.forms.witnesses import read_witnesses  # noqa: PLC0415 - help stays quick
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - as above
    from fivesafes.wiring.trail import tend  # noqa: PLC0415 - as above

    with opened_haven(haven) as opened:
        witnesses = read_witnesses(opened.config.witnesses)
        yield opened
        if not (opened.keys / "trail.key").exists():
            return  # a machine that only takes scans in: the others sign
        for delivery in tend(opened, witnesses):
            if delivery.why:
                click.echo(f"witness {delivery.name}: {delivery.why}", err=True)


def haven_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--haven DIR``."""
    return click.option(
        "--haven",
        type=click.Path(path_type=Path),
        help="The haven's folder (default: FIVESAFES_HAVEN, or the one around the present folder).",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")(command)


def workers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--workers``."""
    return click.option("--workers", type=click.IntRange(min=1), help="Processes at once (default: one per core).")(
        command
    )
