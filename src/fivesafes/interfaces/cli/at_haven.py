"""What commands at a haven share: which haven, and the ways of its options."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fivesafes.core.errors import FiveSafesError

if TYPE_CHECKING:
    from fivesafes.setting.trail.ports import WitnessSettings
    from fivesafes.wiring.haven import OpenHaven
    from fivesafes.wiring.trail import Delivery


@contextmanager
def tended(haven: Path | None) -> "Iterator[OpenHaven]":
    """Open a haven; when the work is done, hand what the trail says now to its witnesses.

    For everyday commands: a checkpoint is made each thousand entries or each hour.  A witness that can't be reached is
    told of and tried again by the next command; it never stops the work.
    """
    from fivesafes.wiring.trail import tend  # noqa: PLC0415 - help stays quick

    with _open_until_told(haven, tend) as opened:
        yield opened


@contextmanager
def witnessed(haven: Path | None) -> "Iterator[OpenHaven]":
    """Open a haven as ``tended`` does, for rare and weighty deeds: what was told goes to the witnesses at once."""
    from fivesafes.stores import trail  # noqa: PLC0415 - help stays quick
    from fivesafes.wiring.trail import make_checkpoint, tend  # noqa: PLC0415 - as above

    before = -1

    def hand_over(opened: "OpenHaven", witnesses: "Sequence[WitnessSettings]") -> "Sequence[Delivery]":
        if witnesses and trail.head().size != before:
            make_checkpoint(opened)
        return tend(opened, witnesses)

    with _open_until_told(haven, hand_over) as opened:
        before = trail.head().size
        yield opened


@contextmanager
def _open_until_told(
    haven: Path | None, hand_over: "Callable[[OpenHaven, Sequence[WitnessSettings]], Sequence[Delivery]]"
) -> "Iterator[OpenHaven]":
    """Open a haven, and hand over at the end, also when the command was refused halfway."""
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - help stays quick

    with opened_haven(haven) as opened:
        try:
            yield opened
        except (FiveSafesError, click.exceptions.Exit):
            _tell_witnesses(opened, hand_over)
            raise
        _tell_witnesses(opened, hand_over)


def _tell_witnesses(
    opened: "OpenHaven", hand_over: "Callable[[OpenHaven, Sequence[WitnessSettings]], Sequence[Delivery]]"
) -> None:
    """Hand over as well as it goes; what the command has done is done, whatever becomes of this."""
    from fivesafes.interfaces.forms.witnesses import read_witnesses  # noqa: PLC0415 - help stays quick

    if not (opened.keys / "trail.key").exists():
        return  # a machine that only takes scans in: the others sign
    try:
        for delivery in hand_over(opened, read_witnesses(opened.config.witnesses)):
            if delivery.why:
                click.echo(f"witness {delivery.name}: {delivery.why}", err=True)
    except FiveSafesError as fault:
        click.echo(f"no witness was told: {fault}", err=True)
    except Exception as fault:  # noqa: BLE001 - an engine of somebody else's may fail in any way
        click.echo(f"no witness was told ({type(fault).__name__}): fivesafes trail checkpoint tries again", err=True)


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
