"""What commands at a haven share: which haven, and the ways of its options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


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
